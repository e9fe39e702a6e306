//! The data twin of a project: a clone of its lab database with rows in it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use pgsteward_lab::{DataOptions, Database, Filled, Lab, Workbench};
use pgsteward_model::catalog::{Catalog, ForeignKey, QName, ReferentialAction};
use pgsteward_model::facts::{Facts, Gap};
use pgsteward_model::prisma::{Model, PrismaSchema};
use pgsteward_model::version::ServerVersion;
use pgsteward_sql::quote_qualified;

use crate::collect::Made;

/// Rows of a table that is looked at: enough for an index to be worth its reading.
pub(crate) const LOOKED_AT: u64 = 3_000;
/// The same for an index of trigrams, which is dearer to read: with fewer rows the planner reads them all.
pub(crate) const SEARCHED: u64 = 6_000;
/// Rows of all other tables together, where some are looked at.
pub(crate) const AROUND: u64 = 4_000;
/// Rows of all tables together, where every one of them is asked for its plans.
pub(crate) const EVERYWHERE: u64 = 30_000;
/// Making the rows takes no more than this.
const LIMIT: Duration = Duration::from_secs(30);
/// How many tables a gap names.
const NAMED: usize = 5;

/// A filled clone with a session.
pub(crate) struct Twin {
    pub(crate) bench: Workbench,
    pub(crate) filled: Filled,
    pub(crate) version: ServerVersion,
    pub(crate) database: Database,
}

impl Twin {
    pub(crate) async fn close(self, lab: &Lab) -> Result<()> {
        self.bench.close().await;
        lab.finish_database(self.database).await.context("drop the data twin")
    }
}

/// Clones a database and fills it: `others` rows for the tables that are not looked at. Tables without rows are a gap.
pub(crate) async fn make(
    lab: &Lab,
    source: &Made,
    facts: &Facts,
    looked_at: &BTreeMap<QName, u64>,
    others: u64,
    until: Instant,
) -> Result<(Twin, Vec<Gap>)> {
    let database = lab.clone_database(&source.database).await.context("clone the lab database")?;
    let mut catalog = source.catalog.clone();
    if let Some(reviewed) = facts.catalog() {
        take_statistics(&mut catalog, reviewed);
    }
    let mut options = DataOptions { budget: others, limit: LIMIT, ..DataOptions::default() };
    for (name, wanted) in &with_only_parents(&catalog, looked_at) {
        // Statistics know better how large a table is.
        let known = catalog.table(name).and_then(|table| table.statistics.as_ref()?.rows);
        if known.is_none_or(|rows| rows > 50_000.0) {
            options.rows.insert(name.clone(), *wanted);
        }
    }
    if let Some(prisma) = &facts.prisma {
        options.references = references(prisma);
    }
    let filled =
        pgsteward_lab::fill(lab, &database, &catalog, &options).await.context("make rows in the lab")?;
    let mut gaps = Vec::new();
    let empty: Vec<&(QName, String)> =
        filled.left_out.iter().filter(|(name, _)| looked_at.contains_key(name)).collect();
    if !empty.is_empty() {
        let named: Vec<String> =
            empty.iter().take(NAMED).map(|(name, why)| format!("\"{}\" ({why})", name.display())).collect();
        let more = match empty.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        gaps.push(Gap::new(
            "generated rows",
            format!("The lab could make no rows for {}{more}.", named.join(", ")),
            "what is said of calls that read these tables rests on reading the code alone",
        ));
    }
    let left = until.saturating_duration_since(Instant::now()).max(Duration::from_secs(10));
    let bench =
        Workbench::open(lab, &database, catalog, left * 2).await.context("connect to the data twin")?;
    Ok((Twin { bench, filled, version: lab.version(), database }, gaps))
}

/// The tables, and those that bound their size: where a foreign key is unique, each row needs a parent of its own.
fn with_only_parents(catalog: &Catalog, looked_at: &BTreeMap<QName, u64>) -> BTreeMap<QName, u64> {
    let mut all = looked_at.clone();
    let mut open: Vec<(QName, u64)> = looked_at.iter().map(|(name, rows)| (name.clone(), *rows)).collect();
    while let Some((name, rows)) = open.pop() {
        let Some(table) = catalog.table(&name) else { continue };
        for (_, key) in table.foreign_keys() {
            let alone = table.indexes.iter().any(|index| {
                index.unique
                    && index
                        .keys
                        .iter()
                        .all(|part| part.column.as_ref().is_some_and(|column| key.columns.contains(column)))
            });
            let known = all.get(&key.references).copied().unwrap_or(0);
            if alone && known < rows {
                all.insert(key.references.clone(), rows);
                open.push((key.references.clone(), rows));
            }
        }
    }
    all
}

/// Sizes and distributions of the reviewed database, where it has any.
fn take_statistics(catalog: &mut Catalog, reviewed: &Catalog) {
    for known in reviewed.tables.values().filter(|table| table.statistics.is_some()) {
        let Some(table) = catalog.table_mut(&known.name) else { continue };
        table.statistics.clone_from(&known.statistics);
        for column in &mut table.columns {
            column.statistics = known.column(&column.name).and_then(|known| known.statistics.clone());
        }
    }
}

/// The relations of the schema as foreign keys: those of a schema without foreign keys are needed, too.
fn references(prisma: &PrismaSchema) -> BTreeMap<QName, Vec<ForeignKey>> {
    let name =
        |model: &Model| QName::new(model.namespace.as_deref().unwrap_or("public"), model.db_name.clone());
    let mut found: BTreeMap<QName, Vec<ForeignKey>> = BTreeMap::new();
    for model in &prisma.models {
        for field in &model.fields {
            let (Some(relation), pgsteward_model::prisma::FieldType::Model(target)) =
                (&field.relation, &field.ty)
            else {
                continue;
            };
            let Some(target) = prisma.model(target).filter(|_| !relation.fields.is_empty()) else { continue };
            let columns = |model: &Model, fields: &[String]| -> Option<Vec<String>> {
                fields.iter().map(|field| model.field(field).map(|field| field.db_name.clone())).collect()
            };
            let (Some(own), Some(theirs)) =
                (columns(model, &relation.fields), columns(target, &relation.references))
            else {
                continue;
            };
            found.entry(name(model)).or_default().push(ForeignKey {
                columns: own,
                references: name(target),
                referenced_columns: theirs,
                on_delete: ReferentialAction::NoAction,
                on_update: ReferentialAction::NoAction,
                match_full: false,
            });
        }
    }
    found
}

/// A table's name as SQL.
pub(super) fn sql_name(name: &QName) -> String {
    quote_qualified(name)
}
