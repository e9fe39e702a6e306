//! `DROP CONSTRAINT` without one that takes its place.

use std::collections::BTreeSet;

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

/// The file adds one for the same columns, before or after, perhaps under their new names.
fn replaced(alteration: &Alteration<'_>, constraint: &Constraint) -> bool {
    let file = alteration.file;
    let relation = &alteration.touch.relation;
    let now = around::final_table(file, relation);
    let name = |column: &str| {
        let column = around::final_name(file, relation, column);
        if now == *relation { column } else { around::final_name(file, &now, &column) }
    };
    let set =
        |columns: &[String]| -> BTreeSet<String> { columns.iter().map(|column| name(column)).collect() };
    let own = set(columns(&constraint.kind));
    let same = |added: &ConstraintKind| match (&constraint.kind, added) {
        (ConstraintKind::PrimaryKey { .. }, ConstraintKind::PrimaryKey { .. })
        | (ConstraintKind::Exclusion { .. }, ConstraintKind::Exclusion { .. }) => true,
        (ConstraintKind::Check { .. }, ConstraintKind::Check { .. }) => {
            !set(columns(added)).is_disjoint(&own)
        }
        (ConstraintKind::ForeignKey(_), ConstraintKind::ForeignKey(_))
        | (
            ConstraintKind::Unique { .. },
            ConstraintKind::Unique { .. } | ConstraintKind::PrimaryKey { .. },
        ) => set(columns(added)) == own,
        _ => false,
    };
    let proves = |column: &String| match &constraint.kind {
        ConstraintKind::NotNull { column: was } => was == column,
        // A CHECK that proved the column is done with.
        ConstraintKind::Check { columns, .. } => columns.len() == 1 && columns.contains(column),
        _ => false,
    };
    let whole = file.statements.as_slice();
    let by_action =
        [relation, &now].into_iter().flat_map(|table| around::actions_on(whole, table)).any(|action| {
            match action {
                AlterAction::AddConstraint { constraint: added, .. } => same(&added.kind),
                AlterAction::SetNotNull { column } => proves(column),
                _ => false,
            }
        });
    by_action || by_unique_index(alteration, constraint, &own) || is_not_null(alteration, constraint)
}

fn by_unique_index(alteration: &Alteration<'_>, constraint: &Constraint, own: &BTreeSet<String>) -> bool {
    matches!(constraint.kind, ConstraintKind::Unique { .. })
        && alteration.file.statements.iter().any(|statement| match &statement.statement {
            Statement::CreateIndex(create) => {
                let keys =
                    create.index.leading_columns().into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
                let here = shared::touch_of(statement, &create.table);
                create.index.unique
                    && create.index.predicate.is_none()
                    && keys == *own
                    && here.is_some_and(|touch| touch.relation == alteration.touch.relation)
            }
            _ => false,
        })
}

/// A check that a column is not NULL, and the column says so itself.
fn is_not_null(alteration: &Alteration<'_>, constraint: &Constraint) -> bool {
    let ConstraintKind::Check { columns, expression, .. } = &constraint.kind else { return false };
    let [column] = columns.as_slice() else { return false };
    expression.trim_end_matches(')').to_ascii_uppercase().ends_with("IS NOT NULL")
        && alteration.before().and_then(|table| table.column(column)).is_some_and(|column| column.not_null)
}
