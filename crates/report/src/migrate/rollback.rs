//! `migrate rollback` and `migrate adopt` in lines.

use pgsteward_model::migrate::rollback::{
    AdoptReport, Loss, RollbackOutcome, RollbackReport, Worth, Written,
};

use crate::text;

pub fn rollback_text(report: &RollbackReport, verbose: bool) -> String {
    let mut out = String::new();
    let database = &report.database;
    line(&mut out, 0, &format!("Database \"{}\" at {}", database.name, database.place));
    for note in &report.notes {
        line(&mut out, 0, note);
    }
    if report.steps.is_empty() {
        line(&mut out, 0, "No applied migration to roll back.");
        return out;
    }
    for step in &report.steps {
        let outcome = match step.outcome {
            RollbackOutcome::Planned if report.dry_run => "would be rolled back",
            RollbackOutcome::Planned => "not reached",
            RollbackOutcome::RolledBack => "rolled back",
            RollbackOutcome::Failed => "failed, nothing changed",
            RollbackOutcome::Interrupted => "stopped on its way",
        };
        line(&mut out, 0, &format!("{}  {outcome}  ({})", step.name, step.worth));
        if !step.atomic {
            line(&mut out, 2, "statement by statement: PostgreSQL allows no transaction around it");
        }
        losses(&mut out, "goes", &step.goes);
        losses(&mut out, "does not come back", &step.lost);
        if report.dry_run || verbose {
            for sql in &step.statements {
                for part in sql.lines() {
                    line(&mut out, 4, part);
                }
            }
        }
    }
    let done = report.steps.iter().filter(|step| step.outcome == RollbackOutcome::RolledBack).count();
    if done > 0 {
        let what = if done == 1 { "1 migration was" } else { &format!("{done} migrations were") };
        let (too, files) = match report.history_table.contains("_prisma_migrations") {
            true => (", for Prisma too", "folders"),
            false => ("", "files"),
        };
        line(
            &mut out,
            0,
            &format!(
                "{what} rolled back. They count as not applied now{too}: the next deploy applies them again unless their \
                 {files} are removed."
            ),
        );
    }
    out
}

pub fn adopt_text(report: &AdoptReport, dry_run: bool) -> String {
    let mut out = String::new();
    let mut counts = [0_usize; 5];
    for one in &report.migrations {
        let down = &one.down;
        counts[match &down.worth {
            Worth::Proven => 0,
            Worth::StructureProven => 1,
            Worth::Irreversible { .. } => 2,
            Worth::Unproven { .. } => 3,
            Worth::OverEmptyTables { .. } => 4,
        }] += 1;
        let whose = match one.statements {
            Written::Generated => "",
            Written::HandWritten => ", written by hand",
            Written::Kept => ", as before",
        };
        line(&mut out, 0, &format!("{}  {}{whose}", down.migration, down.worth.word()));
        if let Some(reason) = down.worth.reason() {
            line(&mut out, 2, reason);
        }
        losses(&mut out, "does not come back", &down.lost);
    }
    for note in &report.notes {
        line(&mut out, 0, &format!("note: {note}"));
    }
    let [proven, structure, irreversible, unproven, empty] = counts;
    let empty = match empty {
        0 => String::new(),
        empty => format!("{empty} over empty tables only, "),
    };
    let server = report.server.as_ref().map_or(String::new(), |server| format!(" on PostgreSQL {server}"));
    let written = if dry_run { "; no file was written" } else { "" };
    line(
        &mut out,
        0,
        &format!(
            "{proven} proven, {structure} with the structure proven and data lost, {empty}{irreversible} irreversible, \
             {unproven} unproven{server}{written}"
        ),
    );
    out
}

fn losses(out: &mut String, word: &str, losses: &[Loss]) {
    for loss in losses {
        line(out, 2, &format!("{word}: {} ({})", loss.what, loss.why));
    }
}

/// Names come from files and servers: no control character of theirs gets to a terminal.
fn line(out: &mut String, indent: usize, content: &str) {
    out.push_str(&" ".repeat(indent));
    out.push_str(&text::line(content));
    out.push('\n');
}
