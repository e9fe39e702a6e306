//! What `migrate plan --safe` makes of the migrations that are not applied yet.

use serde::Serialize;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PlanReport {
    /// Version of the server that the plans were tried on.
    pub server: Option<String>,
    pub migrations: Vec<PlannedMigration>,
    /// The folders are on disk now.
    pub written: bool,
    /// Sentences about the whole.
    pub notes: Vec<String>,
}

/// One migration and the folders that take its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedMigration {
    pub name: String,
    pub verdict: PlanVerdict,
    /// In the order in which they run; empty where nothing is rewritten.
    pub folders: Vec<PlannedFolder>,
    /// Hazards that no rewriting takes away, for people.
    pub left: Vec<String>,
    pub notes: Vec<String>,
    /// A unified diff of all files.
    pub diff: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum PlanVerdict {
    /// There is nothing to rewrite.
    Unchanged,
    /// The folders were tried and lead where the migration leads.
    Proven,
    /// The folders were tried and do not hold: they are not written.
    Refuted { reason: String },
    /// The migration must not be rewritten.
    Refused { reason: String },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedFolder {
    pub name: String,
    /// The text of migration.sql.
    pub sql: String,
    /// The text of backfill.sql beside it.
    pub backfill: Option<String>,
    /// What its down.sql is worth, in words; none where nothing was written.
    pub down: Option<String>,
    /// What to wait for before the folder is deployed.
    pub after: Option<String>,
    /// What the folder locked in the lab, of tables that were there before the migration.
    pub locks: Vec<PlannedLock>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedLock {
    pub relation: String,
    /// The strongest one, by its documented name.
    pub mode: String,
    pub blocks_reads: bool,
    pub blocks_writes: bool,
    /// How long the longest statement took that held it, in microseconds.
    pub micros: u64,
}
