//! The owner's session that hostile SQL is sent through: ended from outside when its time is up, and opened
//! again after the server ended it.

use std::time::{Duration, Instant};

use pgsteward_model::migration::ServerError;
use pgsteward_pg::LabSession;

use crate::clone::Database;
use crate::error::LabError;
use crate::lab::Lab;

/// What became of one message.
pub(crate) enum Outcome {
    Done,
    /// The server answered with an error; the session goes on.
    Refused(ServerError),
    /// The session was ended; a new one was opened.
    Stopped(ServerError),
}

pub(crate) struct Channel<'a> {
    lab: &'a Lab,
    database: &'a Database,
    session: LabSession,
    deadline: Instant,
    limit: Duration,
}

impl<'a> Channel<'a> {
    /// A session whose messages must be done `limit` after `started`.
    pub(crate) async fn open(
        lab: &'a Lab,
        database: &'a Database,
        started: Instant,
        limit: Duration,
    ) -> Result<Channel<'a>, LabError> {
        let session = database.session().await?;
        Ok(Channel { lab, database, session, deadline: started + limit, limit })
    }

    pub(crate) async fn close(self) {
        self.session.close().await;
    }

    pub(crate) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Begins in lower case and has no full stop, like all reasons why something was skipped.
    pub(crate) fn out_of_time(&self) -> String {
        format!("the lab's time limit of {} s was used up", self.limit.as_secs())
    }

    /// Sends one message and waits for its end, but no longer than the time limit allows.
    pub(crate) async fn send(&mut self, sql: &str) -> Result<Outcome, LabError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let error = match tokio::time::timeout(left, self.session.simple(sql)).await {
            Ok(Ok(())) => return Ok(Outcome::Done),
            Ok(Err(error)) => error,
            Err(_) => {
                let pid = self.session.backend_pid();
                self.lab.databases.terminate(pid).await?;
                self.reconnect().await?;
                let message = format!("{}, and the statement was stopped", self.out_of_time());
                return Ok(Outcome::Stopped(ServerError {
                    sqlstate: "57014".into(),
                    message,
                    ..ServerError::default()
                }));
            }
        };
        if let Some(failure) = self.lab.failure(&error) {
            return Err(failure);
        }
        // A session that is gone while the server lives was ended by the server: it crashed or was told to.
        let answer = self.session.simple("ROLLBACK").await;
        if answer.is_err_and(|error| error.sqlstate.starts_with("08") || error.sqlstate.is_empty()) {
            // The disk watchdog may be a moment behind the end of the session.
            self.reconnect().await?;
            return Ok(Outcome::Stopped(error));
        }
        Ok(Outcome::Refused(error))
    }

    async fn reconnect(&mut self) -> Result<(), LabError> {
        // After a crash the server takes a moment to come back; it refuses sessions meanwhile.
        let patience = Instant::now() + Duration::from_secs(10);
        loop {
            match self.database.session().await {
                Ok(session) => {
                    self.session = session;
                    return Ok(());
                }
                Err(error @ LabError::Server { .. }) if Instant::now() < patience => {
                    drop(error);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}
