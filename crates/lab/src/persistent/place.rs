//! Where development servers lie: one folder for each project, in the user's data folder.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::LabError;
use crate::privileges::RunAs;
use crate::template::short_hash;

/// The kernel's limit for the path of a Unix socket; the name of the file in it takes 20 bytes at most.
const SOCKET_PATH_LIMIT: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// `$XDG_DATA_HOME/pgsteward/servers/NAME`, else below `~/.local/share`; as root, where the server's own user cannot
/// get there, below `/var/lib`. Never a temporary folder: the data is to stay.
pub(super) fn folder(project: &Path, run_as: RunAs) -> Result<PathBuf, LabError> {
    let named = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let reachable = |base: &PathBuf| {
        base.ancestors().find(|above| above.exists()).is_some_and(|above| run_as.can_reach(above))
    };
    let base = named.or(home).filter(reachable).or_else(|| run_as.dropped.then(|| PathBuf::from("/var/lib")));
    let Some(base) = base else { return Err(LabError::NoDataFolder) };
    let called: String = project
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || "-_".contains(*character))
        .take(16)
        .collect();
    let key = short_hash(&[&project.to_string_lossy()]);
    let folder = real(&base).join("pgsteward/servers").join(format!("{called}-{key}"));
    let length = folder.join("socket/.s.PGSQL.65535").as_os_str().len();
    if length > SOCKET_PATH_LIMIT {
        return Err(LabError::SocketPathTooLong { path: folder, length, limit: SOCKET_PATH_LIMIT });
    }
    Ok(folder)
}

/// The path without links, as far as it exists: server processes are known by the folder they work in.
fn real(path: &Path) -> PathBuf {
    let existing = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    existing.map_or(path.to_owned(), |(above, real)| match path.strip_prefix(above) {
        Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
        _ => real,
    })
}

/// Makes the folder, ours alone; as root the server's user may pass through it.
pub(super) fn make(folder: &Path, run_as: RunAs) -> Result<(), LabError> {
    let mode = if run_as.dropped { 0o711 } else { 0o700 };
    if !folder.is_dir() {
        fs::create_dir_all(folder).map_err(|error| LabError::io("create", folder, error))?;
        let servers = folder.parent().into_iter().chain(folder.parent().and_then(Path::parent));
        for (path, mode) in servers.map(|path| (path, 0o755)).chain([(folder, mode)]) {
            fs::set_permissions(path, fs::Permissions::from_mode(mode))
                .map_err(|error| LabError::io("set the mode of", path, error))?;
        }
    }
    let meta = fs::symlink_metadata(folder).map_err(|error| LabError::io("read", folder, error))?;
    let ours = meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw() && meta.mode() & 0o022 == 0;
    if ours { Ok(()) } else { Err(LabError::NotOurs { path: folder.to_owned() }) }
}

/// 128 random bits as text that needs no encoding in a URL.
pub(super) fn password() -> String {
    // Two random UUIDs hold 244 random bits; the digest spreads them over all digits.
    let random = [pgsteward_pg::history::new_id(), pgsteward_pg::history::new_id()];
    let parts = [short_hash(&[&random[0]]), short_hash(&[&random[1]]), short_hash(&[&random[0], &random[1]])];
    parts.concat()
}
