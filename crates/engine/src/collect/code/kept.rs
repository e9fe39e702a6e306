//! What linking made of a project's code the last time, for as long as no file of it changed: not one name, size or
//! time, not the Prisma schema, not the program. A run that finds it decodes the result in place of thousands of units.
//! Like the units themselves it is never the only copy of anything.

use std::fs;
use std::path::Path;

use pgsteward_model::code::Code;
use pgsteward_model::repeated::within;

use super::Tests;
use super::cache::name_of;
use super::tree::Tree;
use crate::kept_file::{self, KeptFile, cache_folder};

/// Kept results of this many projects, the latest written. A repository may have dozens.
const MAX_RESULTS: usize = 128;
/// Projects smaller than this are read as fast as what was kept.
const MIN_BYTES: u64 = 128 * 1024;

/// Whether anything was kept of a folder before.
pub(super) fn any(root: &Path, tests: Tests) -> bool {
    let name = name_of(root, tests);
    let of_it = |file: &str| file.strip_prefix(&name).is_some_and(|rest| rest.starts_with(['-', '.']));
    let entries = cache_folder().and_then(|folder| fs::read_dir(folder).ok());
    entries
        .is_some_and(|entries| entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(of_it)))
}

/// Where the code of one project is kept.
pub(super) struct Slot(KeptFile);

impl Slot {
    /// None where nothing may be kept. `schemas` is of the texts of all Prisma schemas of the repository, and `this` the
    /// number of the project.
    pub(super) fn of(root: &Path, tree: &Tree, schemas: &[u8; 32], this: usize) -> Option<Slot> {
        let digest = tree.digest.filter(|_| tree.bytes() >= MIN_BYTES)?;
        let key = kept_file::key(&[&digest, schemas, &(this as u64).to_le_bytes()]);
        KeptFile::of(&format!("{}-{this}.code", name_of(root, tree.tests)), key).map(Slot)
    }

    pub(super) fn load(&self) -> Option<Code> {
        within(|| self.0.load())
    }

    pub(super) fn store(&self, code: &Code) {
        within(|| self.0.store(code, MAX_RESULTS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let slot = Slot(KeptFile::at(folder.path().join("a-0.code"), [7; 32]));
        assert_eq!(slot.load(), None);
        let mut code = Code::default();
        code.counts.files = 3;
        code.left_out.push(pgsteward_model::code::LeftOut { file: "a.ts".into(), why: "It is deep.".into() });
        slot.store(&code);
        assert_eq!(slot.load(), Some(code));
    }
}
