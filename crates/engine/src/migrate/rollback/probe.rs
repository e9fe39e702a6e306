//! Values that only the new type of a column can hold, as an application writes them after the migration: the way back must
//! refuse them or keep them. Each is tried in a transaction of its own, which is taken back.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use pgsteward_lab::Database;
use pgsteward_model::catalog::{ColumnType, QName};
use pgsteward_model::identity::ObjectClass;
use pgsteward_model::migration::ServerError;
use pgsteward_pg::LabSession;
use pgsteward_sql::{ddl, quote_ident, quote_literal, quote_qualified};

use super::state::State;
use super::statements::is_atomic;

/// A column that is there on both sides, with another type.
struct Column<'a> {
    /// As it is called after the migration, and before.
    now: (QName, &'a str),
    was: (QName, &'a str),
    ty: &'a ColumnType,
}

/// Columns of which the statements change a value without a word. The database is in the state `after`, has rows, and keeps them.
pub(super) async fn cut(
    database: &Database,
    before: &State,
    after: &State,
    touched: &BTreeSet<QName>,
    statements: &[String],
) -> Result<BTreeSet<(QName, String)>> {
    let mut cut = BTreeSet::new();
    let columns = columns(before, after, touched);
    if columns.is_empty() || !is_atomic(statements) {
        return Ok(cut);
    }
    let back = statements.join(";\n");
    let session = database.session().await.context("connect to the lab")?;
    let mut outcome = Ok(());
    for column in &columns {
        for value in values(column.ty) {
            match survives(&session, column, value, &back).await {
                Ok(Some(false)) => {
                    cut.insert((column.was.0.clone(), column.was.1.to_owned()));
                }
                Ok(_) => {}
                Err(error) => outcome = Err(error),
            }
        }
    }
    session.close().await;
    outcome.map_err(|error| anyhow::anyhow!("try values in the lab: {}", error.message))?;
    Ok(cut)
}

fn columns<'a>(before: &'a State, after: &'a State, touched: &BTreeSet<QName>) -> Vec<Column<'a>> {
    let all = before.identities.objects.iter().filter(|(id, _)| id.class == ObjectClass::Column);
    let changed = all.filter_map(|(id, was)| {
        let now = after.identities.objects.get(id)?;
        let table = QName::new(&was.namespace, &was.inside);
        let place = QName::new(&now.namespace, &now.inside);
        let old = before.catalog.table(&table)?.column(&was.name)?;
        let new = after.catalog.table(&place)?.column(&now.name)?;
        let other = old.ty != new.ty && new.generated.is_none() && touched.contains(&table);
        other.then_some(Column { now: (place, &now.name), was: (table, &was.name), ty: &new.ty })
    });
    changed.collect()
}

/// Whether the value is the same behind the way back. None where it could not be put in, or was refused there.
async fn survives(
    session: &LabSession,
    column: &Column<'_>,
    value: &str,
    back: &str,
) -> Result<Option<bool>, ServerError> {
    let (place, name, ty) =
        (quote_qualified(&column.now.0), quote_ident(column.now.1), ddl::column_type(column.ty));
    // Where a check or a key refuses it, no application has it either.
    let put = format!(
        "BEGIN; UPDATE {place} SET {name} = {value}::{ty} WHERE ctid = (SELECT ctid FROM {place} LIMIT 1) RETURNING {name}::text"
    );
    let tried = async {
        let Ok(rows) = session.rows(&put).await else { return None };
        let written = rows.first()?.first()?.clone()?;
        session.simple(back).await.ok()?;
        let (place, name) = (quote_qualified(&column.was.0), quote_ident(column.was.1));
        let written = quote_literal(&written);
        // A value that cannot be read in the new type is not known to be another one.
        let rows = session
            .rows(&format!(
                "SELECT EXISTS (SELECT FROM {place} WHERE {name}::text = {written} OR ({name}::text)::{ty}::text = {written})"
            ))
            .await
            .ok()?;
        Some(rows.first()?.first()?.as_deref() == Some("t"))
    };
    let tried = tried.await;
    session.simple("ROLLBACK").await?;
    Ok(tried)
}

/// Expressions with more letters, digits or parts than narrower types hold.
fn values(ty: &ColumnType) -> &'static [&'static str] {
    if ty.namespace.is_some() {
        return &[];
    }
    if ty.array > 0 {
        return match ty.name.as_str() {
            "text" | "character varying" => &["ARRAY['first', 'second']", "'{}'"],
            "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => {
                &["ARRAY[1, 2]", "ARRAY[1.2345]"]
            }
            _ => &["'{}'"],
        };
    }
    match ty.name.as_str() {
        "text" | "character varying" | "character" => &[
            "pg_catalog.repeat('pgsteward ', 40)",
            "pg_catalog.repeat('0', 41)",
            "'seven letters and more'",
            "'{\"a\":1,\"a\":2}'",
            "'007'",
            "'1.75'",
        ],
        "smallint" | "integer" | "bigint" => &["2", "16777217", "9007199254740993"],
        "numeric" | "real" | "double precision" => &["1.75", "1.2345", "16777217.25"],
        "timestamp without time zone" | "timestamp with time zone" => &["'2001-02-03 04:05:06.789123'"],
        "time without time zone" | "time with time zone" | "interval" => &["'04:05:06.789123'"],
        "json" => &["'{\"a\":1,\"a\":2}'"],
        "inet" => &["'10.1.2.3/8'"],
        _ => &[],
    }
}
