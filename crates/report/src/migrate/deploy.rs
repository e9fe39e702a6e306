//! `migrate deploy` for people: what was applied, how, and what it did that others could feel.

use pgsteward_model::migrate::deploy::{
    CheckOutcome, DeployReport, FileOutcome, FileRegime, FileRun, Lock, StatementRun,
};

use super::duration;
use crate::text::line;

/// With `verbose` every statement is listed; without it those that locked or worked on older tables.
pub fn deploy_text(report: &DeployReport, verbose: bool) -> String {
    let database = &report.database;
    let mut out = format!(
        "PostgreSQL {} database \"{}\", schema \"{}\" at {} ({})\n",
        database.server_version,
        line(&database.name),
        line(&database.namespace),
        line(&database.place),
        line(&database.origin)
    );
    for made in &report.created {
        out.push_str(&format!("made {}\n", line(made)));
    }
    for note in &report.notes {
        out.push_str(&format!("note: {}\n", line(note)));
    }
    out.push_str(&format!("{} in the migrations folder\n", plural(report.found, "migration")));
    for name in &report.recorded {
        out.push_str(&format!(
            "recorded {} without running it: the database has all that it joins\n",
            line(name)
        ));
    }
    if report.waited_for_lock_ms >= 100 {
        out.push_str(&format!(
            "waited {} for the advisory lock\n",
            duration(report.waited_for_lock_ms as f64)
        ));
    }
    if report.files.is_empty() && report.failure.is_none() {
        out.push_str("\nNo pending migrations to apply.\n");
        return out;
    }
    if !report.files.is_empty() {
        out.push('\n');
    }
    for file in &report.files {
        push_file(&mut out, file, verbose);
    }
    let applied = report.applied().count();
    match &report.failure {
        None => out.push_str(&format!(
            "\nAll migrations have been successfully applied ({} in {}).\n",
            plural(applied, "migration"),
            duration(report.elapsed_ms as f64)
        )),
        Some(_) if report.files.is_empty() => {}
        Some(_) => {
            let left = match report.left.len() {
                0 => String::new(),
                left => format!(", {left} left untouched"),
            };
            out.push_str(&format!("\n{} applied{left}.\n", plural(applied, "migration")));
        }
    }
    out
}

fn push_file(out: &mut String, file: &FileRun, verbose: bool) {
    let mark = match file.outcome {
        FileOutcome::Applied => "applied",
        FileOutcome::Failed => "FAILED",
        FileOutcome::NotApplied => "NOT APPLIED",
        FileOutcome::Interrupted => "INTERRUPTED",
    };
    let regime = match (file.regime, &file.because) {
        (FileRegime::Atomic, _) => String::new(),
        (FileRegime::ByStatement, Some(because)) => format!(", statement by statement: {}", line(because)),
        (FileRegime::ByStatement, None) => ", statement by statement".to_owned(),
    };
    let attempts = match file.attempts {
        0 | 1 => String::new(),
        attempts => format!(", {attempts} attempts"),
    };
    out.push_str(&format!("{mark} {} ({}{attempts}{regime})\n", line(&file.name), duration(file.elapsed_ms)));
    if file.resumed_after > 0 {
        out.push_str(&format!(
            "  went on after {} that were done\n",
            plural(file.resumed_after, "statement")
        ));
    }
    for statement in &file.statements {
        let notable =
            !statement.work.is_empty() || statement.elapsed_ms.is_some_and(|elapsed| elapsed >= 1000.0);
        if verbose || notable {
            push_statement(out, statement, file.outcome);
        }
    }
    if verbose && !file.locks_held.is_empty() {
        out.push_str(&format!("  held at the end: {}\n", locks(&file.locks_held)));
    }
    for check in &file.checks {
        match &check.outcome {
            CheckOutcome::Passed if verbose => out.push_str(&format!("  no {}\n", line(&check.what))),
            CheckOutcome::Passed => {}
            CheckOutcome::Violated { rows, keys } => {
                let keys: Vec<String> = keys.iter().map(|key| line(key)).collect();
                out.push_str(&format!(
                    "  line {}: {} {}, for example {}\n",
                    check.line,
                    plural(usize::try_from(*rows).unwrap_or(usize::MAX), "row"),
                    line(&check.what),
                    keys.join("; ")
                ));
            }
            CheckOutcome::Unknown { why } => {
                out.push_str(&format!("  not checked: {}: {}\n", line(&check.what), line(why)));
            }
        }
    }
    if let Some(watched) = file.watched.as_ref().filter(|watched| verbose || watched.most_waiting > 0) {
        let lag = watched
            .largest_lag_bytes
            .map_or(String::new(), |lag| format!(", replication lag up to {lag} bytes"));
        out.push_str(&format!(
            "  meanwhile: up to {} waited, the longest {}{lag}\n",
            plural(watched.most_waiting as usize, "session"),
            duration(watched.longest_wait_ms as f64)
        ));
    }
    for warning in file.server_messages.warnings() {
        out.push_str(&format!("  warning: {}\n", line(&warning.message)));
        let more = warning.detail.iter().map(|text| ("detail", text));
        for (word, text) in more.chain(warning.hint.iter().map(|text| ("hint", text))) {
            out.push_str(&format!("    {word}: {}\n", line(text)));
        }
    }
    if file.server_messages.left_out > 0 {
        out.push_str(&format!(
            "  {} more messages of the server were left out\n",
            file.server_messages.left_out
        ));
    }
    for note in &file.notes {
        out.push_str(&format!("  note: {}\n", line(note)));
    }
}

fn push_statement(out: &mut String, statement: &StatementRun, outcome: FileOutcome) {
    let elapsed = match (statement.elapsed_ms, outcome) {
        (Some(elapsed), _) => format!(" ({})", duration(elapsed)),
        // It went together with others: only the time of all of them is known.
        (None, FileOutcome::Applied) => String::new(),
        (None, _) => " (not run)".to_owned(),
    };
    out.push_str(&format!("  line {}: {}{elapsed}\n", statement.line, line(&statement.text)));
    if !statement.predicted.is_empty() {
        out.push_str(&format!("    locks {}\n", locks(&statement.predicted)));
    }
    for work in &statement.work {
        out.push_str(&format!("    {}\n", line(work)));
    }
}

fn locks(locks: &[Lock]) -> String {
    let words: Vec<String> =
        locks.iter().map(|lock| format!("\"{}\" {}", line(&lock.relation), lock.mode)).collect();
    words.join(", ")
}

pub(super) fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
