//! What `migrate backfill` did.

use serde::Serialize;

use super::DatabaseName;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BackfillReport {
    pub database: DatabaseName,
    /// The migration folder, or what stands for a backfill given by flags.
    pub name: String,
    /// The whole UPDATE, as it is written.
    pub statement: String,
    pub outcome: BackfillOutcome,
    /// Columns of the key that batches are cut by, in its order.
    pub key: Vec<String>,
    /// It went on where an earlier run stopped.
    pub resumed: bool,
    /// Rows that batches passed over, and that they changed, of all runs together.
    pub rows_read: u64,
    pub rows_changed: u64,
    /// Batches of all runs together.
    pub batches: u64,
    /// Rows of the table as its statistics have it; none where they were never made.
    pub estimated_rows: Option<u64>,
    /// Batches of this run that were tried again, because a lock was not granted in time or a deadlock was broken.
    pub retried: u64,
    /// Batches of this run that others waited for.
    pub waited_for: u64,
    /// Milliseconds that this run waited for replicas.
    pub lag_wait_ms: u64,
    /// After the last batch: whether rows still match WHERE. None without WHERE.
    pub rows_left: Option<bool>,
    /// The statement of the first batch, in a dry run.
    pub first_batch: Option<String>,
    pub notes: Vec<String>,
    pub elapsed_ms: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillOutcome {
    /// A dry run.
    #[default]
    Planned,
    Finished,
    /// An earlier run finished it, and nothing was done.
    WasFinished,
}
