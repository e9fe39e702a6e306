//! Who stands in the way: sessions that hold the lock of the history, or locks on tables that a migration waits for.

use pgsteward_model::lock::LockMode;
use pgsteward_model::migrate::deploy::Lock;
use pgsteward_model::migration::ServerError;
use pgsteward_pg::WriteSession;
use pgsteward_pg::history::ADVISORY_LOCK;
use pgsteward_sql::quote_literal;

/// What is told of a session; a role without rights sees less of it.
const SESSION: &str = "l.pid, a.application_name, a.usename, pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', \
    'YYYY-MM-DD HH24:MI:SS'), a.client_addr, a.state";

/// Who holds the lock of the history in this database: process, application, role, since when, doing what.
pub(super) async fn of_history(session: &WriteSession) -> Result<String, ServerError> {
    let sql = format!(
        "SELECT {SESSION} FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = {ADVISORY_LOCK} AND l.objsubid = 1 \
         AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
    );
    let rows = session.rows(&sql).await?;
    let words: Vec<String> = rows.iter().map(|row| in_words(row)).collect();
    Ok(if words.is_empty() { "a session that has just ended".to_owned() } else { words.join("; ") })
}

/// Who holds locks at this moment that these cannot be granted beside, the oldest session first.
pub(super) async fn of_tables(session: &WriteSession, wanted: &[Lock]) -> Result<Vec<String>, ServerError> {
    let names: Vec<String> = wanted.iter().map(|lock| quote_literal(&lock.relation).to_string()).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {SESSION}, t.name, l.mode FROM pg_catalog.pg_locks l JOIN (SELECT c.oid, CASE n.nspname WHEN 'public' \
         THEN c.relname ELSE n.nspname || '.' || c.relname END AS name FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace) t ON t.oid = l.relation \
         LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid() AND t.name IN ({}) \
         AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
         ORDER BY a.xact_start, l.pid",
        names.join(", ")
    );
    let rows = session.rows(&sql).await?;
    let mut words: Vec<String> = Vec::new();
    for row in &rows {
        let [.., Some(name), Some(mode)] = row.as_slice() else { continue };
        let Some(held) = LockMode::from_catalog_name(mode) else { continue };
        let is_in_the_way = wanted.iter().any(|lock| {
            lock.relation == *name
                && LockMode::from_words(&lock.mode).is_some_and(|mode| mode.conflicts_with(held))
        });
        let told = format!("\"{name}\" is locked ({held}) by {}", in_words(row));
        if is_in_the_way && !words.contains(&told) {
            words.push(told);
        }
    }
    Ok(words)
}

fn in_words(row: &[Option<String>]) -> String {
    let value = |at: usize| row.get(at).and_then(|value| value.as_deref()).filter(|value| !value.is_empty());
    let mut text = format!("process {}", value(0).unwrap_or("?"));
    if let Some(application) = value(1) {
        text.push_str(&format!(" (\"{application}\")"));
    }
    if let Some(role) = value(2) {
        text.push_str(&format!(" of \"{role}\""));
    }
    if let Some(address) = value(4) {
        text.push_str(&format!(" at {address}"));
    }
    if let Some(since) = value(3) {
        text.push_str(&format!(", connected since {since} UTC"));
    }
    if let Some(state) = value(5) {
        text.push_str(&format!(", {state}"));
    }
    text
}
