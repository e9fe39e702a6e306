//! A session with a server of the user's. It has no method that writes, every query runs in a transaction
//! that the server itself holds read-only, and nothing is set for longer than that transaction: behind a
//! pooler the next owner of the connection would inherit it.

use pgsteward_model::catalog::{Catalog, QName, Table};
use pgsteward_model::cluster::Cluster;
use pgsteward_model::facts::Gap;
use pgsteward_model::version::ServerVersion;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::activity::{self, DatabaseActivity};
use crate::connect::{self, Access, ConnectError, Line};
use crate::error::ReadError;
use crate::fingerprint;
use crate::history::{self, HistoryRow, HistoryTable};
use crate::introspect::{self, CatalogOptions, Invalid, Queries};
use crate::migrations::{self, AppliedMigration};
use crate::settings;
use crate::url::ServerUrl;
use crate::workload::{self, CountedStatement};

/// One read-only connection.
pub struct ReadSession {
    client: Client,
    connection: JoinHandle<()>,
    version: ServerVersion,
    queries: Queries,
}

impl ReadSession {
    /// Connects as `url` says. A direct connection has `default_transaction_read_only` from its first
    /// moment (a pooler takes no such option); every transaction is read-only by itself and sets a statement
    /// timeout of 30 s, a lock timeout of 2 s and the search path `pg_catalog`.
    pub async fn connect(url: &ServerUrl) -> Result<ReadSession, ConnectError> {
        let (Line { client, connection, .. }, version, _) = connect::open(url, Access::Read).await?;
        Ok(ReadSession { client, connection, version, queries: Queries::for_version(version) })
    }

    pub fn version(&self) -> ServerVersion {
        self.version
    }

    /// The whole catalog of the database, all of it as of one moment. What the role may not read is a gap.
    pub async fn catalog(&self, options: &CatalogOptions) -> Result<(Catalog, Vec<Gap>), ReadError> {
        introspect::catalog(&self.client, &self.queries, options).await
    }

    /// Only the named tables, in the order of their names; what is no table is left out.
    pub async fn catalog_of(&self, relations: &[QName]) -> Result<Vec<Table>, ReadError> {
        introspect::tables(&self.client, &self.queries, relations).await
    }

    /// Invalid indexes and constraints that were never validated, in some namespaces.
    pub async fn invalid(&self, namespaces: &[String]) -> Result<Invalid, ReadError> {
        introspect::invalid(&self.client, namespaces).await
    }

    /// Version, settings, roles and databases of the server.
    pub async fn cluster(&self) -> Result<(Cluster, Vec<Gap>), ReadError> {
        settings::cluster(&self.client, self.version).await
    }

    /// Prisma's own history in `schema`, in the order it was applied. `None` where the database has none;
    /// [`ReadError::Denied`] with the GRANT where the role may not read it.
    pub async fn applied_migrations(&self, schema: &str) -> Result<Option<Vec<AppliedMigration>>, ReadError> {
        migrations::applied(&self.client, schema).await
    }

    /// A history of migrations with all its columns; `None` where the database has no such table.
    pub async fn history(&self, table: &HistoryTable) -> Result<Option<Vec<HistoryRow>>, ReadError> {
        history::read(&self.client, table).await
    }

    /// What stays the same as long as nobody touches the schema of the database. It changes for less, too: a grant, a
    /// TRUNCATE, somebody's temporary table.
    pub async fn fingerprint(&self) -> Result<String, ReadError> {
        fingerprint::of(&self.client).await
    }

    /// How large this database is, and how busy.
    pub async fn activity(&self) -> Result<DatabaseActivity, ReadError> {
        activity::activity(&self.client).await
    }

    /// The statements that `pg_stat_statements` counted in this database, the costliest first;
    /// [`ReadError::Denied`] with the next step where the extension is not there or not readable.
    pub async fn counted_statements(&self) -> Result<Vec<CountedStatement>, ReadError> {
        workload::statements(&self.client, self.version).await
    }

    /// The one text that a query answers with; `None` where that is NULL or there is no row.
    pub async fn text(&self, what: &'static str, sql: &str) -> Result<Option<String>, ReadError> {
        let failed = ReadError::server(what);
        let rows = introspect::in_transaction(&self.client, &[sql], &[]).await.map_err(&failed)?;
        match rows.iter().flatten().next() {
            Some(row) => row.try_get(0).map_err(&failed),
            None => Ok(None),
        }
    }

    /// Ends the session and waits until the connection is closed.
    pub async fn close(self) {
        let ReadSession { client, connection, .. } = self;
        drop(client);
        // A connection task that panicked has nothing left to close.
        drop(connection.await);
    }
}

impl std::fmt::Debug for ReadSession {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ReadSession").field("version", &self.version).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::ReadSession;
    use crate::introspect::in_transaction;
    use crate::support::Server;

    /// SQLSTATE of a write in a read-only transaction.
    const READ_ONLY: &str = "25006";

    #[tokio::test]
    async fn the_server_refuses_to_write_for_a_read_session() {
        let Some(server) = Server::start(&[]).await else { return };
        let session = ReadSession::connect(&server.url("postgres", "postgres")).await.unwrap();
        let error = session.client.batch_execute("CREATE TABLE t ()").await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), READ_ONLY, "outside of our transactions");

        // Behind a pooler there are no options for the session; the transactions hold all the same.
        let pooled = format!("{}&pgbouncer=true", server.url_text("postgres", "postgres"));
        let session = ReadSession::connect(&crate::ServerUrl::parse(&pooled).unwrap()).await.unwrap();
        session.client.batch_execute("CREATE SEQUENCE s").await.unwrap();
        for write in ["CREATE TABLE t ()", "SELECT nextval('public.s')", "GRANT SELECT ON public.s TO PUBLIC"]
        {
            let error = in_transaction(&session.client, &[write], &[]).await.unwrap_err();
            assert_eq!(error.code().unwrap().code(), READ_ONLY, "{write}: {error}");
        }
        let row = session.client.query_typed_one("SHOW search_path", &[]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), "\"$user\", public", "nothing outlives the transaction");
    }
}
