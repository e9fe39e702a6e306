//! Runs a history of migrations the way its runner does and reports what the server said.
//!
//! A file that the server refuses is no error of the lab: it is recorded and the next file runs. What the
//! lab's walls refuse (a role, an extension) is no failure of the migration: it is adapted and said.

mod adapt;
mod failure;
mod file;

use std::ops::Range;
use std::time::{Duration, Instant, SystemTime};

use pgsteward_model::migration::{
    History, MigrationFile, Regime, Replay, ReplayFailure, ServerError, Skipped,
};
use pgsteward_model::source::{Sources, Span};
use pgsteward_pg::LabSession;

use crate::clone::Database;
use crate::error::LabError;
use crate::lab::Lab;
use crate::trace::events::{self, Sent};
use adapt::Surroundings;
use file::Outcome;

#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// Record objects, rewrites and locks of each DDL command.
    pub trace: bool,
    /// How long this replay may take; none: the lab's own limit.
    pub time_limit: Option<Duration>,
}

impl Default for ReplayOptions {
    fn default() -> ReplayOptions {
        ReplayOptions { trace: true, time_limit: None }
    }
}

/// Runs the whole history on an empty database. All sessions are closed when this returns, so that the
/// database can be cloned at once.
pub async fn replay(
    lab: &Lab,
    database: &Database,
    history: &History,
    sources: &Sources,
    options: &ReplayOptions,
) -> Result<Replay, LabError> {
    let mut replay = Replay::default();
    replay_files(lab, database, history, sources, 0..history.files.len(), options, &mut replay).await?;
    Ok(replay)
}

/// Runs some files of the history, after those before them, and adds to what is known. Between two calls the
/// database has no sessions and can be cloned.
pub async fn replay_files(
    lab: &Lab,
    database: &Database,
    history: &History,
    sources: &Sources,
    files: Range<usize>,
    options: &ReplayOptions,
    replay: &mut Replay,
) -> Result<(), LabError> {
    let started = Instant::now();
    let limit = options.time_limit.unwrap_or(lab.time_limit);
    // The lab ends the session at the limit; should that fail, the watchdog ends the server.
    let _outer_limit = lab.watchdog.limit(limit);
    let superuser = database.superuser_session().await?;
    let explain = |error: ServerError| gone_or(lab, "trace the replay", error);
    if options.trace {
        events::begin(&superuser).await.map_err(explain)?;
    }
    let surroundings = Surroundings::read(&superuser).await.map_err(explain)?;
    let mut run = Run {
        lab,
        database,
        superuser: &superuser,
        session: database.session().await?,
        regime: history.regime,
        surroundings,
        deadline: started + limit,
        limit,
        replay,
    };
    let mut sent = Vec::new();
    for file in &history.files[files] {
        let text = sources.get(&file.path).map_or("", |source| &*source.text);
        let before = micros_now();
        run.file(file, text).await?;
        sent.push(Sent {
            file: &file.name,
            text,
            statements: &file.statements,
            window: before..=micros_now(),
        });
    }
    let Run { session, .. } = run;
    session.close().await;
    if options.trace {
        events::end(&superuser).await.map_err(explain)?;
        replay.traces.extend(events::read(&superuser, &sent).await.map_err(explain)?);
    }
    superuser.close().await;
    replay.server_version = Some(lab.version());
    replay.elapsed_ms += u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(())
}

fn gone_or(lab: &Lab, doing: &str, error: ServerError) -> LabError {
    if lab.cluster.is_alive() { LabError::server(doing, error) } else { lab.cluster.why_gone() }
}

/// Microseconds since 1970 by the clock that the server on this machine reads too.
fn micros_now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A replay on its way.
struct Run<'a> {
    lab: &'a Lab,
    database: &'a Database,
    superuser: &'a LabSession,
    session: LabSession,
    regime: Regime,
    surroundings: Surroundings,
    deadline: Instant,
    limit: Duration,
    replay: &'a mut Replay,
}

impl Run<'_> {
    async fn file(&mut self, file: &MigrationFile, text: &str) -> Result<(), LabError> {
        if Instant::now() >= self.deadline {
            self.skip(file, Span::new(0, text.len()), "the migration", self.out_of_time());
            return Ok(());
        }
        let failed = match self.regime {
            Regime::OneMessage => self.whole_file(file, text).await?,
            Regime::PerStatement | Regime::Psql => self.by_statement(file, text).await?,
        };
        if let Some(failure) = failed {
            self.replay.failures.insert(file.name.clone(), failure);
        }
        Ok(())
    }

    fn out_of_time(&self) -> String {
        format!("the lab's time limit of {} s for a replay was used up", self.limit.as_secs())
    }

    fn skip(&mut self, file: &MigrationFile, span: Span, what: impl Into<String>, why: impl Into<String>) {
        self.replay.skipped.push(Skipped {
            file: file.name.clone(),
            span,
            what: what.into(),
            why: why.into(),
        });
    }

    /// Sends one message and waits for its end, but no longer than the replay may take.
    async fn send(&mut self, sql: &str) -> Result<Outcome, LabError> {
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
        if !self.lab.cluster.is_alive() {
            return Err(self.lab.cluster.why_gone());
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

    fn failure(error: ServerError, span: Span) -> ReplayFailure {
        ReplayFailure { error, span }
    }
}
