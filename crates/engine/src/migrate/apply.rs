//! Runs one file on the user's server, so that the history never claims more or less than the database holds.
//!
//! An atomic file and its row are one transaction: after a crash there are both or neither. A file that cannot be
//! atomic has a row from the beginning, which counts the statements that are done; a statement and its count are one
//! transaction wherever the statement allows that, and where not, what is found on the server decides
//! ([`leftover`](super::leftover)). What only failed for want of a lock, of time or of space leaves no failed row.

use std::time::{Duration, Instant};

use pgsteward_model::migrate::deploy::{DataCheck, FileRegime, Lock};
use pgsteward_model::migration::ServerError;
use pgsteward_model::statement::Statement;
use pgsteward_pg::history::{self, HistoryTable};
use pgsteward_pg::{Answered, WriteSession};

use super::checks::{self, Around, Checks};
use super::error::words;
use super::history::{PARTIAL, RUNNING};
use super::leftover::{self, Found};
use super::project::MigrationFolder;
use super::regime::{FilePlan, Kind, Unit, has_word};
use crate::Progress;

/// How long things may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For each lock; none waits for ever, as Prisma does.
    pub lock_timeout: Option<Duration>,
    /// How often a file (or a statement) is tried again after a lock was not granted.
    pub lock_retries: u32,
    /// For statements that should be over at once.
    pub instant: Option<Duration>,
    /// For statements that block others while they rewrite, scan or build.
    pub blocking: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            lock_timeout: Some(Duration::from_secs(3)),
            lock_retries: 8,
            instant: Some(Duration::from_secs(60)),
            blocking: Some(Duration::from_secs(3600)),
        }
    }
}

/// How a file ended.
#[derive(Clone, Debug)]
pub(super) enum End {
    Applied,
    /// The row says so. `done` statements are committed.
    Failed {
        error: ServerError,
        statement: Option<usize>,
        done: usize,
    },
    /// Nothing of it is in the database, and no row stands in the way of the next run.
    NotApplied {
        error: ServerError,
        statement: Option<usize>,
    },
    /// `done` statements are committed and counted; the next run goes on behind them.
    Interrupted {
        error: ServerError,
        statement: Option<usize>,
        done: usize,
    },
    /// The connection broke; what the server made of it shows in the row of this id, or in its absence.
    Lost {
        error: ServerError,
        statement: Option<usize>,
    },
}

/// A run of a file.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) id: String,
    pub(super) end: End,
    pub(super) regime: FileRegime,
    pub(super) because: Option<String>,
    pub(super) attempts: u32,
    /// Milliseconds of each statement.
    pub(super) times: Vec<Option<f64>>,
    pub(super) locks: Vec<Lock>,
    /// What `checks.sql` said after the migration.
    pub(super) checks: Vec<DataCheck>,
    pub(super) notes: Vec<String>,
}

impl Ran {
    fn new(id: String, plan: &FilePlan) -> Ran {
        Ran {
            id,
            end: End::Applied,
            regime: plan.regime,
            because: plan.because.clone(),
            attempts: 0,
            times: vec![None; plan.statements.len()],
            locks: Vec::new(),
            checks: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// A file that was not let run.
    pub(super) fn not_tried(plan: &FilePlan) -> Ran {
        let error = ServerError::default();
        Ran { end: End::NotApplied { error, statement: None }, ..Ran::new(String::new(), plan) }
    }
}

/// One file on its way.
pub(super) struct Apply<'a> {
    pub(super) session: &'a WriteSession,
    pub(super) table: &'a HistoryTable,
    pub(super) limits: &'a Limits,
    pub(super) progress: &'a dyn Progress,
    pub(super) folder: &'a MigrationFolder,
    pub(super) plan: &'a FilePlan,
    pub(super) checks: &'a Checks,
}

/// An unfinished row of an earlier run that is taken up.
#[derive(Clone, Debug)]
pub(super) struct Unfinished {
    pub(super) id: String,
    pub(super) done: usize,
}

impl Apply<'_> {
    pub(super) async fn run(&self, unfinished: Option<Unfinished>) -> Ran {
        let id = unfinished.as_ref().map_or_else(history::new_id, |row| row.id.clone());
        let mut ran = Ran::new(id, self.plan);
        match (self.plan.regime, unfinished) {
            (FileRegime::Atomic, None) => self.atomic(&mut ran).await,
            (_, Some(row)) => {
                ran.regime = FileRegime::ByStatement;
                self.by_statement(&mut ran, row.done, true).await;
            }
            (FileRegime::ByStatement, None) => self.by_statement(&mut ran, 0, false).await,
        }
        ran
    }

    async fn atomic(&self, ran: &mut Ran) {
        loop {
            ran.attempts += 1;
            let mut texts = vec!["BEGIN".to_owned(), self.local_lock_timeout()];
            texts.push(history::start(self.table, &ran.id, &self.folder.checksum, &self.folder.name, None));
            let places = self.push_statements(&mut texts, 0..self.plan.statements.len());
            if self.plan.changes_role {
                texts.push("RESET SESSION AUTHORIZATION; RESET ROLE".into());
            }
            texts.push(history::finish(self.table, &ran.id));
            let locks_at = texts.len();
            // Nobody can wait for what nobody else sees.
            let older = self.plan.statements.iter().any(|planned| !planned.predicted.is_empty());
            texts.push(if older { LOCKS } else { "SELECT 1" }.into());
            if self.checks.after.is_empty() {
                texts.push("COMMIT".into());
            }
            let (mut answers, began) = self.send(&texts).await;
            if !self.checks.after.is_empty() && first_error(&answers).is_none() {
                // Only what the checks let pass is committed.
                if let Err(error) = self.after(ran, Around::Transaction).await {
                    let lost = self.is_lost(&error) || self.session.simple("ROLLBACK").await.is_err();
                    ran.end = match lost {
                        true => End::Lost { error, statement: None },
                        false => End::NotApplied { error, statement: None },
                    };
                    return;
                }
                answers.extend(self.session.each(&["COMMIT"]).await);
            }
            note_times(&mut ran.times, &places, &answers, began);
            let Some((at, error)) = first_error(&answers) else {
                if let Some(rows) = answers.get(locks_at).and_then(|answer| answer.outcome.as_ref().ok()) {
                    ran.locks = self.locks(rows);
                }
                ran.end = End::Applied;
                return;
            };
            let statement = places.iter().find(|(place, _)| *place == at).map(|(_, statement)| *statement);
            if self.is_lost(&error) {
                ran.end = End::Lost { error, statement };
                return;
            }
            if let Err(error) = self.session.simple("ROLLBACK").await {
                ran.end = End::Lost { error, statement };
                return;
            }
            if refuses_transactions(&error) {
                ran.notes.push(format!("it cannot run in one transaction: {}", error.message));
                ran.regime = FileRegime::ByStatement;
                ran.because = Some(format!("PostgreSQL refused it in one transaction ({})", error.message));
                self.by_statement(ran, 0, false).await;
                return;
            }
            if may_be_granted_later(&error) && ran.attempts <= self.limits.lock_retries {
                self.pause(ran.attempts, &error).await;
                continue;
            }
            ran.end = if may_be_granted_later(&error) || is_circumstance(&error) {
                End::NotApplied { error, statement }
            } else {
                let logs = self.logs(&error, statement, 0);
                let row = history::start(
                    self.table,
                    &ran.id,
                    &self.folder.checksum,
                    &self.folder.name,
                    Some(&logs),
                );
                match self.session.simple(&row).await {
                    Ok(()) => End::Failed { error, statement, done: 0 },
                    Err(_) => End::NotApplied { error, statement },
                }
            };
            return;
        }
    }

    /// Unit by unit from the statement `from` on.
    async fn by_statement(&self, ran: &mut Ran, from: usize, reopened: bool) {
        let row = if reopened {
            history::reopen(self.table, &ran.id, &self.folder.checksum, RUNNING)
        } else {
            history::start(self.table, &ran.id, &self.folder.checksum, &self.folder.name, Some(RUNNING))
        };
        if let Err(error) = self.session.simple(&row).await {
            ran.end = match self.is_lost(&error) {
                true => End::Lost { error, statement: None },
                false => End::NotApplied { error, statement: None },
            };
            return;
        }
        let mut done = from;
        for unit in self.plan.units.iter().filter(|unit| unit.end() > from) {
            let last = unit.end() == self.plan.statements.len() && self.checks.after.is_empty();
            let count = match last {
                true => history::finish(self.table, &ran.id),
                false => history::set_progress(self.table, &ran.id, unit.end()),
            };
            if let Err((error, statement)) = self.unit(ran, *unit, &count, reopened && done == from).await {
                ran.end = self.stopped(&ran.id, error, statement, done).await;
                return;
            }
            done = unit.end();
            self.progress.step(done, self.plan.statements.len());
        }
        if !self.checks.after.is_empty() {
            ran.end = match self.after(ran, Around::Nothing).await {
                Ok(()) => match self.session.simple(&history::finish(self.table, &ran.id)).await {
                    Ok(()) => End::Applied,
                    Err(error) => End::Lost { error, statement: None },
                },
                Err(error) => self.stopped(&ran.id, error, None, done).await,
            };
            return;
        }
        // A file without statements has nothing to count.
        if (from == self.plan.statements.len() || self.plan.units.is_empty())
            && let Err(error) = self.session.simple(&history::finish(self.table, &ran.id)).await
        {
            ran.end = End::Lost { error, statement: None };
            return;
        }
        ran.end = End::Applied;
    }

    /// The checks after the migration; the error is the connection's, or says what does not hold.
    async fn after(&self, ran: &mut Ran, around: Around) -> Result<(), ServerError> {
        if self.plan.changes_role && around == Around::Nothing {
            self.session.simple("RESET SESSION AUTHORIZATION; RESET ROLE").await?;
        }
        ran.checks = checks::run(self.session, &self.checks.after, "after", around).await?;
        checks::violation(&ran.checks).map_or(Ok(()), |what| Err(checks::as_error(what)))
    }

    /// Runs a unit with its count, again and again while only a lock is missing.
    async fn unit(
        &self,
        ran: &mut Ran,
        unit: Unit,
        count: &str,
        resumed: bool,
    ) -> Result<(), (ServerError, Option<usize>)> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            ran.attempts = ran.attempts.max(attempts);
            let outcome = match unit {
                Unit::Alone(at) => {
                    let again = resumed || attempts > 1;
                    self.alone(ran, at, count, again).await.map_err(|error| (error, Some(at)))
                }
                Unit::One(at) => self.transaction(ran, at..at + 1, "BEGIN", "COMMIT", count).await,
                Unit::Block { from, to } => {
                    let begin = self.plan.statements[from].sql.clone();
                    let end = self.plan.statements[to].sql.clone();
                    let kept = matches!(self.plan.statements[to].statement, Statement::Commit);
                    if kept {
                        self.transaction(ran, from + 1..to, &begin, &end, count).await
                    } else {
                        // What the file rolls back itself must not take the count with it.
                        let ran_back = self.transaction(ran, from + 1..to, &begin, &end, "SELECT 1").await;
                        match ran_back {
                            Ok(()) => self.session.simple(count).await.map_err(|error| (error, None)),
                            Err(error) => Err(error),
                        }
                    }
                }
            };
            let Err((error, statement)) = outcome else { return Ok(()) };
            if !self.is_lost(&error) && may_be_granted_later(&error) && attempts <= self.limits.lock_retries {
                self.pause(attempts, &error).await;
                continue;
            }
            return Err((error, statement));
        }
    }

    async fn transaction(
        &self,
        ran: &mut Ran,
        range: std::ops::Range<usize>,
        begin: &str,
        end: &str,
        count: &str,
    ) -> Result<(), (ServerError, Option<usize>)> {
        let mut texts = vec![begin.to_owned(), self.local_lock_timeout()];
        let places = self.push_statements(&mut texts, range);
        if self.plan.changes_role {
            texts.push("RESET SESSION AUTHORIZATION; RESET ROLE".into());
        }
        texts.push(count.to_owned());
        texts.push(end.to_owned());
        let (answers, began) = self.send(&texts).await;
        note_times(&mut ran.times, &places, &answers, began);
        let Some((at, error)) = first_error(&answers) else { return Ok(()) };
        let statement = places.iter().find(|(place, _)| *place == at).map(|(_, statement)| *statement);
        if !self.is_lost(&error)
            && let Err(lost) = self.session.simple("ROLLBACK").await
        {
            return Err((lost, statement));
        }
        Err((error, statement))
    }

    /// A statement that refuses transactions, then its count. Between the two lies the only moment in which a
    /// crash leaves something that the count does not know: the next run looks for it.
    async fn alone(&self, ran: &mut Ran, at: usize, count: &str, again: bool) -> Result<(), ServerError> {
        let planned = &self.plan.statements[at];
        let builds = matches!(&planned.statement, Statement::CreateIndex(_));
        if again || builds {
            match leftover::look(self.session, &planned.statement).await? {
                // An index of that name that was there before is the server's to complain about.
                Found::Done if !again => {}
                Found::Done => {
                    ran.notes.push(format!(
                        "the statement in line {} had been done before the interruption",
                        planned.line
                    ));
                    return self.session.simple(count).await;
                }
                Found::InvalidIndex(name) => {
                    self.session.simple(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name}")).await?;
                    ran.notes.push(format!(
                        "the invalid index {name}, which a failed build left, was dropped and is built anew"
                    ));
                }
                Found::Nothing => {}
            }
        }
        let patient =
            has_word(&planned.sql, "concurrently") || matches!(planned.statement, Statement::Vacuum { .. });
        let lock = match self.limits.lock_timeout {
            // A concurrent command waits for old transactions without being in anybody's way.
            Some(limit) if !patient && !self.plan.sets_lock_timeout => {
                format!("SET lock_timeout = {}", limit.as_millis())
            }
            _ if self.plan.sets_lock_timeout => "SELECT 1".into(),
            _ => "SET lock_timeout = 0".into(),
        };
        self.session.simple(&lock).await?;
        let began = Instant::now();
        let outcome = self.session.simple(&planned.sql).await;
        ran.times[at] = Some(milliseconds(began.elapsed()));
        if let Err(error) = outcome {
            if !self.is_lost(&error)
                && let Found::InvalidIndex(name) = leftover::look(self.session, &planned.statement).await?
            {
                // Our own build left it a moment ago.
                self.session.simple(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name}")).await?;
                ran.notes.push(format!("the invalid index {name}, which the failed build left, was dropped"));
            }
            return Err(error);
        }
        self.session.simple(count).await
    }

    /// What a stop means after `done` statements, written into the row.
    async fn stopped(&self, id: &str, error: ServerError, statement: Option<usize>, done: usize) -> End {
        if self.is_lost(&error) {
            return End::Lost { error, statement };
        }
        let circumstance = may_be_granted_later(&error) || is_circumstance(&error);
        let (text, end) = match (circumstance, done) {
            (true, 0) => (history::roll_back(self.table, id), End::NotApplied { error, statement }),
            (true, _) => (String::new(), End::Interrupted { error, statement, done }),
            (false, _) => {
                let logs = self.logs(&error, statement, done);
                (history::fail(self.table, id, &logs), End::Failed { error, statement, done })
            }
        };
        if text.is_empty() {
            return end;
        }
        match self.session.simple(&text).await {
            Ok(()) => end,
            // The row still says that it runs, which the next run understands.
            Err(error) => End::Lost { error, statement },
        }
    }

    /// Statements as messages, each preceded by its time limit where that changes; message → statement.
    fn push_statements(&self, texts: &mut Vec<String>, range: std::ops::Range<usize>) -> Vec<(usize, usize)> {
        let mut places = Vec::new();
        let mut limit = None;
        for at in range {
            let planned = &self.plan.statements[at];
            let wanted = match planned.kind {
                _ if self.plan.sets_statement_timeout => None,
                Kind::Instant => self.limits.instant,
                Kind::Blocking => self.limits.blocking,
                Kind::Unlimited => None,
            };
            if wanted != limit && !self.plan.sets_statement_timeout {
                texts.push(format!(
                    "SET LOCAL statement_timeout = {}",
                    wanted.map_or(0, |limit| limit.as_millis())
                ));
                limit = wanted;
            }
            places.push((texts.len(), at));
            texts.push(planned.sql.clone());
        }
        if limit.is_some() {
            texts.push("SET LOCAL statement_timeout = 0".into());
        }
        places
    }

    fn local_lock_timeout(&self) -> String {
        match self.limits.lock_timeout {
            Some(limit) if !self.plan.sets_lock_timeout => {
                format!("SET LOCAL lock_timeout = {}", limit.as_millis())
            }
            _ => "SELECT 1".into(),
        }
    }

    async fn send(&self, texts: &[String]) -> (Vec<Answered>, Instant) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let began = Instant::now();
        (self.session.each(&texts).await, began)
    }

    fn is_lost(&self, error: &ServerError) -> bool {
        self.session.is_closed()
            || error.sqlstate.starts_with("08")
            || matches!(error.sqlstate.as_str(), "57P01" | "57P02")
    }

    /// Before the next attempt: twice as long each time, up to ten seconds, and never quite the same.
    async fn pause(&self, attempt: u32, error: &ServerError) {
        let base = Duration::from_millis(250) * 2u32.pow(attempt.min(6));
        let base = base.min(Duration::from_secs(10));
        let jitter = f64::from(u32::from(history::new_id().as_bytes()[0]) % 16) / 32.0 + 0.75;
        let wait = base.mul_f64(jitter);
        self.progress.phase(&format!(
            "{}: {} (attempt {attempt}); again in {:.1} s",
            self.folder.name,
            error.message,
            wait.as_secs_f64()
        ));
        tokio::time::sleep(wait).await;
    }

    /// What the row keeps of an error.
    fn logs(&self, error: &ServerError, statement: Option<usize>, done: usize) -> String {
        let mut text = super::messages::failed_migration(self.folder, self.plan, error, statement);
        if done > 0 {
            text.push_str(&format!("\n\n{PARTIAL}{done} of {}", self.plan.statements.len()));
        }
        text
    }

    fn locks(&self, rows: &[Vec<Option<String>>]) -> Vec<Lock> {
        let mut locks: Vec<Lock> = rows
            .iter()
            .filter_map(|row| match row.as_slice() {
                [Some(namespace), Some(relation), Some(mode)] => {
                    let relation = pgsteward_model::catalog::QName::new(namespace, relation).display();
                    let mode = pgsteward_model::lock::LockMode::from_catalog_name(mode)?.to_string();
                    Some(Lock { relation, mode })
                }
                _ => None,
            })
            .filter(|lock| !self.plan.created.contains(&lock.relation))
            .collect();
        locks.sort();
        locks
    }
}

/// The locks of this transaction on relations of the user's, but for those of plain reading.
const LOCKS: &str = "SELECT n.nspname, c.relname, l.mode FROM pg_catalog.pg_locks l \
    JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) l.relation \
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
    WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND l.locktype OPERATOR(pg_catalog.=) 'relation' \
    AND l.granted AND c.relkind IN ('r', 'p', 'm') AND l.mode OPERATOR(pg_catalog.<>) 'AccessShareLock' \
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \
    AND c.relname NOT IN ('_prisma_migrations', 'pgsteward_migrations')";

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// A statement's time runs from the answer before it.
fn note_times(times: &mut [Option<f64>], places: &[(usize, usize)], answers: &[Answered], began: Instant) {
    for (place, statement) in places {
        let Some(answer) = answers.get(*place) else { continue };
        let before =
            place.checked_sub(1).and_then(|before| answers.get(before)).map_or(began, |answer| answer.at);
        times[*statement] = answer.outcome.is_ok().then(|| milliseconds(answer.at - before));
    }
}

fn first_error(answers: &[Answered]) -> Option<(usize, ServerError)> {
    answers
        .iter()
        .enumerate()
        .find_map(|(at, answer)| answer.outcome.as_ref().err().map(|error| (at, error.clone())))
}

/// Lock not available, deadlock, serialisation failure.
fn may_be_granted_later(error: &ServerError) -> bool {
    matches!(error.sqlstate.as_str(), "55P03" | "40P01" | "40001")
}

/// Nothing that the text of the migration is to blame for: cancelled or out of time, no space or memory, no writes.
fn is_circumstance(error: &ServerError) -> bool {
    error.sqlstate == "57014" || error.sqlstate == "25006" || error.sqlstate.starts_with("53")
}

/// "cannot run inside a transaction block", "unsafe use of new value of enum type".
fn refuses_transactions(error: &ServerError) -> bool {
    matches!(error.sqlstate.as_str(), "25001" | "55P04" | "2D000")
}

/// For notes and errors of the verbs above.
pub(super) fn in_words(error: &ServerError) -> String {
    words(error)
}
