//! The statements that insert the planned rows of a table: those of the twin, and more behind them.

use pgsteward_model::catalog::QName;
use pgsteward_sql::{quote_ident, quote_qualified};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TablePlan {
    pub(super) name: QName,
    pub(super) rows: u64,
    /// Names and values, the latter over the rows of [`source`].
    pub(super) columns: Vec<(String, String)>,
    /// Foreign keys that had to wait, set when all tables have their rows.
    pub(super) afterwards: Vec<String>,
    /// Checks that were not read: named where the server refuses the rows.
    pub(super) unread: Vec<String>,
    pub(super) forced_row_security: bool,
}

impl TablePlan {
    /// The statement for the rows from `first` to `last`.
    pub(super) fn insert(&self, first: u64, last: u64) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| quote_ident(name)).collect();
        let values: Vec<&str> = self.columns.iter().map(|(_, value)| value.as_str()).collect();
        format!(
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} {}",
            quote_qualified(&self.name),
            names.join(", "),
            values.join(", "),
            source(first, last)
        )
    }
}

/// Makes rows of one table as the twin's are made, for the same parents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoreRows {
    plan: TablePlan,
}

impl MoreRows {
    pub(super) fn new(plan: TablePlan) -> MoreRows {
        MoreRows { plan }
    }

    /// Columns that the rows have values for.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.plan.columns.iter().map(|(name, _)| name.as_str())
    }

    /// A query for the values of the rows behind the twin's own from `first` to `last`, counted from 1: as text, in the order of
    /// the columns. The server may refuse such rows where the values of a unique key are used up.
    pub fn values(&self, first: u64, last: u64) -> String {
        let values: Vec<String> =
            self.plan.columns.iter().map(|(_, value)| format!("({value})::text")).collect();
        let (first, last) = (self.plan.rows + first, self.plan.rows + last);
        format!("SELECT {} {}", values.join(", "), source(first, last))
    }
}

/// What the values are taken over.
fn source(first: u64, last: u64) -> String {
    format!("FROM pg_catalog.generate_series({first}::bigint, {last}::bigint) AS g(i)")
}
