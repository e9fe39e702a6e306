//! Prisma's own record of what it applied: the table `_prisma_migrations`.

use pgsteward_model::facts::{Gap, Need};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use crate::error::ReadError;
use crate::grants::{identifier, relation_identifier};
use crate::introspect::in_transaction;

/// A row of `_prisma_migrations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedMigration {
    /// Folder name.
    pub name: String,
    /// Lower-case hex SHA-256 of the file when it was applied.
    pub checksum: String,
    /// It ran to its end.
    pub finished: bool,
    /// `prisma migrate resolve --rolled-back` was told so after it failed.
    pub rolled_back: bool,
    /// The error it failed with, as Prisma noted it.
    pub logs: Option<String>,
}

pub(crate) async fn applied(
    client: &Client,
    schema: &str,
) -> Result<Option<Vec<AppliedMigration>>, ReadError> {
    let what = "read Prisma's migration history";
    let failed = ReadError::server(what);
    let found = "SELECT has_table_privilege(c.oid, 'SELECT'), has_schema_privilege(n.oid, 'USAGE'), \
                 current_user::text \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = $1 AND c.relname = '_prisma_migrations' AND c.relkind IN ('r', 'p')";
    let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&schema, Type::TEXT)];
    let rows = in_transaction(client, &[found], &parameters).await.map_err(&failed)?;
    let Some(row) = rows.iter().flatten().next() else { return Ok(None) };
    let privileges = |row: &Row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    let (select, usage, role): (bool, bool, String) = privileges(row).map_err(&failed)?;
    let table = relation_identifier(schema, "_prisma_migrations");
    if !select || !usage {
        let role = identifier(&role);
        let mut grants = Vec::new();
        if !usage {
            grants.push(format!("GRANT USAGE ON SCHEMA {} TO {role};", identifier(schema)));
        }
        if !select {
            grants.push(format!("GRANT SELECT ON {table} TO {role};"));
        }
        let why = format!(
            "The role {role} may not read {table}, so it is not known which migrations were applied."
        );
        let gap = Gap::new("applied migrations", why, format!("run {}", grants.join(" ")))
            .for_needs(&[Need::History]);
        return Err(ReadError::Denied { what, gap });
    }
    let sql = format!(
        "SELECT migration_name::text, checksum::text, finished_at IS NOT NULL, rolled_back_at IS NOT NULL, \
         logs::text FROM {table} ORDER BY started_at, migration_name"
    );
    let rows = in_transaction(client, &[&sql], &[]).await.map_err(&failed)?;
    let read = |row: &Row| -> Result<AppliedMigration, Error> {
        Ok(AppliedMigration {
            name: row.try_get(0)?,
            checksum: row.try_get(1)?,
            finished: row.try_get(2)?,
            rolled_back: row.try_get(3)?,
            logs: row.try_get(4)?,
        })
    };
    rows.iter().flatten().map(read).collect::<Result<Vec<_>, Error>>().map(Some).map_err(failed)
}
