//! Looks at the server every few milliseconds while a migration runs: the locks of its session, and the sessions
//! that wait for it. What is shorter than the distance of two looks may be missed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pgsteward_lab::Database;
use pgsteward_model::lock::LockMode;
use pgsteward_model::migration::ServerError;
use pgsteward_pg::LabSession;
use tokio::task::JoinHandle;

use crate::migrate::MigrateError;

const DISTANCE: Duration = Duration::from_millis(3);

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    /// When a lock that was granted was first and last seen, by relation's object id and mode.
    pub(super) locks: BTreeMap<(String, LockMode), (Instant, Instant)>,
    /// Sessions that waited for the migration, and when they were seen doing so.
    pub(super) waiting: Vec<(i32, Instant)>,
}

pub(super) struct Sampler {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<Samples, ServerError>>,
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

impl Sampler {
    pub(super) async fn start(database: &Database, pid: i32) -> Result<Sampler, MigrateError> {
        let session = database.session().await.map_err(|error| super::of_lab(&error))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let seen = look(&session, pid, &stopped).await;
            session.close().await;
            seen
        });
        Ok(Sampler { stop, task })
    }

    pub(super) async fn end(mut self) -> Result<Samples, MigrateError> {
        self.stop.store(true, Ordering::Release);
        let seen = (&mut self.task)
            .await
            .map_err(|error| MigrateError::new(format!("the sampler broke down: {error}")))?;
        seen.map_err(|error| MigrateError::server("read the locks of the lab", &error))
    }
}

async fn look(session: &LabSession, pid: i32, stop: &AtomicBool) -> Result<Samples, ServerError> {
    // A session that waits for one that waits for the migration waits for the migration.
    let sql = format!(
        "WITH RECURSIVE waiting(pid, blocker) AS MATERIALIZED ( \
           SELECT a.pid, b.blocker FROM pg_catalog.pg_stat_activity a, \
             pg_catalog.unnest(pg_catalog.pg_blocking_pids(a.pid)) AS b(blocker) \
           WHERE a.datname = pg_catalog.current_database() AND a.wait_event_type = 'Lock' AND a.pid <> {pid} \
         ), behind(pid) AS ( \
           SELECT {pid} UNION SELECT w.pid FROM waiting w JOIN behind b ON w.blocker = b.pid \
         ) \
         SELECT 'lock', l.relation::text, l.mode FROM pg_catalog.pg_locks l \
         WHERE l.pid = {pid} AND l.locktype = 'relation' AND l.relation >= 16384 AND l.granted \
         UNION ALL SELECT 'wait', b.pid::text, '' FROM behind b WHERE b.pid <> {pid}"
    );
    let mut samples = Samples::default();
    loop {
        let stopping = stop.load(Ordering::Acquire);
        let rows = session.rows(&sql).await?;
        let now = Instant::now();
        for row in rows {
            let [Some(kind), Some(id), Some(mode)] = &row[..] else { continue };
            if kind == "lock" {
                if let Some(mode) = LockMode::from_catalog_name(mode) {
                    samples.locks.entry((id.clone(), mode)).or_insert((now, now)).1 = now;
                }
            } else if let Ok(waiting) = id.parse() {
                samples.waiting.push((waiting, now));
            }
        }
        if stopping {
            return Ok(samples);
        }
        tokio::time::sleep(DISTANCE).await;
    }
}
