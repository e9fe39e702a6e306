//! The error of every `migrate` and `db` verb: Prisma's code where Prisma has one, what happened, the next step.

use std::fmt;

use pgsteward_model::migrate::deploy::Failure;
use pgsteward_model::migration::ServerError;
use pgsteward_pg::{ConnectError, ReadError, UrlError};

/// Ends a verb with exit code 1. `message` may have several lines; the hint is one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrateError {
    /// `P3009` and so on.
    pub code: Option<&'static str>,
    pub message: String,
    pub hint: Option<String>,
}

impl MigrateError {
    pub fn new(message: impl Into<String>) -> MigrateError {
        MigrateError { code: None, message: message.into(), hint: None }
    }

    pub fn coded(code: &'static str, message: impl Into<String>) -> MigrateError {
        MigrateError { code: Some(code), message: message.into(), hint: None }
    }

    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> MigrateError {
        MigrateError { hint: Some(hint.into()), ..self }
    }

    /// As a report says it.
    pub fn failure(&self) -> Failure {
        Failure { code: self.code.map(str::to_owned), message: self.message.clone(), hint: self.hint.clone() }
    }

    /// The server refused what a verb had to do for itself ("read the locks").
    pub fn server(doing: &str, error: &ServerError) -> MigrateError {
        let refused = MigrateError::new(format!("cannot {doing}: {}", words(error)));
        match error.sqlstate.as_str() {
            "25006" => refused.with_hint(
                "the server takes no writes (a replica, or default_transaction_read_only): name the primary in the \
                 connection URL",
            ),
            "42501" => refused.with_hint("connect as the owner of the database, or grant the role what it lacks"),
            "53100" => refused.with_hint("the server's disk is full: make room and run the command again"),
            "08006" | "57P01" | "57P02" | "57P03" => {
                refused.with_hint("see whether the server is up and run the command again")
            }
            _ => match &error.hint {
                Some(hint) => refused.with_hint(hint.clone()),
                None => refused,
            },
        }
    }
}

/// Message, detail and SQLSTATE in one line.
pub(crate) fn words(error: &ServerError) -> String {
    let detail = error.detail.as_ref().map(|detail| format!("; {detail}")).unwrap_or_default();
    format!("{}{detail} (SQLSTATE {})", error.message, error.sqlstate)
}

impl fmt::Display for MigrateError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.code {
            write!(out, "{code}: ")?;
        }
        out.write_str(&self.message)
    }
}

impl std::error::Error for MigrateError {}

impl From<ConnectError> for MigrateError {
    /// The codes are Prisma's: P1000 credentials, P1001 unreachable, P1002 timed out, P1003 no database,
    /// P1010 access denied, P1011 TLS.
    fn from(error: ConnectError) -> MigrateError {
        let code = match &error {
            ConnectError::WrongPassword { .. } | ConnectError::PasswordMissing { .. } => Some("P1000"),
            ConnectError::Refused { .. }
            | ConnectError::NoSocket { .. }
            | ConnectError::NameNotFound { .. }
            | ConnectError::StartingUp { .. } => Some("P1001"),
            ConnectError::Timeout { .. } => Some("P1002"),
            ConnectError::UnknownDatabase { .. } => Some("P1003"),
            ConnectError::NotAllowed { .. } => Some("P1010"),
            ConnectError::Tls { .. } => Some("P1011"),
            ConnectError::TooManyConnections { .. }
            | ConnectError::TooOld { .. }
            | ConnectError::NotPostgres { .. }
            | ConnectError::Server { .. }
            | ConnectError::Broken { .. } => None,
        };
        MigrateError { code, message: error.to_string(), hint: Some(error.hint()) }
    }
}

impl From<ReadError> for MigrateError {
    fn from(error: ReadError) -> MigrateError {
        MigrateError { code: None, message: error.to_string(), hint: Some(error.hint()) }
    }
}

impl From<UrlError> for MigrateError {
    fn from(error: UrlError) -> MigrateError {
        MigrateError { code: Some("P1013"), message: error.to_string(), hint: Some(error.hint()) }
    }
}
