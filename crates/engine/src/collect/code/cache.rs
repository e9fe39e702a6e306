//! What files said the last time, by their content. A cache that is missing, of another version or broken is no error:
//! the files are read again. Nothing in it is the only copy of anything.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use pgsteward_typescript::Unit;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Tests;
use super::walk::CodeFile;
use crate::kept_file::{self, cache_folder, checksum_of, header, sweep};

/// Projects smaller than this are read faster than a cache is worth.
const MIN_BYTES: u64 = 1024 * 1024;
/// Caches of this many projects are kept, the latest written.
const MAX_CACHES: usize = 32;
/// A file that changed this shortly before it was read may change again within the clock's tick: its time proves nothing.
const SETTLED_NANOSECONDS: u64 = 2_000_000_000;

#[derive(Default)]
pub(super) struct Cache {
    /// None where nothing is kept.
    file: Option<PathBuf>,
    /// Digest of what says how files import each other.
    world: [u8; 32],
    entries: HashMap<String, Entry>,
    bytes: Vec<u8>,
    /// Where the units begin in it.
    start: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    bytes: u64,
    modified: u64,
    /// The time of the file is proof of its content.
    settled: bool,
    hash: [u8; 32],
    start: u64,
    length: u64,
    checksum: u32,
}

/// A unit and how it was come by.
pub(super) struct Kept {
    pub(super) unit: Unit,
    pub(super) settled: bool,
}

impl Cache {
    /// The cache of a folder. `keep`: false for callers that leave nothing behind.
    pub(super) fn open(root: &Path, tests: Tests, keep: bool) -> Cache {
        let Some(folder) = cache_folder().filter(|_| keep) else { return Cache::default() };
        let file = folder.join(format!("{}.units", name_of(root, tests)));
        // Not there, or not to be read: the same as empty.
        let bytes = fs::read(&file).unwrap_or_default();
        Cache::of_bytes(bytes, file)
    }

    fn of_bytes(bytes: Vec<u8>, file: PathBuf) -> Cache {
        let head = header();
        let rest = bytes.strip_prefix(head.as_slice()).unwrap_or_default();
        let table = rest.split_first_chunk::<12>().and_then(|(lengths, rest)| {
            let length = usize::try_from(u64::from_le_bytes(*lengths.first_chunk()?)).ok()?;
            let checksum = u32::from_le_bytes(*lengths.last_chunk()?);
            let table = rest.get(..length).filter(|table| checksum_of(table) == checksum)?;
            let (world, entries): ([u8; 32], Vec<(String, Entry)>) = postcard::from_bytes(table).ok()?;
            Some((head.len() + 12 + length, world, entries))
        });
        let Some((start, world, entries)) = table else {
            return Cache { file: Some(file), ..Cache::default() };
        };
        Cache { file: Some(file), world, entries: entries.into_iter().collect(), bytes, start }
    }

    /// Whether it holds this many files, which import each other by the same rules.
    pub(super) fn is_of(&self, files: usize, world: &[u8; 32]) -> bool {
        self.entries.len() == files && self.world == *world
    }

    /// The unit of a file that did not change since, by its size and time.
    pub(super) fn unchanged(&self, file: &CodeFile) -> Option<Kept> {
        let entry = self.entries.get(&file.path)?;
        let same = entry.settled
            && file.modified != 0
            && entry.bytes == file.bytes
            && entry.modified == file.modified;
        let unit = self.decode(entry).filter(|_| same)?;
        Some(Kept { unit, settled: true })
    }

    /// The unit of a file with this content.
    pub(super) fn of_content(&self, file: &CodeFile, hash: &[u8; 32]) -> Option<Unit> {
        let entry = self.entries.get(&file.path).filter(|entry| entry.hash == *hash)?;
        self.decode(entry)
    }

    fn decode(&self, entry: &Entry) -> Option<Unit> {
        let start = self.start.checked_add(usize::try_from(entry.start).ok()?)?;
        let end = start.checked_add(usize::try_from(entry.length).ok()?)?;
        let blob = self.bytes.get(start..end).filter(|blob| checksum_of(blob) == entry.checksum)?;
        postcard::from_bytes::<Unit>(blob).ok().map(Unit::unpacked)
    }

    /// Writes what is known now, in one step. A folder that cannot be written is left alone. `lasts`: whether a unit is to be
    /// found again.
    pub(super) fn store(
        &self,
        files: &[&CodeFile],
        units: &mut [Unit],
        settled: &[bool],
        world: [u8; 32],
        lasts: impl Fn(&Unit) -> bool + Sync,
    ) {
        let Some(file) = &self.file else { return };
        if files.iter().map(|file| file.bytes).sum::<u64>() < MIN_BYTES {
            return;
        }
        let packed = |unit: &mut Unit| unit.packed(|unit| postcard::to_stdvec(unit).ok());
        let blobs: Vec<Option<Vec<u8>>> =
            units.par_iter_mut().map(|unit| lasts(unit).then(|| packed(unit)).flatten()).collect();
        let mut start = 0;
        let mut entries: Vec<(&str, Entry)> = Vec::with_capacity(files.len());
        for (((file, unit), settled), blob) in files.iter().zip(&*units).zip(settled).zip(&blobs) {
            let Some(blob) = blob else { continue };
            let length = blob.len() as u64;
            let entry = Entry {
                bytes: file.bytes,
                modified: file.modified,
                settled: *settled,
                hash: unit.hash,
                start,
                length,
                checksum: checksum_of(blob),
            };
            entries.push((&file.path, entry));
            start += length;
        }
        // What cannot be kept is read again the next time; there is nothing to tell the user.
        let Ok(table) = postcard::to_stdvec(&(world, entries)) else { return };
        if write(file, &table, &blobs).is_ok() {
            sweep(file, MAX_CACHES);
        }
    }
}

fn write(file: &Path, table: &[u8], blobs: &[Option<Vec<u8>>]) -> std::io::Result<()> {
    kept_file::write(file, |out| {
        out.write_all(&header())?;
        out.write_all(&(table.len() as u64).to_le_bytes())?;
        out.write_all(&checksum_of(table).to_le_bytes())?;
        out.write_all(table)?;
        blobs.iter().flatten().try_for_each(|blob| out.write_all(blob))
    })
}

/// What a folder's files are called in the cache.
pub(super) fn name_of(root: &Path, tests: Tests) -> String {
    let name = kept_file::name_of(root);
    match tests {
        Tests::ByName => name,
        Tests::InFull => format!("{name}t"),
    }
}

/// Whether a file with this time can be told by it from now on.
pub(super) fn settled(file: &CodeFile) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    u128::from(file.modified.saturating_add(SETTLED_NANOSECONDS)) < now
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> CodeFile {
        CodeFile { path: path.into(), absolute: path.into(), bytes: MIN_BYTES, modified: 7 }
    }

    fn unit(path: &str, hash: u8) -> Unit {
        Unit { file: path.into(), hash: [hash; 32], bytes: 3, ..Unit::default() }
    }

    #[test]
    fn units_come_back_by_time_and_by_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/a.units");
        let empty = Cache::of_bytes(Vec::new(), path.clone());
        empty.store(
            &[&file("a.ts"), &file("b.ts")],
            &mut [unit("a.ts", 1), unit("b.ts", 2)],
            &[true, true],
            [0; 32],
            |_| true,
        );
        let cache = Cache::of_bytes(fs::read(&path).unwrap(), path.clone());
        assert_eq!(cache.unchanged(&file("b.ts")).unwrap().unit, unit("b.ts", 2));
        assert!(cache.unchanged(&CodeFile { modified: 8, ..file("b.ts") }).is_none());
        assert!(cache.unchanged(&file("c.ts")).is_none());
        assert_eq!(cache.of_content(&file("a.ts"), &[1; 32]), Some(unit("a.ts", 1)));
        assert!(cache.of_content(&file("a.ts"), &[2; 32]).is_none());
        assert_eq!(fs::read_dir(folder.path().join("deep")).unwrap().count(), 1, "no partial file is left");
    }

    #[test]
    fn broken_caches_are_empty_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.units");
        Cache::of_bytes(Vec::new(), path.clone()).store(
            &[&file("a.ts")],
            &mut [unit("a.ts", 1)],
            &[true],
            [0; 32],
            |_| true,
        );
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x41;
            let cache = Cache::of_bytes(bad, path.clone());
            assert!(cache.unchanged(&file("a.ts")).is_none(), "byte {at}");
            let cache = Cache::of_bytes(good[..at].to_vec(), path.clone());
            assert!(cache.unchanged(&file("a.ts")).is_none(), "cut at {at}");
        }
        let nowhere = Cache::of_bytes(Vec::new(), PathBuf::from("/proc/nowhere/a.units"));
        nowhere.store(&[&file("a.ts")], &mut [unit("a.ts", 1)], &[true], [0; 32], |_| true);
    }
}
