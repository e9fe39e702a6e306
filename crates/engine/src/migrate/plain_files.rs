//! Migrations of plain SQL on disk: numbered files, pairs of up and down, folders with `up.sql`, and files that hold both
//! directions. Reads what is there, and says which files a new one is.

use std::path::{Path, PathBuf};

use pgsteward_model::migration::Layout;
use pgsteward_model::statement::Statement;

use super::error::MigrateError;
use super::name;
use super::project::{LONGEST_NAME, MigrationFolder, read_utf8};
use crate::discover::migrations as folders;
use crate::plain::{Directions, Marks, Names};

/// All migrations of a folder in the order they run. An error where a file is left that no half of a pair is, where two
/// have one name, or where a file begins with its way back.
pub(super) fn read(folder: &Path) -> Result<Vec<MigrationFolder>, MigrateError> {
    let Some(found) = folders::read_any(folder) else { return Ok(Vec::new()) };
    if let Some(file) = folders::unpaired(&found).first() {
        let message =
            format!("\"{file}\" is neither an .up.sql nor a .down.sql, and the others are pairs of them");
        return Err(MigrateError::new(message).with_hint(format!(
            "call it \"{}.up.sql\" if it is a migration; nothing was run",
            file.trim_end_matches(".sql")
        )));
    }
    if let Some(pair) = found.files.windows(2).find(|pair| pair[0].name == pair[1].name) {
        let message = format!("two migrations are called \"{}\"", pair[0].name);
        return Err(MigrateError::new(message).with_hint("rename one of them"));
    }
    let layout = found.layout;
    found
        .files
        .into_iter()
        .map(|file| {
            let text = read_utf8(&file.path)?;
            if layout != Layout::Files {
                return Ok(MigrationFolder::new(file.name, file.path, text, file.down));
            }
            let directions = Directions::of(&text);
            if directions.reversed {
                let message = format!("\"{}\" begins with its way back", file.path.display());
                return Err(MigrateError::new(message)
                    .with_hint("write the way there first, as the runners read it; nothing was run"));
            }
            let marks = directions.marks;
            let own = directions.text().to_owned();
            Ok(MigrationFolder { marks, ..MigrationFolder::new(file.name, file.path, own, file.down) })
        })
        .collect()
}

/// Namespaces that migrations make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Namespaces {
    /// By a plain CREATE SCHEMA: they were not there before.
    pub(super) made: Vec<String>,
    /// Only where they are not there: somebody else may own them.
    pub(super) perhaps: Vec<String>,
}

pub(super) fn namespaces(migrations: &[MigrationFolder]) -> Namespaces {
    let mut found = Namespaces::default();
    // Reading all texts is for those few that say it.
    let says_so = |folder: &&MigrationFolder| folder.text.to_ascii_uppercase().contains("SCHEMA");
    for folder in migrations.iter().filter(says_so) {
        for one in pgsteward_sql::parse(folder.script()).statements {
            let Statement::CreateSchema { name, if_not_exists } = one.statement else { continue };
            let list = if if_not_exists { &mut found.perhaps } else { &mut found.made };
            if !list.contains(&name) {
                list.push(name);
            }
        }
    }
    found.perhaps.retain(|name| !found.made.contains(name));
    found
}

/// Whether it is a folder for migrations that has none yet.
pub(super) fn is_begun(folder: &Path) -> bool {
    let is_hidden = |name: std::ffi::OsString| name.to_string_lossy().starts_with('.');
    let entries = std::fs::read_dir(folder);
    entries
        .is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(|entry| is_hidden(entry.file_name()))))
}

/// A migration that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewFiles {
    pub(super) name: String,
    /// The file that makes it a migration comes last: whoever is interrupted has written none.
    pub(super) files: Vec<(PathBuf, String)>,
}

impl NewFiles {
    /// The file that is run.
    pub(super) fn main(&self) -> &Path {
        self.files.last().map_or(Path::new(""), |(path, _)| path)
    }

    /// Writes all of them, or none. A file that is there is never overwritten.
    pub(super) fn write(&self) -> Result<(), MigrateError> {
        for (at, (path, text)) in self.files.iter().enumerate() {
            if let Err(error) = create(path, text) {
                for (written, _) in &self.files[..at] {
                    // That the write failed is what counts; what cannot be removed is no migration.
                    drop(std::fs::remove_file(written));
                }
                return Err(MigrateError::new(format!("cannot write \"{}\": {error}", path.display()))
                    .with_hint("check the permissions of the folder and the space on the disk"));
            }
        }
        Ok(())
    }
}

fn create(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::File::create_new(path)?;
    std::io::Write::write_all(&mut file, text.as_bytes())
}

/// The migration after those that are there, called and laid out as they are. Pairs get a file for the way back even
/// where it is empty.
pub(super) fn next(
    folder: &Path,
    layout: Layout,
    there: &[MigrationFolder],
    given: &str,
    up: String,
    down: Option<String>,
) -> Result<NewFiles, MigrateError> {
    let names = there.iter().map(|folder| folder.name.as_str());
    let stem = Names::new(names, name::now()).next(&name::slugify(given));
    if stem.len() > LONGEST_NAME {
        let message = format!("the name of the migration \"{stem}\" is longer than {LONGEST_NAME} bytes");
        return Err(MigrateError::coded("P3010", message).with_hint("give it a shorter name"));
    }
    Ok(files(folder, layout, there.last(), &stem, up, down))
}

/// What a migration of plain SQL says.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    pub(super) up: String,
    pub(super) down: Option<String>,
    /// A statement of it runs outside of transactions only: the runner has to be told.
    pub(super) alone: bool,
}

/// The files of a migration of this name, laid out as `like` is.
pub(super) fn files(
    folder: &Path,
    layout: Layout,
    like: Option<&MigrationFolder>,
    stem: &str,
    up: String,
    down: Option<String>,
) -> NewFiles {
    laid_out(folder, layout, like, stem, Body { up, down, alone: false })
}

/// First line of a file that sqlx runs outside of a transaction. For other runners of such files, which begin none of their
/// own, it is a comment. Source: sqlx's documentation of `migrate`.
pub(super) const NO_TRANSACTION: &str = "-- no-transaction\n";

/// What diesel looks for beside `up.sql`. Source: diesel's documentation of `MigrationMetadata`.
pub(super) const DIESEL: (&str, &str) = ("metadata.toml", "run_in_transaction = false\n");

/// The same for a body that may have to run outside of a transaction.
pub(super) fn laid_out(
    folder: &Path,
    layout: Layout,
    like: Option<&MigrationFolder>,
    stem: &str,
    body: Body,
) -> NewFiles {
    let in_folders = like.is_some_and(|like| like.file.file_name().is_some_and(|name| name == "up.sql"));
    let marks = like.map_or(Marks::None, |like| like.marks);
    let Body { up, down, alone } = body;
    let told = |text: String| match alone && marks == Marks::None && !in_folders {
        true => format!("{NO_TRANSACTION}{text}"),
        false => text,
    };
    let files = match layout {
        Layout::UpDown if in_folders => {
            let own = folder.join(stem);
            let told = alone.then(|| (own.join(DIESEL.0), DIESEL.1.to_owned()));
            let pair = [(own.join("down.sql"), down.unwrap_or_default()), (own.join("up.sql"), up)];
            told.into_iter().chain(pair).collect()
        }
        Layout::UpDown => vec![
            (folder.join(format!("{stem}.down.sql")), told(down.unwrap_or_default())),
            (folder.join(format!("{stem}.up.sql")), told(up)),
        ],
        Layout::Files | Layout::Prisma => {
            let (up, down) = marks.sections(up, down, !alone);
            let down = down.map(|down| (folder.join(format!("{stem}.down.sql")), told(down)));
            down.into_iter().chain([(folder.join(format!("{stem}.sql")), told(up))]).collect()
        }
    };
    NewFiles { name: stem.to_owned(), files }
}

/// What the folder of the migrations holds for one of them, of any layout: its own folder, or its files, of which the last
/// makes it a migration.
pub(super) fn entries(migration: &MigrationFolder) -> Vec<String> {
    let file = migration.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if matches!(file.as_str(), "migration.sql" | "up.sql") {
        return vec![migration.name.clone()];
    }
    let beside = ["down", "checks", "backfill"].map(|what| format!("{}.{what}.sql", migration.name));
    let around = migration.file.parent().unwrap_or(Path::new(""));
    beside.into_iter().filter(|name| around.join(name).is_file()).chain([file]).collect()
}

/// Where checks and a backfill of a migration of any layout lie or would lie.
pub(super) fn beside(migration: &MigrationFolder) -> [PathBuf; 2] {
    let checks = super::checks::path_of(migration);
    let backfill = match checks.file_name().is_some_and(|name| name == "checks.sql") {
        true => checks.with_file_name("backfill.sql"),
        false => checks.with_file_name(format!("{}.backfill.sql", migration.name)),
    };
    [checks, backfill]
}

/// The migration that such an entry belongs to.
pub(super) fn migration_of<'a>(path: &Path, entry: &'a str) -> &'a str {
    if path.is_dir() {
        return entry;
    }
    let stem = entry.strip_suffix(".sql").unwrap_or(entry);
    let ends = [".up", ".down", ".checks", ".backfill"];
    ends.iter().find_map(|end| stem.strip_suffix(end)).unwrap_or(stem)
}
