//! Runs a history of migrations the way its runner does and reports what the server said.
//!
//! A file that the server refuses is no error of the lab: it is recorded and the next file runs. What the
//! lab's walls refuse (a role, an extension) is no failure of the migration: it is adapted and said.

pub(crate) mod adapt;
pub(crate) mod failure;
mod file;

use std::ops::Range;
use std::time::{Duration, Instant, SystemTime};

use pgsteward_model::migration::{
    History, MigrationFile, Regime, Replay, ReplayFailure, ServerError, Skipped,
};
use pgsteward_model::source::{Sources, Span};
use pgsteward_pg::LabSession;

use crate::channel::{Channel, Outcome};
use crate::clone::Database;
use crate::error::LabError;
use crate::lab::Lab;
use crate::trace::events::{self, Sent};
use adapt::Surroundings;

#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// Record objects, rewrites and locks of each DDL command.
    pub trace: bool,
    /// How long this replay may take; none: the lab's own limit.
    pub time_limit: Option<Duration>,
    /// A file that is refused as one message is sent again, statement by statement: for files that ran somewhere already,
    /// in whatever regime.
    pub or_by_statement: bool,
}

impl Default for ReplayOptions {
    fn default() -> ReplayOptions {
        ReplayOptions { trace: true, time_limit: None, or_by_statement: false }
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
    let explain = |error: ServerError| gone_or(lab, "trace the replay", error);
    let mut superuser = None;
    if options.trace {
        let session = database.superuser_session().await?;
        events::begin(&session).await.map_err(explain)?;
        superuser = Some(session);
    }
    let mut run = Run {
        database,
        superuser,
        channel: Channel::open(lab, database, started, limit).await?,
        regime: history.regime,
        or_by_statement: options.or_by_statement,
        surroundings: lab.surroundings().await?,
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
    let Run { superuser, channel, .. } = run;
    channel.close().await;
    if let Some(superuser) = superuser {
        if options.trace {
            events::end(&superuser).await.map_err(explain)?;
            replay.traces.extend(events::read(&superuser, &sent).await.map_err(explain)?);
        }
        superuser.close().await;
    }
    replay.server_version = Some(lab.version());
    replay.elapsed_ms += u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(())
}

/// A statement as the lab can run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapted {
    /// Empty: left out.
    pub sql: String,
    /// What was left out or replaced, and why.
    pub told: Option<(String, String)>,
}

/// What a replay would send in place of these statements: extensions and roles are the lab's to make.
pub async fn adapt(lab: &Lab, statements: &[&str]) -> Result<Vec<Adapted>, LabError> {
    let mut surroundings = lab.surroundings().await?;
    let adapted = statements.iter().map(|sql| {
        let parsed = pgsteward_sql::parse(sql);
        let edit = parsed.statements.first().and_then(|one| surroundings.edit(&one.statement, sql));
        let (sql, told) = edit.unwrap_or(((*sql).to_owned(), None));
        Adapted { sql, told }
    });
    Ok(adapted.collect())
}

pub(crate) fn gone_or(lab: &Lab, doing: &str, error: ServerError) -> LabError {
    if lab.cluster.is_alive() { LabError::server(doing, error) } else { lab.cluster.why_gone() }
}

/// Microseconds since 1970 by the clock that the server on this machine reads too.
fn micros_now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A replay on its way.
struct Run<'a> {
    database: &'a Database,
    /// Opened for traces, or when a role is to be made.
    superuser: Option<LabSession>,
    channel: Channel<'a>,
    regime: Regime,
    or_by_statement: bool,
    surroundings: Surroundings,
    replay: &'a mut Replay,
}

impl Run<'_> {
    async fn file(&mut self, file: &MigrationFile, text: &str) -> Result<(), LabError> {
        if self.channel.is_late() {
            let why = self.channel.out_of_time();
            self.skip(file, Span::new(0, text.len()), "the migration", why);
            return Ok(());
        }
        let failed = match self.regime {
            Regime::OneMessage if self.or_by_statement => self.either_way(file, text).await?,
            Regime::OneMessage => self.whole_file(file, text).await?,
            Regime::PerStatement | Regime::Psql => self.by_statement(file, text).await?,
        };
        if let Some(failure) = failed {
            self.replay.failures.insert(file.name.clone(), failure);
        }
        Ok(())
    }

    fn skip(&mut self, file: &MigrationFile, span: Span, what: impl Into<String>, why: impl Into<String>) {
        self.replay.skipped.push(Skipped {
            file: file.name.clone(),
            span,
            what: what.into(),
            why: why.into(),
        });
    }

    async fn send(&mut self, sql: &str) -> Result<Outcome, LabError> {
        self.channel.send(sql).await
    }

    async fn superuser(&mut self) -> Result<&LabSession, LabError> {
        let session = match self.superuser.take() {
            Some(session) => session,
            None => self.database.superuser_session().await?,
        };
        Ok(self.superuser.insert(session))
    }

    fn failure(error: ServerError, span: Span) -> ReplayFailure {
        ReplayFailure { error, span }
    }
}
