//! `migrate rehearse`: the pending migrations in the lab, on a twin of production with rows at two sizes, alone and
//! under load. The user's database is read and never written to.

mod assemble;
mod base;
mod load;
mod pass;
mod predict;
mod promise;
mod sampler;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pgsteward_lab::{Lab, LabError, LabOptions};
use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::exported::ExportedFacts;
use pgsteward_model::migrate::rehearsal::{RehearsalReport, RehearsedMigration, Verdict};
use pgsteward_model::migrate::{DatabaseName, MigrationState};
use pgsteward_model::version::ServerVersion;
use pgsteward_pg::history::HistoryRow;
use pgsteward_pg::{CatalogOptions, ReadSession};

use self::assemble::{Runs, Sizes};
use self::pass::{Company, Ready, Seen};
use super::connection::{Use, resolve};
use super::deploy::plans;
use super::error::{MigrateError, words};
use super::history::Joined;
use super::project::{MigrateProject, MigrationFolder, ProjectOptions};
use super::regime::FilePlan;
use super::server;
use crate::{Progress, facts_export};

/// How often each twin is run on without company.
const TIMES: usize = 2;

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
        }
    }
}

/// What is known of production.
struct Known {
    database: Option<DatabaseName>,
    source: String,
    version: Option<ServerVersion>,
    /// None where only the files of the project are known.
    catalog: Option<Catalog>,
    facts: Option<ExportedFacts>,
    settings: BTreeMap<String, String>,
    /// None where the history is not known.
    rows: Option<Option<Vec<HistoryRow>>>,
}

/// Rehearses. An error only where nothing could be rehearsed: what a migration does is in the report.
pub async fn rehearse(
    options: &RehearseOptions,
    progress: &dyn Progress,
) -> Result<RehearsalReport, MigrateError> {
    let began = Instant::now();
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
        in_the_lab(options, &folders, &chosen, &known, progress, &mut notes, &mut report).await?;
    }
    report.notes = notes;
    report.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

async fn known(
    options: &RehearseOptions,
    project: &MigrateProject,
    progress: &dyn Progress,
    notes: &mut Vec<String>,
) -> Result<Known, MigrateError> {
    if let Some(path) = &options.facts {
        let facts = facts_export::read_file(path)?;
        return Ok(of_file(facts, project, notes));
    }
    let connection = match resolve(project, options.url.as_deref(), Use::Read) {
        Ok(connection) => connection,
        // Named migrations can be rehearsed after those before them, though nothing is known of sizes then.
        Err(_) if options.url.is_none() && !options.names.is_empty() => {
            notes.push(
                "no database is named, so the twin has the schema of the earlier migrations and rows by guess: give --url \
                 or --facts for times at production's size"
                    .to_owned(),
            );
            return Ok(Known {
                database: None,
                source: "the migrations alone".to_owned(),
                version: None,
                catalog: None,
                facts: None,
                settings: BTreeMap::new(),
                rows: None,
            });
        }
        Err(error) => return Err(error),
    };
    progress.phase("read schema and statistics of the database");
    notes.extend(connection.note.iter().cloned());
    let session = ReadSession::connect(&connection.url).await?;
    let version = session.version();
    let catalog = session.catalog(&CatalogOptions { statistics: true, ..CatalogOptions::default() }).await;
    let cluster = session.cluster().await;
    let rows = session.history(&project.history_table(connection.namespace())).await;
    session.close().await;
    let (catalog, gaps) = catalog?;
    notes.extend(gaps.iter().map(|gap| gap.why.clone()));
    let (cluster, _) = cluster?;
    let settings = cluster.settings.into_iter().map(|(name, setting)| (name, setting.value)).collect();
    let database = server::database_name(&connection, version);
    Ok(Known {
        source: format!("the database \"{}\" ({})", database.name, database.origin),
        database: Some(database),
        version: Some(version),
        catalog: Some(catalog),
        facts: None,
        settings,
        rows: Some(rows?),
    })
}

fn of_file(facts: ExportedFacts, project: &MigrateProject, notes: &mut Vec<String>) -> Known {
    notes.extend(facts.left_out.iter().map(|(what, why)| format!("the facts lack {what}: {why}")));
    Known {
        database: None,
        source: format!("facts of the database \"{}\" at {}", facts.database, facts.place),
        version: Some(ServerVersion(facts.server_version_num)),
        catalog: None,
        settings: facts.settings.clone(),
        rows: Some(facts_export::history(&facts, project.history_table("public").name)),
        facts: Some(facts),
    }
}

/// The migrations to rehearse, in the order of the disk.
fn choose<'a>(
    options: &RehearseOptions,
    folders: &'a [MigrationFolder],
    known: &Known,
    notes: &mut Vec<String>,
) -> Result<Vec<&'a MigrationFolder>, MigrateError> {
    for name in &options.names {
        if !folders.iter().any(|folder| folder.name == *name) {
            return Err(MigrateError::new(format!("there is no migration \"{name}\" in the project"))
                .with_hint("`pgsteward migrate status` lists the migrations"));
        }
    }
    let named = |folder: &&MigrationFolder| options.names.contains(&folder.name);
    let Some(rows) = &known.rows else { return Ok(folders.iter().filter(named).collect()) };
    let joined = Joined::new(folders, rows.as_deref());
    let pending = joined.pending();
    if options.names.is_empty() {
        return Ok(folders.iter().filter(|folder| pending.contains(&folder.name.as_str())).collect());
    }
    for standing in joined.of(MigrationState::Applied) {
        if options.names.contains(&standing.name) {
            return Err(MigrateError::new(format!(
                "the migration \"{}\" is applied already, so the schema of the database has it",
                standing.name
            ))
            .with_hint(
                "name a migration that is pending there, or a database that does not have this one yet",
            ));
        }
    }
    let last = folders.iter().rposition(|folder| named(&folder)).unwrap_or_default();
    let skipped: Vec<&str> = folders[..last]
        .iter()
        .filter(|folder| pending.contains(&folder.name.as_str()) && !named(folder))
        .map(|folder| folder.name.as_str())
        .collect();
    if !skipped.is_empty() {
        notes.push(format!(
            "pending and not rehearsed, though deploy applies them first: {}",
            skipped.join(", ")
        ));
    }
    Ok(folders.iter().filter(named).collect())
}

async fn in_the_lab(
    options: &RehearseOptions,
    folders: &[MigrationFolder],
    chosen: &[&MigrationFolder],
    known: &Known,
    progress: &dyn Progress,
    notes: &mut Vec<String>,
    report: &mut RehearsalReport,
) -> Result<(), MigrateError> {
    progress.phase("start the lab");
    let major = options.major.or(known.version.map(ServerVersion::major));
    let lab_options = LabOptions {
        major,
        offline: options.offline,
        disk_limit_bytes: 16 << 30,
        settings: base::settings(&known.settings),
        ..LabOptions::default()
    };
    let lab = Lab::start(&lab_options).await.map_err(|error| of_lab(&error))?;
    notes.extend(lab.note().map(str::to_owned));
    if let Some(version) = known.version.filter(|version| version.major() != lab.version().major()) {
        notes.push(format!(
            "the lab has PostgreSQL {} and the database {version}: locks and times may differ",
            lab.version()
        ));
    }
    report.lab_version = lab.version().to_string();
    let rehearsed = on(&lab, options, folders, chosen, known, progress, notes, report).await;
    let stopped = lab.stop().await.map_err(|error| of_lab(&error));
    rehearsed?;
    stopped
}

#[expect(
    clippy::too_many_arguments,
    reason = "one call, apart from its caller so that the lab ends on every way"
)]
async fn on(
    lab: &Lab,
    options: &RehearseOptions,
    folders: &[MigrationFolder],
    chosen: &[&MigrationFolder],
    known: &Known,
    progress: &dyn Progress,
    notes: &mut Vec<String>,
    report: &mut RehearsalReport,
) -> Result<(), MigrateError> {
    progress.phase("build the twin");
    let (base, production) = match (&known.catalog, &known.facts) {
        (Some(catalog), _) => (base::of_catalog(lab, catalog, notes).await?, catalog.clone()),
        (None, Some(facts)) => base::of_facts(lab, facts, notes).await?,
        (None, None) => {
            let first = folders.iter().position(|folder| folder.name == chosen[0].name).unwrap_or_default();
            let earlier: Vec<&MigrationFolder> = folders[..first].iter().collect();
            (base::of_history(lab, &earlier).await?, Catalog::empty(lab.version()))
        }
    };
    let plans = plans(folders, chosen, lab.version())?;
    let touched: BTreeSet<String> = plans
        .iter()
        .flat_map(|plan| plan.statements.iter().flat_map(|one| &one.predicted))
        .map(|lock| lock.relation.clone())
        .collect();
    progress.phase("fill the twin");
    let mut files = Vec::new();
    for plan in plans {
        let texts: Vec<&str> = plan.statements.iter().map(|one| one.sql.as_str()).collect();
        let adapted = pgsteward_lab::adapt(lab, &base, &texts).await.map_err(|error| of_lab(&error))?;
        let told = adapted.iter().filter_map(|one| one.told.as_ref());
        notes.extend(told.map(|(what, why)| format!("{what}: {why}")));
        let texts = adapted.into_iter().map(|one| one.sql).collect();
        files.push(Ready { plan, texts });
    }
    let [small, large] = base::twins(lab, &base, &production, &files, &touched, options.scale, notes).await?;
    let there = base::rows_of(&production);
    report.tables = base::tables(&touched, &there, &large.rows);
    let runs = passes(lab, options, &files, [&small, &large], progress).await?;
    let sizes = Sizes { small: &small.rows, large: &large.rows, production: &there };
    for (at, folder) in chosen.iter().enumerate() {
        report.migrations.push(one(options, folder, &files[at].plan, at, &runs, sizes));
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
    passes.loaded = pass(lab, large, files, Company::Load, options.limit).await?;
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
    company: Company,
    limit: Duration,
) -> Result<Vec<Seen>, MigrateError> {
    let statements: usize = files.iter().map(|file| file.texts.len()).sum();
    let _bound = lab.bound(limit * u32::try_from(statements.max(1)).unwrap_or(u32::MAX));
    let database = lab.clone_database(&twin.database).await.map_err(|error| of_lab(&error))?;
    let seen = pass::run(&database, files, company, limit.as_millis()).await?;
    lab.drop_database(database).await.map_err(|error| of_lab(&error))?;
    Ok(seen)
}

fn one(
    options: &RehearseOptions,
    folder: &MigrationFolder,
    plan: &FilePlan,
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
            regime: plan.regime,
            because: plan.because.clone(),
            statements: Vec::new(),
            broken: Vec::new(),
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
        migration.failure = Some(format!("line {line}: {}", words(error)));
        migration.reasons = vec!["it does not run on the twin".to_owned()];
        return migration;
    }
    let is_empty = |relation: &str| sizes.production.get(relation).is_some_and(|rows| *rows == 0.0);
    verdict::judge(
        &mut migration,
        plan,
        &indices,
        options.max_block.as_secs_f64() * 1000.0,
        options.lock_timeout.as_millis(),
        &is_empty,
    );
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
    MigrateError::new(format!("the lab could not go on: {error}")).with_hint(error.hint())
}
