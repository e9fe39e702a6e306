//! Which migrations are joined, what the new one is called, and whether the old folders may go.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pgsteward_model::migrate::MigrationState;
use pgsteward_model::migrate::squash::{SquashOutcome, SquashReport};
use pgsteward_model::migration::Layout;
use pgsteward_pg::ReadSession;

use super::{SquashOptions, members};
use crate::Progress;
use crate::discover::migrations::{locale_key, number_order};
use crate::discover::relative;
use crate::git::Git;
use crate::migrate::connection::{Use, resolve};
use crate::migrate::error::MigrateError;
use crate::migrate::history::Joined;
use crate::migrate::name::slugify;
use crate::migrate::plain_files;
use crate::migrate::project::{LONGEST_NAME, MigrateProject, MigrationFolder};
use crate::plain::{self, Directions};

/// What a squash is about.
pub(super) struct Chosen {
    /// Of the new migration.
    pub(super) name: String,
    /// What it joins, in the order they ran; at least two.
    pub(super) folders: Vec<MigrationFolder>,
    /// Names of those behind.
    pub(super) left: Vec<String>,
    /// Namespace of unqualified names.
    pub(super) namespace: String,
    /// The server's major version, where one was asked.
    pub(super) major: Option<u32>,
    pub(super) layout: Layout,
}

impl Chosen {
    pub(super) fn report(&self, project: &MigrateProject) -> SquashReport {
        SquashReport {
            joined: self.folders.iter().map(|folder| folder.name.clone()).collect(),
            left: self.left.clone(),
            next: next(project, &self.name),
            ..empty_report(project, &self.name, &project.migrations_folder.join(self.file()))
        }
    }

    /// Of the new migration, relative to the folder of the migrations; the one that makes it a migration is the last.
    pub(super) fn files(&self, report: &SquashReport) -> Vec<(PathBuf, String)> {
        let laid_out = |down| {
            let like = self.folders.last();
            plain_files::files(Path::new(""), self.layout, like, &self.name, report.sql.clone(), down).files
        };
        if self.layout == Layout::Prisma {
            let own = PathBuf::from(&self.name);
            let down = super::down_text(report, &report.sql);
            return vec![(own.join("migration.sql"), report.sql.clone()), (own.join("down.sql"), down)];
        }
        let text = laid_out(None).pop().map(|(_, text)| text).unwrap_or_default();
        laid_out(Some(super::down_text(report, Directions::of(&text).text())))
    }

    fn file(&self) -> PathBuf {
        match self.layout {
            Layout::Prisma => PathBuf::from(&self.name).join("migration.sql"),
            layout => {
                let none = String::new;
                let like = self.folders.last();
                plain_files::files(Path::new(""), layout, like, &self.name, none(), None).main().to_path_buf()
            }
        }
    }

    pub(super) fn heading(&self) -> String {
        let first = self.folders.first().map_or("", |folder| &folder.name);
        let last = self.folders.last().map_or("", |folder| &folder.name);
        let prisma = match self.layout {
            Layout::Prisma => format!(", or by `prisma migrate resolve --applied {}`", self.name),
            _ => String::new(),
        };
        format!(
            "-- {} migrations in one, {first} to {last}. Only a new database runs it. One that has them is told so:\n\
             -- by `pgsteward migrate deploy`{prisma}.\n\n",
            self.folders.len(),
        )
    }

    pub(super) fn trailer(&self) -> String {
        format!(
            "\n-- What it joins, for the histories of databases. Do not edit.\n{}",
            members::render(&self.folders)
        )
    }
}

pub(super) fn empty_report(project: &MigrateProject, name: &str, file: &Path) -> SquashReport {
    SquashReport {
        name: name.to_owned(),
        file: relative(&project.root, file),
        joined: Vec::new(),
        left: Vec::new(),
        outcome: SquashOutcome::Planned,
        form: None,
        sql: String::new(),
        rows: Vec::new(),
        data_statements: Vec::new(),
        server: None,
        next: Vec::new(),
        notes: Vec::new(),
    }
}

/// What makes a database that has the joined migrations know the new one.
pub(super) fn next(project: &MigrateProject, name: &str) -> Vec<String> {
    let ours = "`pgsteward migrate deploy` records it, and `pgsteward migrate dev` on a development database"
        .to_owned();
    if !project.is_prisma() {
        return vec![ours];
    }
    vec![
        format!("with pgsteward: {ours}"),
        format!(
            "with Prisma: `prisma migrate resolve --applied {name}`, once for each database, before its next deploy"
        ),
    ]
}

pub(super) async fn choose(
    options: &SquashOptions,
    project: &MigrateProject,
    mut folders: Vec<MigrationFolder>,
    progress: &dyn Progress,
) -> Result<Chosen, MigrateError> {
    let asked = ask_database(options, project, &folders, progress).await?;
    let end = match &options.to {
        Some(to) => position(&folders, to)? + 1,
        None => folders.len(),
    };
    let end = match &asked {
        Some((joined, ..)) => applied(joined, &folders[..end], options.to.is_some())?,
        None => end,
    };
    if end < 2 {
        return Err(MigrateError::new(match end {
            0 => "there is no applied migration to squash".to_owned(),
            _ => format!("there is one migration only, \"{}\", and nothing to join it with", folders[0].name),
        })
        .with_hint("`pgsteward migrate status` shows what is applied"));
    }
    let left: Vec<String> = folders.split_off(end).into_iter().map(|folder| folder.name).collect();
    let name = name(project, options.name.as_deref(), &folders, left.first())?;
    let (namespace, major) = match asked {
        Some((_, namespace, major)) => (namespace, Some(major)),
        None => {
            // Where there is a URL at all its namespace counts, whether anybody answers there or not.
            let connection = resolve(project, options.url.as_deref(), Use::Read).ok();
            (
                connection
                    .map_or_else(|| "public".to_owned(), |connection| connection.namespace().to_owned()),
                None,
            )
        }
    };
    Ok(Chosen { name, folders, left, namespace, major, layout: project.layout })
}

/// The history of the database, its namespace and its major version. With `--to` alone nobody is asked.
async fn ask_database(
    options: &SquashOptions,
    project: &MigrateProject,
    folders: &[MigrationFolder],
    progress: &dyn Progress,
) -> Result<Option<(Joined, String, u32)>, MigrateError> {
    if options.to.is_some() && options.url.is_none() {
        return Ok(None);
    }
    let read = async {
        let connection = resolve(project, options.url.as_deref(), Use::Read)?;
        progress.phase("read the history");
        let session = ReadSession::connect(&connection.url).await?;
        let rows = session.history(&project.history_table(connection.namespace())).await;
        let major = session.version().major();
        session.close().await;
        let joined = Joined::new(folders, rows?.as_deref());
        Ok::<_, MigrateError>((joined, connection.namespace().to_owned(), major))
    };
    match read.await {
        Ok(found) => Ok(Some(found)),
        Err(error) if options.url.is_none() => {
            let hint = "or name the last migration to join (--to NAME): then no database is asked";
            let hint = error.hint.as_ref().map_or_else(|| hint.to_owned(), |own| format!("{own}; {hint}"));
            Err(error.with_hint(hint))
        }
        Err(error) => Err(error),
    }
}

/// How many of the folders, from the first, the database has applied as they are now.
fn applied(joined: &Joined, folders: &[MigrationFolder], all: bool) -> Result<usize, MigrateError> {
    if let Some(failed) = joined.of(MigrationState::Failed).next() {
        return Err(MigrateError::coded(
            "P3009",
            format!("the migration \"{}\" failed on the database", failed.name),
        )
        .with_hint("resolve it first: `pgsteward migrate doctor` says how"));
    }
    let mut end = 0;
    for (at, folder) in folders.iter().enumerate() {
        let standing = joined.standings.iter().find(|standing| standing.name == folder.name);
        match standing {
            Some(standing) if standing.edited => {
                return Err(MigrateError::new(format!(
                    "the migration \"{}\" was edited after it was applied: what it joins is not what the database ran",
                    folder.name
                ))
                .with_hint("bring its text back from version control"));
            }
            Some(standing) if standing.state == MigrationState::Applied && end == at => end = at + 1,
            Some(standing) if standing.state == MigrationState::Applied => {
                return Err(MigrateError::new(format!(
                    "the database has applied \"{}\", and not \"{}\" before it",
                    folder.name, folders[end].name
                ))
                .with_hint("deploy what is pending first"));
            }
            _ => {}
        }
    }
    match folders.get(end) {
        Some(pending) if all => {
            Err(MigrateError::new(format!("the database has not applied \"{}\"", pending.name))
                .with_hint("deploy it first, or name an earlier migration with --to"))
        }
        _ => Ok(end),
    }
}

fn position(folders: &[MigrationFolder], name: &str) -> Result<usize, MigrateError> {
    // A path is taken for the folder that it names, as tab completion writes it.
    let name = name.trim_end_matches('/').rsplit('/').next().unwrap_or(name);
    folders.iter().position(|folder| folder.name == name).ok_or_else(|| {
        let error = MigrateError::new(format!("there is no migration \"{name}\" on disk"));
        match folders.iter().rfind(|folder| folder.name.contains(name)) {
            Some(near) => error.with_hint(format!("did you mean \"{}\"?", near.name)),
            None => error.with_hint("`pgsteward migrate status` lists the migrations"),
        }
    })
}

/// The number of the last joined one and a name of its own: behind all that is gone and before all that stays, in
/// the order of Prisma's command line and in that of bytes, or in that of the numbers of plain files.
fn name(
    project: &MigrateProject,
    given: Option<&str>,
    joined: &[MigrationFolder],
    next: Option<&String>,
) -> Result<String, MigrateError> {
    let last = joined.last().map_or("", |folder| folder.name.as_str());
    let digits: String = last.chars().take_while(char::is_ascii_digit).collect();
    let slug = slugify(given.unwrap_or("squashed_migrations"));
    let name = match (project.is_prisma(), digits.is_empty()) {
        (false, _) => plain::renamed(last, &slug),
        (true, true) => format!("0_{slug}"),
        (true, false) => format!("{digits}_{slug}"),
    };
    let stays_behind = |next: &String| match project.is_prisma() {
        true => locale_key(next) > locale_key(&name) && *next > name,
        false => number_order(&name, next).is_lt(),
    };
    let known: BTreeSet<String> =
        joined.iter().flat_map(|folder| members::joined(std::slice::from_ref(folder)).into_keys()).collect();
    let taken = joined.iter().any(|folder| folder.name == name) || known.contains(&name);
    let why = if slug.is_empty() {
        "holds no letter or digit".to_owned()
    } else if taken {
        "is that of a migration that it joins, whose rows the databases have".to_owned()
    } else if name.len() > LONGEST_NAME {
        format!("is longer than {LONGEST_NAME} bytes")
    } else if let Some(next) = next.filter(|next| !stays_behind(next)) {
        format!("does not come before \"{next}\", which stays")
    } else {
        return Ok(name);
    };
    Err(MigrateError::new(format!("the name \"{name}\" {why}")).with_hint("give another one with --name"))
}

/// What goes must be in version control as it is.
pub(super) fn refuse_uncommitted(
    project: &MigrateProject,
    joined: &[MigrationFolder],
) -> Result<(), MigrateError> {
    let hint = "commit them first: then nothing is lost; --allow-dirty squashes all the same";
    let Some(git) = Git::of(&project.migrations_folder) else {
        let message = format!(
            "\"{}\" is not under git, and its migrations would be gone",
            project.migrations_folder.display()
        );
        return Err(MigrateError::new(message).with_hint(hint));
    };
    let Ok(folder) = project.migrations_folder.strip_prefix(git.root()) else {
        return Err(MigrateError::new("the folder of the migrations is not in the repository around it")
            .with_hint(hint));
    };
    let committed: BTreeSet<PathBuf> = git
        .files_at("HEAD", &folder.to_string_lossy())
        .into_iter()
        .map(|path| git.root().join(path))
        .collect();
    let changed = git.changed_since("HEAD", &project.migrations_folder);
    let is_loose = |folder: &&MigrationFolder| {
        let entries = plain_files::entries(folder);
        let own: Vec<PathBuf> = entries.iter().map(|entry| project.migrations_folder.join(entry)).collect();
        let is_loose = |own: &PathBuf| {
            (own.is_file() && !committed.contains(own)) || changed.iter().any(|path| path.starts_with(own))
        };
        !committed.contains(&folder.file) || own.iter().any(is_loose)
    };
    match joined.iter().find(is_loose) {
        Some(folder) => Err(MigrateError::new(format!(
            "git does not have the migration \"{}\" as it is, and it would be gone",
            folder.name
        ))
        .with_hint(hint)),
        None => Ok(()),
    }
}

/// Files beside the joined migrations that somebody may look for.
pub(super) fn side_files(joined: &[MigrationFolder]) -> Vec<String> {
    let mut notes = Vec::new();
    for folder in joined {
        let beside = plain_files::beside(folder);
        let there = beside.iter().filter(|path| path.is_file()).filter_map(|path| path.file_name());
        notes.extend(there.map(|file| format!("{} of {} goes with it", file.to_string_lossy(), folder.name)));
    }
    notes
}
