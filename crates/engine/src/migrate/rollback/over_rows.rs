//! Whether rows that are in the user's database now stand in the way of a way back: a column that must have a value comes back
//! without any. It reads, and changes nothing.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{ConstraintKind, QName};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::statement::{AddColumn, AlterAction, Name, Statement};
use pgsteward_pg::WriteSession;
use pgsteward_sql::{quote_literal, quote_qualified};

use crate::migrate::error::MigrateError;

/// The first table with rows to which the statements add such a column, in words. What happens to rows before is not known
/// beforehand: tables that are made, emptied, filled or renamed on the way go into `changed`, and nothing is said of them.
pub(super) async fn refused(
    session: &WriteSession,
    namespace: &str,
    statements: &[String],
    changed: &mut BTreeSet<QName>,
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
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Whether rows that are there already would have no value in the column, and may not be so.
fn lacks_values(add: &AddColumn) -> bool {
    let column = &add.column;
    let is_key = |kind: &ConstraintKind| matches!(kind, ConstraintKind::PrimaryKey { .. });
    let required = column.not_null || add.constraints.iter().any(|one| is_key(&one.kind));
    let given =
        add.serial || column.default.is_some() || column.identity.is_some() || column.generated.is_some();
    required && !given
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
