//! A unique index over a second column beside the one over the first. `INSERT … ON CONFLICT (column)` infers the first alone, and
//! waits only for that: where two sessions insert the same new value at once, the second index raises what the first one would
//! have let pass. So it is built as late as can be, and people are told.
//!
//! Source: PostgreSQL documentation, "INSERT" (ON CONFLICT Clause): inference chooses indexes over exactly the columns named;
//! violations of all others raise an error. Without columns each unique index is one to wait for.

use pgsteward_model::catalog::{ConstraintKind, Index, Table};

use super::exchange::Ways;
use super::name::safe;
use super::swap::{Swap, temporary};
use crate::migrate::told;

impl Swap<'_> {
    /// Whether the index of the second column may come last: nothing needs it before the columns change places.
    pub(super) fn comes_last(&self, table: &Table, index: &Index) -> bool {
        // Both names are written until the end, and either may be what a conflict is looked for by.
        let apart = self.exchanges.iter().any(|one| one.ways == Ways::Apart && one.table.name == table.name);
        index.unique && !apart && !self.is_referred_to(table, index)
    }

    /// Whether a foreign key to the second column needs it.
    fn is_referred_to(&self, table: &Table, index: &Index) -> bool {
        let own = |columns: &[String]| {
            columns.len() == index.keys.len()
                && index.keys.iter().all(|key| key.column.as_ref().is_some_and(|name| columns.contains(name)))
        };
        self.catalog.tables.values().any(|other| {
            other.constraints.iter().any(|constraint| match &constraint.kind {
                ConstraintKind::ForeignKey(key) => {
                    key.references == table.name && own(&key.referenced_columns)
                }
                _ => false,
            })
        })
    }

    /// What the folder says that builds the second index of a unique one.
    pub(super) fn told_of_upserts(&self, table: &Table, index: &Index) -> String {
        if !index.unique {
            return String::new();
        }
        format!("\n{}", told_of_race(table, index, &self.slug, &temporary(&index.name)))
    }
}

/// The comment for people that upserts by what an index is over may fail until the folder called `until` is deployed, since
/// `beside` is unique as well.
pub(super) fn told_of_race(table: &Table, index: &Index, until: &str, beside: &str) -> String {
    let keys: Vec<&str> =
        index.keys.iter().filter_map(|key| key.column.as_deref().or(key.expression.as_deref())).collect();
    let keys = keys.join(", ");
    let sentence = format!(
        "from here until \"{}\" is deployed, INSERT ... ON CONFLICT ({keys}) on {}, as an upsert of Prisma Client by that key is, fails \
         with 23505 on \"{beside}\" where two sessions insert the same new value at the same moment, and one would have updated what the \
         other inserted: let the application try again. Rows that are there, and ON CONFLICT DO NOTHING without columns, are not hit. \
         Deploy the folders in between right behind each other",
        safe(until),
        table.name.display(),
    );
    told::marker(&sentence)
}
