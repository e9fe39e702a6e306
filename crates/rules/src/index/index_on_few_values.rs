//! An index on a column that hardly tells rows apart.

use pgsteward_model::catalog::{Column, Index, Table};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared as index;
use crate::shared;

pub(super) static RULE: Rule = Rule {
    id: "index-on-few-values",
    group: Group::Index,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Statistics, Need::Prisma],
    since: "0.1.0",
    ancestors: &["pg-index-health:indexes_with_boolean"],
    page: include_str!("index_on_few_values.md"),
    check,
};

/// Share of the rows with one value from which the planner reads the table instead.
const NEARLY_ALL: f64 = 0.95;

/// Below this the whole table fits a few pages and nothing matters.
const MIN_ROWS: f64 = 10_000.0;

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(catalog) = facts.catalog() else { return Vec::new() };
    let mut findings = Vec::new();
    for table in index::tables(catalog) {
        for candidate in &table.indexes {
            let single = candidate.keys.len() == 1 && candidate.include.is_empty();
            if !single
                || candidate.method != "btree"
                || candidate.predicate.is_some()
                || !index::serves_queries_only(candidate)
                || index::only_cover_of_a_foreign_key(table, candidate)
            {
                continue;
            }
            let column = candidate.keys[0].column.as_deref().and_then(|name| table.column(name));
            findings.extend(column.and_then(|column| judge(facts, table, candidate, column)));
        }
    }
    findings
}

fn judge(facts: &Facts, table: &Table, candidate: &Index, column: &Column) -> Option<Finding> {
    let name = &candidate.name;
    let statistics = column
        .statistics
        .as_ref()
        .filter(|_| facts.has(Need::Statistics) && index::rows(table).is_some_and(|rows| rows >= MIN_ROWS));
    let place = shared::index_place(facts, table, candidate);
    let hint = format!(
        "if queries look for a rare value, index those rows only: CREATE INDEX … WHERE {} …; else drop \"{name}\"",
        column.name
    );
    if let Some(statistics) = statistics {
        let top = if statistics.distinct == 1.0 { Some(1.0) } else { statistics.top_frequency };
        let top = top.filter(|top| *top >= NEARLY_ALL)?;
        return Some(
            Finding::on_object(
                &RULE,
                place,
                format!("index \"{name}\" is on \"{}.{}\", where nearly all rows have one value", table.name.display(), column.name),
            )
            .detail(format!(
                "{:.1} % of the rows have the same value; to find them the planner reads the table, and for the rest a \
                 partial index would be a fraction of the size.",
                top * 100.0
            ))
            .hint(hint)
            .evidence(Evidence::Share { what: "top_frequency".into(), value: top }),
        );
    }
    column.ty.is("boolean").then(|| {
        Finding::on_object(
            &RULE,
            place,
            format!("index \"{name}\" is on the boolean \"{}.{}\" alone", table.name.display(), column.name),
        )
        .severity(Severity::Info)
        .detail(
            "A boolean has two values: for the common one the planner reads the table, and for the rare one a partial \
             index is smaller and is not written for the others.",
        )
        .hint(hint)
    })
}
