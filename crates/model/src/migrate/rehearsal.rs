//! What `migrate rehearse` saw on a twin of production, and what it expects of production itself. Times are
//! milliseconds; relations are `namespace.name` without quotes, without the namespace where it is `public`.

use serde::Serialize;

use super::DatabaseName;
use super::deploy::{DataCheck, FileRegime};

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RehearsalReport {
    /// The database whose schema and statistics the twin has; none where they come from a file or from nowhere.
    pub database: Option<DatabaseName>,
    /// Where schema and statistics come from, for people.
    pub source: String,
    /// Version of the server that the migrations ran on.
    pub lab_version: String,
    /// Share of production's rows that the twin has where the bounds allow it.
    pub scale: f64,
    /// How long others may be kept waiting.
    pub max_block_ms: f64,
    pub tables: Vec<TwinTable>,
    pub migrations: Vec<RehearsedMigration>,
    pub notes: Vec<String>,
    pub elapsed_ms: u64,
}

/// A table that the migrations work on.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TwinTable {
    pub name: String,
    /// Rows in production, where the statistics tell.
    pub rows: Option<u64>,
    pub twin_rows: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nobody waits for it.
    Safe,
    /// Others wait for a moment: with the settings listed it does no harm.
    SafeWithSettings,
    /// It would be unsafe, and all that makes it so was accepted.
    Accepted,
    /// It keeps others waiting for longer than allowed.
    Unsafe,
    /// It did not run.
    Fails,
    /// An earlier one did not run.
    NotTried,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RehearsedMigration {
    pub name: String,
    pub verdict: Verdict,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
    /// What makes it safe: `lock_timeout = '3s'`.
    pub settings: Vec<String>,
    pub rewrites: Vec<Remedy>,
    /// What would make it unsafe.
    pub accepted: Vec<Accepted>,
    pub regime: FileRegime,
    /// Why it is not atomic.
    pub because: Option<String>,
    pub statements: Vec<RehearsedStatement>,
    /// What its `checks.sql` answered on the twin.
    pub checks: Vec<DataCheck>,
    /// Errors that the load got: what the application that runs today would see.
    pub broken: Vec<Broken>,
    pub deadlocks: Vec<Deadlock>,
    /// How often it let go of its locks, because one that it needed beside them was not granted in time, and began again.
    pub let_go: usize,
    /// The error of the server where it did not run.
    pub failure: Option<String>,
}

/// How a hazard is written so that it is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remedy {
    pub line: u32,
    /// The rule whose page explains it.
    pub rule: String,
    pub text: String,
}

/// A hazard that somebody took on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// As a reason says it.
    pub what: String,
    pub rules: Vec<String>,
    /// Where it was accepted, and why where that is told.
    pub by: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RehearsedStatement {
    /// 1-based line in the file.
    pub line: u32,
    /// On one line, shortened.
    pub text: String,
    /// On the twin, without others around.
    pub elapsed_ms: f64,
    /// At production's size on a machine like this one; none where its rows are not known.
    pub expected: Option<Estimate>,
    /// Locks on tables and indexes that were there before the file, as the server showed them.
    pub locks: Vec<HeldLock>,
    pub scanned: Vec<Scanned>,
    /// Tables and materialized views whose file was written anew.
    pub rewrites: Vec<String>,
    /// Indexes that were built or built anew.
    pub built: Vec<String>,
    pub wal_bytes: u64,
    pub expected_wal_bytes: Option<u64>,
    /// Others that waited for this migration from this statement on.
    pub waits: Option<Waits>,
}

/// A time with the bounds that it should lie in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    pub ms: f64,
    pub low_ms: f64,
    pub high_ms: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HeldLock {
    pub relation: String,
    /// Words of PostgreSQL's documentation: `ACCESS EXCLUSIVE`.
    pub mode: String,
    pub blocks_reads: bool,
    pub blocks_writes: bool,
    /// From when it was first seen until it was released, on the twin under load.
    pub held_ms: f64,
    /// The same at production's size.
    pub expected_held: Option<Estimate>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scanned {
    pub relation: String,
    /// On the twin.
    pub rows: u64,
    pub expected_rows: Option<u64>,
}

/// Only requests that were seen waiting count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Waits {
    pub reads: usize,
    pub writes: usize,
    pub median_ms: f64,
    pub p99_ms: f64,
    pub longest_ms: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Broken {
    pub relation: String,
    /// `SELECT`, `INSERT`, `UPDATE` and so on.
    pub request: String,
    pub error: String,
    pub times: usize,
    /// The statement that broke it, where that is known: its 1-based line in the file and its text.
    pub line: Option<u32>,
    pub statement: Option<String>,
}

/// The migration and a request of the application waited for each other, and the server ended one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Deadlock {
    /// The request that was ended; none where it was the migration.
    pub request: Option<String>,
    /// 1-based line of the statement that was ended; none where it was the request.
    pub line: Option<u32>,
    pub times: usize,
}
