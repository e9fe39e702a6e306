//! Up and down over rows: what is there before a migration must be there when it was undone.
//!
//! The tables that the migration touches, and those they refer to, get generated rows in a twin of the database.
//! Each column of each table is counted and hashed before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use pgsteward_lab::{DataOptions, Database, Lab, ReplayOptions};
use pgsteward_model::catalog::{Catalog, QName, Table};
use pgsteward_model::migration::{History, Regime, Replay, ReplayFailure};
use pgsteward_model::source::Sources;
use pgsteward_sql::{quote_ident, quote_qualified};

use super::probe;
use super::rows::quoted;
use super::state::State;

/// Rows in each table: enough to tell values apart, few enough to try hundreds of migrations.
const ROWS: u64 = 24;
/// Tables that are counted together.
const TOGETHER: usize = 16;
/// The sum of the hashes of a column that is NULL in all rows.
const NO_VALUES: &str = "0";
/// How long the rows of one migration may take.
const LIMIT: Duration = Duration::from_secs(20);

pub(super) struct Trial<'a> {
    pub(super) lab: &'a Lab,
    /// In the state `before`, without sessions; it may be left in another.
    pub(super) database: &'a Database,
    pub(super) history: &'a History,
    pub(super) sources: &'a Sources,
    /// Index of the migration.
    pub(super) file: usize,
    pub(super) before: &'a State,
    pub(super) after: &'a State,
    pub(super) statements: &'a [String],
}

/// What the rows say.
#[derive(Default)]
pub(super) struct Seen {
    /// Columns whose values are not what they were: table and column; no column where only whole rows differ.
    pub(super) changed: BTreeSet<(QName, Option<String>)>,
    /// Tables that had rows while all of it ran.
    pub(super) tried: BTreeSet<QName>,
    /// Columns of them that had no value to lose: none can be made of every type.
    pub(super) bare: BTreeSet<(QName, String)>,
    /// Why the way back does not run over rows.
    pub(super) refused: Option<String>,
    /// Columns whose values it changes without a word, where they were written after the migration.
    pub(super) cut: BTreeSet<(QName, String)>,
}

impl Trial<'_> {
    /// What was seen, and whether the database is as it was before, without rows.
    pub(super) async fn run(&self, touched: &BTreeSet<QName>) -> Result<(Seen, bool)> {
        let mut empty: BTreeSet<QName> = BTreeSet::new();
        let mut seen = Seen::default();
        let wanted = with_parents(&self.before.catalog, touched);
        // Each round a table that the migration cannot run over loses its rows: nobody has any there either.
        while !touched.is_subset(&empty) {
            match self.round(&wanted, touched, &empty).await? {
                Round::Ran(counted) => {
                    seen.tried = counted.tried;
                    seen.bare = counted.bare;
                    seen.changed = counted.changed;
                    seen.cut = counted.cut;
                    break;
                }
                Round::UpRefused(failure) => {
                    if self.history.regime != Regime::OneMessage {
                        // Some of its statements ran.
                        return Ok((seen, false));
                    }
                    let more: BTreeSet<QName> =
                        self.tables_of(&failure, touched).difference(&empty).cloned().collect();
                    empty.extend(if more.is_empty() { touched.clone() } else { more });
                }
                Round::DownRefused(message) => {
                    let names: Vec<String> = touched.difference(&empty).map(quoted).collect();
                    seen.refused =
                        Some(format!("down.sql does not run over rows of {}: {message}", names.join(", ")));
                    return Ok((seen, false));
                }
            }
        }
        let intact = self.truncate(&wanted).await.is_ok();
        Ok((seen, intact))
    }

    async fn truncate(&self, tables: &BTreeSet<QName>) -> Result<()> {
        if tables.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = tables.iter().map(quote_qualified).collect();
        let session = self.database.session().await?;
        let emptied =
            session.simple(&format!("TRUNCATE {} RESTART IDENTITY CASCADE", names.join(", "))).await;
        session.close().await;
        emptied.map_err(|error| anyhow::anyhow!("empty tables in the lab: {}", error.message))
    }

    async fn round(
        &self,
        wanted: &BTreeSet<QName>,
        touched: &BTreeSet<QName>,
        empty: &BTreeSet<QName>,
    ) -> Result<Round> {
        let database = self.database;
        let mut catalog = self.before.catalog.clone();
        catalog.tables.retain(|name, _| wanted.contains(name));
        let rows = wanted.iter().map(|name| (name.clone(), ROWS)).collect();
        let options = DataOptions { rows, budget: 0, limit: LIMIT, analyze: false, ..DataOptions::default() };
        pgsteward_lab::fill(self.lab, database, &catalog, &options).await.context("make rows in the lab")?;
        self.truncate(empty).await?;
        let tables: Vec<&Arc<Table>> =
            touched.iter().filter_map(|name| self.before.catalog.tables.get(name)).collect();
        let before = count(database, &tables).await?;
        let mut replay = Replay::default();
        let options = ReplayOptions { trace: false, ..Default::default() };
        let files = self.file..self.file + 1;
        pgsteward_lab::replay_files(
            self.lab,
            database,
            self.history,
            self.sources,
            files,
            &options,
            &mut replay,
        )
        .await
        .context("run the migration in the lab")?;
        if let Some(failure) = replay.failures.into_values().next() {
            return Ok(Round::UpRefused(failure));
        }
        let cut = probe::cut(database, self.before, self.after, touched, self.statements).await?;
        if let Err(error) = super::statements::run(database, self.statements).await? {
            return Ok(Round::DownRefused(error.message));
        }
        let after = count(database, &tables).await?;
        let mut counted = Counted { cut, ..Counted::default() };
        for (name, was) in &before {
            if was.rows == "0" {
                continue;
            }
            counted.tried.insert(name.clone());
            let bare = was.columns.iter().filter(|(_, hash)| *hash == NO_VALUES).map(|(column, _)| column);
            counted.bare.extend(bare.map(|column| (name.clone(), column.clone())));
            let Some(is) = after.get(name) else { continue };
            let columns: Vec<&String> = was
                .columns
                .iter()
                .filter(|(column, hash)| is.columns.get(*column) != Some(hash))
                .map(|(column, _)| column)
                .collect();
            if columns.is_empty() && (was.whole != is.whole || was.rows != is.rows) {
                counted.changed.insert((name.clone(), None));
            }
            counted.changed.extend(columns.into_iter().map(|column| (name.clone(), Some(column.clone()))));
        }
        Ok(Round::Ran(counted))
    }

    /// The tables that the refused statement is about.
    fn tables_of(&self, failure: &ReplayFailure, touched: &BTreeSet<QName>) -> BTreeSet<QName> {
        let statements =
            self.history.files.get(self.file).map(|file| file.statements.as_slice()).unwrap_or_default();
        let refused = statements.iter().filter(|one| {
            one.span.start < failure.span.end.max(failure.span.start + 1) && failure.span.start < one.span.end
        });
        let relations = refused.flat_map(|one| one.effect.touches.iter().map(|touch| touch.relation.clone()));
        relations.filter(|name| touched.contains(name)).collect()
    }
}

enum Round {
    Ran(Counted),
    UpRefused(ReplayFailure),
    DownRefused(String),
}

#[derive(Default)]
struct Counted {
    changed: BTreeSet<(QName, Option<String>)>,
    tried: BTreeSet<QName>,
    bare: BTreeSet<(QName, String)>,
    cut: BTreeSet<(QName, String)>,
}

struct Content {
    rows: String,
    /// A sum of hashes that no order of rows changes, by column.
    columns: BTreeMap<String, String>,
    /// The same of whole rows.
    whole: String,
}

/// Counts and hashes the columns that the tables had before the migration.
async fn count(database: &Database, tables: &[&Arc<Table>]) -> Result<BTreeMap<QName, Content>> {
    let hash =
        |expression: &str| format!("coalesce(sum(hashtextextended({expression}, 0)::numeric), 0)::text");
    let texts: Vec<String> = tables
        .iter()
        .map(|table| {
            let columns: Vec<String> = table.columns.iter().map(|column| quote_ident(&column.name)).collect();
            let each = columns.iter().map(|column| hash(&format!("t.{column}::text")));
            let whole = columns.iter().map(|column| format!("t.{column}")).collect::<Vec<_>>().join(", ");
            let all: Vec<String> = std::iter::once("count(*)::text".to_owned())
                .chain([hash(&format!("(ROW({whole}))::text"))])
                .chain(each)
                .collect();
            format!("SELECT {} FROM {} t", all.join(", "), quote_qualified(&table.name))
        })
        .collect();
    let session = database.session().await.context("connect to the lab")?;
    let mut answers = Vec::new();
    for some in texts.chunks(TOGETHER) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        answers.extend(session.rows_of_each(&some).await);
    }
    session.close().await;
    let mut contents = BTreeMap::new();
    for (table, answer) in tables.iter().zip(answers) {
        // What cannot be read (no hash, no text, a column that is not back) differs from what could.
        let Some(row) = answer.ok().and_then(|rows| rows.into_iter().next()) else { continue };
        let mut values = row.into_iter().map(Option::unwrap_or_default);
        let (Some(rows), Some(whole)) = (values.next(), values.next()) else { continue };
        let columns = table.columns.iter().map(|column| column.name.clone()).zip(values).collect();
        contents.insert(table.name.clone(), Content { rows, columns, whole });
    }
    Ok(contents)
}

/// The tables and all that they refer to.
fn with_parents(catalog: &Catalog, tables: &BTreeSet<QName>) -> BTreeSet<QName> {
    let mut all = tables.clone();
    let mut new: Vec<QName> = tables.iter().cloned().collect();
    while let Some(name) = new.pop() {
        let Some(table) = catalog.table(&name) else { continue };
        let referenced = table.foreign_keys().map(|(_, key)| key.references.clone());
        let parents = table.partition_of.iter().map(|partition| partition.parent.clone());
        for other in referenced.chain(parents).chain(table.inherits.clone()) {
            if all.insert(other.clone()) {
                new.push(other);
            }
        }
    }
    all
}
