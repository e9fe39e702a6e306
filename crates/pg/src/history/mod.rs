//! The history of migrations in the database: `_prisma_migrations` as Prisma makes, reads and writes it, and
//! `pgsteward_migrations` of the same columns for projects without Prisma.
//!
//! Rows and the statements that make and change them; when to run which is the caller's business. All names are
//! qualified: a migration that sets a search path must not lead its own row astray.

mod statements;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use crate::error::ReadError;
use crate::grants::relation_identifier;
use crate::introspect::in_transaction;

pub use statements::{
    create_table, fail, finish, mark_applied, new_id, record, reopen, roll_back, set_progress, start,
    unfinish,
};

/// Key of the advisory lock that Prisma's schema engine takes before it applies or resolves.
pub const ADVISORY_LOCK: i64 = 72_707_369;

/// Which table holds the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryTable {
    pub namespace: String,
    pub name: &'static str,
}

impl HistoryTable {
    /// Prisma's own table, in the namespace of the connection URL.
    pub fn prisma(namespace: impl Into<String>) -> HistoryTable {
        HistoryTable { namespace: namespace.into(), name: "_prisma_migrations" }
    }

    /// The table of projects of plain SQL files.
    pub fn plain(namespace: impl Into<String>) -> HistoryTable {
        HistoryTable { namespace: namespace.into(), name: "pgsteward_migrations" }
    }

    /// Quoted and qualified.
    pub fn quoted(&self) -> String {
        relation_identifier(&self.namespace, self.name)
    }
}

/// One attempt to apply a migration. Several rows of one name are normal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    pub id: String,
    /// Lower-case hex SHA-256 of the file.
    pub checksum: String,
    /// Times as `YYYY-MM-DD HH:MM:SS.ffffff` in UTC.
    pub finished_at: Option<String>,
    /// Folder name, or file name without its ending.
    pub name: String,
    pub logs: Option<String>,
    pub rolled_back_at: Option<String>,
    pub started_at: String,
    pub applied_steps_count: i32,
}

/// What a row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowState {
    /// Finished and not rolled back.
    Applied,
    /// Neither finished nor rolled back: it failed, or it still runs.
    Failed,
    RolledBack,
}

impl HistoryRow {
    pub fn state(&self) -> RowState {
        match (&self.rolled_back_at, &self.finished_at) {
            (Some(_), _) => RowState::RolledBack,
            (None, Some(_)) => RowState::Applied,
            (None, None) => RowState::Failed,
        }
    }
}

/// All rows in the order they were started; none where there is no such table.
pub(crate) async fn read(
    client: &Client,
    table: &HistoryTable,
) -> Result<Option<Vec<HistoryRow>>, ReadError> {
    let failed = ReadError::server("read the history of migrations");
    let found = "SELECT true FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v')";
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&table.namespace, Type::TEXT), (&table.name, Type::TEXT)];
    let rows = in_transaction(client, &[found], &parameters).await.map_err(&failed)?;
    if rows.iter().flatten().next().is_none() {
        return Ok(None);
    }
    let utc =
        |column: &str| format!("pg_catalog.to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')");
    let sql = format!(
        "SELECT id::text, checksum::text, {}, migration_name::text, logs::text, {}, {}, applied_steps_count::int4 \
         FROM {} ORDER BY started_at, migration_name",
        utc("finished_at"),
        utc("rolled_back_at"),
        utc("started_at"),
        table.quoted()
    );
    let rows = in_transaction(client, &[&sql], &[]).await.map_err(&failed)?;
    let read = |row: &Row| -> Result<HistoryRow, Error> {
        Ok(HistoryRow {
            id: row.try_get(0)?,
            checksum: row.try_get(1)?,
            finished_at: row.try_get(2)?,
            name: row.try_get(3)?,
            logs: row.try_get(4)?,
            rolled_back_at: row.try_get(5)?,
            started_at: row.try_get(6)?,
            applied_steps_count: row.try_get(7)?,
        })
    };
    rows.iter().flatten().map(read).collect::<Result<Vec<_>, Error>>().map(Some).map_err(failed)
}
