//! What `migrate deploy` did: for each file how it ran, what was predicted and what was seen.

use serde::Serialize;

use super::DatabaseName;

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DeployReport {
    pub database: DatabaseName,
    /// Table of the history, qualified.
    pub history_table: String,
    /// Migrations on disk.
    pub found: usize,
    /// What was made before the first file: the database, the namespace, the table.
    pub created: Vec<String>,
    /// Squashed migrations that were recorded without running, because the database has all that they join.
    pub recorded: Vec<String>,
    /// How long the advisory lock was waited for.
    pub waited_for_lock_ms: u64,
    /// Files that ran or were tried, in order. The last one may have failed.
    pub files: Vec<FileRun>,
    /// Names that were left because an earlier one failed.
    pub left: Vec<String>,
    /// What people should know: a pooler that was passed by, settings that were taken back.
    pub notes: Vec<String>,
    pub elapsed_ms: u64,
    pub failure: Option<Failure>,
}

impl DeployReport {
    pub fn applied(&self) -> impl Iterator<Item = &FileRun> {
        self.files.iter().filter(|file| file.outcome == FileOutcome::Applied)
    }
}

/// Why the deploy ended early.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Prisma's code, where it has one.
    pub code: Option<String>,
    pub message: String,
    pub hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileOutcome {
    Applied,
    /// The history has a failed row of it.
    Failed,
    /// Nothing of it is in the database and the history knows nothing of it.
    NotApplied,
    /// Some statements are in the database; the row says how many, and the next run goes on behind them.
    Interrupted,
}

/// How the statements of a file are committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileRegime {
    /// All or nothing, with the row of the history in the same transaction.
    Atomic,
    /// Each statement (or transaction of the file's own) by itself, counted in the row.
    ByStatement,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileRun {
    pub name: String,
    pub checksum: String,
    pub outcome: FileOutcome,
    pub regime: FileRegime,
    /// Why it is not atomic.
    pub because: Option<String>,
    /// How often it (or one of its statements) was tried: more than once after a lock that was not granted.
    pub attempts: u32,
    /// Statements that an earlier run had done already.
    pub resumed_after: usize,
    pub statements: Vec<StatementRun>,
    /// Locks that the transaction held at its end, of an atomic file.
    pub locks_held: Vec<Lock>,
    /// What the data checks found before it ran.
    pub checks: Vec<DataCheck>,
    /// What other sessions felt meanwhile, where it was watched.
    pub watched: Option<Watched>,
    /// What the server said beside its answers while it ran: `RAISE NOTICE` and `RAISE WARNING` of the migration among it.
    pub server_messages: ServerMessages,
    pub notes: Vec<String>,
    pub elapsed_ms: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatementRun {
    /// 1-based line in the file.
    pub line: u32,
    /// Its beginning, in one line.
    pub text: String,
    /// Locks on tables that were there before this deploy, as predicted.
    pub predicted: Vec<Lock>,
    /// "rewrites \"Order\": the type changes from integer to bigint".
    pub work: Vec<String>,
    /// None: it did not run, an earlier run had done it, or it went together with others that nobody could feel.
    pub elapsed_ms: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Lock {
    pub relation: String,
    /// `ACCESS EXCLUSIVE`.
    pub mode: String,
}

/// Notices and warnings of the server, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServerMessages {
    pub list: Vec<ServerMessage>,
    /// So many more were not kept.
    pub left_out: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServerMessage {
    /// `WARNING`, `NOTICE`, `INFO`, `LOG`, `DEBUG`.
    pub severity: String,
    pub sqlstate: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
}

impl ServerMessage {
    pub fn is_warning(&self) -> bool {
        self.severity == "WARNING"
    }
}

impl ServerMessages {
    pub fn warnings(&self) -> impl Iterator<Item = &ServerMessage> {
        self.list.iter().filter(|one| one.is_warning())
    }
}

/// A look at the data before a statement that depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DataCheck {
    /// "duplicates in \"User\" (\"email\")".
    pub what: String,
    pub line: u32,
    pub outcome: CheckOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum CheckOutcome {
    Passed,
    /// So many rows stand in the way; the keys of some. No other value of a row is shown.
    Violated {
        rows: u64,
        keys: Vec<String>,
    },
    /// It could not be looked at, and why.
    Unknown {
        why: String,
    },
}

/// What other sessions felt while a file ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Watched {
    pub samples: u32,
    /// Most sessions that waited for ours at one time.
    pub most_waiting: u32,
    /// The longest wait that was seen.
    pub longest_wait_ms: u64,
    /// The largest replication lag in bytes of WAL, where there are replicas.
    pub largest_lag_bytes: Option<u64>,
    /// Slowest answer of the server to a trivial query.
    pub slowest_answer_ms: u64,
}
