//! What became of a file, as the report and the error say it, with the next step.

use pgsteward_model::migrate::deploy::{CheckOutcome, DataCheck, FileOutcome, FileRun, ServerMessages};
use pgsteward_model::migrate::said_by_server;
use pgsteward_model::migration::ServerError;
use pgsteward_pg::history::HistoryRow;

use crate::migrate::apply::{End, Ran, in_words};
use crate::migrate::error::MigrateError;
use crate::migrate::history::{PARTIAL, RUNNING};
use crate::migrate::project::MigrationFolder;
use crate::migrate::regime::{FilePlan, Planned};
use crate::migrate::{checks, messages};

pub(super) fn file_run(folder: &MigrationFolder, plan: &FilePlan, ran: &Ran) -> FileRun {
    let mut statements: Vec<_> = plan.statements.iter().map(Planned::run).collect();
    for (statement, time) in statements.iter_mut().zip(&ran.times) {
        statement.elapsed_ms = *time;
    }
    FileRun {
        name: folder.name.clone(),
        checksum: folder.checksum.clone(),
        outcome: match &ran.end {
            End::Applied => FileOutcome::Applied,
            End::Failed { .. } => FileOutcome::Failed,
            End::NotApplied { .. } => FileOutcome::NotApplied,
            End::Interrupted { .. } | End::Lost { .. } => FileOutcome::Interrupted,
        },
        regime: ran.regime,
        because: ran.because.clone(),
        attempts: ran.attempts,
        resumed_after: 0,
        statements,
        locks_held: ran.locks.clone(),
        checks: ran.checks.clone(),
        watched: None,
        server_messages: ServerMessages::default(),
        notes: ran.notes.clone(),
        elapsed_ms: 0.0,
    }
}

/// The error of a file whose data is in the way. Nothing of it ran.
pub(super) fn violated(folder: &MigrationFolder, checks: &[DataCheck]) -> Option<MigrateError> {
    let mut lines = Vec::new();
    for check in checks {
        if let CheckOutcome::Violated { rows, keys } = &check.outcome {
            lines.push(format!(
                "line {}: {rows} rows {}; for example {}",
                check.line,
                check.what,
                keys.join("; ")
            ));
        }
    }
    (!lines.is_empty()).then(|| {
        MigrateError::new(format!(
            "the data is in the way of the migration \"{}\", which would fail; nothing of it was run\n{}",
            folder.name,
            lines.join("\n")
        ))
        .with_hint(
            "correct these rows, or let the migration do it first; --no-data-checks runs it all the same",
        )
    })
}

/// The error of a file that takes away what somebody still names. Nothing of it ran.
pub(super) fn still_used(folder: &MigrationFolder, users: &[String]) -> Option<MigrateError> {
    (!users.is_empty()).then(|| {
        MigrateError::new(format!(
            "the migration \"{}\" waits until no query names what it takes away; nothing of it was run\n{}",
            folder.name,
            users.join("\n")
        ))
        .with_hint(
            "deploy the version of the application that names it no more, end the old one, then deploy again; \
             --unused-for 0 runs it without this look",
        )
    })
}

/// The sentence about a file that did not end well.
pub(super) fn outcome_error(folder: &MigrationFolder, plan: &FilePlan, ran: &Ran) -> Option<MigrateError> {
    let name = &folder.name;
    let place = |error: &ServerError, statement: Option<usize>| {
        messages::place_of(plan, statement, error)
            .map_or(String::new(), |(line, column)| format!(" at line {line}, column {column}"))
    };
    match &ran.end {
        End::Applied => None,
        End::Failed { error, statement, done } => {
            let message = messages::failed_migration(folder, plan, error, *statement);
            // What raises an error itself says what to do first.
            let own = error.hint.as_deref().filter(|_| error.sqlstate == "P0001");
            let hint = if *done == 0
                && let Some(own) = own
            {
                format!(
                    "nothing of it is in the database: {own}; then `pgsteward migrate resolve --rolled-back {name}` and deploy again"
                )
            } else if *done == 0 {
                format!(
                    "nothing of it is in the database: correct the file, then `pgsteward migrate resolve --rolled-back {name}` \
                     and deploy again"
                )
            } else {
                partial_hint(name, *done, plan.statements.get(*done).map(|next| next.line))
            };
            Some(MigrateError::coded("P3018", message).with_hint(hint))
        }
        End::NotApplied { error, statement } => Some(
            MigrateError::new(format!(
                "the migration \"{name}\" was not applied{}: {}; nothing of it is in the database",
                place(error, *statement),
                in_words(error)
            ))
            .with_hint(circumstance_hint(error)),
        ),
        End::Interrupted { error, statement, done } => Some(
            MigrateError::new(format!(
                "the migration \"{name}\" stopped after {done} of {} statements{}: {}",
                plan.statements.len(),
                place(error, *statement),
                in_words(error)
            ))
            .with_hint("run deploy again: it goes on behind the last statement that is done"),
        ),
        End::Lost { error, statement } => Some(
            MigrateError::coded(
                "P1017",
                format!(
                    "the connection broke while the migration \"{name}\" ran{}: {}",
                    place(error, *statement),
                    in_words(error)
                ),
            )
            .with_hint(
                "run deploy again: the history says what is in the database, and it goes on from there",
            ),
        ),
    }
}

fn partial_hint(name: &str, done: usize, next_line: Option<u32>) -> String {
    let next = next_line.map(|line| format!(" (the next one is in line {line})")).unwrap_or_default();
    format!(
        "{done} statements of it are applied{next}; `pgsteward migrate doctor` writes down both ways out: undo these and run `pgsteward migrate resolve --rolled-back \
         {name}`, or run the rest and then `pgsteward migrate resolve --applied {name}`"
    )
}

fn circumstance_hint(error: &ServerError) -> String {
    match error.sqlstate.as_str() {
        "55P03" => "another session holds a lock on the table: look at pg_locks, try again when it is less busy, or raise \
                    --lock-timeout or --lock-retries"
            .into(),
        "57014" => "the statement took longer than it may, or was cancelled: raise --statement-timeout if it needs the time"
            .into(),
        "25006" => "name the primary in the connection URL".into(),
        checks::VIOLATED => "correct the migration or the data that the check names, then deploy again".into(),
        code if code.starts_with("53") => "make room on the server, then run deploy again".into(),
        _ => "run deploy again".into(),
    }
}

/// P3009, with what is known of each failed migration.
pub(in crate::migrate) fn failed_migrations(
    failed: &[&HistoryRow],
    folders: &[MigrationFolder],
) -> MigrateError {
    let mut message = String::from(
        "migrate found failed migrations in the target database, new migrations will not be applied. Read more about how \
         to resolve migration issues in a production database: https://pris.ly/d/migrate-resolve",
    );
    let mut hint = None;
    for row in failed {
        message.push_str(&format!("\nThe `{}` migration started at {} UTC failed", row.name, row.started_at));
        let done = usize::try_from(row.applied_steps_count).unwrap_or(0);
        let logs = row.logs.as_deref().unwrap_or_default();
        let edited = folders
            .iter()
            .find(|folder| folder.name == row.name)
            .is_some_and(|folder| !folder.has_checksum(&row.checksum));
        if logs == RUNNING {
            message.push_str(&format!(": it was interrupted after {done} statements"));
            hint.get_or_insert(match edited {
                true => format!(
                    "the file was edited since, so it is not known where to go on: restore it and deploy again, or {}",
                    partial_hint(&row.name, done, None)
                ),
                false => partial_hint(&row.name, done, None),
            });
        } else if logs.contains(PARTIAL) {
            hint.get_or_insert(partial_hint(&row.name, done, None));
        }
        let (reason, said) = said_by_server(logs);
        if let Some(reason) = reason {
            let said = said.map_or(String::new(), |said| format!(" (hint: {said})"));
            message.push_str(&format!(" with: {reason}{said}"));
        }
    }
    let first = failed.first().map_or("NAME", |row| &row.name);
    MigrateError::coded("P3009", message).with_hint(hint.unwrap_or_else(|| {
        format!(
            "`pgsteward migrate doctor` finds out what of it is in the database. Nothing: `pgsteward migrate resolve --rolled-back {first}`, and deploy again; all of it: \
             `pgsteward migrate resolve --applied {first}`"
        )
    }))
}
