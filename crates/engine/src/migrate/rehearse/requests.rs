//! What an application asks of one table, as text: rows by their key with every column named, as Prisma Client names
//! them; changes of rows; new rows, and the end of those. It sends nothing but what it must know: keys that are
//! there, and whether the server takes the new rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use pgsteward_lab::{Database, MoreRows};
use pgsteward_model::catalog::{Catalog, Identity, QName, Table, TableKind};
use pgsteward_pg::LabSession;
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};

use crate::migrate::MigrateError;
use crate::migrate::error::words;

/// Keys of a table that requests ask for.
const KEYS: usize = 200;
/// New rows of a table that may be there at the same time.
pub(super) const NEW: usize = 60;

/// What the sessions ask of one table.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) relation: Arc<str>,
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
        Some(format!("DELETE FROM {} WHERE {condition}", self.quoted()))
    }

    fn quoted(&self) -> String {
        match self.relation.split_once('.') {
            Some((namespace, name)) => quote_qualified(&QName::new(namespace, name)),
            None => quote_qualified(&QName::public(&*self.relation)),
        }
    }
}

/// What is asked of these tables, and why there are tables that get no new rows.
pub(super) async fn targets(
    database: &Database,
    catalog: &Catalog,
    tables: &[QName],
    more: &BTreeMap<QName, MoreRows>,
) -> Result<(Vec<Target>, Vec<String>), MigrateError> {
    let session = database.session().await.map_err(|error| super::of_lab(&error))?;
    let mut targets = Vec::new();
    let mut notes = Vec::new();
    for table in tables.iter().filter_map(|name| catalog.table(name)) {
        if matches!(table.kind, TableKind::Foreign) {
            continue;
        }
        let key = match table.primary_key() {
            Some((_, columns)) => columns.iter().map(|column| quote_ident(column)).collect(),
            None => Vec::new(),
        };
        let keys = keys(&session, table, &key).await?;
        let inserts = match more.get(&table.name) {
            Some(more) => match taken(&session, more).await? {
                Ok(()) => inserts(more, &key),
                Err(why) => {
                    notes.push(format!("the load inserts no rows into \"{}\": {why}", table.name.display()));
                    Vec::new()
                }
            },
            None => Vec::new(),
        };
        targets.push(target(table, &keys, key, inserts));
    }
    session.close().await;
    Ok((targets, notes))
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

/// Whether the server takes the new rows as things are: one that it refuses later is then refused for the migration's
/// sake.
async fn taken(session: &LabSession, more: &MoreRows) -> Result<Result<(), String>, MigrateError> {
    let ask = async |sql: &str| {
        session.simple(sql).await.map_err(|error| MigrateError::server("try new rows", &error))
    };
    ask("BEGIN").await?;
    let all = format!("{}; SET CONSTRAINTS ALL IMMEDIATE", more.insert(1, NEW as u64));
    let taken = session.simple(&all).await;
    ask("ROLLBACK").await?;
    match taken {
        Err(error) if error.sqlstate.starts_with("08") => Err(MigrateError::server("try new rows", &error)),
        other => Ok(other.map_err(|error| words(&error))),
    }
}

fn inserts(more: &MoreRows, key: &[String]) -> Vec<String> {
    let returning = if key.is_empty() { String::new() } else { format!(" RETURNING {}", key.join(", ")) };
    (1..=NEW as u64).map(|number| format!("{}{returning}", more.insert(number, number))).collect()
}

fn target(table: &Table, keys: &[String], key: Vec<String>, inserts: Vec<String>) -> Target {
    let name = quote_qualified(&table.name);
    let columns: Vec<String> = table.columns.iter().map(|column| quote_ident(&column.name)).collect();
    let columns = columns.join(", ");
    let (reads, writes_are, writes) = match (keys.is_empty(), changeable(table)) {
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
    Target { relation: table.name.display().into(), reads, writes_are, writes, inserts, key }
}

/// A column that may be set to what it is: of the key where that is possible, because migrations rarely change it.
fn changeable(table: &Table) -> Option<String> {
    let of_key = table.primary_key().map(|(_, columns)| columns.to_vec()).unwrap_or_default();
    let free = table
        .columns
        .iter()
        .filter(|column| column.generated.is_none() && column.identity != Some(Identity::Always));
    free.min_by_key(|column| !of_key.contains(&column.name)).map(|column| quote_ident(&column.name))
}
