//! What a real PostgreSQL said when something was tried on it.

use crate::lock::LockMode;
use crate::migration::ServerError;
use crate::version::ServerVersion;

#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// What was tried, for people.
    pub subject: String,
    /// None where no server took part (a proof on files alone, or one that could not be had).
    pub server: Option<ServerVersion>,
    pub observations: Vec<Observation>,
    pub verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Proven,
    /// The finding stays, the fix is withdrawn, the proof is shown.
    Refuted {
        reason: String,
    },
    Unprovable {
        reason: String,
    },
}

impl Verdict {
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Proven => "proven",
            Verdict::Refuted { .. } => "refuted",
            Verdict::Unprovable { .. } => "unprovable",
        }
    }

    pub fn reason(&self) -> Option<&str> {
        match self {
            Verdict::Proven => None,
            Verdict::Refuted { reason } | Verdict::Unprovable { reason } => Some(reason),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// A step of the fix ran.
    Applied {
        sql: String,
        micros: u64,
    },
    /// The strongest lock a step held on a relation that existed before.
    Lock {
        sql: String,
        relation: String,
        mode: LockMode,
    },
    /// A step wrote a table anew.
    Rewrite {
        sql: String,
        relation: String,
    },
    /// The rule no longer finds what it found.
    FindingGone,
    FindingRemains,
    /// The fix brought a finding that was not there.
    NewFinding {
        rule: String,
        message: String,
    },
    /// The rollback ran and the catalog is what it was.
    RolledBack {
        micros: u64,
    },
    /// The catalog differs after the rollback.
    CatalogDiffers {
        differences: Vec<String>,
    },
    /// The catalog after the rewritten migration is the one the original makes.
    SameCatalog,
    /// The change ran a second time after its rollback.
    AppliedAgain,
    /// Statements ran on generated rows, and this is what they cost.
    Ran(Run),
    /// Before and after the change the statements gave, or left behind, the same rows.
    SameRows {
        rows: u64,
    },
    /// Somebody did what the change is to refuse, or what it is to leave alone.
    Attacked {
        /// `from "PAID" to "PENDING"`, `the same event again`.
        what: String,
        sql: String,
        /// What the server answered; none where it did as it was told.
        refused: Option<ServerError>,
        /// Rows that the statement changed.
        rows: u64,
    },
    /// Two sessions ran what the code runs, and the server ended one of them: its message.
    Deadlocked {
        first: Vec<String>,
        second: Vec<String>,
        error: ServerError,
    },
    /// A step failed.
    Failed {
        sql: String,
        error: ServerError,
    },
    /// An edited file still parses and says the same but for the change.
    FileParses {
        file: String,
    },
}

/// What statements cost on the data twin.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// `as it is`, `with the index`, `as one query`.
    pub what: String,
    /// The statement, or the one that was repeated.
    pub sql: String,
    /// How many statements ran.
    pub statements: u64,
    /// Rows that the server sent.
    pub rows_fetched: u64,
    /// Rows that the call returns to the code.
    pub rows_returned: u64,
    /// Rows that the plan read and threw away.
    pub rows_removed: u64,
    /// Pages of 8 kB that were touched, in memory or not.
    pub buffers: u64,
    pub micros: u64,
    /// The main node of the plan: `Seq Scan on "Order"`.
    pub plan: String,
}
