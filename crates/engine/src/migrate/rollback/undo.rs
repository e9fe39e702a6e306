//! `migrate rollback`: undoes what was applied last, on the user's database.
//!
//! The statements and the row of the history are one transaction: after a crash there are both or neither. What
//! cannot be one transaction says so in its row first, so that the history claims neither that the migration is
//! applied nor that it is not; the next run goes on from there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pgsteward_model::migrate::deploy::Failure;
use pgsteward_model::migrate::rollback::{Down, RollbackOutcome, RollbackReport, RollbackStep};
use pgsteward_pg::WriteSession;
use pgsteward_pg::history::{HistoryRow, HistoryTable, RowState};

use super::explain::{explain, warned};
use super::file;
use super::goes::goes;
use super::over_rows::{self, Ahead};
use super::refill::FILLED_AT_ONCE;
use super::relocate::relocate;
use super::statements::{is_atomic, split};
use super::{major, unproven, worth};
use crate::Progress;
use crate::migrate::connection::{self, Use};
use crate::migrate::error::MigrateError;
use crate::migrate::project::{MigrateProject, MigrationFolder, ProjectOptions};
use crate::migrate::server;

/// What the row of a rollback says that cannot be one transaction, until it is done.
pub(in crate::migrate) const UNDER_WAY: &str =
    "pgsteward rolls this migration back statement by statement; run `pgsteward migrate rollback` to go on";

#[derive(Clone, Debug)]
pub struct RollbackOptions {
    pub project: ProjectOptions,
    pub url: Option<String>,
    /// How many of the last applied migrations are undone, unless `to` is given.
    pub steps: usize,
    /// Everything applied after this migration is undone.
    pub to: Option<String>,
    pub dry_run: bool,
    /// Rows and values that are there now may go.
    pub accept_data_loss: bool,
    /// Statements that nobody proved as they are may run.
    pub accept_unproven: bool,
    /// For each lock; none waits for ever.
    pub lock_timeout: Option<Duration>,
    /// How often to try again after a lock was not granted.
    pub lock_retries: u32,
    /// How long the advisory lock is waited for.
    pub lock_wait: Duration,
}

impl Default for RollbackOptions {
    fn default() -> RollbackOptions {
        RollbackOptions {
            project: ProjectOptions::default(),
            url: None,
            steps: 1,
            to: None,
            dry_run: false,
            accept_data_loss: false,
            accept_unproven: false,
            lock_timeout: Some(Duration::from_secs(3)),
            lock_retries: 8,
            lock_wait: server::LOCK_WAIT,
        }
    }
}

/// A rollback that began. The error is in the report's words too.
#[derive(Debug)]
pub struct RolledBack {
    pub report: RollbackReport,
    pub error: Option<MigrateError>,
}

/// One migration that is to be undone.
pub(super) struct Undo {
    pub(super) id: String,
    /// Whether its row says already that it is under way.
    pub(super) begun: bool,
    pub(super) statements: Vec<String>,
}

/// Undoes the last applied migrations, newest first, and stops at the first error. An error before the first
/// statement is returned as such.
pub async fn rollback(
    options: &RollbackOptions,
    progress: &dyn Progress,
) -> Result<RolledBack, MigrateError> {
    let began = Instant::now();
    let project = MigrateProject::find(&options.project)?;
    let connection = connection::resolve(&project, options.url.as_deref(), Use::Write)?;
    project.check_provider_lock()?;
    let folders = project.migrations()?;
    let session = server::connect(&connection, "migrate rollback").await?;
    let table = project.history_table(connection.namespace());
    let mut report = RollbackReport {
        database: server::database_name(&connection, session.version()),
        history_table: table.quoted(),
        dry_run: options.dry_run,
        notes: connection.note.iter().cloned().collect(),
        ..RollbackReport::default()
    };
    let run = Run {
        options,
        project: &project,
        folders: &folders,
        table: &table,
        namespace: connection.namespace(),
        progress,
    };
    let outcome = run.all(&session, &mut report).await;
    session.close().await;
    report.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    match outcome {
        Ok(()) => Ok(RolledBack { report, error: None }),
        Err(error) if report.steps.iter().all(|step| step.outcome == RollbackOutcome::Planned) => Err(error),
        Err(error) => {
            report.failure = Some(Failure {
                code: error.code.map(str::to_owned),
                message: error.message.clone(),
                hint: error.hint.clone(),
            });
            Ok(RolledBack { report, error: Some(error) })
        }
    }
}

pub(super) struct Run<'a> {
    pub(super) options: &'a RollbackOptions,
    pub(super) project: &'a MigrateProject,
    pub(super) folders: &'a [MigrationFolder],
    pub(super) table: &'a HistoryTable,
    pub(super) namespace: &'a str,
    pub(super) progress: &'a dyn Progress,
}

impl Run<'_> {
    async fn all(&self, session: &WriteSession, report: &mut RollbackReport) -> Result<(), MigrateError> {
        if !self.options.dry_run {
            server::refuse_read_only(session).await?;
            server::lock(session, self.options.lock_wait, self.progress).await?;
        }
        let rows = session.history(self.table).await?.unwrap_or_default();
        let mut undos = Vec::new();
        let chosen = self.chosen(&rows)?;
        report.notes.extend(self.proven_elsewhere(session, &chosen)?);
        let tried = self.tried(session, &chosen).await?;
        let mut ahead = Ahead::default();
        for row in chosen {
            let (undo, step) = self.plan(session, row, tried.get(&row.name), &mut ahead).await?;
            undos.push(undo);
            report.steps.push(step);
        }
        if self.options.dry_run {
            return Ok(());
        }
        let goes = report.steps.iter().flat_map(|step| &step.goes);
        let goes: Vec<String> = goes.map(|loss| format!("{} ({})", loss.what, loss.why)).collect();
        if !goes.is_empty() && !self.options.accept_data_loss {
            return Err(MigrateError::new(format!(
                "the rollback would remove {}; nothing was run",
                goes.join(", ")
            ))
            .with_hint("save what you need, then run it again with --accept-data-loss"));
        }
        for (undo, step) in undos.iter().zip(&mut report.steps) {
            self.progress.phase(&format!("roll back {}", step.name));
            session.heard();
            let began = Instant::now();
            let outcome = if step.atomic {
                self.at_once(session, undo).await
            } else {
                self.one_by_one(session, undo, step).await
            };
            step.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            report.notes.extend(warned(&step.name, &session.heard()));
            if let Err(error) = outcome {
                if step.outcome == RollbackOutcome::Planned {
                    step.outcome = RollbackOutcome::Failed;
                }
                return Err(explain(&error, step));
            }
            step.outcome = RollbackOutcome::RolledBack;
            session.reset().await.map_err(|error| MigrateError::server("reset the session", &error))?;
        }
        Ok(())
    }

    /// Rows of what is to be undone, newest first.
    fn chosen<'r>(&self, rows: &'r [HistoryRow]) -> Result<Vec<&'r HistoryRow>, MigrateError> {
        let under_way =
            |row: &HistoryRow| row.state() == RowState::Failed && row.logs.as_deref() == Some(UNDER_WAY);
        if let Some(row) = rows.iter().find(|row| row.state() == RowState::Failed && !under_way(row)) {
            let message = format!(
                "the migration \"{}\" failed, and what of it is in the database is not known",
                row.name
            );
            return Err(MigrateError::coded("P3009", message).with_hint(
                "`pgsteward migrate doctor` finds out, and writes down how to complete or undo it; then roll back",
            ));
        }
        let candidates = rows.iter().rev().filter(|row| row.state() == RowState::Applied || under_way(row));
        let Some(to) = &self.options.to else {
            return Ok(candidates.take(self.options.steps).collect());
        };
        let to = to.trim_end_matches('/').rsplit('/').next().unwrap_or(to);
        let candidates: Vec<&HistoryRow> = candidates.collect();
        match candidates.iter().position(|row| row.name == to) {
            Some(end) => Ok(candidates.into_iter().take(end).collect()),
            None => Err(MigrateError::coded(
                "P3011",
                format!("the migration \"{to}\" is not applied, so the database cannot be rolled back to it"),
            )
            .with_hint("`pgsteward migrate status` shows what is applied")),
        }
    }

    /// What was proven on another major version than this server's runs, and is said.
    fn proven_elsewhere(
        &self,
        session: &WriteSession,
        chosen: &[&HistoryRow],
    ) -> Result<Option<String>, MigrateError> {
        let mut proven = Vec::new();
        for folder in self.folders.iter().filter(|folder| chosen.iter().any(|row| row.name == folder.name)) {
            let header = file::read(folder)?.and_then(|file| file.header);
            proven.push((folder.name.as_str(), header.and_then(|header| header.server)));
        }
        let proven = proven.iter().map(|(name, server)| (*name, server.as_deref()));
        Ok(major::elsewhere(session.version().major(), proven)
            .map(|words| format!("{words}; `pgsteward migrate adopt --again` proves them on this one")))
    }

    /// Ways back of plain SQL that nobody proved yet. With `accept_unproven` nobody asks.
    async fn tried(
        &self,
        session: &WriteSession,
        chosen: &[&HistoryRow],
    ) -> Result<BTreeMap<String, Down>, MigrateError> {
        if self.project.is_prisma() || self.options.accept_unproven {
            return Ok(BTreeMap::new());
        }
        let names: Vec<&str> = chosen.iter().map(|row| row.name.as_str()).collect();
        let major = session.version().major();
        unproven::prove(self.project, self.folders, &names, major, self.progress).await
    }

    /// Everything that speaks against undoing one, before anything runs. `tried` is what a proof just now showed, `ahead`
    /// what the steps before did to rows.
    async fn plan(
        &self,
        session: &WriteSession,
        row: &HistoryRow,
        tried: Option<&Down>,
        ahead: &mut Ahead,
    ) -> Result<(Undo, RollbackStep), MigrateError> {
        let name = &row.name;
        let Some(folder) = self.folders.iter().find(|folder| folder.name == *name) else {
            return Err(MigrateError::new(format!(
                "the migration \"{name}\" is applied and missing on disk"
            ))
            .with_hint("bring its folder back from version control"));
        };
        let Some(file) = file::read(folder)? else {
            return Err(worth::missing(folder));
        };
        let judged = file::judge(folder, Some(&file));
        if !folder.has_checksum(&row.checksum) && !self.options.accept_unproven {
            let message = format!(
                "the migration \"{name}\" was edited after it was applied, so its down.sql may be another's"
            );
            return Err(MigrateError::new(message).with_hint(
                "bring the file back as it was applied, or look at down.sql and run with --accept-unproven",
            ));
        }
        let worth = worth::in_words(folder, &judged, tried, self.options.accept_unproven)?;
        let written = split(&file.body);
        let statements = if judged.adopted {
            relocate(written, folder.script(), self.namespace).ok_or_else(|| {
                let message = format!(
                    "the migration \"{name}\" and its down.sql name the namespace \"public\", and the connection URL names \"{}\"",
                    self.namespace
                );
                MigrateError::new(message).with_hint("write a down.sql of your own beside it, for this namespace")
            })?
        } else {
            written
        };
        let begun = row.state() == RowState::Failed;
        // What is under way may have got past it.
        if !begun && let Some(way) = over_rows::refused(session, self.namespace, &statements, ahead).await? {
            return Err(MigrateError::new(format!("the migration \"{name}\" cannot be undone while {way}; nothing was run"))
                .with_hint(format!(
                    "save the rows and empty the table, or write into down.sql where the values come from and prove it with \
                     `pgsteward migrate adopt {name}`"
                )));
        }
        let many = if begun {
            Vec::new()
        } else {
            over_rows::too_many(session, self.namespace, &statements).await?
        };
        if !many.is_empty() {
            let many = many.join(", ");
            return Err(MigrateError::new(format!(
                "the migration \"{name}\" cannot be undone: a column of {many} comes back and would be filled in more than \
                 {FILLED_AT_ONCE} rows while the table is locked; nothing was run"
            ))
            .with_hint(
                "go back with a new migration, which `pgsteward migrate plan --safe` writes in steps and \
                 `pgsteward migrate backfill` fills in batches",
            ));
        }
        let step = RollbackStep {
            name: name.clone(),
            outcome: RollbackOutcome::Planned,
            atomic: is_atomic(&statements) && !begun,
            worth,
            goes: goes(session, self.namespace, &statements).await?,
            lost: tried.map_or(judged.lost, |down| down.lost.clone()),
            statements: statements.clone(),
            elapsed_ms: 0,
        };
        Ok((Undo { id: row.id.clone(), begun, statements }, step))
    }
}
