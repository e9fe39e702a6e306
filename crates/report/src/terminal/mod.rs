//! The report for people at a terminal: what was reviewed, the fixes to do first, the findings with their
//! code, what could not be checked, and what to do next.

mod finding;
mod frame;
pub(crate) mod style;

use pgsteward_model::change::Safety;
use pgsteward_model::finding::Severity;
use pgsteward_model::review::Review;

use self::style::Paint;
use crate::{RenderOptions, fold, text, words};

/// How many fixes stand before the findings.
const FIRST_FIXES: usize = 3;

pub(crate) fn render(review: &Review, options: &RenderOptions) -> String {
    let groups = fold::groups(review);
    let mut parts = vec![head(review, options)];
    // With one or two findings the list of fixes would only repeat them.
    if review.findings.len() > 2 {
        parts.extend(first_fixes(review, options));
    }
    parts.extend(groups.iter().map(|group| finding::render_group(review, group, options)));
    parts.extend(gaps(review, options));
    parts.push(summary(review, options));
    parts.join("\n")
}

fn head(review: &Review, options: &RenderOptions) -> String {
    let paint = Paint::new(options);
    let width = options.columns();
    let title = text::shorten(&format!("pgsteward reviewed {}", root(review)), width);
    let mut out = format!("{}\n", paint.paint(style::BOLD, &title));
    let facts = words::reviewed(review);
    let joined = facts.join(" · ");
    let facts = if joined.chars().count() + 2 <= width { vec![joined] } else { facts };
    for line in facts.iter().flat_map(|fact| text::wrap(fact, width - 2)) {
        if !line.is_empty() {
            out.push_str(&format!("  {line}\n"));
        }
    }
    out
}

fn root(review: &Review) -> String {
    match review.root.as_str() {
        "" | "." | "./" => "this folder".into(),
        root => text::line(root),
    }
}

fn first_fixes(review: &Review, options: &RenderOptions) -> Option<String> {
    let fixes = fold::first_fixes(review, FIRST_FIXES);
    if fixes.is_empty() {
        return None;
    }
    let paint = Paint::new(options);
    let width = options.columns();
    let heading = if fixes.len() == 1 { "Fix this first, proven" } else { "Fix these first, each proven" };
    let mut out = format!("{}\n", paint.paint(style::BOLD, heading));
    for (at, proven) in fixes.iter().enumerate() {
        let finding = proven.first;
        let Some(fix) = words::offered_fix(finding) else { continue };
        let mut title = text::prose(&fix.title);
        if proven.count > 1 {
            title.push_str(&format!(", and {} like it", text::thousands(proven.count as u64 - 1)));
        }
        title.push_str(&format!(" ({})", fix.safety.word()));
        let word = finding.severity.word();
        let severity = paint.paint(style::of_severity(finding.severity), word);
        for (line_at, line) in text::wrap(&title, width - 14).iter().enumerate() {
            if line_at == 0 {
                out.push_str(&format!("  {}. {severity}{:2$}{line}\n", at + 1, "", 9 - word.len()));
            } else {
                out.push_str(&format!("{:14}{line}\n", ""));
            }
        }
        let command = match (fix.safety, proven.count) {
            (Safety::Safe, _) => words::check_command(review, &format!("--fix --select {}", finding.rule)),
            (_, 1) => words::fix_command(review, &finding.key),
            _ => words::fix_command(review, &format!("--rule {}", finding.rule)),
        };
        out.push_str(&format!("{:5}{}\n", "", paint.paint(style::CODE, &command)));
    }
    Some(out)
}

fn gaps(review: &Review, options: &RenderOptions) -> Option<String> {
    if review.gaps.is_empty() {
        return None;
    }
    let paint = Paint::new(options);
    let width = options.columns();
    let mut out = format!("{}\n", paint.paint(style::BOLD, "Not checked"));
    for gap in &review.gaps {
        let head = format!("{}: {}", text::prose(&gap.what), text::prose(&gap.why));
        for (at, line) in text::wrap(&head, width - 4).into_iter().enumerate() {
            out.push_str(&format!("{:1$}{line}\n", "", if at == 0 { 2 } else { 4 }));
        }
        let skipped: Vec<String> = gap.skipped_rules.iter().map(|rule| text::line(rule)).collect();
        for (label, text) in [("hint", text::prose(&gap.hint)), ("skipped", skipped.join(", "))] {
            if text.is_empty() {
                continue;
            }
            for (at, line) in text::wrap(&text, width - 13).into_iter().enumerate() {
                let label = if at == 0 { label } else { "" };
                out.push_str(&format!("    {label:9}{line}\n"));
            }
        }
    }
    Some(out)
}

fn summary(review: &Review, options: &RenderOptions) -> String {
    let paint = Paint::new(options);
    let width = options.columns();
    let counts = words::severities(review);
    let mut out = String::new();
    let mut tail = Vec::new();
    if review.allowed > 0 {
        tail.push(format!("{} allowed", text::thousands(review.allowed as u64)));
    }
    if review.baselined > 0 {
        tail.push(format!("{} in the baseline", text::thousands(review.baselined as u64)));
    }
    if !review.gaps.is_empty() {
        tail.push(text::count(review.gaps.len(), "gap"));
    }
    tail.push(text::micros(review.elapsed_ms.saturating_mul(1_000)));
    let head: Vec<String> = if counts.is_empty() {
        vec![paint.paint(style::GOOD, "nothing found")]
    } else {
        counts.iter().map(|(severity, words)| paint.paint(style::of_severity(*severity), words)).collect()
    };
    let plain: usize = counts.iter().map(|(_, words)| words.chars().count() + 3).sum();
    let tail_text = tail.join(" · ");
    let separator = if plain.max(13) + 3 + tail_text.chars().count() > width { "\n" } else { " · " };
    out.push_str(&format!("{}{separator}{tail_text}\n", head.join(" · ")));
    let next = next(review);
    if !next.is_empty() {
        // A command that leaves no room beside it has its words below and does not push the others away.
        let leaves_room = |command: &str| 2 + command.chars().count() + 2 + 30 <= width;
        let wide = next
            .iter()
            .map(|(command, _)| command)
            .filter(|command| leaves_room(command))
            .map(|command| command.chars().count())
            .max()
            .unwrap_or(0);
        out.push('\n');
        for (command, what) in next {
            let pad = " ".repeat(wide.saturating_sub(command.chars().count()));
            let fits = leaves_room(&command);
            let command = paint.paint(style::CODE, &command);
            if fits {
                out.push_str(&format!("  {command}{pad}  {}\n", paint.paint(style::DIM, what)));
            } else {
                out.push_str(&format!("  {command}\n      {}\n", paint.paint(style::DIM, what)));
            }
        }
    }
    out
}

/// The commands that help with what was found, each with what it does.
fn next(review: &Review) -> Vec<(String, &'static str)> {
    let mut out = Vec::new();
    let Some(first) = review.findings.first() else {
        if review.migrations > 0 && review.judged == 0 {
            let command = words::check_command(review, "--all-migrations");
            out.push((command, "judge the applied migrations too"));
        }
        return out;
    };
    out.push((format!("pgsteward explain {}", text::line(first.rule)), "why, and what is right"));
    let with_safety = |wanted: Safety| {
        review
            .findings
            .iter()
            .find(|finding| words::offered_fix(finding).is_some_and(|fix| fix.safety == wanted))
    };
    if with_safety(Safety::Safe).is_some() {
        out.push((words::check_command(review, "--fix"), "apply the safe fixes"));
    }
    if let Some(finding) = with_safety(Safety::Review) {
        out.push((
            words::fix_command(review, &format!("--rule {}", finding.rule)),
            "write edit and migration",
        ));
    }
    if review.findings.iter().any(|finding| finding.severity >= Severity::Warning) {
        out.push((words::check_command(review, "--write-baseline"), "report only what is new"));
    }
    out
}
