//! What is known of production before the lab starts: schema, statistics, settings and history, from a database or
//! from a file of facts; and which migrations are rehearsed. Reads only.

use std::collections::BTreeMap;

use pgsteward_model::catalog::Catalog;
use pgsteward_model::exported::ExportedFacts;
use pgsteward_model::migrate::{DatabaseName, MigrationState};
use pgsteward_model::version::ServerVersion;
use pgsteward_pg::history::HistoryRow;
use pgsteward_pg::{CatalogOptions, ReadSession};

use super::RehearseOptions;
use super::base::twin_rows;
use crate::migrate::connection::{Use, resolve};
use crate::migrate::error::MigrateError;
use crate::migrate::history::Joined;
use crate::migrate::project::{MigrateProject, MigrationFolder};
use crate::migrate::subscribers::{self, Publications};
use crate::migrate::{server, squash};
use crate::{Progress, facts_export};

/// What is known of production.
pub(super) struct Known {
    pub(super) database: Option<DatabaseName>,
    pub(super) source: String,
    pub(super) version: Option<ServerVersion>,
    /// None where only the files of the project are known.
    pub(super) catalog: Option<Catalog>,
    pub(super) facts: Option<ExportedFacts>,
    pub(super) settings: BTreeMap<String, String>,
    pub(super) publications: Publications,
    /// Where unqualified names go.
    pub(super) namespace: String,
    /// None where the history is not known.
    rows: Option<Option<Vec<HistoryRow>>>,
}

impl Known {
    /// The share of its rows that the twin of the largest table has.
    pub(super) fn share(&self, scale: f64) -> f64 {
        let of_catalog = self.catalog.iter().flat_map(|catalog| {
            catalog.user_tables().filter_map(|table| table.statistics.as_ref().and_then(|one| one.rows))
        });
        let of_facts = self.facts.iter().flat_map(|facts| facts.tables.iter().filter_map(|table| table.rows));
        let largest = of_catalog.chain(of_facts).fold(1.0, f64::max);
        twin_rows(largest, scale) / largest
    }
}

pub(super) async fn known(
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
                publications: Publications::default(),
                namespace: "public".to_owned(),
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
    let published = match subscribers::query(version) {
        Some(query) => session.text("read the publications", &query).await,
        None => Ok(None),
    };
    session.close().await;
    let publications = Publications::read(published?.as_deref())
        .map_err(|error| MigrateError::new(format!("read the publications: {error}")))?;
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
        publications,
        namespace: connection.namespace().to_owned(),
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
        publications: Publications::default(),
        namespace: "public".to_owned(),
        rows: Some(facts_export::history(&facts, project.history_table("public").name)),
        facts: Some(facts),
    }
}

/// The migrations to rehearse, in the order of the disk.
pub(super) fn choose<'a>(
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
    let rows = match rows {
        Some(rows) => {
            notes.extend(squash::told(folders, rows));
            Some(squash::as_recorded(folders, rows.clone())?)
        }
        None => None,
    };
    let joined = Joined::new(folders, rows.as_deref());
    for failed in joined.of(MigrationState::Failed) {
        notes.push(format!(
            "the migration \"{}\" failed on the database, and deploy applies nothing until that is settled: \
             `pgsteward migrate doctor` says how (to rehearse it, name it)",
            failed.name
        ));
    }
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
