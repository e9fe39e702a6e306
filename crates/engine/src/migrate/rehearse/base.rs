//! The databases that a rehearsal runs on: one with production's schema before the migrations, and two clones of it
//! with rows, the smaller a tenth of the larger.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pgsteward_lab::{DataOptions, Database, Lab, MoreRows, ReplayOptions};
use pgsteward_model::catalog::{Catalog, QName, Table};
use pgsteward_model::exported::ExportedFacts;
use pgsteward_model::migration::{History, Layout, MigrationFile, Regime};
use pgsteward_model::source::{SourceFile, Sources};
use pgsteward_pg::CatalogOptions;
use pgsteward_sql::Births;

use super::assemble::{Rows, whole};
use super::of_lab;
use super::pass::Ready;
use super::promise::promise;
use crate::collect::introspect;
use crate::collect::twin;
use crate::facts_export;
use crate::migrate::MigrateError;
use crate::migrate::project::MigrationFolder;

/// Fewest rows of a touched table, where production has them: below, a clock tells nothing.
const LEAST_ROWS: f64 = 2_000.0;
/// Most rows of a touched table.
const MOST_ROWS: f64 = 400_000.0;
/// Of a touched table whose size nobody knows.
const UNKNOWN_ROWS: f64 = 20_000.0;
/// Rows of all tables together that no migration touches.
const AROUND: u64 = 2_000;
/// How much smaller the smaller twin is.
const SMALLER: f64 = 10.0;
/// Making the rows of one twin takes no more than this.
const LIMIT: Duration = Duration::from_secs(120);

/// A database with rows.
pub(super) struct Twin {
    pub(super) database: Database,
    /// Rows of every table, as ANALYZE left them.
    pub(super) rows: Rows,
    /// What makes more rows.
    pub(super) more: BTreeMap<QName, MoreRows>,
}

/// The schema of a catalog in a new database, with what it lacks as a note.
pub(super) async fn of_catalog(
    lab: &Lab,
    catalog: &Catalog,
    notes: &mut Vec<String>,
) -> Result<Database, MigrateError> {
    let mut gaps = Vec::new();
    let built =
        twin(lab, catalog, &mut gaps).await.map_err(|error| MigrateError::new(format!("{error:#}")))?;
    notes.extend(gaps.iter().map(|gap| gap.why.clone()));
    built.map(|made| made.database).ok_or_else(|| {
        let why = gaps.first().map_or_else(String::new, |gap| gap.why.clone());
        MigrateError::new(format!("the schema could not be built in the lab: {why}"))
    })
}

/// The schema of a file of facts, and its catalog with the file's statistics.
pub(super) async fn of_facts(
    lab: &Lab,
    facts: &ExportedFacts,
    notes: &mut Vec<String>,
) -> Result<(Database, Catalog), MigrateError> {
    let database = lab.create_database().await.map_err(|error| of_lab(&error))?;
    let built = pgsteward_lab::build_statements(lab, &database, &facts.schema, &facts.roles)
        .await
        .map_err(|error| of_lab(&error))?;
    notes.extend(built.skipped.iter().map(|(what, why)| format!("the twin lacks {what}: {why}")));
    let mut catalog = introspect(&database).await.map_err(|error| MigrateError::new(format!("{error:#}")))?;
    facts_export::put_statistics(facts, &mut catalog);
    Ok((database, catalog))
}

/// The schema that a history of files leaves, behind what every replay begins with.
pub(super) async fn of_history(
    lab: &Lab,
    init: Option<&str>,
    folders: &[&MigrationFolder],
) -> Result<Database, MigrateError> {
    let (mut catalog, mut births) = (Catalog::empty(lab.version()), Births::default());
    let mut sources = Sources::default();
    let mut files = Vec::new();
    let scripts = folders.iter().map(|folder| (folder.name.as_str(), folder.script()));
    for (name, script) in init.map(|text| ("initShadowDb", text)).into_iter().chain(scripts) {
        births.start_deploy();
        let analyzed = pgsteward_sql::analyze_file(script, &mut catalog, &mut births, Regime::OneMessage);
        let refuses = |one: &pgsteward_model::migration::MigrationStatement| one.effect.needs_no_transaction;
        let alone = analyzed.statements.iter().any(refuses);
        let source = sources.add(SourceFile::new(name, script));
        let file = MigrationFile {
            name: name.to_owned(),
            path: source.path.clone(),
            down: None,
            judged: false,
            statements: analyzed.statements,
            errors: analyzed.errors,
            checksum: String::new(),
        };
        files.push((file, if alone { Regime::Psql } else { Regime::OneMessage }));
    }
    let database = lab.create_database().await.map_err(|error| of_lab(&error))?;
    let mut replay = pgsteward_model::migration::Replay::default();
    let options = ReplayOptions { trace: false, ..Default::default() };
    for (file, regime) in files {
        let history = History {
            directory: String::new(),
            layout: Layout::Prisma,
            files: vec![file],
            regime,
            judged_because: String::new(),
            replay: None,
        };
        pgsteward_lab::replay_files(lab, &database, &history, &sources, 0..1, &options, &mut replay)
            .await
            .map_err(|error| of_lab(&error))?;
        if let Some((name, failure)) = replay.failures.first_key_value() {
            let error = MigrateError::new(format!(
                "the earlier migration \"{name}\" does not run in the lab: {}",
                crate::migrate::error::words(&failure.error)
            ));
            return Err(
                error.with_hint("name a database that has it with --url, or facts of one with --facts")
            );
        }
    }
    Ok(database)
}

/// The two twins, the smaller first. `production` has the statistics.
pub(super) async fn twins(
    lab: &Lab,
    base: &Database,
    production: &Catalog,
    files: &[Ready],
    touched: &BTreeSet<String>,
    scale: f64,
    notes: &mut Vec<String>,
) -> Result<[Twin; 2], MigrateError> {
    let mut catalog = introspect(base).await.map_err(|error| MigrateError::new(format!("{error:#}")))?;
    take_statistics(&mut catalog, production);
    if promise(&mut catalog, files) {
        notes.push(
            "the twin's rows are made to meet the constraints that the migrations add: whether the rows of the database \
             do is not known"
                .to_owned(),
        );
    }
    let small = fill(lab, base, &catalog, touched, scale, SMALLER, notes).await?;
    let mut same = Vec::new();
    let large = fill(lab, base, &catalog, touched, scale, 1.0, &mut same).await?;
    Ok([small, large])
}

async fn fill(
    lab: &Lab,
    base: &Database,
    catalog: &Catalog,
    touched: &BTreeSet<String>,
    scale: f64,
    smaller: f64,
    notes: &mut Vec<String>,
) -> Result<Twin, MigrateError> {
    let database = lab.clone_database(base).await.map_err(|error| of_lab(&error))?;
    let rows = wanted(catalog, touched, scale, smaller);
    let options = DataOptions { budget: AROUND, rows, limit: LIMIT, ..DataOptions::default() };
    let filled =
        pgsteward_lab::fill(lab, &database, catalog, &options).await.map_err(|error| of_lab(&error))?;
    for (name, why) in &filled.left_out {
        if touched.contains(&name.display()) {
            notes.push(format!("the twin has no rows in \"{}\": {why}", name.display()));
        }
    }
    let session = database.session().await.map_err(|error| of_lab(&error))?;
    let read = session.catalog(&CatalogOptions { statistics: true, ..CatalogOptions::default() }).await;
    session.close().await;
    let (counted, _) = read?;
    Ok(Twin { database, rows: rows_of(&counted), more: filled.more })
}

/// Rows by table, where they are known.
pub(super) fn rows_of(catalog: &Catalog) -> Rows {
    let of = |table: &Table| Some((table.name.display(), table.statistics.as_ref()?.rows?));
    catalog.user_tables().filter_map(of).collect()
}

/// Rows in the twin of a table that has so many in production.
pub(super) fn twin_rows(rows: f64, scale: f64) -> f64 {
    (rows * scale).max(LEAST_ROWS.min(rows)).min(MOST_ROWS)
}

/// How many rows each touched table gets, and each table that a touched one refers to: a key needs its parent, and
/// a unique key a parent of its own.
fn wanted(catalog: &Catalog, touched: &BTreeSet<String>, scale: f64, smaller: f64) -> BTreeMap<QName, u64> {
    let known = |table: &Table| table.statistics.as_ref().and_then(|statistics| statistics.rows);
    let count = |table: &Table| -> u64 {
        let rows = match known(table) {
            Some(rows) => twin_rows(rows, scale),
            None => UNKNOWN_ROWS,
        };
        whole((rows / smaller).max(1.0))
    };
    let mut all: BTreeMap<QName, u64> = BTreeMap::new();
    let mut open: Vec<&Table> =
        catalog.user_tables().filter(|table| touched.contains(&table.name.display())).collect();
    for table in &open {
        all.insert(table.name.clone(), count(table));
    }
    while let Some(table) = open.pop() {
        for (_, key) in table.foreign_keys() {
            let Some(parent) = catalog.table(&key.references) else { continue };
            if !all.contains_key(&parent.name) {
                all.insert(parent.name.clone(), count(parent));
                open.push(parent);
            }
        }
    }
    all
}

/// Sizes and distributions of production.
fn take_statistics(catalog: &mut Catalog, production: &Catalog) {
    for known in production.tables.values().filter(|table| table.statistics.is_some()) {
        let Some(table) = catalog.table_mut(&known.name) else { continue };
        table.statistics.clone_from(&known.statistics);
        for column in &mut table.columns {
            column.statistics = known.column(&column.name).and_then(|known| known.statistics.clone());
        }
    }
}

/// What the lab's server takes over from production, so that work costs what it costs there: memory for sorts, and
/// how many help. WAL is written as a server with a replica or backups writes it. `share` of production's rows are in
/// the twin, and as small is its cache: what does not fit there must not fit here. So are the sizes from which on
/// workers help: an index that several build there is built by as many here.
pub(super) fn settings(of_production: &BTreeMap<String, String>, share: f64) -> Vec<(String, String)> {
    /// In pages of 8 kB: 8 MB, below which the catalogs themselves do not fit, and PostgreSQL's default.
    const CACHE: (f64, f64) = (1024.0, 16384.0);
    /// In pages, PostgreSQL's defaults.
    const PARALLEL: [(&str, f64); 2] =
        [("min_parallel_table_scan_size", 1024.0), ("min_parallel_index_scan_size", 64.0)];
    let cache = of_production.get("shared_buffers").and_then(|pages| pages.parse().ok()).unwrap_or(CACHE.1);
    let cache = whole((cache * share).clamp(CACHE.0, CACHE.1));
    let mut settings = vec![
        ("wal_level".to_owned(), "replica".to_owned()),
        ("full_page_writes".to_owned(), "on".to_owned()),
        ("shared_buffers".to_owned(), cache.to_string()),
        ("max_wal_size".to_owned(), "1GB".to_owned()),
        ("checkpoint_timeout".to_owned(), "5min".to_owned()),
    ];
    for (name, usual) in PARALLEL {
        settings.push((name.to_owned(), whole((usual * share).max(1.0)).to_string()));
    }
    for name in facts_export::SETTINGS.into_iter().filter(|name| *name != "shared_buffers") {
        if let Some(value) = of_production.get(name) {
            settings.push((name.to_owned(), bounded(name, value)));
        }
    }
    settings
}

/// Production may have more memory than this machine.
fn bounded(name: &str, value: &str) -> String {
    /// In kB, as both settings are counted.
    const MOST_KB: u64 = 1 << 20;
    match value.parse::<u64>() {
        Ok(kilobytes) if name.ends_with("work_mem") => kilobytes.min(MOST_KB).to_string(),
        _ => value.to_owned(),
    }
}

/// For the report.
pub(super) fn tables(
    touched: &BTreeSet<String>,
    production: &Rows,
    twin: &Rows,
) -> Vec<pgsteward_model::migrate::rehearsal::TwinTable> {
    let of = |name: &String| {
        let twin_rows = whole(*twin.get(name)?);
        Some(pgsteward_model::migrate::rehearsal::TwinTable {
            name: name.clone(),
            rows: production.get(name).map(|rows| whole(*rows)),
            twin_rows,
        })
    };
    touched.iter().filter_map(of).collect()
}
