//! `migrate dev`: checks the history against the database, applies what is pending, writes the next migration
//! from the difference between history and schema, and applies it.
//!
//! Everything that Prisma does on a shadow database beside the user's happens in the lab. There the new migration
//! is also tried before anyone is asked: what would fail is said before it is written, and what it takes away by
//! the way is named.

mod by_hand;
mod downs;
mod opening;
mod plain;
mod plan;
mod write;

use std::sync::Arc;

use pgsteward_model::catalog::Catalog;
use pgsteward_model::migrate::dev::{DevOutcome, DevReport, NewMigration};
use pgsteward_model::prisma::PrismaSchema;
use pgsteward_pg::history::RowState;
use pgsteward_prisma::diff::{DiffOptions, diff};
use pgsteward_prisma::{calculate, render, summary};

use opening::{Live, Opened, open};
use plan::Planned;

use super::ask::Ask;
use super::connection::Connection;
use super::diagnosis::{Diagnosis, diagnose};
use super::drift::Made;
use super::error::{MigrateError, words};
use super::losses::Losses;
use super::namespace::as_default;
use super::place::{Place, valid_schema};
use super::project::{MigrateProject, MigrationFolder};
use super::rename::Wish;
use super::shadow::{Replayed, Script, Shadow, without_external};
use super::side_file::{self, SideFile};
use super::{generator, keep, name, outside, server};
use crate::Progress;
use crate::collect::LabWish;

pub struct DevRequest {
    pub place: Place,
    /// `--name`; asked for where there is none and somebody to ask.
    pub name: Option<String>,
    pub create_only: bool,
    /// `--from-database`: in a project of plain SQL, write down what was changed by hand.
    pub from_database: bool,
    pub renames: Vec<Wish>,
    /// `--skip-generate`.
    pub skip_generate: bool,
    pub wish: LabWish,
}

/// Does all of it. An error leaves the database as it was but for pending migrations that were applied first; the
/// report says how far it came otherwise.
pub async fn dev(
    request: &DevRequest,
    ask: &dyn Ask,
    progress: &dyn Progress,
) -> Result<DevReport, MigrateError> {
    let (project, connection) = request.place.open()?;
    if project.schema.is_none() && !project.is_prisma() {
        return plain::dev(request, &project, &connection, ask, progress).await;
    }
    let schema = valid_schema(&project)?;
    if request.from_database {
        return Err(MigrateError::new(
            "--from-database is for projects of plain SQL, and this one has a Prisma schema",
        )
        .with_hint("`pgsteward db pull` writes the database into the schema; then `pgsteward migrate dev`"));
    }
    project.check_provider_lock()?;
    let Opened { folders, live, shadow, report, .. } = open(request, &project, &connection, progress).await?;
    let mut verb = Verb {
        request,
        project: &project,
        connection: &connection,
        ask,
        progress,
        options: DiffOptions::of(&schema),
        schema,
        side: None,
        report,
    };
    verb.side_file(&shadow).await?;
    let (diagnosis, history) = verb.diagnose(&shadow, &folders, &live).await?;
    if let Some(reason) = diagnosis.reset_reason() {
        verb.report.outcome = DevOutcome::ResetNeeded;
        verb.report.reset_reason = Some(reason);
        return Ok(verb.report);
    }
    if !diagnosis.pending.is_empty() {
        let note = verb.renew_downs(&shadow, &folders, &diagnosis).await;
        verb.report.notes.extend(note);
        verb.report.applied = request.place.apply(progress).await?;
    }
    verb.create(&shadow, &folders, &history).await
}

struct Verb<'a> {
    request: &'a DevRequest,
    project: &'a MigrateProject,
    connection: &'a Connection,
    ask: &'a dyn Ask,
    progress: &'a dyn Progress,
    options: DiffOptions,
    schema: Arc<PrismaSchema>,
    side: Option<SideFile>,
    report: DevReport,
}

impl Verb<'_> {
    /// What Prisma compares of a catalog that a server holds.
    fn compared(&self, catalog: &Catalog) -> Catalog {
        self.without_external(&as_default(catalog, self.default_namespace()))
    }

    fn without_external(&self, catalog: &Catalog) -> Catalog {
        match &self.project.config {
            Some(config) => without_external(catalog, &config.external_tables, &config.external_enums),
            None => catalog.clone(),
        }
    }

    /// The namespaces that are compared, by their real names.
    fn namespaces(&self) -> Vec<String> {
        let own = self.default_namespace();
        let names = self.options.namespaces.iter();
        names.map(|name| if name == "public" { own.to_owned() } else { name.clone() }).collect()
    }

    fn default_namespace(&self) -> &str {
        default_namespace(&self.schema, self.connection)
    }

    /// Reads the objects that a pull found; says so where they do not fit the schema any more.
    async fn side_file(&mut self, shadow: &Shadow) -> Result<(), MigrateError> {
        let nothing = Catalog::empty(shadow.version());
        let steps = diff(&nothing, &calculate(&self.schema, shadow.version()), &self.options);
        let sql = render::render(&steps);
        match SideFile::read(self.project, shadow, &sql, self.progress).await? {
            Some(Ok(side)) => self.side = Some(side),
            Some(Err(why)) => self.report.notes.push(format!("what db pull found is not honoured: {why}")),
            None => {}
        }
        Ok(())
    }

    /// What schema and side file make together.
    fn wanted(&self) -> Option<Catalog> {
        self.side.as_ref().map(|side| self.compared(&side.catalog))
    }

    /// Replays the history, first what is applied, and holds it against the database. Returns the state that the
    /// whole history leaves.
    async fn diagnose(
        &mut self,
        shadow: &Shadow,
        folders: &[MigrationFolder],
        live: &Live,
    ) -> Result<(Diagnosis, Replayed), MigrateError> {
        let names: Vec<&str> = folders.iter().map(|folder| folder.name.as_str()).collect();
        let mut diagnosis =
            diagnose(&names, live.rows.as_deref(), &|at, stored| folders[at].has_checksum(stored));
        let is_applied = |folder: &MigrationFolder| {
            let rows = live.rows.iter().flatten();
            rows.into_iter().any(|row| row.name == folder.name && row.state() == RowState::Applied)
        };
        let scripts: Vec<Script<'_>> = folders.iter().map(script).collect();
        let applied: Vec<Script<'_>> =
            folders.iter().filter(|folder| is_applied(folder)).map(script).collect();
        let before = shadow.replay(&applied, self.progress).await?;
        let expected = self.compared(&before.catalog);
        let actual = self.compared(&live.catalog);
        let options = DiffOptions { hints: Default::default(), to_database: true, ..self.options.clone() };
        let mut drift = diff(&expected, &actual, &options);
        if let Some(wanted) = self.wanted() {
            let said = self.without_external(&calculate(&self.schema, shadow.version()));
            drift = side_file::settled_drift(drift, &actual, &wanted, &said);
        }
        if !drift.is_empty() {
            diagnosis.drift = Some(summary(&drift, &expected, &actual, &options));
        }
        self.report.outside = outside::differences(&before.catalog, &live.catalog, &self.namespaces());
        let in_order = folders.iter().take(applied.len()).all(is_applied);
        let history = match in_order {
            true => shadow.go_on(before, &scripts[applied.len()..]).await?,
            false => shadow.replay(&scripts, self.progress).await?,
        };
        self.report.notes.extend(history.notes.iter().cloned());
        let all: Vec<&MigrationFolder> = folders.iter().collect();
        self.made(&all).remember(&history.catalog, &history.notes);
        Ok((diagnosis, history))
    }

    /// Writes the next migration, and applies it unless only its text was asked for.
    async fn create(
        mut self,
        shadow: &Shadow,
        folders: &[MigrationFolder],
        history: &Replayed,
    ) -> Result<DevReport, MigrateError> {
        let scripts: Vec<Script<'_>> = folders.iter().map(script).collect();
        let planned = self.plan(shadow, history, &scripts).await?;
        if planned.is_empty() && !self.request.create_only {
            return self.finish(DevOutcome::InSync).await;
        }
        let losses = Losses::of(&planned.steps, &planned.from, &planned.to, &self.options);
        self.weigh(&planned, &losses).await?;
        let after = self.try_out(shadow, history, &planned).await?;
        if !self.report.unexecutable.is_empty() && !self.request.create_only {
            return Err(self.cannot_be_executed());
        }
        if !self.report.warnings.is_empty() && !self.confirmed().await? {
            self.report.outcome = DevOutcome::Cancelled;
            return Ok(self.report);
        }
        let Some(given) = self.name().await else {
            self.report.outcome = DevOutcome::Cancelled;
            return Ok(self.report);
        };
        let text = format!("{}{}", losses.comment(), planned.sql);
        let there: Vec<String> = self.project.migrations()?.into_iter().map(|folder| folder.name).collect();
        let folder = name::folder_name(name::now(), &given, &there);
        let file = write::write(&self.project.migrations_folder, &folder, &text)?;
        let file = crate::discover::relative(&self.project.root, &file);
        // An empty migration is there to be written by hand: nobody knows yet what undoes it.
        let is_draft = self.request.create_only && planned.is_empty();
        self.report.created = Some(NewMigration { name: folder, file, sql: text });
        if !is_draft {
            self.report.rollback = Some(self.write_down(shadow).await);
        }
        if self.request.create_only {
            return self.finish(DevOutcome::Created).await;
        }
        self.request.place.apply(self.progress).await?;
        if let Some(after) = after {
            let folders = self.project.migrations()?;
            let notes = [history.notes.as_slice(), &after.notes].concat();
            self.made(&folders.iter().collect::<Vec<_>>()).remember(&after.catalog, &notes);
        }
        self.finish(DevOutcome::Applied).await
    }

    async fn finish(mut self, outcome: DevOutcome) -> Result<DevReport, MigrateError> {
        self.report.outcome = outcome;
        if outcome != DevOutcome::Created {
            let told = generator::run(self.project, self.request.skip_generate).await;
            self.report.generator = told;
        }
        Ok(self.report)
    }

    /// Counts what the steps would lose in the user's database.
    async fn weigh(&mut self, planned: &Planned, losses: &Losses) -> Result<(), MigrateError> {
        let session = server::connect(self.connection, "migrate dev").await?;
        let weighed = losses.weigh(&session, &planned.renamings).await;
        session.close().await;
        let weighed = weighed?;
        (self.report.warnings, self.report.unexecutable) = (weighed.warnings, weighed.unexecutable);
        Ok(())
    }

    /// Runs the migration in the lab, and gives back what that makes: what the server says against it, what goes by the way, what is left to do.
    async fn try_out(
        &mut self,
        shadow: &Shadow,
        history: &Replayed,
        planned: &Planned,
    ) -> Result<Option<Replayed>, MigrateError> {
        if planned.is_empty() {
            return Ok(None);
        }
        let after = match shadow.attempt(history, "the new migration", &planned.sql).await? {
            Ok(after) => after,
            // What the lab left out of the history may be what the migration misses.
            Err(error) if self.request.create_only || !history.notes.is_empty() => {
                self.report.notes.push(format!("in the lab the new migration fails: {}", words(&error)));
                return Ok(None);
            }
            Err(error) => {
                return Err(MigrateError::new(format!(
                    "the migration that the schema asks for would fail: {}",
                    words(&error)
                ))
                .with_hint(
                    "nothing was written; change the schema, or write the migration by hand (--create-only)",
                ));
            }
        };
        self.report.lost = keep::lost_by_the_way(&history.catalog, &after.catalog);
        let left = diff(&self.compared(&after.catalog), &planned.to, &self.options);
        let (left, _) = keep::keep(left, &self.compared(&after.catalog), &self.options, Some(&[]));
        let left = match self.wanted() {
            Some(wanted) => side_file::settled(left, &self.compared(&after.catalog), &wanted).0,
            None => left,
        };
        if !left.is_empty() && !planned.renamings.is_empty() {
            return Err(MigrateError::new(format!(
                "after the renames the schema would still differ:\n{}",
                render::render(&left)
            ))
            .with_hint("write the migration by hand (--create-only)"));
        }
        Ok(Some(after))
    }

    /// What these migrations make, for a status that follows.
    fn made<'m>(&'m self, applied: &'m [&'m MigrationFolder]) -> Made<'m> {
        Made { project: self.project, namespace: self.connection.namespace(), applied }
    }

    fn cannot_be_executed(&self) -> MigrateError {
        let list: Vec<String> = self.report.unexecutable.iter().map(|text| format!("  • {text}")).collect();
        let hint = self.rename_hint().unwrap_or_else(|| {
            "create the migration with --create-only, correct its SQL for the rows that are there, and apply it with \
             another `migrate dev`"
                .to_owned()
        });
        MigrateError::new(format!("some changes cannot be executed:\n{}", list.join("\n"))).with_hint(hint)
    }

    /// Where nobody was asked, the likeliest rename is the likeliest way out.
    fn rename_hint(&self) -> Option<String> {
        let guess = self.report.guesses.first().filter(|_| !self.ask.interactive())?;
        Some(format!("if that is a rename ({}), say so: {}", guess.reasons.join("; "), guess.flag))
    }

    async fn confirmed(&self) -> Result<bool, MigrateError> {
        let list: Vec<String> = self.report.warnings.iter().map(|text| format!("  • {text}")).collect();
        let mut text = format!("Warnings for the current database:\n\n{}", list.join("\n"));
        if !self.report.lost.is_empty() {
            text.push_str(&format!("\n\nLost by the way: {}", self.report.lost.join(", ")));
        }
        if !self.ask.interactive() {
            let mut hint =
                "run it at a terminal to confirm, or create the migration with --create-only there and \
                            apply it with `migrate deploy`"
                    .to_owned();
            if let Some(guess) = self.report.guesses.first() {
                hint = format!("if that is a rename ({}), say so: {}", guess.reasons.join("; "), guess.flag);
            }
            return Err(MigrateError::new(format!(
                "the migration loses data or may fail, and nobody is at a terminal to confirm it\n{text}"
            ))
            .with_hint(hint));
        }
        self.ask.tell(&text);
        let question = match self.request.create_only {
            true => "Are you sure you want to create this migration?",
            false => "Are you sure you want to create and apply this migration?",
        };
        Ok(self.ask.confirm(question).await == Some(true))
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

fn script(folder: &MigrationFolder) -> Script<'_> {
    Script { name: &folder.name, text: folder.script() }
}

/// What models without `@@schema` live in: `public` where the schema lists its namespaces, else the connection's.
pub(super) fn default_namespace<'a>(schema: &PrismaSchema, connection: &'a Connection) -> &'a str {
    match schema.datasource.as_ref().is_some_and(|source| !source.schemas.is_empty()) {
        true => "public",
        false => connection.namespace(),
    }
}
