//! The files of a squash: the new migration is there, whole, before the first old one goes, and an old one leaves by
//! one rename. Whatever moment the program ends at, every migration is still on disk, and the next squash goes on
//! or puts things back.

use std::path::{Path, PathBuf};

use crate::migrate::error::MigrateError;
use crate::migrate::plain_files;
use crate::migrate::project::{MigrateProject, MigrationFolder};

/// Where what comes and what goes lies meanwhile.
const STAGING: &str = ".pgsteward-squash";

/// The folder of the migrations, and a place that no tool looks at.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    migrations: PathBuf,
    staging: PathBuf,
}

/// One change of the disk. An entry is what the folder of the migrations holds: a folder of its own for each migration,
/// or its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The files of the new migration are written where no tool looks.
    Stage { files: Vec<(PathBuf, String)> },
    /// One of its entries takes its place.
    Place { entry: String },
    /// One of a joined migration leaves.
    Remove { entry: String },
    /// What left is deleted.
    Clear,
}

/// All of a squash. Paths of the new files are relative to the folder of the migrations; the one that makes it a
/// migration comes last.
pub(super) fn steps(new: &[(PathBuf, String)], joined: &[&MigrationFolder]) -> Vec<Step> {
    let mut places: Vec<Step> = Vec::new();
    for (path, _) in new {
        let first = path.components().next().map(|first| first.as_os_str().to_string_lossy().into_owned());
        let step = Step::Place { entry: first.unwrap_or_default() };
        if !places.contains(&step) {
            places.push(step);
        }
    }
    [Step::Stage { files: new.to_vec() }].into_iter().chain(places).chain(removal(joined)).collect()
}

/// What an interrupted one lacks.
pub(super) fn removal(joined: &[&MigrationFolder]) -> Vec<Step> {
    let entries = joined.iter().flat_map(|folder| plain_files::entries(folder));
    entries.map(|entry| Step::Remove { entry }).chain([Step::Clear]).collect()
}

/// What a squash that was interrupted had left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Restored {
    /// Migrations that are back in their place.
    pub(super) back: Vec<String>,
    /// Joined ones that had all left, and are deleted now.
    pub(super) swept: Vec<String>,
}

impl Disk {
    /// Prisma takes every folder beside its migrations for one, so the staging of those lies outside.
    pub(super) fn of(project: &MigrateProject) -> Disk {
        let migrations = project.migrations_folder.clone();
        let around =
            if project.is_prisma() { migrations.parent().unwrap_or(&migrations) } else { &migrations };
        Disk { staging: around.join(STAGING), migrations }
    }

    pub(super) fn run(&self, steps: &[Step]) -> Result<(), MigrateError> {
        steps.iter().try_for_each(|step| self.one(step))
    }

    fn one(&self, step: &Step) -> Result<(), MigrateError> {
        match step {
            Step::Stage { files } => files.iter().try_for_each(|(path, text)| {
                let path = self.staging.join("new").join(path);
                make(path.parent().unwrap_or(&self.staging))?;
                write(&path, text)
            }),
            Step::Place { entry } => {
                rename(&self.staging.join("new").join(entry), &self.migrations.join(entry))
            }
            Step::Remove { entry } => {
                make(&self.staging.join("old"))?;
                rename(&self.migrations.join(entry), &self.staging.join("old").join(entry))
            }
            Step::Clear if self.staging.exists() => std::fs::remove_dir_all(&self.staging)
                .map_err(|error| failed("remove", &self.staging, &error)),
            Step::Clear => Ok(()),
        }
    }

    /// Puts back what left for a squash whose new migration is not there: it never was, or somebody removed it.
    /// Deletes what left for one that is whole.
    pub(super) fn restore(&self, folders: &[MigrationFolder]) -> Result<Restored, MigrateError> {
        let mut restored = Restored::default();
        if !self.staging.is_dir() {
            return Ok(restored);
        }
        let joined = super::members::joined(folders);
        let old = self.staging.join("old");
        let mut gone = Vec::new();
        if old.is_dir() {
            let entries = std::fs::read_dir(&old).map_err(|error| failed("read", &old, &error))?;
            for entry in entries {
                let entry = entry.map_err(|error| failed("read", &old, &error))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let migration = plain_files::migration_of(&entry.path(), &name).to_owned();
                if joined.contains_key(&migration) {
                    gone.push(migration);
                } else if !self.migrations.join(&name).exists() {
                    rename(&old.join(&name), &self.migrations.join(&name))?;
                    restored.back.push(migration);
                }
            }
        }
        // Who decides against the new migration while others are still there gets back what left.
        if !folders.iter().any(|folder| joined.contains_key(&folder.name)) {
            self.one(&Step::Clear)?;
            restored.swept = gone;
        }
        for names in [&mut restored.back, &mut restored.swept] {
            names.sort();
            names.dedup();
        }
        Ok(restored)
    }
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
    use pgsteward_model::migration::Layout;

    use super::*;
    use crate::migrate::plain_files::files as laid_out;
    use crate::migrate::squash::members;

    const NAMES: [&str; 3] = ["1_a", "2_b", "3_c"];

    /// Old migrations on disk, and where they lie.
    fn before(root: &Path, layout: Layout) -> Disk {
        let migrations = root.join("migrations");
        for name in NAMES {
            let text = format!("SELECT '{name}';\n");
            let files = match layout {
                Layout::Prisma => vec![(migrations.join(name).join("migration.sql"), text)],
                _ => laid_out(&migrations, layout, None, name, text, Some("SELECT 0;\n".into())).files,
            };
            for (path, text) in files {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
        }
        std::fs::write(migrations.join("notes.txt"), "mine").unwrap();
        let around = if layout == Layout::Prisma { root } else { migrations.as_path() };
        Disk { staging: around.join(STAGING), migrations }
    }

    fn read(disk: &Disk) -> Vec<MigrationFolder> {
        let found = crate::discover::migrations::read_any(&disk.migrations).unwrap();
        let folder = |file: crate::discover::FoundMigration| {
            let text = std::fs::read_to_string(&file.path).unwrap();
            MigrationFolder::new(file.name, file.path, text, file.down)
        };
        found.files.into_iter().map(folder).collect()
    }

    /// A kill between any two steps, in every layout.
    #[test]
    fn every_migration_is_on_disk_after_every_step() {
        for layout in [Layout::Prisma, Layout::Files, Layout::UpDown] {
            let mut done = 0;
            loop {
                let root = tempfile::tempdir().unwrap();
                let disk = before(root.path(), layout);
                let old = read(&disk);
                let text = format!("SELECT 1;\n{}", members::render(&old));
                let new = match layout {
                    Layout::Prisma => vec![(PathBuf::from("3_new/migration.sql"), text)],
                    _ => {
                        laid_out(Path::new(""), layout, old.last(), "3_new", text, Some(String::new())).files
                    }
                };
                let all = steps(&new, &old.iter().collect::<Vec<_>>());
                assert_eq!(all.len(), if layout == Layout::Prisma { 6 } else { 10 }, "{all:?}");
                disk.run(&all[..done]).unwrap();
                let placed = read(&disk).iter().any(|folder| folder.name == "3_new");
                let has = |name: &str| {
                    let in_place = read(&disk).iter().any(|folder| folder.name == *name);
                    let main = old.iter().find(|folder| folder.name == *name).map(plain_files::entries);
                    let left = main.and_then(|entries| entries.last().cloned()).unwrap();
                    in_place || disk.staging.join("old").join(left).exists()
                };
                assert!(
                    done == all.len() || NAMES.iter().all(|name| has(name)),
                    "{layout:?} after {done} steps"
                );
                // The next squash puts back or goes on.
                assert_eq!(disk.restore(&read(&disk)).unwrap().back, Vec::<String>::new());
                if placed {
                    let left = read(&disk);
                    let joined: Vec<&MigrationFolder> =
                        left.iter().filter(|folder| folder.name != "3_new").collect();
                    disk.run(&removal(&joined)).unwrap();
                    let now: Vec<String> = read(&disk).into_iter().map(|folder| folder.name).collect();
                    assert_eq!(now, ["3_new"], "{layout:?} after {done} steps");
                } else {
                    assert_eq!(read(&disk), old, "{layout:?} after {done} steps");
                }
                assert!(!disk.staging.exists());
                assert_eq!(std::fs::read_to_string(disk.migrations.join("notes.txt")).unwrap(), "mine");
                done += 1;
                if done > all.len() {
                    break;
                }
            }
        }
    }

    /// Who removes the new migration of an interrupted squash gets everything back.
    #[test]
    fn what_left_comes_back() {
        for layout in [Layout::Prisma, Layout::UpDown] {
            let root = tempfile::tempdir().unwrap();
            let disk = before(root.path(), layout);
            let old = read(&disk);
            disk.run(&removal(&old[..2].iter().collect::<Vec<_>>())[..2]).unwrap();
            assert_ne!(read(&disk), old);
            let back = disk.restore(&read(&disk)).unwrap().back;
            assert!(back.contains(&"1_a".to_owned()), "{back:?}");
            assert_eq!(read(&disk), old);
        }
    }
}
