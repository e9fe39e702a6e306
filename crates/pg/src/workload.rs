//! What the server counted of its statements: the extension `pg_stat_statements`.

use pgsteward_model::facts::Gap;
use pgsteward_model::version::ServerVersion;
use tokio_postgres::{Client, Error, Row};

use crate::error::ReadError;
use crate::grants::{identifier, relation_identifier};
use crate::introspect::in_transaction;

/// One statement of this database, all users together.
#[derive(Clone, Debug, PartialEq)]
pub struct CountedStatement {
    /// With `$1` … in place of its constants; a comment at its end is kept.
    pub text: String,
    pub calls: u64,
    pub rows: u64,
    /// Time of all executions, milliseconds.
    pub total_ms: f64,
}

/// The extension keeps 5,000 statements by default (`pg_stat_statements.max`).
const MOST: usize = 5_000;

pub(crate) async fn statements(
    client: &Client,
    version: ServerVersion,
) -> Result<Vec<CountedStatement>, ReadError> {
    let what = "read pg_stat_statements";
    let failed = ReadError::server(what);
    let found = "SELECT n.nspname::text, current_user::text, \
                 has_schema_privilege(n.oid, 'USAGE'), pg_has_role('pg_read_all_stats', 'USAGE') \
                 FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
                 WHERE e.extname = 'pg_stat_statements'";
    let rows = in_transaction(client, &[found], &[]).await.map_err(&failed)?;
    let Some(row) = rows.iter().flatten().next() else {
        return Err(ReadError::Denied { what, gap: absent() });
    };
    let of_row = |row: &Row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?));
    let (schema, role, usage, all): (String, String, bool, bool) = of_row(row).map_err(&failed)?;
    if !usage || !all {
        // Without it the texts of other users' statements read "<insufficient privilege>".
        let mut grants = Vec::new();
        if !usage {
            grants.push(format!("GRANT USAGE ON SCHEMA {} TO {};", identifier(&schema), identifier(&role)));
        }
        if !all {
            grants.push(format!("GRANT pg_read_all_stats TO {};", identifier(&role)));
        }
        let why = format!("The role {} may not read the statements of other roles.", identifier(&role));
        let gap = Gap::new("workload", why, format!("run {}", grants.join(" ")));
        return Err(ReadError::Denied { what, gap });
    }
    // Renamed in version 1.8 of the extension, which came with PostgreSQL 13.
    let time = if version.major() >= 13 { "total_exec_time" } else { "total_time" };
    let sql = format!(
        "SELECT s.query, sum(s.calls)::bigint, sum(s.rows)::bigint, sum(s.{time})::double precision \
         FROM {} s WHERE s.dbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) \
         AND s.query ~* '^\\s*(select|insert|update|delete|with|merge)\\M' \
         GROUP BY s.query ORDER BY 4 DESC, 1 LIMIT {MOST}",
        relation_identifier(&schema, "pg_stat_statements")
    );
    let rows = match in_transaction(client, &[&sql], &[]).await {
        Ok(rows) => rows,
        // 55000: the library is not loaded at the start of the server.
        Err(error) if error.code().is_some_and(|code| code.code() == "55000") => {
            return Err(ReadError::Denied { what, gap: not_loaded() });
        }
        Err(error) => return Err(failed(error)),
    };
    let read = |row: &Row| -> Result<CountedStatement, Error> {
        let count = |at: usize| -> Result<u64, Error> {
            Ok(u64::try_from(row.try_get::<_, Option<i64>>(at)?.unwrap_or(0)).unwrap_or(0))
        };
        Ok(CountedStatement {
            text: row.try_get(0)?,
            calls: count(1)?,
            rows: count(2)?,
            total_ms: row.try_get::<_, Option<f64>>(3)?.unwrap_or(0.0),
        })
    };
    rows.iter().flatten().map(read).collect::<Result<Vec<_>, Error>>().map_err(failed)
}

fn absent() -> Gap {
    Gap::new(
        "workload",
        "The database has no extension pg_stat_statements, so nobody counted its statements.",
        "add pg_stat_statements to shared_preload_libraries, restart the server, and run \
         CREATE EXTENSION pg_stat_statements; in this database",
    )
}

fn not_loaded() -> Gap {
    Gap::new(
        "workload",
        "The extension pg_stat_statements is there, but the server did not load its library.",
        "add pg_stat_statements to shared_preload_libraries and restart the server",
    )
}
