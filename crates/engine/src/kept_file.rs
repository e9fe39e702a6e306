//! Files of the user's cache folder that hold what would take long to find out again. One that is missing, broken, of
//! another build or for other input is no error and not the only copy of anything: what it held is found out again.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flate2::Crc;
use pgsteward_typescript::UNIT_VERSION;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::hexadecimal::hexadecimal;

/// `$XDG_CACHE_HOME/pgsteward/code`, else `~/.cache/pgsteward/code`.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    named.or(home).map(|base| base.join("pgsteward").join("code"))
}

/// What the files about a folder are called, before their endings.
pub(crate) fn name_of(root: &Path) -> String {
    let digest = Sha256::digest(root.as_os_str().as_encoded_bytes());
    hexadecimal(&digest[..12])
}

/// Whether anything was kept of a folder before.
pub(crate) fn any_of(root: &Path) -> bool {
    let name = name_of(root);
    let entries = cache_folder().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_str().is_some_and(|file| file.starts_with(&name)))
}

/// Another release, or another build, writes another header, so what it kept is not read.
pub(crate) fn header() -> Vec<u8> {
    format!("pgsteward units {} {UNIT_VERSION} {}\n", crate::VERSION, build()).into_bytes()
}

/// Tells one build from another of the same version: who builds from source changes what is read of a file without
/// a release. Empty where the program cannot look at itself; then the version alone counts.
fn build() -> String {
    let program = std::env::current_exe().and_then(fs::metadata);
    let made = |about: &fs::Metadata| about.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok();
    program.ok().map_or_else(String::new, |about| {
        format!("{} {}", about.len(), made(&about).map_or(0, |made| made.as_nanos()))
    })
}

pub(crate) fn checksum_of(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// What a file is kept for: this build, and whatever decides what it holds.
pub(crate) fn key(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(header());
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// A file that is valid for one key.
pub(crate) struct KeptFile {
    file: PathBuf,
    key: [u8; 32],
}

impl KeptFile {
    /// None where there is no place for it. `name`: with its ending.
    pub(crate) fn of(name: &str, key: [u8; 32]) -> Option<KeptFile> {
        Some(KeptFile { file: cache_folder()?.join(name), key })
    }

    #[cfg(test)]
    pub(crate) fn at(file: PathBuf, key: [u8; 32]) -> KeptFile {
        KeptFile { file, key }
    }

    /// What it holds, decoded where it was read: to copy megabytes takes longer than to check them.
    pub(crate) fn load<T: DeserializeOwned>(&self) -> Option<T> {
        let bytes = fs::read(&self.file).ok()?;
        let rest = bytes.strip_prefix(&self.key[..])?;
        let (checksum, blob) = rest.split_first_chunk::<4>()?;
        let whole = checksum_of(blob) == u32::from_le_bytes(*checksum);
        whole.then(|| postcard::from_bytes(blob).ok()).flatten()
    }

    /// Writes in one step and leaves `most` files with this ending, the latest written. A folder that cannot be written is
    /// left alone.
    pub(crate) fn store(&self, content: &impl Serialize, most: usize) {
        let Ok(blob) = postcard::to_stdvec(content) else { return };
        let stored = write(&self.file, |out| {
            out.write_all(&self.key)?;
            out.write_all(&checksum_of(&blob).to_le_bytes())?;
            out.write_all(&blob)
        });
        if stored.is_ok() {
            sweep(&self.file, most);
        }
    }
}

/// Writes a file in one step.
///
/// # Errors
/// Whatever keeps it from being written. A disk that is full or read-only keeps nothing, half a file least of all.
pub(crate) fn write(
    file: &Path,
    content: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> std::io::Result<()> {
    fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
    let partial = file.with_extension(format!("{}.partial", std::process::id()));
    let written = fs::File::create(&partial).and_then(|out| {
        let mut out = std::io::BufWriter::new(out);
        content(&mut out)?;
        out.flush()
    });
    let written = written.and_then(|()| fs::rename(&partial, file));
    if written.is_err() {
        // There may be nothing to remove.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Removes the files of the same ending that were not written for the longest time, and what broken runs left.
pub(crate) fn sweep(current: &Path, most: usize) {
    let Some(entries) = current.parent().and_then(|folder| fs::read_dir(folder).ok()) else { return };
    let mut known: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .filter(|(_, path)| path != current)
        .filter(|(_, path)| {
            path.extension().is_some_and(|end| Some(end) == current.extension() || end == "partial")
        })
        .collect();
    known.sort();
    let surplus = known.len().saturating_sub(most - 1);
    for (_, path) in known.into_iter().take(surplus) {
        // Another process may have been faster.
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_comes_back_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let kept = KeptFile::at(folder.path().join("deep/a-0.code"), [7; 32]);
        assert_eq!(kept.load::<Vec<u8>>(), None);
        let blob = b"what was found out".to_vec();
        kept.store(&blob, 8);
        assert_eq!(kept.load(), Some(blob.clone()));
        assert_eq!(KeptFile::at(kept.file.clone(), [8; 32]).load::<Vec<u8>>(), None, "of another state");
        let good = fs::read(&kept.file).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x41;
            fs::write(&kept.file, bad).unwrap();
            assert_eq!(kept.load::<Vec<u8>>(), None, "byte {at}");
            fs::write(&kept.file, &good[..at]).unwrap();
            assert_eq!(kept.load::<Vec<u8>>(), None, "cut at {at}");
        }
        assert_eq!(fs::read_dir(folder.path().join("deep")).unwrap().count(), 1, "no partial file is left");
        KeptFile::at("/proc/nowhere/a.code".into(), [7; 32]).store(&blob, 8);
    }

    #[test]
    fn the_latest_are_left() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.code", "b.code", "c.code", "other.units"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        sweep(&folder.path().join("c.code"), 1);
        let left = fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.file_name());
        let mut left: Vec<_> = left.collect();
        left.sort();
        assert_eq!(left, ["c.code", "other.units"]);
    }
}
