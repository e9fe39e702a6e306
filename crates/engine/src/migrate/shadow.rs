//! The shadow database: where migrations are replayed to learn what they make. It lies in the lab, so the user's
//! server needs no right to create databases and never holds a copy of anything.
//!
//! A replay stops at the first migration that fails, with Prisma's P3006. Knows no server of the user's.

use std::sync::Arc;

use pgsteward_lab::{Database, Lab, LabError, LabOptions, ReplayOptions, replay_files};
use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::migration::{
    History, Layout, MigrationFile, Regime, Replay, ReplayFailure, ServerError, Skipped,
};
use pgsteward_model::source::{SourceFile, Sources};
use pgsteward_model::version::ServerVersion;
use pgsteward_pg::CatalogOptions;
use pgsteward_sql::Births;

use super::error::MigrateError;
use crate::Progress;
use crate::collect::LabWish;

/// SQL to replay: a migration, or the project's `initShadowDb`.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

/// Scripts that were read, to be replayed.
pub struct ToReplay {
    history: History,
    sources: Sources,
    /// Without the project's `initShadowDb`, which is no migration.
    migrations: usize,
}

impl ToReplay {
    /// Needs no lab, so one can start meanwhile.
    pub fn read(init: Option<&str>, scripts: &[Script<'_>], version: ServerVersion) -> ToReplay {
        let init = init.filter(|sql| !sql.trim().is_empty()).map(|text| Script { name: INIT, text });
        let all: Vec<Script<'_>> = init.into_iter().chain(scripts.iter().copied()).collect();
        let mut sources = Sources::default();
        let history = history(&all, version, &mut sources);
        ToReplay { history, sources, migrations: scripts.len() }
    }
}

/// The name of the project's `initShadowDb` among the scripts.
const INIT: &str = "initShadowDb";

/// A running lab for shadow databases.
pub struct Shadow {
    lab: Arc<Lab>,
    /// Where unqualified names go: the `schema` of the connection URL.
    namespace: String,
    /// Run before the first migration: `migrations.initShadowDb` of prisma.config.ts.
    init: Option<String>,
}

/// A database in the state that some migrations leave.
#[derive(Clone, Debug)]
pub struct Replayed {
    pub database: Database,
    pub catalog: Catalog,
    /// What the lab left out or replaced, for people.
    pub notes: Vec<String>,
    /// Names of scripts that the server takes statement by statement only.
    pub by_statement: Vec<String>,
}

impl Shadow {
    pub async fn start(
        wish: &LabWish,
        namespace: &str,
        init: Option<String>,
        progress: &dyn Progress,
    ) -> Result<Shadow, MigrateError> {
        progress.phase("start the lab");
        let options = LabOptions { major: wish.major, offline: wish.offline, ..LabOptions::default() };
        let lab = Lab::start(&options).await.map_err(|error| broke(&error))?;
        let init = init.filter(|sql| !sql.trim().is_empty());
        Ok(Shadow { lab: Arc::new(lab), namespace: namespace.to_owned(), init })
    }

    pub fn lab(&self) -> &Arc<Lab> {
        &self.lab
    }

    pub fn version(&self) -> ServerVersion {
        self.lab.version()
    }

    /// What the user should know of the lab itself: another major version than the wanted one.
    pub fn note(&self) -> Option<String> {
        self.lab.note().map(str::to_owned)
    }

    /// The state that these migrations leave on an empty database.
    pub async fn replay(
        &self,
        scripts: &[Script<'_>],
        progress: &dyn Progress,
    ) -> Result<Replayed, MigrateError> {
        let count = scripts.len();
        progress.phase(&format!("replay {count} migrations on PostgreSQL {}", self.version()));
        let mut all: Vec<Script<'_>> = Vec::with_capacity(count + 1);
        all.extend(self.init.as_deref().map(|text| Script { name: INIT, text }));
        all.extend(scripts);
        let mut regimes: Vec<Regime> = all.iter().map(|script| likely_regime(script.text)).collect();
        loop {
            let database = self.empty().await?;
            match self.run(&database, &all, &mut regimes).await? {
                Ran::Well(notes) => return self.look(database, notes, by_statement(&all, &regimes)).await,
                // Known now to need its statements sent one by one; those before it commit again.
                Ran::Again => self.finish(database).await?,
                Ran::Failed(name, failure) => {
                    self.finish(database).await?;
                    return Err(not_clean(&name, &failure.error));
                }
            }
        }
    }

    /// As [`Shadow::replay`], for migrations that ran on a server already, in whatever regime.
    pub async fn replay_what_ran(
        &self,
        read: &ToReplay,
        progress: &dyn Progress,
    ) -> Result<Replayed, MigrateError> {
        let ToReplay { history, sources, migrations } = read;
        let count = history.files.len();
        progress.phase(&format!("replay {migrations} migrations on PostgreSQL {}", self.version()));
        let database = self.empty().await?;
        let options = ReplayOptions { trace: false, or_by_statement: true, ..ReplayOptions::default() };
        let mut replay = Replay::default();
        replay_files(&self.lab, &database, history, sources, 0..count, &options, &mut replay)
            .await
            .map_err(|error| broke(&error))?;
        let failed = history.files.iter().find_map(|file| Some((file, replay.failures.get(&file.name)?)));
        if let Some((file, failure)) = failed {
            self.finish(database).await?;
            return Err(not_clean(&file.name, &failure.error));
        }
        self.look(database, left_out(&replay), Vec::new()).await
    }

    /// The state after more migrations; the given one is used up.
    pub async fn go_on(&self, replayed: Replayed, scripts: &[Script<'_>]) -> Result<Replayed, MigrateError> {
        if scripts.is_empty() {
            return Ok(replayed);
        }
        let mut regimes: Vec<Regime> = scripts.iter().map(|script| likely_regime(script.text)).collect();
        let Replayed { database: before, mut notes, by_statement: mut alone, .. } = replayed;
        loop {
            let database = self.copy(&before).await?;
            match self.run(&database, scripts, &mut regimes).await? {
                Ran::Well(more) => {
                    self.finish(before).await?;
                    notes.extend(more);
                    alone.extend(by_statement(scripts, &regimes));
                    return self.look(database, notes, alone).await;
                }
                Ran::Again => self.finish(database).await?,
                Ran::Failed(name, failure) => {
                    self.finish(database).await?;
                    return Err(not_clean(&name, &failure.error));
                }
            }
        }
    }

    /// Tries SQL on a copy: the state that it leaves, or what the server says against it. The given state stays.
    pub async fn attempt(
        &self,
        on: &Replayed,
        name: &str,
        sql: &str,
    ) -> Result<Result<Replayed, ServerError>, MigrateError> {
        let scripts = [Script { name, text: sql }];
        let mut regimes = vec![likely_regime(sql)];
        loop {
            let database = self.copy(&on.database).await?;
            match self.run(&database, &scripts, &mut regimes).await? {
                Ran::Well(notes) => {
                    let alone = by_statement(&scripts, &regimes);
                    return Ok(Ok(self.look(database, notes, alone).await?));
                }
                Ran::Again => self.finish(database).await?,
                Ran::Failed(_, failure) => {
                    self.finish(database).await?;
                    return Ok(Err(failure.error));
                }
            }
        }
    }

    /// An empty database in which unqualified names go where the connection's do.
    async fn empty(&self) -> Result<Database, MigrateError> {
        let database = self.lab.create_database().await.map_err(|error| broke(&error))?;
        if self.namespace != "public" {
            let sql = format!("CREATE SCHEMA {}", pgsteward_sql::quote_ident(&self.namespace));
            self.as_owner(&database, &sql).await?;
        }
        self.set_namespace(&database).await?;
        Ok(database)
    }

    async fn copy(&self, database: &Database) -> Result<Database, MigrateError> {
        let copy = self.lab.clone_database(database).await.map_err(|error| broke(&error))?;
        self.set_namespace(&copy).await?;
        Ok(copy)
    }

    /// Settings of a database are no part of a copy of it.
    async fn set_namespace(&self, database: &Database) -> Result<(), MigrateError> {
        if self.namespace == "public" {
            return Ok(());
        }
        let (name, path) = (database.name(), pgsteward_sql::quote_ident(&self.namespace));
        self.as_owner(database, &format!("ALTER DATABASE {name} SET search_path = {path}")).await
    }

    async fn as_owner(&self, database: &Database, sql: &str) -> Result<(), MigrateError> {
        let session = database.session().await.map_err(|error| broke(&error))?;
        let ran = session.simple(sql).await;
        session.close().await;
        ran.map_err(|error| {
            MigrateError::new(format!("the lab could not prepare a shadow database: {}", error.message))
        })
    }

    async fn finish(&self, database: Database) -> Result<(), MigrateError> {
        self.lab.finish_database(database).await.map_err(|error| broke(&error))
    }

    async fn look(
        &self,
        database: Database,
        notes: Vec<String>,
        by_statement: Vec<String>,
    ) -> Result<Replayed, MigrateError> {
        let session = database.session().await.map_err(|error| broke(&error))?;
        let read = session.catalog(&CatalogOptions::default()).await;
        session.close().await;
        let (catalog, _) = read?;
        Ok(Replayed { database, catalog, notes, by_statement })
    }

    async fn run(
        &self,
        database: &Database,
        scripts: &[Script<'_>],
        regimes: &mut [Regime],
    ) -> Result<Ran, MigrateError> {
        let mut sources = Sources::default();
        let mut history = history(scripts, self.version(), &mut sources);
        let mut notes = Vec::new();
        let options = ReplayOptions { trace: false, ..ReplayOptions::default() };
        let mut at = 0;
        while at < scripts.len() {
            let regime = regimes[at];
            let end =
                regimes[at..].iter().position(|other| *other != regime).map_or(scripts.len(), |n| at + n);
            history.regime = regime;
            let mut replay = Replay::default();
            replay_files(&self.lab, database, &history, &sources, at..end, &options, &mut replay)
                .await
                .map_err(|error| broke(&error))?;
            let failed = (at..end)
                .find_map(|at| replay.failures.get(scripts[at].name).map(|failure| (at, failure.clone())));
            if let Some((at, failure)) = failed {
                if regime == Regime::OneMessage && wants_no_transaction(&failure.error) {
                    regimes[at] = Regime::PerStatement;
                    return Ok(Ran::Again);
                }
                return Ok(Ran::Failed(scripts[at].name.to_owned(), Box::new(failure)));
            }
            notes.extend(left_out(&replay));
            at = end;
        }
        Ok(Ran::Well(notes))
    }
}

/// What the lab left out, for people.
fn left_out(replay: &Replay) -> Vec<String> {
    let words =
        |skipped: &Skipped| format!("the lab left out {} of {}: {}", skipped.what, skipped.file, skipped.why);
    replay.skipped.iter().map(words).collect()
}

enum Ran {
    Well(Vec<String>),
    Again,
    Failed(String, Box<ReplayFailure>),
}

/// A file that says CONCURRENTLY or VACUUM is sent statement by statement; all others as one message, which
/// leaves nothing behind where it fails.
fn likely_regime(text: &str) -> Regime {
    let upper = text.to_ascii_uppercase();
    match ["CONCURRENTLY", "VACUUM"].iter().any(|word| upper.contains(word)) {
        true => Regime::PerStatement,
        false => Regime::OneMessage,
    }
}

fn by_statement(scripts: &[Script<'_>], regimes: &[Regime]) -> Vec<String> {
    let alone = scripts.iter().zip(regimes).filter(|(_, regime)| **regime == Regime::PerStatement);
    alone.map(|(script, _)| script.name.to_owned()).collect()
}

/// SQLSTATE `active_sql_transaction` and `unsafe_new_enum_value_usage`.
fn wants_no_transaction(error: &ServerError) -> bool {
    matches!(error.sqlstate.as_str(), "25001" | "55P04")
}

fn history(scripts: &[Script<'_>], version: ServerVersion, sources: &mut Sources) -> History {
    let mut catalog = Catalog::empty(version);
    let mut births = Births::default();
    let files = scripts
        .iter()
        .map(|script| {
            let regime = Regime::OneMessage;
            let analyzed = pgsteward_sql::analyze_file(script.text, &mut catalog, &mut births, regime);
            let source = sources.add(SourceFile::new(script.name, script.text));
            MigrationFile {
                name: script.name.to_owned(),
                path: source.path.clone(),
                down: None,
                judged: false,
                statements: analyzed.statements,
                errors: analyzed.errors,
                checksum: String::new(),
            }
        })
        .collect();
    History {
        directory: String::new(),
        layout: Layout::Prisma,
        files,
        regime: Regime::OneMessage,
        judged_because: String::new(),
        replay: None,
    }
}

fn not_clean(name: &str, error: &ServerError) -> MigrateError {
    let state = if error.sqlstate.is_empty() { String::new() } else { format!(" ({})", error.sqlstate) };
    MigrateError::coded(
        "P3006",
        format!(
            "Migration `{name}` failed to apply cleanly to the shadow database.\nError: {}{state}",
            error.message
        ),
    )
    .with_hint(
        "correct the migration, or remove it if it was never applied anywhere; nothing was changed on your server",
    )
}

/// The lab itself could not do its work.
pub(super) fn broke(error: &LabError) -> MigrateError {
    MigrateError::new(format!("the lab cannot serve as shadow database: {error}")).with_hint(error.hint())
}

/// A catalog without the tables and enums that the project calls external (`tables.external`,
/// `enums.external`): Prisma compares none of them.
pub fn without_external(catalog: &Catalog, tables: &[String], enums: &[String]) -> Catalog {
    let names = |list: &[String]| -> Vec<QName> {
        list.iter()
            .map(|name| match name.split_once('.') {
                Some((namespace, name)) => QName::new(namespace, name),
                None => QName::public(name),
            })
            .collect()
    };
    let mut rest = catalog.clone();
    for name in names(tables) {
        rest.tables.remove(&name);
    }
    for name in names(enums) {
        rest.enums.remove(&name);
    }
    rest
}
