//! What is sent for a stretch of statements, and which of them an answer is about. What nobody else can feel goes
//! together with its neighbours, because each message costs the server and us a wake-up; every other statement is a
//! message by itself, so that the server's activity and log name it. After each a row of ours says that it is done
//! and when.

use std::ops::Range;

use pgsteward_model::migrate::deploy::Lock;
use pgsteward_model::migration::ServerError;
use pgsteward_model::statement::Statement;
use pgsteward_pg::{Mark, WriteSession};

use super::Apply;
use crate::migrate::regime::{FilePlan, Kind, Planned};

/// A message is not made longer than this by another statement: the server parses it as a whole.
const LONG: usize = 256 * 1024;
/// What the names of the first columns of our own rows begin with.
const MARKS: &str = "pgsteward_";
const DONE: &str = "pgsteward_done";
const HELD: &str = "pgsteward_held";

/// The locks of this transaction on relations of the user's, but for those of plain reading.
const LOCKS: &str = "SELECT n.nspname AS pgsteward_held, c.relname, l.mode FROM pg_catalog.pg_locks l \
    JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) l.relation \
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
    WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND l.locktype OPERATOR(pg_catalog.=) 'relation' \
    AND l.granted AND c.relkind IN ('r', 'p', 'm') AND l.mode OPERATOR(pg_catalog.<>) 'AccessShareLock' \
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \
    AND c.relname NOT IN ('_prisma_migrations', 'pgsteward_migrations')";

/// A transaction: how it begins, and the messages after that.
pub(super) struct Script {
    begin: String,
    messages: Vec<Message>,
    /// Of the statements, in order.
    places: Vec<Place>,
    together: bool,
}

#[derive(Default)]
struct Message {
    text: String,
    /// Nothing may join it.
    closed: bool,
}

/// Where a statement stands in the messages.
struct Place {
    statement: usize,
    message: usize,
    bytes: Range<usize>,
}

/// What became of a script.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Statements that are done, with their milliseconds.
    pub(super) done: Vec<(usize, f64)>,
    pub(super) locks: Vec<Lock>,
    /// The first error, with the statement that it is of: none where it is of a line of ours.
    pub(super) failed: Option<(ServerError, Option<usize>)>,
}

impl Script {
    /// A line of ours.
    pub(super) fn own(&mut self, sql: &str) {
        self.push(sql, !self.together);
    }

    /// Asks for the locks that the transaction holds by now.
    pub(super) fn locks(&mut self) {
        self.own(LOCKS);
    }

    fn statement(&mut self, at: usize, planned: &Planned) {
        let (message, bytes) = self.push(&planned.sql, !self.together || planned.is_notable());
        self.places.push(Place { statement: at, message, bytes });
        self.own(&format!(
            "SELECT {at} AS {DONE}, extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) \
             pg_catalog.now())"
        ));
    }

    /// The text's message and its place there.
    fn push(&mut self, sql: &str, alone: bool) -> (usize, Range<usize>) {
        let full = |last: &Message| alone || last.closed || last.text.len() + sql.len() > LONG;
        if self.messages.last().is_none_or(full) {
            self.messages.push(Message { text: String::new(), closed: alone });
        }
        let message = self.messages.len() - 1;
        let text = &mut self.messages[message].text;
        let start = text.len();
        text.push_str(sql);
        let end = text.len();
        // A comment at the end of a statement must not swallow what follows.
        text.push_str("\n;");
        (message, start..end)
    }

    /// Sends it up to the first error.
    pub(super) async fn send(&self, session: &WriteSession) -> Sent {
        let mut sent = Sent::default();
        let answers = match self.messages.as_slice() {
            [only] => session.marked(&[&format!("{}{}", self.begin, only.text)], MARKS).await,
            messages => {
                // The server reads a message as a whole before it runs any of it. Should it refuse one, there must be
                // a transaction that this aborts before the next one is on its way.
                if let Err(error) = session.simple(&self.begin).await {
                    sent.failed = Some((ServerError { position: None, ..error }, None));
                    return sent;
                }
                let texts: Vec<&str> = messages.iter().map(|message| message.text.as_str()).collect();
                session.marked(&texts, MARKS).await
            }
        };
        let mut before = 0.0;
        for mark in answers.iter().flat_map(|answer| &answer.marks) {
            match mark.name.as_str() {
                DONE => {
                    let Some((statement, at)) = done(mark) else { continue };
                    sent.done.push((statement, ((at - before) * 1e6).round() / 1e3));
                    before = at;
                }
                HELD => sent.locks.extend(lock(mark)),
                _ => {}
            }
        }
        let failed = answers.into_iter().zip(0..).find_map(|(answer, at)| Some((answer.outcome.err()?, at)));
        sent.failed = failed.map(|(error, message)| self.blame(error, message, sent.done.len()));
        sent
    }

    /// Which statement an error of a message is of. A message is parsed before anything of it runs, so the position
    /// says more than what is done; where the server gives none, it is the statement that was next.
    fn blame(&self, error: ServerError, message: usize, done: usize) -> (ServerError, Option<usize>) {
        let text = &self.messages[message].text;
        let begin = if self.messages.len() == 1 { self.begin.chars().count() } else { 0 };
        if let Some(position) = error.position {
            for place in self.places.iter().filter(|place| place.message == message) {
                let first = begin + text[..place.bytes.start].chars().count() + 1;
                let length = text[place.bytes.clone()].chars().count();
                let position = position as usize;
                // A statement that ends too early is refused at our semicolon, one line further.
                if (first..=first + length + 1).contains(&position) {
                    let position = u32::try_from(position - first + 1).ok();
                    return (ServerError { position, ..error }, Some(place.statement));
                }
            }
        }
        // A message of one statement says itself which; else it is the one that was next.
        let of_message = self.places.iter().find(|place| place.message == message);
        let next = match of_message {
            Some(place) if self.messages[message].closed => Some(place.statement),
            _ => self.places.get(done).filter(|place| place.message == message).map(|place| place.statement),
        };
        (ServerError { position: None, ..error }, next)
    }
}

fn done(mark: &Mark) -> Option<(usize, f64)> {
    let [Some(statement), Some(seconds)] = mark.values.as_slice() else { return None };
    Some((statement.parse().ok()?, seconds.parse().ok()?))
}

fn lock(mark: &Mark) -> Option<Lock> {
    let [Some(namespace), Some(relation), Some(mode)] = mark.values.as_slice() else { return None };
    let relation = pgsteward_model::catalog::QName::new(namespace, relation).display();
    let mode = pgsteward_model::lock::LockMode::from_catalog_name(mode)?.to_string();
    Some(Lock { relation, mode })
}

impl Apply<'_> {
    /// A transaction that begins so and waits for locks no longer than it may.
    pub(super) fn script(&self, begin: &str) -> Script {
        let mut begin = format!("{begin}\n;");
        if let Some(limit) = self.limits.lock_timeout
            && !self.plan.sets_lock_timeout
        {
            begin.push_str(&format!("SET LOCAL lock_timeout = {};", limit.as_millis()));
        }
        Script { begin, messages: Vec::new(), places: Vec::new(), together: self.together() }
    }

    /// The statements, each preceded by its time limit where that changes.
    pub(super) fn push_statements(&self, script: &mut Script, range: Range<usize>) {
        let mut limit = None;
        let mut set = |script: &mut Script, wanted: Option<std::time::Duration>| {
            if wanted != limit {
                let wanted = wanted.map_or(0, |limit| limit.as_millis());
                script.own(&format!("SET LOCAL statement_timeout = {wanted}"));
            }
            limit = wanted;
        };
        for at in range {
            let planned = &self.plan.statements[at];
            set(
                script,
                match planned.kind {
                    _ if self.plan.sets_statement_timeout => None,
                    Kind::Instant => self.limits.instant,
                    Kind::Blocking => self.limits.blocking,
                    Kind::Unlimited => None,
                },
            );
            script.statement(at, planned);
        }
        set(script, None);
        if self.plan.changes_role {
            script.own("RESET SESSION AUTHORIZATION; RESET ROLE");
        }
    }

    /// Whether statements of this file may share a message. PostgreSQL 12 counts a time limit from the beginning of
    /// the message.
    fn together(&self) -> bool {
        self.session.version().major() >= 13 && !sets_how_text_is_read(self.plan)
    }
}

/// The whole message is read with the settings from before it.
fn sets_how_text_is_read(plan: &FilePlan) -> bool {
    let names = ["standard_conforming_strings", "backslash_quote", "client_encoding", "names"];
    plan.statements.iter().any(|planned| match &planned.statement {
        Statement::Set { name, .. } => names.contains(&name.as_str()),
        Statement::Select { .. } | Statement::Do { .. } | Statement::Other { .. } | Statement::Unparsed => {
            names[..3].iter().any(|name| planned.sql.contains(name))
        }
        _ => false,
    })
}
