//! A history of migrations: the files, what their statements do, and what a server said when they ran.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::effect::Effect;
use crate::lock::LockMode;
use crate::source::Span;
use crate::statement::Statement;

/// Tables that pgsteward makes in a database for itself: its history of plain SQL, and how far backfills came. They are nobody's
/// schema.
pub const OWN_TABLES: [&str; 2] = ["pgsteward_migrations", "pgsteward_backfills"];

#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Folder of the migrations, relative to the project root.
    pub directory: String,
    pub layout: Layout,
    /// In the order they are applied.
    pub files: Vec<MigrationFile>,
    pub regime: Regime,
    /// How the judged files were chosen, for people: "after 20260102_init".
    pub judged_because: String,
    /// What the lab saw, where there was one.
    pub replay: Option<Replay>,
}

impl History {
    pub fn judged(&self) -> impl Iterator<Item = &MigrationFile> {
        self.files.iter().filter(|file| file.judged)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `<name>/migration.sql`.
    Prisma,
    /// `<name>.sql` in one folder.
    Files,
    /// `<name>.up.sql` and `<name>.down.sql`, or `<name>/up.sql` and `down.sql`.
    UpDown,
}

/// How the runner wraps the statements of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regime {
    /// Prisma up to 7.3: a file is one message and so one implicit transaction.
    OneMessage,
    /// Prisma from 7.4: each statement by itself where its parser reads the file, else one message.
    PerStatement,
    /// `psql -f`: each statement commits by itself.
    Psql,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MigrationFile {
    /// Folder name (Prisma) or file name without its ending.
    pub name: String,
    pub path: Arc<str>,
    /// Path of the file that undoes it, where there is one.
    pub down: Option<Arc<str>>,
    /// Whether findings about it are wanted; what is applied is history.
    pub judged: bool,
    /// In order, syntax errors included as [`Statement::Unparsed`].
    pub statements: Vec<MigrationStatement>,
    pub errors: Vec<SyntaxError>,
    /// Lower-case hex SHA-256 of the text, as Prisma stores it.
    pub checksum: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MigrationStatement {
    /// The statement without leading comments, up to its semicolon.
    pub span: Span,
    pub statement: Statement,
    /// Hash of the tokens with names and literals kept, white space and comments dropped.
    pub fingerprint: String,
    pub effect: Effect,
    /// The statement commits by itself rather than with its neighbours.
    pub own_transaction: bool,
    /// `lock_timeout` in force, milliseconds; none where it was never set in this file.
    pub lock_timeout_ms: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub span: Span,
    pub message: String,
}

/// What happened when the history ran on a lab server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    pub server_version: Option<crate::version::ServerVersion>,
    /// By file name.
    pub failures: BTreeMap<String, ReplayFailure>,
    /// Statements that the lab left out or replaced, and why: an extension it lacks, a role it may not make.
    pub skipped: Vec<Skipped>,
    /// What each DDL command of a file did, by file name, in order.
    pub traces: BTreeMap<String, Vec<Trace>>,
    pub elapsed_ms: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ReplayFailure {
    pub error: ServerError,
    /// Byte range in the file that the server pointed at, or the whole statement.
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Skipped {
    pub file: String,
    pub span: Span,
    pub what: String,
    pub why: String,
}

/// One `ddl_command_end` event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// `CREATE INDEX`, `ALTER TABLE`.
    pub tag: String,
    /// Identities of the objects it made or changed, as `pg_event_trigger_ddl_commands()` prints them.
    pub objects: Vec<String>,
    /// Tables rewritten.
    pub rewrites: Vec<String>,
    /// Locks on relations of the transaction so far that were not there before this command.
    pub locks: Vec<(String, LockMode)>,
    /// Index of the statement in the file's `statements` that fired the event; none for one inside DO or a
    /// function.
    pub statement: Option<usize>,
}

/// An error as the server sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    pub sqlstate: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// 1-based character position in the message that was sent.
    pub position: Option<u32>,
}
