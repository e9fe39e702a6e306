//! What a version of the application asks of one table, as text: rows by their key with every column named, as Prisma Client
//! names them; changes of rows; new rows, and the end of those. It sends nothing but what it must know: keys that are
//! there, and whether the server takes the new rows.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use pgsteward_lab::{Database, MoreRows};
use pgsteward_model::catalog::{Catalog, Identity, QName, Table, TableKind};
use pgsteward_model::migration::ServerError;
use pgsteward_pg::LabSession;
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};

use super::versions::{Since, Version, versions};
use crate::migrate::MigrateError;
use crate::migrate::error::words;
use crate::migrate::unused;

/// Keys of a table that requests ask for.
const KEYS: usize = 200;
/// New rows of a table that may be there at the same time.
pub(super) const NEW: usize = 60;

/// What the load around a file is made of.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// What makes new rows.
    pub(super) more: &'a BTreeMap<QName, MoreRows>,
    /// What became of the twin's columns before the file.
    pub(super) since: &'a Since,
    /// The text of the file.
    pub(super) text: &'a str,
}

/// What the sessions ask of one table as one version of the application.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// As people call it.
    pub(super) relation: Arc<str>,
    quoted: String,
    pub(super) reads: Vec<String>,
    /// The kind of the texts in `writes`, as people call it.
    pub(super) writes_are: &'static str,
    pub(super) writes: Vec<String>,
    /// Each inserts one row and returns its key. Empty where the server takes no new rows.
    pub(super) inserts: Vec<String>,
    /// Columns of the primary key, quoted.
    key: Vec<String>,
}

impl Target {
    /// What deletes the row with these values of the key; none for a table without one.
    pub(super) fn delete(&self, key: &[Option<String>]) -> Option<String> {
        let condition = condition(&self.key, key)?;
        Some(format!("DELETE FROM {} WHERE {condition}", self.quoted))
    }
}

/// What the versions of the application ask of these tables while a file is deployed, and why there are tables that get no
/// new rows.
pub(super) async fn targets(
    database: &Database,
    catalog: &Catalog,
    tables: &[QName],
    Source { more, since, text }: Source<'_>,
) -> Result<(Vec<Target>, Vec<String>), MigrateError> {
    let session = database.session().await.map_err(|error| super::of_lab(&error))?;
    let mut targets = Vec::new();
    let mut notes = Vec::new();
    for table in tables.iter().filter_map(|name| catalog.table(name)) {
        if matches!(table.kind, TableKind::Foreign) {
            continue;
        }
        notes.extend(on_its_way_out(table, text));
        let mut range = 1..=NEW as u64;
        for version in versions(catalog, table, text) {
            let key: Vec<String> = version.key.iter().map(|column| quote_ident(column)).collect();
            let keys = keys(&session, table, &key).await?;
            let mut inserts = Vec::new();
            if let Some(more) = more.get(since.origin(&table.name)) {
                let becomes = since.becomes(&version, &table.name, more.columns());
                match new_rows(&session, &table.name, more, &becomes, &range).await? {
                    Ok(rows) => inserts = rows,
                    Err(why) => {
                        let name = table.name.display();
                        notes.push(format!("the load inserts no rows into \"{name}\": {why}"));
                    }
                }
            }
            targets.push(target(table, &version, &keys, key, inserts));
            range = range.end() + 1..=range.end() + NEW as u64;
        }
    }
    session.close().await;
    notes.dedup();
    Ok((targets, notes))
}

/// What of the table the load leaves out because the file is marked to take it away.
fn on_its_way_out(table: &Table, text: &str) -> Option<String> {
    let gone = unused::columns_of(text, &table.name);
    let here = gone.iter().filter(|name| table.column(name).is_some());
    let names: Vec<String> = here.map(|name| format!("\"{name}\"")).collect();
    let what = match (unused::names_table(text, &table.name), names.is_empty()) {
        (true, _) => format!("\"{}\"", table.name.display()),
        (false, false) => format!("{} of \"{}\"", names.join(", "), table.name.display()),
        (false, true) => return None,
    };
    Some(format!(
        "the load no longer names {what}, which a migration takes away: before it runs that, `pgsteward migrate deploy` looks \
         who still does"
    ))
}

/// Keys of some rows, each as a condition.
async fn keys(session: &LabSession, table: &Table, key: &[String]) -> Result<Vec<String>, MigrateError> {
    if key.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT {} FROM {} LIMIT {KEYS}", key.join(", "), quote_qualified(&table.name));
    let rows =
        session.rows(&sql).await.map_err(|error| MigrateError::server("read keys of the twin", &error))?;
    Ok(rows.iter().filter_map(|row| condition(key, row)).collect())
}

fn condition(key: &[String], values: &[Option<String>]) -> Option<String> {
    let parts: Option<Vec<String>> = key
        .iter()
        .zip(values)
        .map(|(column, value)| Some(format!("{column} = {}", quote_literal(value.as_ref()?))))
        .collect();
    parts.map(|parts| parts.join(" AND ")).filter(|condition| !condition.is_empty())
}

/// A statement for each of the new rows, or why the server does not take them as things are: one that it refuses later is then
/// refused for the migration's sake. Values are literals without a type, as they come from applications.
async fn new_rows(
    session: &LabSession,
    table: &QName,
    more: &MoreRows,
    becomes: &BTreeMap<String, String>,
    range: &RangeInclusive<u64>,
) -> Result<Result<Vec<String>, String>, MigrateError> {
    if becomes.is_empty() {
        return Ok(Err("none of its columns was there when the rows were made".to_owned()));
    }
    let gone = |error: &ServerError| error.sqlstate.starts_with("08");
    let failed = |error: &ServerError| MigrateError::server("try new rows", error);
    let rows = match session.rows(&more.values(*range.start(), *range.end())).await {
        Ok(rows) => rows,
        Err(error) if gone(&error) => return Err(failed(&error)),
        Err(error) => return Ok(Err(words(&error))),
    };
    let insert = |row: &Vec<Option<String>>| {
        let written = more.columns().zip(row).filter_map(|(name, value)| Some((becomes.get(name)?, value)));
        let (names, values): (Vec<String>, Vec<String>) = written
            .map(|(name, value)| {
                let value = value.as_deref().map_or_else(|| "NULL".to_owned(), quote_literal);
                (quote_ident(name), value)
            })
            .unzip();
        format!(
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})",
            quote_qualified(table),
            names.join(", "),
            values.join(", ")
        )
    };
    let inserts: Vec<String> = rows.iter().map(insert).collect();
    session.simple("BEGIN").await.map_err(|error| failed(&error))?;
    let taken = session.simple(&format!("{}; SET CONSTRAINTS ALL IMMEDIATE", inserts.join("; "))).await;
    session.simple("ROLLBACK").await.map_err(|error| failed(&error))?;
    match taken {
        Err(error) if gone(&error) => Err(failed(&error)),
        other => Ok(other.map(|_| inserts).map_err(|error| words(&error))),
    }
}

fn target(
    table: &Table,
    version: &Version,
    keys: &[String],
    key: Vec<String>,
    mut inserts: Vec<String>,
) -> Target {
    if !key.is_empty() {
        inserts.iter_mut().for_each(|insert| insert.push_str(&format!(" RETURNING {}", key.join(", "))));
    }
    let name = quote_qualified(&table.name);
    let columns: Vec<String> = version.columns.iter().map(|column| quote_ident(&column.name)).collect();
    let columns = columns.join(", ");
    let (reads, writes_are, writes) = match (keys.is_empty(), changeable(version)) {
        (true, _) => (
            vec![format!("SELECT {columns} FROM {name} LIMIT 1")],
            "DELETE",
            // It takes the lock of a writer and finds nothing to do.
            vec![format!("DELETE FROM {name} WHERE false")],
        ),
        (false, Some(column)) => (
            keys.iter().map(|key| format!("SELECT {columns} FROM {name} WHERE {key}")).collect(),
            "UPDATE",
            keys.iter().map(|key| format!("UPDATE {name} SET {column} = {column} WHERE {key}")).collect(),
        ),
        (false, None) => (
            keys.iter().map(|key| format!("SELECT {columns} FROM {name} WHERE {key}")).collect(),
            "SELECT FOR UPDATE",
            keys.iter().map(|key| format!("SELECT {columns} FROM {name} WHERE {key} FOR UPDATE")).collect(),
        ),
    };
    Target { relation: table.name.display().into(), quoted: name, reads, writes_are, writes, inserts, key }
}

/// A column that may be set to what it is: of the key where that is possible, because migrations rarely change it.
fn changeable(version: &Version) -> Option<String> {
    let free = version
        .columns
        .iter()
        .filter(|column| column.generated.is_none() && column.identity != Some(Identity::Always));
    free.min_by_key(|column| !version.key.contains(&column.name)).map(|column| quote_ident(&column.name))
}
