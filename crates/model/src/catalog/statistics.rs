//! What the server knows of sizes and use. Part of the objects, never of a comparison.

/// From `pg_class` and `pg_stat_all_tables`. Counters run since the last statistics reset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableStatistics {
    /// Row estimate (`reltuples`); none where the table was never analyzed.
    pub rows: Option<f64>,
    /// Heap with TOAST, bytes.
    pub bytes: u64,
    /// With indexes, bytes.
    pub total_bytes: u64,
    pub sequential_scans: u64,
    pub index_scans: u64,
    pub inserts: u64,
    pub updates: u64,
    pub deletes: u64,
}

/// From `pg_stats`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnStatistics {
    /// Share of NULLs, 0 to 1.
    pub null_fraction: f64,
    /// As in `pg_stats`: positive is a count, negative a share of the rows.
    pub distinct: f64,
    /// Average width in bytes.
    pub width: i32,
    /// Share of the most common value, where one is kept.
    pub top_frequency: Option<f64>,
    /// Shares of all rows that the most common values have, the most common first. How skewed a column is, and no value.
    pub frequencies: Vec<f64>,
    /// The most common values themselves, as text, in the order of `frequencies`; empty where they were not asked for.
    pub common_values: Vec<String>,
    /// Values that divide the rest of the rows into parts of the same size, in order; empty where they were not asked for.
    pub bounds: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct IndexStatistics {
    pub scans: u64,
    pub bytes: u64,
}
