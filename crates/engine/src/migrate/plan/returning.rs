//! Keys that a migration takes away around a change of type and brings back as they were.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, Constraint, ConstraintKind, QName};
use pgsteward_model::migration::MigrationStatement;
use pgsteward_model::statement::{AlterAction, AlterTable, Statement};

use super::change::Place;

/// The only action of an `ALTER TABLE`.
pub(super) fn single(statement: &MigrationStatement) -> Option<(&AlterTable, &AlterAction)> {
    match &statement.statement {
        Statement::AlterTable(alter) => match alter.actions.as_slice() {
            [action] => Some((alter, action)),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn drops(statement: &MigrationStatement, table: &QName, constraint: &str) -> bool {
    single(statement).is_some_and(|(alter, action)| {
        matches!(action, AlterAction::DropConstraint { name, .. } if name == constraint)
            && alter.name.qualified() == *table
    })
}

/// Whether a key on the columns, or to them, comes back as it was.
pub(super) fn returns<'a>(
    catalog: &Catalog,
    table: &QName,
    constraint: &str,
    wanted: &BTreeSet<Place>,
    mut later: impl Iterator<Item = &'a MigrationStatement>,
) -> bool {
    let Some(was) = catalog.table(table).and_then(|table| table.constraint(constraint)) else { return false };
    let holds = |table: &QName, columns: &[String]| {
        columns.iter().any(|column| wanted.contains(&(table.clone(), column.clone())))
    };
    let stands = match &was.kind {
        ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns, .. } => {
            holds(table, columns)
        }
        ConstraintKind::ForeignKey(key) => {
            holds(table, &key.columns) || holds(&key.references, &key.referenced_columns)
        }
        _ => false,
    };
    stands
        && later.any(|other| {
            single(other).is_some_and(|(alter, action)| match action {
                AlterAction::AddConstraint { constraint: made, using_index: None, .. } => {
                    alter.name.qualified() == *table && made.name == constraint && alike(was, made)
                }
                _ => false,
            })
        })
}

fn alike(was: &Constraint, made: &Constraint) -> bool {
    let kind = match (&was.kind, &made.kind) {
        // A key that names no columns means the primary key.
        (ConstraintKind::ForeignKey(was), ConstraintKind::ForeignKey(made)) => {
            let columns =
                made.referenced_columns.is_empty() || was.referenced_columns == made.referenced_columns;
            columns
                && was.columns == made.columns
                && was.references.name == made.references.name
                && (was.on_delete, was.on_update, was.match_full)
                    == (made.on_delete, made.on_update, made.match_full)
        }
        (was, made) => was == made,
    };
    kind && (was.deferrable, was.initially_deferred) == (made.deferrable, made.initially_deferred)
}
