//! The synthetic load: sessions that read and change single rows of the touched tables, one after the other, as an
//! application does. What each request took is written down; why it waited is the sampler's to say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pgsteward_lab::Database;
use pgsteward_model::catalog::{Catalog, Identity, QName, Table, TableKind};
use pgsteward_model::migration::ServerError;
use pgsteward_pg::LabSession;
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};
use tokio::task::JoinHandle;

use crate::migrate::MigrateError;

/// Sessions that read, and as many that write.
const SESSIONS: usize = 3;
/// What a session does between two requests.
const PAUSE: Duration = Duration::from_millis(2);
/// Keys of a table that requests ask for.
const KEYS: usize = 200;
/// A session that is sent errors only must not fill the memory with them.
const MOST_ERRORS: usize = 200;

/// One request and how long it took.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) pid: i32,
    pub(super) writes: bool,
    pub(super) relation: Arc<str>,
    pub(super) from: Instant,
    pub(super) to: Instant,
    pub(super) error: Option<String>,
}

/// What the sessions ask of one table.
#[derive(Clone, Debug)]
struct Target {
    relation: Arc<str>,
    reads: Vec<String>,
    writes: Vec<String>,
}

/// A running load.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    /// Answers that each session had.
    answered: Vec<Arc<AtomicUsize>>,
    sessions: Vec<JoinHandle<Vec<Request>>>,
}

impl Load {
    /// Starts the sessions and waits until each has had an answer. None where there is no table to ask.
    pub(super) async fn start(
        database: &Database,
        catalog: &Catalog,
        tables: &[QName],
    ) -> Result<Option<Load>, MigrateError> {
        let targets = Arc::new(targets(database, catalog, tables).await?);
        if targets.is_empty() {
            return Ok(None);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let mut answered = Vec::new();
        let mut sessions = Vec::new();
        for number in 0..SESSIONS * 2 {
            let session = database.session().await.map_err(|error| super::of_lab(&error))?;
            let (stop, targets) = (stop.clone(), targets.clone());
            let answers = Arc::new(AtomicUsize::new(0));
            answered.push(answers.clone());
            sessions.push(tokio::spawn(async move {
                let requests = ask(&session, number, &targets, &stop, &answers).await;
                session.close().await;
                requests
            }));
        }
        let load = Load { stop, answered, sessions };
        load.rounds(1).await;
        Ok(Some(load))
    }

    /// Waits until every session had so many more answers, or is gone.
    async fn rounds(&self, more: usize) {
        let wanted: Vec<usize> =
            self.answered.iter().map(|answers| answers.load(Ordering::Acquire) + more).collect();
        let behind = || {
            let sessions = self.sessions.iter().zip(&self.answered).zip(&wanted);
            sessions.into_iter().any(|((session, answers), wanted)| {
                !session.is_finished() && answers.load(Ordering::Acquire) < *wanted
            })
        };
        while behind() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Lets every session ask for what the migration left, and collects all requests.
    pub(super) async fn end(self) -> Result<Vec<Request>, MigrateError> {
        self.rounds(2).await;
        self.stop.store(true, Ordering::Release);
        let mut all = Vec::new();
        for session in self.sessions {
            let requests =
                session.await.map_err(|error| MigrateError::new(format!("the load broke down: {error}")))?;
            all.extend(requests);
        }
        Ok(all)
    }
}

async fn ask(
    session: &LabSession,
    number: usize,
    targets: &[Target],
    stop: &AtomicBool,
    answered: &AtomicUsize,
) -> Vec<Request> {
    let writes = number % 2 == 1;
    let mut requests = Vec::new();
    let mut errors = 0;
    // Sessions begin at different keys, so that they do not wait for one another's rows.
    let mut turn = number * 31;
    while !stop.load(Ordering::Acquire) {
        let target = &targets[turn % targets.len()];
        let texts = if writes { &target.writes } else { &target.reads };
        let text = &texts[(turn / targets.len()) % texts.len()];
        turn += 1;
        let from = Instant::now();
        let answer = session.rows(text).await;
        let to = Instant::now();
        let error = answer.err().map(|error| in_words(&error));
        if error.is_some() {
            errors += 1;
        }
        if error.is_none() || errors <= MOST_ERRORS {
            let relation = target.relation.clone();
            requests.push(Request { pid: session.backend_pid(), writes, relation, from, to, error });
        }
        answered.fetch_add(1, Ordering::AcqRel);
        tokio::time::sleep(PAUSE).await;
    }
    requests
}

fn in_words(error: &ServerError) -> String {
    format!("{} (SQLSTATE {})", error.message, error.sqlstate)
}

async fn targets(
    database: &Database,
    catalog: &Catalog,
    tables: &[QName],
) -> Result<Vec<Target>, MigrateError> {
    let session = database.session().await.map_err(|error| super::of_lab(&error))?;
    let mut targets = Vec::new();
    for table in tables.iter().filter_map(|name| catalog.table(name)) {
        if matches!(table.kind, TableKind::Foreign) {
            continue;
        }
        let keys = keys(&session, table).await?;
        targets.push(target(table, &keys));
    }
    session.close().await;
    Ok(targets)
}

/// Keys of some rows, each as a condition.
async fn keys(session: &LabSession, table: &Table) -> Result<Vec<String>, MigrateError> {
    let Some((_, columns)) = table.primary_key() else { return Ok(Vec::new()) };
    let quoted: Vec<String> = columns.iter().map(|column| quote_ident(column)).collect();
    let sql = format!("SELECT {} FROM {} LIMIT {KEYS}", quoted.join(", "), quote_qualified(&table.name));
    let rows =
        session.rows(&sql).await.map_err(|error| MigrateError::server("read keys of the twin", &error))?;
    let condition = |row: Vec<Option<String>>| -> Option<String> {
        let parts: Option<Vec<String>> = quoted
            .iter()
            .zip(row)
            .map(|(column, value)| Some(format!("{column} = {}", quote_literal(&value?))))
            .collect();
        Some(parts?.join(" AND "))
    };
    Ok(rows.into_iter().filter_map(condition).collect())
}

fn target(table: &Table, keys: &[String]) -> Target {
    let name = quote_qualified(&table.name);
    let (reads, writes) = match (keys.is_empty(), changeable(table)) {
        (true, _) => (
            vec![format!("SELECT * FROM {name} LIMIT 1")],
            // It takes the lock of a writer and finds nothing to do.
            vec![format!("DELETE FROM {name} WHERE false")],
        ),
        (false, column) => (
            keys.iter().map(|key| format!("SELECT * FROM {name} WHERE {key}")).collect(),
            keys.iter()
                .map(|key| match &column {
                    Some(column) => format!("UPDATE {name} SET {column} = {column} WHERE {key}"),
                    None => format!("SELECT * FROM {name} WHERE {key} FOR UPDATE"),
                })
                .collect(),
        ),
    };
    Target { relation: table.name.display().into(), reads, writes }
}

/// A column that may be set to what it is: of the key where that is possible, because migrations rarely change it.
fn changeable(table: &Table) -> Option<String> {
    let of_key = table.primary_key().map(|(_, columns)| columns.to_vec()).unwrap_or_default();
    let free = table
        .columns
        .iter()
        .filter(|column| column.generated.is_none() && column.identity != Some(Identity::Always));
    free.min_by_key(|column| !of_key.contains(&column.name)).map(|column| quote_ident(&column.name))
}

/// Errors of requests that began between two moments, equal ones counted.
pub(super) fn errors<'a>(
    requests: impl Iterator<Item = &'a Request>,
) -> Vec<pgsteward_model::migrate::rehearsal::Broken> {
    let mut found: BTreeMap<(String, &str, String), usize> = BTreeMap::new();
    for request in requests {
        let Some(error) = &request.error else { continue };
        let kind = if request.writes { "UPDATE" } else { "SELECT" };
        *found.entry((request.relation.to_string(), kind, error.clone())).or_default() += 1;
    }
    found
        .into_iter()
        .map(|((relation, request, error), times)| pgsteward_model::migrate::rehearsal::Broken {
            relation,
            request: request.to_owned(),
            error,
            times,
        })
        .collect()
}
