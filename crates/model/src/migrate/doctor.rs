//! What `migrate doctor` finds out about a failed migration.

use serde::Serialize;

use super::DatabaseName;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DoctorReport {
    pub database: DatabaseName,
    /// The failed migration; none where there is none.
    pub migration: Option<String>,
    pub started_at: Option<String>,
    /// What the server said when it failed, as the history keeps it.
    pub error: Option<String>,
    /// Its hint, where it gave one.
    pub hint: Option<String>,
    /// The file is not the one that ran.
    pub edited: bool,
    pub statements: Vec<StatementState>,
    pub verdict: Verdict,
    /// What to do: one of these.
    pub ways: Vec<Way>,
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatementState {
    /// 1-based line in the file.
    pub line: u32,
    /// Its beginning, in one line.
    pub text: String,
    pub presence: Presence,
    /// What it was looked for by: the objects that it changes.
    pub objects: Vec<String>,
    /// How the presence is known, where it is not the objects that show it.
    pub because: Option<String>,
}

/// Whether the effect of a statement is in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    Present,
    Absent,
    /// Its objects are like neither the state before nor the one after it, or like both.
    Unclear,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No migration failed.
    #[default]
    Healthy,
    Nothing,
    Partial,
    Complete,
    /// Somebody must look: what is there is no prefix of the migration.
    Unclear,
}

/// One way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Way {
    pub title: String,
    /// To be run first; empty where nothing is.
    pub sql: String,
    /// Then this.
    pub command: String,
    /// The lab ran the SQL on a database in the same state and came out where it should; else why not.
    pub proof: Result<(), String>,
}
