//! Extended statistics.

use pgsteward_model::catalog::{Catalog, StatisticsObject};

use crate::quote::quote_qualified;

/// The statements that make all of them.
pub(super) fn all(catalog: &Catalog) -> Vec<String> {
    catalog.statistics_objects.values().flat_map(made).collect()
}

pub(super) fn made(one: &StatisticsObject) -> Vec<String> {
    let target = one.target.map(|_| target(one));
    std::iter::once(one.definition.trim_end().trim_end_matches(';').to_owned()).chain(target).collect()
}

/// How much ANALYZE collects for it.
pub(super) fn target(one: &StatisticsObject) -> String {
    format!("ALTER STATISTICS {} SET STATISTICS {}", quote_qualified(&one.name), one.target.unwrap_or(-1))
}

pub(super) fn dropped(one: &StatisticsObject) -> String {
    format!("DROP STATISTICS {}", quote_qualified(&one.name))
}
