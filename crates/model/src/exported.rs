//! Facts of a database as a file: schema, settings and statistics, no row, and no value of one unless it was asked for. The one type of this
//! crate that is a stable format: `pgsteward facts export` writes it, other commands read it where the database is out
//! of reach.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Grows when a field changes its meaning or goes. Readers refuse what is newer and ignore fields they do not know.
pub const FACTS_VERSION: u32 = 1;

/// What the field `format` says.
pub const FACTS_FORMAT: &str = "pgsteward facts";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExportedFacts {
    pub format: String,
    pub version: u32,
    /// Version of pgsteward that wrote the file.
    pub written_by: String,
    /// `server_version_num`.
    pub server_version_num: u32,
    pub database: String,
    /// `host:port` or the socket, without user and password.
    pub place: String,
    /// Settings that decide what work costs, in the units of `pg_settings`.
    pub settings: BTreeMap<String, String>,
    /// Statements that make the schema in a new database, in this order. The first sets the session up.
    pub schema: Vec<String>,
    /// Roles that policies of the schema name.
    pub roles: Vec<String>,
    /// Objects that `schema` lacks, with the reason.
    pub left_out: Vec<(String, String)>,
    pub tables: Vec<ExportedTable>,
    /// Migrations by the name of the table that holds their history.
    pub histories: BTreeMap<String, Vec<ExportedMigration>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExportedTable {
    pub namespace: String,
    pub name: String,
    /// Row estimate; none where the table was never analyzed.
    pub rows: Option<f64>,
    /// Heap with TOAST.
    pub bytes: u64,
    /// With indexes.
    pub total_bytes: u64,
    pub columns: Vec<ExportedColumn>,
}

/// Numbers of `pg_stats`; its lists of values only on request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExportedColumn {
    pub name: String,
    /// Share of NULLs, 0 to 1.
    pub null_fraction: f64,
    /// Positive is a count, negative a share of the rows.
    pub distinct: f64,
    /// Average, in bytes.
    pub width: i32,
    /// Share of the most common value.
    pub top_frequency: Option<f64>,
    /// Shares of all rows that the most common values have, the most common first.
    #[serde(default)]
    pub frequencies: Vec<f64>,
    /// The most common values, in the order of `frequencies`. These are data: only where they were asked for, and of no
    /// column that looks personal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub common_values: Vec<String>,
    /// Values that divide the rest of the rows into parts of the same size. Data as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<String>,
}

/// One attempt to apply a migration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedMigration {
    pub name: String,
    pub checksum: String,
    pub started_at: String,
    pub finished_at: Option<String>,
    pub rolled_back_at: Option<String>,
}
