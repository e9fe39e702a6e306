//! What `migrate dev`, `migrate diff`, `migrate reset`, `db push` and `db execute` did.

use serde::Serialize;

use super::DatabaseName;

/// How `migrate dev` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DevOutcome {
    /// Nothing to create; pending migrations may have been applied.
    InSync,
    /// A migration was created and applied.
    Applied,
    /// A migration was created and not applied (`--create-only`).
    Created,
    /// History and database do not agree: nothing was done.
    ResetNeeded,
    /// The person said no: nothing was created.
    Cancelled,
    /// The database was changed by hand, and its history knows the migration for that now: nothing was run.
    Recorded,
}

/// What the migrations of a project are written from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WrittenFrom {
    #[default]
    PrismaSchema,
    /// Plain SQL: by hand, or from a database that was changed by hand.
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DevReport {
    pub outcome: DevOutcome,
    pub written_from: WrittenFrom,
    pub database: DatabaseName,
    /// Why a reset is needed, in Prisma's words.
    pub reset_reason: Option<String>,
    /// Ways out of that without a reset, a sentence each.
    pub ways: Vec<String>,
    /// Pending migrations that were applied before anything else.
    pub applied: Vec<String>,
    pub created: Option<NewMigration>,
    /// What may be lost or fail, with the rows counted.
    pub warnings: Vec<String>,
    /// Steps that cannot work with the rows that are there.
    pub unexecutable: Vec<String>,
    /// What was renamed, for people: `column "name" of "User" to "fullName"`.
    pub renamed: Vec<String>,
    /// Pairs that may be renames and were not taken for such.
    pub guesses: Vec<RenameGuess>,
    /// What Prisma would have dropped, and was kept.
    pub kept: Vec<KeptObject>,
    /// Objects without a word in the schema that the migration takes away by the way.
    pub lost: Vec<String>,
    /// Objects of the database that no migration makes and that Prisma does not look at, or the other way round.
    pub outside: Vec<String>,
    /// What the new migration's `down.sql` is worth, in words.
    pub rollback: Option<String>,
    /// What was run after the migration or was not, and why: the project's generator.
    pub generator: Option<String>,
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewMigration {
    /// Name of the folder.
    pub name: String,
    /// Path of the file, relative to the project.
    pub file: String,
    pub sql: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RenameGuess {
    /// What to write to accept it: `--rename User.name=fullName`.
    pub flag: String,
    /// Why one would think so, the strongest reason first.
    pub reasons: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptObject {
    /// `index "Post_title_trgm" on "Post"`.
    pub what: String,
    pub why: String,
    /// The SQL that drops it, for who wants that.
    pub drop: String,
}

/// What leads from one schema to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiffReport {
    /// The SQL, as Prisma writes it.
    pub script: String,
    /// The same for people, in Prisma's words.
    pub summary: String,
    pub empty: bool,
    /// What the lab left out.
    pub notes: Vec<String>,
}

/// What `migrate reset` did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResetReport {
    pub database: DatabaseName,
    /// The namespaces that were emptied.
    pub namespaces: Vec<String>,
    pub applied: Vec<String>,
    /// What became of the project's generators; none where the schema has none.
    pub generator: Option<String>,
    /// What became of the project's seed command; none where there is none.
    pub seed: Option<String>,
    pub notes: Vec<String>,
}

/// What `db push` did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PushReport {
    pub database: DatabaseName,
    pub was_reset: bool,
    pub warnings: Vec<String>,
    pub unexecutable: Vec<String>,
    pub kept: Vec<KeptObject>,
    /// Statements that were run.
    pub statements: usize,
    /// What became of the project's generators; none where the schema has none.
    pub generator: Option<String>,
    pub notes: Vec<String>,
}
