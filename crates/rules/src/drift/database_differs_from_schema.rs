//! The live database is not what the Prisma schema says, in a project without migrations.

use pgsteward_model::drift::DriftKind;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared::{self, Class};

pub(super) static RULE: Rule = Rule {
    id: "database-differs-from-schema",
    group: Group::Drift,
    severity: Severity::Warning,
    // The engine makes these differences when it reads a live server, which a page's case has not; without one
    // there is nothing to be skipped.
    needs: &[Need::Drift],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("database_differs_from_schema.md"),
    check,
};

/// The steps of these differences lead from the database to what the schema says: what they add, the
/// database lacks.
fn check(facts: &Facts) -> Vec<Finding> {
    shared::of(facts, Class::DatabaseDiffersFromSchema)
        .map(|drift| {
            let name = shared::name(drift);
            let (message, severity) = match drift.kind {
                DriftKind::Dropped => {
                    (format!("the database has {name}, which the Prisma schema has not"), Severity::Warning)
                }
                DriftKind::Added => (
                    format!("the database lacks {name} of the Prisma schema"),
                    shared::severity(drift),
                ),
                DriftKind::Changed | DriftKind::Recreated => {
                    (format!("{name} of the database is not as the Prisma schema says"), shared::severity(drift))
                }
            };
            shared::finding(facts, &RULE, drift, message)
                .severity(severity)
                .detail(
                    "The client is generated from the schema: it asks for what the schema says, and \"prisma db push\" would \
                     make the database so, whatever that drops.",
                )
                .hint("take the database's side with \"prisma db pull\", or the schema's with a migration")
        })
        .collect()
}
