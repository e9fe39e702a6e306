//! Folders of migrations: Prisma's, numbered files, pairs of up and down.

use std::cmp::{Ordering, Reverse};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use pgsteward_model::migration::Layout;
use rustc_hash::FxHashSet;

use super::{FoundMigration, FoundMigrations};

/// Names of folders that hold plain SQL migrations.
const FOLDER_NAMES: &[&str] = &["migrations", "migration", "migrate", "schema_migrations", "versions"];

/// The migrations of a schema in `folder`: beside it, or beside the folder when the schema is split. `seen`: files that
/// are known to be no links.
pub(super) fn beside_schema(folder: &Path, seen: &FxHashSet<&OsStr>) -> Option<FoundMigrations> {
    let candidates = [folder.join("migrations"), folder.parent().unwrap_or(folder).join("migrations")];
    candidates.iter().find_map(|candidate| read_prisma_of(candidate, seen))
}

/// The folder that people would call the project: above `prisma/` or `prisma/schema/`.
pub(super) fn project_folder(schema_folder: &Path) -> PathBuf {
    let mut folder = schema_folder;
    for name in ["schema", "prisma"] {
        if folder.file_name().and_then(|last| last.to_str()) == Some(name) {
            folder = folder.parent().unwrap_or(folder);
        }
    }
    folder.to_path_buf()
}

/// A folder whose sub-folders hold `migration.sql`.
pub(super) fn read_prisma(folder: &Path) -> Option<FoundMigrations> {
    read_prisma_of(folder, &FxHashSet::default())
}

/// The same. `seen`: files that are known to be no links.
pub(super) fn read_prisma_of(folder: &Path, seen: &FxHashSet<&OsStr>) -> Option<FoundMigrations> {
    if folder.is_symlink() {
        return None;
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path().join("migration.sql");
        let is_there = |path: &Path| seen.contains(path.as_os_str()) || is_own_file(path);
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) || !is_there(&path) {
            continue;
        }
        let down = path.with_file_name("down.sql");
        files.push(FoundMigration {
            name: entry.file_name().to_string_lossy().into_owned(),
            path,
            down: is_there(&down).then_some(down),
        });
    }
    if files.is_empty() {
        return None;
    }
    files.sort_by_cached_key(|file| locale_key(&file.name));
    Some(FoundMigrations { folder: folder.to_path_buf(), layout: Layout::Prisma, files, named: None })
}

/// A folder of numbered `.sql` files, pairs of `.up.sql` and `.down.sql`, or sub-folders with `up.sql`.
pub(super) fn read_plain(folder: &Path, root: &Path) -> Option<FoundMigrations> {
    let named = |folder: &Path| {
        folder == root
            || folder
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| FOLDER_NAMES.contains(&name))
    };
    if let Some(parent) = folder.parent().filter(|parent| folder != root && named(parent))
        && let Some(found) = read_up_folders(parent).or_else(|| read_prisma(parent))
    {
        return Some(found);
    }
    if named(folder) { read_numbered(folder) } else { None }
}

/// A folder of any of the layouts, whatever its name.
pub(crate) fn read_any(folder: &Path) -> Option<FoundMigrations> {
    read_prisma(folder).or_else(|| read_up_folders(folder)).or_else(|| read_numbered(folder))
}

/// Whether a link of this name hides something that would be reviewed.
pub(super) fn would_matter(path: &Path) -> bool {
    let is_folder_of_migrations = |path: &Path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| FOLDER_NAMES.contains(&name))
    };
    path.extension().is_some_and(|extension| extension == "sql" || extension == "prisma")
        || is_folder_of_migrations(path)
        || path.parent().is_some_and(is_folder_of_migrations)
}

/// A file that is no link: a link could lead out of the repository.
fn is_own_file(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// Numbered files of a folder of pairs that are no half of one: no runner would run them.
pub(crate) fn unpaired(found: &FoundMigrations) -> Vec<String> {
    if found.layout != Layout::UpDown
        || found
            .files
            .iter()
            .any(|file| file.path.ends_with("up.sql") && file.path.parent() != Some(&*found.folder))
    {
        return Vec::new();
    }
    let is_half = |name: &String| [".up.sql", ".down.sql"].iter().any(|end| name.ends_with(end));
    let mut names = numbered(&found.folder);
    names.retain(|name| !is_half(name));
    names
}

fn numbered(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".sql") && is_numbered(name) && !is_beside(name))
        .collect();
    names.sort_by(|a, b| number_order(a, b));
    names
}

fn read_numbered(folder: &Path) -> Option<FoundMigrations> {
    let names = numbered(folder);
    let pairs = names.iter().any(|name| name.ends_with(".up.sql"));
    let files: Vec<FoundMigration> = names
        .iter()
        .filter(|name| if pairs { name.ends_with(".up.sql") } else { !name.ends_with(".down.sql") })
        .map(|name| {
            let stem = name.trim_end_matches(".sql").trim_end_matches(".up");
            let down = folder.join(format!("{stem}.down.sql"));
            FoundMigration {
                name: stem.to_owned(),
                path: folder.join(name),
                down: is_own_file(&down).then_some(down),
            }
        })
        .collect();
    if files.is_empty() {
        return None;
    }
    Some(FoundMigrations {
        folder: folder.to_path_buf(),
        layout: if pairs { Layout::UpDown } else { Layout::Files },
        files,
        named: None,
    })
}

/// One file named on the command line, with the migrations that run before it where it is one of several.
pub(super) fn one_file(path: &Path) -> FoundMigrations {
    let parent = path.parent().unwrap_or(Path::new("."));
    let histories = [parent.parent().and_then(|above| read_prisma(above).or_else(|| read_up_folders(above)))]
        .into_iter()
        .flatten()
        .chain(read_numbered(parent));
    for mut history in histories {
        if let Some(at) = history.files.iter().position(|file| file.path == path) {
            history.named = Some(history.files[at].name.clone());
            history.files.truncate(at + 1);
            return history;
        }
    }
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    FoundMigrations {
        folder: parent.to_path_buf(),
        layout: Layout::Files,
        named: Some(name.clone()),
        files: vec![FoundMigration { name, path: path.to_path_buf(), down: None }],
    }
}

fn read_up_folders(folder: &Path) -> Option<FoundMigrations> {
    if folder.is_symlink() {
        return None;
    }
    let mut files: Vec<FoundMigration> = std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let (up, down) = (entry.path().join("up.sql"), entry.path().join("down.sql"));
            let name = entry.file_name().to_string_lossy().into_owned();
            let folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            (folder && is_own_file(&up)).then(|| FoundMigration {
                name,
                path: up,
                down: is_own_file(&down).then_some(down),
            })
        })
        .collect();
    files.sort_by(|a, b| number_order(&a.name, &b.name));
    (!files.is_empty()).then(|| FoundMigrations {
        folder: folder.to_path_buf(),
        layout: Layout::UpDown,
        files,
        named: None,
    })
}

/// The migration that a path, relative to the folder of the migrations, makes in plain SQL. None for what undoes one, for
/// what lies beside one, and for what no runner takes for one.
pub(crate) fn name_of_plain(layout: Layout, path: &str) -> Option<&str> {
    let (name, is_numbered) = match layout {
        Layout::UpDown => match path.strip_suffix("/up.sql") {
            Some(folder) => (folder, true),
            None => (path.strip_suffix(".up.sql")?, is_numbered(path)),
        },
        Layout::Files => {
            let is_way_back = path.ends_with(".down.sql");
            (path.strip_suffix(".sql")?, is_numbered(path) && !is_way_back && !is_beside(path))
        }
        Layout::Prisma => return None,
    };
    (is_numbered && !name.contains('/')).then_some(name)
}

/// What may lie beside a migration and is none.
fn is_beside(name: &str) -> bool {
    [".checks.sql", ".backfill.sql"].iter().any(|end| name.ends_with(end))
}

/// `001_init.sql`, `20260101_init.sql`, `V2__orders.sql`.
fn is_numbered(name: &str) -> bool {
    let rest = name.strip_prefix(['V', 'v']).unwrap_or(name);
    rest.starts_with(|first: char| first.is_ascii_digit())
}

/// By leading number, then by name: `2_b` runs before `10_a`.
pub(crate) fn number_order(a: &str, b: &str) -> Ordering {
    let number = |name: &str| {
        let digits: String =
            name.trim_start_matches(['V', 'v']).chars().take_while(char::is_ascii_digit).collect();
        let digits = digits.trim_start_matches('0').to_owned();
        (digits.len(), digits)
    };
    number(a).cmp(&number(b)).then_with(|| a.cmp(b))
}

/// The order of Prisma's command line, which sorts folders with `localeCompare`: punctuation before digits
/// before letters, letters without their case, lower case first where nothing else differs.
pub(crate) fn locale_key(name: &str) -> (Vec<(u8, char)>, Reverse<String>) {
    let primary = name
        .chars()
        .flat_map(char::to_lowercase)
        .map(|character| match character {
            '_' => (0, character),
            '-' => (1, character),
            _ if character.is_ascii_digit() => (3, character),
            _ if character.is_alphabetic() => (4, character),
            _ => (2, character),
        })
        .collect();
    (primary, Reverse(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders() {
        let mut names = vec!["10_b", "2_a", "1_z"];
        names.sort_by(|a, b| number_order(a, b));
        assert_eq!(names, ["1_z", "2_a", "10_b"]);
        let mut names = vec!["20240101_B", "20240101_a", "20240101-c", "20240101_b"];
        names.sort_by_cached_key(|name| locale_key(name));
        assert_eq!(names, ["20240101_a", "20240101_b", "20240101_B", "20240101-c"]);
    }
}
