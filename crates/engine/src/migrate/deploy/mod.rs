//! `migrate deploy`: applies what is pending, in order, and stops at the first error.

mod anew;
mod file;
mod oddities;
mod outcome;
mod plans;

use std::time::{Duration, Instant};

use pgsteward_model::migrate::MigrationState;
use pgsteward_model::migrate::deploy::DeployReport;
use pgsteward_pg::WriteSession;
use pgsteward_pg::history::{HistoryRow, HistoryTable, RowState};

use super::apply::{Limits, Unfinished};
use super::connection::{Connection, Use, resolve};
use super::error::MigrateError;
use super::history::{Joined, RUNNING};
use super::project::{MigrateProject, MigrationFolder, ProjectOptions};
use super::rollback::{UNDER_WAY, refuse_irreversible};
use super::subscribers::{self, Publications, of_migrations};
use super::target::{self, Chosen};
use super::told;
use super::watch::Budget;
use super::{analyze, drift, server, squash};
use crate::Progress;

pub(super) use outcome::failed_migrations;
pub use plans::plans;

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
    /// The database has applied other migrations only: apply these all the same.
    pub accept_other_history: bool,
    /// What other sessions may feel.
    pub budget: Budget,
    /// Look at the data before a statement that depends on it.
    pub check_data: bool,
    /// How long no query may name what a migration of `plan --safe` takes away; zero does not look.
    pub unused_for: Duration,
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
            accept_other_history: false,
            budget: Budget::default(),
            check_data: true,
            unused_for: Duration::from_secs(5),
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
        fresh: false,
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
    /// There was no table in the database when it began.
    fresh: bool,
}

impl Deploy<'_> {
    async fn run(&mut self, session: &WriteSession) -> Result<(), MigrateError> {
        let rows = session.history(&self.table).await?;
        let joined = Joined::new(self.folders, rows.as_deref());
        self.report.notes.extend(oddities::notes(&joined));
        let nothing_to_do = joined.initialised
            && joined.of(MigrationState::Pending).next().is_none()
            && joined.of(MigrationState::Failed).next().is_none();
        if nothing_to_do {
            return Ok(());
        }
        if !self.options.accept_other_history {
            oddities::refuse_foreign(&joined)?;
        }
        server::refuse_read_only(session).await?;
        let waited = server::lock(session, self.options.lock_wait, self.progress).await?;
        self.report.waited_for_lock_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        // Another deploy may have been at work until now.
        let mut witness = None;
        let rows = match session.history(&self.table).await? {
            Some(rows) => rows,
            None => {
                witness = drift::begin(session, self.project, self.folders).await;
                let made = server::initialise(session, self.project, &self.table, false).await?;
                self.report.created.extend(made);
                Vec::new()
            }
        };
        let joined = Joined::new(self.folders, Some(&rows));
        let unfinished = self.unfinished(&joined, &rows)?;
        self.report.recorded = squash::settle(session, &self.table, self.folders, &rows).await?;
        let rows = match self.report.recorded.as_slice() {
            [] => rows,
            _ => session.history(&self.table).await?.unwrap_or_default(),
        };
        let joined = Joined::new(self.folders, Some(&rows));
        // The standings begin with the folders, in their order.
        let pending: Vec<&MigrationFolder> = self
            .folders
            .iter()
            .zip(&joined.standings)
            .filter(|(_, standing)| {
                matches!(standing.state, MigrationState::Pending | MigrationState::Failed)
            })
            .map(|(folder, _)| folder)
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
        self.fresh = rows.is_empty() && server::is_empty(session).await?;
        let plans = plans(self.folders, &pending, session.version(), self.fresh)?;
        let said = told::of_migrations(&pending);
        said.iter().for_each(|said| self.progress.note(said));
        self.report.notes.extend(said);
        self.tell_subscribers(session, &pending).await?;
        for (at, folder) in pending.iter().enumerate() {
            self.progress.phase(&format!("apply {}", folder.name));
            self.progress.step(at, pending.len());
            let taken_up =
                unfinished.as_ref().filter(|(name, _)| *name == folder.name).map(|(_, row)| row.clone());
            if let Err(error) = self.file(session, folder, &plans, at, taken_up).await {
                self.report.left = pending[at + 1..].iter().map(|folder| folder.name.clone()).collect();
                return Err(error);
            }
        }
        if self.options.analyze {
            let changed = analyze::tables(&plans.iter().collect::<Vec<_>>());
            self.progress.phase("analyze what was changed");
            self.report.notes.extend(analyze::run(session, &changed).await);
        }
        if let Some(witness) = witness {
            let (project, namespace) = (self.project, self.connection.namespace());
            drift::Made { project, namespace, applied: &pending }.saw(session, witness).await;
        }
        Ok(())
    }

    /// Names, before anything runs, what subscribers of the database's publications have to be given.
    async fn tell_subscribers(
        &mut self,
        session: &WriteSession,
        pending: &[&MigrationFolder],
    ) -> Result<(), MigrateError> {
        let Some(query) = subscribers::query(session.version()) else { return Ok(()) };
        let text = session
            .value(&query)
            .await
            .map_err(|error| MigrateError::server("read the publications", &error))?;
        let publications = Publications::read(text.as_deref())
            .map_err(|error| MigrateError::new(format!("read the publications: {error}")))?;
        let (namespace, version) = (self.connection.namespace(), session.version());
        let notes = of_migrations(&publications, namespace, self.folders, pending, version);
        notes.iter().for_each(|note| self.progress.note(note));
        self.report.notes.extend(notes);
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
}
