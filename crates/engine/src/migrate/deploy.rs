//! `migrate deploy`: applies what is pending, in order, and stops at the first error.

use std::time::{Duration, Instant};

use pgsteward_model::catalog::Catalog;
use pgsteward_model::migrate::MigrationState;
use pgsteward_model::migrate::deploy::{CheckOutcome, DataCheck, DeployReport, FileOutcome, FileRun};
use pgsteward_model::migration::{Regime, ServerError};
use pgsteward_model::version::ServerVersion;
use pgsteward_pg::WriteSession;
use pgsteward_pg::history::{HistoryRow, HistoryTable, RowState};
use pgsteward_sql::Births;

use super::apply::{Apply, End, Limits, Ran, Unfinished, in_words};
use super::connection::{Connection, Use, resolve};
use super::error::MigrateError;
use super::history::{Joined, PARTIAL, RUNNING};
use super::project::{MigrateProject, MigrationFolder, ProjectOptions};
use super::regime::{FilePlan, plan};
use super::rollback::{UNDER_WAY, refuse_irreversible};
use super::target::{self, Chosen};
use super::watch::{Budget, Watch};
use super::{analyze, checks, data_checks, messages, server};
use crate::Progress;

/// What the user asked for.
#[derive(Clone, Debug)]
pub struct DeployOptions {
    pub project: ProjectOptions,
    /// `--url`.
    pub url: Option<String>,
    /// `--target`, a name of pgsteward.toml.
    pub target: Option<String>,
    pub limits: Limits,
    /// How long the advisory lock is waited for.
    pub lock_wait: Duration,
    /// Migrations that cannot be undone are applied all the same.
    pub accept_irreversible: bool,
    /// What other sessions may feel.
    pub budget: Budget,
    /// Look at the data before a statement that depends on it.
    pub check_data: bool,
    /// Refresh the statistics of what was changed.
    pub analyze: bool,
}

impl Default for DeployOptions {
    fn default() -> DeployOptions {
        DeployOptions {
            project: ProjectOptions::default(),
            url: None,
            target: None,
            limits: Limits::default(),
            lock_wait: server::LOCK_WAIT,
            accept_irreversible: false,
            budget: Budget::default(),
            check_data: true,
            analyze: true,
        }
    }
}

/// A deploy that began. The error is in the report's words too.
#[derive(Debug)]
pub struct Deployed {
    pub report: DeployReport,
    pub error: Option<MigrateError>,
}

/// Applies the pending migrations. An error before the first statement is returned as such.
pub async fn deploy(options: &DeployOptions, progress: &dyn Progress) -> Result<Deployed, MigrateError> {
    let began = Instant::now();
    let project = MigrateProject::find(&options.project)?;
    let target =
        options.target.as_ref().map(|name| target::choose(&project, name, Use::Write)).transpose()?;
    let connection = match &target {
        Some(target) => target.connection.clone(),
        None => resolve(&project, options.url.as_deref(), Use::Write)?,
    };
    project.check_provider_lock()?;
    let folders = project.migrations()?;
    let (session, created) = server::connect_or_create(&connection, "migrate deploy").await?;
    let mut report = DeployReport {
        database: server::database_name(&connection, session.version()),
        found: folders.len(),
        notes: connection.note.iter().cloned().collect(),
        ..DeployReport::default()
    };
    if created {
        report.created.push(format!("database \"{}\"", connection.database()));
    }
    let mut deploy = Deploy {
        project: &project,
        connection: &connection,
        target: target.as_ref(),
        table: project.history_table(connection.namespace()),
        folders: &folders,
        options,
        progress,
        report,
    };
    deploy.report.history_table = deploy.table.quoted();
    let outcome = deploy.run(&session).await;
    session.close().await;
    let mut report = deploy.report;
    report.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    match outcome {
        Ok(()) => Ok(Deployed { report, error: None }),
        Err(error) => {
            report.failure = Some(error.failure());
            Ok(Deployed { report, error: Some(error) })
        }
    }
}

struct Deploy<'a> {
    project: &'a MigrateProject,
    connection: &'a Connection,
    target: Option<&'a Chosen>,
    table: HistoryTable,
    folders: &'a [MigrationFolder],
    options: &'a DeployOptions,
    progress: &'a dyn Progress,
    report: DeployReport,
}

impl Deploy<'_> {
    async fn run(&mut self, session: &WriteSession) -> Result<(), MigrateError> {
        let rows = session.history(&self.table).await?;
        let joined = Joined::new(self.folders, rows.as_deref());
        let nothing_to_do = joined.initialised
            && joined.of(MigrationState::Pending).next().is_none()
            && joined.of(MigrationState::Failed).next().is_none();
        if nothing_to_do {
            return Ok(());
        }
        server::refuse_read_only(session).await?;
        let waited = server::lock(session, self.options.lock_wait, self.progress).await?;
        self.report.waited_for_lock_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        // Another deploy may have been at work until now.
        let rows = match session.history(&self.table).await? {
            Some(rows) => rows,
            None => {
                let made = server::initialise(session, self.project, &self.table, false).await?;
                self.report.created.extend(made);
                Vec::new()
            }
        };
        let joined = Joined::new(self.folders, Some(&rows));
        let unfinished = self.unfinished(&joined, &rows)?;
        let pending: Vec<&MigrationFolder> = self
            .folders
            .iter()
            .filter(|folder| {
                let standing = joined.standings.iter().find(|standing| standing.name == folder.name);
                standing.is_some_and(|standing| {
                    matches!(standing.state, MigrationState::Pending | MigrationState::Failed)
                })
            })
            .collect();
        if let Some(target) = self.target {
            target.refuse_untried(self.project, &pending).await?;
        }
        // A database without a history is undone by making another one.
        if joined.of(MigrationState::Applied).next().is_some() && !self.options.accept_irreversible {
            let loaded = crate::config::load(&self.project.root)
                .map_err(|error| MigrateError::new(format!("{error:#}")))?;
            let require = loaded.config.migrations.require_rollback
                || self.target.is_some_and(|target| target.require_rollback);
            self.report.notes.extend(refuse_irreversible(&pending, require)?);
        }
        let plans = plans(self.folders, &pending, session.version())?;
        for (at, (folder, plan)) in pending.iter().zip(&plans).enumerate() {
            self.progress.phase(&format!("apply {}", folder.name));
            self.progress.step(at, pending.len());
            let taken_up =
                unfinished.as_ref().filter(|(name, _)| *name == folder.name).map(|(_, row)| row.clone());
            if let Err(error) = self.file(session, folder, plan, taken_up).await {
                self.report.left = pending[at + 1..].iter().map(|folder| folder.name.clone()).collect();
                return Err(error);
            }
        }
        if self.options.analyze {
            let changed = analyze::tables(&plans.iter().collect::<Vec<_>>());
            self.progress.phase("analyze what was changed");
            self.report.notes.extend(analyze::run(session, &changed).await);
        }
        Ok(())
    }

    /// The one failed row that this run may take up: its own kind, interrupted between two statements, of the text
    /// that is on disk. Any other is P3009.
    fn unfinished(
        &self,
        joined: &Joined,
        rows: &[HistoryRow],
    ) -> Result<Option<(String, Unfinished)>, MigrateError> {
        let failed: Vec<&HistoryRow> = rows.iter().filter(|row| row.state() == RowState::Failed).collect();
        if failed.is_empty() {
            return Ok(None);
        }
        if let Some(row) = failed.iter().find(|row| row.logs.as_deref() == Some(UNDER_WAY)) {
            let message = format!(
                "the migration \"{}\" is being rolled back, and some of it is undone already",
                row.name
            );
            return Err(MigrateError::coded("P3009", message)
                .with_hint("`pgsteward migrate rollback` goes on with it; deploy after that"));
        }
        if let [row] = failed.as_slice()
            && row.logs.as_deref() == Some(RUNNING)
            && let Some(folder) = self.folders.iter().find(|folder| folder.name == row.name)
            && folder.has_checksum(&row.checksum)
            // Whatever else is pending comes after it.
            && joined.pending().iter().all(|name| self.position(name) > self.position(&row.name))
        {
            let done = usize::try_from(row.applied_steps_count).unwrap_or(0);
            return Ok(Some((row.name.clone(), Unfinished { id: row.id.clone(), done })));
        }
        Err(failed_migrations(&failed, self.folders))
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.folders.iter().position(|folder| folder.name == name)
    }

    async fn file(
        &mut self,
        session: &WriteSession,
        folder: &MigrationFolder,
        plan: &FilePlan,
        unfinished: Option<Unfinished>,
    ) -> Result<(), MigrateError> {
        let began = Instant::now();
        let resumed_after = unfinished.as_ref().map_or(0, |row| row.done);
        let written = checks::read(folder)?;
        let mut checks = match self.options.check_data && unfinished.is_none() {
            true => data_checks::look(session, plan)
                .await
                .map_err(|error| MigrateError::server("look at the data before the migration", &error))?,
            false => Vec::new(),
        };
        if let Some(error) = violated(folder, &checks) {
            let mut file = file_run(folder, plan, &Ran::not_tried(plan));
            file.checks = checks;
            self.report.files.push(file);
            return Err(error);
        }
        if unfinished.is_none() {
            checks.extend(checks::before(session, folder, &written).await?);
        }
        let apply = Apply {
            session,
            table: &self.table,
            limits: &self.options.limits,
            progress: self.progress,
            folder,
            plan,
            checks: &written,
        };
        let watch = Watch::start(session, &self.options.budget);
        let mut ran = apply.run(unfinished).await;
        let seen = watch.finish().await;
        if let End::Lost { error, statement } = &ran.end {
            ran.end = self.truth(&ran.id, error, *statement).await;
        }
        let mut error = outcome_error(folder, plan, &ran);
        let mut file = file_run(folder, plan, &ran);
        file.resumed_after = resumed_after;
        checks.append(&mut file.checks);
        file.checks = checks;
        file.elapsed_ms = (began.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        if !plan.settings.is_empty() {
            file.notes.push(format!(
                "it sets {} for the session and does not set it back: taken back before the next migration",
                plan.settings.join(", ")
            ));
        }
        if let Some(seen) = seen {
            file.notes.extend(seen.problem);
            file.watched = (seen.watched.samples > 0).then_some(seen.watched);
            if let (Some(why), Some(error)) = (seen.stopped, &mut error) {
                error.message = format!("stopped at the budget: {why}. {}", error.message);
                error.hint = Some(
                    "deploy when there is less traffic, split the migration, or raise the budget".to_owned(),
                );
            }
        }
        self.report.files.push(file);
        match error {
            Some(error) => Err(error),
            None if plan.leaves_session_alone() => Ok(()),
            None => self.clean_up(session).await,
        }
    }

    /// No setting, role, temporary table or transaction of a file reaches the next one.
    async fn clean_up(&mut self, session: &WriteSession) -> Result<(), MigrateError> {
        let reset = session.reset_text();
        // What cannot be left of an aborted transaction must not share the message that ends it.
        let answers = session.each(&["ROLLBACK", reset.as_str(), server::HOLDS_LOCK]).await;
        if let Some(error) = answers.iter().find_map(|answer| answer.outcome.as_ref().err()) {
            return Err(MigrateError::server("make the session ready for the next migration", error));
        }
        let held = answers.last().and_then(|answer| answer.outcome.as_ref().ok());
        if held.is_none_or(|rows| rows.is_empty()) {
            server::lock(session, self.options.lock_wait, self.progress).await?;
        }
        Ok(())
    }

    /// After the connection broke: what the row says now. The server rolls back what was not committed as soon as
    /// it notices; until then the old session may still hold the lock.
    async fn truth(&self, id: &str, error: &ServerError, statement: Option<usize>) -> End {
        let lost = || End::Lost { error: error.clone(), statement };
        let Ok(session) = server::connect(self.connection, "migrate deploy").await else { return lost() };
        let seen = async {
            server::lock(&session, self.options.lock_wait, self.progress).await?;
            Ok::<_, MigrateError>(session.history(&self.table).await?)
        };
        let rows = seen.await;
        session.close().await;
        let Ok(Some(rows)) = rows else { return lost() };
        let error = error.clone();
        match rows.iter().find(|row| row.id == id) {
            None => End::NotApplied { error, statement },
            Some(row) => match row.state() {
                RowState::Applied => End::Applied,
                RowState::RolledBack => End::NotApplied { error, statement },
                RowState::Failed => {
                    let done = usize::try_from(row.applied_steps_count).unwrap_or(0);
                    End::Interrupted { error, statement, done }
                }
            },
        }
    }
}

/// Plans of the pending files, each statement in the state of the schema that it meets as far as reading tells.
pub fn plans(
    folders: &[MigrationFolder],
    pending: &[&MigrationFolder],
    version: ServerVersion,
) -> Result<Vec<FilePlan>, MigrateError> {
    let mut catalog = Catalog::empty(version);
    let mut births = Births::default();
    let mut plans = Vec::with_capacity(pending.len());
    for folder in folders {
        let wanted = pending.iter().any(|other| other.name == folder.name);
        if wanted && !plans.is_empty() {
            births.start_file();
        } else {
            births.start_deploy();
        }
        let analyzed =
            pgsteward_sql::analyze_file(folder.script(), &mut catalog, &mut births, Regime::OneMessage);
        if wanted {
            plans.push(plan(folder, &analyzed)?);
        }
        if plans.len() == pending.len() {
            break;
        }
    }
    Ok(plans)
}

fn file_run(folder: &MigrationFolder, plan: &FilePlan, ran: &Ran) -> FileRun {
    let mut statements: Vec<_> = plan.statements.iter().map(super::regime::Planned::run).collect();
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
        notes: ran.notes.clone(),
        elapsed_ms: 0.0,
    }
}

/// The error of a file whose data is in the way. Nothing of it ran.
fn violated(folder: &MigrationFolder, checks: &[DataCheck]) -> Option<MigrateError> {
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
            "the data is in the way of the migration \"{}\", which would fail; nothing was run\n{}",
            folder.name,
            lines.join("\n")
        ))
        .with_hint(
            "correct these rows, or let the migration do it first; --no-data-checks runs it all the same",
        )
    })
}

/// The sentence about a file that did not end well.
fn outcome_error(folder: &MigrationFolder, plan: &FilePlan, ran: &Ran) -> Option<MigrateError> {
    let name = &folder.name;
    let place = |error: &ServerError, statement: Option<usize>| {
        messages::place_of(plan, statement, error)
            .map_or(String::new(), |(line, column)| format!(" at line {line}, column {column}"))
    };
    match &ran.end {
        End::Applied => None,
        End::Failed { error, statement, done } => {
            let message = messages::failed_migration(folder, plan, error, *statement);
            let hint = if *done == 0 {
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
        "{done} statements of it are applied{next}: either undo these by hand and run `pgsteward migrate resolve \
         --rolled-back {name}`, or run the rest by hand and then `pgsteward migrate resolve --applied {name}`"
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
pub(super) fn failed_migrations(failed: &[&HistoryRow], folders: &[MigrationFolder]) -> MigrateError {
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
        let reason = logs.lines().find(|line| line.starts_with("ERROR: "));
        if let Some(reason) = reason {
            message.push_str(&format!(" with: {}", reason.trim_start_matches("ERROR: ")));
        }
    }
    let first = failed.first().map_or("NAME", |row| &row.name);
    MigrateError::coded("P3009", message).with_hint(hint.unwrap_or_else(|| {
        format!(
            "when its changes are not in the database: `pgsteward migrate resolve --rolled-back {first}`; when they all are: \
             `pgsteward migrate resolve --applied {first}`"
        )
    }))
}
