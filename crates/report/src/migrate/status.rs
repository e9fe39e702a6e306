//! `migrate status` for people: what is wrong first, in the order of the exit codes.

use pgsteward_model::migrate::status::{StatusReport, TargetStanding};
use pgsteward_model::migrate::{MigrationState, Standing, said_by_server};

use super::deploy::plural;
use crate::text::line;

pub fn status_text(report: &StatusReport) -> String {
    let database = &report.database;
    let mut out = format!(
        "PostgreSQL {} database \"{}\", schema \"{}\" at {} ({})\n",
        database.server_version,
        line(&database.name),
        line(&database.namespace),
        line(&database.place),
        line(&database.origin)
    );
    let on_disk = report.migrations.iter().filter(|one| {
        !one.missing_on_disk && one.joined_by.is_none() && one.state != MigrationState::RolledBack
    });
    out.push_str(&format!("{} found in the migrations folder\n", plural(on_disk.count(), "migration")));
    for note in &report.notes {
        out.push_str(&format!("note: {}\n", line(note)));
    }
    if !report.initialised && !report.migrations.is_empty() {
        out.push_str(&format!(
            "\nThe database has no history of migrations ({} is not there).\n",
            line(&report.history_table)
        ));
    }
    let names = |wanted: &dyn Fn(&Standing) -> bool| -> Vec<String> {
        report.migrations.iter().filter(|one| wanted(one)).map(|one| line(&one.name)).collect()
    };
    let pending = names(&|one| one.state == MigrationState::Pending);
    section(&mut out, "not yet applied", "apply them with `pgsteward migrate deploy`", &pending);
    let failed: Vec<String> = report
        .migrations
        .iter()
        .filter(|one| one.state == MigrationState::Failed)
        .map(|one| {
            let started = one.started_at.as_deref().unwrap_or("?");
            let done = match one.statements_done {
                0 => String::new(),
                done => format!(", {done} statements of it are applied"),
            };
            let (error, hint) = said_by_server(one.logs.as_deref().unwrap_or_default());
            let error = error.map_or(String::new(), |error| format!(": ERROR: {}", line(error)));
            let hint = hint.map_or(String::new(), |hint| format!(" (hint: {})", line(hint)));
            format!("{} (started at {} UTC{done}){error}{hint}", line(&one.name), line(started))
        })
        .collect();
    section(
        &mut out,
        "failed",
        "`pgsteward migrate doctor` finds out what of them is in the database, and what to run",
        &failed,
    );
    if let Some(diverged) = &report.diverged {
        let last = diverged.last_common.as_deref().map_or("none".to_owned(), line);
        out.push_str(&format!(
            "\nThe histories of the folder and of the database diverge. Last common migration: {last}\n"
        ));
    }
    section(
        &mut out,
        "edited after they were applied",
        "bring the applied text back from version control; write what is new as a migration of its own",
        &names(&|one| one.edited),
    );
    section(
        &mut out,
        "in the database and missing in the migrations folder",
        "bring the folders back from version control, or find out who deployed them",
        &names(&|one| one.missing_on_disk),
    );
    if let Some(drift) = &report.drift {
        let drift: Vec<String> = drift.iter().map(|step| line(step)).collect();
        section(
            &mut out,
            "differences between the database and its history (drift)",
            "write them as a migration, or undo what was done by hand",
            &drift,
        );
    }
    let lines = |texts: &[String]| texts.iter().map(|text| line(text)).collect::<Vec<_>>();
    section(
        &mut out,
        "invalid indexes, left by failed concurrent builds",
        "REINDEX INDEX CONCURRENTLY them, or drop and build them again",
        &lines(&report.invalid_indexes),
    );
    section(
        &mut out,
        "constraints that are NOT VALID",
        "ALTER TABLE … VALIDATE CONSTRAINT when there is little traffic",
        &lines(&report.not_valid),
    );
    if let Some(target) = &report.target {
        against(&mut out, target);
    }
    if report.classes.is_empty() {
        out.push_str("\nDatabase schema is up to date!\n");
    }
    out
}

fn against(out: &mut String, target: &TargetStanding) {
    let before = line(&target.before);
    let lines = |texts: &[String]| texts.iter().map(|text| line(text)).collect::<Vec<_>>();
    section(
        out,
        &format!("passed on \"{before}\" and not yet here"),
        &format!("apply them with `pgsteward migrate deploy --target {}`", line(&target.target)),
        &lines(&target.only_there),
    );
    section(
        out,
        &format!("applied here and not on \"{before}\""),
        &format!("deploy them there too: `pgsteward migrate deploy --target {before}`"),
        &lines(&target.only_here),
    );
    section(
        out,
        &format!("applied here and on \"{before}\" with different texts"),
        "find out which text is right, and write what the other lacks as a migration",
        &lines(&target.other_text),
    );
    match &target.drift {
        Some(drift) if drift.is_empty() => out.push_str(&format!("\nThe schema is that of \"{before}\".\n")),
        Some(drift) => section(
            out,
            &format!("differences between \"{before}\" (before) and here (after)"),
            "write them as a migration, or undo what was done by hand",
            &lines(drift),
        ),
        None => out.push_str(&format!(
            "\nThe schemas are not compared while the histories of \"{before}\" and here differ.\n"
        )),
    }
}

fn section(out: &mut String, what: &str, hint: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    out.push_str(&format!("\n{} {what}:\n", lines.len()));
    for text in lines {
        out.push_str(&format!("  {text}\n"));
    }
    out.push_str(&format!("  hint: {hint}\n"));
}
