//! `migrate status`: the whole truth about a database and its history. Reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::migrate::MigrationState;
use pgsteward_model::migrate::status::{Diverged, StatusClass, StatusReport};
use pgsteward_pg::history::{HistoryRow, RowState};
use pgsteward_pg::{CatalogOptions, ConnectError, ReadSession};

use super::connection::{Use, resolve};
use super::drift::{Compared, Made};
use super::error::MigrateError;
use super::history::Joined;
use super::project::{MigrateProject, MigrationFolder, ProjectOptions};
use super::server;
use super::squash;
use super::target;
use crate::Progress;
use crate::collect::LabWish;

#[derive(Clone, Debug, Default)]
pub struct StatusOptions {
    pub project: ProjectOptions,
    pub url: Option<String>,
    /// `--target`, a name of pgsteward.toml.
    pub target: Option<String>,
    /// Whether and which lab may be used to look for drift.
    pub lab: LabWish,
}

/// Looks at disk, history and catalog. An error only where the database cannot be read.
pub async fn status(options: &StatusOptions, progress: &dyn Progress) -> Result<StatusReport, MigrateError> {
    let began = Instant::now();
    let project = MigrateProject::find(&options.project)?;
    let target = options.target.as_ref().map(|name| target::choose(&project, name, Use::Read)).transpose()?;
    let connection = match &target {
        Some(target) => target.connection.clone(),
        None => resolve(&project, options.url.as_deref(), Use::Read)?,
    };
    project.check_provider_lock()?;
    let folders = project.migrations()?;
    progress.phase("read the database");
    let session = ReadSession::connect(&connection.url).await.map_err(|error| match error {
        error @ ConnectError::UnknownDatabase { .. } => MigrateError::from(error).with_hint(
            "`pgsteward migrate deploy` makes the database; if it is there under another name, correct the connection URL",
        ),
        error => error.into(),
    })?;
    let table = project.history_table(connection.namespace());
    let namespaces = server::namespaces(&project, connection.namespace());
    let rows = session.history(&table).await?;
    let invalid = session.invalid(&namespaces).await?;
    let version = session.version();
    let replayable = replayable(&folders, rows.as_deref(), &options.lab);
    let catalog = match matches!(replayable, Some(Ok(_))) || target.is_some() || rows.is_none() {
        true => {
            let of_project =
                CatalogOptions { namespaces: Some(namespaces.clone()), ..CatalogOptions::default() };
            Some(session.catalog(&of_project).await?.0)
        }
        // Reading it all costs more than everything else.
        false => None,
    };
    let namespace = connection.namespace();
    let joined = Joined::new(&folders, rows.as_deref());
    let edited = joined.standings.iter().any(|standing| standing.edited);
    if let (Some(Ok(applied)), Some(catalog), false) = (&replayable, &catalog, edited) {
        // Two servers that began as one may have the same fingerprint: the texts must be those that were applied here.
        Made { project: &project, namespace, applied }.was_seen(&session, catalog).await;
    }
    session.close().await;
    let told = squash::told(&folders, rows.as_deref().unwrap_or_default());
    let compared = match (replayable, &catalog) {
        (Some(Ok(applied)), Some(catalog)) => {
            let made = Made { project: &project, namespace, applied: &applied };
            Some(made.compare(catalog, &options.lab, progress).await)
        }
        (Some(Err(why)), _) => Some(Compared::Not(why)),
        _ => None,
    };
    let mut report = StatusReport {
        database: server::database_name(&connection, version),
        history_table: table.quoted(),
        initialised: joined.initialised,
        diverged: joined.diverged().map(|last| Diverged { last_common: last.map(str::to_owned) }),
        migrations: joined.standings,
        invalid_indexes: lines(invalid.indexes),
        not_valid: lines(invalid.constraints),
        notes: connection.note.iter().cloned().chain(told).collect(),
        ..StatusReport::default()
    };
    match compared {
        Some(Compared::Differences(found)) => report.drift = Some(found),
        Some(Compared::Not(why)) => report.notes.push(why),
        None => {}
    }
    if let (false, Some(catalog)) = (report.initialised, &catalog) {
        report.notes.extend(unmanaged(catalog));
    }
    if let (Some(target), Some(catalog)) = (&target, &catalog) {
        report.target =
            target.compare(&project, &folders, rows.as_deref().unwrap_or_default(), catalog).await?;
    }
    report.classes = classes(&report);
    report.exit_code = report.classes.iter().map(|class| class.exit_code()).min().unwrap_or(0);
    report.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// A database with tables and without a history is refused by `deploy`.
fn unmanaged(catalog: &Catalog) -> Option<String> {
    let table = catalog.user_tables().find(|table| table.name.name != "spatial_ref_sys")?;
    Some(format!(
        "the database holds tables (\"{}\") and no history, so `pgsteward migrate deploy` refuses it (P3005): mark the \
         migrations that made them with `pgsteward migrate resolve --applied NAME` first",
        table.name.display()
    ))
}

/// What the history says is applied, or why the database cannot be held against it: a failed migration may have left
/// anything, and one that is missing on disk cannot be replayed. Both are said by themselves. None without a history.
fn replayable<'a>(
    folders: &'a [MigrationFolder],
    rows: Option<&[HistoryRow]>,
    wish: &LabWish,
) -> Option<Result<Vec<&'a MigrationFolder>, String>> {
    let rows = rows?;
    if wish.none {
        return Some(Err("drift was not looked for (--no-lab)".into()));
    }
    if let Some(failed) = rows.iter().find(|row| row.state() == RowState::Failed) {
        return Some(Err(format!("drift was not looked for: {} failed", failed.name)));
    }
    // A squashed migration makes what those made that it joins, whether or not it is recorded yet.
    let mut applied: Vec<&MigrationFolder> = squash::unrecorded(folders, rows);
    let mut seen: BTreeSet<&str> = applied.iter().map(|folder| folder.name.as_str()).collect();
    let joined = squash::joined(folders);
    let by_name: BTreeMap<&str, &MigrationFolder> =
        folders.iter().map(|folder| (folder.name.as_str(), folder)).collect();
    let counts = |row: &&HistoryRow| row.state() == RowState::Applied && !joined.contains_key(&row.name);
    for row in rows.iter().filter(counts) {
        let Some(folder) = by_name.get(row.name.as_str()) else {
            return Some(Err(format!("drift was not looked for: {} is missing on disk", row.name)));
        };
        if seen.insert(folder.name.as_str()) {
            applied.push(folder);
        }
    }
    Some(Ok(applied))
}

fn classes(report: &StatusReport) -> Vec<StatusClass> {
    let any = |state: MigrationState| report.migrations.iter().any(|one| one.state == state);
    let found = [
        (StatusClass::NoHistory, !report.initialised && !report.migrations.is_empty()),
        (StatusClass::Pending, any(MigrationState::Pending)),
        (StatusClass::Failed, any(MigrationState::Failed)),
        (StatusClass::Diverged, report.diverged.is_some()),
        (StatusClass::Edited, report.migrations.iter().any(|one| one.edited)),
        (StatusClass::MissingOnDisk, report.migrations.iter().any(|one| one.missing_on_disk)),
        (
            StatusClass::Drift,
            report.drift.as_ref().is_some_and(|drift| !drift.is_empty())
                || report.target.as_ref().is_some_and(|target| {
                    !target.only_here.is_empty()
                        || !target.other_text.is_empty()
                        || target.drift.as_ref().is_some_and(|drift| !drift.is_empty())
                }),
        ),
        (StatusClass::InvalidIndexes, !report.invalid_indexes.is_empty()),
        (StatusClass::NotValid, !report.not_valid.is_empty()),
    ];
    found.into_iter().filter_map(|(class, holds)| holds.then_some(class)).collect()
}

fn lines(left: Vec<(QName, String)>) -> Vec<String> {
    left.into_iter().map(|(table, name)| format!("{}: {name}", table.display())).collect()
}
