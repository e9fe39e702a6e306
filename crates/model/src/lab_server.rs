//! What the verbs of `lab` report of a project's development server: plain data.

use serde::Serialize;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UpReport {
    /// With the password: this report is the one place that shows it.
    pub url: String,
    pub port: u16,
    pub server_version: String,
    /// Where its data lies.
    pub folder: String,
    pub created: bool,
    /// It ran before.
    pub was_running: bool,
    pub snapshots: Vec<SnapshotLine>,
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SnapshotLine {
    pub name: String,
    /// `YYYY-MM-DD HH:MM:SS` in UTC.
    pub taken_at: String,
    pub bytes: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DownReport {
    pub was_there: bool,
    pub was_running: bool,
    pub removed: bool,
}

/// What `snapshot` and `restore` did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SwapReport {
    /// The snapshot that was taken.
    pub saved: Option<String>,
    /// The snapshot that the database is now.
    pub restored: Option<String>,
    /// Sessions that had to end for it.
    pub sessions_ended: usize,
    pub snapshots: Vec<SnapshotLine>,
    pub notes: Vec<String>,
}
