//! Partitioned tables: rows go where a partition takes them.

use pgsteward_model::catalog::{Catalog, Table};

use super::limits::{Limits, columns_named};

/// Limits the column of the partition key to values that some partition takes: the lower bounds of ranges and
/// the members of lists. A key of several columns and an expression are left to luck.
pub(super) fn narrow(catalog: &Catalog, table: &Table, limits: &mut Limits) {
    let Some(partitioning) = &table.partitioning else { return };
    let named = columns_named(table, &partitioning.key);
    let [column] = named.into_iter().collect::<Vec<_>>()[..] else { return };
    let mut values = Vec::new();
    for partition in catalog.tables.values() {
        let Some(of) = partition.partition_of.as_ref().filter(|of| of.parent == table.name) else { continue };
        if of.bound.trim() == "DEFAULT" || of.bound.contains(" WITH ") {
            return;
        }
        let inside = of.bound.split_once('(').map_or("", |(_, rest)| rest);
        // FOR VALUES FROM ('a') TO ('b'): the lower bound belongs to the partition.
        let inside = inside.split(") TO (").next().unwrap_or("").trim_end_matches(')');
        for value in inside.split(", ") {
            let value = value.trim().trim_matches('\'').replace("''", "'");
            if !matches!(value.as_str(), "" | "NULL" | "MINVALUE" | "MAXVALUE") {
                values.push(value);
            }
        }
    }
    if !values.is_empty() {
        limits.only(column, values);
    }
}
