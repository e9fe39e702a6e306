//! Which objects are made anew, under the words that COMMENT ON has for them. They have no comments and no
//! privileges until somebody gives them some.

use std::collections::BTreeSet;

use pgsteward_model::catalog::QName;

use crate::quote::{quote_ident, quote_qualified};

pub(super) type Made = BTreeSet<String>;

pub(super) fn named(word: &str, name: &QName) -> String {
    format!("{word} {}", quote_qualified(name))
}

pub(super) fn column(table: &QName, column: &str) -> String {
    format!("COLUMN {}.{}", quote_qualified(table), quote_ident(column))
}

/// A constraint, trigger or policy.
pub(super) fn part(word: &str, part: &str, table: &QName) -> String {
    format!("{word} {} ON {}", quote_ident(part), quote_qualified(table))
}
