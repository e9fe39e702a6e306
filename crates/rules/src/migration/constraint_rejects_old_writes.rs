//! A new check or foreign key that is `NOT VALID`, and yet refuses what the old version writes.

use pgsteward_model::catalog::ConstraintKind;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::{around, shared};

pub(super) static RULE: Rule = Rule {
    id: "constraint-rejects-old-writes",
    group: Group::Migration,
    severity: Severity::Info,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["squawk:ban-new-write-restriction"],
    page: include_str!("constraint_rejects_old_writes.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for alteration in around::alterations(facts) {
        let Some(table) = alteration.before() else { continue };
        for action in &alteration.alter.actions {
            // What is validated at once has a rule of its own, which says more.
            let AlterAction::AddConstraint { constraint, .. } = action else { continue };
            if constraint.validated {
                continue;
            }
            let (kind, noun, columns) = match &constraint.kind {
                ConstraintKind::Check { columns, .. } => (ObjectKind::CheckConstraint, "check", columns),
                ConstraintKind::ForeignKey(key) => (ObjectKind::ForeignKey, "foreign key", &key.columns),
                _ => continue,
            };
            // The old version does not write columns that are new, and a constraint that was there is no news.
            let old = !columns.is_empty() && columns.iter().all(|column| alteration.has_old_column(column));
            let known = table.constraints.iter().any(|other| other.kind == constraint.kind);
            let object = shared::part(&table.name, kind, &constraint.name);
            let again = around::drops(&alteration.file.statements, &object);
            if !old || known || again {
                continue;
            }
            findings.push(
                alteration
                    .finding(
                        facts,
                        &RULE,
                        object,
                        format!("{noun} \"{}\" applies to new rows of \"{}\" at once, also to those of the old version", constraint.name, alteration.table()),
                    )
                    .detail(
                        "NOT VALID spares the rows that are there. Each INSERT and each UPDATE from here on is checked: what the \
                         application that still runs writes against the rule is refused (error 23514 or 23503).",
                    )
                    .hint("deploy writers that keep the rule first, then add it"),
            );
        }
    }
    findings
}
