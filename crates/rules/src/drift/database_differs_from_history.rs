//! The live database is not what its migrations make.

use pgsteward_model::drift::DriftKind;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared::{self, Class};

pub(super) static RULE: Rule = Rule {
    id: "database-differs-from-history",
    group: Group::Drift,
    severity: Severity::Warning,
    // The engine makes these differences when it reads a live server, which a page's case has not; without one
    // there is nothing to be skipped.
    needs: &[Need::Drift],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("database_differs_from_history.md"),
    check,
};

/// The steps of these differences lead from the database to what the migrations make: what they add, the
/// database lacks.
fn check(facts: &Facts) -> Vec<Finding> {
    shared::of(facts, Class::DatabaseDiffersFromHistory)
        .map(|drift| {
            let name = shared::name(drift);
            let (message, severity, hint) = match drift.kind {
                DriftKind::Dropped => (
                    format!("the database has {name}, which no migration makes"),
                    Severity::Warning,
                    "write a migration that makes it, and record it on this database with \"prisma migrate resolve --applied\"",
                ),
                DriftKind::Added => (
                    format!("the database lacks {name}, which the migrations make"),
                    shared::severity(drift),
                    "make it again by hand, or write the migration that drops it and record that with \"prisma migrate \
                     resolve --applied\"",
                ),
                DriftKind::Changed | DriftKind::Recreated => (
                    format!("{name} of the database is not as the migrations make it"),
                    shared::severity(drift),
                    "bring the database back, or write the migration that makes the change and record it with \"prisma \
                     migrate resolve --applied\"",
                ),
            };
            shared::finding(facts, &RULE, drift, message)
                .severity(severity)
                .detail(
                    "Somebody changed this database past the migrations. Every other database made by them differs from \
                     it, \"prisma migrate dev\" asks for a reset, and \"prisma migrate status\" does not tell.",
                )
                .hint(hint)
        })
        .collect()
}
