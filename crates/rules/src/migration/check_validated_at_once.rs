//! `ADD CHECK` that reads every row while nobody can read or write.

use pgsteward_model::catalog::{Constraint, ConstraintKind};
use pgsteward_model::change::Fix;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterAction, AlterTable};
use pgsteward_sql::quote_ident;

use super::rewrite::{Folder, Rewrite};
use super::shared::{self, Cost, Hit};
use super::text::Alter;
use super::undo;

pub(super) static RULE: Rule = Rule {
    id: "check-validated-at-once",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[
        "squawk:constraint-missing-not-valid",
        "strong_migrations:add_check_constraint",
        "atlas:PG305",
        "eugene:E1",
        "pgfence:add-constraint-check-no-not-valid",
    ],
    page: include_str!("check_validated_at_once.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (hit, alter, at, action) in shared::actions(facts) {
        match action {
            AlterAction::AddConstraint { constraint, .. } if is_validated_check(constraint) => {
                let mut finding = report(hit, constraint);
                if let Some(fix) = in_two_steps(hit, alter, at, constraint) {
                    finding = finding.fix(fix);
                }
                findings.push(finding);
            }
            AlterAction::AddColumn { column, .. } => {
                let checks = column.constraints.iter().filter(|constraint| is_validated_check(constraint));
                findings.extend(checks.map(|constraint| report(hit, constraint)));
            }
            _ => {}
        }
    }
    findings
}

fn is_validated_check(constraint: &Constraint) -> bool {
    constraint.validated && matches!(constraint.kind, ConstraintKind::Check { .. })
}

fn report(hit: Hit<'_>, constraint: &Constraint) -> Finding {
    let (name, table) = (&constraint.name, hit.table());
    hit.finding(
        &RULE,
        Cost::Work,
        hit.part(ObjectKind::CheckConstraint, name),
        format!(
            "adding check \"{name}\" locks \"{table}\" against readers and writers while every row is checked"
        ),
        &format!("ADD CHECK holds {} on \"{table}\" until all rows are read.", hit.touch.lock),
    )
    .hint(
        "add it as NOT VALID, and VALIDATE CONSTRAINT in a later migration: that lets reads and writes go on",
    )
}

fn in_two_steps(hit: Hit<'_>, alter: &AlterTable, at: usize, constraint: &Constraint) -> Option<Fix> {
    let name = &constraint.name;
    let rewrite = Rewrite::of(hit.facts, hit.file, hit.statement, &[name])?;
    let parts = Alter::parse(rewrite.text(), alter.actions.len())?;
    let validate = format!("{} VALIDATE CONSTRAINT {}", parts.head(), quote_ident(name));
    let title = format!("add \"{name}\" as NOT VALID and validate it in a migration of its own");
    Some(rewrite.fix(
        title,
        Some(parts.append(at, " NOT VALID")?),
        vec![Folder::new(&format!("validate_{name}"), [validate])],
        undo::of_alter(hit, alter),
    ))
}
