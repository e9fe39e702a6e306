//! `facts export` and what reads its file: schema, settings and statistics of a database as JSON. It writes no password and
//! no setting but those that decide what work costs; values of rows only on request, and none of columns that look personal.

use std::collections::BTreeMap;
use std::path::Path;

use pgsteward_model::catalog::{Catalog, ColumnStatistics, QName, Table, TableStatistics};
use pgsteward_model::exported::{
    ExportedColumn, ExportedFacts, ExportedMigration, ExportedTable, FACTS_FORMAT, FACTS_VERSION,
};
use pgsteward_pg::history::{HistoryRow, HistoryTable};
use pgsteward_pg::{CatalogOptions, ReadError, ReadSession};
use pgsteward_sql::ddl;

use crate::migrate::connection::{Connection, Use, resolve};
use crate::migrate::project::{MigrateProject, ProjectOptions};
use crate::migrate::{MigrateError, server};
use crate::{Progress, VERSION, personal};

/// Settings that decide what work costs.
pub const SETTINGS: [&str; 7] = [
    "shared_buffers",
    "maintenance_work_mem",
    "work_mem",
    "max_parallel_maintenance_workers",
    "max_parallel_workers",
    "max_parallel_workers_per_gather",
    "wal_compression",
];

/// Reads a database, and notes of what could not be read. With a URL no project is needed. `values` adds the most common
/// values of columns and the bounds of their histograms.
pub async fn export(
    project: &ProjectOptions,
    url: Option<&str>,
    values: bool,
    progress: &dyn Progress,
) -> Result<(ExportedFacts, Vec<String>), MigrateError> {
    let connection = match url {
        Some(url) => {
            Connection { url: pgsteward_pg::ServerUrl::parse(url)?, origin: "--url".to_owned(), note: None }
        }
        None => resolve(&MigrateProject::find(project)?, None, Use::Read)?,
    };
    progress.phase("read schema and statistics of the database");
    let session = ReadSession::connect(&connection.url).await?;
    let read = read(&session, &connection, values).await;
    session.close().await;
    read
}

async fn read(
    session: &ReadSession,
    connection: &Connection,
    values: bool,
) -> Result<(ExportedFacts, Vec<String>), MigrateError> {
    let options = CatalogOptions { statistics: true, values, ..CatalogOptions::default() };
    let (catalog, gaps) = session.catalog(&options).await?;
    let (cluster, _) = session.cluster().await?;
    let mut notes: Vec<String> = gaps.iter().map(|gap| gap.why.clone()).collect();
    let mut histories = BTreeMap::new();
    let namespace = connection.namespace();
    for table in [HistoryTable::prisma(namespace), HistoryTable::plain(namespace)] {
        match session.history(&table).await {
            Ok(Some(rows)) => {
                histories.insert(table.name.to_owned(), rows.into_iter().map(exported).collect());
            }
            Ok(None) => {}
            // The rest is worth having without it.
            Err(error @ ReadError::Denied { .. }) => notes.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    let name = server::database_name(connection, session.version());
    let settings = cluster.settings.into_iter().filter(|(name, _)| SETTINGS.contains(&name.as_str()));
    let facts = ExportedFacts {
        format: FACTS_FORMAT.to_owned(),
        version: FACTS_VERSION,
        written_by: VERSION.to_owned(),
        server_version_num: session.version().0,
        database: name.name,
        place: name.place,
        settings: settings.map(|(name, setting)| (name, setting.value)).collect(),
        schema: ddl::create(&catalog),
        roles: ddl::roles(&catalog).into_iter().map(str::to_owned).collect(),
        left_out: ddl::left_out(&catalog),
        tables: catalog.tables.values().filter_map(|table| of_table(table)).collect(),
        histories,
    };
    Ok((facts, notes))
}

fn exported(row: HistoryRow) -> ExportedMigration {
    ExportedMigration {
        name: row.name,
        checksum: row.checksum,
        started_at: row.started_at,
        finished_at: row.finished_at,
        rolled_back_at: row.rolled_back_at,
    }
}

fn of_table(table: &Table) -> Option<ExportedTable> {
    let statistics = table.statistics.as_ref()?;
    let column = |column: &pgsteward_model::catalog::Column| {
        let statistics = column.statistics.as_ref()?;
        let shown = !personal::looks_personal(table, column);
        let of_rows = |values: &[String]| if shown { values.to_vec() } else { Vec::new() };
        Some(ExportedColumn {
            name: column.name.clone(),
            null_fraction: statistics.null_fraction,
            distinct: statistics.distinct,
            width: statistics.width,
            top_frequency: statistics.top_frequency,
            frequencies: statistics.frequencies.clone(),
            common_values: of_rows(&statistics.common_values),
            bounds: of_rows(&statistics.bounds),
        })
    };
    Some(ExportedTable {
        namespace: table.name.namespace.clone(),
        name: table.name.name.clone(),
        rows: statistics.rows,
        bytes: statistics.bytes,
        total_bytes: statistics.total_bytes,
        columns: table.columns.iter().filter_map(column).collect(),
    })
}

/// The text of the file.
pub fn to_json(facts: &ExportedFacts) -> Result<String, MigrateError> {
    serde_json::to_string_pretty(facts)
        .map_err(|error| MigrateError::new(format!("cannot write the facts as JSON: {error}")))
}

/// Reads a file that [`export`] made.
pub fn read_file(path: &Path) -> Result<ExportedFacts, MigrateError> {
    let shown = path.display();
    let again = "write it with `pgsteward facts export --url URL --output FILE`";
    let text = std::fs::read_to_string(path)
        .map_err(|error| MigrateError::new(format!("cannot read \"{shown}\": {error}")).with_hint(again))?;
    let none = |why: String| {
        Err(MigrateError::new(format!("\"{shown}\" is no file of facts{why}")).with_hint(again))
    };
    // The head first: the rest of a later version may have another shape.
    match serde_json::from_str::<Head>(&text) {
        Err(error) => return none(format!(": {error}")),
        Ok(head) if head.format != FACTS_FORMAT => return none(String::new()),
        Ok(head) if head.version > FACTS_VERSION => {
            let version = head.version;
            return Err(MigrateError::new(format!(
                "\"{shown}\" has version {version} of the format, and this pgsteward reads up to {FACTS_VERSION}"
            ))
            .with_hint(format!("use pgsteward {} or later", head.written_by)));
        }
        Ok(_) => {}
    }
    serde_json::from_str(&text).or_else(|error| none(format!(": {error}")))
}

/// What every version of the format begins with.
#[derive(serde::Deserialize)]
struct Head {
    format: String,
    version: u32,
    #[serde(default)]
    written_by: String,
}

/// Rows of a history table as the database would give them.
pub fn history(facts: &ExportedFacts, table: &str) -> Option<Vec<HistoryRow>> {
    let row = |one: &ExportedMigration| HistoryRow {
        id: one.name.clone(),
        checksum: one.checksum.clone(),
        finished_at: one.finished_at.clone(),
        name: one.name.clone(),
        logs: None,
        rolled_back_at: one.rolled_back_at.clone(),
        started_at: one.started_at.clone(),
        applied_steps_count: 1,
    };
    Some(facts.histories.get(table)?.iter().map(row).collect())
}

/// Gives a catalog of the same schema the statistics of the file.
pub fn put_statistics(facts: &ExportedFacts, catalog: &mut Catalog) {
    for one in &facts.tables {
        let name = QName::new(one.namespace.clone(), one.name.clone());
        let Some(table) = catalog.table_mut(&name) else { continue };
        table.statistics = Some(TableStatistics {
            rows: one.rows,
            bytes: one.bytes,
            total_bytes: one.total_bytes,
            ..TableStatistics::default()
        });
        for of_column in &one.columns {
            let Some(column) = table.column_mut(&of_column.name) else { continue };
            column.statistics = Some(Box::new(ColumnStatistics {
                null_fraction: of_column.null_fraction,
                distinct: of_column.distinct,
                width: of_column.width,
                top_frequency: of_column.top_frequency,
                frequencies: of_column.frequencies.clone(),
                common_values: of_column.common_values.clone(),
                bounds: of_column.bounds.clone(),
            }));
        }
    }
}
