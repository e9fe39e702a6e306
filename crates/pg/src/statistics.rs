//! Sizes, counters and column statistics, filled into a catalog that was read before. What is missing is a
//! gap; nothing here makes the catalog fail.

use std::collections::HashMap;
use std::sync::Arc;

use pgsteward_model::catalog::{
    Catalog, ColumnStatistics, IndexStatistics, QName, Table, TableKind, TableStatistics,
};
use pgsteward_model::facts::{Gap, Need};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use crate::error::server_error;
use crate::grants::{grant_hint, identifier};
use crate::introspect::{Names, for_version, in_transaction};

const TABLE_SQL: &str = include_str!("statistics/table.sql");
const INDEX_SQL: &str = include_str!("statistics/index.sql");
const COLUMN_SQL: &str = include_str!("statistics/column.sql");
const AGE_SQL: &str = include_str!("statistics/age.sql");

/// Fills in the statistics of tables, indexes and columns. `wanted` limits them to some relations; `values` asks for common
/// values too, which are data.
pub(crate) async fn fill(
    client: &Client,
    catalog: &mut Catalog,
    names: &Names,
    wanted: &Option<Vec<u32>>,
    values: bool,
) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut rows = read(client, catalog, wanted, true, values).await;
    if rows.as_ref().is_err_and(|error| error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)) {
        gaps.push(
            Gap::new(
                "sizes",
                "A table is locked exclusively, so sizes are those of the last VACUUM or ANALYZE.",
                "run again when the migration or maintenance command that holds the lock is done",
            )
            .for_needs(&[Need::Statistics]),
        );
        rows = read(client, catalog, wanted, false, values).await;
    }
    match rows.and_then(|rows| apply(catalog, names, &rows)) {
        Ok(hidden) => gaps.extend(hidden),
        Err(error) => {
            let error = server_error(&error);
            let why = format!(
                "The server refuses to show statistics: {} (SQLSTATE {}).",
                error.message, error.sqlstate
            );
            let hint =
                "run GRANT pg_monitor TO the role of the connection, or connect as the owner of the database";
            gaps.push(Gap::new(Need::Statistics.word(), why, hint).for_needs(&[Need::Statistics]));
        }
    }
    gaps
}

async fn read(
    client: &Client,
    catalog: &Catalog,
    wanted: &Option<Vec<u32>>,
    measured: bool,
    values: bool,
) -> Result<Vec<Vec<Row>>, Error> {
    let major = catalog.version.major();
    let texts = [TABLE_SQL, INDEX_SQL, COLUMN_SQL, AGE_SQL].map(|sql| for_version(sql, major));
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(wanted, Type::OID_ARRAY), (&measured, Type::BOOL), (&values, Type::BOOL)];
    in_transaction(client, &texts, &parameters).await
}

/// Returns gaps for the tables whose column statistics the role may not see.
fn apply(catalog: &mut Catalog, names: &Names, rows: &[Vec<Row>]) -> Result<Vec<Gap>, Error> {
    let [tables, indexes, columns, age] = rows else { return Ok(Vec::new()) };
    let mut columns = column_statistics(columns)?;
    let mut scans = index_statistics(indexes)?;
    let (mut unreadable, mut guarded, mut role) = (Vec::new(), Vec::new(), String::new());
    for row in tables {
        let oid: u32 = row.try_get(0)?;
        let Some(relation) = names.relations.get(&oid) else { continue };
        let Some(table) = catalog.tables.get_mut(&relation.name).map(Arc::make_mut) else { continue };
        table.statistics = Some(TableStatistics {
            rows: row.try_get(1)?,
            bytes: count(row, 2)?,
            total_bytes: count(row, 3)?,
            sequential_scans: count(row, 4)?,
            index_scans: count(row, 5)?,
            inserts: count(row, 6)?,
            updates: count(row, 7)?,
            deletes: count(row, 8)?,
        });
        let mut of_table = scans.remove(&oid).unwrap_or_default();
        for index in &mut table.indexes {
            index.statistics = of_table.remove(&index.name);
        }
        fill_columns(table, &mut columns);
        let (readable, row_security): (bool, bool) = (row.try_get(9)?, row.try_get(10)?);
        role = row.try_get(11)?;
        if !readable {
            unreadable.push(relation.name.clone());
        } else if row_security {
            guarded.push(relation.name.clone());
        }
    }
    for view in catalog.views.values_mut().filter(|view| view.materialized) {
        let oid =
            names.relations.iter().find(|(_, relation)| relation.name == view.name).map(|(oid, _)| *oid);
        let mut of_view = oid.and_then(|oid| scans.remove(&oid)).unwrap_or_default();
        for index in &mut view.indexes {
            index.statistics = of_view.remove(&index.name);
        }
    }
    if let Some(row) = age.first() {
        catalog.statistics_age_seconds = row.try_get(0)?;
    }
    Ok(hidden_statistics(unreadable, guarded, &role))
}

fn hidden_statistics(mut unreadable: Vec<QName>, mut guarded: Vec<QName>, role: &str) -> Vec<Gap> {
    let mut gaps = Vec::new();
    unreadable.sort();
    guarded.sort();
    let tables = |names: &[QName]| match names {
        [only] => format!("the table \"{}\"", only.display()),
        many => format!("{} tables", many.len()),
    };
    if !unreadable.is_empty() {
        let why = format!(
            "The role \"{role}\" may not read {}, so column statistics (NULLs, distinct values) are hidden from it.",
            tables(&unreadable)
        );
        gaps.push(
            Gap::new("column statistics", why, grant_hint("TABLE", &unreadable, role))
                .for_needs(&[Need::Statistics]),
        );
    }
    if !guarded.is_empty() {
        let why = format!(
            "Row security applies to the role \"{role}\" on {}, and so their column statistics are hidden from it.",
            tables(&guarded)
        );
        let hint =
            format!("run ALTER ROLE {} BYPASSRLS; or connect as the owner of the tables", identifier(role));
        gaps.push(Gap::new("column statistics", why, hint).for_needs(&[Need::Statistics]));
    }
    gaps
}

/// A counter or size; NULL for a relation that is gone or keeps none.
fn count(row: &Row, position: usize) -> Result<u64, Error> {
    Ok(row.try_get::<_, Option<i64>>(position)?.unwrap_or_default().try_into().unwrap_or_default())
}

/// By table id and index name.
fn index_statistics(rows: &[Row]) -> Result<HashMap<u32, HashMap<String, IndexStatistics>>, Error> {
    let mut found: HashMap<u32, HashMap<String, IndexStatistics>> = HashMap::new();
    for row in rows {
        let statistics = IndexStatistics { scans: count(row, 2)?, bytes: count(row, 3)? };
        found.entry(row.try_get(0)?).or_default().insert(row.try_get(1)?, statistics);
    }
    Ok(found)
}

/// Namespace, table, column, and whether children are included.
type ColumnKey = (String, String, String, bool);

fn column_statistics(rows: &[Row]) -> Result<HashMap<ColumnKey, ColumnStatistics>, Error> {
    rows.iter()
        .map(|row| {
            let key = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
            let statistics = ColumnStatistics {
                null_fraction: row.try_get(4)?,
                distinct: row.try_get(5)?,
                width: row.try_get(6)?,
                top_frequency: row.try_get(7)?,
                frequencies: row.try_get::<_, Option<_>>(8)?.unwrap_or_default(),
                common_values: row.try_get::<_, Option<_>>(9)?.unwrap_or_default(),
                bounds: row.try_get::<_, Option<_>>(10)?.unwrap_or_default(),
            };
            Ok((key, statistics))
        })
        .collect()
}

/// A partitioned table has no rows but its partitions'; any other table is described by its own.
fn fill_columns(table: &mut Table, known: &mut HashMap<ColumnKey, ColumnStatistics>) {
    let inherited = table.kind == TableKind::Partitioned;
    let name = &table.name;
    for column in &mut table.columns {
        let key = (name.namespace.clone(), name.name.clone(), column.name.clone(), inherited);
        column.statistics = known.remove(&key).map(Box::new);
    }
}
