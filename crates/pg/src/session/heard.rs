//! What a server says beside its answers: the notices and warnings of a session, as they come.

use std::sync::{Arc, Mutex, PoisonError};

use pgsteward_model::migrate::deploy::{ServerMessage, ServerMessages};
use tokio_postgres::error::{DbError, Severity};

/// So many warnings are kept, and so many others: a loop may raise one for each row.
const MOST: usize = 200;

/// Written by the task of a connection, read by whoever uses it. A message is there before the end of the statement that it
/// came from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<ServerMessages>>);

impl Heard {
    pub(crate) fn push(&self, said: &DbError) {
        // The server words the other severity in its own language.
        let severity = match said.parsed_severity() {
            Some(Severity::Warning) => "WARNING",
            Some(Severity::Notice) => "NOTICE",
            Some(Severity::Info) => "INFO",
            Some(Severity::Log) => "LOG",
            Some(Severity::Debug) => "DEBUG",
            _ => said.severity(),
        };
        let message = ServerMessage {
            severity: severity.to_owned(),
            sqlstate: said.code().code().to_owned(),
            message: said.message().to_owned(),
            detail: said.detail().map(str::to_owned),
            hint: said.hint().map(str::to_owned),
        };
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let alike = heard.list.iter().filter(|one| one.is_warning() == message.is_warning()).count();
        match alike < MOST {
            true => heard.list.push(message),
            false => heard.left_out += 1,
        }
    }

    /// What came since it was asked last.
    pub(crate) fn take(&self) -> ServerMessages {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
