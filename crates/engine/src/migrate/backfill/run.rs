//! Batch after batch.

use std::time::{Duration, Instant};

use pgsteward_model::migrate::backfill::{BackfillOutcome, BackfillReport};
use pgsteward_model::migration::ServerError;
use pgsteward_pg::WriteSession;

use super::key::{Key, Values};
use super::pace::Pace;
use super::progress::{Row, Table};
use super::replicas::Replicas;
use super::{BackfillOptions, Definition};
use crate::Progress;
use crate::migrate::connection::Connection;
use crate::migrate::error::MigrateError;
use crate::migrate::server;

/// How long a batch waits for a row that somebody else holds, before it is tried smaller. And where row security hides
/// rows from this role, the server refuses: a backfill that passes over rows is none.
const SESSION: &str = "SET lock_timeout = '1s'; SET row_security = off";
/// So often a batch is tried again before the run gives up.
const MOST_RETRIES: u32 = 200;
/// How often it is asked whether others wait for the batch.
const LOOK: Duration = Duration::from_millis(50);
/// How often the lag of replicas is asked for.
const LAG_LOOK: Duration = Duration::from_millis(250);

pub(super) struct Run<'a> {
    pub(super) session: &'a WriteSession,
    pub(super) connection: &'a Connection,
    pub(super) definition: &'a Definition,
    pub(super) key: &'a Key,
    pub(super) table: &'a Table,
    pub(super) options: &'a BackfillOptions,
    pub(super) progress: &'a dyn Progress,
}

impl Run<'_> {
    /// A dry run: the first batch, which is not run.
    pub(super) async fn show(&self, report: &mut BackfillReport) -> Result<(), MigrateError> {
        let known = self.table.read(self.session, &report.name).await?.filter(|_| !self.options.again);
        let known = known.unwrap_or_default();
        report.resumed = known.last_key.is_some();
        (report.rows_read, report.rows_changed, report.batches) =
            (known.rows_read, known.rows_changed, known.batches);
        let end = self
            .key
            .end_of_batch(self.session, known.last_key.as_ref(), self.options.batch_size)
            .await
            .map_err(|error| MigrateError::server("read the first batch", &error))?;
        report.first_batch = end.map(|(last, _)| self.update(known.last_key.as_ref(), &last));
        report.rows_left = self.left().await?;
        Ok(())
    }

    /// Runs from where `known` stopped to the end of the table.
    pub(super) async fn fill(
        &self,
        known: Option<Row>,
        report: &mut BackfillReport,
    ) -> Result<(), MigrateError> {
        let failed = |error: ServerError| MigrateError::server("note how far the backfill came", &error);
        report.resumed = known.is_some();
        let row = match known {
            Some(row) => row,
            None => {
                self.table.begin(self.session, &report.name, &report.statement).await.map_err(failed)?;
                Row::default()
            }
        };
        (report.rows_read, report.rows_changed, report.batches) =
            (row.rows_read, row.rows_changed, row.batches);
        self.session.simple(SESSION).await.map_err(failed)?;
        let watcher = server::connect(self.connection, "migrate backfill").await?;
        let filled = self.batches(&watcher, row.last_key, report).await;
        watcher.close().await;
        filled?;
        self.table.finish(self.session, &report.name).await.map_err(failed)?;
        report.outcome = BackfillOutcome::Finished;
        Ok(())
    }

    async fn batches(
        &self,
        watcher: &WriteSession,
        mut after: Option<Values>,
        report: &mut BackfillReport,
    ) -> Result<(), MigrateError> {
        let mut pace = Pace::new(self.options.batch_size, self.options.pause);
        let (began, read_before) = (Instant::now(), report.rows_read);
        let (mut retries, mut replicas) = (0, Replicas::default());
        loop {
            self.tell(report, began, read_before);
            self.wait_for_replicas(watcher, &mut replicas, report).await?;
            let end = self
                .key
                .end_of_batch(self.session, after.as_ref(), pace.size())
                .await
                .map_err(|error| stopped(report, &error))?;
            let Some((last, full)) = end else { return Ok(()) };
            let update = self.update(after.as_ref(), &last);
            let read = format!("{} WHERE {}", self.definition.table, self.key.between(after.as_ref(), &last));
            let sql = self.table.batch(&report.name, &update, &read, &last);
            let asked = Instant::now();
            let (outcome, waited_for) = self.watched(watcher, &sql).await;
            match outcome {
                Ok(rows) => {
                    let number = |at: usize| -> u64 {
                        let value = rows.first().and_then(|row| row.get(at)).cloned().flatten();
                        value.and_then(|value| value.parse().ok()).unwrap_or(0)
                    };
                    report.rows_changed += number(0);
                    report.rows_read += number(1);
                    report.batches += 1;
                    report.waited_for += u64::from(waited_for);
                    pace.done(asked.elapsed(), waited_for);
                    retries = 0;
                    after = Some(last);
                    if !full {
                        continue;
                    }
                }
                // lock_not_available, deadlock_detected, serialization_failure
                Err(error) if matches!(error.sqlstate.as_str(), "55P03" | "40P01" | "40001") => {
                    retries += 1;
                    report.retried += 1;
                    if retries > MOST_RETRIES {
                        return Err(stopped(report, &error));
                    }
                    pace.slower();
                }
                Err(error) => return Err(stopped(report, &error)),
            }
            tokio::time::sleep(pace.pause()).await;
        }
    }

    /// The UPDATE of one batch.
    fn update(&self, after: Option<&Values>, last: &Values) -> String {
        let Definition { table, set, condition } = self.definition;
        let condition = condition.as_ref().map(|text| format!(" AND ({text})")).unwrap_or_default();
        format!("UPDATE {table} SET {set} WHERE {}{condition}", self.key.between(after, last))
    }

    /// Runs a batch and sees meanwhile whether others wait for it.
    async fn watched(
        &self,
        watcher: &WriteSession,
        sql: &str,
    ) -> (Result<pgsteward_pg::TextRows, ServerError>, bool) {
        let pid = self.session.backend_pid();
        let blocked = format!(
            "SELECT 1 FROM pg_catalog.pg_locks l WHERE NOT l.granted AND {pid} = ANY (pg_catalog.pg_blocking_pids(l.pid)) LIMIT 1"
        );
        let run = self.session.rows(sql);
        tokio::pin!(run);
        let mut waited_for = false;
        loop {
            tokio::select! {
                outcome = &mut run => return (outcome, waited_for),
                () = tokio::time::sleep(LOOK) => {
                    // A watcher that is not answered says nothing; the batch itself will tell what is wrong.
                    if !waited_for {
                        waited_for = watcher.value(&blocked).await.is_ok_and(|found| found.is_some());
                    }
                }
            }
        }
    }

    async fn wait_for_replicas(
        &self,
        watcher: &WriteSession,
        replicas: &mut Replicas,
        report: &mut BackfillReport,
    ) -> Result<(), MigrateError> {
        let Some(most) = self.options.max_lag else { return Ok(()) };
        let began = Instant::now();
        loop {
            let lag = replicas.lag(watcher).await.map_err(|error| stopped(report, &error))?;
            if lag <= most {
                break;
            }
            let lag = lag.as_secs_f64();
            self.progress.phase(&format!("{}: wait for a replica that is {lag:.1} s behind", report.name));
            tokio::time::sleep(LAG_LOOK).await;
            report.lag_wait_ms += u64::try_from(LAG_LOOK.as_millis()).unwrap_or(0);
            if began.elapsed() > Duration::from_secs(3600) {
                return Err(MigrateError::new(format!("a replica is {lag:.0} s behind for an hour now"))
                    .with_hint("see to the replica and run the command again: it goes on where it stopped"));
            }
        }
        Ok(())
    }

    /// Whether rows still match the condition.
    pub(super) async fn left(&self) -> Result<Option<bool>, MigrateError> {
        let Some(condition) = &self.definition.condition else { return Ok(None) };
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE {condition})", self.definition.table);
        let left = self
            .session
            .value(&sql)
            .await
            .map_err(|error| MigrateError::server("look for rows that are left", &error))?;
        Ok(Some(left.as_deref() == Some("t")))
    }

    fn tell(&self, report: &BackfillReport, began: Instant, read_before: u64) {
        let Some(total) =
            report.estimated_rows.map(|rows| rows.max(report.rows_read)).filter(|total| *total > 0)
        else {
            self.progress.phase(&format!("{}: {} rows", report.name, report.rows_read));
            return;
        };
        let eta = remaining(began.elapsed(), report.rows_read - read_before, total - report.rows_read);
        let eta = eta.map(|left| format!(", {} left", rounded(left))).unwrap_or_default();
        self.progress.phase(&format!("{}{eta}", report.name));
        let count = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        self.progress.step(count(report.rows_read), count(total));
    }
}

/// Time for the rows that are left at the pace so far.
fn remaining(elapsed: Duration, read: u64, left: u64) -> Option<Duration> {
    (read > 0).then(|| elapsed.mul_f64(left as f64 / read as f64))
}

fn rounded(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..=90 => format!("{seconds} s"),
        seconds @ 91..=5400 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{:.1} h", seconds as f64 / 3600.0),
    }
}

/// The run ends here; what was done stays.
fn stopped(report: &BackfillReport, error: &ServerError) -> MigrateError {
    let doing = format!("go on with \"{}\" after {} rows", report.name, report.rows_read);
    let refused = MigrateError::server(&doing, error);
    match refused.hint {
        Some(_) => refused,
        None => refused.with_hint("mend it and run the command again: it goes on where it stopped"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_the_pace() {
        assert_eq!(remaining(Duration::from_secs(10), 100, 300), Some(Duration::from_secs(30)));
        assert_eq!(remaining(Duration::from_secs(10), 0, 300), None);
        assert_eq!(rounded(Duration::from_secs(600)), "10 min");
        assert_eq!(rounded(Duration::from_secs(7200)), "2.0 h");
    }
}
