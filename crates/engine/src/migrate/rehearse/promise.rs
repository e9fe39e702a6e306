//! What the pending migrations will demand of the rows: the twin's rows are made to meet it, since a constraint that
//! the rows refuse would be a finding about generated rows. Pure.

use pgsteward_model::catalog::{
    Catalog, Column, ColumnType, Constraint, ConstraintKind, Index, QName, Table,
};
use pgsteward_model::statement::{AlterAction, AlterEnum, Name, Statement};
use pgsteward_sql::{quote_ident, quote_literal};

use super::pass::Ready;
use crate::migrate::plan::{Synced, synced};

/// Adds the constraints, unique indexes and NOT NULLs of the files to the tables that are there. True where there
/// is one.
pub(super) fn promise(catalog: &mut Catalog, files: &[Ready]) -> bool {
    let mut any = false;
    for statement in statements(files) {
        match statement {
            Statement::AlterTable(alter) => {
                for action in &alter.actions {
                    any |= of_action(catalog, &qualified(&alter.name), action, files);
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
            Statement::AlterEnum { name, action: AlterEnum::Rename { to } } => {
                any |= of_enum(catalog, &qualified(name), to, files);
            }
            Statement::CreateFunction { value, .. } => any |= of_second(catalog, &value.body, files),
            _ => {}
        }
    }
    any
}

/// An enum takes the name of another one: values that it has not are in no row by then.
fn of_enum(catalog: &mut Catalog, successor: &QName, name: &str, files: &[Ready]) -> bool {
    let name = QName::new(successor.namespace.clone(), name);
    let Some(values) = values_of(catalog, successor, files) else { return false };
    let Some(known) = catalog.enums.get_mut(&name) else { return false };
    let left: Vec<String> = known.values.iter().filter(|value| values.contains(value)).cloned().collect();
    if left.is_empty() || left.len() == known.values.len() {
        return false;
    }
    for table in catalog.tables.values_mut() {
        let own = |column: &Column| is_of(&column.ty, &name);
        if !table.columns.iter().any(own) {
            continue;
        }
        for column in std::sync::Arc::make_mut(table).columns.iter_mut().filter(|column| own(column)) {
            // Which of them are common says nothing of those that are left.
            if let Some(statistics) = &mut column.statistics {
                statistics.common_values.clear();
                statistics.frequencies.clear();
                statistics.top_frequency = None;
            }
        }
    }
    known.values = left;
    true
}

/// A second column of an enum, which a trigger fills from a column of text: that has none but the enum's values.
fn of_second(catalog: &mut Catalog, body: &str, files: &[Ready]) -> bool {
    let Some(Synced { first: Some(first), second, .. }) = synced(body) else { return false };
    let added = statements(files).find_map(|statement| {
        let Statement::AlterTable(alter) = statement else { return None };
        let ty = alter.actions.iter().find_map(|action| match action {
            AlterAction::AddColumn { column, .. } if column.column.name == second => Some(&column.column.ty),
            _ => None,
        })?;
        let table = qualified(&alter.name);
        catalog.table(&table)?.column(&first).map(|_| (table, ty))
    });
    added.is_some_and(|(table, ty)| of_text(catalog, &table, &first, ty, files))
}

/// What a column of text holds that becomes one of an enum.
fn of_text(catalog: &mut Catalog, table: &QName, column: &str, ty: &ColumnType, files: &[Ready]) -> bool {
    let name = QName::new(ty.namespace.as_deref().unwrap_or("public"), ty.name.clone());
    let Some(values) = values_of(catalog, &name, files) else { return false };
    let Some(table) = catalog.table_mut(table) else { return false };
    let is_text = |column: &Column| {
        column.ty.array == 0 && matches!(column.ty.name.as_str(), "text" | "character varying" | "character")
    };
    if !table.column(column).is_some_and(is_text) {
        return false;
    }
    let list: Vec<String> = values.iter().map(|value| quote_literal(value)).collect();
    table.constraints.push(Constraint {
        name: format!("{column} becomes {}", ty.name),
        kind: ConstraintKind::Check {
            expression: format!("{} = ANY (ARRAY[{}])", quote_ident(column), list.join(", ")),
            columns: vec![column.to_owned()],
            no_inherit: false,
        },
        deferrable: false,
        initially_deferred: false,
        validated: true,
        comment: None,
    });
    true
}

/// The values of an enum that is there, or that the files make.
fn values_of(catalog: &Catalog, name: &QName, files: &[Ready]) -> Option<Vec<String>> {
    let made = statements(files).find_map(|statement| match statement {
        Statement::CreateEnum { name: own, value } if qualified(own) == *name => Some(&value.values),
        _ => None,
    });
    made.or_else(|| catalog.enums.get(name).map(|known| &known.values)).cloned()
}

fn is_of(ty: &ColumnType, name: &QName) -> bool {
    ty.name == name.name && ty.namespace.as_deref().unwrap_or("public") == name.namespace
}

fn statements(files: &[Ready]) -> impl Iterator<Item = &Statement> {
    files.iter().flat_map(|file| &file.plan.statements).map(|planned| &planned.statement)
}

fn of_action(catalog: &mut Catalog, name: &QName, action: &AlterAction, files: &[Ready]) -> bool {
    match action {
        AlterAction::SetType { column, ty, .. } => of_text(catalog, name, column, ty, files),
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
