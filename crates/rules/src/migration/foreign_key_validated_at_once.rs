//! `ADD FOREIGN KEY` that checks every row while it blocks writes to two tables.

use pgsteward_model::catalog::{Constraint, ConstraintKind, ForeignKey, TableKind};
use pgsteward_model::change::Fix;
use pgsteward_model::effect::Touch;
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
    id: "foreign-key-validated-at-once",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[
        "squawk:adding-foreign-key-constraint",
        "squawk:constraint-missing-not-valid",
        "strong_migrations:add_foreign_key",
        "atlas:PG306",
        "eugene:E1",
        "pgfence:add-constraint-fk-no-not-valid",
    ],
    page: include_str!("foreign_key_validated_at_once.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (hit, alter, at, action) in shared::actions(facts) {
        match action {
            AlterAction::AddConstraint { constraint, .. } if constraint.validated => {
                let ConstraintKind::ForeignKey(key) = &constraint.kind else { continue };
                // NOT VALID is refused on a partitioned table: another rule, another way out.
                if hit.before().is_some_and(|table| table.kind == TableKind::Partitioned) {
                    continue;
                }
                let mut finding = report(hit, constraint, key);
                if let Some(fix) = in_two_steps(hit, alter, at, constraint) {
                    finding = finding.fix(fix);
                }
                findings.push(finding);
            }
            // A new column without a default holds NULL in every row, and PostgreSQL skips the check.
            AlterAction::AddColumn { column, .. } if column.column.default.is_some() => {
                for constraint in &column.constraints {
                    if let ConstraintKind::ForeignKey(key) = &constraint.kind {
                        findings.push(report(hit, constraint, key));
                    }
                }
            }
            _ => {}
        }
    }
    findings
}

fn report(hit: Hit<'_>, constraint: &Constraint, key: &ForeignKey) -> Finding {
    let (name, table, parent) = (&constraint.name, hit.table(), key.references.display());
    let other = hit.statement.effect.touch(&key.references);
    let both = if other.is_some_and(|touch| shared::populated(hit.facts, touch)) && table != parent {
        format!("\"{table}\" and \"{parent}\"")
    } else {
        format!("\"{table}\"")
    };
    let mut finding = hit
        .finding(
            &RULE,
            Cost::Work,
            hit.part(ObjectKind::ForeignKey, name),
            format!("adding foreign key \"{name}\" stops writes to {both} while every row of \"{table}\" is checked"),
            &format!(
                "ADD FOREIGN KEY holds SHARE ROW EXCLUSIVE on both tables and looks up each row of \"{table}\" in \
                 \"{parent}\" before it lets go."
            ),
        )
        .hint("add it as NOT VALID, and VALIDATE CONSTRAINT in a later migration: that lets reads and writes go on");
    finding.evidence.extend(other.filter(|touch| !is_self(touch, &hit)).map(shared::lock_evidence));
    finding
}

fn is_self(touch: &Touch, hit: &Hit<'_>) -> bool {
    touch.relation == hit.touch.relation
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
