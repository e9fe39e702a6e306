//! `migrate plan` in lines: the verdict of each migration, its folders with what they lock, and the diff.

use pgsteward_model::migrate::plan::{PlanReport, PlanVerdict, PlannedMigration};

use super::deploy::plural;
use crate::text;

pub fn plan_text(report: &PlanReport) -> String {
    let mut out = String::new();
    if let Some(server) = &report.server {
        line(&mut out, 0, &format!("Tried on PostgreSQL {server}"));
    }
    for note in &report.notes {
        line(&mut out, 0, note);
    }
    for migration in &report.migrations {
        one(&mut out, migration, report.written);
    }
    let planned = report.migrations.iter().any(|one| one.verdict == PlanVerdict::Proven);
    if planned && !report.written {
        line(&mut out, 0, "Nothing was written: --write writes the migrations.");
    }
    out
}

fn one(out: &mut String, migration: &PlannedMigration, written: bool) {
    let verdict = match &migration.verdict {
        PlanVerdict::Unchanged if !migration.left.is_empty() => "stays as it is".to_owned(),
        PlanVerdict::Unchanged => "nothing to rewrite".to_owned(),
        PlanVerdict::Proven if written => {
            format!("written as {}, proven", plural(migration.folders.len(), "migration"))
        }
        PlanVerdict::Proven => format!("becomes {}, proven", plural(migration.folders.len(), "migration")),
        PlanVerdict::Refuted { reason } => format!("no plan holds: {reason}"),
        PlanVerdict::Refused { reason } => format!("must stay as it is: {reason}"),
    };
    line(out, 0, &format!("{}  {verdict}", migration.name));
    for folder in &migration.folders {
        line(out, 2, &folder.name);
        if let Some(after) = &folder.after {
            line(out, 4, &format!("deploy it when {after}"));
        }
        if folder.backfill.is_some() {
            line(out, 4, &format!("first: pgsteward migrate backfill {}", folder.name));
        }
        if let Some(down) = &folder.down {
            line(out, 4, &format!("way back: {down}"));
        }
        for lock in &folder.locks {
            let stops = match (lock.blocks_reads, lock.blocks_writes) {
                (true, _) => "stops readers and writers",
                (false, true) => "stops writers",
                (false, false) => "stops neither readers nor writers",
            };
            let time = super::duration(lock.micros as f64 / 1000.0);
            line(out, 4, &format!("{} on \"{}\": {stops}, {time} in the lab", lock.mode, lock.relation));
        }
    }
    for left in &migration.left {
        line(out, 2, &format!("remains: {left}"));
    }
    for note in &migration.notes {
        line(out, 2, note);
    }
    if !written && !migration.diff.is_empty() {
        out.push('\n');
        out.push_str(&text::lines(&migration.diff));
    }
}

/// Names come from files: no control character of theirs gets to a terminal.
fn line(out: &mut String, indent: usize, content: &str) {
    out.push_str(&" ".repeat(indent));
    out.push_str(&text::line(content));
    out.push('\n');
}
