//! `migrate rehearse`: the pending migrations in the lab, on a twin of production with rows at two sizes, alone and
//! under load. The user's database is read and never written to.

mod accept;
mod assemble;
mod base;
mod broken;
mod known;
mod load;
mod observe;
mod pass;
mod predict;
mod promise;
mod remedy;
mod requests;
mod sampler;
mod verdict;
mod versions;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pgsteward_lab::{Lab, LabError, LabOptions};
use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::migrate::rehearsal::{RehearsalReport, RehearsedMigration, Verdict};
use pgsteward_model::version::ServerVersion;

use self::accept::Accepts;
use self::assemble::{Runs, Sizes};
use self::known::{Known, choose, known};
use self::pass::{Company, Ready, Seen};
use self::verdict::Terms;
use super::backfill;
use super::checks::{self, Checks};
use super::deploy::plans;
use super::error::{MigrateError, words};
use super::project::{MigrateProject, MigrationFolder, ProjectOptions};
use super::regime::FilePlan;
use super::subscribers::of_migrations;
use crate::{Progress, config};

/// How often each twin is run on without company: odd, so that one that was disturbed does not count.
const TIMES: usize = 3;

#[derive(Clone, Debug)]
pub struct RehearseOptions {
    pub project: ProjectOptions,
    /// The migrations to rehearse; none: those that are pending.
    pub names: Vec<String>,
    pub url: Option<String>,
    /// A file of `facts export`, in place of a database.
    pub facts: Option<PathBuf>,
    /// Share of production's rows in the twin.
    pub scale: f64,
    /// How long others may be kept waiting.
    pub max_block: Duration,
    /// `lock_timeout` that deploy would use.
    pub lock_timeout: Duration,
    /// How long one statement may take in the lab.
    pub limit: Duration,
    /// Major version of the lab; none: production's.
    pub major: Option<u32>,
    pub offline: bool,
    /// Rules and groups of rules whose hazards the user takes on.
    pub accept: Vec<String>,
}

impl Default for RehearseOptions {
    fn default() -> RehearseOptions {
        RehearseOptions {
            project: ProjectOptions::default(),
            names: Vec::new(),
            url: None,
            facts: None,
            scale: 0.01,
            max_block: Duration::from_secs(1),
            lock_timeout: Duration::from_secs(3),
            limit: Duration::from_secs(300),
            major: None,
            offline: false,
            accept: Vec::new(),
        }
    }
}

/// Rehearses. An error only where nothing could be rehearsed: what a migration does is in the report.
pub async fn rehearse(
    options: &RehearseOptions,
    progress: &dyn Progress,
) -> Result<RehearsalReport, MigrateError> {
    let began = Instant::now();
    for name in &options.accept {
        config::check_name(name).map_err(|error| MigrateError::new(format!("--accept: {error}")))?;
    }
    let project = MigrateProject::find(&options.project)?;
    project.check_provider_lock()?;
    let folders = project.migrations()?;
    let mut notes = Vec::new();
    let known = known(options, &project, progress, &mut notes).await?;
    let chosen = choose(options, &folders, &known, &mut notes)?;
    let mut report = RehearsalReport {
        database: known.database.clone(),
        source: known.source.clone(),
        scale: options.scale,
        max_block_ms: options.max_block.as_secs_f64() * 1000.0,
        ..RehearsalReport::default()
    };
    if !chosen.is_empty() {
        let loaded = config::load(&project.root).map_err(|error| MigrateError::new(format!("{error:#}")))?;
        if let Some(version) = known.version {
            let (publications, namespace) = (&known.publications, known.namespace.as_str());
            notes.extend(of_migrations(publications, namespace, &folders, &chosen, version));
        }
        let version = known.version.map(ServerVersion::major);
        let job = Job {
            options,
            project: &project,
            loaded: &loaded,
            folders: &folders,
            chosen: &chosen,
            checks: chosen.iter().map(|folder| checks::read(folder)).collect::<Result<_, _>>()?,
            known: &known,
            major: options.major.or(version).or(loaded.config.lab.major),
            init: project.init_shadow_db(),
            progress,
        };
        job.in_the_lab(&mut notes, &mut report).await?;
    }
    report.notes = notes;
    report.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// What is rehearsed, and how.
struct Job<'a> {
    options: &'a RehearseOptions,
    project: &'a MigrateProject,
    loaded: &'a config::Loaded,
    folders: &'a [MigrationFolder],
    chosen: &'a [&'a MigrationFolder],
    /// The `checks.sql` of each chosen migration.
    checks: Vec<Checks>,
    known: &'a Known,
    major: Option<u32>,
    /// What every replay of the history begins with.
    init: Option<String>,
    progress: &'a dyn Progress,
}

impl Job<'_> {
    async fn in_the_lab(
        &self,
        notes: &mut Vec<String>,
        report: &mut RehearsalReport,
    ) -> Result<(), MigrateError> {
        self.progress.phase("start the lab");
        let of_production = self.known.version;
        let lab_options = LabOptions {
            major: self.major,
            offline: self.options.offline,
            disk_limit_bytes: 16 << 30,
            settings: base::settings(&self.known.settings, self.known.share(self.options.scale)),
            ..LabOptions::default()
        };
        let lab = Lab::start(&lab_options).await.map_err(|error| of_lab(&error))?;
        notes.extend(lab.note().map(str::to_owned));
        if let Some(version) = of_production.filter(|version| version.major() != lab.version().major()) {
            notes.push(format!(
                "the lab has PostgreSQL {} and the database {version}: locks and times may differ",
                lab.version()
            ));
        }
        report.lab_version = lab.version().to_string();
        let rehearsed = self.on(&lab, notes, report).await;
        // Whoever noticed first, a server that is gone is what went wrong.
        let rehearsed = rehearsed.map_err(|error| lab.gone().map_or(error, |gone| of_lab(&gone)));
        let stopped = lab.stop().await.map_err(|error| of_lab(&error));
        rehearsed?;
        stopped
    }

    /// Apart from its caller so that the lab ends on every way.
    async fn on(
        &self,
        lab: &Lab,
        notes: &mut Vec<String>,
        report: &mut RehearsalReport,
    ) -> Result<(), MigrateError> {
        let Job { options, folders, chosen, known, progress, .. } = *self;
        progress.phase("build the twin");
        let (base, production) = match (&known.catalog, &known.facts) {
            (Some(catalog), _) => (base::of_catalog(lab, catalog, notes).await?, catalog.clone()),
            (None, Some(facts)) => base::of_facts(lab, facts, notes).await?,
            (None, None) => {
                let first =
                    folders.iter().position(|folder| folder.name == chosen[0].name).unwrap_or_default();
                let earlier: Vec<&MigrationFolder> = folders[..first].iter().collect();
                (base::of_history(lab, self.init.as_deref(), &earlier).await?, Catalog::empty(lab.version()))
            }
        };
        let files = self.files(lab, notes).await?;
        let touched: BTreeSet<String> = files
            .iter()
            .flat_map(|file| file.plan.statements.iter().flat_map(|one| &one.predicted))
            .map(|lock| lock.relation.clone())
            .collect();
        progress.phase("fill the twin");
        let [small, large] =
            base::twins(lab, &base, &production, &files, &touched, options.scale, notes).await?;
        let there = base::rows_of(&production);
        report.tables = base::tables(&touched, &there, &large.rows);
        let runs = passes(lab, options, &files, [&small, &large], progress).await?;
        notes.extend(
            runs.loaded
                .iter()
                .filter_map(|seen| seen.around.as_ref())
                .flat_map(|around| around.notes.clone()),
        );
        let sizes = Sizes { small: &small.rows, large: &large.rows, production: &there };
        for (at, folder) in chosen.iter().enumerate() {
            let plan = &files[at].plan;
            let accepts = Accepts::read(self.project, self.loaded, folder, plan, &options.accept);
            report.migrations.push(one(options, &accepts, (folder, plan), at, &runs, sizes));
        }
        if self.checks.iter().any(|checks| !checks.is_empty()) {
            notes.push(
                "checks.sql was asked on the generated rows of the twin: `pgsteward migrate deploy` asks it on those of the \
                 database"
                    .to_owned(),
            );
        }
        if known.catalog.is_some() || known.facts.is_some() {
            notes.push(
                "expected times are for a machine like this one: a server with slower disks, or with replicas that it waits \
                 for, takes longer"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// The migrations as the lab can run them.
    async fn files(&self, lab: &Lab, notes: &mut Vec<String>) -> Result<Vec<Ready>, MigrateError> {
        let mut files = Vec::new();
        let plans = plans(self.folders, self.chosen, lab.version(), false)?;
        for ((plan, checks), folder) in plans.into_iter().zip(&self.checks).zip(self.chosen) {
            let texts: Vec<&str> = plan.statements.iter().map(|one| one.sql.as_str()).collect();
            let adapted = pgsteward_lab::adapt(lab, &texts).await.map_err(|error| of_lab(&error))?;
            let told = adapted.iter().filter_map(|one| one.told.as_ref());
            notes.extend(told.map(|(what, why)| format!("{what}: {why}")));
            let texts = adapted.into_iter().map(|one| one.sql).collect();
            let backfill = backfill::of_migration(self.project, folder)?;
            if backfill.is_some() {
                notes.push(format!(
                    "on the twin all rows are filled before \"{0}\" runs, as `pgsteward migrate backfill {0}` does it: that by \
                     itself is not rehearsed",
                    folder.name
                ));
            }
            let (source, checks) = (folder.script().to_owned(), checks.clone());
            files.push(Ready { plan, texts, source, checks, backfill });
        }
        Ok(files)
    }
}

/// All runs of all files: on the smaller twin, on the larger, and there under load.
struct Passes {
    small: Vec<Vec<Seen>>,
    large: Vec<Vec<Seen>>,
    loaded: Vec<Seen>,
}

async fn passes(
    lab: &Lab,
    options: &RehearseOptions,
    files: &[Ready],
    [small, large]: [&base::Twin; 2],
    progress: &dyn Progress,
) -> Result<Passes, MigrateError> {
    let mut passes = Passes { small: Vec::new(), large: Vec::new(), loaded: Vec::new() };
    progress.phase("rehearse under load");
    let load = Company::Load { more: &large.more, lock_timeout: options.lock_timeout };
    passes.loaded = pass(lab, large, files, load, options.limit).await?;
    progress.phase("measure the time of each statement");
    for time in 0..TIMES {
        progress.step(time, TIMES);
        passes.small.push(pass(lab, small, files, Company::Alone, options.limit).await?);
        passes.large.push(pass(lab, large, files, Company::Alone, options.limit).await?);
    }
    Ok(passes)
}

/// On a clone, so that the twin stays as it is.
async fn pass(
    lab: &Lab,
    twin: &base::Twin,
    files: &[Ready],
    company: Company<'_>,
    limit: Duration,
) -> Result<Vec<Seen>, MigrateError> {
    let statements: usize = files.iter().map(|file| file.texts.len()).sum();
    let _bound = lab.bound(limit * u32::try_from(statements.max(1)).unwrap_or(u32::MAX));
    let database = lab.clone_database(&twin.database).await.map_err(|error| of_lab(&error))?;
    let seen = pass::run(lab, &database, files, company, limit.as_millis()).await?;
    lab.drop_database(database).await.map_err(|error| of_lab(&error))?;
    Ok(seen)
}

fn one(
    options: &RehearseOptions,
    accepts: &Accepts<'_>,
    (folder, plan): (&MigrationFolder, &FilePlan),
    at: usize,
    passes: &Passes,
    sizes: Sizes<'_>,
) -> RehearsedMigration {
    let Some(loaded) = passes.loaded.get(at) else {
        return RehearsedMigration {
            name: folder.name.clone(),
            verdict: Verdict::NotTried,
            reasons: vec!["an earlier migration did not run".to_owned()],
            settings: Vec::new(),
            rewrites: Vec::new(),
            accepted: Vec::new(),
            regime: plan.regime,
            because: plan.because.clone(),
            statements: Vec::new(),
            checks: Vec::new(),
            broken: Vec::new(),
            deadlocks: Vec::new(),
            let_go: 0,
            failure: None,
        };
    };
    let of = |runs: &'_ [Vec<Seen>]| -> Vec<usize> {
        (0..runs.len()).filter(|run| runs[*run].get(at).is_some_and(|seen| seen.failure.is_none())).collect()
    };
    let runs = Runs {
        small: of(&passes.small).into_iter().map(|run| &passes.small[run][at]).collect(),
        large: of(&passes.large).into_iter().map(|run| &passes.large[run][at]).collect(),
        loaded,
    };
    let (mut migration, indices) = assemble::migration(&folder.name, plan, &runs, sizes);
    if let Some((statement, error)) = &loaded.failure {
        let line = plan.statements.get(*statement).map_or(1, |one| one.line);
        migration.verdict = Verdict::Fails;
        let beyond = match error.sqlstate.as_str() {
            "57014" => {
                format!(
                    "; a statement may take {} here (--limit)",
                    assemble::span(options.limit.as_secs_f64() * 1000.0)
                )
            }
            _ => String::new(),
        };
        migration.failure = Some(format!("line {line}: {}{beyond}", words(error)));
        migration.reasons = vec!["it does not run on the twin".to_owned()];
        return migration;
    }
    let is_empty = |relation: &str| sizes.production.get(relation).is_some_and(|rows| *rows == 0.0);
    let terms = Terms {
        max_block_ms: options.max_block.as_secs_f64() * 1000.0,
        lock_timeout_ms: options.lock_timeout.as_millis(),
        is_empty: &is_empty,
        accepted: &|remedy| accepts.by(remedy),
    };
    verdict::judge(&mut migration, plan, &indices, &terms);
    migration
}

/// Tables of a database that reading a file says it touches.
fn touched(catalog: &Catalog, plan: &FilePlan) -> Vec<QName> {
    let of_file: BTreeSet<&str> =
        plan.statements.iter().flat_map(|one| &one.predicted).map(|lock| lock.relation.as_str()).collect();
    let tables = catalog.user_tables().filter(|table| of_file.contains(table.name.display().as_str()));
    tables.map(|table| table.name.clone()).collect()
}

fn of_lab(error: &LabError) -> MigrateError {
    let hint = match error {
        LabError::TimeLimit { .. } => {
            "look for a statement that does not end though statement_timeout ends it, or give each longer with --limit"
                .to_owned()
        }
        LabError::DiskFull { .. } | LabError::DiskLimit { .. } => {
            "make the twin smaller with --scale, or free some space where TMPDIR points".to_owned()
        }
        other => other.hint(),
    };
    MigrateError::new(format!("the lab could not go on: {error}")).with_hint(hint)
}
