//! What the pending migrations will demand of the rows: the twin's rows are made to meet it, since a constraint that
//! the rows refuse would be a finding about generated rows. Pure.

use pgsteward_model::catalog::{Catalog, Constraint, ConstraintKind, Index, QName, Table};
use pgsteward_model::statement::{AlterAction, Name, Statement};

use super::pass::Ready;

/// Adds the constraints, unique indexes and NOT NULLs of the files to the tables that are there. True where there
/// is one.
pub(super) fn promise(catalog: &mut Catalog, files: &[Ready]) -> bool {
    let mut any = false;
    for statement in files.iter().flat_map(|file| &file.plan.statements) {
        match &statement.statement {
            Statement::AlterTable(alter) => {
                for action in &alter.actions {
                    any |= of_action(catalog, &qualified(&alter.name), action);
                }
            }
            Statement::CreateIndex(create) if create.index.unique => {
                let name = qualified(&create.table);
                if let Some(table) =
                    catalog.table_mut(&name).filter(|table| has_columns(table, &create.index))
                {
                    table.indexes.push(create.index.clone());
                    any = true;
                }
            }
            _ => {}
        }
    }
    any
}

fn of_action(catalog: &mut Catalog, name: &QName, action: &AlterAction) -> bool {
    match action {
        AlterAction::SetNotNull { column } => {
            let column = catalog.table_mut(name).and_then(|table| table.column_mut(column));
            column.map(|column| column.not_null = true).is_some()
        }
        AlterAction::AddConstraint { constraint, using_index: None, .. } => {
            let mut constraint = constraint.clone();
            if let ConstraintKind::ForeignKey(key) = &mut constraint.kind {
                let Some(parent) = catalog.table(&key.references) else { return false };
                if key.referenced_columns.is_empty() {
                    key.referenced_columns =
                        parent.primary_key().map(|(_, columns)| columns.to_vec()).unwrap_or_default();
                }
            }
            let Some(table) = catalog.table_mut(name) else { return false };
            let columns = columns(&constraint);
            if columns.iter().any(|column| table.column(column).is_none()) {
                return false;
            }
            if let ConstraintKind::PrimaryKey { .. } | ConstraintKind::Unique { .. } = &constraint.kind {
                let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
                let unique = Index { unique: true, ..Index::btree(&constraint.name, &columns) };
                table.indexes.push(unique);
            }
            table.constraints.push(constraint);
            true
        }
        _ => false,
    }
}

fn columns(constraint: &Constraint) -> Vec<String> {
    match &constraint.kind {
        ConstraintKind::PrimaryKey { columns }
        | ConstraintKind::Unique { columns, .. }
        | ConstraintKind::Check { columns, .. } => columns.clone(),
        ConstraintKind::ForeignKey(key) => key.columns.clone(),
        ConstraintKind::NotNull { column } => vec![column.clone()],
        ConstraintKind::Exclusion { .. } => Vec::new(),
    }
}

fn has_columns(table: &Table, index: &Index) -> bool {
    index.keys.iter().filter_map(|key| key.column.as_ref()).all(|column| table.column(column).is_some())
}

fn qualified(name: &Name) -> QName {
    QName::new(name.namespace.as_deref().unwrap_or("public"), name.name.clone())
}
