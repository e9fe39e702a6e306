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
    /// Tables and materialized views whose file was written anew (`pg_class.relfilenode` changed). A
    /// TRUNCATE gives a new file too but writes no rows, so it is left out.
    pub rewrites: Vec<String>,
}

/// Sees what the statements of one session do. The two sessions that it needs for statements that run outside a
/// transaction are opened when they are first needed and stay, so the database cannot be cloned until
/// [`Tracer::close`].
#[derive(Debug)]
pub struct Tracer {
    database: Database,
    others: Option<Others>,
}

/// Who stands in a statement's way.
#[derive(Debug)]
struct Others {
    holder: LabSession,
    reader: LabSession,
}

/// Name and file of a relation.
struct Relation {
    name: String,
    /// None for what has none of its own, and for what a rewrite says nothing of: indexes, sequences.
    filenode: Option<String>,
}

/// Runs one statement as the owner and reports, as [`Tracer::trace`] does; for those who have but one.
pub async fn trace_statement(
    database: &Database,
    session: &LabSession,
    sql: &str,
    transactional: bool,
) -> Result<Result<StatementTrace, ServerError>, LabError> {
    let mut tracer = Tracer::new(database);
    let trace = tracer.trace(session, sql, transactional).await;
    tracer.close().await;
    trace
}

impl Tracer {
    pub fn new(database: &Database) -> Tracer {
        Tracer { database: database.clone(), others: None }
    }

    /// Ends the sessions of its own.
    pub async fn close(self) {
        if let Some(Others { holder, reader }) = self.others {
            holder.close().await;
            reader.close().await;
        }
    }

    /// Runs one statement as the owner and reports. `transactional`: it may run in a transaction block;
    /// otherwise (CREATE INDEX CONCURRENTLY, VACUUM) its locks are read from other sessions while it waits for
    /// them. The outer error is the lab's, the inner one the server's answer to the statement.
    pub async fn trace(
        &mut self,
        session: &LabSession,
        sql: &str,
        transactional: bool,
    ) -> Result<Result<StatementTrace, ServerError>, LabError> {
        let seen = if transactional {
            in_transaction(session, sql).await?
        } else {
            self.observed(session, sql).await?
        };
        let Seen { micros, locks, before, after } = match seen {
            Ok(seen) => seen,
            Err(error) => return Ok(Err(error)),
        };
        let locks = strongest(
            locks
                .into_iter()
                .filter_map(|(oid, mode)| before.get(&oid).map(|known| (known.name.clone(), mode))),
        );
        let truncate = sql.trim_start().get(..8).is_some_and(|word| word.eq_ignore_ascii_case("truncate"));
        let rewrites = before
            .iter()
            .filter(|(_, old)| old.filenode.is_some() && !truncate)
            .filter(|(oid, old)| after.get(*oid).is_some_and(|new| Some(new) != old.filenode.as_ref()))
            .map(|(_, old)| old.name.clone())
            .collect();
        Ok(Ok(StatementTrace { micros, locks: locks.into_iter().collect(), rewrites }))
    }
}

/// What a statement left to see.
struct Seen {
    micros: u64,
    locks: Locks,
    before: BTreeMap<String, Relation>,
    /// Files of tables and materialized views afterwards, by object id.
    after: BTreeMap<String, String>,
}

type Locks = Vec<(String, LockMode)>;
type Rows = Vec<Vec<Option<String>>>;

/// All relations of users: object id, name, and the file of a table or materialized view. No relation of users
/// is mapped, so the file's number stands in `pg_class`.
const BEFORE: &str = "SELECT c.oid, n.nspname || '.' || c.relname, \
        CASE WHEN c.relkind IN ('r', 'm') THEN c.relfilenode END \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'm', 'i', 'I', 'v', 'S', 'f') \
     AND n.nspname NOT LIKE 'pg\\_%'";

const AFTER: &str = "SELECT c.oid, c.relfilenode FROM pg_catalog.pg_class c \
     WHERE c.oid >= 16384 AND c.relkind IN ('r', 'm')";

/// The server's own clock: ours would count what else this process does meanwhile.
const CLOCK: &str = "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8";

fn relations(rows: Rows) -> BTreeMap<String, Relation> {
    rows.into_iter()
        .filter_map(|row| {
            let [oid, name, filenode] = <[Option<String>; 3]>::try_from(row).ok()?;
            Some((oid?, Relation { name: name?, filenode }))
        })
        .collect()
}

fn files(rows: Rows) -> BTreeMap<String, String> {
    rows.into_iter()
        .filter_map(|row| {
            let [oid, filenode] = <[Option<String>; 2]>::try_from(row).ok()?;
            Some((oid?, filenode?))
        })
        .collect()
}

/// The statement in a transaction of its own, whose locks are read before it ends. All is sent at once: after an
/// error the server refuses what follows up to the COMMIT, which then rolls back.
async fn in_transaction(session: &LabSession, sql: &str) -> Result<Result<Seen, ServerError>, LabError> {
    let lab_error = |error| LabError::server("observe a statement", error);
    let held = locks_of(session.backend_pid());
    let all = [BEFORE, "BEGIN", CLOCK, sql, CLOCK, &held, "COMMIT", AFTER];
    let answers = <[_; 8]>::try_from(session.rows_of_each(&all).await);
    let [before, begun, from, ran, to, held, committed, after] =
        answers.map_err(|_| LabError::Task("a message was not answered".to_owned()))?;
    begun.map_err(lab_error)?;
    if let Err(error) = ran {
        return Ok(Err(error));
    }
    // What a deferred constraint refuses at the end is the server's answer as well.
    if let Err(error) = committed {
        return Ok(Err(error));
    }
    let (from, to) = (clock(&from.map_err(lab_error)?), clock(&to.map_err(lab_error)?));
    Ok(Ok(Seen {
        micros: to.saturating_sub(from),
        locks: locks(held.map_err(lab_error)?),
        before: relations(before.map_err(lab_error)?),
        after: files(after.map_err(lab_error)?),
    }))
}

/// The value of [`CLOCK`].
fn clock(rows: &Rows) -> u64 {
    let value = rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
    value.and_then(|value| value.parse().ok()).unwrap_or_default()
}

/// Relation locks that a backend holds or waits for, as object id and mode.
fn locks_of(backend_pid: i32) -> String {
    format!(
        "SELECT relation, mode FROM pg_catalog.pg_locks \
         WHERE pid = {backend_pid} AND locktype = 'relation' AND relation >= 16384"
    )
}

fn locks(rows: Rows) -> Locks {
    rows.into_iter()
        .filter_map(|row| {
            let [oid, mode] = <[Option<String>; 2]>::try_from(row).ok()?;
            Some((oid?, LockMode::from_catalog_name(&mode?)?))
        })
        .collect()
}

/// Tables that the owner may lock, and whether each is a partition.
const LOCKABLE: &str = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.relispartition FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 AND c.relpersistence <> 't' \
     AND n.nspname NOT LIKE 'pg\\_%' AND pg_catalog.pg_get_userbyid(c.relowner) = current_user";

impl Tracer {
    async fn others(&mut self) -> Result<&Others, LabError> {
        if self.others.is_none() {
            let (holder, reader) = tokio::try_join!(self.database.session(), self.database.session())?;
            self.others = Some(Others { holder, reader });
        }
        self.others.as_ref().ok_or_else(|| LabError::Task("there is no session".to_owned()))
    }

    /// Two others stand in the statement's way, one after the other. The holder has SHARE UPDATE EXCLUSIVE on
    /// every table, so that the statement shows the lock it asks for; the reader has an old snapshot and ACCESS
    /// SHARE, for which concurrent builds and drops wait with their locks in hand. Each leaves once the
    /// statement was seen waiting.
    async fn observed(
        &mut self,
        session: &LabSession,
        sql: &str,
    ) -> Result<Result<Seen, ServerError>, LabError> {
        let lab_error = |error| LabError::server("observe a statement", error);
        let Others { holder, reader } = self.others().await?;
        let (before, tables) =
            tokio::try_join!(session.rows(BEFORE), holder.rows(LOCKABLE)).map_err(lab_error)?;
        // A concurrent detach lets go of everything while it waits for readers of the parent, and only then asks for
        // the partition: whoever is to see that must not read the parent.
        let detaches = sql.to_ascii_uppercase().contains(" DETACH PARTITION ");
        let lock = |mode: &str, only_partitions: bool| {
            let tables: Vec<&str> = tables
                .iter()
                .filter(|row| !only_partitions || row.get(1).is_some_and(|is| is.as_deref() == Some("t")))
                .filter_map(|row| row.first()?.as_deref())
                .collect();
            match tables.as_slice() {
                [] => String::new(),
                tables => format!("LOCK TABLE {} IN {mode} MODE", tables.join(", ")),
            }
        };
        let hold = format!("BEGIN; {}", lock("SHARE UPDATE EXCLUSIVE", false));
        let read =
            format!("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1; {}", lock("ACCESS SHARE", detaches));
        tokio::try_join!(holder.simple(&hold), reader.simple(&read)).map_err(lab_error)?;
        let started = Instant::now();
        let done = AtomicBool::new(false);
        let pid = session.backend_pid();
        let watch = async {
            let mut seen = wait_and_look(holder, pid, &done).await?;
            holder.simple("COMMIT").await?;
            seen.extend(wait_and_look(reader, pid, &done).await?);
            reader.simple("COMMIT").await?;
            Ok::<Locks, ServerError>(seen)
        };
        let run = async {
            let result = session.simple(sql).await;
            done.store(true, Ordering::Relaxed);
            (result, u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX))
        };
        let ((result, micros), seen) = tokio::join!(run, watch);
        let locks = seen.map_err(lab_error)?;
        if let Err(error) = result {
            return Ok(Err(error));
        }
        let after = session.rows(AFTER).await.map_err(lab_error)?;
        Ok(Ok(Seen { micros, locks, before: relations(before), after: files(after) }))
    }
}

/// So often the observer asks at once again; a statement that takes longer is asked about less often.
const EAGER: u32 = 12;

/// Waits until the backend waits for a lock (or the statement is done) and returns what it holds and asks for.
async fn wait_and_look(observer: &LabSession, pid: i32, done: &AtomicBool) -> Result<Locks, ServerError> {
    // Reading the locks of everybody costs much more than this.
    let blocked = format!("SELECT WHERE pg_catalog.pg_blocking_pids({pid}) <> '{{}}'");
    let held = locks_of(pid);
    let started = Instant::now();
    let mut seen = Vec::new();
    let mut asked = 0;
    while !done.load(Ordering::Relaxed) && started.elapsed() < OBSERVE_LIMIT {
        if !observer.rows(&blocked).await?.is_empty() {
            break;
        }
        asked += 1;
        if asked > EAGER {
            seen.extend(locks(observer.rows(&held).await?));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    seen.extend(locks(observer.rows(&held).await?));
    Ok(seen)
}
