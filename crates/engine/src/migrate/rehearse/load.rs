//! The synthetic load: sessions that read, change, insert and delete single rows of the touched tables, one after the
//! other, as an application does. They go on when a request fails: what the migration breaks is worth knowing.
//!
//! What each request took is written down; why it waited is the sampler's to say.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pgsteward_lab::Database;
use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::migration::ServerError;
use pgsteward_pg::LabSession;
use tokio::task::JoinHandle;

use super::requests::{NEW, Source, Target, targets};
use crate::migrate::MigrateError;

/// Sessions that read, and as many that write.
const SESSIONS: usize = 3;
/// What a session does between two requests.
const PAUSE: Duration = Duration::from_millis(2);
/// A session that is sent errors only must not fill the memory with them.
const MOST_ERRORS: usize = 200;

/// One request and how long it took.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) pid: i32,
    /// `SELECT`, `UPDATE`, `INSERT` and so on.
    pub(super) kind: &'static str,
    pub(super) relation: Arc<str>,
    pub(super) from: Instant,
    pub(super) to: Instant,
    pub(super) error: Option<ServerError>,
}

impl Request {
    pub(super) fn writes(&self) -> bool {
        self.kind != "SELECT"
    }
}

/// A running load. Its sessions end with it.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    /// Answers that each session had.
    answered: Vec<Arc<AtomicUsize>>,
    sessions: Vec<JoinHandle<Vec<Request>>>,
    targets: usize,
    /// Why there are tables that get no new rows.
    pub(super) notes: Vec<String>,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

impl Load {
    /// Starts the sessions and waits until each has had an answer. None where there is no table to ask.
    pub(super) async fn start(
        database: &Database,
        catalog: &Catalog,
        tables: &[QName],
        source: Source<'_>,
    ) -> Result<Option<Load>, MigrateError> {
        let (targets, notes) = targets(database, catalog, tables, source).await?;
        if targets.is_empty() {
            return Ok(None);
        }
        let targets = Arc::new(targets);
        let mut load = Load {
            stop: Arc::default(),
            answered: Vec::new(),
            sessions: Vec::new(),
            targets: targets.len(),
            notes,
        };
        for number in 0..SESSIONS * 2 {
            let session = database.session().await.map_err(|error| super::of_lab(&error))?;
            let (stop, targets) = (load.stop.clone(), targets.clone());
            let answers = Arc::new(AtomicUsize::new(0));
            load.answered.push(answers.clone());
            load.sessions.push(tokio::spawn(async move {
                let mut asking = Asking::new(&session, number, &targets);
                while !stop.load(Ordering::Acquire) && asking.one().await {
                    answers.fetch_add(1, Ordering::AcqRel);
                    tokio::time::sleep(PAUSE).await;
                }
                let requests = asking.end().await;
                session.close().await;
                requests
            }));
        }
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

    /// Lets every session ask for what the migration left, in each way that it has, and collects all requests.
    pub(super) async fn end(mut self) -> Result<Vec<Request>, MigrateError> {
        self.rounds(WAYS * self.targets + 1).await;
        self.stop.store(true, Ordering::Release);
        let mut all = Vec::new();
        for session in std::mem::take(&mut self.sessions) {
            let requests =
                session.await.map_err(|error| MigrateError::new(format!("the load broke down: {error}")))?;
            all.extend(requests);
        }
        Ok(all)
    }
}

/// How many kinds of request a session that writes has, one after the other: change, insert, change, delete.
const WAYS: usize = 4;

/// One session of the load.
struct Asking<'a> {
    session: &'a LabSession,
    writes: bool,
    targets: &'a [Target],
    turn: usize,
    /// For each target.
    own: Vec<Own>,
    errors: usize,
    requests: Vec<Request>,
}

/// Rows of one table that a session made or may make.
struct Own {
    /// Indices in the target's `inserts` of rows that are not there.
    free: VecDeque<usize>,
    /// Rows that are there: the index, and what deletes it.
    there: VecDeque<(usize, String)>,
}

impl<'a> Asking<'a> {
    fn new(session: &'a LabSession, number: usize, targets: &'a [Target]) -> Asking<'a> {
        // Each session has new rows of its own.
        let own = |target: &Target| Own {
            free: (number / 2..target.inserts.len().min(NEW)).step_by(SESSIONS).collect(),
            there: VecDeque::new(),
        };
        Asking {
            session,
            writes: number % 2 == 1,
            targets,
            // Sessions begin at different keys, so that they do not wait for one another's rows.
            turn: number * 31,
            own: targets.iter().map(own).collect(),
            errors: 0,
            requests: Vec::new(),
        }
    }

    /// Asks once. False where the connection is gone.
    async fn one(&mut self) -> bool {
        let (at, round) = (self.turn % self.targets.len(), self.turn / self.targets.len());
        self.turn += 1;
        let target = &self.targets[at];
        let in_turn = |texts: &'a [String]| texts[round % texts.len()].as_str();
        match (self.writes, round % WAYS) {
            (false, _) => {
                self.ask(at, "SELECT", in_turn(&target.reads)).await;
            }
            (true, 1) if !self.own[at].free.is_empty() => self.insert(at).await,
            (true, 3) if !self.own[at].there.is_empty() => self.delete(at).await,
            (true, _) => {
                self.ask(at, target.writes_are, in_turn(&target.writes)).await;
            }
        }
        let gone = |error: &ServerError| error.sqlstate.starts_with("08");
        !self.requests.last().and_then(|request| request.error.as_ref()).is_some_and(gone)
    }

    async fn insert(&mut self, at: usize) {
        let Some(row) = self.own[at].free.pop_front() else { return };
        let target = &self.targets[at];
        match self.ask(at, "INSERT", &target.inserts[row]).await {
            Some(rows) => {
                let delete = rows.first().and_then(|key| target.delete(key));
                self.own[at].there.extend(delete.map(|delete| (row, delete)));
            }
            None => self.own[at].free.push_back(row),
        }
    }

    async fn delete(&mut self, at: usize) {
        let Some((row, text)) = self.own[at].there.pop_front() else { return };
        match self.ask(at, "DELETE", &text).await {
            Some(_) => self.own[at].free.push_back(row),
            None => self.own[at].there.push_back((row, text)),
        }
    }

    /// The rows of the answer; none where there was an error.
    async fn ask(&mut self, at: usize, kind: &'static str, text: &str) -> Option<Vec<Vec<Option<String>>>> {
        let from = Instant::now();
        let answer = self.session.rows(text).await;
        let to = Instant::now();
        let (rows, error) = match answer {
            Ok(rows) => (Some(rows), None),
            Err(error) => (None, Some(error)),
        };
        if error.is_some() {
            self.errors += 1;
        }
        if error.is_none() || self.errors <= MOST_ERRORS {
            let (pid, relation) = (self.session.backend_pid(), self.targets[at].relation.clone());
            self.requests.push(Request { pid, kind, relation, from, to, error });
        }
        rows
    }

    /// Removes the session's own rows, so that the next load can make them again.
    async fn end(self) -> Vec<Request> {
        for (_, text) in self.own.iter().flat_map(|own| &own.there) {
            // Where the migration took the table or its key away, nobody can make the row again either.
            drop(self.session.rows(text).await);
        }
        self.requests
    }
}
