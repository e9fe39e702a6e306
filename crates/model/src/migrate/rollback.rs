//! What undoes a migration, what a proof of it saw, and what a rollback did.

use serde::Serialize;

use super::DatabaseName;
use super::deploy::Failure;

/// A `down.sql` as it was made or tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Down {
    /// Name of the migration.
    pub migration: String,
    /// Lower-case hex SHA-256 of the migration's text.
    pub checksum: String,
    /// The statements, without the header of the file; empty where nothing is to be undone or nothing can be.
    pub sql: String,
    pub worth: Worth,
    /// What does not come back, or comes back otherwise.
    pub lost: Vec<Loss>,
    /// True where the migration changes the schema.
    pub changes_schema: bool,
    /// Version of the server of the proof.
    pub server: Option<String>,
}

impl Down {
    /// What it is worth, why, and what it does not bring back, in one line.
    pub fn in_words(&self) -> String {
        let mut words = self.worth.word().to_owned();
        if let Some(reason) = self.worth.reason() {
            words.push_str(&format!(": {reason}"));
        }
        let lost: Vec<&str> = self.lost.iter().map(|loss| loss.what.as_str()).collect();
        if !lost.is_empty() {
            words.push_str(&format!("; it does not bring back {}", lost.join(", ")));
        }
        words
    }
}

/// What a `down.sql` is worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Worth {
    /// Up, down and up again ran, the catalogs were equal at each end, and so were the rows that were there before.
    Proven,
    /// The same for the catalogs; rows or values that the migration removes or changes do not come back.
    StructureProven,
    /// The same for the catalogs of empty tables; over rows it does not run, and changes nothing. Why.
    OverEmptyTables { reason: String },
    /// There is nothing that undoes the migration.
    Irreversible { reason: String },
    /// It was tried and did not work, or could not be tried.
    Unproven { reason: String },
}

impl Worth {
    pub fn word(&self) -> &'static str {
        match self {
            Worth::Proven => "proven",
            Worth::StructureProven => "structure proven, data lost",
            Worth::OverEmptyTables { .. } => "structure proven over empty tables only",
            Worth::Irreversible { .. } => "irreversible",
            Worth::Unproven { .. } => "unproven",
        }
    }

    /// Whether the structure comes back over rows, too.
    pub fn is_proven(&self) -> bool {
        matches!(self, Worth::Proven | Worth::StructureProven)
    }

    pub fn reason(&self) -> Option<&str> {
        match self {
            Worth::Proven | Worth::StructureProven => None,
            Worth::OverEmptyTables { reason }
            | Worth::Irreversible { reason }
            | Worth::Unproven { reason } => Some(reason),
        }
    }
}

/// Something that a rollback does not bring back, or takes away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Loss {
    /// `values of "Order"."note"`, `rows of "Order"`.
    pub what: String,
    /// Lower case, no full stop.
    pub why: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AdoptReport {
    /// Version of the lab's server; none where no proof was needed.
    pub server: Option<String>,
    pub migrations: Vec<Adopted>,
    /// What to know of the server that they were proven on.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Adopted {
    #[serde(flatten)]
    pub down: Down,
    pub statements: Written,
}

/// Where the statements come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Written {
    /// Made now.
    Generated,
    /// Somebody wrote or edited them.
    HandWritten,
    /// Proven before, and nothing changed since.
    Kept,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RollbackReport {
    pub database: DatabaseName,
    /// Table of the history, qualified.
    pub history_table: String,
    /// Nothing was run.
    pub dry_run: bool,
    /// Newest migration first, the order in which they are undone.
    pub steps: Vec<RollbackStep>,
    pub notes: Vec<String>,
    pub elapsed_ms: u64,
    pub failure: Option<Failure>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RollbackStep {
    pub name: String,
    pub outcome: RollbackOutcome,
    /// All of it and its row of the history in one transaction.
    pub atomic: bool,
    /// `proven`, `structure proven, data lost`, `structure proven over empty tables only`, or why it is not.
    pub worth: String,
    pub statements: Vec<String>,
    /// What the migration took away and nothing brings back.
    pub lost: Vec<Loss>,
    /// What is there now and goes with the rollback.
    pub goes: Vec<Loss>,
    pub elapsed_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RollbackOutcome {
    Planned,
    RolledBack,
    /// Nothing of it ran, or all of it was taken back.
    Failed,
    /// Some of its statements are committed; the history says that it is under way.
    Interrupted,
}
