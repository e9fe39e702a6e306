//! A case as a project in a folder of its own, and its facts as a check collects them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use pgsteward_engine::NoProgress;
use pgsteward_engine::collect::{
    CodeReader, Collected, Collector, LabWish, Laboratory, Live, Made, introspect,
};
use pgsteward_engine::config::Config;
use pgsteward_engine::discover::discover;
use pgsteward_engine::judge::Judged;
use pgsteward_lab::{Database, Lab};
use pgsteward_model::catalog::{Catalog, ColumnStatistics, IndexStatistics, QName, TableStatistics};
use pgsteward_model::cluster::{Cluster, ServerSetting};
use pgsteward_model::facts::{CatalogFacts, CatalogOrigin, Facts};
use pgsteward_model::project::UrlOrigin;
use pgsteward_model::version::ServerVersion;
use pgsteward_pg::AppliedMigration;
use serde_json::Value;

use super::parse::{Block, Case};

const DATASOURCE: &str = "datasource db {\n  provider = \"postgresql\"\n}\n";

/// The facts of a case, and the lab databases that hold its state.
pub async fn of_case(case: &Case, lab: &Arc<Lab>) -> Result<Collected> {
    let folder = tempfile::tempdir().context("make a folder for the case")?;
    let mut judged = BTreeSet::new();
    let mut each_alone = true;
    for block in case.blocks.iter().filter(|block| block.path().is_some()) {
        let path = block.path().unwrap_or_default();
        write(folder.path(), path, block)?;
        if path.ends_with("migration.sql") && !block.has("applied") {
            judged.extend(path.rsplit('/').nth(1).map(str::to_owned));
        }
        each_alone &= !block.has("deploy");
    }
    let has_project = case
        .blocks
        .iter()
        .filter_map(Block::path)
        .any(|path| path.ends_with(".prisma") || path.ends_with(".sql"));
    if !has_project && case.blocks.iter().any(|block| block.path().is_some()) {
        // An `.env` alone is the environment of some project.
        let path = folder.path().join("prisma/schema.prisma");
        std::fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
        std::fs::write(&path, DATASOURCE).context("write a schema for the case")?;
    }
    let setup = match case.blocks.iter().find(|block| block.is("sql", "setup")) {
        Some(block) => Some((block, set_up(block, lab).await?)),
        None => None,
    };
    // A live database beside a repository: what `check --url` sees.
    let live = match &setup {
        Some((block, made)) if block.has("live") && has_project => {
            Some(live(case, made, &judged, lab).await?)
        }
        _ => None,
    };
    let found = discover(folder.path())?;
    let config = Config::default();
    let laboratory = Laboratory::of(lab.clone(), LabWish::default());
    let code = CodeReader::new(&found, false);
    let collector = Collector {
        root: &found.root,
        config: &config,
        all_migrations: false,
        since: None,
        judged: Some(Judged { names: judged, because: "the page".into(), each_alone, gap: None }),
        live: live.as_ref(),
        url: None,
        drift: true,
        code: Some(&code),
        laboratory: &laboratory,
        progress: &NoProgress,
    };
    let mut collected = match found.projects.as_slice() {
        [] => Collected { facts: Facts::default(), database: None, twin: None, linked: None },
        [project] => collector.project(project).await?,
        _ => bail!("the case makes several projects"),
    };
    let facts = &mut collected.facts;
    // The folder is gone before anybody looks at them.
    facts.sources.read_all();
    for url in &mut facts.project.urls {
        if url.origin == UrlOrigin::LocalEnvironment {
            url.origin = UrlOrigin::CommittedEnvironment;
        }
    }
    if let Some((block, made)) = setup.filter(|_| live.is_none()) {
        let origin = if block.has("live") { CatalogOrigin::Live } else { CatalogOrigin::Replayed };
        let made = Made::read(made).await?;
        facts.catalog = Some(CatalogFacts { catalog: made.catalog.clone(), origin });
        collected.database = Some(made);
    }
    for block in &case.blocks {
        if block.is("json", "statistics") {
            let facts = facts.catalog.as_mut().context("statistics without a catalog")?;
            facts.origin = CatalogOrigin::Live;
            statistics(&mut facts.catalog, &serde_json::from_str(&block.text)?)?;
        } else if block.is("json", "cluster") {
            facts.cluster = Some(cluster(&serde_json::from_str(&block.text)?)?);
        }
    }
    Ok(collected)
}

/// A lab database with the setup's SQL run in it as its owner: in one message, or with `each` in the info
/// string every statement by itself. One that says `-- fails` must fail.
async fn set_up(block: &Block, lab: &Arc<Lab>) -> Result<Database> {
    let made = lab.create_database().await?;
    let session = made.session().await?;
    let statements: Vec<&str> =
        if block.has("each") { block.text.split_inclusive(";\n").collect() } else { vec![&block.text] };
    for statement in statements {
        let fails = statement.contains("-- fails");
        match session.simple(statement).await {
            Ok(()) if fails => {
                bail!("a statement of the setup at line {} should fail and does not: {statement}", block.line)
            }
            Err(error) if !fails => bail!("the setup at line {} fails: {}", block.line, error.message),
            _ => {}
        }
    }
    session.close().await;
    Ok(made)
}

/// The setup's database as `--url` would give it, with every migration of the case applied.
async fn live(case: &Case, made: &Database, judged: &BTreeSet<String>, lab: &Arc<Lab>) -> Result<Live> {
    let given = case.blocks.iter().find(|block| block.is("json", "cluster"));
    let cluster = match given {
        Some(block) => cluster(&serde_json::from_str(&block.text)?)?,
        None => cluster(&serde_json::json!({ "version": lab.version().to_string() }))?,
    };
    let names = case.blocks.iter().filter_map(Block::path).filter(|path| path.ends_with("migration.sql"));
    let applied = names
        .filter_map(|path| path.rsplit('/').nth(1))
        .filter(|name| !judged.contains(*name))
        .map(|name| AppliedMigration {
            name: name.to_owned(),
            checksum: String::new(),
            finished: true,
            rolled_back: false,
            logs: None,
        });
    Ok(Live {
        cluster,
        catalog: introspect(made).await?,
        database: None,
        applied: Some(applied.collect()),
        plain: None,
        gaps: Vec::new(),
    })
}

fn write(folder: &Path, path: &str, block: &Block) -> Result<()> {
    let file = folder.join(path);
    std::fs::create_dir_all(file.parent().unwrap_or(folder))?;
    let mut text = block.text.clone();
    if block.language == "prisma" && !text.contains("datasource ") {
        // At the end, so that lines keep their numbers.
        text.push_str(DATASOURCE);
    }
    std::fs::write(&file, text).with_context(|| format!("write {path}"))
}

fn name_of(text: &str) -> QName {
    let (namespace, name) = text.split_once('.').unwrap_or(("public", text));
    QName::new(namespace, name)
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or(0)
}

/// Puts the numbers of a `json statistics` block into a catalog; a name that is not there is an error.
fn statistics(catalog: &mut Catalog, given: &Value) -> Result<()> {
    if let Some(days) = given["age_days"].as_f64() {
        catalog.statistics_age_seconds = Some(days * 86_400.0);
    }
    for (name, value) in given["tables"].as_object().into_iter().flatten() {
        let table =
            catalog.table_mut(&name_of(name)).with_context(|| format!("statistics of no table {name}"))?;
        let bytes = number(value, "bytes");
        table.statistics = Some(TableStatistics {
            rows: value["rows"].as_f64(),
            bytes,
            total_bytes: value["total_bytes"].as_u64().unwrap_or(bytes),
            sequential_scans: number(value, "sequential_scans"),
            index_scans: number(value, "index_scans"),
            inserts: number(value, "inserts"),
            updates: number(value, "updates"),
            deletes: number(value, "deletes"),
        });
    }
    for (name, value) in given["indexes"].as_object().into_iter().flatten() {
        let index_name = name_of(name);
        let table = catalog
            .index(&index_name)
            .map(|(table, _)| table.name.clone())
            .with_context(|| format!("statistics of no index {name}"))?;
        let index = catalog
            .table_mut(&table)
            .and_then(|table| table.indexes.iter_mut().find(|index| index.name == index_name.name));
        index.context("the index that was just found")?.statistics =
            Some(IndexStatistics { scans: number(value, "scans"), bytes: number(value, "bytes") });
    }
    for (name, value) in given["columns"].as_object().into_iter().flatten() {
        let (table, column) =
            name.rsplit_once('.').with_context(|| format!("{name} is no schema.table.column"))?;
        let column = catalog.table_mut(&name_of(table)).and_then(|table| table.column_mut(column));
        column.with_context(|| format!("statistics of no column {name}"))?.statistics =
            Some(Box::new(ColumnStatistics {
                null_fraction: value["null_fraction"].as_f64().unwrap_or(0.0),
                distinct: value["distinct"].as_f64().unwrap_or(-1.0),
                width: i32::try_from(number(value, "width")).unwrap_or(8),
                top_frequency: value["top_frequency"].as_f64(),
                ..ColumnStatistics::default()
            }));
    }
    for (name, value) in given["sequences"].as_object().into_iter().flatten() {
        let sequence = catalog
            .sequences
            .get_mut(&name_of(name))
            .with_context(|| format!("statistics of no sequence {name}"))?;
        sequence.last_value = value["last_value"].as_i64();
    }
    Ok(())
}

fn cluster(given: &Value) -> Result<Cluster> {
    let version = given["version"].as_str().context("a cluster without a version")?;
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    let version = ServerVersion(major.parse::<u32>()? * 10_000 + minor.parse::<u32>()?);
    let settings = given["settings"].as_object().into_iter().flatten();
    Ok(Cluster {
        version,
        system_identifier: None,
        settings: settings
            .map(|(name, value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                (name.clone(), ServerSetting { value, unit: None, source: "configuration file".into() })
            })
            .collect(),
        roles: Vec::new(),
        memberships: Vec::new(),
        databases: Vec::new(),
        current_role: None,
        encrypted: given["encrypted"].as_bool(),
        in_recovery: given["in_recovery"].as_bool().unwrap_or(false),
    })
}
