//! Two indexes that are the same.

use pgsteward_model::catalog::{Index, Table};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared::{self as index, Keys};
use crate::shared;

pub(super) static RULE: Rule = Rule {
    id: "duplicate-index",
    group: Group::Index,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma, Need::Statistics],
    since: "0.1.0",
    ancestors: &["splinter:0009", "pg-index-health:duplicated_indexes", "pghero:duplicate_indexes"],
    page: include_str!("duplicate_index.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(catalog) = facts.catalog() else { return Vec::new() };
    let mut findings = Vec::new();
    for table in index::tables(catalog) {
        for candidate in table.indexes.iter().filter(|candidate| index::serves_queries_only(candidate)) {
            let longer = table.indexes.iter().any(|other| {
                index::stands_in(candidate, other) == Some(Keys::Same) && !index::is_twin(candidate, other)
            });
            // A longer index makes both twins redundant, which the other rule says.
            if longer {
                continue;
            }
            let kept = table
                .indexes
                .iter()
                .filter(|other| index::is_twin(candidate, other))
                .min_by_key(|other| rank(facts, table, other));
            if let Some(kept) = kept
                && rank(facts, table, kept) < rank(facts, table, candidate)
            {
                findings.push(duplicate(facts, table, candidate, kept));
            }
        }
    }
    findings
}

/// Which of several equal indexes stays: the one that keeps a promise, then the one that the Prisma schema
/// declares, then the first by name.
fn rank<'a>(facts: &Facts, table: &Table, index: &'a Index) -> (bool, bool, &'a str) {
    (!index.unique, shared::declaration_of(facts, table, index).is_none(), &index.name)
}

fn duplicate(facts: &Facts, table: &Table, candidate: &Index, kept: &Index) -> Finding {
    let (name, table_name) = (&candidate.name, table.name.display());
    index::superfluous(&RULE, facts, table, (candidate, kept), format!("index \"{name}\" of \"{table_name}\" is the same as \"{}\"", kept.name))
        .detail(
            "Both have the same keys over the same rows; every write maintains both, and no query gains by the second.",
        )
}
