//! `output`, `diff` and `proof` blocks of a page: what people will see, kept true by the test and rewritten with
//! `UPDATE=1`.

use pgsteward_model::change::{EditAction, Rollback, Step, TextEdit};
use pgsteward_model::finding::Finding;
use pgsteward_model::proof::Observation;

use super::parse::Case;

/// The block's text as it should be, for each `output`, `diff` or `proof` block of a case: its line and its text.
pub fn wanted(case: &Case, findings: &[Finding]) -> Vec<(usize, String)> {
    case.blocks
        .iter()
        .filter_map(|block| {
            let text = match block.language.as_str() {
                "output" => findings.iter().map(output).collect::<Vec<_>>().join("\n"),
                "proof" => findings.iter().map(proof).collect::<Vec<_>>().join("\n"),
                "diff" => findings.iter().map(|finding| diff(case, finding)).collect::<Vec<_>>().join("\n"),
                _ => return None,
            };
            Some((block.line, text))
        })
        .collect()
}

/// The blocks that say something else now.
pub fn stale(case: &Case, findings: &[Finding]) -> Vec<(usize, String)> {
    let wanted = wanted(case, findings);
    wanted
        .into_iter()
        .filter(|(line, text)| case.blocks.iter().any(|block| block.line == *line && block.text != *text))
        .collect()
}

/// The page with the blocks at these lines replaced.
pub fn rewrite(page: &str, replacements: &[(usize, String)]) -> String {
    let mut out = String::new();
    let mut lines = page.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        out.push_str(line);
        out.push('\n');
        let Some((_, text)) = replacements.iter().find(|(at, _)| *at == index + 1) else { continue };
        out.push_str(text);
        for (_, line) in lines.by_ref() {
            if line.trim_end() == "```" {
                out.push_str("```\n");
                break;
            }
        }
    }
    out
}

fn output(finding: &Finding) -> String {
    let mut text = format!(
        "{}[{}]: {}\n{}\nhint: {}\n",
        finding.severity.word(),
        finding.rule,
        finding.message,
        finding.detail,
        finding.hint
    );
    let Some(fix) = &finding.fix else { return text };
    text.push_str(&format!("fix ({}): {}\n", fix.safety.word(), fix.title));
    for step in &fix.change.steps {
        match step {
            Step::Sql(step) => text.push_str(&format!("  {};\n", step.sql.replace('\n', "\n  "))),
            Step::Edit(edit) => text.push_str(&format!("  edit {}\n", edit.file)),
            Step::Wait { until } => text.push_str(&format!("  wait until {until}\n")),
            Step::Prisma(_) => {}
        }
    }
    match &fix.change.rollback {
        Rollback::Impossible { reason } => text.push_str(&format!("no rollback: {reason}\n")),
        Rollback::Steps(steps) => {
            for step in steps {
                if let Step::Sql(step) = step {
                    text.push_str(&format!("rollback: {};\n", step.sql.replace('\n', "\n  ")));
                }
            }
        }
    }
    text
}

/// The lines of the case's files that the fix takes away and brings, from the first that differs to the last.
fn diff(case: &Case, finding: &Finding) -> String {
    let mut out = String::new();
    for step in finding.fix.iter().flat_map(|fix| &fix.change.steps) {
        let Step::Edit(edit) = step else { continue };
        let EditAction::Replace(edits) = &edit.action else { continue };
        let before =
            case.blocks.iter().find(|block| block.path() == Some(&*edit.file)).map(|block| &block.text);
        let Some((before, after)) =
            before.and_then(|before| Some((before.as_str(), TextEdit::apply_all(before, edits)?)))
        else {
            continue;
        };
        let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
        let first = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
        let room = old.len().min(new.len()) - first;
        let same =
            old.iter().rev().zip(new.iter().rev()).take(room).take_while(|(old, new)| old == new).count();
        out.push_str(&format!("{}\n", edit.file));
        old[first..old.len() - same].iter().for_each(|line| out.push_str(&format!("-{line}\n")));
        new[first..new.len() - same].iter().for_each(|line| out.push_str(&format!("+{line}\n")));
    }
    out
}

/// What the lab saw, without times.
fn proof(finding: &Finding) -> String {
    let Some(proof) = &finding.proof else { return String::new() };
    let mut text = format!("{}: {}\n", proof.verdict.word(), proof.subject);
    for observation in &proof.observations {
        let line = match observation {
            Observation::Applied { sql, .. } => format!("ran {}", sql.lines().next().unwrap_or("")),
            Observation::Lock { relation, mode, .. } => format!("held {mode} on {relation}"),
            Observation::Rewrite { relation, .. } => format!("rewrote {relation}"),
            Observation::FindingGone => "the finding is gone".into(),
            Observation::RolledBack { .. } => "the rollback restored the catalog".into(),
            Observation::AppliedAgain => "it ran again after the rollback".into(),
            Observation::SameCatalog => "the catalog is the one that the original makes".into(),
            Observation::FileParses { file } => format!("{file} still parses"),
            Observation::Ran(run) => {
                format!("{}: {} of {} rows, {}", run.what, run.rows_returned, run.rows_fetched, run.plan)
            }
            Observation::SameRows { rows } => format!("before and after the same {rows} rows"),
            Observation::Attacked { what, refused: Some(error), .. } => {
                format!("{what}: refused, {} {}", error.sqlstate, error.message)
            }
            Observation::Attacked { what, refused: None, rows, .. } => format!("{what}: {rows} rows changed"),
            Observation::Deadlocked { error, .. } => format!("deadlock: {}", error.message),
            other => format!("{other:?}"),
        };
        text.push_str(&format!("  {line}\n"));
    }
    text
}
