//! What the verbs of `migrate` and `db` report: plain data, one file a verb. Durations are milliseconds, times are
//! `YYYY-MM-DD HH:MM:SS.ffffff` in UTC, text of errors is for people.

pub mod backfill;
pub mod conflicts;
pub mod deploy;
pub mod dev;
pub mod doctor;
pub mod plan;
pub mod pull;
pub mod rehearsal;
pub mod resolve;
pub mod rollback;
pub mod squash;
pub mod status;

use serde::Serialize;

/// How a migration stands, seen from the disk and the database together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationState {
    Applied,
    Pending,
    /// It began and neither ended nor was rolled back.
    Failed,
    /// Only rolled-back attempts are left of it, and no folder.
    RolledBack,
}

/// One migration, on disk or in the database or both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    pub name: String,
    pub state: MigrationState,
    /// The file is not the one that was applied.
    pub edited: bool,
    /// The database has it and the disk does not.
    pub missing_on_disk: bool,
    /// The migration on disk that joins it, where a squash did: then nothing is missing.
    pub joined_by: Option<String>,
    /// There was an attempt that was rolled back.
    pub rolled_back: bool,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    /// The error of a failed one.
    pub logs: Option<String>,
    /// Of a failed one: statements that are committed.
    pub statements_done: u32,
}

/// What the server said of a failed migration, as the history keeps it in `logs`: the error, and its hint where there was one.
pub fn said_by_server(logs: &str) -> (Option<&str>, Option<&str>) {
    let mut lines = logs.lines().skip_while(|line| !line.starts_with("ERROR: "));
    let error = lines.next().and_then(|line| line.strip_prefix("ERROR: "));
    // The text of the migration stands behind the place.
    let hint =
        lines.take_while(|line| !line.starts_with("Position:")).find_map(|line| line.strip_prefix("HINT: "));
    (error, hint)
}

/// Which database a verb worked on. Never holds a password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DatabaseName {
    pub name: String,
    /// `host:port` or the socket.
    pub place: String,
    /// The namespace of the connection URL.
    pub namespace: String,
    /// Where the URL was found: "DATABASE_URL of .env".
    pub origin: String,
    pub server_version: String,
}

#[cfg(test)]
mod tests {
    use super::said_by_server;

    #[test]
    fn a_hint_is_one_of_the_server() {
        let logs = "A migration failed to apply.\n\nDatabase error:\nERROR: more rows\nDETAIL: many\nHINT: run it\n\n\
                    Position: line 3, column 1\n>   3 HINT: of the file";
        assert_eq!(said_by_server(logs), (Some("more rows"), Some("run it")));
        assert_eq!(said_by_server(&logs.replace("HINT: run it\n", "")), (Some("more rows"), None));
        assert_eq!(said_by_server("HINT: nothing failed"), (None, None));
    }
}
