//! A table that is written far more than read and has many indexes.

use pgsteward_model::catalog::{Table, TableKind};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared as index;
use crate::shared;

pub(super) static RULE: Rule = Rule {
    id: "too-many-indexes",
    group: Group::Index,
    severity: Severity::Warning,
    needs: &[Need::Statistics],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("too_many_indexes.md"),
    check,
};

const MANY: usize = 8;

/// Rows written for each scan, from which writes are what the table is for.
const WRITES_PER_READ: f64 = 10.0;

/// Fewer writes than this since the statistics began cost nobody anything.
const MIN_WRITES: u64 = 100_000;

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(catalog) = facts.catalog() else { return Vec::new() };
    index::tables(catalog)
        .filter(|table| table.kind == TableKind::Ordinary && table.indexes.len() >= MANY)
        .filter_map(|table| judge(facts, table))
        .collect()
}

fn judge(facts: &Facts, table: &Table) -> Option<Finding> {
    let statistics = table.statistics.as_ref()?;
    let writes = statistics.inserts + statistics.updates + statistics.deletes;
    let reads = statistics.sequential_scans + statistics.index_scans;
    if writes < MIN_WRITES || (writes as f64) < reads as f64 * WRITES_PER_READ {
        return None;
    }
    let count = table.indexes.len();
    let mut idle: Vec<&str> = Vec::new();
    for index in table.indexes.iter().filter(|index| index::serves_queries_only(index)) {
        if index.statistics.as_ref().is_some_and(|statistics| statistics.scans == 0) {
            idle.push(&index.name);
        }
    }
    let hint = if idle.is_empty() {
        "merge indexes that begin alike, make them partial, or replace those on time by one BRIN index"
            .to_owned()
    } else {
        format!("begin with those that no query used: {}", shared::quoted_list(&idle))
    };
    Some(
        Finding::on_object(
            &RULE,
            shared::table_place(facts, table),
            format!("\"{}\" has {count} indexes and is written far more often than read", table.name.display()),
        )
        .detail(format!(
            "Since the statistics began {writes} rows were written and {reads} scans read them; an insert writes to all \
             {count} indexes, and so does an update that cannot stay on its page."
        ))
        .hint(hint)
        .evidence(Evidence::Count { what: "indexes".into(), value: count as u64 })
        .evidence(Evidence::Count { what: "writes".into(), value: writes })
        .evidence(Evidence::Count { what: "scans".into(), value: reads }),
    )
}
