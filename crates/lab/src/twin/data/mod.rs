//! The data twin: rows in every table of a schema, made from its constraints and, where the catalog has them,
//! from its statistics.
//!
//! Planning is pure: each column becomes an expression of the row number, so that a foreign key can repeat its
//! parent's expression, and the same catalog and seed give the same rows. Filling runs the statements as the
//! unprivileged owner under the lab's limits; defaults, triggers and conditions of the repository run then.
//! The server holds every constraint, so rows that would break one are refused, and the table is left out with
//! the server's words. Nothing here knows what the rows are for.

mod expression;
mod keys;
mod limits;
mod order;
mod partition;
mod pattern;
mod picks;
mod plan;
mod rows;
mod series;
mod skew;
mod template;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use pgsteward_model::catalog::{Catalog, ForeignKey, QName};
use pgsteward_model::migration::ServerError;
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};

use crate::channel::{Channel, Outcome};
use crate::clone::Database;
use crate::error::LabError;
use crate::lab::Lab;

pub use rows::MoreRows;

/// How a data twin is made.
#[derive(Clone, Debug)]
pub struct DataOptions {
    pub seed: u64,
    /// Rows of all tables together, but for those in `rows`.
    pub budget: u64,
    /// Tables that need a number of rows of their own.
    pub rows: BTreeMap<QName, u64>,
    /// References that the database does not declare, by table: relations of a schema without foreign keys.
    pub references: BTreeMap<QName, Vec<ForeignKey>>,
    /// How long it may take.
    pub limit: Duration,
    /// Whether the planner is to know the rows.
    pub analyze: bool,
}

impl Default for DataOptions {
    fn default() -> DataOptions {
        DataOptions {
            seed: 1,
            budget: 60_000,
            rows: BTreeMap::new(),
            references: BTreeMap::new(),
            limit: Duration::from_secs(30),
            analyze: true,
        }
    }
}

/// What came of filling a database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filled {
    /// Rows by table.
    pub rows: BTreeMap<QName, u64>,
    /// What makes more rows of a table behind those that it got.
    pub more: BTreeMap<QName, MoreRows>,
    /// Tables that got none, each with the reason: lower case, without a full stop.
    pub left_out: Vec<(QName, String)>,
    pub elapsed: Duration,
}

/// Rows of one statement: the server checks foreign keys at its end and keeps them in memory until then.
const BATCH: u64 = 25_000;

/// Replaces the rows of all tables of a database by generated ones and analyzes them. `catalog` is what
/// introspection of this database read. All sessions are closed when this returns, so that the database can be
/// cloned at once.
pub async fn fill(
    lab: &Lab,
    database: &Database,
    catalog: &Catalog,
    options: &DataOptions,
) -> Result<Filled, LabError> {
    let started = Instant::now();
    let _outer_limit = lab.watchdog.limit(options.limit);
    let channel = Channel::open(lab, database, started, options.limit).await?;
    let mut filler = Filler { channel, catalog, options, filled: Filled::default() };
    let outcome = filler.all().await;
    let Filler { channel, mut filled, .. } = filler;
    channel.close().await;
    outcome?;
    filled.elapsed = started.elapsed();
    Ok(filled)
}

struct Filler<'a> {
    channel: Channel<'a>,
    catalog: &'a Catalog,
    options: &'a DataOptions,
    filled: Filled,
}

impl Filler<'_> {
    async fn all(&mut self) -> Result<(), LabError> {
        self.empty().await?;
        let mut refused: BTreeMap<QName, String> = BTreeMap::new();
        let mut done: BTreeSet<QName> = BTreeSet::new();
        // A table that the server refuses changes the plan of those that refer to it.
        let plan = loop {
            let plan = plan::plan(self.catalog, self.options, &refused);
            let mut again = false;
            for table in &plan.tables {
                if done.contains(&table.name) {
                    continue;
                }
                match self.table(table).await? {
                    Ok(()) => {
                        done.insert(table.name.clone());
                        self.filled.rows.insert(table.name.clone(), table.rows);
                    }
                    Err(why) => {
                        refused.insert(table.name.clone(), why);
                        again = true;
                        break;
                    }
                }
            }
            if !again {
                break plan;
            }
        };
        for update in plan.tables.iter().flat_map(|table| &table.afterwards) {
            // A key that stays NULL is as right as one that is set; the rows are there all the same.
            if let Outcome::Stopped(error) = self.channel.send(update).await? {
                drop(error);
            }
        }
        self.filled.left_out = plan.left_out;
        let filled = plan.tables.into_iter().map(|plan| (plan.name.clone(), MoreRows::new(plan)));
        self.filled.more = filled.collect();
        self.sequences().await?;
        if !self.options.analyze {
            return Ok(());
        }
        let names = self.analyzed();
        if names.is_empty() {
            return Ok(());
        }
        for command in ["VACUUM (ANALYZE)", "ANALYZE"] {
            if let Outcome::Done = self.channel.send(&format!("{command} {names}")).await? {
                break;
            }
        }
        Ok(())
    }

    /// What the planner is to know, as a list for VACUUM: partitions come with their parents. Without a list the system's
    /// catalogs would be read as well, which takes longer than the rows.
    fn analyzed(&self) -> String {
        let views = self.catalog.views.iter().filter(|(_, view)| view.materialized).map(|(name, _)| name);
        let names = order::candidates(self.catalog).into_keys().chain(views);
        names.map(quote_qualified).collect::<Vec<_>>().join(", ")
    }

    /// Rows that migrations brought go: their keys would be in the way.
    async fn empty(&mut self) -> Result<(), LabError> {
        let names: Vec<String> = order::candidates(self.catalog).into_keys().map(quote_qualified).collect();
        if !names.is_empty() {
            // Where it is refused the tables with rows are refused theirs, with the server's words.
            let sql = format!("TRUNCATE {} RESTART IDENTITY CASCADE", names.join(", "));
            self.channel.send(&sql).await?;
        }
        Ok(())
    }

    async fn table(&mut self, table: &rows::TablePlan) -> Result<Result<(), String>, LabError> {
        if self.channel.is_late() {
            return Ok(Err(self.channel.out_of_time()));
        }
        let name = quote_qualified(&table.name);
        // One slow table must not use up the time of all others. SQL could set this back; then the limit of
        // the whole holds.
        let mut statements = vec![format!("SET LOCAL statement_timeout = {}", self.share().as_millis())];
        if table.forced_row_security {
            statements.push(format!("ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY"));
        }
        let mut first = 1;
        while first <= table.rows {
            let last = (first + BATCH - 1).min(table.rows);
            statements.push(table.insert(first, last));
            first = last + 1;
        }
        if table.forced_row_security {
            statements.push(format!("ALTER TABLE {name} FORCE ROW LEVEL SECURITY"));
        }
        // One message is one transaction: a refused table has no rows at all.
        Ok(match self.channel.send(&statements.join(";\n")).await? {
            Outcome::Done => Ok(()),
            // 57014: query_canceled.
            Outcome::Refused(error) if error.sqlstate == "57014" => {
                Err(format!("its rows took longer than {:.1} s", self.share().as_secs_f64()))
            }
            Outcome::Refused(error) | Outcome::Stopped(error) => Err(reason(&error, &table.unread)),
        })
    }

    /// The time that one table may take.
    fn share(&self) -> Duration {
        (self.options.limit / 4).max(Duration::from_millis(100))
    }

    /// Sequences go on behind the rows.
    async fn sequences(&mut self) -> Result<(), LabError> {
        let mut calls = Vec::new();
        for sequence in self.catalog.sequences.values() {
            let Some((table, column)) = &sequence.owned_by else { continue };
            let Some(rows) = self.filled.rows.get(table) else { continue };
            let has_rows = self.catalog.table(table).is_some_and(|table| table.column(column).is_some());
            if has_rows && *rows > 0 {
                calls.push(format!(
                    "pg_catalog.setval({}, {rows})",
                    quote_literal(&format!(
                        "{}.{}",
                        quote_ident(&sequence.name.namespace),
                        quote_ident(&sequence.name.name)
                    ))
                ));
            }
        }
        if !calls.is_empty() {
            self.channel.send(&format!("SELECT {}", calls.join(", "))).await?;
        }
        Ok(())
    }
}

/// The server's words, with the conditions that nobody read.
fn reason(error: &ServerError, unread: &[String]) -> String {
    // 23514: a CHECK constraint or a row of a partitioned table without a partition.
    let unread = match unread {
        [] => String::new(),
        _ if error.sqlstate != "23514" => String::new(),
        names => format!("; not understood: {}", names.join(", ")),
    };
    format!("the server refused its rows: {} ({}){unread}", error.message, error.sqlstate)
}
