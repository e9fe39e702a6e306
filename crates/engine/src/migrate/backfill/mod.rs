//! `migrate backfill`: one UPDATE over a whole table, in batches by its key that nobody has to wait for.
//!
//! How far it came stands in a table of the database itself and changes with the rows of a batch, so it goes on
//! where it was killed, and no batch runs twice. Suggested reading order: [`Definition`] (what is done), `key` (how
//! a table is cut), `progress` (how far it came), `pace` (how it gives way), `run`.

mod definition;
pub(super) mod fired;
mod key;
mod pace;
mod progress;
mod replicas;
mod run;

use std::time::{Duration, Instant};

use pgsteward_model::migrate::backfill::{BackfillOutcome, BackfillReport};
use pgsteward_model::statement::Statement;
use pgsteward_pg::WriteSession;
use pgsteward_sql::quote_literal;

pub use definition::Definition;

use super::ask::Ask;
use super::connection::{Connection, Use, resolve};
use super::error::MigrateError;
use super::project::{MigrateProject, MigrationFolder, ProjectOptions, read_utf8};
use super::{plain_files, server};
use crate::Progress;
use key::Key;
use progress::Table;
pub(super) use progress::told;
use run::Run;

#[derive(Clone, Debug)]
pub struct BackfillOptions {
    pub project: ProjectOptions,
    pub url: Option<String>,
    pub source: Source,
    /// Most rows of one batch; fewer where others have to wait.
    pub batch_size: u32,
    /// Rest after each batch.
    pub pause: Duration,
    /// No batch begins while a replica is further behind. None: replicas are not looked at.
    pub max_lag: Option<Duration>,
    /// Shows what would run.
    pub dry_run: bool,
    /// Begins anew what was finished or begun.
    pub again: bool,
    /// How long to wait for another run of the same backfill.
    pub wait: Duration,
}

/// Where the definition comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A migration with `backfill.sql`, or with the same in its comments.
    Folder(String),
    /// `--table`, `--set`, `--where`.
    Flags(Definition),
}

/// Fills what is left. Where it ends with an error everything up to the last batch stays, and the next run goes on
/// from there.
pub async fn backfill(
    options: &BackfillOptions,
    ask: &dyn Ask,
    progress: &dyn Progress,
) -> Result<BackfillReport, MigrateError> {
    let began = Instant::now();
    let project = MigrateProject::find(&options.project)?;
    let (name, definition) = read(&project, &options.source)?;
    let connection = resolve(&project, options.url.as_deref(), Use::Write)?;
    progress.phase("connect");
    let session = server::connect(&connection, "migrate backfill").await?;
    let mut report = BackfillReport {
        database: server::database_name(&connection, session.version()),
        statement: definition.render(),
        name,
        notes: connection.note.iter().cloned().collect(),
        ..BackfillReport::default()
    };
    let with = With { connection: &connection, options, ask, progress };
    let done = on(&session, &definition, &with, &mut report).await;
    session.close().await;
    done?;
    report.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// What a run is given besides the statement.
struct With<'a> {
    connection: &'a Connection,
    options: &'a BackfillOptions,
    ask: &'a dyn Ask,
    progress: &'a dyn Progress,
}

async fn on(
    session: &WriteSession,
    definition: &Definition,
    &With { connection, options, ask, progress }: &With<'_>,
    report: &mut BackfillReport,
) -> Result<(), MigrateError> {
    let key = Key::of(session, &definition.table).await?;
    refuse_changes_of_key(definition, &key)?;
    report.key = key.columns.iter().map(|(name, _)| name.clone()).collect();
    report.estimated_rows = estimate(session, &definition.table).await?;
    let table = Table::new(connection.namespace());
    let told = fired::told(session, definition)
        .await
        .map_err(|error| MigrateError::server("ask which triggers the fill runs", &error))?;
    report.notes.extend(told.iter().map(|told| format!("{told}.")));
    let run = Run { session, connection, definition, key: &key, table: &table, options, progress };
    if options.dry_run {
        return run.show(report).await;
    }
    server::refuse_read_only(session).await?;
    lock(session, &report.name, options.wait, progress).await?;
    table.make(session).await?;
    let known = table.read(session, &report.name).await?.filter(|_| !options.again);
    if let Some(row) = &known
        && row.statement != report.statement
    {
        let message =
            format!("\"{}\" was begun with another statement:\n{}", report.name, row.statement.trim_end());
        return Err(MigrateError::new(message)
            .with_hint("bring that statement back to go on, or pass --again to begin anew with this one"));
    }
    match known {
        Some(row) if row.finished_at.is_some() => {
            report.outcome = BackfillOutcome::WasFinished;
            (report.rows_read, report.rows_changed, report.batches) =
                (row.rows_read, row.rows_changed, row.batches);
        }
        known => {
            if let Some(told) = &told {
                fired::agreed(ask, progress, told, known.is_some()).await?;
            }
            run.fill(known, report).await?;
        }
    }
    report.rows_left = run.left().await?;
    Ok(())
}

fn read(project: &MigrateProject, source: &Source) -> Result<(String, Definition), MigrateError> {
    match source {
        Source::Flags(definition) => {
            // Read back, so that flags can say no more than a file can.
            let definition = Definition::parse(&definition.render())?;
            let digest = super::project::checksum(&definition.render());
            Ok((format!("{} {}", definition.table, digest.get(..12).unwrap_or(&digest)), definition))
        }
        Source::Folder(name) => {
            let name = name.trim_end_matches('/').rsplit('/').next().unwrap_or(name);
            match text_of(project, name)? {
                Found::Text(text) => Ok((name.to_owned(), Definition::parse(&text)?)),
                Found::NoMigration => {
                    Err(MigrateError::new(format!("there is no migration \"{name}\" on disk"))
                        .with_hint("`pgsteward migrate status` lists the migrations"))
                }
                Found::NoFile(called) => {
                    Err(MigrateError::new(format!("the migration \"{name}\" has no {called}")).with_hint(
                        "`pgsteward migrate plan --safe` makes it; or say it with --table, --set and --where",
                    ))
                }
            }
        }
    }
}

/// Whether the migration has a backfill.
pub(super) fn is_of(project: &MigrateProject, name: &str) -> Result<bool, MigrateError> {
    Ok(matches!(text_of(project, name)?, Found::Text(_)))
}

enum Found {
    NoMigration,
    /// It would have this name.
    NoFile(String),
    Text(String),
}

/// The backfill of a migration. In plain SQL it stands in the migration's comments, or beside it.
fn text_of(project: &MigrateProject, name: &str) -> Result<Found, MigrateError> {
    let (file, own) = if project.is_prisma() {
        let folder = project.migrations_folder.join(name);
        if !folder.is_dir() {
            return Ok(Found::NoMigration);
        }
        (folder.join("backfill.sql"), None)
    } else {
        let folders = project.migrations()?;
        let Some(folder) = folders.iter().find(|folder| folder.name == name) else {
            return Ok(Found::NoMigration);
        };
        let [_, backfill] = plain_files::beside(folder);
        (backfill, Definition::in_comments(&folder.text))
    };
    if file.is_file() {
        return read_utf8(&file).map(Found::Text);
    }
    let called = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(own.map_or(Found::NoFile(called), Found::Text))
}

/// The backfill of a migration, beside it or in its comments; none where it has none.
pub(super) fn of_migration(
    project: &MigrateProject,
    folder: &MigrationFolder,
) -> Result<Option<Definition>, MigrateError> {
    let [_, file] = plain_files::beside(folder);
    let text = match file.is_file() {
        true => Some(read_utf8(&file)?),
        false if project.is_prisma() => None,
        false => Definition::in_comments(&folder.text),
    };
    let read = |text: String| {
        Definition::parse(&text).map_err(|mut error| {
            error.message = format!("the backfill of \"{}\": {}", folder.name, error.message);
            error
        })
    };
    text.map(read).transpose()
}

/// A row whose key changes could be met twice.
fn refuse_changes_of_key(definition: &Definition, key: &Key) -> Result<(), MigrateError> {
    let parsed = pgsteward_sql::parse(&definition.render());
    let changed = parsed.statements.iter().find_map(|parsed| match &parsed.statement {
        Statement::Update { columns, .. } => {
            key.columns.iter().map(|(name, _)| name).find(|name| columns.contains(name))
        }
        _ => None,
    });
    match changed {
        Some(column) => Err(MigrateError::new(format!(
            "the backfill changes \"{column}\", which is part of the key that its batches are cut by"
        ))
        .with_hint("fill another column, and let it take the place of this one")),
        None => Ok(()),
    }
}

async fn estimate(session: &WriteSession, table: &str) -> Result<Option<u64>, MigrateError> {
    let sql = format!(
        "SELECT sum(c.reltuples)::bigint FROM pg_catalog.pg_class c WHERE c.reltuples > 0 AND (c.oid = {0}::pg_catalog.regclass \
         OR c.oid IN (SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = {0}::pg_catalog.regclass))",
        quote_literal(table)
    );
    let rows =
        session.value(&sql).await.map_err(|error| MigrateError::server("estimate the rows", &error))?;
    Ok(rows.and_then(|value| value.parse().ok()))
}

/// One run of a backfill at a time. A run that was killed may still have its last batch running: this waits for it.
async fn lock(
    session: &WriteSession,
    name: &str,
    wait: Duration,
    progress: &dyn Progress,
) -> Result<(), MigrateError> {
    let began = Instant::now();
    let sql = format!(
        "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended({}, 0))",
        quote_literal(&format!("pgsteward backfill {name}"))
    );
    loop {
        let taken = session
            .value(&sql)
            .await
            .map_err(|error| MigrateError::server("take the backfill's lock", &error))?;
        if taken.as_deref() == Some("t") {
            return Ok(());
        }
        if began.elapsed() >= wait {
            return Err(MigrateError::new(format!("another run of the backfill \"{name}\" goes on"))
                .with_hint(
                    "wait until it is over, or end its session (application_name 'pgsteward migrate')",
                ));
        }
        progress.phase("wait for another run of this backfill");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
