//! `[target.NAME]` of pgsteward.toml: databases that migrations go to one after the other, and whether a checksum
//! has passed on the one before.
//!
//! The configuration names a variable, never a URL: secrets stay in the environment.

use pgsteward_model::catalog::Catalog;
use pgsteward_model::catalog_compare::{ColumnOrder, differences, schema_only};
use pgsteward_model::migrate::status::TargetStanding;
use pgsteward_model::migration::OWN_TABLES;
use pgsteward_pg::history::{HistoryRow, RowState};
use pgsteward_pg::{CatalogOptions, ReadSession};

use super::connection::{self, Connection, Environment, Use};
use super::error::MigrateError;
use super::project::{MigrateProject, MigrationFolder};
use super::{server, squash};
use crate::config::Target;

/// A target that the user named, with its database.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub name: String,
    pub connection: Connection,
    /// The target that migrations pass first.
    pub after: Option<(String, Connection)>,
    pub require_rollback: bool,
}

/// The target of that name. Its database's URL comes from the variable that the configuration names.
pub fn choose(project: &MigrateProject, name: &str, wanted: Use) -> Result<Chosen, MigrateError> {
    let loaded =
        crate::config::load(&project.root).map_err(|error| MigrateError::new(format!("{error:#}")))?;
    let targets = &loaded.config.target;
    let find = |name: &str| {
        targets.get(name).ok_or_else(|| {
            let known: Vec<&str> = targets.keys().map(String::as_str).collect();
            let hint = match known.is_empty() {
                true => format!(
                    "describe it in pgsteward.toml: [target.{name}] with url_env = \"NAME_OF_A_VARIABLE\""
                ),
                false => format!("there are: {}", known.join(", ")),
            };
            MigrateError::new(format!("there is no target \"{name}\"")).with_hint(hint)
        })
    };
    let target = find(name)?;
    let connection = connect(project, name, target, wanted)?;
    let after = match &target.after {
        None => None,
        Some(before) => Some((before.clone(), connect(project, before, find(before)?, Use::Read)?)),
    };
    if let Some((before, other)) = &after
        && other.url == connection.url
    {
        return Err(MigrateError::new(format!(
            "the targets \"{before}\" and \"{name}\" are the same database"
        ))
        .with_hint("give them different variables"));
    }
    Ok(Chosen { name: name.to_owned(), connection, after, require_rollback: target.require_rollback })
}

fn connect(
    project: &MigrateProject,
    name: &str,
    target: &Target,
    wanted: Use,
) -> Result<Connection, MigrateError> {
    let environment = Environment::of(project)?;
    let found = connection::of_named(&target.url_env, &environment, wanted)?;
    found.ok_or_else(|| {
        MigrateError::new(format!(
            "{} is not set, which holds the URL of the target \"{name}\"",
            target.url_env
        ))
        .with_hint(format!("set {} in the environment or in .env", target.url_env))
    })
}

impl Chosen {
    /// Refuses what has not passed on the target before: applied there, with the text that is on disk.
    pub(super) async fn refuse_untried(
        &self,
        project: &MigrateProject,
        pending: &[&MigrationFolder],
    ) -> Result<(), MigrateError> {
        let Some((before, connection)) = &self.after else { return Ok(()) };
        if pending.is_empty() {
            return Ok(());
        }
        let session = self.connect_before(before, connection).await?;
        let rows = session.history(&project.history_table(connection.namespace())).await;
        session.close().await;
        let rows = rows?.unwrap_or_default();
        let applied = |folder: &MigrationFolder| {
            rows.iter()
                .filter(|row| row.name == folder.name && row.state() == RowState::Applied)
                .collect::<Vec<_>>()
        };
        let mut untried = Vec::new();
        for folder in pending {
            let there = applied(folder);
            if there.is_empty() {
                untried.push(format!("\"{}\" was not applied there", folder.name));
            } else if !there.iter().any(|row| folder.has_checksum(&row.checksum)) {
                untried.push(format!("\"{}\" was applied there with another text", folder.name));
            }
        }
        if untried.is_empty() {
            return Ok(());
        }
        Err(MigrateError::new(format!(
            "the target \"{}\" takes only what has passed on \"{before}\": {}; nothing was run",
            self.name,
            untried.join(", ")
        ))
        .with_hint(format!("`pgsteward migrate deploy --target {before}` first")))
    }

    /// The database of the target before. An error says whose it is.
    async fn connect_before(
        &self,
        before: &str,
        connection: &Connection,
    ) -> Result<ReadSession, MigrateError> {
        ReadSession::connect(&connection.url).await.map_err(|error| {
            let mut error = MigrateError::from(error);
            error.message =
                format!("the target \"{before}\", which \"{}\" comes after: {}", self.name, error.message);
            error
        })
    }

    /// How this target stands against the one before: `rows` and `catalog` are this one's.
    pub(super) async fn compare(
        &self,
        project: &MigrateProject,
        folders: &[MigrationFolder],
        rows: &[HistoryRow],
        catalog: &Catalog,
    ) -> Result<Option<TargetStanding>, MigrateError> {
        let Some((before, connection)) = &self.after else { return Ok(None) };
        let table = project.history_table(connection.namespace());
        let session = self.connect_before(before, connection).await?;
        let there = session.history(&table).await;
        let namespaces = Some(server::namespaces(project, connection.namespace()));
        let read = session.catalog(&CatalogOptions { namespaces, ..CatalogOptions::default() }).await;
        session.close().await;
        let there = there?.unwrap_or_default();
        let (other, _) = read?;
        // Both may have the joined migrations, the squashed one that is on disk, or all of them.
        let applied = |rows: &[HistoryRow]| -> Vec<(String, String)> {
            let rows = squash::as_recorded(folders, rows.to_vec()).unwrap_or_else(|_| rows.to_vec());
            let mut all: Vec<(String, String)> = squash::without_members(folders, rows)
                .iter()
                .filter(|row| row.state() == RowState::Applied)
                .map(|row| (row.name.clone(), row.checksum.clone()))
                .collect();
            all.sort();
            all.dedup();
            all
        };
        let (here, there) = (applied(rows), applied(&there));
        let names = |one: &[(String, String)], other: &[(String, String)]| -> Vec<String> {
            one.iter()
                .filter(|(name, _)| other.iter().all(|(known, _)| known != name))
                .map(|(name, _)| name.clone())
                .collect()
        };
        let other_text = here
            .iter()
            .filter(|(name, sum)| there.iter().any(|(known, other)| known == name && other != sum))
            .map(|(name, _)| name.clone())
            .collect();
        let (only_there, only_here) = (names(&there, &here), names(&here, &there));
        // Two databases at different points of the history differ as they should.
        let drift = (only_there.is_empty() && only_here.is_empty()).then(|| {
            differences(&plain(&other), &plain(catalog), ColumnOrder::Ignored)
                .into_iter()
                .map(|difference| difference.to_string())
                .collect()
        });
        Ok(Some(TargetStanding {
            target: self.name.clone(),
            before: before.clone(),
            only_there,
            only_here,
            other_text,
            drift,
        }))
    }
}

/// Owners and grants belong to a place, the history's table is not the schema's.
fn plain(catalog: &Catalog) -> Catalog {
    let mut plain = schema_only(catalog);
    plain
        .tables
        .retain(|name, _| name.name != "_prisma_migrations" && !OWN_TABLES.contains(&name.name.as_str()));
    plain
}
