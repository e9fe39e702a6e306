//! That a session was the only one with its database for some time, so that all that happened there meanwhile was its own
//! doing.
//!
//! Each session that comes is counted by the server at the latest when it ends, and until then it is seen. So who counts
//! first and then looks at the beginning, and looks first and then counts at the end, misses none.

use std::time::Duration;

use pgsteward_model::migration::ServerError;

use super::WriteSession;
use crate::fingerprint::{COUNT_NOW, DIGEST, OTHERS, SESSIONS, UNTOUCHED, count_of_opened};

/// The first major whose server counts a session when it is asked to, and not some time later.
const COUNTS: u32 = 15;

/// A session of our own that has just ended is seen for a moment.
const PATIENCE: usize = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// A database that nobody had made anything in when a session came, and nobody else was in.
#[derive(Debug)]
pub struct Witness {
    sessions: u64,
    opened: u64,
}

impl Witness {
    /// None where something is there already, somebody else is, or the server cannot say.
    pub async fn begin(session: &WriteSession) -> Result<Option<Witness>, ServerError> {
        if session.version().major() < COUNTS || !session.holds(UNTOUCHED).await? {
            return Ok(None);
        }
        session.simple(COUNT_NOW).await?;
        let (sessions, opened) = (session.number(SESSIONS).await?, count_of_opened(session.url()));
        let untouched = session.number(OTHERS).await? == Some(0) && session.holds(UNTOUCHED).await?;
        Ok(sessions.filter(|_| untouched).map(|sessions| Witness { sessions, opened }))
    }

    /// The fingerprint of what the session has made, see [`crate::ReadSession::fingerprint`]; none where somebody else was
    /// there besides this process.
    pub async fn end(self, session: &WriteSession) -> Result<Option<String>, ServerError> {
        let fingerprint = session.value(DIGEST).await?;
        let opened = count_of_opened(session.url()) - self.opened;
        for _ in 0..if opened > 0 { PATIENCE } else { 1 } {
            if session.number(OTHERS).await? == Some(0) {
                let alone = session.number(SESSIONS).await? == Some(self.sessions + opened);
                return Ok(fingerprint.filter(|_| alone));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(None)
    }
}

impl WriteSession {
    async fn holds(&self, sql: &str) -> Result<bool, ServerError> {
        Ok(self.value(sql).await?.as_deref() == Some("t"))
    }

    async fn number(&self, sql: &str) -> Result<Option<u64>, ServerError> {
        Ok(self.value(sql).await?.and_then(|value| value.parse().ok()))
    }
}
