//! A timestamp in the middle of an index over several columns.

use pgsteward_model::catalog::{ColumnType, Index, Table};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::ddl;

use super::shared as index;
use crate::shared;

pub(super) static RULE: Rule = Rule {
    id: "timestamp-inside-index",
    group: Group::Index,
    severity: Severity::Info,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &["pg-index-health:indexes_with_timestamp_in_the_middle"],
    page: include_str!("timestamp_inside_index.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(catalog) = facts.catalog() else { return Vec::new() };
    let mut findings = Vec::new();
    for table in index::tables(catalog) {
        for candidate in &table.indexes {
            if candidate.method == "btree"
                && index::serves_queries_only(candidate)
                && let Some(column) = inside(table, candidate)
            {
                findings.push(finding(facts, table, candidate, column));
            }
        }
    }
    findings
}

/// The timestamp that is neither the first nor the last key, and is not followed by the primary key: that is
/// how a page of rows is continued where several have the same time.
fn inside<'a>(table: &Table, candidate: &'a Index) -> Option<&'a str> {
    let last = candidate.keys.len().checked_sub(1)?;
    let primary = table.primary_key().map_or(&[][..], |(_, columns)| columns);
    let (_, key) = candidate.keys.iter().enumerate().find(|(at, key)| {
        let column = key.column.as_deref().and_then(|name| table.column(name));
        *at > 0 && *at < last && column.is_some_and(|column| is_timestamp(&column.ty))
    })?;
    let name = key.column.as_deref()?;
    let after = candidate.keys.iter().skip_while(|key| key.column.as_deref() != Some(name)).skip(1);
    let breaks_ties =
        after.clone().all(|key| key.column.as_ref().is_some_and(|column| primary.contains(column)));
    (!breaks_ties).then_some(name)
}

fn is_timestamp(ty: &ColumnType) -> bool {
    ty.is("timestamp without time zone") || ty.is("timestamp with time zone")
}

fn finding(facts: &Facts, table: &Table, candidate: &Index, column: &str) -> Finding {
    let name = &candidate.name;
    Finding::on_object(
        &RULE,
        shared::index_place(facts, table, candidate),
        format!("index \"{name}\" of \"{}\" has the timestamp \"{column}\" before other keys", table.name.display()),
    )
    .detail(format!(
        "A search for a span of \"{column}\" reads every entry of the span: the keys after it can filter those entries, \
         but no longer narrow the search."
    ))
    .hint(format!("put \"{column}\" last, behind the columns that are compared with ="))
    .evidence(Evidence::Sql { sql: ddl::index(&table.name, candidate, false) })
}
