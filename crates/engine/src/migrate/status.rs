//! `migrate status`: the whole truth about a database and its history. Reads only.

use std::time::Instant;

use pgsteward_model::catalog::{Catalog, ConstraintKind};
use pgsteward_model::migrate::MigrationState;
use pgsteward_model::migrate::status::{Diverged, StatusClass, StatusReport};
use pgsteward_pg::history::{HistoryRow, RowState};
use pgsteward_pg::{CatalogOptions, ReadSession};

use super::connection::{Use, resolve};
use super::drift::{self, Compared};
use super::error::MigrateError;
use super::history::Joined;
use super::project::{MigrateProject, MigrationFolder, ProjectOptions};
use super::server;
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
    let session = ReadSession::connect(&connection.url).await?;
    let table = project.history_table(connection.namespace());
    let namespaces = server::namespaces(&project, connection.namespace());
    let catalog_options =
        CatalogOptions { namespaces: Some(namespaces.clone()), ..CatalogOptions::default() };
    let rows = session.history(&table).await;
    let read = session.catalog(&catalog_options).await;
    let version = session.version();
    session.close().await;
    let rows = rows?;
    let (catalog, _) = read?;
    let joined = Joined::new(&folders, rows.as_deref());
    let compared =
        look_for_drift(&folders, rows.as_deref(), &catalog, &namespaces, &options.lab, progress).await;
    let mut report = StatusReport {
        database: server::database_name(&connection, version),
        history_table: table.quoted(),
        initialised: joined.initialised,
        diverged: joined.diverged().map(|last| Diverged { last_common: last.map(str::to_owned) }),
        migrations: joined.standings,
        invalid_indexes: invalid_indexes(&catalog),
        not_valid: not_valid(&catalog),
        notes: connection.note.iter().cloned().collect(),
        ..StatusReport::default()
    };
    match compared {
        Some(Compared::Differences(found)) => report.drift = Some(found),
        Some(Compared::Not(why)) => report.notes.push(why),
        None => {}
    }
    if let Some(target) = &target {
        report.target = target.compare(&project, rows.as_deref().unwrap_or_default(), &catalog).await?;
    }
    report.classes = classes(&report);
    report.exit_code = report.classes.iter().map(|class| class.exit_code()).min().unwrap_or(0);
    report.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// None where there is no history to hold the database against. A failed migration may have left anything, and one
/// that is missing on disk cannot be replayed: both are said by themselves.
async fn look_for_drift(
    folders: &[MigrationFolder],
    rows: Option<&[HistoryRow]>,
    catalog: &Catalog,
    namespaces: &[String],
    wish: &LabWish,
    progress: &dyn Progress,
) -> Option<Compared> {
    let rows = rows?;
    if let Some(failed) = rows.iter().find(|row| row.state() == RowState::Failed) {
        return Some(Compared::Not(format!("drift was not looked for: {} failed", failed.name)));
    }
    let mut applied: Vec<&MigrationFolder> = Vec::new();
    for row in rows.iter().filter(|row| row.state() == RowState::Applied) {
        let Some(folder) = folders.iter().find(|folder| folder.name == row.name) else {
            return Some(Compared::Not(format!("drift was not looked for: {} is missing on disk", row.name)));
        };
        if !applied.iter().any(|other| other.name == folder.name) {
            applied.push(folder);
        }
    }
    Some(drift::compare(catalog, &applied, namespaces, wish, progress).await)
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

fn invalid_indexes(catalog: &Catalog) -> Vec<String> {
    let of_table = |table: &pgsteward_model::catalog::Table| {
        let name = table.name.display();
        table
            .indexes
            .iter()
            .filter(|index| !index.valid)
            .map(move |index| format!("{name}: {}", index.name))
            .collect::<Vec<_>>()
    };
    catalog.user_tables().flat_map(of_table).collect()
}

fn not_valid(catalog: &Catalog) -> Vec<String> {
    let of_table = |table: &pgsteward_model::catalog::Table| {
        let name = table.name.display();
        let open = table.constraints.iter().filter(|constraint| !constraint.validated);
        open.filter(|constraint| {
            matches!(
                constraint.kind,
                ConstraintKind::Check { .. }
                    | ConstraintKind::ForeignKey { .. }
                    | ConstraintKind::NotNull { .. }
            )
        })
        .map(move |constraint| format!("{name}: {}", constraint.name))
        .collect::<Vec<_>>()
    };
    catalog.user_tables().flat_map(of_table).collect()
}
