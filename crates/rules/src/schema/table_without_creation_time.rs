//! A table whose rows do not say when they were made.

use pgsteward_model::catalog::Table;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared;
use crate::shared::{table_place, words};

pub(super) static RULE: Rule = Rule {
    id: "table-without-creation-time",
    group: Group::Schema,
    severity: Severity::Info,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &["schemalint:mandatory-columns", "prisma-lint:require-field"],
    page: include_str!("table_without_creation_time.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    shared::tables(facts)
        .filter(|table| !table.columns.iter().any(|column| is_creation_time(&column.name)))
        .map(|table| finding(facts, table))
        .collect()
}

/// `created`, `created_at`, `createdOn`, `date_created`, `insertedAt`, `creation_time`.
pub(super) fn is_creation_time(column: &str) -> bool {
    const NAMES: &[&[&str]] = &[
        &["created"],
        &["created", "at"],
        &["created", "on"],
        &["created", "date"],
        &["created", "time"],
        &["create", "date"],
        &["create", "time"],
        &["create", "at"],
        &["date", "created"],
        &["time", "created"],
        &["creation", "date"],
        &["creation", "time"],
        &["inserted", "at"],
    ];
    NAMES.iter().any(|name| words(column) == *name)
}

fn finding(facts: &Facts, table: &Table) -> Finding {
    let message = format!("\"{}\" does not keep when its rows were made", table.name.display());
    let found = Finding::on_object(&RULE, table_place(facts, table), message);
    if shared::is_implicit_join(table) {
        return found
            .detail(
                "Prisma keeps it for an implicit many-to-many relation: nothing can say since when two rows belong together.",
            )
            .hint("where that matters, write the relation as a model of its own with a creation time");
    }
    found
        .detail(
            "\"Since when?\" cannot be answered afterwards: not for support, not for an audit, not to delete what is older \
             than its retention, and not to find the rows that a bad deploy wrote.",
        )
        .hint(
            "add created_at timestamptz NOT NULL DEFAULT now(): the table is not rewritten, but all rows of today get the \
             moment of the migration, so leave it NULL for them where that would be a lie",
        )
}
