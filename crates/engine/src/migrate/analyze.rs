//! After a deploy: the planner's statistics of what it changed. A rewritten column, an index over an expression and rows
//! that were changed in bulk have none, or wrong ones, until autovacuum comes by.

use std::collections::BTreeSet;

use pgsteward_model::statement::{Name, Statement};
use pgsteward_pg::WriteSession;
use pgsteward_sql::quote_ident;

use super::regime::FilePlan;

/// Tables that were there before the deploy and whose statistics the files changed, as their statements write them.
pub(super) fn tables(plans: &[&FilePlan]) -> Vec<String> {
    let mut found = BTreeSet::new();
    for planned in plans.iter().flat_map(|plan| &plan.statements) {
        let older = |name: &Name| {
            planned
                .predicted
                .iter()
                .any(|lock| lock.relation == name.name || lock.relation.ends_with(&format!(".{}", name.name)))
        };
        let table = match &planned.statement {
            Statement::AlterTable(alter) if planned.work.iter().any(|work| work.starts_with("rewrites")) => {
                &alter.name
            }
            Statement::CreateIndex(create) if create.index.keys.iter().any(|key| key.column.is_none()) => {
                &create.table
            }
            Statement::Insert { table, from_select: true, .. } => table,
            Statement::Update { table, .. }
            | Statement::Delete { table, .. }
            | Statement::Merge { table, .. } => table,
            _ => continue,
        };
        if older(table) {
            let namespace = table.namespace.as_ref().map(|name| format!("{}.", quote_ident(name)));
            found.insert(format!("{}{}", namespace.unwrap_or_default(), quote_ident(&table.name)));
        }
    }
    found.into_iter().collect()
}

/// One ANALYZE after the other, none of which may stand in anybody's way. What was done, and what was not and why.
pub(super) async fn run(session: &WriteSession, tables: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    let mut done = Vec::new();
    if tables.is_empty() {
        return notes;
    }
    if let Err(error) = session.simple("SET lock_timeout = '2s'").await {
        return vec![format!("no ANALYZE of {}: {}", tables.join(", "), error.message)];
    }
    for table in tables {
        match session.simple(&format!("ANALYZE {table}")).await {
            Ok(()) => done.push(table.as_str()),
            // Dropped by a later file.
            Err(error) if error.sqlstate == "42P01" => {}
            Err(error) => notes.push(format!("no ANALYZE of {table}: {}", error.message)),
        }
    }
    if !done.is_empty() {
        notes.push(format!("ANALYZE of {}, which the migrations changed", done.join(", ")));
    }
    notes
}
