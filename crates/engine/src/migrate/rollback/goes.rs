//! What a rollback removes: rows and values that are in the user's database now. It counts them and changes nothing.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{ColumnType, QName, TypeClass};
use pgsteward_model::migrate::rollback::Loss;
use pgsteward_model::place::ObjectKind;
use pgsteward_model::statement::{AlterAction, Name, Statement};
use pgsteward_pg::WriteSession;
use pgsteward_sql::{ddl, quote_ident, quote_literal, quote_qualified};

use super::survive::ACCEPTED;
use crate::migrate::error::MigrateError;

/// Rows are counted up to here.
const MOST: u64 = 1_000_000;
const UNKNOWN: &str = "an unknown number of";

/// Rows and values that are there now and that the statements remove.
pub(super) async fn goes(
    session: &WriteSession,
    namespace: &str,
    statements: &[String],
) -> Result<Vec<Loss>, MigrateError> {
    let mut goes = Vec::new();
    let parsed = statements.iter().flat_map(|sql| pgsteward_sql::parse(sql).statements);
    // Tables whose values are others by the time that their types change.
    let mut written = BTreeSet::new();
    // What looks at the values itself needs no count of what took too long to count.
    let guarded = statements.iter().any(|sql| sql.contains(ACCEPTED));
    for one in parsed {
        match &one.statement {
            Statement::Update { table, .. } | Statement::Merge { table, .. } => {
                written.insert(place(namespace, table));
            }
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
                let place = place(namespace, &alter.name);
                for action in &alter.actions {
                    if let AlterAction::SetType { column, ty, using } = action
                        && !written.contains(&place)
                    {
                        let using = using.as_deref();
                        changed(session, &place, (column, ty, using), guarded, &mut goes).await?;
                    }
                    let AlterAction::DropColumn { name, .. } = action else { continue };
                    let column = quote_ident(name);
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

/// Values that are not the same in another type.
async fn changed(
    session: &WriteSession,
    place: &str,
    (column, to, using): (&str, &ColumnType, Option<&str>),
    guarded: bool,
    goes: &mut Vec<Loss>,
) -> Result<(), MigrateError> {
    let cast = format!("{}::{}", quote_ident(column), ddl::column_type(to));
    let using = using.unwrap_or(&cast);
    if !ddl::is_cast(column, to, using) {
        return Ok(());
    }
    let sql = format!(
        "SELECT coalesce(element.typtype, own.typtype)::text, pg_catalog.format_type(atttypid, atttypmod), \
         EXISTS (SELECT FROM pg_catalog.pg_type WHERE oid = pg_catalog.to_regtype({}) AND typtype = 'e')\n\
         FROM pg_catalog.pg_attribute JOIN pg_catalog.pg_type AS own ON own.oid = atttypid\n\
         LEFT JOIN pg_catalog.pg_type AS element ON element.oid = own.typelem AND own.typcategory = 'A'\n\
         WHERE attrelid = pg_catalog.to_regclass({}) AND attname = {} AND NOT attisdropped",
        quote_literal(&ddl::column_type(&ColumnType { array: 0, modifiers: Vec::new(), ..to.clone() })),
        quote_literal(place),
        quote_literal(column)
    );
    let rows = session.rows(&sql).await;
    let rows = rows.map_err(|error| MigrateError::server("read the type of a column", &error))?;
    // What an earlier rollback of this run brings back first has no values yet.
    let Some([Some(kind), Some(shown), Some(is_enum)]) = rows.first().map(Vec::as_slice) else {
        return Ok(());
    };
    let read = pgsteward_sql::parse(&format!("ALTER TABLE a ALTER a TYPE {shown}"));
    let from = read.statements.first().and_then(|one| match &one.statement {
        Statement::AlterTable(alter) => match alter.actions.first() {
            Some(AlterAction::SetType { ty, .. }) => Some(ty.clone()),
            _ => None,
        },
        _ => None,
    });
    let Some(mut from) = from else { return Ok(()) };
    let mut wanted = to.clone();
    if kind == "e" {
        from.class = TypeClass::Enum;
    }
    if is_enum == "t" {
        wanted.class = TypeClass::Enum;
    }
    let Some(rows) = ddl::changed(column, &from, &wanted, using) else { return Ok(()) };
    let sql = format!("SELECT 1 FROM {place} WHERE {rows} LIMIT {}", MOST + 1);
    let what = format!("values of {place}.{}", quote_ident(column));
    let mut found = Vec::new();
    let why = format!("they are not the same as {}", ddl::column_type(to));
    count(session, &sql, what, &why, &mut found).await?;
    goes.extend(found.into_iter().filter(|loss| !(guarded && loss.what.starts_with(UNKNOWN))));
    Ok(())
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
                // A value that the server refuses in the other type is not removed: the rollback is taken back.
                refused if refused.starts_with("22") => Ok(()),
                "57014" => {
                    goes.push(Loss { what: format!("{UNKNOWN} {what}"), why: why.to_owned() });
                    Ok(())
                }
                _ => Err(MigrateError::server("count what would be removed", &error)),
            }
        }
    }
}
