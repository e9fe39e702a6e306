//! `ADD UNIQUE` that builds its index while nobody can read or write.

use pgsteward_model::catalog::{Constraint, ConstraintKind, TableKind};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::shared::{self, Cost, Hit};
use super::using_index;

pub(super) static RULE: Rule = Rule {
    id: "unique-constraint-builds-index",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[
        "squawk:disallowed-unique-constraint",
        "strong_migrations:add_unique_constraint",
        "atlas:PG105",
        "eugene:E7",
        "pgfence:add-constraint-unique",
    ],
    page: include_str!("unique_constraint_builds_index.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (hit, alter, at, action) in shared::actions(facts) {
        match action {
            AlterAction::AddConstraint { constraint, using_index: None, .. } if is_unique(constraint) => {
                let mut finding = report(hit, constraint);
                // A partitioned table takes no index that was built apart.
                if hit.before().is_some_and(|table| table.kind == TableKind::Ordinary)
                    && let Some(fix) = using_index::fix(hit, alter, at, constraint)
                {
                    finding = finding.fix(fix);
                }
                findings.push(finding);
            }
            AlterAction::AddColumn { column, .. } => {
                let unique = column.constraints.iter().filter(|constraint| is_unique(constraint));
                findings.extend(unique.map(|constraint| report(hit, constraint)));
            }
            _ => {}
        }
    }
    findings
}

fn is_unique(constraint: &Constraint) -> bool {
    matches!(constraint.kind, ConstraintKind::Unique { .. })
}

fn report(hit: Hit<'_>, constraint: &Constraint) -> Finding {
    let (name, table) = (&constraint.name, hit.table());
    hit.finding(
        &RULE,
        Cost::Work,
        hit.part(ObjectKind::UniqueConstraint, name),
        format!(
            "adding unique constraint \"{name}\" locks \"{table}\" against readers and writers while its index is built"
        ),
        &format!("ADD UNIQUE holds {} on \"{table}\" for the whole build of the index.", hit.touch.lock),
    )
    .hint(
        "build the index with CREATE UNIQUE INDEX CONCURRENTLY in a migration of its own, then ADD CONSTRAINT … UNIQUE \
         USING INDEX",
    )
}
