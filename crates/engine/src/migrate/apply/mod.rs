//! Runs one file on the user's server, so that the history never claims more or less than the database holds.
//!
//! An atomic file and its row are one transaction: after a crash there are both or neither. A file that cannot be
//! atomic has a row from the beginning, which counts the statements that are done; a statement and its count are one
//! transaction wherever the statement allows that, and where not, what is found on the server decides
//! ([`leftover`](super::leftover)). What only failed for want of a lock, of time or of space leaves no failed row.

mod atomic;
mod by_statement;
mod script;

use std::time::Duration;

use pgsteward_model::migrate::deploy::{DataCheck, FileRegime, Lock};
use pgsteward_model::migration::ServerError;
use pgsteward_pg::WriteSession;
use pgsteward_pg::history::{self, HistoryTable};

use super::checks::{self, Around, Checks};
use super::error::words;
use super::history::PARTIAL;
use super::project::MigrationFolder;
use super::regime::FilePlan;
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

    fn note_times(&mut self, times: &[(usize, f64)]) {
        for (statement, milliseconds) in times {
            // A file may name a column of its own as we name ours.
            if let Some(time) = self.times.get_mut(*statement) {
                *time = Some(*milliseconds);
            }
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
    /// The deploy began with an empty database: nothing is there that an earlier run left.
    pub(super) fresh: bool,
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

    /// The checks after the migration; the error is the connection's, or says what does not hold.
    pub(super) async fn after(&self, ran: &mut Ran, around: Around) -> Result<(), ServerError> {
        if self.plan.changes_role && around == Around::Nothing {
            self.session.simple("RESET SESSION AUTHORIZATION; RESET ROLE").await?;
        }
        ran.checks = checks::run(self.session, &self.checks.after, "after", around).await?;
        checks::violation(&ran.checks).map_or(Ok(()), |what| Err(checks::as_error(what)))
    }

    /// What the row keeps of an error.
    fn logs(&self, error: &ServerError, statement: Option<usize>, done: usize) -> String {
        let mut text = crate::migrate::messages::failed_migration(self.folder, self.plan, error, statement);
        if done > 0 {
            text.push_str(&format!("\n\n{PARTIAL}{done} of {}", self.plan.statements.len()));
        }
        text
    }
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
