//! An index whose work another index of the table does as well.

use pgsteward_model::catalog::{Index, Table};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::ddl;

use super::shared::{self as index, Keys};
use crate::shared;

pub(super) static RULE: Rule = Rule {
    id: "redundant-index",
    group: Group::Index,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma, Need::Statistics],
    since: "0.1.0",
    ancestors: &["pg-index-health:intersected_indexes", "pghero:duplicate_indexes"],
    page: include_str!("redundant_index.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(catalog) = facts.catalog() else { return Vec::new() };
    let mut findings = Vec::new();
    for table in index::tables(catalog) {
        for candidate in table.indexes.iter().filter(|candidate| index::serves_queries_only(candidate)) {
            if let Some(other) = better(table, candidate) {
                findings.push(redundant(facts, table, candidate, other));
            } else if let Some(other) = on_patterns(table, candidate) {
                findings.push(only_for_patterns(facts, table, candidate, other));
            }
        }
    }
    findings
}

/// The index that remains: one that is not superfluous itself, where there is one.
fn better<'a>(table: &'a Table, candidate: &Index) -> Option<&'a Index> {
    let others = || {
        table.indexes.iter().filter(|other| {
            index::stands_in(candidate, other) == Some(Keys::Same) && !index::is_twin(candidate, other)
        })
    };
    others().find(|other| !index::is_superfluous(table, other)).or_else(|| others().next())
}

fn on_patterns<'a>(table: &'a Table, candidate: &Index) -> Option<&'a Index> {
    table.indexes.iter().find(|other| index::stands_in(candidate, other) == Some(Keys::OtherPatternClass))
}

fn redundant(facts: &Facts, table: &Table, candidate: &Index, other: &Index) -> Finding {
    let (name, table_name, kept) = (&candidate.name, table.name.display(), &other.name);
    let message =
        format!("index \"{name}\" of \"{table_name}\" is redundant: \"{kept}\" begins with the same keys");
    index::superfluous(&RULE, facts, table, (candidate, other), message).detail(format!(
        "Each query that \"{name}\" can serve \"{kept}\" serves too. Every INSERT, and every UPDATE that touches an \
         indexed column, writes both."
    ))
}

fn only_for_patterns(facts: &Facts, table: &Table, candidate: &Index, other: &Index) -> Finding {
    let name = &candidate.name;
    Finding::on_object(
        &RULE,
        shared::index_place(facts, table, candidate),
        format!("index \"{name}\" of \"{}\" differs from \"{}\" by its operator class only", table.name.display(), other.name),
    )
    .severity(Severity::Info)
    .also(shared::index_place(facts, table, other))
    .detail(format!(
        "An operator class for patterns serves LIKE 'x%' where the collation is not C. For = and for IN \"{}\" does \
         the same work.",
        other.name
    ))
    .hint(format!("drop \"{name}\" if no query searches its text by prefix; else allow this finding with that reason"))
    .evidence(Evidence::Sql { sql: ddl::index(&table.name, candidate, false) })
}
