//! What a server or a broken connection answered, as typed errors. The one place that takes the client
//! library's errors apart.

use pgsteward_model::facts::Gap;
use pgsteward_model::migration::ServerError;
use tokio_postgres::error::ErrorPosition;

/// SQLSTATE class 08: the connection does not exist. Used where the server never got to answer.
const CONNECTION_FAILURE: &str = "08006";

/// SQLSTATE of an answer that cannot be read.
const PROTOCOL_VIOLATION: &str = "08P01";

/// A catalog query that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The server refused or the connection broke.
    #[error("cannot {what}: {} (SQLSTATE {})", error.message, error.sqlstate)]
    Server { what: &'static str, error: ServerError },
    /// The role may not read what was asked for; the gap holds the GRANT.
    #[error("cannot {what}: {}", gap.why)]
    Denied { what: &'static str, gap: Gap },
    /// Reading the catalog begins a transaction of its own, which an open one would swallow.
    #[error("cannot read the catalog inside an open transaction")]
    OpenTransaction,
}

impl ReadError {
    pub(crate) fn server(what: &'static str) -> impl Fn(tokio_postgres::Error) -> ReadError {
        move |error| ReadError::Server { what, error: server_error(&error) }
    }

    /// The next step for whoever sees the error.
    pub fn hint(&self) -> String {
        match self {
            ReadError::Denied { gap, .. } => gap.hint.clone(),
            ReadError::OpenTransaction => "end the transaction first".into(),
            ReadError::Server { error, .. } => match error.sqlstate.as_str() {
                "55P03" => "another session holds an exclusive lock, as a migration does: try again when it is \
                            done, or look for it with SELECT * FROM pg_locks WHERE mode = 'AccessExclusiveLock'"
                    .into(),
                "57014" => "the server cancelled the query after its time limit: try again when it is less busy".into(),
                "42501" => error.hint.clone().unwrap_or_else(|| {
                    "grant the role what the message names, or connect as the owner of the database".into()
                }),
                CONNECTION_FAILURE => "see whether the server is still up and try again".into(),
                _ => error.hint.clone().unwrap_or_else(|| "see the server's log for the context of this error".into()),
            },
        }
    }
}

/// What the server sent. Where it sent nothing, the failure of the connection with SQLSTATE 08006, or 08P01
/// for an answer that could not be read.
pub(crate) fn server_error(error: &tokio_postgres::Error) -> ServerError {
    match error.as_db_error() {
        Some(sent) => ServerError {
            sqlstate: sent.code().code().to_owned(),
            message: sent.message().to_owned(),
            detail: sent.detail().map(str::to_owned),
            hint: sent.hint().map(str::to_owned),
            position: match sent.position() {
                Some(ErrorPosition::Original(position)) => Some(*position),
                // A position inside text that the server made itself says nothing about what was sent.
                Some(ErrorPosition::Internal { .. }) | None => None,
            },
        },
        None => ServerError {
            sqlstate: if is_connection_failure(error) { CONNECTION_FAILURE } else { PROTOCOL_VIOLATION }
                .into(),
            message: with_sources(error),
            detail: None,
            hint: None,
            position: None,
        },
    }
}

/// The message of an error and of what caused it, each once.
pub(crate) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        source = cause.source();
    }
    text
}

fn is_connection_failure(error: &tokio_postgres::Error) -> bool {
    error.is_closed() || std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}
