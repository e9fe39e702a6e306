//! `migrate squash` in lines.

use pgsteward_model::migrate::squash::{DataStatement, SquashForm, SquashOutcome, SquashReport};

use crate::text;

/// More statements that write rows are counted.
const SHOWN: usize = 10;

pub fn squash_text(report: &SquashReport, verbose: bool) -> String {
    let mut out = String::new();
    for note in &report.notes {
        line(&mut out, 0, &format!("note: {note}"));
    }
    let joined = report.joined.len();
    let what = match report.outcome {
        SquashOutcome::Planned => "would join",
        SquashOutcome::Written | SquashOutcome::Finished => "joins",
        SquashOutcome::Cancelled => "was not written; it would join",
    };
    let range = match (report.joined.first(), report.joined.last()) {
        (Some(first), Some(last)) => format!(", {first} to {last}"),
        _ => String::new(),
    };
    line(&mut out, 0, &format!("{} {what} {joined} migrations{range}", report.file));
    match &report.form {
        Some(SquashForm::Schema) => {
            line(&mut out, 2, "it makes the schema that they made, and the rows that they left");
        }
        Some(SquashForm::Statements { reason }) => {
            line(&mut out, 2, &format!("it holds their statements as they are: {reason}"));
        }
        None => {}
    }
    for rows in &report.rows {
        let defaults = match rows.defaults.as_slice() {
            [] => String::new(),
            columns => format!("; {} gets its default", columns.join(", ")),
        };
        line(&mut out, 2, &format!("rows of \"{}\": {}{defaults}", rows.table, rows.rows));
    }
    data(&mut out, report);
    if let Some(server) = &report.server {
        line(&mut out, 2, &format!("proven on PostgreSQL {server}: schema, rows and sequences are the same"));
    }
    if verbose {
        for sql in report.sql.lines() {
            line(&mut out, 4, sql);
        }
    }
    if !report.left.is_empty() {
        line(&mut out, 0, &format!("{} migrations stay behind it", report.left.len()));
    }
    match report.outcome {
        SquashOutcome::Planned => line(&mut out, 0, "Nothing was written."),
        SquashOutcome::Written => line(&mut out, 0, &format!("The {joined} old ones are removed.")),
        SquashOutcome::Finished => {
            line(&mut out, 0, &format!("The {joined} old ones that were left are removed."));
        }
        SquashOutcome::Cancelled => return out,
    }
    line(&mut out, 0, "A database that has applied them keeps its rows and learns of the new one:");
    report.next.iter().for_each(|next| line(&mut out, 2, next));
    out
}

/// In the form of a schema they are gone, which must be said: only databases that are there have their effect.
fn data(out: &mut String, report: &SquashReport) {
    if report.form != Some(SquashForm::Schema) || report.data_statements.is_empty() {
        return;
    }
    let all = report.data_statements.len();
    line(
        out,
        2,
        &format!(
            "{all} statements that write rows are not repeated: in a new database they leave no more than that"
        ),
    );
    let told = |one: &DataStatement| format!("{} line {}: {}", one.migration, one.line, one.what);
    report.data_statements.iter().take(SHOWN).for_each(|one| line(out, 4, &told(one)));
    if all > SHOWN {
        line(out, 4, &format!("and {} more", all - SHOWN));
    }
}

/// Names come from files: no control character of theirs gets to a terminal.
fn line(out: &mut String, indent: usize, content: &str) {
    out.push_str(&" ".repeat(indent));
    out.push_str(&text::line(content));
    out.push('\n');
}
