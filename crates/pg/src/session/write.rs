//! A session with a server of the user's that may write. It is to be had for a [`Permit`] only, and a permit is
//! made by the verb that the user called: nothing here decides whether a statement is wise.

use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::Stream;
use pgsteward_model::catalog::Catalog;
use pgsteward_model::facts::Gap;
use pgsteward_model::migrate::deploy::ServerMessages;
use pgsteward_model::migration::ServerError;
use pgsteward_model::version::ServerVersion;
use tokio::task::JoinHandle;
use tokio_postgres::{CancelToken, Client, NoTls, SimpleQueryMessage, SimpleQueryRow};

use super::heard::Heard;
use crate::connect::{self, Access, ConnectError, Line};
use crate::error::{ReadError, server_error};
use crate::grants::identifier;
use crate::history::{self, HistoryRow, HistoryTable};
use crate::introspect::{self, CatalogOptions, Queries};
use crate::tls;
use crate::url::ServerUrl;

/// What `pg_stat_activity.application_name` shows of every session that may write.
pub const APPLICATION_NAME: &str = "pgsteward migrate";

/// What the user asked for, and of which database. The only way to a [`WriteSession`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    database: String,
    asked: String,
}

impl Permit {
    /// `asked` is the command in the user's words ("migrate deploy"); `database` the one that it names, as
    /// the connection URL has it.
    pub fn new(database: impl Into<String>, asked: impl Into<String>) -> Permit {
        Permit { database: database.into(), asked: asked.into() }
    }

    /// A permit for the database that the URL names (or that the server takes where it names none).
    pub fn for_url(url: &ServerUrl, asked: impl Into<String>) -> Permit {
        Permit::new(url.database().or(url.user()).unwrap_or_default(), asked)
    }

    pub fn asked(&self) -> &str {
        &self.asked
    }
}

/// So many messages are on their way at once.
const TOGETHER: usize = 30;

/// Rows of a simple query; each value as the text the server prints, `None` for NULL.
pub type TextRows = Vec<Vec<Option<String>>>;

/// One statement of several that were sent together.
#[derive(Clone, Debug)]
pub struct Answered {
    pub outcome: Result<TextRows, ServerError>,
    /// When the answer was complete.
    pub at: Instant,
}

/// A row of a script whose first column has a name that its author chose to know it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub name: String,
    pub values: Vec<Option<String>>,
}

/// How a message of several statements ended, and the marked rows that came before that.
#[derive(Clone, Debug)]
pub struct Marked {
    pub marks: Vec<Mark>,
    /// So many statements of the message were done.
    pub completed: usize,
    pub outcome: Result<(), ServerError>,
}

/// One connection that may write.
pub struct WriteSession {
    client: Client,
    connection: JoinHandle<()>,
    heard: Heard,
    version: ServerVersion,
    backend_pid: i32,
    queries: Queries,
    url: ServerUrl,
    permit: Permit,
}

impl WriteSession {
    /// Connects as `url` says, under the name [`APPLICATION_NAME`]. The URL must name the database of the
    /// permit: the user's word was about that one. Names are looked up in the URL's `schema` alone, as Prisma's
    /// engine has it; the namespace need not exist yet.
    pub async fn connect(url: &ServerUrl, permit: Permit) -> Result<WriteSession, ConnectError> {
        let named = url.database().or(url.user()).unwrap_or_default();
        if named != permit.database {
            return Err(ConnectError::Broken {
                place: url.place(),
                reason: format!(
                    "\"{}\" was asked for the database \"{}\", and the URL names \"{named}\"",
                    permit.asked, permit.database
                ),
            });
        }
        let access = Access::Write { application_name: APPLICATION_NAME };
        let (Line { client, connection, heard }, version, backend_pid) = connect::open(url, access).await?;
        let path = format!("SET search_path TO {}", identifier(url.schema()));
        client
            .batch_execute(&path)
            .await
            .map_err(|error| connect::classify(&error, &url.place(), Some(url)))?;
        let queries = Queries::for_version(version);
        Ok(WriteSession {
            client,
            connection,
            heard,
            version,
            backend_pid,
            queries,
            url: url.clone(),
            permit,
        })
    }

    /// Runs `sql` as one simple-query message, so several statements are one implicit transaction. Rows are
    /// dropped.
    pub async fn simple(&self, sql: &str) -> Result<(), ServerError> {
        self.client.batch_execute(sql).await.map_err(|error| server_error(&error))
    }

    /// Rows of all statements in `sql`, sent as one simple-query message.
    pub async fn rows(&self, sql: &str) -> Result<TextRows, ServerError> {
        let messages = self.client.simple_query(sql).await.map_err(|error| server_error(&error))?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
            }
            _ => None,
        });
        Ok(rows.collect())
    }

    /// The first value of the first row.
    pub async fn value(&self, sql: &str) -> Result<Option<String>, ServerError> {
        Ok(self.rows(sql).await?.into_iter().next().and_then(|row| row.into_iter().next().flatten()))
    }

    /// Sends several messages before the first answer is back, thirty at a time; the answers in order,
    /// each with its time. What was sent together with a message that failed runs all the same (unless the
    /// transaction that it failed in refuses it); nothing more is sent then, so there may be fewer answers.
    pub async fn each(&self, texts: &[&str]) -> Vec<Answered> {
        let one = async |sql: &str| {
            let outcome = self.rows(sql).await;
            Answered { outcome, at: Instant::now() }
        };
        let mut answers: Vec<Answered> = Vec::with_capacity(texts.len());
        for together in texts.chunks(TOGETHER) {
            answers.extend(introspect::one_by_one(together.iter().map(|sql| one(sql)).collect()).await);
            if answers.iter().any(|answer| answer.outcome.is_err()) {
                break;
            }
        }
        answers
    }

    /// As [`WriteSession::each`] for messages of several statements: keeps the rows whose first column's name begins
    /// with `prefix`, also where a later statement of their message failed.
    pub async fn marked(&self, texts: &[&str], prefix: &str) -> Vec<Marked> {
        let mut answers: Vec<Marked> = Vec::with_capacity(texts.len());
        for together in texts.chunks(TOGETHER) {
            let sent = together.iter().map(|sql| self.marks_of(sql, prefix)).collect();
            answers.extend(introspect::one_by_one(sent).await);
            if answers.iter().any(|answer| answer.outcome.is_err()) {
                break;
            }
        }
        answers
    }

    async fn marks_of(&self, sql: &str, prefix: &str) -> Marked {
        let (mut marks, mut completed) = (Vec::new(), 0);
        let read = async {
            let mut stream = pin!(self.client.simple_query_raw(sql).await?);
            while let Some(message) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
                match message? {
                    SimpleQueryMessage::CommandComplete(_) => completed += 1,
                    SimpleQueryMessage::Row(row) => marks.extend(mark(&row, prefix)),
                    _ => {}
                }
            }
            Ok(())
        };
        let outcome = read.await.map_err(|error: tokio_postgres::Error| server_error(&error));
        Marked { marks, completed, outcome }
    }

    /// What the server said beside its answers since this was asked last: notices and warnings.
    pub fn heard(&self) -> ServerMessages {
        self.heard.take()
    }

    /// Brings the session back to how it began, whatever a script did to it: no transaction, role, setting,
    /// temporary table, cursor or prepared statement of the script is left, and names are looked up in the
    /// namespace of the URL, as Prisma has it. Advisory locks stay.
    pub async fn reset(&self) -> Result<(), ServerError> {
        // A ROLLBACK without a transaction is only warned about. What cannot be left of an aborted transaction
        // must not share its message.
        self.simple("ROLLBACK").await?;
        self.simple(&self.reset_text()).await
    }

    /// The text of [`WriteSession::reset`] for a session without an open transaction.
    pub fn reset_text(&self) -> String {
        format!(
            "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; CLOSE ALL; UNLISTEN *; DEALLOCATE ALL; \
             DISCARD TEMP; DISCARD SEQUENCES; SET search_path TO {}",
            identifier(self.url.schema())
        )
    }

    /// A history of migrations; `None` where the database has no such table.
    pub async fn history(&self, table: &HistoryTable) -> Result<Option<Vec<HistoryRow>>, ReadError> {
        history::read(&self.client, table).await
    }

    /// The whole catalog of the database, read in one read-only transaction of its own. No transaction may be
    /// open.
    pub async fn catalog(&self, options: &CatalogOptions) -> Result<(Catalog, Vec<Gap>), ReadError> {
        introspect::catalog(&self.client, &self.queries, options).await
    }

    pub fn version(&self) -> ServerVersion {
        self.version
    }

    /// Process id of the server process behind this session, as `pg_locks` and `pg_blocking_pids` know it.
    pub fn backend_pid(&self) -> i32 {
        self.backend_pid
    }

    pub fn url(&self) -> &ServerUrl {
        &self.url
    }

    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// True once the connection is gone: nothing that is sent from now on arrives.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// A handle that cancels whatever this session runs, from elsewhere.
    pub fn canceller(&self) -> Canceller {
        Canceller { token: self.client.cancel_token(), url: self.url.clone() }
    }

    /// Ends the session and waits, briefly, until the connection is closed.
    pub async fn close(self) {
        let WriteSession { client, connection, .. } = self;
        drop(client);
        // A server that no longer answers must not keep us; a task that panicked has nothing left to close.
        drop(tokio::time::timeout(Duration::from_secs(2), connection).await);
    }
}

fn mark(row: &SimpleQueryRow, prefix: &str) -> Option<Mark> {
    let first = row.columns().first().filter(|first| first.name().starts_with(prefix))?;
    let values = (0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect();
    Some(Mark { name: first.name().to_owned(), values })
}

impl std::fmt::Debug for WriteSession {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("WriteSession")
            .field("url", &self.url)
            .field("version", &self.version)
            .field("backend_pid", &self.backend_pid)
            .finish()
    }
}

/// Cancels what a session runs, over a connection of its own, as the protocol wants it.
#[derive(Clone)]
pub struct Canceller {
    token: CancelToken,
    url: ServerUrl,
}

impl Canceller {
    /// Asks the server to cancel. That it was asked does not mean that there was something to cancel.
    pub async fn cancel(&self) -> Result<(), ConnectError> {
        let failed = |error: tokio_postgres::Error| connect::classify(&error, &self.url.place(), None);
        if self.url.is_socket() {
            return self.token.cancel_query(NoTls).await.map_err(failed);
        }
        match tls::connector(&self.url) {
            Ok(connector) => match self.token.cancel_query(connector).await {
                Ok(()) => Ok(()),
                // The server may speak no TLS; the token knows no "prefer" of its own.
                Err(_) => self.token.cancel_query(NoTls).await.map_err(failed),
            },
            Err(_) => self.token.cancel_query(NoTls).await.map_err(failed),
        }
    }
}
