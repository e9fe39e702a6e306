//! The walls outside the server: SQL can reset `statement_timeout`, so time and disk are watched from a
//! thread that no SQL and no busy runtime can stop.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Verdict, lock};
use crate::files::disk_usage;

/// How often limits are looked at. A fast disk writes some hundred megabytes meanwhile.
const INTERVAL: Duration = Duration::from_millis(200);

/// What a replay gets beyond its own limit before the whole server is ended: time to end one session.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Watchdog {
    deadlines: Arc<Mutex<Vec<Deadline>>>,
    /// Dropping it ends the thread.
    _alive: Sender<()>,
}

#[derive(Debug)]
struct Deadline {
    id: u64,
    at: Instant,
    seconds: u64,
}

/// A limit in force until it is dropped.
#[derive(Debug)]
pub(crate) struct TimeLimit {
    deadlines: Arc<Mutex<Vec<Deadline>>>,
    id: u64,
}

impl Watchdog {
    pub(crate) fn watch(cluster: &Arc<Cluster>, disk_limit_bytes: u64) -> std::io::Result<Watchdog> {
        let (alive, gone) = channel::<()>();
        let deadlines: Arc<Mutex<Vec<Deadline>>> = Arc::default();
        let (watched, limits) = (Arc::downgrade(cluster), deadlines.clone());
        std::thread::Builder::new().name("lab watchdog".to_owned()).spawn(move || {
            let mut pause = INTERVAL;
            while matches!(gone.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
                let Some(spent) = look(&watched, &limits, disk_limit_bytes) else { return };
                // Many clones make the walk long; it must stay a small part of the machine's work.
                pause = INTERVAL.max(spent * 10);
            }
        })?;
        Ok(Watchdog { deadlines, _alive: alive })
    }

    /// From `limit` (and some grace) on the server is ended, unless the guard is dropped before.
    pub(crate) fn limit(&self, limit: Duration) -> TimeLimit {
        let mut all = lock(&self.deadlines);
        let id = all.iter().map(|deadline| deadline.id).max().map_or(0, |id| id + 1);
        all.push(Deadline { id, at: Instant::now() + limit + GRACE, seconds: limit.as_secs() });
        TimeLimit { deadlines: self.deadlines.clone(), id }
    }
}

impl Drop for TimeLimit {
    fn drop(&mut self) {
        lock(&self.deadlines).retain(|deadline| deadline.id != self.id);
    }
}

/// One look at the limits. Returns how long the look at the disk took, or nothing once there is nothing to
/// watch any more.
fn look(
    cluster: &Weak<Cluster>,
    deadlines: &Mutex<Vec<Deadline>>,
    disk_limit_bytes: u64,
) -> Option<Duration> {
    let cluster = cluster.upgrade()?;
    let now = Instant::now();
    let passed = lock(deadlines).iter().find(|deadline| deadline.at < now).map(|deadline| deadline.seconds);
    if let Some(seconds) = passed {
        cluster.condemn(Verdict::Time { seconds });
        return None;
    }
    if disk_usage(&cluster.data()) > disk_limit_bytes {
        cluster.condemn(Verdict::Disk { limit_bytes: disk_limit_bytes });
        return None;
    }
    Some(now.elapsed())
}
