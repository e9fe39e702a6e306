//! Which major version of PostgreSQL ways back are proven on: the wanted one, else that of the project's database, else that of
//! `pgsteward.toml`. What one version takes another may refuse, so a proof on another one says so. Reads nothing but a version.

use pgsteward_lab::Lab;
use pgsteward_model::migrate::rollback::{Adopted, Written};
use pgsteward_pg::ReadSession;

use crate::Progress;
use crate::collect::{DEFAULT_MAJOR, LabWish};
use crate::migrate::connection::{Use, resolve};
use crate::migrate::error::MigrateError;
use crate::migrate::project::MigrateProject;

/// The major version to prove on, and who says so.
pub(super) struct Major {
    pub(super) number: u32,
    source: Source,
}

enum Source {
    Wanted,
    Database,
    /// The words say what it was taken from, and why no database was asked.
    Assumed(String),
}

impl Major {
    /// An error only where the command line names a database that does not answer.
    pub(super) async fn choose(
        project: &MigrateProject,
        url: Option<&str>,
        wish: &LabWish,
        configured: Option<u32>,
        progress: &dyn Progress,
    ) -> Result<Major, MigrateError> {
        if let Some(number) = wish.major {
            return Ok(Major { number, source: Source::Wanted });
        }
        let read = async {
            let connection = resolve(project, url, Use::Read)?;
            progress.phase("ask the database for its version");
            let session = ReadSession::connect(&connection.url).await?;
            let number = session.version().major();
            session.close().await;
            Ok::<_, MigrateError>(number)
        };
        match read.await {
            Ok(number) => Ok(Major { number, source: Source::Database }),
            Err(error) if url.is_some() => Err(error),
            Err(error) => {
                let says =
                    if configured.is_some() { "pgsteward.toml says" } else { "is taken where nothing says" };
                let error = error.message.replace('\n', " ");
                let words = format!("no database was asked for its version ({error}), and {says}");
                Ok(Major { number: configured.unwrap_or(DEFAULT_MAJOR), source: Source::Assumed(words) })
            }
        }
    }

    /// What is to be said of a lab that was started for it.
    pub(super) fn notes(&self, lab: &Lab) -> Vec<String> {
        let mut notes: Vec<String> = lab.note().map(str::to_owned).into_iter().collect();
        let ours = lab.version().major();
        match &self.source {
            Source::Database if ours != self.number => notes.push(format!(
                "the database is PostgreSQL {}: what was proven on {ours} may be refused there",
                self.number
            )),
            Source::Assumed(words) => notes.push(format!(
                "{words} {}: name the database with --url, or its version with --pg-major",
                self.number
            )),
            Source::Wanted | Source::Database => {}
        }
        notes
    }

    /// What is to be said of ways back that stay as they are and were proven on another major version than the database's.
    pub(super) fn of_kept(&self, migrations: &[Adopted]) -> Option<String> {
        if !matches!(self.source, Source::Database) {
            return None;
        }
        let kept = migrations.iter().filter(|one| one.statements == Written::Kept);
        elsewhere(self.number, kept.map(|one| (one.down.migration.as_str(), one.down.server.as_deref())))
            .map(|words| format!("{words}; --again proves them on {}", self.number))
    }
}

/// Names the ways back that were proven on another major version than the database's. They come with the version of the server
/// that each was proven on.
pub(super) fn elsewhere<'a>(
    number: u32,
    proven: impl Iterator<Item = (&'a str, Option<&'a str>)>,
) -> Option<String> {
    let other = |(name, server): (&str, Option<&str>)| {
        let server = server.filter(|server| of_version(server).is_some_and(|major| major != number))?;
        Some(format!("{name} (on {server})"))
    };
    let names: Vec<String> = proven.filter_map(other).collect();
    (!names.is_empty()).then(|| {
        format!(
            "the database is PostgreSQL {number}, and these were proven on another major version: {}",
            names.join(", ")
        )
    })
}

/// The major version of `17.10` or of `18beta1`.
fn of_version(version: &str) -> Option<u32> {
    let digits = version.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(version.len());
    version.get(..digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_begin_with_their_major() {
        for (version, major) in
            [("17.10", Some(17)), ("18beta1", Some(18)), ("15", Some(15)), ("", None), ("x", None)]
        {
            assert_eq!(of_version(version), major, "{version}");
        }
    }
}
