//! An index that no query used since the statistics began.

use pgsteward_model::catalog::{Index, Table, TableKind};
use pgsteward_model::change::{Change, Fix, Safety};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared as index;
use crate::shared;

pub(super) static RULE: Rule = Rule {
    id: "unused-index",
    group: Group::Index,
    severity: Severity::Warning,
    needs: &[Need::Statistics],
    sharper_with: &[Need::Prisma, Need::Cluster],
    since: "0.1.0",
    ancestors: &["splinter:0005", "pg-index-health:unused_indexes", "pghero:unused_indexes"],
    page: include_str!("unused_index.md"),
    check,
};

/// Statistics younger than this have not seen a month's end.
const MIN_AGE_DAYS: f64 = 30.0;

/// From this size on an unused index is worth a warning.
const LARGE: u64 = 10 * 1024 * 1024;

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(catalog) = facts.catalog() else { return Vec::new() };
    let days = catalog.statistics_age_seconds.map_or(0.0, |seconds| seconds / 86_400.0);
    // A standby counts its own scans only; the primary may use what it does not.
    let standby = facts.cluster.as_ref().is_some_and(|cluster| cluster.in_recovery);
    if days < MIN_AGE_DAYS || standby {
        return Vec::new();
    }
    index::tables(catalog)
        .filter(|table| {
            table.kind == TableKind::Ordinary && index::rows(table).is_some_and(|rows| rows > 0.0)
        })
        .flat_map(|table| table.indexes.iter().map(move |index| (table, index)))
        .filter(|(table, index)| {
            index::serves_queries_only(index)
                && index.statistics.as_ref().is_some_and(|statistics| statistics.scans == 0)
                && !index::only_cover_of_a_foreign_key(table, index)
                && !index::is_superfluous(table, index)
        })
        .map(|(table, index)| finding(facts, table, index, days))
        .collect()
}

fn finding(facts: &Facts, table: &Table, unused: &Index, days: f64) -> Finding {
    let name = &unused.name;
    let bytes = unused.statistics.as_ref().map_or(0, |statistics| statistics.bytes);
    let finding = Finding::on_object(
        &RULE,
        shared::index_place(facts, table, unused),
        format!("index \"{name}\" of \"{}\" was not used in {days:.0} days", table.name.display()),
    )
    .severity(if bytes >= LARGE { Severity::Warning } else { Severity::Info })
    .detail(format!(
        "It has {} and no scan since the statistics began {days:.0} days ago; every write maintains it.",
        index::pretty_bytes(bytes)
    ))
    .hint(format!("look for scans on the standbys too, then drop \"{name}\""))
    .evidence(Evidence::Count { what: "scans".into(), value: 0 })
    .evidence(Evidence::Size { relation: name.clone(), bytes });
    match shared::drop_index(facts, table, unused) {
        None => finding,
        Some((steps, rollback)) => finding.fix(Fix {
            title: format!("drop index \"{name}\""),
            safety: Safety::Review,
            change: Change { steps, rollback },
        }),
    }
}
