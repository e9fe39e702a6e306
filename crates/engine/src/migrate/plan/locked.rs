//! In which order a swap locks its tables. A row that is written holds its own table and asks for the one that it refers to when it
//! is checked, so the referring table comes first: who waits for that holds nothing of the other.

use pgsteward_model::catalog::{ConstraintKind, QName, Table};
use pgsteward_sql::quote_qualified;

use super::swap::Swap;

impl Swap<'_> {
    /// Takes the locks of the swap before it does anything; nothing where there is one table only.
    pub(super) fn locked(&self) -> Vec<String> {
        let mut open = self.all_tables();
        if open.len() < 2 {
            return Vec::new();
        }
        let mut sql = Vec::new();
        while !open.is_empty() {
            let last_to_ask =
                |table: &QName| !open.iter().any(|other| other != table && self.refers(other, table));
            // Tables that refer to each other have no right order.
            let at = open.iter().position(last_to_ask).unwrap_or(0);
            sql.push(format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", quote_qualified(&open.remove(at))));
        }
        sql
    }

    /// The tables of the columns, those whose foreign keys are made anew, and those that these refer to; of partitioned ones the
    /// whole, whose lock is that of all partitions.
    fn all_tables(&self) -> Vec<QName> {
        let mut found: Vec<QName> = self.tables().into_iter().map(|table| table.name.clone()).collect();
        for table in self.catalog.tables.values().filter(|table| table.partition_of.is_none()) {
            for (_, key) in table.foreign_keys().filter(|(_, key)| self.mapped_key(table, key).is_some()) {
                found.extend([table.name.clone(), key.references.clone()]);
            }
        }
        found.sort();
        found.dedup();
        found
    }

    fn refers(&self, from: &QName, to: &QName) -> bool {
        let is = |constraint: &ConstraintKind| matches!(constraint, ConstraintKind::ForeignKey(key) if key.references == *to);
        let of = |table: &Table| table.constraints.iter().any(|one| is(&one.kind));
        self.catalog.table(from).is_some_and(of)
    }
}
