//! One statement, and what it really locked and rewrote.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pgsteward_model::lock::LockMode;
use pgsteward_model::migration::ServerError;
use pgsteward_pg::LabSession;

use super::strongest;
use crate::clone::Database;
use crate::error::LabError;

/// How long a statement may keep the observer waiting for the locks it asks for.
const OBSERVE_LIMIT: Duration = Duration::from_secs(20);

/// What one statement did to relations that were there before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatementTrace {
    /// Time the statement took, in microseconds; for one that was observed outside a transaction this
    /// includes the observer's waits.
    pub micros: u64,
    /// The strongest lock on each relation (`namespace.name`, unquoted), tables and indexes alike.
    pub locks: Vec<(String, LockMode)>,
    /// Tables and materialized views whose file was written anew (`pg_relation_filenode` changed). A
    /// TRUNCATE gives a new file too but writes no rows, so it is left out.
    pub rewrites: Vec<String>,
}

/// Object id, name and file of a relation.
struct Relation {
    name: String,
    kind: String,
    filenode: Option<String>,
}

/// Runs one statement as the owner and reports. `transactional`: it may run in a transaction block; otherwise
/// (CREATE INDEX CONCURRENTLY, VACUUM) its locks are read from other sessions while it waits for them. The
/// outer error is the lab's, the inner one the server's answer to the statement.
pub async fn trace_statement(
    database: &Database,
    session: &LabSession,
    sql: &str,
    transactional: bool,
) -> Result<Result<StatementTrace, ServerError>, LabError> {
    let before = relations(session).await.map_err(|error| LabError::server("read relations", error))?;
    let (micros, locks) = if transactional {
        match in_transaction(session, sql).await {
            Ok(seen) => seen,
            Err(error) => {
                // The error that counts is the statement's; a transaction that cannot be left shows next.
                drop(session.simple("ROLLBACK").await);
                return Ok(Err(error));
            }
        }
    } else {
        match observed(database, session, sql).await? {
            Ok(seen) => seen,
            Err(error) => return Ok(Err(error)),
        }
    };
    let after = relations(session).await.map_err(|error| LabError::server("read relations", error))?;
    let locks = strongest(
        locks.into_iter().filter_map(|(oid, mode)| before.get(&oid).map(|known| (known.name.clone(), mode))),
    );
    let truncate = sql.trim_start().get(..8).is_some_and(|word| word.eq_ignore_ascii_case("truncate"));
    let rewrites = before
        .iter()
        .filter(|(_, old)| matches!(old.kind.as_str(), "r" | "m") && !truncate)
        .filter(|(oid, old)| after.get(*oid).is_some_and(|new| new.filenode != old.filenode))
        .map(|(_, old)| old.name.clone())
        .collect();
    Ok(Ok(StatementTrace { micros, locks: locks.into_iter().collect(), rewrites }))
}

/// All relations of users, by object id.
async fn relations(session: &LabSession) -> Result<BTreeMap<String, Relation>, ServerError> {
    let rows = session
        .rows(
            "SELECT c.oid, n.nspname || '.' || c.relname, c.relkind, pg_catalog.pg_relation_filenode(c.oid) \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'm', 'i', 'I', 'v', 'S', 'f') \
             AND n.nspname NOT LIKE 'pg\\_%'",
        )
        .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let [oid, name, kind, filenode] = <[Option<String>; 4]>::try_from(row).ok()?;
            Some((oid?, Relation { name: name?, kind: kind?, filenode }))
        })
        .collect())
}

type Locks = Vec<(String, LockMode)>;

async fn in_transaction(session: &LabSession, sql: &str) -> Result<(u64, Locks), ServerError> {
    session.simple("BEGIN").await?;
    let started = Instant::now();
    session.simple(sql).await?;
    let micros = micros(started);
    let locks = locks_of(session, session.backend_pid()).await?;
    session.simple("COMMIT").await?;
    Ok((micros, locks))
}

fn micros(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Relation locks that a backend holds or waits for, as object id and mode.
async fn locks_of(session: &LabSession, backend_pid: i32) -> Result<Locks, ServerError> {
    let rows = session
        .rows(&format!(
            "SELECT relation, mode FROM pg_catalog.pg_locks \
             WHERE pid = {backend_pid} AND locktype = 'relation' AND relation >= 16384"
        ))
        .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let [oid, mode] = <[Option<String>; 2]>::try_from(row).ok()?;
            Some((oid?, LockMode::from_catalog_name(&mode?)?))
        })
        .collect())
}

/// Two others stand in the statement's way, one after the other. The holder has SHARE UPDATE EXCLUSIVE on every
/// table, so that the statement shows the lock it asks for; the reader has an old snapshot and ACCESS SHARE,
/// for which concurrent builds and drops wait with their locks in hand. Each leaves once the statement was seen
/// waiting.
async fn observed(
    database: &Database,
    session: &LabSession,
    sql: &str,
) -> Result<Result<(u64, Locks), ServerError>, LabError> {
    let lab_error = |error| LabError::server("observe a statement", error);
    let (holder, reader) = (database.session().await?, database.session().await?);
    let tables = holder
        .rows(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 AND c.relpersistence <> 't' \
             AND n.nspname NOT LIKE 'pg\\_%' AND pg_catalog.pg_get_userbyid(c.relowner) = current_user",
        )
        .await
        .map_err(lab_error)?;
    let tables: Vec<String> = tables.into_iter().flatten().flatten().collect();
    let lock_all = |mode: &str| match tables.as_slice() {
        [] => String::new(),
        tables => format!("LOCK TABLE {} IN {mode} MODE", tables.join(", ")),
    };
    let snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1; ";
    reader.simple(&format!("{snapshot}{}", lock_all("ACCESS SHARE"))).await.map_err(lab_error)?;
    let hold = format!("BEGIN; {}", lock_all("SHARE UPDATE EXCLUSIVE"));
    holder.simple(&hold).await.map_err(lab_error)?;
    let started = Instant::now();
    let done = AtomicBool::new(false);
    let pid = session.backend_pid();
    let watch = async {
        let mut seen = wait_and_look(&holder, pid, &done).await?;
        holder.simple("COMMIT").await?;
        seen.extend(wait_and_look(&reader, pid, &done).await?);
        reader.simple("COMMIT").await?;
        Ok::<Locks, ServerError>(seen)
    };
    let run = async {
        let result = session.simple(sql).await;
        done.store(true, Ordering::Relaxed);
        (result, micros(started))
    };
    let ((result, micros), seen) = tokio::join!(run, watch);
    holder.close().await;
    reader.close().await;
    let seen = seen.map_err(lab_error)?;
    Ok(result.map(|()| (micros, seen)))
}

/// Waits until the backend waits for a lock (or the statement is done) and returns what it holds and asks for.
async fn wait_and_look(observer: &LabSession, pid: i32, done: &AtomicBool) -> Result<Locks, ServerError> {
    let started = Instant::now();
    let mut seen = Vec::new();
    while !done.load(Ordering::Relaxed) && started.elapsed() < OBSERVE_LIMIT {
        let waiting = observer
            .rows(&format!("SELECT FROM pg_catalog.pg_locks WHERE pid = {pid} AND NOT granted LIMIT 1"))
            .await?;
        seen.extend(locks_of(observer, pid).await?);
        if !waiting.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_micros(300)).await;
    }
    Ok(seen)
}
