//! `DROP CONSTRAINT` without one that takes its place.

use pgsteward_model::catalog::{Constraint, ConstraintKind};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterAction, Statement};

use super::around::{self, Alteration};
use super::shared;

pub(super) static RULE: Rule = Rule {
    id: "constraint-dropped",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["squawk:ban-drop-constraint", "atlas:CD101"],
    page: include_str!("constraint_dropped.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for alteration in around::alterations(facts) {
        let Some(table) = alteration.before() else { continue };
        for action in &alteration.alter.actions {
            let AlterAction::DropConstraint { name, .. } = action else { continue };
            let Some(constraint) = table.constraint(name) else { continue };
            if came_here(&alteration, constraint)
                || goes_with_its_columns(&alteration, constraint)
                || replaced(&alteration, constraint)
            {
                continue;
            }
            let (kind, noun, severity, why) = weight(&constraint.kind);
            findings.push(
                alteration
                    .finding(
                        facts,
                        &RULE,
                        shared::part(&alteration.touch.relation, kind, name),
                        format!(
                            "{noun} \"{name}\" of \"{}\" is dropped and nothing takes its place",
                            alteration.table()
                        ),
                    )
                    .severity(severity)
                    .detail(why)
                    .hint("add what replaces it in the same migration, or say why the rule no longer holds"),
            );
        }
    }
    findings
}

fn weight(kind: &ConstraintKind) -> (ObjectKind, &'static str, Severity, &'static str) {
    match kind {
        ConstraintKind::PrimaryKey { .. } => (
            ObjectKind::PrimaryKey,
            "primary key",
            Severity::Warning,
            "Rows are no longer told apart: duplicates get in, upserts with ON CONFLICT fail (error 42P10), and logical \
             replication refuses UPDATE and DELETE.",
        ),
        ConstraintKind::Unique { .. } => (
            ObjectKind::UniqueConstraint,
            "unique constraint",
            Severity::Warning,
            "Duplicates get in, and upserts that name its columns in ON CONFLICT fail (error 42P10).",
        ),
        ConstraintKind::Exclusion { .. } => (
            ObjectKind::ExclusionConstraint,
            "exclusion constraint",
            Severity::Warning,
            "Rows that it kept apart get in, and it cannot be added again before they are found.",
        ),
        ConstraintKind::ForeignKey(_) => (
            ObjectKind::ForeignKey,
            "foreign key",
            Severity::Info,
            "Rows may from here on point to nothing, deletes no longer cascade, and it cannot be added again before the \
             orphans are found.",
        ),
        ConstraintKind::Check { .. } => (
            ObjectKind::CheckConstraint,
            "check",
            Severity::Info,
            "Values that it kept out get in, and it cannot be validated again before they are found.",
        ),
        ConstraintKind::NotNull { .. } => (
            ObjectKind::NotNullConstraint,
            "not-null constraint",
            Severity::Info,
            "NULL gets in, which the application that still runs does not expect.",
        ),
    }
}

fn columns(kind: &ConstraintKind) -> &[String] {
    match kind {
        ConstraintKind::PrimaryKey { columns }
        | ConstraintKind::Unique { columns, .. }
        | ConstraintKind::Check { columns, .. } => columns,
        ConstraintKind::ForeignKey(key) => &key.columns,
        ConstraintKind::NotNull { column } => std::slice::from_ref(column),
        ConstraintKind::Exclusion { .. } => &[],
    }
}

/// Made by an earlier statement of the file.
fn came_here(alteration: &Alteration<'_>, constraint: &Constraint) -> bool {
    let (kind, ..) = weight(&constraint.kind);
    let object = shared::part(&alteration.touch.relation, kind, &constraint.name);
    around::made(around::before(alteration.file, alteration.at), &object)
}

/// The file drops a column of it, its table, or the table it points to: that is said elsewhere.
fn goes_with_its_columns(alteration: &Alteration<'_>, constraint: &Constraint) -> bool {
    let whole = alteration.file.statements.as_slice();
    let target = match &constraint.kind {
        ConstraintKind::ForeignKey(key) => around::drops(whole, &shared::table_object(&key.references)),
        _ => false,
    };
    target || columns(&constraint.kind).iter().any(|column| alteration.goes(column))
}

/// The file adds one for the same columns, before or after.
fn replaced(alteration: &Alteration<'_>, constraint: &Constraint) -> bool {
    let same = |added: &ConstraintKind| {
        let same_columns = set(columns(added)) == set(columns(&constraint.kind));
        match (&constraint.kind, added) {
            (ConstraintKind::PrimaryKey { .. }, ConstraintKind::PrimaryKey { .. }) => true,
            (ConstraintKind::Exclusion { .. }, ConstraintKind::Exclusion { .. }) => true,
            (ConstraintKind::Check { .. }, ConstraintKind::Check { .. }) => {
                columns(added).iter().any(|column| columns(&constraint.kind).contains(column))
            }
            (ConstraintKind::ForeignKey(_), ConstraintKind::ForeignKey(_)) => same_columns,
            (
                ConstraintKind::Unique { .. },
                ConstraintKind::Unique { .. } | ConstraintKind::PrimaryKey { .. },
            ) => same_columns,
            _ => false,
        }
    };
    let whole = alteration.file.statements.as_slice();
    let relation = &alteration.touch.relation;
    let by_constraint = around::actions_on(whole, relation).any(|action| match action {
        AlterAction::AddConstraint { constraint: added, .. } => same(&added.kind),
        AlterAction::SetNotNull { column } => {
            matches!(&constraint.kind, ConstraintKind::NotNull { column: was } if was == column)
                // A validated CHECK that proved the column is done with.
                || matches!(&constraint.kind, ConstraintKind::Check { columns, .. } if columns.len() == 1 && columns.contains(column))
        }
        _ => false,
    });
    let unique = matches!(constraint.kind, ConstraintKind::Unique { .. });
    let not_null = matches!(&constraint.kind, ConstraintKind::Check { columns, expression, .. }
        if columns.len() == 1 && is_not_null_test(expression) && is_not_null(alteration, columns));
    let by_index = unique
        && whole.iter().any(|statement| match &statement.statement {
            Statement::CreateIndex(create) => {
                let keys: Vec<String> =
                    create.index.leading_columns().into_iter().map(str::to_owned).collect();
                create.index.unique
                    && create.index.predicate.is_none()
                    && set(&keys) == set(columns(&constraint.kind))
                    && shared::touch_of(statement, &create.table)
                        .is_some_and(|touch| touch.relation == *relation)
            }
            _ => false,
        });
    by_constraint || by_index || not_null
}

fn is_not_null_test(expression: &str) -> bool {
    expression.trim_end_matches(')').to_ascii_uppercase().ends_with("IS NOT NULL")
}

/// The column itself says what the check said.
fn is_not_null(alteration: &Alteration<'_>, columns: &[String]) -> bool {
    let table = alteration.before();
    columns
        .iter()
        .all(|name| table.and_then(|table| table.column(name)).is_some_and(|column| column.not_null))
}

fn set(columns: &[String]) -> Vec<&String> {
    let mut set: Vec<&String> = columns.iter().collect();
    set.sort();
    set
}
