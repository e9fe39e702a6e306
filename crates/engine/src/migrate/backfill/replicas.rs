//! How long ago the server wrote what its slowest replica has not replayed yet. The server's own figure
//! (`pg_stat_replication.replay_lag`) is that of the last record that was replayed: it stands still while nothing is.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use pgsteward_model::migration::ServerError;
use pgsteward_pg::WriteSession;

/// Positions in the WAL are counted from its beginning. Replicas that the role may not see (without `pg_monitor`) have
/// neither position nor lag.
const LOOK: &str = "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0')::text, \
    pg_catalog.min(pg_catalog.pg_wal_lsn_diff(replay_lsn, '0/0'))::text, \
    pg_catalog.max(extract(epoch FROM replay_lag))::float8 FROM pg_catalog.pg_stat_replication";

#[derive(Debug, Default)]
pub(super) struct Replicas {
    /// When the server's position was first seen there; older ones first, and only what is not replayed.
    seen: VecDeque<(Instant, u64)>,
}

impl Replicas {
    pub(super) async fn lag(&mut self, watcher: &WriteSession) -> Result<Duration, ServerError> {
        let rows = watcher.rows(LOOK).await?;
        let value = |at: usize| rows.first().and_then(|row| row.get(at)?.as_deref());
        let written = value(0).and_then(|value| value.parse().ok());
        let replayed = value(1).and_then(|value| value.parse().ok());
        let told = value(2).and_then(|value| value.parse().ok()).map_or(Duration::ZERO, seconds);
        let (Some(written), Some(replayed)) = (written, replayed) else { return Ok(told) };
        Ok(self.note(Instant::now(), written, replayed, told))
    }

    fn note(&mut self, now: Instant, written: u64, replayed: u64, told: Duration) -> Duration {
        while self.seen.front().is_some_and(|(_, position)| *position <= replayed) {
            self.seen.pop_front();
        }
        if written <= replayed {
            return Duration::ZERO;
        }
        if self.seen.back().is_none_or(|(_, position)| *position < written) {
            self.seen.push_back((now, written));
        }
        let waits =
            self.seen.front().map_or(Duration::ZERO, |(since, _)| now.saturating_duration_since(*since));
        waits.max(told)
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_that_stands_still_falls_behind() {
        let start = Instant::now();
        let at = |milliseconds: u64| start + Duration::from_millis(milliseconds);
        let mut replicas = Replicas::default();
        assert_eq!(replicas.note(at(0), 100, 100, Duration::from_secs(9)), Duration::ZERO, "nothing is left");
        assert_eq!(replicas.note(at(10), 200, 100, Duration::ZERO), Duration::ZERO);
        assert_eq!(replicas.note(at(500), 300, 100, Duration::ZERO), Duration::from_millis(490));
        assert_eq!(replicas.note(at(600), 300, 200, Duration::ZERO), Duration::from_millis(100));
        assert_eq!(replicas.note(at(600), 300, 200, Duration::from_secs(1)), Duration::from_secs(1));
        assert_eq!(replicas.note(at(700), 300, 300, Duration::ZERO), Duration::ZERO);
    }
}
