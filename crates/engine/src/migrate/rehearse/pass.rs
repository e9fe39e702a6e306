//! One run of a migration in the lab, as `deploy` would run it, with what each statement did: its time, its WAL, the
//! rows it read, the files it wrote anew, the locks it left. It judges nothing and compares no two runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use pgsteward_lab::{Database, Lab, MoreRows};
use pgsteward_model::catalog::QName;
use pgsteward_model::lock::LockMode;
use pgsteward_model::migrate::deploy::{DataCheck, FileRegime};
use pgsteward_model::migration::ServerError;
use pgsteward_pg::LabSession;

use super::broken::DEADLOCK;
use super::load::{Load, Request};
use super::of_lab;
use super::sampler::{Sampler, Samples};
use crate::collect::introspect;
use crate::migrate::MigrateError;
use crate::migrate::checks::{self, Checks};
use crate::migrate::regime::{FilePlan, Unit};

/// A file that is ready for the lab.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    pub(super) plan: FilePlan,
    /// What is sent for each statement; empty where the lab leaves it out.
    pub(super) texts: Vec<String>,
    /// What the file's `checks.sql` asks.
    pub(super) checks: Checks,
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
    /// The load, and what makes new rows for it. Without parallel workers, whose reading the server counts elsewhere.
    Load(&'a BTreeMap<QName, MoreRows>),
}

/// How often a file is begun again after a deadlock.
const RETRIES: usize = 3;

/// Runs the files in order on one database, up to the first that fails.
pub(super) async fn run(
    lab: &Lab,
    database: &Database,
    files: &[Ready],
    company: Company<'_>,
    limit_ms: u128,
) -> Result<Vec<Seen>, MigrateError> {
    let mut all = Vec::new();
    for file in files {
        let seen = one(lab, database, file, company, limit_ms).await?;
        let failed = seen.failure.is_some();
        all.push(seen);
        if failed {
            break;
        }
    }
    Ok(all)
}

async fn one(
    lab: &Lab,
    database: &Database,
    file: &Ready,
    company: Company<'_>,
    limit_ms: u128,
) -> Result<Seen, MigrateError> {
    let session = database.session().await.map_err(|error| of_lab(&error))?;
    let mut settings = format!("SET statement_timeout = {limit_ms}");
    let mut around = None;
    if let Company::Load(more) = company {
        settings
            .push_str("; SET max_parallel_maintenance_workers = 0; SET max_parallel_workers_per_gather = 0");
        let catalog = introspect(database).await.map_err(|error| MigrateError::new(format!("{error:#}")))?;
        let touched = super::touched(&catalog, &file.plan);
        if let Some(load) = Load::start(database, &catalog, &touched, more).await? {
            around = Some((Sampler::start(database, session.backend_pid()).await?, load));
        }
    }
    session
        .simple(&settings)
        .await
        .map_err(|error| MigrateError::server("set up a session of the lab", &error))?;
    let mut run = Run { lab, session: &session, file, seen: Seen::default() };
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

struct Run<'a> {
    lab: &'a Lab,
    session: &'a LabSession,
    file: &'a Ready,
    seen: Seen,
}

type Rows = Vec<Vec<Option<String>>>;

impl Run<'_> {
    async fn all(&mut self) -> Result<(), MigrateError> {
        let before = self.ask(STATE).await?;
        self.seen.names = State::read(before).0.into_iter().map(|(oid, one)| (oid, one.name)).collect();
        self.check("before", checks::Around::Nothing).await?;
        let plan = &self.file.plan;
        if plan.regime == FileRegime::Atomic {
            return self.together(0..plan.statements.len()).await;
        }
        for unit in &plan.units {
            match *unit {
                Unit::One(at) => self.together(at..at + 1).await?,
                Unit::Alone(at) => {
                    self.statement(at, false).await?;
                }
                Unit::Block { from, to } => {
                    self.control(from).await?;
                    for at in from + 1..to {
                        if !self.statement(at, true).await? {
                            break;
                        }
                    }
                    if !self.is_lost() {
                        self.control(to).await?;
                    }
                    self.release(from..to);
                }
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

    /// In one transaction, which is begun again where it was the one to end of two that waited for each other.
    async fn together(&mut self, range: std::ops::Range<usize>) -> Result<(), MigrateError> {
        loop {
            self.transaction(range.clone()).await?;
            match &self.seen.failure {
                Some((at, error)) if error.sqlstate == DEADLOCK && self.seen.deadlocked.len() < RETRIES => {
                    self.seen.deadlocked.push(*at);
                    self.seen.failure = None;
                    self.seen.statements.retain(|one| !range.contains(&one.at));
                }
                _ => return Ok(()),
            }
        }
    }

    async fn transaction(&mut self, range: std::ops::Range<usize>) -> Result<(), MigrateError> {
        self.ask("BEGIN").await?;
        let last = range.end.saturating_sub(1);
        for at in range.clone() {
            if !self.statement(at, true).await? {
                if !self.is_lost() {
                    self.ask("ROLLBACK").await?;
                }
                return Ok(());
            }
        }
        if self.file.plan.regime == FileRegime::Atomic {
            self.check("after", checks::Around::Transaction).await?;
        }
        // What a deferred constraint refuses at the end is the server's answer as well.
        if let Err(error) = self.session.simple("COMMIT").await {
            self.seen.failure = Some((last, error));
        }
        self.release(range);
        Ok(())
    }

    fn release(&mut self, range: std::ops::Range<usize>) {
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

/// The server's clock in microseconds, and how many bytes of WAL it wrote ever.
const CLOCK: &str = "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8, \
     pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::int8";

fn numbers(rows: &Rows) -> (u64, u64) {
    let number = |at: usize| -> u64 {
        let value = rows.first().and_then(|row| row.get(at)).and_then(Option::as_deref);
        value.and_then(|value| value.parse().ok()).unwrap_or_default()
    };
    (number(0), number(1))
}

/// Where rows read are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counts {
    /// For the transaction that is under way.
    Transaction,
    /// For all sessions; the server is told to count at once (15 and later).
    Server,
    Nowhere,
}

impl Counts {
    fn of(session: &LabSession, in_transaction: bool) -> Counts {
        match (in_transaction, session.version().major() >= 15) {
            (true, _) => Counts::Transaction,
            (false, true) => Counts::Server,
            (false, false) => Counts::Nowhere,
        }
    }

    fn sql(self) -> [&'static str; 2] {
        match self {
            Counts::Transaction => [
                "SELECT 1",
                "SELECT c.oid, n FROM pg_catalog.pg_class c, LATERAL (SELECT \
                   pg_catalog.pg_stat_get_xact_tuples_returned(c.oid) + pg_catalog.pg_stat_get_xact_tuples_fetched(c.oid)) \
                   AS s(n) WHERE c.oid >= 16384 AND c.relkind IN ('r', 'm') AND n > 0",
            ],
            Counts::Server => [
                "SELECT pg_catalog.pg_stat_force_next_flush()",
                "SELECT c.oid, n FROM pg_catalog.pg_class c, LATERAL (SELECT \
                   pg_catalog.pg_stat_get_tuples_returned(c.oid) + pg_catalog.pg_stat_get_tuples_fetched(c.oid)) \
                   AS s(n) WHERE c.oid >= 16384 AND c.relkind IN ('r', 'm') AND n > 0",
            ],
            Counts::Nowhere => ["SELECT 1", "SELECT NULL, NULL"],
        }
    }

    fn read(self, rows: Rows) -> Option<BTreeMap<String, u64>> {
        if self == Counts::Nowhere {
            return None;
        }
        let count = |row: Vec<Option<String>>| match &row[..] {
            [Some(oid), Some(count)] => Some((oid.clone(), count.parse().ok()?)),
            _ => None,
        };
        Some(rows.into_iter().filter_map(count).collect())
    }
}

/// All relations of users: name as people write it, kind, file.
const STATE: &str = "SELECT c.oid, CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname, \
     c.relkind, c.relfilenode FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'm', 'i', 'I') AND n.nspname NOT LIKE 'pg\\_%'";

struct Relation {
    name: String,
    index: bool,
    file: String,
}

struct State(BTreeMap<String, Relation>);

impl State {
    fn read(rows: Rows) -> State {
        let one = |row: Vec<Option<String>>| {
            let [oid, name, kind, file] = <[Option<String>; 4]>::try_from(row).ok()?;
            let index = matches!(kind?.as_str(), "i" | "I");
            Some((oid?, Relation { name: name?, index, file: file? }))
        };
        State(rows.into_iter().filter_map(one).collect())
    }

    /// Tables that got a new file, and indexes that got one or are new on a table that was there. TRUNCATE gives new
    /// files too but writes no rows.
    fn changes(&self, after: &State, sql: &str) -> (Vec<String>, Vec<String>) {
        if sql.trim_start().get(..8).is_some_and(|word| word.eq_ignore_ascii_case("truncate")) {
            return (Vec::new(), Vec::new());
        }
        let mut rewritten = BTreeSet::new();
        let mut built = BTreeSet::new();
        for (oid, new) in &after.0 {
            let changed = match self.0.get(oid) {
                Some(old) => old.file != new.file,
                None => new.index,
            };
            if changed {
                if new.index { &mut built } else { &mut rewritten }.insert(new.name.clone());
            }
        }
        (rewritten.into_iter().collect(), built.into_iter().collect())
    }

    fn scanned(
        &self,
        before: &BTreeMap<String, u64>,
        after: &BTreeMap<String, u64>,
    ) -> BTreeMap<String, u64> {
        after
            .iter()
            .filter_map(|(oid, count)| {
                let rows = count.saturating_sub(before.get(oid).copied().unwrap_or(0));
                Some((self.0.get(oid)?.name.clone(), rows))
            })
            .filter(|(_, rows)| *rows > 0)
            .collect()
    }
}
