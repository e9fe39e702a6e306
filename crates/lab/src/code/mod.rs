//! Statements of an application's code, run on a data twin: with values that exist, as often as the code would,
//! and with the server's account of what that cost.
//!
//! This module knows statements and what they meet; it knows no rule and judges nothing. Everything runs as the
//! unprivileged owner, in a transaction that is rolled back.

mod deadlock;
mod explain;
mod sample;

use std::time::Duration;

use pgsteward_model::catalog::Catalog;
use pgsteward_model::migration::ServerError;
use pgsteward_model::proof::Run;
use pgsteward_pg::LabSession;

use crate::clone::Database;
use crate::error::LabError;
use crate::lab::Lab;
use crate::watchdog::TimeLimit;

pub use deadlock::{Clash, clash};
pub use explain::{PlanNode, read_plan};
pub use sample::{Values, Whose, bind};

/// A statement longer than this is stopped.
const LONGEST: Duration = Duration::from_secs(5);

/// A session with a data twin.
pub struct Workbench {
    pub(crate) session: LabSession,
    pub(crate) catalog: Catalog,
    _limit: TimeLimit,
}

impl Workbench {
    /// `catalog` is what introspection of this database read. The server is ended where the work takes longer
    /// than `limit`.
    pub async fn open(
        lab: &Lab,
        database: &Database,
        catalog: Catalog,
        limit: Duration,
    ) -> Result<Workbench, LabError> {
        let limit = lab.watchdog.limit(limit);
        let session = database.session().await?;
        let timeout = format!("SET statement_timeout = {}", LONGEST.as_millis());
        session
            .simple(&timeout)
            .await
            .map_err(|error| LabError::server("limit the time of a session", error))?;
        Ok(Workbench { session, catalog, _limit: limit })
    }

    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub async fn close(self) {
        self.session.close().await;
    }

    /// Runs a step of a fix or of its rollback, and keeps what it did.
    pub async fn apply(&self, sql: &str) -> Result<(), ServerError> {
        self.session.simple(sql).await
    }

    /// Refreshes the planner's statistics of one table, or of all.
    pub async fn analyze(&self, table: Option<&pgsteward_model::catalog::QName>) -> Result<(), ServerError> {
        let name = table.map(pgsteward_sql::quote_qualified).unwrap_or_default();
        self.session.simple(&format!("ANALYZE {name}")).await
    }

    /// The plan of a statement with values, without running it.
    pub async fn plan(&self, sql: &str) -> Result<PlanNode, ServerError> {
        let rows = self.session.rows(&format!("EXPLAIN (FORMAT JSON) {sql}")).await?;
        explain::plan_of(&rows)
    }

    /// The plan of a statement that still has its parameters, for any value: PostgreSQL 16 and later.
    pub async fn generic_plan(&self, sql: &str) -> Result<PlanNode, ServerError> {
        let rows = self.session.rows(&format!("EXPLAIN (GENERIC_PLAN, FORMAT JSON) {sql}")).await?;
        explain::plan_of(&rows)
    }

    /// Runs a statement with values and takes back what it did.
    pub async fn run(&self, what: &str, sql: &str) -> Result<(Run, PlanNode), ServerError> {
        // The first run warms up; time is told of the second.
        let (_, _) = self.once(sql).await?;
        let (plan, micros) = self.once(sql).await?;
        Ok((explain::run_of(what, sql, &plan, micros), plan))
    }

    /// Runs a statement once for each set of values; the numbers are those of all together.
    pub async fn run_each(&self, what: &str, statements: &[String]) -> Result<Run, ServerError> {
        let mut all = Run { what: what.to_owned(), ..Run::default() };
        for sql in statements {
            let (plan, micros) = self.once(sql).await?;
            let one = explain::run_of(what, sql, &plan, micros);
            all.statements += 1;
            all.rows_fetched += one.rows_fetched;
            all.rows_removed += one.rows_removed;
            all.buffers += one.buffers;
            all.micros += one.micros;
            if all.sql.is_empty() {
                (all.sql, all.plan) = (one.sql, one.plan);
            }
        }
        all.rows_returned = all.rows_fetched;
        Ok(all)
    }

    async fn once(&self, sql: &str) -> Result<(PlanNode, u64), ServerError> {
        let message = format!("BEGIN; EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}; ROLLBACK");
        match self.session.rows(&message).await {
            Ok(rows) => Ok((explain::plan_of(&rows)?, explain::micros_of(&rows))),
            Err(error) => {
                self.session.simple("ROLLBACK").await?;
                Err(error)
            }
        }
    }

    /// How many rows a query gives, or the first value of its first row as a number.
    pub async fn count(&self, sql: &str) -> Result<u64, ServerError> {
        let rows = self.session.rows(sql).await?;
        let first = rows.first().and_then(|row| row.first()).cloned().flatten();
        Ok(first.and_then(|value| value.parse().ok()).unwrap_or(0))
    }

    /// Rows of a query, each value as text.
    pub async fn rows(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, ServerError> {
        self.session.rows(sql).await
    }
}
