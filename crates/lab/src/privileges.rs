//! Who the server runs as. PostgreSQL refuses to run as root, so as root the lab picks an unprivileged
//! user and hands it the files it needs; as anybody else nothing changes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::error::LabError;

/// The user that server processes run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunAs {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// True where we are root and the server is not: files must be handed over.
    pub(crate) dropped: bool,
}

impl RunAs {
    /// Ourselves, or as root the user `nobody`, else `postgres`. `nobody` comes first because a machine's own
    /// database belongs to `postgres`, and hostile SQL must not come near it.
    pub(crate) fn choose() -> Result<RunAs, LabError> {
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        if uid != 0 {
            return Ok(RunAs { uid, gid, dropped: false });
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["nobody", "postgres"]
            .into_iter()
            .find_map(|name| entry_by_name(&passwd, name))
            .filter(|(uid, _)| *uid != 0)
            .map(|(uid, gid)| RunAs { uid, gid, dropped: true })
            .ok_or(LabError::NoUnprivilegedUser)
    }

    /// `initdb` looks its user up and fails without an entry; the server does not care. The user database may
    /// also be a directory service, so `id -un` is asked where the file does not know the user.
    pub(crate) fn require_user_entry(self) -> Result<(), LabError> {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let listed = passwd.lines().any(|line| line.split(':').nth(2) == Some(&self.uid.to_string()));
        let known = listed
            || Command::new("id")
                .args(["-un", &self.uid.to_string()])
                .output()
                .is_ok_and(|output| output.status.success());
        if known { Ok(()) } else { Err(LabError::NoUserEntry { uid: self.uid }) }
    }

    /// Makes `command` run as this user, in a process group of its own and without our environment: what
    /// hostile SQL could print of it (secrets in variables) must not be there.
    pub(crate) fn prepare(self, command: &mut Command, home: &Path) {
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LC_MESSAGES", "C")
            .env("HOME", home);
        if self.dropped {
            command.gid(self.gid).uid(self.uid);
        }
        command.process_group(0);
    }

    /// Hands a file or folder (not its content) to this user.
    pub(crate) fn own(self, path: &Path) -> Result<(), LabError> {
        if self.dropped {
            std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid))
                .map_err(|error| LabError::io("hand over", path, error))?;
        }
        Ok(())
    }

    /// Whether this user can get at what lies in `path`: every folder above it lets the user through, and the
    /// path itself can be read.
    pub(crate) fn can_reach(self, path: &Path) -> bool {
        if !self.dropped {
            return true;
        }
        let Ok(path) = fs::canonicalize(path) else { return false };
        path.ancestors().all(|part| {
            fs::metadata(part).is_ok_and(|meta| {
                let shift = match (meta.uid() == self.uid, meta.gid() == self.gid) {
                    (true, _) => 6,
                    (false, true) => 3,
                    (false, false) => 0,
                };
                let wanted = if meta.is_dir() { 0o1 } else { 0o4 };
                (meta.mode() >> shift) & wanted == wanted
            })
        })
    }
}

/// User id and group id of a line of `/etc/passwd`.
fn entry_by_name(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let uid = fields.next()?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some((uid, gid))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn reads_ids_from_the_user_database() {
        let passwd = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533:nobody:/:/bin/false\nbroken:x\n";
        assert_eq!(entry_by_name(passwd, "nobody"), Some((65534, 65533)));
        assert_eq!(entry_by_name(passwd, "broken"), None);
        assert_eq!(entry_by_name(passwd, "postgres"), None);
    }

    #[test]
    fn a_closed_folder_above_is_noticed() {
        let folder =
            tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir().unwrap();
        fs::write(folder.path().join("file"), "x").unwrap();
        let stranger = RunAs { uid: 4_000_000, gid: 4_000_000, dropped: true };
        assert!(!stranger.can_reach(&folder.path().join("file")), "the folder is 0700");
        assert!(stranger.can_reach(Path::new("/usr")));
    }
}
