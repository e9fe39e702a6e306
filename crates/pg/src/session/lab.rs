//! A session with a throw-away cluster of the lab. It runs any text; what keeps that harmless is the
//! cluster itself (its socket, its role, its limits), which is the lab's business and unknown here.

use std::path::Path;

use pgsteward_model::catalog::{Catalog, QName, Table};
use pgsteward_model::facts::Gap;
use pgsteward_model::identity::Identities;
use pgsteward_model::migration::ServerError;
use pgsteward_model::version::ServerVersion;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::connect::{self, ConnectError};
use crate::error::{ReadError, server_error};
use crate::introspect::{self, CatalogOptions, Prepared, Queries};

/// One connection to a cluster that the lab started. Notices of the server are dropped as they come.
pub struct LabSession {
    client: Client,
    connection: JoinHandle<()>,
    version: ServerVersion,
    backend_pid: i32,
    queries: Queries,
    prepared: OnceCell<Prepared>,
}

impl LabSession {
    /// Connects through the Unix socket in `dir`, without a password, as the lab's clusters want it.
    pub async fn connect_socket(
        dir: &Path,
        port: u16,
        user: &str,
        database: &str,
    ) -> Result<LabSession, ConnectError> {
        let place = format!("{}/.s.PGSQL.{port}", dir.display());
        let mut config = Config::new();
        config.host_path(dir).port(port).user(user).dbname(database).application_name("pgsteward lab");
        let (client, connection) =
            config.connect(NoTls).await.map_err(|error| connect::classify(&error, &place, None))?;
        let connection = tokio::spawn(async move {
            // The end of a connection shows in the error of whatever was asked last.
            drop(connection.await);
        });
        let (version, backend_pid) = connect::identify(&client, &place).await?;
        let queries = Queries::for_version(version);
        let prepared = OnceCell::new();
        Ok(LabSession { client, connection, version, backend_pid, queries, prepared })
    }

    /// Runs `sql` as one simple-query message, so several statements are one implicit transaction: the way
    /// Prisma sends a migration file. Rows are dropped.
    pub async fn simple(&self, sql: &str) -> Result<(), ServerError> {
        self.client.batch_execute(sql).await.map_err(|error| server_error(&error))
    }

    /// Rows of all statements in `sql`, sent as one simple-query message, each value as the text the
    /// server prints; `None` is NULL.
    pub async fn rows(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, ServerError> {
        let messages = self.client.simple_query(sql).await.map_err(|error| server_error(&error))?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
            }
            _ => None,
        });
        Ok(rows.collect())
    }

    /// As [`LabSession::rows`] for several messages, all sent before the first answer is back.
    pub async fn rows_of_each(&self, texts: &[&str]) -> Vec<Result<Vec<Vec<Option<String>>>, ServerError>> {
        introspect::one_by_one(texts.iter().map(|sql| self.rows(sql)).collect()).await
    }

    /// The whole catalog of the database, read in one read-only transaction of its own.
    pub async fn catalog(&self, options: &CatalogOptions) -> Result<(Catalog, Vec<Gap>), ReadError> {
        self.refuse_open_transaction().await?;
        introspect::catalog(&self.client, &self.queries, options).await
    }

    /// Only the named tables, in the order of their names; what is no table is left out.
    pub async fn catalog_of(&self, relations: &[QName]) -> Result<Vec<Table>, ReadError> {
        self.refuse_open_transaction().await?;
        let prepared = self.prepared.get_or_try_init(|| Prepared::new(&self.client, &self.queries)).await?;
        let read = || prepared.tables(&self.client, &self.queries, relations);
        match read().await {
            Err(error) if introspect::is_race(&error) => read().await,
            // The text that this session ran may have thrown away what was prepared (DISCARD ALL).
            Err(ReadError::Server { error, .. }) if error.sqlstate == "26000" => {
                introspect::tables(&self.client, &self.queries, relations).await
            }
            other => other,
        }
    }

    /// Which object has which id, and what the catalog type does not hold of them.
    pub async fn identities(&self) -> Result<Identities, ServerError> {
        let [objects, asides, attached] = introspect::identity::statements(self.version);
        let (objects, asides, attached) =
            tokio::join!(self.rows(&objects), self.rows(&asides), self.rows(&attached));
        Ok(introspect::identity::read(&objects?, &asides?, &attached?))
    }

    pub fn version(&self) -> ServerVersion {
        self.version
    }

    /// Process id of the server process behind this session, as `pg_locks` and `pg_blocking_pids` know it.
    pub fn backend_pid(&self) -> i32 {
        self.backend_pid
    }

    /// Ends the session and waits until the connection is closed.
    pub async fn close(self) {
        let LabSession { client, connection, .. } = self;
        drop(client);
        // A connection task that panicked has nothing left to close.
        drop(connection.await);
    }

    /// The start of the transaction and of the statement differ only where an earlier message began the
    /// transaction. (True for simple queries; the extended protocol takes the time of each of its messages.)
    async fn refuse_open_transaction(&self) -> Result<(), ReadError> {
        let sql = "SELECT pg_catalog.now() OPERATOR(pg_catalog.=) pg_catalog.statement_timestamp()";
        let rows = self.rows(sql).await;
        match rows.as_deref() {
            Ok([row]) if row.first().is_some_and(|value| value.as_deref() == Some("t")) => Ok(()),
            // SQLSTATE 25P02: the open transaction has failed already.
            Err(error) if error.sqlstate != "25P02" => {
                Err(ReadError::Server { what: "begin reading the catalog", error: error.clone() })
            }
            _ => Err(ReadError::OpenTransaction),
        }
    }
}

impl std::fmt::Debug for LabSession {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("LabSession")
            .field("version", &self.version)
            .field("backend_pid", &self.backend_pid)
            .finish()
    }
}
