//! Watches the server from a second session while a file runs: who waits for us, how far replicas fall behind, how
//! fast the server answers. At the budget the statement is cancelled, so that an atomic file leaves nothing behind.

use std::time::{Duration, Instant};

use pgsteward_model::migrate::deploy::Watched;
use pgsteward_model::migration::ServerError;
use pgsteward_pg::{Permit, ServerUrl, WriteSession};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::Progress;

/// What others may feel before a deploy stops.
#[derive(Clone, Debug)]
pub struct Budget {
    /// How long another session may wait for ours; none: as long as it takes.
    pub longest_wait: Option<Duration>,
    /// How far a replica may fall behind, in bytes of WAL.
    pub largest_lag: Option<u64>,
    /// How long the server may take to answer a query of a few rows; none: as long as it takes.
    pub slowest_answer: Option<Duration>,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { longest_wait: Some(Duration::from_secs(30)), largest_lag: None, slowest_answer: None }
    }
}

/// A file that is over sooner is not worth a second connection.
const AFTER: Duration = Duration::from_millis(300);
const EVERY: Duration = Duration::from_millis(250);

pub(super) struct Watch {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Option<Seen>>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) watched: Watched,
    /// Why the statement was cancelled, or could not be watched.
    pub(super) stopped: Option<String>,
    pub(super) problem: Option<String>,
}

impl Watch {
    pub(super) fn start(session: &WriteSession, budget: &Budget) -> Watch {
        let (stop, stopped) = oneshot::channel();
        let url = session.url().clone();
        let permit = session.permit().clone();
        let canceller = session.canceller();
        let pid = session.backend_pid();
        let budget = budget.clone();
        let task = tokio::spawn(async move { watch(url, permit, pid, &canceller, &budget, stopped).await });
        Watch { stop, task }
    }

    /// What was seen; none where the file was over before anything could be.
    pub(super) async fn finish(self) -> Option<Seen> {
        // A watcher that has ended by itself hears nothing.
        let _ = self.stop.send(());
        self.task.await.ok().flatten()
    }
}

async fn watch(
    url: ServerUrl,
    permit: Permit,
    pid: i32,
    canceller: &pgsteward_pg::Canceller,
    budget: &Budget,
    mut stopped: oneshot::Receiver<()>,
) -> Option<Seen> {
    tokio::select! {
        _ = &mut stopped => return None,
        () = tokio::time::sleep(AFTER) => {}
    }
    let mut seen = Seen::default();
    let session = match WriteSession::connect(&url, permit).await {
        Ok(session) => session,
        Err(error) => {
            seen.problem = Some(format!("it could not be watched: {error}"));
            return Some(seen);
        }
    };
    let sql = sample_sql(pid, session.version().major());
    loop {
        let began = Instant::now();
        let rows = tokio::select! {
            _ = &mut stopped => break,
            rows = session.rows(&sql) => rows,
            why = too_slow(budget.slowest_answer) => {
                // An answer that is not there yet is late already, however long it takes in the end.
                let watched = &mut seen.watched;
                watched.samples += 1;
                watched.slowest_answer_ms = watched.slowest_answer_ms.max(milliseconds(began));
                stop(&mut seen, canceller, why).await;
                // This session has nobody who would take its leave.
                return Some(seen);
            }
        };
        let answer = milliseconds(began);
        match rows {
            Ok(rows) => {
                let value = |at: usize| {
                    rows.first()
                        .and_then(|row| row.get(at)?.as_deref()?.parse::<f64>().ok())
                        .map(|value| value.max(0.0) as u64)
                };
                let watched = &mut seen.watched;
                watched.samples += 1;
                watched.slowest_answer_ms = watched.slowest_answer_ms.max(answer);
                watched.most_waiting = watched
                    .most_waiting
                    .max(value(0).and_then(|count| u32::try_from(count).ok()).unwrap_or(0));
                watched.longest_wait_ms = watched.longest_wait_ms.max(value(1).unwrap_or(0));
                if let Some(lag) = value(2) {
                    watched.largest_lag_bytes = Some(watched.largest_lag_bytes.unwrap_or(0).max(lag));
                }
                if let Some(why) = over(budget, value(1).unwrap_or(0), value(2)) {
                    stop(&mut seen, canceller, why).await;
                    break;
                }
            }
            Err(error) => {
                seen.problem = Some(format!("it could not be watched: {}", error.message));
                break;
            }
        }
        tokio::select! {
            _ = &mut stopped => break,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    session.close().await;
    Some(seen)
}

/// Waits until no replica is more than so many bytes of WAL behind; the lag where one still is after `wait`. Replicas
/// that the role may not see (without `pg_monitor`) count as none.
pub(super) async fn wait_for_replicas(
    session: &WriteSession,
    most: u64,
    wait: Duration,
    progress: &dyn Progress,
) -> Result<Option<u64>, ServerError> {
    let began = Instant::now();
    loop {
        let lag = session.value(&format!("SELECT {LAG}")).await?;
        // A replica may be ahead of what was read a moment ago.
        let lag = lag.and_then(|lag| lag.parse::<f64>().ok()).map_or(0, |lag| lag.max(0.0) as u64);
        if lag <= most {
            return Ok(None);
        }
        if began.elapsed() >= wait {
            return Ok(Some(lag));
        }
        progress.phase(&format!("wait for a replica that is {lag} bytes behind"));
        tokio::time::sleep(EVERY.min(wait.saturating_sub(began.elapsed()))).await;
    }
}

async fn stop(seen: &mut Seen, canceller: &pgsteward_pg::Canceller, why: String) {
    match canceller.cancel().await {
        Ok(()) => seen.stopped = Some(why),
        Err(error) => seen.problem = Some(format!("{why}, but it could not be cancelled: {error}")),
    }
}

/// Comes back when an answer is later than the budget has it; without one, never.
async fn too_slow(limit: Option<Duration>) -> String {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
    let limit = limit.unwrap_or_default().as_millis();
    format!(
        "the server took more than {limit} ms to answer a small query, and that is the budget (--max-latency)"
    )
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn over(budget: &Budget, wait_ms: u64, lag: Option<u64>) -> Option<String> {
    if let Some(limit) = budget.longest_wait
        && u128::from(wait_ms) > limit.as_millis()
    {
        return Some(format!(
            "another session waited {:.1} s for it, and the budget is {:.1} s (--max-blocked)",
            wait_ms as f64 / 1000.0,
            limit.as_secs_f64()
        ));
    }
    if let (Some(limit), Some(lag)) = (budget.largest_lag, lag)
        && lag > limit
    {
        return Some(format!("a replica was {lag} bytes behind, and the budget is {limit} (--max-lag)"));
    }
    None
}

/// Bytes of WAL that the slowest replica has not replayed; NULL without replicas.
const LAG: &str = "(SELECT pg_catalog.max(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), replay_lsn)) \
    FROM pg_catalog.pg_stat_replication)";

/// Sessions that wait for ours, directly; their longest wait in milliseconds; the lag of the slowest replica in
/// bytes. When a wait began is known since PostgreSQL 14 (`pg_locks.waitstart`), before that since when the query
/// runs. Replicas are seen by roles that may (`pg_monitor`).
fn sample_sql(pid: i32, major: u32) -> String {
    let since = if major >= 14 { "coalesce(l.waitstart, a.query_start)" } else { "a.query_start" };
    format!(
        "WITH waiting AS (SELECT a.pid, pg_catalog.max(extract(epoch FROM pg_catalog.clock_timestamp() - {since})) AS s \
         FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_locks l ON l.pid = a.pid AND NOT l.granted \
         WHERE {pid} = ANY (pg_catalog.pg_blocking_pids(a.pid)) GROUP BY a.pid) \
         SELECT (SELECT pg_catalog.count(*) FROM waiting), (SELECT pg_catalog.max(s) * 1000 FROM waiting), \
         {LAG}"
    )
}
