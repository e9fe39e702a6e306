//! What `migrate resolve` wrote into the history.

use serde::Serialize;

use super::DatabaseName;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResolveReport {
    pub database: DatabaseName,
    pub history_table: String,
    pub migration: String,
    pub resolved: Resolved,
    /// The table of the history was made for it.
    pub created_table: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolved {
    Applied,
    RolledBack,
}
