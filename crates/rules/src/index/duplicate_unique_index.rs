//! A unique index on columns that a primary key or another unique index already keeps unique.

use pgsteward_model::catalog::{Catalog, Index, Table};
use pgsteward_model::change::{Change, Fix, Safety};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared::{self as index, Keys};
use crate::shared;

pub(super) static RULE: Rule = Rule {
    id: "duplicate-unique-index",
    group: Group::Index,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &["pg-index-health:duplicated_indexes"],
    page: include_str!("duplicate_unique_index.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(catalog) = facts.catalog() else { return Vec::new() };
    let mut findings = Vec::new();
    for table in index::tables(catalog) {
        let primary = table.primary_key().map(|(constraint, _)| constraint.name.as_str());
        let is_primary = |index: &Index| primary.is_some() && index.constraint.as_deref() == primary;
        // The primary key stays, then a constraint's index, then the first by name.
        let rank = |index: &'_ Index| (!is_primary(index), index.constraint.is_none(), index.name.clone());
        for candidate in table.indexes.iter().filter(|index| index.unique && index.valid) {
            let kept = table
                .indexes
                .iter()
                .filter(|other| same(table, candidate, other))
                .min_by_key(|other| rank(other));
            if let Some(kept) = kept
                && rank(kept) < rank(candidate)
            {
                findings.push(finding(facts, catalog, table, candidate, kept, is_primary(kept)));
            }
        }
    }
    findings
}

fn same(table: &Table, index: &Index, other: &Index) -> bool {
    // A deferrable constraint checks at commit, the other one at once: neither replaces the other.
    let deferrable = |index: &Index| {
        let constraint = index.constraint.as_ref().and_then(|name| table.constraint(name));
        constraint.is_some_and(|constraint| constraint.deferrable)
    };
    other.unique
        && deferrable(index) == deferrable(other)
        && other.nulls_not_distinct == index.nulls_not_distinct
        && index.keys.len() == other.keys.len()
        && index::stands_in(index, other) == Some(Keys::Same)
}

fn finding(
    facts: &Facts,
    catalog: &Catalog,
    table: &Table,
    candidate: &Index,
    kept: &Index,
    primary: bool,
) -> Finding {
    let name = &candidate.name;
    let what = if primary { "the primary key" } else { "unique index" };
    let mut finding = Finding::on_object(
        &RULE,
        shared::index_place(facts, table, candidate),
        format!("unique index \"{name}\" of \"{}\" repeats {what} \"{}\"", table.name.display(), kept.name),
    )
    .also(shared::index_place(facts, table, kept))
    .detail("Both refuse the same rows; every write maintains and checks both.")
    .hint(match candidate.constraint {
        Some(_) => format!("drop the constraint \"{name}\""),
        None => format!("drop \"{name}\"; in the Prisma schema take away the @unique beside @id"),
    });
    // A foreign key depends on one of the two indexes, and the catalog facts do not say on which.
    let columns = candidate.leading_columns();
    let referenced = catalog.tables.values().flat_map(|other| other.foreign_keys()).any(|(_, key)| {
        key.references == table.name
            && key.referenced_columns.len() == columns.len()
            && key.referenced_columns.iter().all(|column| columns.contains(&column.as_str()))
    });
    if !referenced && let Some((steps, rollback)) = shared::drop_index(facts, table, candidate) {
        finding = finding.fix(Fix {
            title: format!("drop unique index \"{name}\""),
            safety: Safety::Review,
            change: Change { steps, rollback },
        });
    }
    finding
}
