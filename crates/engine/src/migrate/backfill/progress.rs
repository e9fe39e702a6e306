//! The table `pgsteward_backfills`, in the database that is filled: how far each backfill came. A row changes in the
//! very statement that changes the rows of a batch, so it never says more or less than was done.

use pgsteward_model::migration::ServerError;
use pgsteward_pg::{ReadSession, WriteSession};
use pgsteward_sql::{quote_ident, quote_literal};

use super::key::Values;
use crate::migrate::error::MigrateError;

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) statement: String,
    pub(super) last_key: Option<Values>,
    pub(super) rows_read: u64,
    pub(super) rows_changed: u64,
    pub(super) batches: u64,
    pub(super) finished_at: Option<String>,
}

/// The table in one namespace.
pub(super) struct Table {
    quoted: String,
    namespace: String,
}

impl Table {
    pub(super) fn new(namespace: &str) -> Table {
        Table {
            quoted: format!("{}.pgsteward_backfills", quote_ident(namespace)),
            namespace: namespace.to_owned(),
        }
    }

    /// Makes it where it is missing.
    pub(super) async fn make(&self, session: &WriteSession) -> Result<(), MigrateError> {
        // IF NOT EXISTS alone fails where two sessions make it at once.
        let sql = format!(
            "BEGIN; SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('pgsteward_backfills', 0)); \
             CREATE TABLE IF NOT EXISTS {} (name text PRIMARY KEY, statement text NOT NULL, last_key text[], \
             rows_read bigint NOT NULL DEFAULT 0, rows_changed bigint NOT NULL DEFAULT 0, \
             batches bigint NOT NULL DEFAULT 0, started_at timestamptz NOT NULL DEFAULT pg_catalog.now(), \
             updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(), finished_at timestamptz); COMMIT",
            self.quoted
        );
        if let Err(error) = session.simple(&sql).await {
            session
                .simple("ROLLBACK")
                .await
                .map_err(|error| MigrateError::server("end a transaction", &error))?;
            return Err(MigrateError::server("create the table pgsteward_backfills", &error));
        }
        Ok(())
    }

    pub(super) async fn read(&self, session: &WriteSession, name: &str) -> Result<Option<Row>, MigrateError> {
        let failed = |error: ServerError| MigrateError::server("read how far the backfill came", &error);
        let there = format!(
            "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = {} AND tablename = 'pgsteward_backfills'",
            quote_literal(&self.namespace)
        );
        if session.value(&there).await.map_err(failed)?.is_none() {
            return Ok(None);
        }
        let sql = format!(
            "SELECT statement, pg_catalog.array_to_json(last_key)::text, rows_read, rows_changed, batches, \
             pg_catalog.to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') FROM {} WHERE name = {}",
            self.quoted,
            quote_literal(name)
        );
        let rows = session.rows(&sql).await.map_err(failed)?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let text = |at: usize| row.get(at).cloned().flatten();
        let number = |at: usize| text(at).and_then(|value| value.parse().ok()).unwrap_or(0);
        let last_key = match text(1) {
            None => None,
            Some(json) => Some(serde_json::from_str(&json).map_err(|error| {
                MigrateError::new(format!("{} holds a key that cannot be read: {error}", self.quoted))
                    .with_hint("pass --again to begin anew")
            })?),
        };
        Ok(Some(Row {
            statement: text(0).unwrap_or_default(),
            last_key,
            rows_read: number(2),
            rows_changed: number(3),
            batches: number(4),
            finished_at: text(5),
        }))
    }

    /// A new row, in the place of one that is there.
    pub(super) async fn begin(
        &self,
        session: &WriteSession,
        name: &str,
        statement: &str,
    ) -> Result<(), ServerError> {
        let sql = format!(
            "INSERT INTO {} (name, statement) VALUES ({name}, {statement}) ON CONFLICT (name) DO UPDATE SET \
             statement = excluded.statement, last_key = NULL, rows_read = 0, rows_changed = 0, batches = 0, \
             started_at = pg_catalog.now(), updated_at = pg_catalog.now(), finished_at = NULL",
            self.quoted,
            name = quote_literal(name),
            statement = quote_literal(statement)
        );
        session.simple(&sql).await
    }

    /// One statement that changes a batch and says so. `update` is the UPDATE of the batch; its answer is the number
    /// of rows changed in it and passed over by it.
    pub(super) fn batch(&self, name: &str, update: &str, read: &str, last: &Values) -> String {
        let last: Vec<String> = last.iter().map(|value| quote_literal(value)).collect();
        format!(
            "WITH pgsteward_read AS (SELECT count(*) AS n FROM {read}), pgsteward_batch AS ({update} RETURNING 1), \
             pgsteward_changed AS (SELECT count(*) AS n FROM pgsteward_batch) \
             UPDATE {} SET last_key = ARRAY[{}]::text[], batches = batches + 1, \
             rows_read = rows_read + (SELECT n FROM pgsteward_read), \
             rows_changed = rows_changed + (SELECT n FROM pgsteward_changed), \
             updated_at = pg_catalog.clock_timestamp() WHERE name = {} \
             RETURNING (SELECT n FROM pgsteward_changed), (SELECT n FROM pgsteward_read)",
            self.quoted,
            last.join(", "),
            quote_literal(name)
        )
    }

    pub(super) async fn finish(&self, session: &WriteSession, name: &str) -> Result<(), ServerError> {
        let sql = format!(
            "UPDATE {} SET finished_at = pg_catalog.clock_timestamp(), updated_at = pg_catalog.clock_timestamp() \
             WHERE name = {}",
            self.quoted,
            quote_literal(name)
        );
        session.simple(&sql).await
    }
}

/// How far `migrate backfill` came with a migration, in words, for one who may only read.
pub(in crate::migrate) async fn told(
    session: &ReadSession,
    namespace: &str,
    name: &str,
) -> Result<String, MigrateError> {
    const READ: &str = "read how far the backfill came";
    let table = Table::new(namespace);
    let there = format!("SELECT pg_catalog.to_regclass({})::text", quote_literal(&table.quoted));
    let row = match session.text(READ, &there).await? {
        None => None,
        Some(_) => {
            let sql = format!(
                "SELECT pg_catalog.format('%s rows in %s batches, and %s', rows_changed, batches, CASE WHEN finished_at IS NULL \
                 THEN 'is not finished: it goes on where it stopped' \
                 ELSE 'was finished: --again fills what came since' END) FROM {} WHERE name = {}",
                table.quoted,
                quote_literal(name)
            );
            session.text(READ, &sql).await?
        }
    };
    Ok(match row {
        Some(row) => format!("`pgsteward migrate backfill {name}` has filled {row}"),
        None => format!("`pgsteward migrate backfill {name}` was not run yet"),
    })
}
