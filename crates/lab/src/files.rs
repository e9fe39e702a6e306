//! Files and folders: copy, size, places to keep things. Knows nothing of PostgreSQL.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::error::LabError;
use crate::privileges::RunAs;

/// Copies a folder with everything in it and hands the copy to `owner`. `std::fs::copy` lets the file system
/// share blocks where it can (`copy_file_range`, `clonefile`).
pub(crate) fn copy_tree(from: &Path, to: &Path, owner: RunAs) -> Result<(), LabError> {
    let entries = fs::read_dir(from).map_err(|error| LabError::io("read", from, error))?;
    let mode = fs::metadata(from).map_err(|error| LabError::io("read", from, error))?.mode() & 0o777;
    make_folder(to, mode)?;
    owner.own(to)?;
    for entry in entries {
        let entry = entry.map_err(|error| LabError::io("read", from, error))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(|error| LabError::io("read", &source, error))?;
        if kind.is_dir() {
            copy_tree(&source, &target, owner)?;
        } else if kind.is_symlink() {
            let link = fs::read_link(&source).map_err(|error| LabError::io("read", &source, error))?;
            symlink(link, &target).map_err(|error| LabError::io("create", &target, error))?;
            owner.own(&target)?;
        } else {
            fs::copy(&source, &target).map_err(|error| LabError::io("copy", &source, error))?;
            owner.own(&target)?;
        }
    }
    Ok(())
}

/// A folder with exactly this mode, whatever the umask says; it must not exist.
pub(crate) fn make_folder(path: &Path, mode: u32) -> Result<(), LabError> {
    fs::DirBuilder::new().mode(mode).create(path).map_err(|error| LabError::io("create", path, error))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| LabError::io("set the mode of", path, error))
}

/// Bytes of disk that a folder takes. Files that vanish meanwhile count as nothing; sparse files count with
/// their blocks only, since a statistics twin grows its relations sparsely.
pub(crate) fn disk_usage(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => disk_usage(&entry.path()),
            Ok(meta) => meta.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

/// Removes a folder or file if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), LabError> {
    let result = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LabError::io("remove", path, error)),
        _ => Ok(()),
    }
}

/// Removes what is in a folder from two threads: each clone of a database is some three hundred files.
pub(crate) fn remove_at_once(folder: &Path) -> Result<(), LabError> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    let parts: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let (one, other) = parts.split_at(parts.len() / 2);
    let all = |parts: &[PathBuf]| parts.iter().try_for_each(|part| remove(part));
    std::thread::scope(|scope| {
        let beside = std::thread::Builder::new().spawn_scoped(scope, || all(one));
        let here = all(other);
        match beside {
            // A thread that panicked has removed what it has; the rest goes with the folder.
            Ok(beside) => beside.join().unwrap_or(Ok(())).and(here),
            // Where there is no thread to be had, this one does it.
            Err(_) => all(one).and(here),
        }
    })
}

/// Where binaries, prepared data directories and the list of running labs are kept.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    pub(crate) folder: PathBuf,
    /// Said to the user where the usual place could not be used.
    pub(crate) note: Option<String>,
    /// Keeps a cache that had to be made in the temporary folder; it goes with its last user.
    _temporary: Option<std::sync::Arc<tempfile::TempDir>>,
}

impl Cache {
    /// `$XDG_CACHE_HOME/pgsteward`, else `~/.cache/pgsteward`; where the server's user cannot get there (as
    /// root: `/root` is closed) `/var/cache/pgsteward`; where nothing can be written a temporary folder.
    pub(crate) fn open(run_as: RunAs) -> Result<Cache, LabError> {
        let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        let usual = named.or(home).map(|base| base.join("pgsteward"));
        let system = run_as.dropped.then(|| PathBuf::from("/var/cache/pgsteward"));
        let candidates: Vec<PathBuf> = usual.into_iter().chain(system).collect();
        let mut refused = None;
        for folder in &candidates {
            // As root, what somebody else could have put there would be run by us.
            match usable(folder, run_as) {
                Ok(true) => return Ok(Cache { folder: folder.clone(), note: None, _temporary: None }),
                Ok(false) => {}
                Err(error) => refused = Some((folder, error)),
            }
        }
        let why = match refused {
            Some((folder, error)) => format!("\"{}\" cannot be written ({error})", folder.display()),
            None => "there is no cache folder that can be used".to_owned(),
        };
        let (folder, temporary) = match shared_temporary(run_as) {
            Some(folder) => (folder, None),
            None => {
                let temporary = tempfile::Builder::new()
                    .prefix("pgsteward-cache-")
                    .permissions(fs::Permissions::from_mode(0o755))
                    .tempdir()
                    .map_err(|error| LabError::io("create a folder in", &std::env::temp_dir(), error))?;
                (temporary.path().to_owned(), Some(std::sync::Arc::new(temporary)))
            }
        };
        let note = format!("{why}; what the lab needs is kept in \"{}\"", folder.display());
        Ok(Cache { folder, note: Some(note), _temporary: temporary })
    }

    /// A cache in a given folder, for tests and for callers that manage their own.
    #[cfg(test)]
    pub(crate) fn at(folder: &Path) -> Cache {
        Cache { folder: folder.to_owned(), note: None, _temporary: None }
    }

    /// A folder of the cache, made if absent.
    pub(crate) fn room(&self, name: &str) -> Result<PathBuf, LabError> {
        let path = self.folder.join(name);
        if !path.is_dir() {
            fs::create_dir_all(&path).map_err(|error| LabError::io("create", &path, error))?;
            // The server's user must get in, whatever the umask says.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
                .map_err(|error| LabError::io("set the mode of", &path, error))?;
        }
        Ok(path)
    }
}

/// A folder in the temporary folder that later runs find again, unless somebody else has put one there: its
/// content is run by us, so it must be ours and nobody else may write to it.
fn shared_temporary(run_as: RunAs) -> Option<PathBuf> {
    let uid = rustix::process::geteuid().as_raw();
    let folder = std::env::temp_dir().join(format!("pgsteward-cache-{uid}"));
    if !folder.exists() {
        make_folder(&folder, 0o755).ok()?;
    }
    let meta = fs::symlink_metadata(&folder).ok()?;
    let ours = meta.is_dir() && meta.uid() == uid && meta.mode() & 0o022 == 0;
    (ours && usable(&folder, run_as).ok()?).then_some(folder)
}

/// Whether the folder can be made, written by us and entered by the server's user.
fn usable(folder: &Path, run_as: RunAs) -> io::Result<bool> {
    let existed = folder.exists();
    // As root, no empty folder is left in a home that the server cannot enter.
    let above = folder.ancestors().skip(1).find(|above| above.exists());
    if !above.is_some_and(|above| run_as.can_reach(above)) {
        return Ok(false);
    }
    fs::create_dir_all(folder)?;
    if run_as.dropped && !existed {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    let meta = fs::metadata(folder)?;
    if run_as.dropped && (meta.uid() != 0 || meta.mode() & 0o022 != 0) {
        return Ok(false);
    }
    tempfile::Builder::new().prefix(".write-").tempfile_in(folder)?;
    Ok(run_as.can_reach(folder))
}

/// Holds an exclusive lock on a file until dropped. The system releases it when the process dies, however
/// it dies, so a stale lock cannot exist.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: fs::File,
}

impl FileLock {
    /// Waits for the lock.
    pub(crate) fn wait(path: &Path) -> Result<FileLock, LabError> {
        let file = open_lock(path)?;
        file.lock().map_err(|error| LabError::io("lock", path, error))?;
        Ok(FileLock { _file: file })
    }

    /// The lock, or nothing where somebody holds it.
    pub(crate) fn try_take(path: &Path) -> Result<Option<FileLock>, LabError> {
        let file = open_lock(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(FileLock { _file: file })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(LabError::io("lock", path, error)),
        }
    }
}

fn open_lock(path: &Path) -> Result<fs::File, LabError> {
    fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| LabError::io("open", path, error))
}
