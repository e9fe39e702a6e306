//! What linking made of a project's code the last time, for as long as no file of it changed: not one name, size or
//! time, not the Prisma schema, not the program. A run that finds it decodes the result in place of thousands of units.
//! Like the units themselves it is never the only copy of anything.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use pgsteward_model::code::Code;

use super::Tests;
use super::cache::{MIN_BYTES, cache_folder, checksum_of, header, name_of, sweep};
use super::tree::Tree;

/// Kept results of this many projects, the latest used. A repository may have dozens.
const MAX_RESULTS: usize = 128;

/// Whether anything was kept of a folder before.
pub(super) fn any(root: &Path, tests: Tests) -> bool {
    let name = name_of(root, tests);
    let of_it = |file: &str| file.strip_prefix(&name).is_some_and(|rest| rest.starts_with(['-', '.']));
    let entries = cache_folder().and_then(|folder| fs::read_dir(folder).ok());
    entries
        .is_some_and(|entries| entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(of_it)))
}

/// Where the code of one project is kept, and what it is kept for.
pub(super) struct Slot {
    file: PathBuf,
    key: [u8; 32],
}

impl Slot {
    /// None where nothing may be kept. `schemas` is of the texts of all Prisma schemas of the repository, and `this` the
    /// number of the project.
    pub(super) fn of(root: &Path, tree: &Tree, schemas: &[u8; 32], this: usize) -> Option<Slot> {
        use sha2::{Digest, Sha256};
        let digest = tree.digest?;
        if tree.bytes() < MIN_BYTES {
            return None;
        }
        let mut hasher = Sha256::new();
        hasher.update(header());
        hasher.update(digest);
        hasher.update(schemas);
        hasher.update((this as u64).to_le_bytes());
        let file = cache_folder()?.join(format!("{}-{this}.code", name_of(root, tree.tests)));
        Some(Slot { file, key: hasher.finalize().into() })
    }

    pub(super) fn load(&self) -> Option<Code> {
        let bytes = fs::read(&self.file).ok()?;
        let rest = bytes.strip_prefix(&self.key[..])?;
        let (checksum, blob) = rest.split_first_chunk::<4>()?;
        if checksum_of(blob) != u32::from_le_bytes(*checksum) {
            return None;
        }
        postcard::from_bytes(blob).ok()
    }

    /// Writes in one step. A folder that cannot be written is left alone.
    pub(super) fn store(&self, code: &Code) {
        let Ok(blob) = postcard::to_stdvec(code) else { return };
        let partial = self.file.with_extension(format!("{}.partial", std::process::id()));
        let written = fs::create_dir_all(self.file.parent().unwrap_or(Path::new(".")))
            .and_then(|()| fs::File::create(&partial))
            .and_then(|mut out| {
                out.write_all(&self.key)?;
                out.write_all(&checksum_of(&blob).to_le_bytes())?;
                out.write_all(&blob)
            })
            .and_then(|()| fs::rename(&partial, &self.file));
        match written {
            Ok(()) => sweep(&self.file, "code", MAX_RESULTS),
            // A disk that is full or read-only keeps nothing, half a file least of all.
            Err(_) => {
                let _ = fs::remove_file(&partial);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_comes_back_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let slot = Slot { file: folder.path().join("deep/a-0.code"), key: [7; 32] };
        assert_eq!(slot.load(), None);
        let mut code = Code::default();
        code.counts.files = 3;
        code.left_out.push(pgsteward_model::code::LeftOut { file: "a.ts".into(), why: "It is deep.".into() });
        slot.store(&code);
        assert_eq!(slot.load(), Some(code));
        assert_eq!(Slot { file: slot.file.clone(), key: [8; 32] }.load(), None, "of another state");
        let good = fs::read(&slot.file).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x41;
            fs::write(&slot.file, bad).unwrap();
            assert_eq!(slot.load(), None, "byte {at}");
            fs::write(&slot.file, &good[..at]).unwrap();
            assert_eq!(slot.load(), None, "cut at {at}");
        }
        assert_eq!(fs::read_dir(folder.path().join("deep")).unwrap().count(), 1, "no partial file is left");
    }
}
