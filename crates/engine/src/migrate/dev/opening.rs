//! How `migrate dev` begins, whatever the migrations are made of: what the user's database holds, the lab of its
//! version, and a report that says what was found on the way.

use pgsteward_model::catalog::Catalog;
use pgsteward_model::migrate::DatabaseName;
use pgsteward_model::migrate::dev::{DevOutcome, DevReport, WrittenFrom};
use pgsteward_model::migration::OWN_TABLES;
use pgsteward_pg::history::{HistoryRow, HistoryTable};
use pgsteward_pg::{CatalogOptions, WriteSession};

use super::DevRequest;
use crate::Progress;
use crate::migrate::connection::Connection;
use crate::migrate::error::MigrateError;
use crate::migrate::project::{MigrateProject, MigrationFolder};
use crate::migrate::shadow::Shadow;
use crate::migrate::{server, squash};

/// What both kinds of projects go on with.
pub(super) struct Opened {
    pub(super) folders: Vec<MigrationFolder>,
    pub(super) table: HistoryTable,
    pub(super) live: Live,
    pub(super) shadow: Shadow,
    pub(super) report: DevReport,
}

/// Makes the database where it is missing, and records squashed migrations that it holds.
pub(super) async fn open(
    request: &DevRequest,
    project: &MigrateProject,
    connection: &Connection,
    progress: &dyn Progress,
) -> Result<Opened, MigrateError> {
    let folders = project.migrations()?;
    let (session, made) = server::connect_or_create(connection, "migrate dev").await?;
    let table = project.history_table(connection.namespace());
    let recorded = squash::meet(&session, &table, &folders, progress).await;
    let live = Live::read(&session, &table, &folders).await;
    let version = session.version();
    session.close().await;
    let (recorded, live) = (recorded?, live?);
    let mut wish = request.wish.clone();
    wish.major = wish.major.or(Some(version.major()));
    let shadow = Shadow::start(&wish, connection.namespace(), project.init_shadow_db(), progress).await?;
    let mut report = empty_report(server::database_name(connection, version));
    report.notes.extend(made.then(|| format!("made the database \"{}\"", connection.database())));
    report.notes.extend(shadow.note());
    report.notes.extend(connection.note.clone());
    report.notes.extend(recorded);
    Ok(Opened { folders, table, live, shadow, report })
}

/// What was read from the user's database.
pub(super) struct Live {
    pub(super) rows: Option<Vec<HistoryRow>>,
    pub(super) catalog: Catalog,
}

impl Live {
    async fn read(
        session: &WriteSession,
        table: &HistoryTable,
        folders: &[MigrationFolder],
    ) -> Result<Live, MigrateError> {
        let rows = session.history(table).await?.map(|rows| squash::without_members(folders, rows));
        let (mut catalog, _) = session.catalog(&CatalogOptions::default()).await?;
        // What we remember there is nobody's change of the schema.
        catalog.tables.retain(|name, _| !OWN_TABLES.contains(&name.name.as_str()));
        Ok(Live { rows, catalog })
    }
}

fn empty_report(database: DatabaseName) -> DevReport {
    DevReport {
        outcome: DevOutcome::InSync,
        written_from: WrittenFrom::PrismaSchema,
        database,
        reset_reason: None,
        ways: Vec::new(),
        applied: Vec::new(),
        created: None,
        warnings: Vec::new(),
        unexecutable: Vec::new(),
        renamed: Vec::new(),
        guesses: Vec::new(),
        kept: Vec::new(),
        lost: Vec::new(),
        outside: Vec::new(),
        rollback: None,
        generator: None,
        notes: Vec::new(),
    }
}
