//! Whether the schema of a database was touched, and by whom it may have been: what lets one who has seen a state say
//! later that it is still there, without reading it. Says nothing of what the schema is.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio_postgres::Client;

use crate::error::ReadError;
use crate::introspect::in_transaction;
use crate::url::ServerUrl;

/// One row with one text, the same as long as nobody touches the schema.
pub(crate) const DIGEST: &str = include_str!("fingerprint/digest.sql");

/// Whether nobody has made anything in this database but namespaces. (What the system makes has ids below 16384:
/// `FirstNormalObjectId` in PostgreSQL's `access/transam.h`.)
pub(crate) const UNTOUCHED: &str = "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid >= 16384) \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_type WHERE oid >= 16384) \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE oid >= 16384) \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger) \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE oid >= 16384)";

/// Has this session's own numbers counted before the next message: the server does that when it likes, and from 15 on at
/// once where it is asked to.
pub(crate) const COUNT_NOW: &str = "SELECT pg_catalog.pg_stat_force_next_flush()";

/// How many sessions there ever were with this database. One is counted at the latest when it ends.
pub(crate) const SESSIONS: &str =
    "SELECT sessions FROM pg_catalog.pg_stat_database WHERE datname = pg_catalog.current_database()";

/// How many others are there now, workers of the server included. Anybody may see that much.
pub(crate) const OTHERS: &str = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity \
    WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid()";

/// By database, how many sessions this process has opened. One database under two names counts as two.
static OPENED: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

fn name(url: &ServerUrl) -> String {
    format!("{} {}", url.place(), url.database().or(url.user()).unwrap_or_default())
}

/// A session with a server of the user's was opened.
pub(crate) fn opened(url: &ServerUrl) {
    *OPENED.lock().unwrap_or_else(PoisonError::into_inner).entry(name(url)).or_default() += 1;
}

/// How many sessions this process has opened with the database so far.
pub(crate) fn count_of_opened(url: &ServerUrl) -> u64 {
    OPENED.lock().unwrap_or_else(PoisonError::into_inner).get(&name(url)).copied().unwrap_or_default()
}

pub(crate) async fn of(client: &Client) -> Result<String, ReadError> {
    let failed = ReadError::server("ask whether the schema was touched");
    let rows = in_transaction(client, &[DIGEST], &[]).await.map_err(&failed)?;
    match rows.iter().flatten().next() {
        Some(row) => row.try_get(0).map_err(&failed),
        None => Ok(String::new()),
    }
}
