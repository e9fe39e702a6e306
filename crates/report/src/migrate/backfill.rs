//! `migrate backfill` in lines.

use pgsteward_model::migrate::backfill::{BackfillOutcome, BackfillReport};

use crate::text;

pub fn backfill_text(report: &BackfillReport) -> String {
    let mut out = String::new();
    line(&mut out, &format!("Database \"{}\" at {}", report.database.name, report.database.place));
    for note in &report.notes {
        line(&mut out, note);
    }
    for part in report.statement.lines().filter(|part| !part.starts_with("--")) {
        line(&mut out, &format!("  {part}"));
    }
    let (read, changed) = (text::thousands(report.rows_read), text::thousands(report.rows_changed));
    let batches = match report.batches {
        1 => "1 batch".to_owned(),
        number => format!("{} batches", text::thousands(number)),
    };
    let key: Vec<String> = report.key.iter().map(|name| format!("\"{name}\"")).collect();
    match report.outcome {
        BackfillOutcome::Planned => {
            let rows = report.estimated_rows.map_or("an unknown number of".to_owned(), text::thousands);
            line(
                &mut out,
                &format!("In batches by {} over about {rows} rows; nothing was run.", key.join(", ")),
            );
            if report.resumed {
                line(&mut out, &format!("It would go on after {read} rows."));
            }
            match &report.first_batch {
                Some(sql) => line(&mut out, &format!("The first batch: {sql}")),
                None => line(&mut out, "No row is left."),
            }
        }
        BackfillOutcome::Finished => {
            let resumed = if report.resumed { ", going on where an earlier run stopped" } else { "" };
            line(&mut out, &format!("Finished: {read} rows read, {changed} changed, {batches}{resumed}."));
            if report.retried > 0 || report.waited_for > 0 {
                line(
                    &mut out,
                    &format!(
                        "It gave way: {} tried again for locks, {} that others waited for.",
                        report.retried, report.waited_for
                    ),
                );
            }
        }
        BackfillOutcome::WasFinished => {
            line(
                &mut out,
                &format!("Finished before: {read} rows read, {changed} changed; nothing was run."),
            );
        }
    }
    if report.rows_left == Some(true) && report.outcome != BackfillOutcome::Planned {
        line(&mut out, "Rows still match WHERE: they came or changed meanwhile. --again begins anew.");
    }
    out
}

/// Names come from files: no control character of theirs gets to a terminal.
fn line(out: &mut String, content: &str) {
    out.push_str(&text::line(content));
    out.push('\n');
}
