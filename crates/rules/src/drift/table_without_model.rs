//! A table that the migrations make and no model maps.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared::{self, Class};

pub(super) static RULE: Rule = Rule {
    id: "table-without-model",
    group: Group::Drift,
    severity: Severity::Warning,
    needs: &[Need::Drift],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("table_without_model.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    shared::of(facts, Class::TableWithoutModel)
        .map(|drift| {
            let name = drift.object.display();
            shared::finding(facts, &RULE, drift, format!("table \"{name}\" has no model in the Prisma schema"))
                .detail(
                    "The migrations make the table and nothing in the Prisma schema maps it, so the next \"prisma migrate \
                     dev\" writes DROP TABLE, and its rows go when that is deployed.",
                )
                .hint(
                    "keep the table with a model (@@ignore hides it from the client) or under tables.external of \
                     prisma.config.ts; or drop it on purpose in a migration of its own",
                )
        })
        .collect()
}
