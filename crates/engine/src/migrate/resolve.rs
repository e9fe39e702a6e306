//! `migrate resolve`: tells the history what somebody did by hand.

use std::time::Duration;

use pgsteward_model::migrate::resolve::{ResolveReport, Resolved};
use pgsteward_pg::WriteSession;
use pgsteward_pg::history::{self, HistoryRow, HistoryTable, RowState};

use super::connection::{self, Use};
use super::error::MigrateError;
use super::project::{MigrateProject, ProjectOptions};
use super::server;
use crate::Progress;

#[derive(Clone, Debug)]
pub struct ResolveOptions {
    pub project: ProjectOptions,
    pub url: Option<String>,
    pub migration: String,
    pub to: Resolved,
    pub lock_wait: Duration,
}

/// Writes one row, or one time into a row. The database itself is not touched.
pub async fn resolve(
    options: &ResolveOptions,
    progress: &dyn Progress,
) -> Result<ResolveReport, MigrateError> {
    let project = MigrateProject::find(&options.project)?;
    let connection = connection::resolve(&project, options.url.as_deref(), Use::Write)?;
    project.check_provider_lock()?;
    let (session, _) = match options.to {
        Resolved::Applied => server::connect_or_create(&connection, "migrate resolve").await?,
        Resolved::RolledBack => (server::connect(&connection, "migrate resolve").await?, false),
    };
    let table = project.history_table(connection.namespace());
    let outcome = async {
        server::refuse_read_only(&session).await?;
        server::lock(&session, options.lock_wait, progress).await?;
        match options.to {
            Resolved::Applied => applied(&session, &project, &table, &options.migration).await,
            Resolved::RolledBack => rolled_back(&session, &table, &options.migration).await.map(|()| false),
        }
    };
    let outcome = outcome.await;
    let version = session.version();
    session.close().await;
    Ok(ResolveReport {
        database: server::database_name(&connection, version),
        history_table: table.quoted(),
        migration: options.migration.clone(),
        resolved: options.to,
        created_table: outcome?,
    })
}

/// P3017 where there is no such folder, P3008 where it is applied already. A failed attempt is rolled back first.
/// True where the table had to be made: this is how a database gets its baseline.
async fn applied(
    session: &WriteSession,
    project: &MigrateProject,
    table: &HistoryTable,
    name: &str,
) -> Result<bool, MigrateError> {
    let folders = project.migrations()?;
    let Some(folder) = folders.iter().find(|folder| folder.name == name) else {
        let message = format!(
            "the migration {name} could not be found. Please make sure that the migration exists, and that you included the \
             whole name of the directory"
        );
        let near = folders.iter().rfind(|folder| folder.name.contains(name));
        return Err(MigrateError::coded("P3017", message).with_hint(match near {
            Some(near) => format!("did you mean \"{}\"?", near.name),
            None => "`pgsteward migrate status` lists the migrations".to_owned(),
        }));
    };
    let rows = session.history(table).await?;
    let created = rows.is_none();
    if created {
        server::initialise(session, project, table, true).await?;
    }
    let rows = rows.unwrap_or_default();
    let mine = |state: RowState| rows.iter().filter(move |row| row.name == name && row.state() == state);
    if mine(RowState::Applied).next().is_some() {
        let message = format!("the migration `{name}` is already recorded as applied in the database");
        return Err(MigrateError::coded("P3008", message).with_hint("there is nothing to resolve"));
    }
    let mut texts: Vec<String> =
        mine(RowState::Failed).map(|row| history::roll_back(table, &row.id)).collect();
    texts.push(history::mark_applied(table, &history::new_id(), &folder.checksum, name));
    write(session, &texts).await?;
    Ok(created)
}

/// P3011 where it was never applied, P3012 where it did not fail.
async fn rolled_back(session: &WriteSession, table: &HistoryTable, name: &str) -> Result<(), MigrateError> {
    let rows: Vec<HistoryRow> = session.history(table).await?.unwrap_or_default();
    let mine: Vec<&HistoryRow> = rows.iter().filter(|row| row.name == name).collect();
    if mine.is_empty() {
        let message = format!(
            "the migration `{name}` cannot be rolled back because it was never applied to the database"
        );
        return Err(MigrateError::coded("P3011", message)
            .with_hint("`pgsteward migrate status` shows what is recorded"));
    }
    // Prisma looks at the row that was started last; one that is rolled back already stays as it is.
    let failed: Vec<&&HistoryRow> = mine.iter().filter(|row| row.state() == RowState::Failed).collect();
    if failed.is_empty() {
        if mine.iter().all(|row| row.state() == RowState::RolledBack) {
            return Ok(());
        }
        let message =
            format!("the migration `{name}` cannot be rolled back because it is not in a failed state");
        return Err(MigrateError::coded("P3012", message).with_hint(
            "only failed migrations can be marked as rolled back; `pgsteward migrate rollback` undoes an applied one",
        ));
    }
    write(session, &failed.iter().map(|row| history::roll_back(table, &row.id)).collect::<Vec<_>>()).await
}

/// All of it or nothing.
async fn write(session: &WriteSession, texts: &[String]) -> Result<(), MigrateError> {
    session
        .simple(&texts.join(";\n"))
        .await
        .map_err(|error| MigrateError::server("write the history", &error))
}
