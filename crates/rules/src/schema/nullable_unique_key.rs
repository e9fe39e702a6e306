//! A unique key over several columns of which some may be NULL.

use pgsteward_model::catalog::{Index, Table};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::{shared, unique_key_with_soft_delete::is_soft_delete};
use crate::shared::index_place;

pub(super) static RULE: Rule = Rule {
    id: "nullable-unique-key",
    group: Group::Schema,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &["schemacrawler:LinterNullColumnsInIndex"],
    page: include_str!("nullable_unique_key.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for table in shared::tables(facts) {
        for index in table.indexes.iter().filter(|index| index.unique && !index.nulls_not_distinct) {
            let nullable = nullable_columns(table, index);
            let open =
                index.keys.len() > 1 && !nullable.is_empty() && !is_optional_value(table, index, &nullable);
            if open && !held_otherwise(table, index, &nullable) {
                findings.push(finding(facts, table, index, &nullable));
            }
        }
    }
    findings
}

/// Key columns that may be NULL in the rows of the index.
fn nullable_columns<'a>(table: &Table, index: &'a Index) -> Vec<&'a str> {
    let excluded = |name: &str| {
        let predicate = index.predicate.as_deref().unwrap_or("").replace('"', "");
        predicate.contains(&format!("{name} IS NOT NULL"))
    };
    let names = index.keys.iter().filter_map(|key| key.column.as_deref());
    names
        .filter(|name| table.column(name).is_some_and(|column| !column.not_null) && !excluded(name))
        .collect()
}

/// The usual way to say "none, or one of its own within its scope": the one column that may be NULL is the
/// value itself (the last one, or the only one that is no foreign key), not a part of the scope.
fn is_optional_value(table: &Table, index: &Index, nullable: &[&str]) -> bool {
    let [value] = nullable else { return false };
    let foreign =
        |name: &str| table.foreign_keys().any(|(_, key)| key.columns.iter().any(|column| column == name));
    let columns = index.leading_columns();
    let is_last = columns.last() == Some(value) && index.is_plain();
    let in_scope = columns.iter().all(|name| name == value || foreign(name));
    !foreign(value) && !table.column(value).is_some_and(is_soft_delete) && (is_last || in_scope)
}

/// Another unique index says what this one leaves open: over a part of its columns, or over the rest of them
/// where the nullable ones are NULL.
fn held_otherwise(table: &Table, index: &Index, nullable: &[&str]) -> bool {
    let columns = index.leading_columns();
    table.indexes.iter().filter(|other| other.unique && other.name != index.name && other.is_plain()).any(
        |other| {
            let others = other.leading_columns();
            let part = others.iter().all(|name| columns.contains(name));
            let complete = other.predicate.is_none()
                && (other.nulls_not_distinct || nullable_columns(table, other).is_empty());
            let for_nulls = other.predicate.as_deref().is_some_and(|predicate| {
                let predicate = predicate.replace('"', "");
                nullable.iter().any(|name| predicate.contains(&format!("{name} IS NULL")))
            });
            part && (complete || for_nulls)
        },
    )
}

fn finding(facts: &Facts, table: &Table, index: &Index, nullable: &[&str]) -> Finding {
    let soft_delete = nullable.iter().any(|name| table.column(name).is_some_and(is_soft_delete));
    let names = nullable.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(" or ");
    let found = Finding::on_object(
        &RULE,
        index_place(facts, table, index),
        format!(
            "unique key \"{}\" of \"{}\" lets equal rows in where {names} is NULL",
            index.name,
            table.name.display()
        ),
    )
    .evidence(Evidence::Sql { sql: format!("UNIQUE ({})", index.leading_columns().join(", ")) });
    if soft_delete {
        return found
            .detail(
                "Live rows are those without a time of deletion, and NULL is never equal to NULL: of all rows, the live ones \
                 are exactly those that the key does not hold to be unique.",
            )
            .hint("make it a unique index over the other columns with WHERE … IS NULL");
    }
    found
        .detail(format!(
            "NULL is never equal to NULL: any number of rows may agree in all columns of the key as long as {names} is NULL."
        ))
        .hint(
            "make the columns NOT NULL, or the key NULLS NOT DISTINCT (PostgreSQL 15 and later), or add a unique index over \
             the other columns WHERE … IS NULL; look for equal rows first",
        )
}
