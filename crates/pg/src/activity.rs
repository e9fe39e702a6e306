//! How large a database is and how busy: what tells a production database from one that may be thrown away.

use tokio_postgres::Client;

use crate::error::ReadError;
use crate::introspect::in_transaction;

/// One database as of now. Sessions of this program and of the server's own workers do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DatabaseActivity {
    /// `pg_database_size`.
    pub size_bytes: i64,
    /// Other clients' sessions with this database.
    pub sessions: i64,
    /// Those of them that ran something within the last minute, as far as the role may see it.
    pub busy_sessions: i64,
    /// Transactions a second since the statistics were reset or the server started, whichever is later; none
    /// where that was less than an hour ago.
    pub transactions_per_second: Option<f64>,
}

// Sources: PostgreSQL's documentation of pg_stat_activity (what a role may not see is NULL there) and
// pg_stat_database.
const ACTIVITY: &str = "
    WITH mine AS (
        SELECT * FROM pg_catalog.pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
          AND coalesce(backend_type, 'client backend') = 'client backend'
          AND coalesce(application_name, '') NOT LIKE 'pgsteward%'
    ),
    counted AS (
        SELECT xact_commit + xact_rollback AS transactions,
               extract(epoch FROM now() - greatest(stats_reset, pg_postmaster_start_time()))::float8 AS seconds
        FROM pg_catalog.pg_stat_database WHERE datname = current_database()
    )
    SELECT pg_database_size(current_database()),
           (SELECT count(*) FROM mine),
           (SELECT count(*) FROM mine WHERE state <> 'idle' OR state_change > now() - interval '1 minute'),
           (SELECT transactions::float8 / seconds FROM counted WHERE seconds >= 3600)";

pub(crate) async fn activity(client: &Client) -> Result<DatabaseActivity, ReadError> {
    let failed = ReadError::server("read how busy the database is");
    let rows = in_transaction(client, &[ACTIVITY], &[]).await.map_err(&failed)?;
    let Some(row) = rows.iter().flatten().next() else { return Ok(DatabaseActivity::default()) };
    let read = || {
        Ok(DatabaseActivity {
            size_bytes: row.try_get(0)?,
            sessions: row.try_get(1)?,
            busy_sessions: row.try_get(2)?,
            transactions_per_second: row.try_get(3)?,
        })
    };
    read().map_err(&failed)
}
