//! What `migrate squash` makes of a history.

use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SquashReport {
    /// Name of the new migration.
    pub name: String,
    /// Its file, relative to the project.
    pub file: String,
    /// Names of the migrations that it joins, in the order they ran.
    pub joined: Vec<String>,
    /// Migrations behind them, which stay.
    pub left: Vec<String>,
    pub outcome: SquashOutcome,
    /// None where an interrupted squash was finished: its text was there.
    pub form: Option<SquashForm>,
    /// The text of the new migration; empty where it was there.
    pub sql: String,
    /// Rows that the joined migrations leave in an empty database. They are in the new one too.
    pub rows: Vec<SquashedRows>,
    /// Statements of the joined migrations that write rows.
    pub data_statements: Vec<DataStatement>,
    /// Version of the lab's server.
    pub server: Option<String>,
    /// What to run where; one command each, with what it is for.
    pub next: Vec<String>,
    pub notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SquashOutcome {
    /// Proven, and nothing was written.
    Planned,
    /// The new migration is there, and the ones that it joins are gone.
    Written,
    /// The rest of an interrupted squash was done.
    Finished,
    /// The person said no.
    Cancelled,
}

/// What the new migration's text is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "form")]
pub enum SquashForm {
    /// The statements that make the schema and the rows that the joined ones left.
    Schema,
    /// The statements of the joined ones, one file after the other, and why.
    Statements { reason: String },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SquashedRows {
    pub table: String,
    pub rows: usize,
    /// Columns whose value is the default again, because the joined migrations write the time at which they run.
    pub defaults: Vec<String>,
}

/// A statement of a migration that writes rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DataStatement {
    pub migration: String,
    pub line: usize,
    /// `INSERT into "user"`.
    pub what: String,
}
