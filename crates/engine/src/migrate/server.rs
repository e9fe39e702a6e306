//! The user's server as the verbs meet it: made where it is missing, locked for the time of a run, and asked whether
//! it takes writes at all.

use std::time::{Duration, Instant};

use pgsteward_model::migrate::DatabaseName;
use pgsteward_model::migration::{OWN_TABLES, ServerError};
use pgsteward_pg::history::{ADVISORY_LOCK, HistoryTable, create_table};
use pgsteward_pg::{ConnectError, Permit, ServerUrl, WriteSession};
use pgsteward_sql::{quote_ident, quote_literal};

use super::connection::Connection;
use super::error::MigrateError;
use super::holders;
use super::plain_files;
use super::project::MigrateProject;
use crate::Progress;

/// How long Prisma's own tools wait for the lock is ten seconds; a deploy of several replicas of one service takes
/// longer than that.
pub const LOCK_WAIT: Duration = Duration::from_secs(60);

/// Connects for writing, for the command that the user gave.
pub async fn connect(connection: &Connection, asked: &str) -> Result<WriteSession, MigrateError> {
    Ok(WriteSession::connect(&connection.url, Permit::for_url(&connection.url, asked)).await?)
}

/// As [`connect`], and makes the database where the server has none of that name. True where it was made.
pub async fn connect_or_create(
    connection: &Connection,
    asked: &str,
) -> Result<(WriteSession, bool), MigrateError> {
    match WriteSession::connect(&connection.url, Permit::for_url(&connection.url, asked)).await {
        Ok(session) => Ok((session, false)),
        Err(ConnectError::UnknownDatabase { .. }) => {
            create_database(&connection.url, asked).await?;
            Ok((connect(connection, asked).await?, true))
        }
        Err(error) => Err(error.into()),
    }
}

/// P3000 where the server does not let us. The database to connect to meanwhile is `postgres`, else `template1`.
async fn create_database(url: &ServerUrl, asked: &str) -> Result<(), MigrateError> {
    let name = url.database().or(url.user()).unwrap_or_default().to_owned();
    if matches!(name.as_str(), "postgres" | "template0" | "template1") {
        let message = format!("the system database \"{name}\" is not there and is not made by a migration");
        return Err(MigrateError::coded("P3004", message)
            .with_hint("name a database of your own in the connection URL"));
    }
    let mut last = None;
    for database in ["postgres", "template1"] {
        let url = url.with_database(database);
        match WriteSession::connect(&url, Permit::for_url(&url, asked)).await {
            Ok(session) => {
                let made = session.simple(&format!("CREATE DATABASE {}", quote_ident(&name))).await;
                session.close().await;
                return match made {
                    Ok(()) => Ok(()),
                    // Somebody else made it in the meantime: unique violation or duplicate database.
                    Err(error) if matches!(error.sqlstate.as_str(), "23505" | "42P04") => Ok(()),
                    Err(error) => {
                        let message = format!(
                            "failed to create the database \"{name}\": {}",
                            super::error::words(&error)
                        );
                        Err(MigrateError::coded("P3000", message)
                            .with_hint("create it yourself, or connect as a role with CREATEDB"))
                    }
                };
            }
            Err(error) => last = Some(error),
        }
    }
    let why = last.map(|error| error.to_string()).unwrap_or_default();
    Err(MigrateError::coded(
        "P1003",
        format!("database \"{name}\" does not exist, and it cannot be created: {why}"),
    )
    .with_hint("create it, or correct the database in the connection URL"))
}

/// Refuses a server that takes no writes, before anything is tried.
pub async fn refuse_read_only(session: &WriteSession) -> Result<(), MigrateError> {
    let sql = "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')";
    let rows = session
        .rows(sql)
        .await
        .map_err(|error| MigrateError::server("ask whether the server takes writes", &error))?;
    let (why, hint) = match rows.first().map(Vec::as_slice) {
        Some([Some(recovery), _]) if recovery == "t" => {
            ("it is a replica (in recovery)", "name the primary in the connection URL")
        }
        Some([_, Some(read_only)]) if read_only == "on" => (
            "its transactions are read-only (default_transaction_read_only)",
            "name the primary in the connection URL; if this is it, see who set default_transaction_read_only (the role, the \
             database, the URL, or a service whose disk is nearly full) and take it off",
        ),
        _ => return Ok(()),
    };
    Err(MigrateError::new(format!(
        "the server at {} takes no writes: {why}; nothing was run",
        session.url().place()
    ))
    .with_hint(hint))
}

/// The database for a report.
pub fn database_name(
    connection: &Connection,
    version: pgsteward_model::version::ServerVersion,
) -> DatabaseName {
    DatabaseName {
        name: connection.database().to_owned(),
        place: connection.url.place(),
        namespace: connection.namespace().to_owned(),
        origin: connection.origin.clone(),
        server_version: version.to_string(),
    }
}

/// Takes the lock that all writers of a history share, Prisma's engine included. Says who holds it while it waits,
/// and ends with P1002 after `wait`. Returns how long it waited. Without the lock where
/// `PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK` is set, as with Prisma.
///
/// It asks again and again rather than waiting inside the server: a waiting query holds a snapshot, and the
/// concurrent index build of the very run that it waits for would wait for that snapshot.
pub async fn lock(
    session: &WriteSession,
    wait: Duration,
    progress: &dyn Progress,
) -> Result<Duration, MigrateError> {
    if lock_is_disabled() {
        return Ok(Duration::ZERO);
    }
    let began = Instant::now();
    let failed = |error: ServerError| MigrateError::server("take the advisory lock", &error);
    let take = format!("SELECT pg_catalog.pg_try_advisory_lock({ADVISORY_LOCK})");
    let mut pause = Duration::from_millis(50);
    let mut holder = String::new();
    let mut asked_at = None;
    loop {
        if session.value(&take).await.map_err(failed)?.as_deref() == Some("t") {
            return Ok(began.elapsed());
        }
        if asked_at.is_none_or(|at: Instant| at.elapsed() > Duration::from_secs(1)) {
            holder = holders::of_history(session).await.map_err(failed)?;
            progress.phase(&format!("wait for the advisory lock, held by {holder}"));
            asked_at = Some(Instant::now());
        }
        if began.elapsed() >= wait {
            let message = format!(
                "timed out trying to acquire a postgres advisory lock (SELECT pg_advisory_lock({ADVISORY_LOCK})). \
                 Timeout: {}ms. It is held by {holder}",
                wait.as_millis()
            );
            return Err(MigrateError::coded("P1002", message).with_hint(
                "wait until that migration is over; if nothing runs there any more, end the session with SELECT \
                 pg_terminate_backend(PID)",
            ));
        }
        tokio::time::sleep(pause.min(wait.saturating_sub(began.elapsed()))).await;
        pause = (pause * 2).min(Duration::from_millis(400));
    }
}

/// Takes the lock again after a script that may have given up all advisory locks (DISCARD ALL). Where it did not, the
/// session holds it twice, and both go with the session.
pub(super) fn retake() -> String {
    match lock_is_disabled() {
        true => "SELECT true".to_owned(),
        false => format!("SELECT pg_catalog.pg_try_advisory_lock({ADVISORY_LOCK})"),
    }
}

fn lock_is_disabled() -> bool {
    std::env::var_os("PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK").is_some_and(|value| !value.is_empty())
}

/// Whether the database holds no table but a history's: nothing that anybody could wait for, or be in the way.
pub(super) async fn is_empty(session: &WriteSession) -> Result<bool, MigrateError> {
    // Object ids below 16384 belong to the system.
    let sql = format!(
        "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid >= 16384 AND relpersistence <> 't' \
         AND relkind IN ('r', 'p', 'm', 'f') AND relname NOT IN ('_prisma_migrations', '{}'))",
        OWN_TABLES.join("', '")
    );
    let answer = session.value(&sql).await;
    let answer = answer.map_err(|error| MigrateError::server("look at the database", &error))?;
    Ok(answer.as_deref() == Some("t"))
}

/// Makes the table of the history, and its namespace where the URL names one that is not there. P3005 where the
/// database holds tables already and `baseline` is not said. What was made, in words.
pub async fn initialise(
    session: &WriteSession,
    project: &MigrateProject,
    table: &HistoryTable,
    baseline: bool,
) -> Result<Vec<String>, MigrateError> {
    let mut made = Vec::new();
    let failed = |error: ServerError| MigrateError::server("look at the database", &error);
    let namespaces = match project.is_prisma() {
        true => namespaces(project, &table.namespace),
        // A namespace that a migration is about to make holds nothing that would be in its way.
        false => vec![table.namespace.clone()],
    };
    if !baseline {
        let list: Vec<String> = namespaces.iter().map(|name| quote_literal(name)).collect();
        // Prisma calls a database empty by its ordinary tables alone, and does not count those of PostGIS.
        let sql = format!(
            "SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname IN ({}) \
             AND c.relname NOT IN ('_prisma_migrations', '{}', 'spatial_ref_sys') ORDER BY 1 LIMIT 4",
            list.join(", "),
            OWN_TABLES.join("', '")
        );
        let rows = session.rows(&sql).await.map_err(failed)?;
        let tables: Vec<&str> = rows.iter().filter_map(|row| row.first()?.as_deref()).collect();
        if !tables.is_empty() {
            let shown =
                tables.iter().take(3).map(|table| format!("\"{table}\"")).collect::<Vec<_>>().join(", ");
            let more = if tables.len() > 3 { " and more" } else { "" };
            return Err(MigrateError::coded(
                "P3005",
                format!(
                    "the database schema is not empty: it holds {shown}{more} and no history of migrations. Read more \
                     about how to baseline an existing production database: https://pris.ly/d/migrate-baseline"
                ),
            )
            .with_hint(
                "mark the migrations that made these tables with `pgsteward migrate resolve --applied NAME`, then deploy",
            ));
        }
    }
    let sql =
        format!("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = {}", quote_literal(&table.namespace));
    if session.value(&sql).await.map_err(failed)?.is_none() {
        let sql = format!("CREATE SCHEMA IF NOT EXISTS {}", quote_ident(&table.namespace));
        session.simple(&sql).await.map_err(|error| MigrateError::server("create the namespace", &error))?;
        made.push(format!("namespace \"{}\"", table.namespace));
    }
    match session.simple(&create_table(table)).await {
        Ok(()) => made.push(format!("table {}", table.quoted())),
        // Another tool without the lock was faster.
        Err(error) if error.sqlstate == "42P07" => {}
        Err(error) => return Err(MigrateError::server("create the table of the history", &error)),
    }
    Ok(made)
}

/// The namespaces of a project: the URL's, and those that the schema names or that migrations of plain SQL make.
pub fn namespaces(project: &MigrateProject, of_url: &str) -> Vec<String> {
    let mut namespaces = vec![of_url.to_owned()];
    let of_schema = project.schema.as_ref().and_then(|schema| schema.datasource.as_ref());
    for namespace in of_schema.map(|source| source.schemas.as_slice()).unwrap_or_default() {
        if !namespaces.contains(namespace) {
            namespaces.push(namespace.clone());
        }
    }
    if !project.is_prisma()
        // What cannot be read was said by the verb, which read it first.
        && let Ok(folders) = project.migrations()
    {
        let made = plain_files::namespaces(&folders).made;
        namespaces.extend(made.into_iter().filter(|made| made != of_url));
    }
    namespaces
}
