//! `DROP INDEX` of an index that kept duplicates out.

use pgsteward_model::catalog::{ConstraintKind, Index, Table};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::MigrationFile;
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterAction, Statement};

use super::{around, shared};
use crate::shared::{index_object, quoted_list};

pub(super) static RULE: Rule = Rule {
    id: "unique-index-dropped",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["squawk:ban-drop-index", "pg-schema-diff:INDEX_DROPPED"],
    page: include_str!("unique_index_dropped.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, at, statement) in around::numbered(facts) {
        let Statement::Drop { kind: ObjectKind::Index, names, .. } = &statement.statement else { continue };
        for touch in statement.effect.touches.iter().filter(|touch| around::in_use(touch)) {
            let Some(table) = touch.before.as_deref() else { continue };
            for index in names.iter().filter_map(|name| table.index(&name.name)) {
                let own = index_object(&table.name, &index.name);
                let came_here = around::made(around::before(file, at), &own);
                if !index.unique
                    || came_here
                    || still_kept_out(table, index, file)
                    || goes(table, index, file)
                {
                    continue;
                }
                let columns = index.leading_columns();
                let of = if columns.len() == index.keys.len() {
                    quoted_list(&columns)
                } else {
                    "its expressions".into()
                };
                findings.push(
                    around::finding(
                        facts,
                        &RULE,
                        file,
                        statement,
                        own,
                        format!("without unique index \"{}\" duplicates of {of} get into \"{}\"", index.name, table.name.display()),
                    )
                    .detail(
                        "No other unique index or key of the table says the same. Upserts of the old version that name its \
                         columns in ON CONFLICT fail (error 42P10, invalid_column_reference), and it cannot be built again \
                         before the duplicates are found.",
                    )
                    .hint("deploy an application that no longer relies on it first, and drop the index in a later deploy"),
                );
            }
        }
    }
    findings
}

/// Another unique index of the table, or one that the file makes, forbids the same duplicates.
fn still_kept_out(table: &Table, index: &Index, file: &MigrationFile) -> bool {
    // A column may have another name by now.
    let name = |column: &str| around::final_name(file, &table.name, column);
    let own: Vec<String> = index.leading_columns().into_iter().map(name).collect();
    let covers = |other: &Index| {
        other.unique
            && other.is_plain()
            && (other.predicate.is_none() || other.predicate == index.predicate)
            && other.leading_columns().into_iter().all(|column| own.contains(&name(column)))
    };
    let stays = |other: &Index| {
        let object = index_object(&table.name, &other.name);
        other.name != index.name && !around::drops(&file.statements, &object)
    };
    if !index.is_plain() {
        // Of two expressions it is not known whether one implies the other; a new unique index is taken for it.
        return made_indexes(table, file).any(|made| made.unique);
    }
    table.indexes.iter().any(|other| stays(other) && covers(other))
        || made_indexes(table, file).any(covers)
        || around::actions_on(&file.statements, &table.name).any(|action| match action {
            AlterAction::AddConstraint { constraint, .. } => match &constraint.kind {
                ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns, .. } => {
                    columns.iter().all(|column| own.contains(&name(column)))
                }
                _ => false,
            },
            _ => false,
        })
}

fn made_indexes<'a>(table: &'a Table, file: &'a MigrationFile) -> impl Iterator<Item = &'a Index> {
    file.statements.iter().filter_map(|statement| match &statement.statement {
        Statement::CreateIndex(create) => shared::touch_of(statement, &create.table)
            .is_some_and(|touch| touch.relation == table.name)
            .then_some(&create.index),
        _ => None,
    })
}

/// A column of it or its table goes with this file.
fn goes(table: &Table, index: &Index, file: &MigrationFile) -> bool {
    around::drops(&file.statements, &table.object())
        || index
            .leading_columns()
            .iter()
            .any(|column| around::drops(&file.statements, &table.column_object(column)))
}
