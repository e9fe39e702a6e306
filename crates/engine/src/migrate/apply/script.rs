//! What is sent for a stretch of statements, and which of them an answer is about. What nobody else can feel goes
//! together with its neighbours, because each message costs the server and us a wake-up; every other statement is a
//! message by itself, so that the server's activity and log name it, and is timed by rows of ours around it.

use std::ops::Range;

use pgsteward_model::migrate::deploy::Lock;
use pgsteward_model::migration::ServerError;
use pgsteward_model::statement::Statement;
use pgsteward_pg::{Mark, WriteSession};

use super::Apply;
use crate::migrate::patience::Patience;
use crate::migrate::regime::{FilePlan, Kind, Planned};

/// A message is not made longer than this by another statement: the server parses it as a whole.
const LONG: usize = 256 * 1024;
/// What the names of the first columns of our own rows begin with.
const MARKS: &str = "pgsteward_";
const TIME: &str = "pgsteward_time";
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
    begin: Message,
    messages: Vec<Message>,
    /// Of the statements, in order.
    places: Vec<Place>,
    together: bool,
    /// The last line says what time it is.
    timed: bool,
}

#[derive(Default)]
struct Message {
    text: String,
    /// The file's statement in each line; none in a line of ours.
    lines: Vec<Option<usize>>,
    /// Nothing may join it.
    closed: bool,
}

impl Message {
    /// The place of the line.
    fn push(&mut self, sql: &str, statement: Option<usize>) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(sql);
        let end = self.text.len();
        // A comment at the end of a statement must not swallow what follows.
        self.text.push_str("\n;");
        self.lines.push(statement);
        start..end
    }
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
    /// Milliseconds of the statements that others could feel.
    pub(super) times: Vec<(usize, f64)>,
    pub(super) locks: Vec<Lock>,
    /// The first error, with the statement that it is of: none where it is of a line of ours.
    pub(super) failed: Option<(ServerError, Option<usize>)>,
}

impl Script {
    /// One statement of ours.
    pub(super) fn own(&mut self, sql: &str) {
        self.message(sql, !self.together).push(sql, None);
        self.timed = false;
    }

    /// Asks for the locks that the transaction holds by now.
    pub(super) fn locks(&mut self) {
        self.own(LOCKS);
    }

    fn statement(&mut self, at: usize, planned: &Planned) {
        let notable = planned.is_notable();
        if notable && !self.timed {
            self.time(None);
        }
        let bytes = self.message(&planned.sql, !self.together || notable).push(&planned.sql, Some(at));
        self.places.push(Place { statement: at, message: self.messages.len() - 1, bytes });
        self.timed = false;
        if notable {
            self.time(Some(at));
        }
    }

    /// Seconds since the transaction began, behind a statement or before one.
    fn time(&mut self, statement: Option<usize>) {
        let statement = statement.map_or("NULL".to_owned(), |at| at.to_string());
        self.own(&format!(
            "SELECT {statement} AS {TIME}, pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() \
             OPERATOR(pg_catalog.-) pg_catalog.now())"
        ));
        self.timed = true;
    }

    /// The message that the text goes into.
    fn message(&mut self, sql: &str, alone: bool) -> &mut Message {
        let full = |last: &Message| alone || last.closed || last.text.len() + sql.len() > LONG;
        if self.messages.last().is_none_or(full) {
            self.messages.push(Message { closed: alone, ..Message::default() });
        }
        let last = self.messages.len() - 1;
        &mut self.messages[last]
    }

    /// Sends it up to the first error.
    pub(super) async fn send(&self, session: &WriteSession) -> Sent {
        let mut sent = Sent::default();
        let begin = &self.begin.text;
        let answers = match self.messages.as_slice() {
            [only] => session.marked(&[&format!("{begin}{}", only.text)], MARKS).await,
            messages => {
                // The server reads a message as a whole before it runs any of it. Should it refuse one, there must be
                // a transaction that this aborts before the next one is on its way.
                if let Err(error) = session.simple(begin).await {
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
                TIME => {
                    let Some((statement, at)) = time(mark) else { continue };
                    sent.times
                        .extend(statement.map(|statement| (statement, ((at - before) * 1e6).round() / 1e3)));
                    before = at;
                }
                HELD => sent.locks.extend(lock(mark)),
                _ => {}
            }
        }
        sent.failed = answers
            .into_iter()
            .enumerate()
            .find_map(|(message, answer)| Some(self.blame(answer.outcome.err()?, message, answer.completed)));
        sent
    }

    /// Which statement an error of a message is of. A message is read before anything of it runs, so the position
    /// says more than how many statements are done.
    fn blame(&self, error: ServerError, message: usize, completed: usize) -> (ServerError, Option<usize>) {
        let Message { text, lines, .. } = &self.messages[message];
        // A single message has the beginning before it.
        let begin = if self.messages.len() == 1 { &self.begin } else { &Message::default() };
        if let Some(position) = error.position {
            for place in self.places.iter().filter(|place| place.message == message) {
                let first = begin.text.chars().count() + text[..place.bytes.start].chars().count() + 1;
                let length = text[place.bytes.clone()].chars().count();
                let position = position as usize;
                // A statement that ends too early is refused at our semicolon, one line further.
                if (first..=first + length + 1).contains(&position) {
                    let position = u32::try_from(position - first + 1).ok();
                    return (ServerError { position, ..error }, Some(place.statement));
                }
            }
        }
        let line = completed.checked_sub(begin.lines.len());
        let statement = line.and_then(|line| lines.get(line).copied().flatten());
        (ServerError { position: None, ..error }, statement)
    }
}

/// The statement behind which it was asked, and the seconds.
fn time(mark: &Mark) -> Option<(Option<usize>, f64)> {
    let [statement, Some(seconds)] = mark.values.as_slice() else { return None };
    let statement = statement.as_ref().map(|text| text.parse()).transpose().ok()?;
    Some((statement, seconds.parse().ok()?))
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
        let mut first = Message::default();
        first.push(begin, None);
        if let Some(limit) = self.limits.lock_timeout
            && !self.plan.sets_lock_timeout
        {
            first.push(&format!("SET LOCAL lock_timeout = {}", limit.as_millis()), None);
        }
        let together = self.together();
        // Times count from where it begins.
        Script { begin: first, messages: Vec::new(), places: Vec::new(), together, timed: true }
    }

    /// The statements, each preceded by its time limit where that changes, and by the shorter patience where that begins.
    pub(super) fn push_statements(&self, script: &mut Script, range: Range<usize>) {
        let mut limit = None;
        let mut set = |script: &mut Script, wanted: Option<std::time::Duration>| {
            if wanted != limit {
                let wanted = wanted.map_or(0, |limit| limit.as_millis());
                script.own(&format!("SET LOCAL statement_timeout = {wanted}"));
            }
            limit = wanted;
        };
        let patience = Patience::of(self.plan, range.clone()).filter(|_| !self.plan.sets_lock_timeout);
        for at in range {
            let planned = &self.plan.statements[at];
            if let (Some(patience), Some(limit)) =
                (patience.filter(|one| one.from == at), self.limits.lock_timeout)
            {
                script.own(&patience.setting(limit));
            }
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
            script.own("RESET SESSION AUTHORIZATION");
            script.own("RESET ROLE");
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
