//! What a rollback removes: rows and values that are in the user's database now. It counts them and changes nothing.

use pgsteward_model::catalog::QName;
use pgsteward_model::migrate::rollback::Loss;
use pgsteward_model::place::ObjectKind;
use pgsteward_model::statement::{AlterAction, Name, Statement};
use pgsteward_pg::WriteSession;
use pgsteward_sql::{quote_ident, quote_qualified};

use crate::migrate::error::MigrateError;

/// Rows are counted up to here.
const MOST: u64 = 1_000_000;

/// Rows and values that are there now and that the statements remove.
pub(super) async fn goes(
    session: &WriteSession,
    namespace: &str,
    statements: &[String],
) -> Result<Vec<Loss>, MigrateError> {
    let mut goes = Vec::new();
    let parsed = statements.iter().flat_map(|sql| pgsteward_sql::parse(sql).statements);
    for one in parsed {
        match &one.statement {
            Statement::Drop { kind: ObjectKind::Table, names, .. } => {
                for name in names {
                    let place = place(namespace, name);
                    let sql = format!("SELECT 1 FROM {place} LIMIT {}", MOST + 1);
                    count(session, &sql, format!("rows of {place}"), "the table is dropped", &mut goes)
                        .await?;
                }
            }
            Statement::Truncate { tables, .. } => {
                for name in tables {
                    let place = place(namespace, name);
                    let sql = format!("SELECT 1 FROM {place} LIMIT {}", MOST + 1);
                    count(session, &sql, format!("rows of {place}"), "the table is emptied", &mut goes)
                        .await?;
                }
            }
            Statement::Delete { table, .. } => {
                let place = place(namespace, table);
                goes.push(Loss { what: format!("rows of {place}"), why: "by DELETE".into() });
            }
            Statement::AlterTable(alter) => {
                for action in &alter.actions {
                    let AlterAction::DropColumn { name, .. } = action else { continue };
                    let (place, column) = (place(namespace, &alter.name), quote_ident(name));
                    let sql = format!("SELECT 1 FROM {place} WHERE {column} IS NOT NULL LIMIT {}", MOST + 1);
                    count(
                        session,
                        &sql,
                        format!("values of {place}.{column}"),
                        "the column is dropped",
                        &mut goes,
                    )
                    .await?;
                }
            }
            _ => {}
        }
    }
    Ok(goes)
}

fn place(namespace: &str, name: &Name) -> String {
    let namespace = name.namespace.as_deref().unwrap_or(namespace);
    quote_qualified(&QName::new(namespace, name.name.as_str()))
}

async fn count(
    session: &WriteSession,
    sql: &str,
    what: String,
    why: &str,
    goes: &mut Vec<Loss>,
) -> Result<(), MigrateError> {
    // A big table without such a value would be read to its end.
    let counted = format!(
        "BEGIN READ ONLY; SET LOCAL statement_timeout = '10s'; SELECT count(*) FROM ({sql}) AS found; COMMIT"
    );
    match session.value(&counted).await {
        Ok(count) => {
            let count = count.and_then(|count| count.parse::<u64>().ok()).unwrap_or_default();
            if count > 0 {
                let more = if count > MOST { "more than 1000000".to_owned() } else { count.to_string() };
                goes.push(Loss { what: format!("{more} {what}"), why: why.to_owned() });
            }
            Ok(())
        }
        Err(error) => {
            session.simple("ROLLBACK").await.map_err(|error| MigrateError::server("count rows", &error))?;
            match error.sqlstate.as_str() {
                // Names that an earlier rollback of this run brings back first: nothing is in them yet.
                "42P01" | "42703" | "3F000" => Ok(()),
                "57014" => {
                    goes.push(Loss { what: format!("an unknown number of {what}"), why: why.to_owned() });
                    Ok(())
                }
                _ => Err(MigrateError::server("count what would be removed", &error)),
            }
        }
    }
}
