//! What a history makes of an empty database: its schema, the rows it leaves, where its sequences stand, and how many
//! objects of every kind there are, also of those that no catalog of ours holds.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use pgsteward_lab::Database;
use pgsteward_model::catalog::{QName, Table, TableKind};
use pgsteward_model::catalog_compare::{ColumnOrder, differences};
use pgsteward_pg::LabSession;
use pgsteward_sql::{quote_ident, quote_qualified};

use crate::migrate::rollback::state::{self, State};

/// Tables that are asked together.
const TOGETHER: usize = 16;
/// More rows of one table are data, and no part of a schema.
pub(super) const MOST_ROWS: usize = 2000;

pub(super) type Row = Vec<Option<String>>;

pub(super) struct Made {
    pub(super) state: State,
    /// Of tables and materialized views that have some: all columns but generated ones, as text, sorted.
    pub(super) rows: BTreeMap<QName, Vec<Row>>,
    /// Last value, and whether it was given out.
    pub(super) sequences: BTreeMap<QName, (String, bool)>,
    /// Catalog of the system and how many user's objects it has.
    kinds: BTreeMap<String, String>,
}

impl Made {
    pub(super) async fn read(database: &Database) -> Result<Made> {
        let state = state::read(database).await?;
        let session = database.session().await.context("connect to the lab")?;
        let read = async {
            // A policy would hide rows from their owner; now it is an error.
            session.simple("SET row_security = off").await.map_err(refused("read rows"))?;
            let rows = rows(&session, &state).await?;
            let sequences = sequences(&session, &state).await?;
            Ok::<_, anyhow::Error>((rows, sequences, kinds(&session).await?))
        };
        let read = read.await;
        session.close().await;
        let (rows, sequences, kinds) = read?;
        Ok(Made { state, rows, sequences, kinds })
    }

    /// Where the other one differs, for people. Values of the columns in `made_up` do not count.
    pub(super) fn differences(&self, other: &Made, made_up: &BTreeSet<(QName, String)>) -> Vec<String> {
        let (before, after) = (&self.state, &other.state);
        let mut found: BTreeSet<String> = differences(&before.catalog, &after.catalog, ColumnOrder::Matters)
            .iter()
            .map(ToString::to_string)
            .collect();
        found.extend(before.differences(after));
        for name in self.rows.keys().chain(other.rows.keys()) {
            if self.known_rows(name, made_up) != other.known_rows(name, made_up) {
                found.insert(format!("rows of \"{}\": not the same", name.display()));
            }
        }
        for (name, value) in &self.sequences {
            if other.sequences.get(name).is_some_and(|other| other != value) {
                found.insert(format!("sequence \"{}\": stands elsewhere", name.display()));
            }
        }
        for kind in self.kinds.keys().chain(other.kinds.keys()) {
            let count = |of: &Made| of.kinds.get(kind).cloned().unwrap_or_else(|| "0".into());
            if count(self) != count(other) {
                found.insert(format!("{kind}: {} objects, not {}", count(other), count(self)));
            }
        }
        found.into_iter().collect()
    }

    fn known_rows(&self, name: &QName, made_up: &BTreeSet<(QName, String)>) -> Vec<Row> {
        let Some(rows) = self.rows.get(name) else { return Vec::new() };
        let columns = self.state.catalog.table(name).map(columns).unwrap_or_default();
        let known = |at: usize| {
            columns.get(at).is_none_or(|column| !made_up.contains(&(name.clone(), column.clone())))
        };
        let mut rows: Vec<Row> = rows
            .iter()
            .map(|row| {
                row.iter().enumerate().filter(|(at, _)| known(*at)).map(|(_, value)| value.clone()).collect()
            })
            .collect();
        rows.sort();
        rows
    }

    /// Columns whose values are others when the same history runs again: times, random numbers.
    pub(super) fn volatile(&self, again: &Made) -> BTreeSet<(QName, String)> {
        let mut found = BTreeSet::new();
        for (name, rows) in &self.rows {
            let Some(table) = self.state.catalog.table(name) else { continue };
            let others = again.rows.get(name).map(Vec::as_slice).unwrap_or_default();
            for (at, column) in columns(table).into_iter().enumerate() {
                if values(rows, at) != values(others, at) {
                    found.insert((name.clone(), column));
                }
            }
        }
        found
    }
}

/// Columns that an INSERT writes.
pub(super) fn columns(table: &Table) -> Vec<String> {
    let written = table.columns.iter().filter(|column| column.generated.is_none());
    written.map(|column| column.name.clone()).collect()
}

fn values(rows: &[Row], at: usize) -> Vec<&Option<String>> {
    let mut values: Vec<&Option<String>> = rows.iter().filter_map(|row| row.get(at)).collect();
    values.sort();
    values
}

fn refused(doing: &str) -> impl Fn(pgsteward_model::migration::ServerError) -> anyhow::Error + '_ {
    move |error| anyhow::anyhow!("{doing} in the lab: {}", error.message)
}

async fn rows(session: &LabSession, state: &State) -> Result<BTreeMap<QName, Vec<Row>>> {
    let tables = state.catalog.user_tables().filter(|table| table.kind != TableKind::Foreign);
    // A row of a partition or of a child is a row of that table.
    let tables = tables.map(|table| {
        let list: Vec<String> = columns(table).iter().map(|column| quote_ident(column)).collect();
        (table.name.clone(), format!("ONLY {}", quote_qualified(&table.name)), list.join(", "))
    });
    let views = state.catalog.views.values().filter(|view| view.materialized);
    let views = views.map(|view| (view.name.clone(), quote_qualified(&view.name), "*".to_owned()));
    let all: Vec<(QName, String, String)> = tables.chain(views).collect();
    let mut found = BTreeMap::new();
    for some in all.chunks(TOGETHER) {
        let texts: Vec<String> = some
            .iter()
            .map(|(_, from, columns)| format!("SELECT {columns} FROM {from} LIMIT {}", MOST_ROWS + 1))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        for ((name, ..), answer) in some.iter().zip(session.rows_of_each(&texts).await) {
            let mut rows = match answer {
                Ok(rows) => rows,
                // A view that was made WITH NO DATA has none to show.
                Err(error) if error.sqlstate == "55000" => continue,
                Err(error) => bail!("read the rows of \"{}\" in the lab: {}", name.display(), error.message),
            };
            rows.sort();
            if !rows.is_empty() {
                found.insert(name.clone(), rows);
            }
        }
    }
    Ok(found)
}

async fn sequences(session: &LabSession, state: &State) -> Result<BTreeMap<QName, (String, bool)>> {
    let names: Vec<&QName> = state.catalog.sequences.keys().collect();
    let mut found = BTreeMap::new();
    for some in names.chunks(TOGETHER) {
        let texts: Vec<String> = some
            .iter()
            .map(|name| format!("SELECT last_value, is_called FROM {}", quote_qualified(name)))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        for (name, answer) in some.iter().zip(session.rows_of_each(&texts).await) {
            let rows = answer.map_err(refused("read a sequence"))?;
            if let Some([Some(value), Some(called)]) = rows.first().map(Vec::as_slice) {
                found.insert((*name).clone(), (value.clone(), called == "t"));
            }
        }
    }
    Ok(found)
}

/// How many objects of the user's each catalog of the system holds. Source: pg_class; ids of users' objects begin at
/// FirstNormalObjectId. TOAST tables come and go with widths of columns that may be gone, and
/// schemas of temporary tables stay when those are gone.
async fn kinds(session: &LabSession) -> Result<BTreeMap<String, String>> {
    let sql = "SELECT c.relname FROM pg_catalog.pg_class c \
               JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'oid' \
               WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND c.relkind = 'r' AND NOT c.relisshared \
               AND pg_catalog.has_table_privilege(c.oid, 'SELECT') ORDER BY 1";
    let catalogs = session.rows(sql).await.map_err(refused("list the catalogs"))?;
    let names: Vec<String> =
        catalogs.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
    let each = names.iter().map(|name| {
        let except = match name.as_str() {
            "pg_class" => " AND relnamespace <> 'pg_toast'::pg_catalog.regnamespace",
            "pg_namespace" => " AND nspname !~ '^pg_'",
            _ => "",
        };
        format!("SELECT '{name}', pg_catalog.count(*) FROM pg_catalog.{name} WHERE oid >= 16384{except}",)
    });
    let sql = each.collect::<Vec<_>>().join(" UNION ALL ");
    let rows = session.rows(&sql).await.map_err(refused("count objects"))?;
    let pair = |row: Row| match row.as_slice() {
        [Some(name), Some(count)] if count != "0" => Some((name.clone(), count.clone())),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(pair).collect())
}
