//! `SET NOT NULL` that reads every row while nobody can read or write.

use pgsteward_model::catalog::{ConstraintKind, Table};
use pgsteward_model::change::{Fix, Step};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterAction, AlterTable};
use pgsteward_sql::{quote_ident, quote_name};

use super::rewrite::{Folder, Rewrite};
use super::shared::{self, Cost, Hit};
use super::text::Alter;
use super::undo;
use crate::shared::default_index_name;

pub(super) static RULE: Rule = Rule {
    id: "not-null-set-at-once",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[
        "squawk:adding-not-nullable-field",
        "strong_migrations:change_column_null",
        "atlas:PG303",
        "eugene:E2",
        "pgfence:alter-column-set-not-null",
    ],
    page: include_str!("not_null_set_at_once.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (hit, alter, at, action) in shared::actions(facts) {
        let AlterAction::SetNotNull { column } = action else { continue };
        if hit.before().is_some_and(|table| proven(table, column)) {
            continue;
        }
        let table = hit.table();
        let mut finding = hit
            .finding(
                &RULE,
                Cost::Work,
                hit.column(column),
                format!("SET NOT NULL on \"{table}.{column}\" locks readers and writers out while every row is checked"),
                &format!(
                    "SET NOT NULL holds {} on \"{table}\" until all rows are read. A validated CHECK that proves it makes \
                     PostgreSQL (12 and later) skip the scan.",
                    hit.touch.lock
                ),
            )
            .hint(format!(
                "add CHECK ({} IS NOT NULL) as NOT VALID, VALIDATE it in a later migration, then SET NOT NULL and drop the \
                 CHECK",
                quote_ident(column)
            ));
        if let Some(fix) = in_steps(hit, alter, at, column) {
            finding = finding.fix(fix);
        }
        findings.push(finding);
    }
    findings
}

/// The column holds no NULL, and PostgreSQL knows it.
fn proven(table: &Table, column: &str) -> bool {
    let checked = |expression: &str| {
        let bare: String =
            expression.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '"')).collect();
        bare.eq_ignore_ascii_case(&format!("{column}isnotnull"))
    };
    table.column(column).is_some_and(|column| column.not_null)
        || table.constraints.iter().any(|constraint| match &constraint.kind {
            ConstraintKind::Check { expression, .. } => {
                constraint.validated && conjuncts(expression).any(checked)
            }
            _ => false,
        })
}

/// The parts of an expression that `AND` joins. Parentheses are not followed: `(a AND b) OR c` has no part that is a
/// bare test, so nothing is taken for proven that is not.
fn conjuncts(expression: &str) -> impl Iterator<Item = &str> {
    let disjunction = expression.to_ascii_uppercase().contains(" OR ");
    let whole = disjunction.then_some(expression);
    let parts = (!disjunction).then(|| expression.split(" AND ")).into_iter().flatten();
    whole.into_iter().chain(parts)
}

fn in_steps(hit: Hit<'_>, alter: &AlterTable, at: usize, column: &str) -> Option<Fix> {
    // Only what was there before can be checked apart from the statement.
    let before = hit.before()?;
    before.column(column)?;
    let touched_twice = alter.actions.iter().enumerate().any(|(other, action)| {
        other != at
            && match action {
                AlterAction::SetType { column: name, .. }
                | AlterAction::SetNotNull { column: name }
                | AlterAction::AddIdentity { column: name, .. } => name == column,
                AlterAction::RenameColumn { .. } | AlterAction::RenameTable { .. } => true,
                AlterAction::AddConstraint { constraint, .. } => {
                    matches!(constraint.kind, ConstraintKind::PrimaryKey { .. })
                }
                _ => false,
            }
    });
    let check = default_index_name(&hit.touch.relation.name, &[column.to_owned()], "_not_null_check");
    if touched_twice || before.constraint(&check).is_some() {
        return None;
    }
    let rewrite = Rewrite::of(hit.facts, hit.file, hit.statement, &[])?;
    let parts = Alter::parse(rewrite.text(), alter.actions.len())?;
    let (head, name, column_sql) = (parts.head(), quote_ident(&check), quote_ident(column));
    let here =
        parts.replace(at, &format!("ADD CONSTRAINT {name} CHECK ({column_sql} IS NOT NULL) NOT VALID"))?;
    // Each step in a transaction of its own: the scan must not run under the lock of the first, and SET NOT NULL must
    // see the CHECK that spares its own scan.
    let folders = vec![
        Folder::new(&format!("validate_{column}"), [format!("{head} VALIDATE CONSTRAINT {name}")]),
        Folder::new(&format!("require_{column}"), [format!("{head} {}", parts.action(at))]),
        Folder::new(&format!("drop_{check}"), [format!("{head} DROP CONSTRAINT {name}")]),
    ];
    let title =
        format!("prove \"{column}\" by a CHECK that is validated online, then SET NOT NULL without a scan");
    let left = format!("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {name}", quote_name(&hit.touch.relation));
    let undo = undo::of_alter(hit, alter).map(|steps| steps.into_iter().chain([Step::sql(left)]).collect());
    Some(rewrite.fix(title, Some(here), folders, undo))
}
