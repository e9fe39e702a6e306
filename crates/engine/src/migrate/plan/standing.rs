//! What the database has applied already, as far as its history can be read.

use pgsteward_model::catalog::QName;
use pgsteward_model::migrate::plan::PlanReport;
use pgsteward_pg::ReadSession;

use super::PlanOptions;
use crate::Progress;
use crate::migrate::connection::{Use, resolve};
use crate::migrate::drift::HISTORIES;
use crate::migrate::error::MigrateError;
use crate::migrate::history::Joined;
use crate::migrate::project::{MigrateProject, MigrationFolder};
use crate::migrate::squash;

/// The history of the database and its major version. A dry run of named migrations does without.
pub(super) async fn read(
    project: &MigrateProject,
    folders: &[MigrationFolder],
    options: &PlanOptions,
    report: &mut PlanReport,
    progress: &dyn Progress,
) -> Result<Option<(Joined, u32)>, MigrateError> {
    let needed = options.write || options.names.is_empty() || options.url.is_some();
    let read = async {
        let connection = resolve(project, options.url.as_deref(), Use::Read)?;
        progress.phase("read the history");
        let session = ReadSession::connect(&connection.url).await?;
        let rows = session.history(&project.history_table(connection.namespace())).await;
        let foreign = match &rows {
            Ok(None) if !project.is_prisma() => foreign(&session, connection.namespace()).await,
            _ => Ok(None),
        };
        let major = session.version().major();
        session.close().await;
        let rows = rows?.map(|rows| squash::as_recorded(folders, rows)).transpose()?;
        Ok::<_, MigrateError>((Joined::new(folders, rows.as_deref()), major, foreign?))
    };
    match read.await {
        Ok((joined, major, foreign)) => {
            if let Some(table) = foreign {
                report.notes.push(unread(&table, options)?);
            } else if !joined.initialised && options.names.is_empty() {
                report.notes.push(
                    "The database has no history, so all migrations count as pending and their tables as new."
                        .into(),
                );
            }
            Ok(Some((joined, major)))
        }
        Err(error) if needed => Err(error),
        Err(error) => {
            report.notes.push(format!("No database was asked what is applied already: {error}."));
            Ok(None)
        }
    }
}

/// The table in which another runner keeps its history.
async fn foreign(session: &ReadSession, namespace: &str) -> Result<Option<String>, MigrateError> {
    let others =
        HISTORIES.iter().filter(|name| !name.starts_with("pgsteward_") && **name != "_prisma_migrations");
    let tables: Vec<QName> =
        others.flat_map(|name| [QName::public(*name), QName::new(namespace, *name)]).collect();
    let found = session.catalog_of(&tables).await?;
    Ok(found.first().map(|table| table.name.display()))
}

/// What is said of a history that is not read. Without it nobody knows what is applied: such a migration would be rewritten,
/// and large tables taken for new ones.
fn unread(table: &str, options: &PlanOptions) -> Result<String, MigrateError> {
    if options.write || options.names.is_empty() {
        let message = format!(
            "the history of the database is that of another runner (\"{table}\"), which is not read: what is pending is not known"
        );
        return Err(MigrateError::new(message).with_hint(
            "record what it has applied with `pgsteward migrate resolve --applied NAME`; or name migrations, without --write",
        ));
    }
    Ok(format!(
        "The history of another runner (\"{table}\") was not read: whether the database has applied these is not known."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_knows_what_is_pending_nothing_is_guessed() {
        let options = |names: &[&str], write| PlanOptions {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            write,
            ..PlanOptions::default()
        };
        assert!(unread("schema_migrations", &options(&[], false)).is_err());
        assert!(unread("schema_migrations", &options(&["1_a"], true)).is_err());
        assert!(unread("schema_migrations", &options(&["1_a"], false)).unwrap().contains("not known"));
    }
}
