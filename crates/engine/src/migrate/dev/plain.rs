//! `migrate dev` where migrations are plain SQL: no schema says what the next one is. It applies what is pending under the
//! checks of a deploy, finds where database and history do not agree, and writes the next file: an empty one for its
//! author, or what was changed in the database by hand.

mod standing;

use pgsteward_model::catalog::Catalog;
use pgsteward_model::migrate::dev::{DevOutcome, DevReport, NewMigration, WrittenFrom};
use pgsteward_pg::history::{self, HistoryTable, RowState};

use super::DevRequest;
use super::by_hand::{ByHand, Sides};
use super::opening::{Live, Opened, open};
use crate::Progress;
use crate::discover::relative;
use crate::migrate::ask::Ask;
use crate::migrate::connection::Connection;
use crate::migrate::diagnosis::Diagnosis;
use crate::migrate::drift;
use crate::migrate::error::MigrateError;
use crate::migrate::plain_files::{self, NewFiles};
use crate::migrate::project::{MigrateProject, MigrationFolder};
use crate::migrate::rollback::{self, Verdict};
use crate::migrate::server;
use crate::migrate::shadow::{Replayed, Shadow};
use crate::plain::Marks;

pub(super) async fn dev(
    request: &DevRequest,
    project: &MigrateProject,
    connection: &Connection,
    ask: &dyn Ask,
    progress: &dyn Progress,
) -> Result<DevReport, MigrateError> {
    refuse_half_wishes(request)?;
    let Opened { folders, table, live, shadow, report } =
        open(request, project, connection, progress).await?;
    let report = DevReport { written_from: WrittenFrom::Nothing, ..report };
    let namespaces = server::namespaces(project, connection.namespace());
    let (folders, shadow) = (folders.as_slice(), &shadow);
    let verb = Verb { request, project, connection, ask, progress, shadow, folders, table, namespaces };
    verb.run(live, report).await
}

/// What says too little to know what the next migration is.
fn refuse_half_wishes(request: &DevRequest) -> Result<(), MigrateError> {
    let plain = "these migrations are plain SQL, and no schema says what the next one is";
    if request.name.is_some() && !request.create_only && !request.from_database {
        return Err(MigrateError::new(format!("{plain}; nothing was run")).with_hint(
            "--create-only makes an empty file of this name, --from-database one that holds what was changed in the \
             database by hand",
        ));
    }
    if !request.renames.is_empty() && !request.from_database {
        return Err(MigrateError::new(format!("{plain}, so nothing is renamed"))
            .with_hint("write ALTER TABLE … RENAME into a migration, or pass --from-database as well"));
    }
    Ok(())
}

struct Verb<'a> {
    request: &'a DevRequest,
    project: &'a MigrateProject,
    connection: &'a Connection,
    ask: &'a dyn Ask,
    progress: &'a dyn Progress,
    shadow: &'a Shadow,
    folders: &'a [MigrationFolder],
    table: HistoryTable,
    namespaces: Vec<String>,
}

impl Verb<'_> {
    async fn run(&self, live: Live, mut report: DevReport) -> Result<DevReport, MigrateError> {
        let standing = self.standing(&live).await?;
        report.notes.extend(standing.history.notes.iter().cloned());
        if let Some(lacks) = standing.lacks.as_deref().or(drift::left_out(&standing.history.notes)) {
            self.refuse_unknown(lacks)?;
        }
        report.notes.extend(standing.lacks.iter().map(|why| format!("drift was not looked for: {why}")));
        let keeps_changes = self.request.from_database && standing.is_only_drift();
        if keeps_changes && standing.has_all && !standing.diagnosis.pending.is_empty() {
            return self.record_pending(&standing.diagnosis, report).await;
        }
        if keeps_changes && standing.diagnosis.pending.is_empty() {
            return self.write_difference(&standing.history, &live.catalog, report).await;
        }
        if let Some(reason) = standing.diagnosis.reset_reason() {
            report.outcome = DevOutcome::ResetNeeded;
            report.reset_reason = Some(reason);
            report.ways = standing.ways(self.folders);
            return Ok(report);
        }
        if !standing.diagnosis.pending.is_empty() {
            self.refuse_empty(&standing.diagnosis)?;
            report.rollback = self.downs_of_pending(&standing.diagnosis).await;
            report.applied = self.request.place.apply(self.progress).await?;
        }
        if self.request.create_only && !self.request.from_database {
            return self.create_empty(report).await;
        }
        Ok(report)
    }

    /// A difference to half a history is none that a migration may hold.
    fn refuse_unknown(&self, lacks: &str) -> Result<(), MigrateError> {
        if !self.request.from_database {
            return Ok(());
        }
        Err(MigrateError::new(format!(
            "what the migrations make is not known, so nothing is written from the database: {lacks}"
        ))
        .with_hint(
            "write what was changed by hand as a migration (--create-only --name NAME makes an empty one)",
        ))
    }

    /// An empty file that is applied is an edited one as soon as its author writes it.
    fn refuse_empty(&self, diagnosis: &Diagnosis) -> Result<(), MigrateError> {
        let pending = diagnosis.pending.iter().map(|(at, _)| &self.folders[*at]);
        let is_empty = |folder: &&MigrationFolder| {
            let parsed = pgsteward_sql::parse(folder.script());
            parsed.statements.is_empty() && parsed.errors.is_empty()
        };
        match pending.into_iter().find(is_empty) {
            None => Ok(()),
            Some(empty) => Err(MigrateError::new(format!(
                "the migration \"{}\" holds no statement yet; nothing was run",
                empty.name
            ))
            .with_hint(format!(
                "write {}, or remove it; `pgsteward migrate deploy` would apply it as it is",
                relative(&self.project.root, &empty.file)
            ))),
        }
    }

    /// Makes what undoes pending migrations where the project keeps that and it is not written, and anew where the
    /// migration was written on since. What somebody wrote is left.
    async fn downs_of_pending(&self, diagnosis: &Diagnosis) -> Option<String> {
        let made = async {
            let mut names = Vec::new();
            for folder in diagnosis.pending.iter().map(|(at, _)| &self.folders[*at]) {
                let keeps = folder.marks != Marks::None || folder.down.is_some();
                let missing = keeps && rollback::reversibility(folder)?.verdict == Verdict::Missing;
                if missing || rollback::is_stale(folder)? {
                    names.push(folder.name.as_str());
                }
            }
            if names.is_empty() {
                return Ok(Vec::new());
            }
            self.progress.phase("make and prove what undoes the pending migrations");
            rollback::write_downs(self.shadow.lab(), self.project, self.folders, &names).await
        };
        match made.await {
            Ok(downs) if downs.is_empty() => None,
            Ok(downs) => {
                let told = downs.iter().map(|down| format!("{}: {}", down.migration, down.in_words()));
                Some(format!("way back made: {}", told.collect::<Vec<_>>().join("; ")))
            }
            Err(error) => Some(format!("no way back was made: {error}")),
        }
    }

    async fn create_empty(&self, mut report: DevReport) -> Result<DevReport, MigrateError> {
        let Some(given) = self.name().await else {
            report.outcome = DevOutcome::Cancelled;
            return Ok(report);
        };
        let new = self.write(&given, String::new())?;
        report.created = Some(self.told(&new, String::new()));
        report.outcome = DevOutcome::Created;
        Ok(report)
    }

    /// The pending migrations are what somebody did by hand: the history learns of them.
    async fn record_pending(
        &self,
        diagnosis: &Diagnosis,
        mut report: DevReport,
    ) -> Result<DevReport, MigrateError> {
        let pending = standing::pending(diagnosis, self.folders);
        standing::refuse_rows(&pending)?;
        self.record(&pending).await?;
        report.applied = pending.iter().map(|folder| folder.name.clone()).collect();
        report.outcome = DevOutcome::Recorded;
        Ok(report)
    }

    /// Writes what was changed by hand as the next migration, and records it: the database has it.
    async fn write_difference(
        &self,
        history: &Replayed,
        live: &Catalog,
        mut report: DevReport,
    ) -> Result<DevReport, MigrateError> {
        let sides = Sides {
            shadow: self.shadow,
            history,
            live,
            namespace: self.connection.namespace(),
            namespaces: &self.namespaces,
        };
        let ByHand { sql, losses, guesses, renamed, notes } = sides.difference(&self.request.renames).await?;
        (report.warnings, report.guesses, report.renamed) = (losses, guesses, renamed);
        report.notes.extend(notes);
        if !report.warnings.is_empty() && !self.confirmed(&report, &sql).await? {
            report.outcome = DevOutcome::Cancelled;
            return Ok(report);
        }
        let Some(given) = self.name().await else {
            report.outcome = DevOutcome::Cancelled;
            return Ok(report);
        };
        let new = self.write(&given, sql.clone())?;
        report.created = Some(self.told(&new, sql));
        let folders = self.project.migrations()?;
        report.rollback = Some(self.write_down(&folders, &new.name).await);
        report.outcome = DevOutcome::Created;
        if self.request.create_only {
            return Ok(report);
        }
        let mine: Vec<&MigrationFolder> = folders.iter().filter(|folder| folder.name == new.name).collect();
        self.record(&mine).await?;
        report.outcome = DevOutcome::Recorded;
        Ok(report)
    }

    async fn write_down(&self, folders: &[MigrationFolder], name: &str) -> String {
        self.progress.phase("make and prove what undoes it");
        match rollback::write_down(self.shadow.lab(), self.project, folders, name).await {
            Ok(down) => format!("way back: {}", down.in_words()),
            Err(error) => format!("no way back was made: {error}"),
        }
    }

    /// The rows of migrations that the database has, all or none. Somebody else may have been faster.
    async fn record(&self, folders: &[&MigrationFolder]) -> Result<(), MigrateError> {
        let session = server::connect(self.connection, "migrate dev").await?;
        let recorded = async {
            server::refuse_read_only(&session).await?;
            server::lock(&session, server::LOCK_WAIT, self.progress).await?;
            let rows = match session.history(&self.table).await? {
                Some(rows) => rows,
                None => {
                    server::initialise(&session, self.project, &self.table, true).await?;
                    Vec::new()
                }
            };
            let is_there = |folder: &&&MigrationFolder| {
                rows.iter().any(|row| row.name == folder.name && row.state() != RowState::RolledBack)
            };
            let texts: Vec<String> = folders
                .iter()
                .filter(|folder| !is_there(folder))
                .map(|folder| {
                    history::mark_applied(&self.table, &history::new_id(), &folder.checksum, &folder.name)
                })
                .collect();
            session
                .simple(&texts.join(";\n"))
                .await
                .map_err(|error| MigrateError::server("record what the database has", &error))
        };
        let recorded = recorded.await;
        session.close().await;
        recorded
    }

    fn write(&self, given: &str, sql: String) -> Result<NewFiles, MigrateError> {
        let new = plain_files::next(
            &self.project.migrations_folder,
            self.project.layout,
            &self.project.migrations()?,
            given,
            sql,
            None,
        )?;
        new.write()?;
        Ok(new)
    }

    fn told(&self, new: &NewFiles, sql: String) -> NewMigration {
        NewMigration { name: new.name.clone(), file: relative(&self.project.root, new.main()), sql }
    }

    async fn confirmed(&self, report: &DevReport, sql: &str) -> Result<bool, MigrateError> {
        if self.request.create_only {
            return Ok(true);
        }
        let list: Vec<String> = report.warnings.iter().map(|text| format!("  • {text}")).collect();
        let list = list.join("\n");
        if self.ask.interactive() {
            self.ask.tell(&format!("{sql}\nIn every database that applies this:\n\n{list}"));
            let question = "Write it as a migration, and record it as applied here?";
            return Ok(self.ask.confirm(question).await == Some(true));
        }
        let hint = match report.guesses.first() {
            Some(guess) => format!("if that is a rename ({}), say so: {}", guess.reasons.join("; "), guess.flag),
            None => "run it at a terminal to confirm, or write the file with --create-only, look at it, and record it \
                     with another `pgsteward migrate dev --from-database`"
                .to_owned(),
        };
        Err(MigrateError::new(format!(
            "what was changed in the database loses data elsewhere, and nobody is at a terminal to confirm it\n{list}"
        ))
        .with_hint(hint))
    }

    /// The migration's name; none where the person gave up.
    async fn name(&self) -> Option<String> {
        match &self.request.name {
            Some(name) => Some(name.clone()),
            None if !self.ask.interactive() => Some(String::new()),
            None => self.ask.text("Enter a name for the new migration:").await,
        }
    }
}
