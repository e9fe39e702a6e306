//! `ADD EXCLUDE`: there is no concurrent form.

use pgsteward_model::catalog::ConstraintKind;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::shared::{self, Cost};

pub(super) static RULE: Rule = Rule {
    id: "exclusion-constraint-builds-index",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &["strong_migrations:add_exclusion_constraint", "eugene:E8", "pgfence:add-constraint-exclude"],
    page: include_str!("exclusion_constraint_builds_index.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (hit, _, _, action) in shared::actions(facts) {
        let AlterAction::AddConstraint { constraint, .. } = action else { continue };
        if !matches!(constraint.kind, ConstraintKind::Exclusion { .. }) {
            continue;
        }
        let (name, table) = (&constraint.name, hit.table());
        findings.push(
            hit.finding(
                &RULE,
                Cost::Work,
                hit.part(ObjectKind::ExclusionConstraint, name),
                format!(
                    "adding exclusion constraint \"{name}\" locks \"{table}\" against readers and writers while its index \
                     is built"
                ),
                &format!(
                    "ADD EXCLUDE holds {} on \"{table}\" while the index is built and every row is compared. PostgreSQL \
                     can neither build it concurrently nor add it as NOT VALID.",
                    hit.touch.lock
                ),
            )
            .hint(
                "add it in a quiet hour under a lock_timeout, or create a new table with the constraint and move the rows \
                 over in batches",
            ),
        );
    }
    findings
}
