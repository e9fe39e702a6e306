//! The files of a squash: the new migration is there, whole, before the first old one goes, and an old one leaves by
//! one rename. Whatever moment the program ends at, every migration is still on disk, and the next squash goes on
//! or puts things back.

use std::path::{Path, PathBuf};

use crate::migrate::error::MigrateError;
use crate::migrate::project::MigrationFolder;

/// Beside the folder of the migrations, because Prisma takes every folder in it for a migration.
const STAGING: &str = ".pgsteward-squash";

/// One change of the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The new migration is written where no tool looks.
    Stage { name: String, migration: String, down: String },
    /// It takes its place.
    Place { name: String },
    /// A joined one leaves.
    Remove { name: String },
    /// What left is deleted.
    Clear,
}

/// All of a squash.
pub(super) fn steps(name: &str, migration: String, down: String, joined: &[String]) -> Vec<Step> {
    let stage = Step::Stage { name: name.to_owned(), migration, down };
    let place = Step::Place { name: name.to_owned() };
    [stage, place].into_iter().chain(removal(joined)).collect()
}

/// What an interrupted one lacks.
pub(super) fn removal(joined: &[String]) -> Vec<Step> {
    joined.iter().map(|name| Step::Remove { name: name.clone() }).chain([Step::Clear]).collect()
}

pub(super) fn run(migrations: &Path, steps: &[Step]) -> Result<(), MigrateError> {
    steps.iter().try_for_each(|step| one(migrations, step))
}

fn one(migrations: &Path, step: &Step) -> Result<(), MigrateError> {
    let staging = staging(migrations);
    match step {
        Step::Stage { name, migration, down } => {
            let folder = staging.join("new").join(name);
            make(&folder)?;
            for (file, text) in [("migration.sql", migration), ("down.sql", down)] {
                write(&folder.join(file), text)?;
            }
            Ok(())
        }
        Step::Place { name } => rename(&staging.join("new").join(name), &migrations.join(name)),
        Step::Remove { name } => {
            make(&staging.join("old"))?;
            rename(&migrations.join(name), &staging.join("old").join(name))
        }
        Step::Clear if staging.exists() => {
            std::fs::remove_dir_all(&staging).map_err(|error| failed("remove", &staging, &error))
        }
        Step::Clear => Ok(()),
    }
}

/// Puts back what left for a squash whose new migration is not there: it never was, or somebody removed it.
pub(super) fn restore(migrations: &Path, folders: &[MigrationFolder]) -> Result<Vec<String>, MigrateError> {
    let staging = staging(migrations);
    if !staging.is_dir() {
        return Ok(Vec::new());
    }
    let joined = super::members::joined(folders);
    let old = staging.join("old");
    let mut back = Vec::new();
    if old.is_dir() {
        let entries = std::fs::read_dir(&old).map_err(|error| failed("read", &old, &error))?;
        for entry in entries {
            let name = entry
                .map_err(|error| failed("read", &old, &error))?
                .file_name()
                .to_string_lossy()
                .into_owned();
            if !joined.contains_key(&name) && !migrations.join(&name).exists() {
                rename(&old.join(&name), &migrations.join(&name))?;
                back.push(name);
            }
        }
    }
    back.sort();
    // Who decides against the new migration while others are still there gets back what left.
    if !folders.iter().any(|folder| joined.contains_key(&folder.name)) {
        one(migrations, &Step::Clear)?;
    }
    Ok(back)
}

fn staging(migrations: &Path) -> PathBuf {
    migrations.parent().unwrap_or(migrations).join(STAGING)
}

fn make(folder: &Path) -> Result<(), MigrateError> {
    std::fs::create_dir_all(folder).map_err(|error| failed("make", folder, &error))
}

/// On the disk and not only in its cache: the old ones go because this one is there.
fn write(path: &Path, text: &str) -> Result<(), MigrateError> {
    let written = std::fs::File::create(path).and_then(|mut file| {
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| failed("write", path, &error))
}

fn rename(from: &Path, to: &Path) -> Result<(), MigrateError> {
    std::fs::rename(from, to).map_err(|error| failed("move", from, &error))
}

fn failed(doing: &str, path: &Path, error: &std::io::Error) -> MigrateError {
    MigrateError::new(format!("cannot {doing} \"{}\": {error}", path.display())).with_hint(
        "no migration is lost: correct the permissions or make room, and run `pgsteward migrate squash` again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::squash::members;

    fn read(migrations: &Path) -> Vec<MigrationFolder> {
        let mut names: Vec<String> = std::fs::read_dir(migrations)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let folder = |name: String| {
            let file = migrations.join(&name).join("migration.sql");
            let text = std::fs::read_to_string(&file).unwrap();
            MigrationFolder::new(name, file, text, None)
        };
        names.into_iter().map(folder).collect()
    }

    /// A kill between any two steps.
    #[test]
    fn every_migration_is_on_disk_after_every_step() {
        let names = ["1_a", "2_b", "3_c"].map(str::to_owned);
        for done in 0..7 {
            let root = tempfile::tempdir().unwrap();
            let migrations = root.path().join("migrations");
            for name in &names {
                std::fs::create_dir_all(migrations.join(name)).unwrap();
                std::fs::write(migrations.join(name).join("migration.sql"), format!("SELECT '{name}';\n"))
                    .unwrap();
            }
            let old = read(&migrations);
            let steps =
                steps("3_new", format!("SELECT 1;\n{}", members::render(&old)), String::new(), &names);
            assert_eq!(steps.len(), 6);
            run(&migrations, &steps[..steps.len().min(done)]).unwrap();
            let there = |name: &String| {
                migrations.join(name).exists() || staging(&migrations).join("old").join(name).exists()
            };
            let placed = migrations.join("3_new/migration.sql").exists();
            assert_eq!(placed, done >= 2);
            assert!(done >= 6 || names.iter().all(there), "after {done} steps");
            // The next squash puts back or goes on.
            assert_eq!(restore(&migrations, &read(&migrations)).unwrap(), Vec::<String>::new());
            assert!(done >= 5 || names.iter().all(there), "put back or kept after {done} steps");
            if !placed {
                assert_eq!(read(&migrations), old);
                continue;
            }
            let left: Vec<String> =
                names.iter().filter(|name| migrations.join(name).exists()).cloned().collect();
            run(&migrations, &removal(&left)).unwrap();
            let now: Vec<String> = read(&migrations).into_iter().map(|folder| folder.name).collect();
            assert_eq!(now, ["3_new"]);
            assert!(!staging(&migrations).exists());
        }
    }
}
