//! One run of a migration in the lab, as `deploy` would run it, with what each statement did: its time, its WAL, the
//! rows it read, the files it wrote anew, the locks it left. It judges nothing and compares no two runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use pgsteward_lab::{Database, Lab, MoreRows};
use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::lock::LockMode;
use pgsteward_model::migrate::deploy::{DataCheck, FileRegime};
use pgsteward_model::migration::ServerError;
use pgsteward_pg::LabSession;
use pgsteward_sql::quote_qualified;

use super::broken::{DEADLOCK, LOCK_NOT_AVAILABLE};
use super::load::{Load, Request};
use super::observe::{CLOCK, Counts, Rows, STATE, State, numbers};
use super::of_lab;
use super::requests::Source;
use super::sampler::{Sampler, Samples};
use super::versions::Since;
use crate::collect::introspect;
use crate::migrate::MigrateError;
use crate::migrate::backfill::Definition;
use crate::migrate::checks::{self, Checks};
use crate::migrate::patience::Patience;
use crate::migrate::regime::{FilePlan, Unit};

/// A file that is ready for the lab.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    pub(super) plan: FilePlan,
    /// What is sent for each statement; empty where the lab leaves it out.
    pub(super) texts: Vec<String>,
    /// The file as it is.
    pub(super) source: String,
    /// What the file's `checks.sql` asks.
    pub(super) checks: Checks,
    /// What `migrate backfill` has done by the time that the file is deployed.
    pub(super) backfill: Option<Definition>,
}

/// How one run went.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// In order, up to the one that failed.
    pub(super) statements: Vec<StatementSeen>,
    pub(super) failure: Option<(usize, ServerError)>,
    /// What the queries of `checks.sql` answered, up to where the run ended.
    pub(super) checks: Vec<DataCheck>,
    /// Names of relations that were there before the file, by object id.
    pub(super) names: BTreeMap<String, String>,
    /// The statements that the server ended because of a deadlock; they were tried again.
    pub(super) deadlocked: Vec<usize>,
    /// How often a transaction let go of its locks, because another that it needed was not granted in time.
    pub(super) let_go: usize,
    /// Of a run under load.
    pub(super) around: Option<Around>,
}

/// What others felt.
#[derive(Clone, Debug, Default)]
pub(super) struct Around {
    pub(super) samples: Samples,
    pub(super) requests: Vec<Request>,
    /// Why the load did not ask for everything.
    pub(super) notes: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct StatementSeen {
    /// Index in the file.
    pub(super) at: usize,
    /// By the server's clock.
    pub(super) micros: u64,
    pub(super) wal: u64,
    /// Rows read, by relation; none where this server does not tell.
    pub(super) scanned: Option<BTreeMap<String, u64>>,
    pub(super) rewritten: Vec<String>,
    pub(super) built: Vec<String>,
    /// Held when it was done, by object id; empty for a statement without a transaction.
    pub(super) locks: Vec<(String, LockMode)>,
    pub(super) from: Instant,
    /// When its locks were gone.
    pub(super) released: Instant,
}

/// Whether others are there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Company<'a> {
    Alone,
    /// The load, what makes new rows for it, and how long a lock is waited for where `deploy` holds others. Without parallel
    /// workers, whose reading the server counts elsewhere.
    Load {
        more: &'a BTreeMap<QName, MoreRows>,
        lock_timeout: Duration,
    },
}

/// How often a file is begun again after a deadlock.
const RETRIES: usize = 3;
/// How often one is begun again that let go of its locks, and how long the others have the tables for themselves before that.
const RETRIES_OF_LOCKS: usize = 8;
const PAUSE: Duration = Duration::from_millis(250);

/// Runs the files in order on one database, up to the first that fails.
pub(super) async fn run(
    lab: &Lab,
    database: &Database,
    files: &[Ready],
    company: Company<'_>,
    limit_ms: u128,
) -> Result<Vec<Seen>, MigrateError> {
    let mut all = Vec::new();
    if matches!(company, Company::Alone) {
        warm(database, files).await?;
    }
    let mut since = match company {
        Company::Alone => None,
        Company::Load { more, lock_timeout } => Some((more, lock_timeout, Since::default())),
    };
    for file in files {
        let seen = one(lab, database, file, since.as_mut(), limit_ms).await?;
        let failed = seen.failure.is_some();
        all.push(seen);
        if failed {
            break;
        }
    }
    Ok(all)
}

/// Reads the touched tables once: what a server that just made the files does once is no part of the work.
async fn warm(database: &Database, files: &[Ready]) -> Result<(), MigrateError> {
    let catalog = catalog(database).await?;
    let tables: BTreeSet<QName> =
        files.iter().flat_map(|file| super::touched(&catalog, &file.plan)).collect();
    let session = database.session().await.map_err(|error| of_lab(&error))?;
    for table in &tables {
        let sql = format!("SELECT count(*) FROM {}", quote_qualified(table));
        session.rows(&sql).await.map_err(|error| MigrateError::server("read a table of the twin", &error))?;
    }
    session.close().await;
    Ok(())
}

async fn catalog(database: &Database) -> Result<Catalog, MigrateError> {
    introspect(database).await.map_err(|error| MigrateError::new(format!("{error:#}")))
}

async fn one(
    lab: &Lab,
    database: &Database,
    file: &Ready,
    company: Option<&mut (&BTreeMap<QName, MoreRows>, Duration, Since)>,
    limit_ms: u128,
) -> Result<Seen, MigrateError> {
    let session = database.session().await.map_err(|error| of_lab(&error))?;
    let mut settings = format!("SET statement_timeout = {limit_ms}");
    if company.is_some() {
        settings
            .push_str("; SET max_parallel_maintenance_workers = 0; SET max_parallel_workers_per_gather = 0");
    }
    session
        .simple(&settings)
        .await
        .map_err(|error| MigrateError::server("set up a session of the lab", &error))?;
    if let Some(error) = filled(lab, &session, file).await? {
        session.close().await;
        return Ok(Seen { failure: Some((0, error)), ..Seen::default() });
    }
    let mut around = None;
    let lock_timeout = company.as_ref().map(|company| company.1).filter(|limit| !limit.is_zero());
    if let Some((more, _, since)) = company {
        let catalog = catalog(database).await?;
        let touched = super::touched(&catalog, &file.plan);
        let source = Source { more, since, text: &file.source };
        if let Some(load) = Load::start(database, &catalog, &touched, source).await? {
            around = Some((Sampler::start(database, session.backend_pid()).await?, load));
        }
        since.pass(&catalog, file);
    }
    let mut run = Run { lab, session: &session, file, lock_timeout, seen: Seen::default() };
    let ran = run.all().await;
    let mut seen = run.seen;
    session.close().await;
    if let Some((sampler, load)) = around {
        let (samples, notes) = (sampler.end().await, load.notes.clone());
        let requests = load.end().await;
        // What ended the migration's session has ended the others.
        ran?;
        seen.around = Some(Around { samples: samples?, requests: requests?, notes });
    } else {
        ran?;
    }
    Ok(seen)
}

/// Does what `migrate backfill` has done by the time that the file is deployed, in one statement. What the server has
/// against it otherwise.
async fn filled(lab: &Lab, session: &LabSession, file: &Ready) -> Result<Option<ServerError>, MigrateError> {
    let Some(backfill) = &file.backfill else { return Ok(None) };
    let Err(mut error) = session.simple(&backfill.statement()).await else { return Ok(None) };
    if let Some(failure) = lab.failure(&error) {
        return Err(of_lab(&failure));
    }
    error.message = format!("its backfill: {}", error.message);
    Ok(Some(error))
}

struct Run<'a> {
    lab: &'a Lab,
    session: &'a LabSession,
    file: &'a Ready,
    /// None where nobody else is there, or a lock is waited for for ever.
    lock_timeout: Option<Duration>,
    seen: Seen,
}

impl Run<'_> {
    async fn all(&mut self) -> Result<(), MigrateError> {
        let before = self.ask(STATE).await?;
        self.seen.names = State::read(before).0.into_iter().map(|(oid, one)| (oid, one.name)).collect();
        self.check("before", checks::Around::Nothing).await?;
        let plan = &self.file.plan;
        if plan.regime == FileRegime::Atomic {
            return self.together(0..plan.statements.len(), None).await;
        }
        for unit in &plan.units {
            match *unit {
                Unit::One(at) => self.together(at..at + 1, None).await?,
                Unit::Alone(at) => {
                    self.statement(at, false).await?;
                }
                Unit::Block { from, to } => self.together(from + 1..to, Some((from, to))).await?,
            }
            if self.seen.failure.is_some() {
                return Ok(());
            }
        }
        self.check("after", checks::Around::Nothing).await
    }

    /// The queries of one section, where `deploy` asks them. What does not hold stops nothing here: the rows of a
    /// twin are generated, and what the migrations behind this one do is worth knowing all the same.
    async fn check(&mut self, section: &str, around: checks::Around) -> Result<(), MigrateError> {
        let asked = match section {
            "before" => &self.file.checks.before,
            _ => &self.file.checks.after,
        };
        let answers = checks::run(self.session, asked, section, around).await;
        self.seen.checks.extend(answers.map_err(|error| self.broke("run checks.sql in the lab", &error))?);
        Ok(())
    }

    /// In one transaction, the file's own where it writes one; begun again, as `deploy` does, where it let go of its locks or was
    /// the one to end of two that waited for each other.
    async fn together(
        &mut self,
        range: Range<usize>,
        own: Option<(usize, usize)>,
    ) -> Result<(), MigrateError> {
        loop {
            self.transaction(range.clone(), own).await?;
            let Some((at, error)) = &self.seen.failure else { return Ok(()) };
            match error.sqlstate.as_str() {
                DEADLOCK if self.seen.deadlocked.len() < RETRIES => self.seen.deadlocked.push(*at),
                LOCK_NOT_AVAILABLE if self.seen.let_go < RETRIES_OF_LOCKS => {
                    self.seen.let_go += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                _ => return Ok(()),
            }
            self.seen.failure = None;
            self.seen.statements.retain(|one| !range.contains(&one.at));
        }
    }

    async fn transaction(
        &mut self,
        range: Range<usize>,
        own: Option<(usize, usize)>,
    ) -> Result<(), MigrateError> {
        match own {
            Some((begin, _)) => self.control(begin).await?,
            None => drop(self.ask("BEGIN").await?),
        }
        let last = range.end.saturating_sub(1);
        let plan = &self.file.plan;
        let patience = Patience::of(plan, range.clone()).filter(|_| !plan.sets_lock_timeout);
        for at in range.clone() {
            if let (Some(patience), Some(limit)) = (patience.filter(|one| one.from == at), self.lock_timeout)
            {
                self.ask(&patience.setting(limit)).await?;
            }
            if !self.statement(at, true).await? {
                if !self.is_lost() {
                    self.ask("ROLLBACK").await?;
                }
                return Ok(());
            }
        }
        if plan.regime == FileRegime::Atomic {
            self.check("after", checks::Around::Transaction).await?;
        }
        match own {
            Some((_, end)) => self.control(end).await?,
            None => {
                // What a deferred constraint refuses at the end is the server's answer as well.
                if let Err(error) = self.session.simple("COMMIT").await {
                    self.seen.failure = Some((last, error));
                }
            }
        }
        self.release(range);
        Ok(())
    }

    fn release(&mut self, range: Range<usize>) {
        let now = Instant::now();
        for one in self.seen.statements.iter_mut().filter(|one| range.contains(&one.at)) {
            one.released = now;
        }
    }

    /// `BEGIN` or `COMMIT` of the file.
    async fn control(&mut self, at: usize) -> Result<(), MigrateError> {
        if let Err(error) = self.session.simple(&self.file.texts[at]).await
            && self.seen.failure.is_none()
        {
            self.seen.failure = Some((at, error));
        }
        Ok(())
    }

    /// True where the server took it.
    async fn statement(&mut self, at: usize, in_transaction: bool) -> Result<bool, MigrateError> {
        let sql = self.file.texts[at].as_str();
        if sql.trim().is_empty() {
            return Ok(true);
        }
        let counts = Counts::of(self.session, in_transaction);
        let held = format!(
            "SELECT relation, mode FROM pg_catalog.pg_locks WHERE pid = {} AND locktype = 'relation' \
             AND relation >= 16384 AND granted",
            self.session.backend_pid()
        );
        let from = Instant::now();
        let [flush, read] = counts.sql();
        let messages = [STATE, flush, read, CLOCK, sql, CLOCK, &held, flush, read, STATE];
        let answers = <[_; 10]>::try_from(self.session.rows_of_each(&messages).await)
            .map_err(|_| MigrateError::new("the lab left a message without an answer"))?;
        let released = Instant::now();
        let [state, _, scanned, clock, ran, clock_after, held, _, scanned_after, state_after] = answers;
        if let Err(error) = ran {
            // The machine's fault and not the statement's.
            if let Some(failure) = self.lab.failure(&error) {
                return Err(of_lab(&failure));
            }
            self.seen.failure = Some((at, error));
            return Ok(false);
        }
        let lab = |error: ServerError| self.broke("observe a statement in the lab", &error);
        let (state, after) = (State::read(state.map_err(lab)?), State::read(state_after.map_err(lab)?));
        let (began, ended) = (numbers(&clock.map_err(lab)?), numbers(&clock_after.map_err(lab)?));
        let before = counts.read(scanned.map_err(lab)?);
        let read = counts.read(scanned_after.map_err(lab)?);
        let (rewritten, built) = state.changes(&after, sql);
        let locks = held.map_err(lab)?.into_iter().filter_map(|row| match &row[..] {
            [Some(oid), Some(mode)] if in_transaction => {
                Some((oid.clone(), LockMode::from_catalog_name(mode)?))
            }
            _ => None,
        });
        self.seen.statements.push(StatementSeen {
            at,
            micros: ended.0.saturating_sub(began.0),
            wal: ended.1.saturating_sub(began.1),
            scanned: before.zip(read).map(|(before, read)| state.scanned(&before, &read)),
            rewritten,
            built,
            locks: locks.collect(),
            from,
            released,
        });
        Ok(true)
    }

    async fn ask(&self, sql: &str) -> Result<Rows, MigrateError> {
        self.session.rows(sql).await.map_err(|error| self.broke("observe the lab", &error))
    }

    /// What the rehearsal had to do for itself did not go.
    fn broke(&self, doing: &str, error: &ServerError) -> MigrateError {
        self.lab.failure(error).map_or_else(|| MigrateError::server(doing, error), |failure| of_lab(&failure))
    }

    /// Whether the statement that failed took the session with it.
    fn is_lost(&self) -> bool {
        self.seen.failure.as_ref().is_some_and(|(_, error)| error.sqlstate.starts_with("08"))
    }
}
