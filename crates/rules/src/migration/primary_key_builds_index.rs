//! `ADD PRIMARY KEY` that builds its index and looks for NULLs while nobody can read or write.

use pgsteward_model::catalog::{Constraint, ConstraintKind, TableKind};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::shared::{self, Cost, Hit};
use super::using_index;
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "primary-key-builds-index",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[
        "squawk:adding-serial-primary-key-field",
        "atlas:PG104",
        "atlas:PG304",
        "eugene:W14",
        "pgfence:add-pk-without-using-index",
        "pgfence:add-pk-using-index",
    ],
    page: include_str!("primary_key_builds_index.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (hit, alter, at, action) in shared::actions(facts) {
        match action {
            AlterAction::AddConstraint { constraint, using_index: None, .. } if is_primary(constraint) => {
                let mut finding = builds(hit, constraint);
                if hit.before().is_some_and(|table| table.kind == TableKind::Ordinary)
                    && let Some(fix) = using_index::fix(hit, alter, at, constraint)
                {
                    finding = finding.fix(fix);
                }
                findings.push(finding);
            }
            AlterAction::AddConstraint { constraint, using_index: Some(index), .. }
                if is_primary(constraint) =>
            {
                findings.extend(scans(hit, constraint, index));
            }
            AlterAction::AddColumn { column, .. } => {
                let keys = column.constraints.iter().filter(|constraint| is_primary(constraint));
                findings.extend(keys.map(|constraint| builds(hit, constraint)));
            }
            _ => {}
        }
    }
    findings
}

fn is_primary(constraint: &Constraint) -> bool {
    matches!(constraint.kind, ConstraintKind::PrimaryKey { .. })
}

fn builds(hit: Hit<'_>, constraint: &Constraint) -> Finding {
    let (name, table) = (&constraint.name, hit.table());
    hit.finding(
        &RULE,
        Cost::Work,
        hit.part(ObjectKind::PrimaryKey, name),
        format!("adding primary key \"{name}\" locks \"{table}\" against readers and writers while its index is built"),
        &format!(
            "ADD PRIMARY KEY holds {} on \"{table}\" while it builds the index and reads all rows to find NULLs.",
            hit.touch.lock
        ),
    )
    .hint(
        "make the columns NOT NULL, build a unique index with CREATE UNIQUE INDEX CONCURRENTLY in a migration of its \
         own, then ADD CONSTRAINT … PRIMARY KEY USING INDEX",
    )
}

/// `USING INDEX` still reads every row where a column of the index may hold NULL.
fn scans(hit: Hit<'_>, constraint: &Constraint, index: &str) -> Option<Finding> {
    let before = hit.before()?;
    let columns: Vec<&str> = before.index(index)?.leading_columns();
    let nullable: Vec<&str> = columns
        .into_iter()
        .filter(|name| before.column(name).is_some_and(|column| !column.not_null))
        .collect();
    if nullable.is_empty() {
        return None;
    }
    let (name, table) = (&constraint.name, hit.table());
    let finding = hit.finding(
        &RULE,
        Cost::Work,
        hit.part(ObjectKind::PrimaryKey, name),
        format!(
            "adding primary key \"{name}\" locks \"{table}\" against readers and writers while {} {} searched for NULL",
            quoted_list(&nullable),
            if nullable.len() == 1 { "is" } else { "are" }
        ),
        &format!(
            "The index is there already, but a primary key makes its columns NOT NULL, and that reads every row under {}.",
            hit.touch.lock
        ),
    );
    Some(finding.hint(
        "first add CHECK (column IS NOT NULL) as NOT VALID and VALIDATE it in a later migration: then the scan is skipped",
    ))
}
