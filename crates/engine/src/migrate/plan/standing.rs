//! What the database has applied already, as far as its history can be read.

use std::collections::BTreeSet;

use pgsteward_model::catalog::QName;
use pgsteward_model::migrate::MigrationState;
use pgsteward_model::migrate::plan::PlanReport;
use pgsteward_pg::{ReadSession, ServerUrl};

use super::pieces::Piece;
use super::{PlanOptions, namespace};
use crate::Progress;
use crate::migrate::connection::{Use, resolve};
use crate::migrate::drift::HISTORIES;
use crate::migrate::error::MigrateError;
use crate::migrate::history::Joined;
use crate::migrate::project::{MigrateProject, MigrationFolder};
use crate::migrate::squash;
use crate::migrate::subscribers::{self, Publications};

/// What is known of the database.
pub(super) struct Standing {
    pub(super) joined: Joined,
    pub(super) major: u32,
    /// Where unqualified names go.
    pub(super) namespace: String,
    url: ServerUrl,
    pub(super) publications: Publications,
}

impl Standing {
    /// Why the pieces are not for the namespace that unqualified names have there: they say the lab's, as their author does.
    fn elsewhere(&self, pieces: &[Piece]) -> Option<String> {
        let own = Some(self.namespace.as_str()).filter(|own| *own != "public")?;
        let some = |piece: &Piece| {
            namespace::says(&piece.text) || piece.down.as_deref().is_some_and(namespace::says)
        };
        pieces.iter().any(some).then(|| {
            format!(
                "the names of this database are those of \"{own}\" (`schema=` in the URL), and the migration names \"public\": leave \
                 \"public\" out of its names, or say \"{own}\" where that is meant, and plan again"
            )
        })
    }

    /// A migration that any database may have is history: its text must stay.
    pub(super) fn refused(&self, folder: &MigrationFolder) -> Option<String> {
        let standing = self.joined.standings.iter().find(|standing| standing.name == folder.name)?;
        match standing.state {
            MigrationState::Applied => Some("the database has applied it".into()),
            MigrationState::Failed => Some(
                "it began on the database and failed: resolve it first (`pgsteward migrate status`)".into(),
            ),
            MigrationState::Pending | MigrationState::RolledBack => None,
        }
    }

    /// Why the pieces are not for this database. `before` are the migrations that come first.
    pub(super) async fn stops(
        &self,
        pieces: &[Piece],
        before: &[MigrationFolder],
    ) -> Result<Option<String>, MigrateError> {
        match self.elsewhere(pieces) {
            Some(reason) => Ok(Some(reason)),
            // What stands there now may be gone, or have another name, when those that are pending are done.
            None if before.iter().any(|folder| !self.has(folder)) => Ok(None),
            None => self.strangers(pieces).await,
        }
    }

    fn has(&self, folder: &MigrationFolder) -> bool {
        let own = self.joined.standings.iter().find(|standing| standing.name == folder.name);
        own.is_some_and(|standing| standing.state == MigrationState::Applied)
    }

    /// What the database has beside its migrations and the pieces can neither carry nor leave.
    async fn strangers(&self, pieces: &[Piece]) -> Result<Option<String>, MigrateError> {
        let stays = |piece: &Piece| {
            let text = piece.text.to_ascii_uppercase();
            piece.keeps_strangers || !["DROP ", "RENAME "].iter().any(|word| text.contains(word))
        };
        // What the migration itself takes out of the way stands there still; the first folder of each change asks once more.
        let first = pieces.iter().position(|piece| !stays(piece)).unwrap_or(pieces.len());
        let asked: Vec<&String> = pieces[..first].iter().filter_map(|piece| piece.asks.as_ref()).collect();
        if asked.is_empty() {
            return Ok(None);
        }
        let session = ReadSession::connect(&self.url).await?;
        let mut found = Ok(BTreeSet::new());
        for query in asked {
            let names = session.text("ask what hands made upon what changes", query).await;
            found = found.and_then(|mut all: BTreeSet<String>| {
                all.extend(names?);
                Ok::<_, MigrateError>(all)
            });
        }
        session.close().await;
        let found = found?;
        let names = (!found.is_empty()).then(|| found.into_iter().collect::<Vec<_>>().join(", "));
        Ok(names.map(|names| {
            format!(
                "the database has what the swap can neither carry nor leave: {names}; drop each (a value: let a migration add it), \
                 plan, and make it again when the last folder is deployed, or let a migration make it, or change it so \
                 (`pgsteward migrate dev --from-database`) and plan again"
            )
        }))
    }
}

/// Positions of the migrations that are named, or of those that are pending.
pub(super) fn wanted(
    folders: &[MigrationFolder],
    joined: Option<&Joined>,
    names: &[String],
) -> Result<Vec<usize>, MigrateError> {
    if names.is_empty() {
        let pending = joined.map(Joined::pending).unwrap_or_default();
        let is_pending = |at: &usize| pending.contains(&folders[*at].name.as_str());
        return Ok((0..folders.len()).filter(is_pending).collect());
    }
    let mut positions = BTreeSet::new();
    for name in names {
        let name = name.trim_end_matches('/').rsplit('/').next().unwrap_or(name);
        let position = folders.iter().position(|folder| folder.name == name).ok_or_else(|| {
            MigrateError::new(format!("there is no migration \"{name}\" on disk"))
                .with_hint("`pgsteward migrate status` lists the migrations")
        })?;
        positions.insert(position);
    }
    Ok(positions.into_iter().collect())
}

/// The history of the database, and which one it is. A dry run of named migrations does without.
pub(super) async fn read(
    project: &MigrateProject,
    folders: &[MigrationFolder],
    options: &PlanOptions,
    report: &mut PlanReport,
    progress: &dyn Progress,
) -> Result<Option<Standing>, MigrateError> {
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
        let published = match subscribers::query(session.version()) {
            Some(query) => session.text("read the publications", &query).await,
            None => Ok(None),
        };
        session.close().await;
        let publications = Publications::read(published?.as_deref())
            .map_err(|error| MigrateError::new(format!("read the publications: {error}")))?;
        let rows = rows?.map(|rows| squash::as_recorded(folders, rows)).transpose()?;
        let namespace = connection.namespace().to_owned();
        let joined = Joined::new(folders, rows.as_deref());
        Ok::<_, MigrateError>((
            Standing { joined, major, namespace, url: connection.url, publications },
            foreign?,
        ))
    };
    match read.await {
        Ok((standing, foreign)) => {
            if let Some(table) = foreign {
                report.notes.push(unread(&table, options)?);
            } else if !standing.joined.initialised && options.names.is_empty() {
                report.notes.push(
                    "The database has no history, so all migrations count as pending and their tables as new."
                        .into(),
                );
            }
            Ok(Some(standing))
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
