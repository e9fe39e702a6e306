//! A table whose rows are changed and do not say when.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::{shared, table_without_creation_time::is_creation_time};
use crate::shared::{table_place, words};

pub(super) static RULE: Rule = Rule {
    id: "table-without-update-time",
    group: Group::Schema,
    severity: Severity::Info,
    needs: &[Need::Catalog, Need::Statistics],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &["schemalint:mandatory-columns", "prisma-lint:require-field"],
    page: include_str!("table_without_update_time.md"),
    check,
};

/// Fewer updates than this may be a backfill or a correction by hand.
const MANY_UPDATES: u64 = 1_000;

fn check(facts: &Facts) -> Vec<Finding> {
    shared::tables(facts)
        .filter(|table| !table.columns.iter().any(|column| is_update_time(&column.name)))
        // A table without a creation time as well is reported for that.
        .filter(|table| table.columns.iter().any(|column| is_creation_time(&column.name)))
        .filter_map(|table| {
            let updates = table.statistics.as_ref()?.updates;
            (updates >= MANY_UPDATES).then(|| {
                Finding::on_object(
                    &RULE,
                    table_place(facts, table),
                    format!("\"{}\" is updated but does not keep when", table.name.display()),
                )
                .detail(format!(
                    "{updates} rows were updated since the statistics were reset. Without the time of the last change, \
                     nothing can be synchronised or cached by it, and a bad update cannot be narrowed down."
                ))
                .hint("add updated_at timestamptz and a BEFORE UPDATE trigger that sets it")
                .evidence(Evidence::Count { what: "updates".into(), value: updates })
            })
        })
        .collect()
}

/// `updated_at`, `updatedOn`, `modified`, `last_changed_at`.
fn is_update_time(column: &str) -> bool {
    words(column).iter().any(|word| matches!(word.as_str(), "updated" | "modified" | "changed" | "update"))
}
