//! The review as a document: Analysis, Issues by severity, Recommendations, Implementation steps, Testing.
//! Fit for a comment on a pull request, so long lists fold and foreign text can neither format itself, nor
//! mention people, nor leave its code block.

mod escape;

use pgsteward_model::change::{Change, EditAction, FileEdit, Rollback, Safety, Step};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::proof::Verdict;
use pgsteward_model::review::Review;

pub(crate) use self::escape::fenced;
use self::escape::{cell, code, escape};
use crate::fold::{self, Group};
use crate::{hunk, text, transitions, words};

/// Rows of a list that stand outside its fold.
const OPEN_ROWS: usize = 5;

/// GitHub takes comments of up to 65,536 characters; some room is left for what others put around it.
const MOST_CHARACTERS: usize = 60_000;

/// How much of a long review is written out; what is beyond is counted.
#[derive(Clone, Copy)]
struct Limits {
    /// Rows inside of a list's fold.
    folded_rows: usize,
    /// Findings of one rule whose fix is shown with code: the first openly, the next in a fold. The others
    /// need the same.
    fixes: usize,
    /// Rules with a recommendation, most severe first.
    rules: usize,
}

/// From generous to terse; the first that fits is taken.
const LIMITS: [Limits; 4] = [
    Limits { folded_rows: 200, fixes: 3, rules: usize::MAX },
    Limits { folded_rows: 20, fixes: 1, rules: usize::MAX },
    Limits { folded_rows: 0, fixes: 1, rules: 20 },
    Limits { folded_rows: 0, fixes: 1, rules: 5 },
];

pub(crate) fn render(review: &Review) -> String {
    let mut out = String::new();
    for limits in LIMITS {
        out = render_within(review, limits);
        if out.chars().count() <= MOST_CHARACTERS {
            break;
        }
    }
    out
}

fn render_within(review: &Review, limits: Limits) -> String {
    let groups = fold::groups(review);
    let mut out = String::from("# Database review\n\n");
    analysis(review, &mut out);
    if review.findings.is_empty() {
        return out;
    }
    issues(review, &groups, limits, &mut out);
    recommendations(review, &groups, limits, &mut out);
    implementation(review, &groups, &mut out);
    testing(review, &groups, &mut out);
    out
}

fn analysis(review: &Review, out: &mut String) {
    out.push_str("## Analysis\n\n");
    let counts: Vec<String> = words::severities(review).into_iter().map(|(_, words)| words).collect();
    let counts = if counts.is_empty() {
        "Nothing was found.".to_owned()
    } else {
        format!("Found: {}.", text::and(&counts))
    };
    out.push_str(&format!("Reviewed {}", code(&review.root)));
    let reviewed = words::reviewed(review);
    if !reviewed.is_empty() {
        out.push_str(&format!(": {}", escape(&reviewed.join(", "))));
    }
    out.push_str(&format!(". {counts}"));
    if review.allowed + review.baselined > 0 {
        out.push_str(&format!(
            " {} allowed and {} in the baseline are left out.",
            text::thousands(review.allowed as u64),
            text::thousands(review.baselined as u64)
        ));
    }
    out.push_str("\n\n");
    let fixes = fold::first_fixes(review, 3);
    if !fixes.is_empty() {
        out.push_str("Most valuable fixes, each proven on a real server or on the files:\n\n");
        for (at, proven) in fixes.iter().enumerate() {
            let Some(fix) = words::offered_fix(proven.first) else { continue };
            let like = match proven.count {
                1 => String::new(),
                count => format!(", and {} like it", text::thousands(count as u64 - 1)),
            };
            out.push_str(&format!(
                "{}. {}{like} ({}, {})\n",
                at + 1,
                escape(&text::prose(&fix.title)),
                code(proven.first.rule),
                fix.safety.word()
            ));
        }
        out.push('\n');
    }
    if !review.gaps.is_empty() {
        out.push_str("Not checked:\n\n");
        for gap in &review.gaps {
            out.push_str(&format!("- **{}**: {}", escape(&gap.what), escape(&text::prose(&gap.why))));
            if !gap.hint.is_empty() {
                out.push_str(&format!(" Next step: {}.", escape(&text::prose(&gap.hint))));
            }
            if !gap.skipped_rules.is_empty() {
                let rules: Vec<String> = gap.skipped_rules.iter().map(|rule| code(rule)).collect();
                out.push_str(&format!(" Skipped: {}.", rules.join(", ")));
            }
            out.push('\n');
        }
        out.push('\n');
    }
}

fn issues(review: &Review, groups: &[Group<'_>], limits: Limits, out: &mut String) {
    out.push_str("## Issues by severity\n\n");
    for severity in [Severity::Error, Severity::Warning, Severity::Info] {
        let of_severity: Vec<&Group<'_>> = groups.iter().filter(|group| group.severity == severity).collect();
        if of_severity.is_empty() {
            continue;
        }
        let heading = match severity {
            Severity::Error => "Errors",
            Severity::Warning => "Warnings",
            Severity::Info => "Info",
        };
        out.push_str(&format!("### {heading} ({})\n\n", text::thousands(review.count(severity) as u64)));
        for group in of_severity {
            issue(review, group, limits, out);
        }
    }
}

fn issue(review: &Review, group: &Group<'_>, limits: Limits, out: &mut String) {
    out.push_str(&format!("{}: {}\n\n", code(group.rule), group.extent()));
    let row = |finding: &&Finding| {
        let place = words::place(review, &finding.at).unwrap_or_default();
        let message = cell(&escape(&text::prose(&finding.message)));
        format!("| {} | {message} | {} |\n", cell(&code(&place)), cell(&code(&finding.key)))
    };
    let table = |rows: &[&Finding]| {
        let rows: String = rows.iter().map(row).collect();
        format!("| Where | What | Key |\n| --- | --- | --- |\n{rows}\n")
    };
    let (open, folded) = group.findings.split_at(OPEN_ROWS.min(group.findings.len()));
    out.push_str(&table(open));
    if folded.is_empty() {
        return;
    }
    let shown = &folded[..limits.folded_rows.min(folded.len())];
    if shown.is_empty() {
        out.push_str(&format!("… and {} more\n\n", text::thousands(folded.len() as u64)));
        return;
    }
    let more = folded.len() - shown.len();
    let body = table(shown);
    let more =
        if more > 0 { format!("… and {} more\n\n", text::thousands(more as u64)) } else { String::new() };
    out.push_str(&format!(
        "<details>\n<summary>{} more</summary>\n\n{body}{more}</details>\n\n",
        text::thousands(folded.len() as u64)
    ));
}

fn recommendations(review: &Review, groups: &[Group<'_>], limits: Limits, out: &mut String) {
    out.push_str("## Recommendations\n\n");
    for group in groups.iter().take(limits.rules) {
        let first = group.findings[0];
        out.push_str(&format!("### {} ({})\n\n", code(group.rule), group.severity.word()));
        if let Some(rule) = review.rule(group.rule) {
            // The page is our own Markdown.
            out.push_str(&format!("**Why:** {}\n\n", rule.summary()));
        }
        let evidence: Vec<String> = first
            .evidence
            .iter()
            .filter(|one| !matches!(one, Evidence::Sql { .. } | Evidence::Transitions { .. }))
            .map(|one| escape(&words::evidence(one)))
            .collect();
        let mut impact = escape(&text::prose(&first.detail));
        if !evidence.is_empty() {
            let evidence = evidence.join("; ");
            impact = if impact.is_empty() { evidence } else { format!("{impact} ({evidence})") };
        }
        if !impact.is_empty() {
            out.push_str(&format!("**Impact:** {impact}\n\n"));
        }
        for evidence in &first.evidence {
            match evidence {
                Evidence::Sql { sql } => out.push_str(&fenced("sql", sql)),
                Evidence::Transitions { allowed, .. } => {
                    out.push_str(&fenced("mermaid", &transitions::mermaid(&[], allowed)));
                }
                _ => {}
            }
        }
        if !first.hint.is_empty() {
            out.push_str(&format!("**Hint:** {}\n\n", escape(&text::prose(&first.hint))));
        }
        let with_more: Vec<&&Finding> = group
            .findings
            .iter()
            .filter(|finding| words::offered_fix(finding).is_some() || finding.proof.is_some())
            .collect();
        let shown = &with_more[..limits.fixes.min(with_more.len())];
        if let Some((first, next)) = shown.split_first() {
            fix(review, first, out);
            if !next.is_empty() {
                let next_fixes = text::count(next.len(), "more fix");
                out.push_str(&format!("<details>\n<summary>{next_fixes} of this rule</summary>\n\n"));
                next.iter().for_each(|finding| fix(review, finding, out));
                out.push_str("</details>\n\n");
            }
        }
        if with_more.len() > limits.fixes {
            out.push_str(&format!(
                "The other {} get the same: {}.\n\n",
                text::count(with_more.len() - limits.fixes, "finding"),
                code(&words::fix_command(review, &format!("--rule {}", group.rule)))
            ));
        }
    }
    if groups.len() > limits.rules {
        out.push_str(&format!(
            "{} left out here; {} shows all.\n\n",
            text::count(groups.len() - limits.rules, "more rule"),
            code(&words::check_command(review, ""))
        ));
    }
}

fn fix(review: &Review, finding: &Finding, out: &mut String) {
    if let Some(fix) = words::offered_fix(finding) {
        out.push_str(&format!("**Fix:** {} ({})\n\n", escape(&text::prose(&fix.title)), fix.safety.word()));
        let Change { steps: forward, rollback } = &fix.change;
        steps(review, forward, out);
        match rollback {
            Rollback::Steps(back) => {
                out.push_str("**Rollback:**\n\n");
                steps_back(review, back, out);
            }
            Rollback::Impossible { reason } => {
                out.push_str(&format!("**Rollback:** impossible: {}\n\n", escape(&text::prose(reason))));
            }
        }
    }
    if let Some(proof) = &finding.proof {
        out.push_str(&format!("**Proof:** {}\n\n", escape(&words::proof(proof))));
    }
}

/// Neighbouring statements share a block.
fn steps(review: &Review, steps: &[Step], out: &mut String) {
    let mut sql = String::new();
    for step in steps {
        if let Step::Sql(step) = step {
            if !sql.is_empty() {
                sql.push('\n');
            }
            sql.push_str(&format!("{};", step.sql));
            continue;
        }
        if !sql.is_empty() {
            out.push_str(&fenced("sql", &std::mem::take(&mut sql)));
        }
        match step {
            Step::Edit(edit) => out.push_str(&diff(review, edit)),
            other => out.push_str(&format!("{}.\n\n", escape(&capital(&words::step(review, other))))),
        }
    }
    if !sql.is_empty() {
        out.push_str(&fenced("sql", &sql));
    }
}

/// A rollback undoes edits as a whole: their lines were shown already.
fn steps_back(review: &Review, back: &[Step], out: &mut String) {
    for run in back.chunk_by(|one, next| matches!((one, next), (Step::Sql(_), Step::Sql(_)))) {
        match run {
            [Step::Edit(edit)] if matches!(edit.action, EditAction::Replace(_)) => {
                out.push_str(&format!("Undo the edit of {}.\n\n", code(&words::path(review, &edit.file))));
            }
            run => steps(review, run, out),
        }
    }
}

fn diff(review: &Review, edit: &FileEdit) -> String {
    let path = words::path(review, &edit.file);
    let mut body = String::new();
    let mut side = |sign: &str, lines: &[&str]| {
        for line in lines {
            body.push_str(&format!("{sign}{line}\n"));
        }
    };
    match &edit.action {
        EditAction::Delete => return format!("Delete {}.\n\n", code(&path)),
        EditAction::Create(text) => {
            side("+", &text.lines().collect::<Vec<_>>());
            return format!("Create {}:\n\n{}", code(&path), fenced("diff", &body));
        }
        EditAction::Replace(_) => {
            let Some(hunks) = hunk::of_edit(edit, &review.sources) else {
                return format!("Edit {}.\n\n", code(&path));
            };
            for hunk in &hunks {
                let (before, after) = hunk::changed_lines(hunk);
                side("-", &before);
                side("+", &after);
            }
        }
    }
    format!("Edit {}:\n\n{}", code(&path), fenced("diff", &body))
}

/// A step begins a sentence here.
fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or(String::new(), |first| first.to_uppercase().chain(characters).collect())
}

fn implementation(review: &Review, groups: &[Group<'_>], out: &mut String) {
    out.push_str("## Implementation steps\n\n");
    let has = |group: &Group<'_>, safety: Safety| {
        group.findings.iter().filter(|finding| fix_of_safety(finding, safety)).count()
    };
    let mut number = 0;
    let mut item = |text: String| {
        number += 1;
        out.push_str(&format!("{number}. {text}\n"));
    };
    let safe: usize = groups.iter().map(|group| has(group, Safety::Safe)).sum();
    if safe > 0 {
        let command = code(&words::check_command(review, "--fix"));
        item(format!("Apply {} to the files: {command}", text::count(safe, "safe fix")));
    }
    for group in groups {
        let online = has(group, Safety::Review);
        if online > 0 {
            item(format!(
                "Write the schema edit and the migration for {} of {}, and deploy it: {}",
                text::count(online, "finding"),
                code(group.rule),
                code(&words::fix_command(review, &format!("--rule {}", group.rule)))
            ));
        }
    }
    for group in groups {
        let rest = group.findings.len() - has(group, Safety::Safe) - has(group, Safety::Review);
        if rest > 0 {
            item(format!(
                "Decide on {} of {}: {}",
                text::count(rest, "finding"),
                code(group.rule),
                code(&format!("pgsteward explain {}", group.rule))
            ));
        }
    }
    out.push('\n');
}

fn fix_of_safety(finding: &Finding, safety: Safety) -> bool {
    words::offered_fix(finding).is_some_and(|fix| fix.safety == safety)
}

fn testing(review: &Review, groups: &[Group<'_>], out: &mut String) {
    out.push_str("## Testing\n\n");
    let findings = || groups.iter().flat_map(|group| &group.findings);
    let of = |wanted: fn(&Verdict) -> bool| {
        findings().filter(|it| it.proof.as_ref().is_some_and(|proof| wanted(&proof.verdict))).count()
    };
    let proven = of(|verdict| matches!(verdict, Verdict::Proven));
    let refuted = of(|verdict| matches!(verdict, Verdict::Refuted { .. }));
    let unprovable = of(|verdict| matches!(verdict, Verdict::Unprovable { .. }));
    let untried =
        findings().filter(|finding| finding.proof.is_none() && words::offered_fix(finding).is_some()).count();
    let mut item = |count: usize, what: &str| {
        if count > 0 {
            out.push_str(&format!("- {} {what}\n", text::thousands(count as u64)));
        }
    };
    item(proven, "of the fixes proven: tried, and the finding gone");
    item(refuted, "refuted: tried, and withdrawn for the reason above");
    item(unprovable, "could not be proven here: test them before deploying");
    item(untried, "not tried: test them before deploying");
    out.push_str(&format!(
        "- After the changes, run {}; the findings above must be gone\n",
        code(&words::check_command(review, ""))
    ));
}
