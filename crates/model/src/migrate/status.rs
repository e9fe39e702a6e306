//! What `migrate status` sees: the disk, the history, and what is wrong with the database itself.

use serde::Serialize;

use super::{DatabaseName, Standing};

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StatusReport {
    pub database: DatabaseName,
    pub history_table: String,
    /// The table of the history exists.
    pub initialised: bool,
    pub migrations: Vec<Standing>,
    /// The histories of disk and database diverge; the last migration that both have, where there is one.
    pub diverged: Option<Diverged>,
    /// None: not compared, and a note says why. Empty: compared and equal.
    pub drift: Option<Vec<String>>,
    /// Indexes that PostgreSQL does not use, qualified names.
    pub invalid_indexes: Vec<String>,
    /// Constraints that were added NOT VALID and never validated: `table: constraint`.
    pub not_valid: Vec<String>,
    /// How this target stands against the one before it, where the user named a target that has one.
    pub target: Option<TargetStanding>,
    pub notes: Vec<String>,
    /// Every class that holds, in the order of their exit codes.
    pub classes: Vec<StatusClass>,
    /// The smallest code of a class that holds, else 0.
    pub exit_code: u8,
    pub elapsed_ms: u64,
}

/// A target against the one that migrations pass first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TargetStanding {
    pub target: String,
    pub before: String,
    /// Applied on the one before and not here: what the next deploy may bring.
    pub only_there: Vec<String>,
    /// Applied here and not on the one before.
    pub only_here: Vec<String>,
    /// Applied on both, with different texts.
    pub other_text: Vec<String>,
    /// Where the schemas differ; none while the histories do.
    pub drift: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Diverged {
    pub last_common: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusClass {
    NoHistory,
    Pending,
    Failed,
    Diverged,
    Edited,
    MissingOnDisk,
    Drift,
    InvalidIndexes,
    NotValid,
}

impl StatusClass {
    /// 1 for whatever Prisma exits 1 for; a code of its own for what Prisma is silent about.
    pub fn exit_code(self) -> u8 {
        match self {
            StatusClass::NoHistory | StatusClass::Pending | StatusClass::Failed | StatusClass::Diverged => 1,
            StatusClass::Edited => 3,
            StatusClass::MissingOnDisk => 4,
            StatusClass::Drift => 5,
            StatusClass::InvalidIndexes => 6,
            StatusClass::NotValid => 7,
        }
    }
}
