//! Whether rows that are in the user's database now stand in the way of a way back: a column that must have a value comes back
//! without any. It reads, and changes nothing.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{ConstraintKind, QName};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::statement::{AddColumn, AlterAction, Name, Statement};
use pgsteward_pg::WriteSession;
use pgsteward_sql::{quote_literal, quote_qualified};

use super::refill::{self, FILLED_AT_ONCE};
use crate::migrate::error::MigrateError;

/// What the statements of a rollback did to rows and columns before the next ones run.
#[derive(Default)]
pub(super) struct Ahead {
    /// Tables that are made, emptied, filled or renamed on the way: what happens to their rows is not known beforehand.
    changed: BTreeSet<QName>,
    /// Columns that came back without values.
    bare: BTreeSet<(QName, String)>,
}

/// The first table with rows to which the statements add such a column, in words.
pub(super) async fn refused(
    session: &WriteSession,
    namespace: &str,
    statements: &[String],
    Ahead { changed, bare }: &mut Ahead,
) -> Result<Option<String>, MigrateError> {
    let place = |name: &Name| QName::new(name.namespace.as_deref().unwrap_or(namespace), name.name.as_str());
    let mut found = None;
    for one in statements.iter().flat_map(|sql| pgsteward_sql::parse(sql).statements) {
        match &one.statement {
            Statement::Drop { kind: ObjectKind::Table, names, .. }
            | Statement::Truncate { tables: names, .. } => {
                changed.extend(names.iter().map(place));
            }
            Statement::Delete { table, .. } => {
                changed.insert(place(table));
            }
            // The values may be filled in by it.
            Statement::Update { table, .. } | Statement::Merge { table, .. } => {
                let table = place(table);
                bare.retain(|(of, _)| *of != table);
            }
            Statement::CreateTable(create) => {
                changed.insert(place(&create.name));
            }
            Statement::AlterTable(alter) => {
                let table = place(&alter.name);
                for action in &alter.actions {
                    match action {
                        AlterAction::RenameTable { to } => {
                            changed.insert(QName::new(table.namespace.clone(), to.clone()));
                        }
                        AlterAction::SetSchema { to } => {
                            changed.insert(QName::new(to.clone(), table.name.clone()));
                        }
                        AlterAction::AddColumn { column, if_not_exists: false }
                            if found.is_none()
                                && !changed.contains(&table)
                                && lacks_values(column)
                                && has_rows(session, &table, column).await? =>
                        {
                            found = Some(format!(
                                "\"{}\" has rows: its column \"{}\" comes back without values, and must have some",
                                table.display(),
                                column.column.name
                            ));
                        }
                        AlterAction::AddColumn { column, .. } if has_none(column) => {
                            bare.insert((table.clone(), column.column.name.clone()));
                        }
                        AlterAction::SetNotNull { column }
                            if found.is_none()
                                && !changed.contains(&table)
                                && bare.contains(&(table.clone(), column.clone()))
                                && rows(session, &table).await? =>
                        {
                            found = Some(format!(
                                "\"{}\" has rows: its column \"{column}\" came back without values a step before, and must have some here",
                                table.display(),
                            ));
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// The tables that a column would be filled in while they are locked, with more rows than that is done for.
pub(super) async fn too_many(
    session: &WriteSession,
    namespace: &str,
    statements: &[String],
) -> Result<Vec<String>, MigrateError> {
    let mut tables = Vec::new();
    for sql in statements.iter().filter_map(|sql| refill::counted(sql)) {
        match session.value(&sql).await {
            Ok(rows) if rows.as_deref().and_then(|rows| rows.parse().ok()) > Some(FILLED_AT_ONCE) => {
                let name = sql.split(" FROM ").nth(2).and_then(|rest| rest.split(" LIMIT ").next());
                let name = name.unwrap_or(namespace).to_owned();
                if !tables.contains(&name) {
                    tables.push(name);
                }
            }
            Ok(_) => {}
            // What an earlier rollback of this run brings back first.
            Err(error) if matches!(error.sqlstate.as_str(), "42P01" | "3F000") => {}
            Err(error) => return Err(MigrateError::server("count the rows that would be filled", &error)),
        }
    }
    Ok(tables)
}

/// Whether rows that are there already would have no value in the column, and may not be so.
fn lacks_values(add: &AddColumn) -> bool {
    let column = &add.column;
    let is_key = |kind: &ConstraintKind| matches!(kind, ConstraintKind::PrimaryKey { .. });
    let required = column.not_null || add.constraints.iter().any(|one| is_key(&one.kind));
    required && has_none(add)
}

/// Whether nothing gives the rows that are there a value.
fn has_none(add: &AddColumn) -> bool {
    let column = &add.column;
    !add.serial && column.default.is_none() && column.identity.is_none() && column.generated.is_none()
}

async fn rows(session: &WriteSession, table: &QName) -> Result<bool, MigrateError> {
    match session.value(&format!("SELECT EXISTS (SELECT FROM {})", quote_qualified(table))).await {
        Ok(value) => Ok(value.as_deref() == Some("t")),
        Err(error) if matches!(error.sqlstate.as_str(), "42P01" | "3F000") => Ok(false),
        Err(error) => Err(MigrateError::server("look for rows in the way", &error)),
    }
}

async fn has_rows(session: &WriteSession, table: &QName, add: &AddColumn) -> Result<bool, MigrateError> {
    // A domain may bring a default of its own.
    let sql = format!(
        "SELECT EXISTS (SELECT FROM {}) AND NOT EXISTS (SELECT FROM pg_catalog.pg_type WHERE typname = {} AND typdefault IS NOT NULL)",
        quote_qualified(table),
        quote_literal(&add.column.ty.name)
    );
    match session.value(&sql).await {
        Ok(value) => Ok(value.as_deref() == Some("t")),
        // What an earlier rollback of this run brings back first.
        Err(error) if matches!(error.sqlstate.as_str(), "42P01" | "3F000") => Ok(false),
        Err(error) => Err(MigrateError::server("look for rows in the way", &error)),
    }
}
