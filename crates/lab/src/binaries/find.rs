//! PostgreSQL that is already on this machine: installed or in the cache.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pgsteward_model::version::ServerVersion;

use crate::error::LabError;
use crate::files::Cache;

/// Majors the lab can work with.
const SUPPORTED: std::ops::RangeInclusive<u32> = 12..=18;

/// A folder with `initdb` and `postgres` that run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub folder: PathBuf,
    pub version: ServerVersion,
    pub origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `PGSTEWARD_PG_BIN`.
    Named,
    Installed,
    /// Downloaded by an earlier run.
    Cached,
    Downloaded,
}

/// The folder of `PGSTEWARD_PG_BIN`; one level above (`…/17` instead of `…/17/bin`) is understood too.
pub(super) fn named(path: &Path) -> Result<Found, LabError> {
    let folder = if path.join("bin/postgres").is_file() { path.join("bin") } else { path.to_owned() };
    match version_of(&folder) {
        Ok(version) => Ok(Found { folder, version, origin: Origin::Named }),
        Err(reason) => Err(LabError::BadBinDirectory { path: path.to_owned(), reason }),
    }
}

/// Installations and cached downloads, installations first, newest version first in each group.
pub(super) fn everywhere(cache: &Cache) -> Vec<Found> {
    let cached = downloads(cache).into_iter().map(|folder| (folder, Origin::Cached));
    look(installed_folders().into_iter().map(|folder| (folder, Origin::Installed)).chain(cached))
}

/// The first of [`everywhere`] with this major, without asking downloads of other majors for their version: each is a
/// process to start, and a folder of downloads bears the version in its name.
pub(super) fn of_major(cache: &Cache, major: u32) -> Option<Found> {
    let of_it = |found: Vec<Found>| found.into_iter().find(|found| found.version.major() == major);
    let installed = installed_folders().into_iter().map(|folder| (folder, Origin::Installed));
    of_it(look(installed)).or_else(|| {
        let named = format!("-{major}.");
        let says_so = |folder: &PathBuf| {
            folder
                .parent()
                .and_then(Path::file_name)
                .is_some_and(|name| name.to_string_lossy().contains(&named))
        };
        let cached = downloads(cache).into_iter().filter(says_so);
        of_it(look(cached.map(|folder| (folder, Origin::Cached))))
    })
}

fn downloads(cache: &Cache) -> Vec<PathBuf> {
    subfolders(&cache.folder.join("binaries")).into_iter().map(|path| path.join("bin")).collect()
}

/// Those that run, and that the lab can work with.
fn look(candidates: impl Iterator<Item = (PathBuf, Origin)>) -> Vec<Found> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (folder, origin) in candidates {
        let Some(folder) = home_of(&folder) else { continue };
        if !seen.insert(folder.clone()) {
            continue;
        }
        if let Ok(version) = version_of(&folder)
            && SUPPORTED.contains(&version.major())
        {
            found.push(Found { folder, version, origin });
        }
    }
    found.sort_by_key(|one| (one.origin != Origin::Installed, std::cmp::Reverse(one.version)));
    found
}

/// The installation to use where the wanted major cannot be had: the closest major, the newer one of two.
pub(super) fn nearest(found: &[Found], wanted: u32) -> Option<&Found> {
    found.iter().min_by_key(|one| {
        (
            one.version.major().abs_diff(wanted),
            std::cmp::Reverse(one.version),
            one.origin != Origin::Installed,
        )
    })
}

/// Folders where distributions put PostgreSQL. Sources: Debian's postgresql-common (`/usr/lib/postgresql`),
/// the PGDG packages for Red Hat (`/usr/pgsql-N`), Homebrew's kegs, Postgres.app's bundle, PostgreSQL's own
/// default prefix, Alpine's and Arch's packages, FreeBSD's ports.
fn installed_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    folders.retain(|folder| folder.is_absolute() && folder.join("postgres").is_file());
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output()
        && output.status.success()
    {
        folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    for base in ["/usr/lib/postgresql", "/usr/libexec/postgresql"] {
        folders.extend(subfolders(Path::new(base)).into_iter().map(|folder| folder.join("bin")));
    }
    for (base, prefix) in [
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql@"),
        ("/usr/libexec", "postgresql"),
    ] {
        let named = subfolders(Path::new(base)).into_iter().filter(|folder| {
            folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
        });
        folders.extend(named.flat_map(|folder| [folder.join("bin"), folder]));
    }
    let app = Path::new("/Applications/Postgres.app/Contents/Versions");
    folders.extend(subfolders(app).into_iter().map(|folder| folder.join("bin")));
    folders.push(PathBuf::from("/usr/local/pgsql/bin"));
    folders
}

fn subfolders(path: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(path)
        .map(|entries| {
            let visible = |path: &PathBuf| {
                !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
            };
            entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.is_dir() && visible(path))
                .collect()
        })
        .unwrap_or_default();
    folders.sort();
    folders
}

/// The folder that the program really lies in: `PATH` often holds links to it, and its libraries and the other
/// programs are beside the original.
fn home_of(folder: &Path) -> Option<PathBuf> {
    let program = fs::canonicalize(folder.join("postgres")).ok()?;
    let home = program.parent().filter(|home| home.join("initdb").is_file());
    home.map(Path::to_owned).or_else(|| fs::canonicalize(folder).ok())
}

/// Asks `postgres --version`, which also shows that the program can run here at all (the right libraries,
/// the right machine); root is allowed this much.
pub(crate) fn version_of(folder: &Path) -> Result<ServerVersion, String> {
    for program in ["initdb", "postgres"] {
        if !folder.join(program).is_file() {
            return Err(format!("there is no {program} in it"));
        }
    }
    let output = Command::new(folder.join("postgres"))
        .arg("--version")
        .output()
        .map_err(|error| format!("postgres cannot be started: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse_version(&text).ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("postgres --version says: {}{}", text.trim(), said.trim())
    })
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`; a beta (`19beta1`) counts as minor 0.
fn parse_version(text: &str) -> Option<ServerVersion> {
    let number = text.split("(PostgreSQL)").nth(1)?.split_whitespace().next()?;
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let (major, rest) = number.split_once('.').unwrap_or((number, "0"));
    let major: u32 = digits(major).parse().ok()?;
    let minor: u32 = digits(rest).parse().unwrap_or(0);
    (major >= 10).then_some(ServerVersion(major * 10_000 + minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_distributions_print() {
        let parse = |text| parse_version(text).map(|version| version.to_string());
        assert_eq!(parse("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").as_deref(), Some("15.18"));
        assert_eq!(parse("postgres (PostgreSQL) 17.10").as_deref(), Some("17.10"));
        assert_eq!(parse("postgres (PostgreSQL) 19beta1").as_deref(), Some("19.0"));
        assert_eq!(parse("postgres (PostgreSQL) 9.6.24"), None);
        assert_eq!(parse("bash: postgres: not found"), None);
    }

    #[test]
    fn the_nearest_major_wins_and_of_two_the_newer() {
        let found = |major| Found {
            folder: PathBuf::from(format!("/{major}")),
            version: ServerVersion::of_major(major),
            origin: Origin::Installed,
        };
        let all = [found(13), found(15), found(18)];
        assert_eq!(nearest(&all, 17).map(|one| one.version.major()), Some(18));
        assert_eq!(nearest(&all, 14).map(|one| one.version.major()), Some(15));
        assert_eq!(nearest(&[], 17), None);
    }

    #[test]
    fn a_folder_without_postgres_says_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let error = named(folder.path()).unwrap_err();
        assert!(error.to_string().contains("there is no initdb"), "{error}");
        assert!(error.hint().contains("PGSTEWARD_PG_BIN"));
    }
}
