//! What the files of a folder say, file by file: looked for, read or taken from the cache. Where linking has kept its
//! results (see [`super::kept`]) files are read only when an edit is to be tried.

use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use pgsteward_model::code::{Code, FileRole, LeftOut};
use pgsteward_typescript::{
    ClientProject, Depth, Modules, Package, PathAliases, Targets, Unit, World, link, link_all, scan,
    scan_but_tests, scan_fully, wanted,
};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::cache::{self, Cache, Kept};
use super::text::with_text;
use super::walk::{self, CodeFile, MAX_CODE_BYTES, Walked};
use super::{CodeReader, Tests, kept, packages, threads};

/// How often files are asked for because others that they import turned out to speak of the database.
const MAX_ROUNDS: usize = 4;

pub(super) struct Tree {
    root: PathBuf,
    keep: bool,
    pub(super) tests: Tests,
    /// What was linked is kept alone at first: a check that comes once, as in CI, has no use for what files say by themselves.
    keep_units: bool,
    projects: Vec<ClientProject>,
    files: Vec<CodeFile>,
    pub(super) aliases: Vec<PathAliases>,
    pub(super) packages: Vec<Package>,
    /// Links to code, which are not followed, and what could not be opened.
    pub(super) links: Vec<String>,
    pub(super) unreadable: Vec<String>,
    /// Of the names, sizes and times of all files and of what says how they import each other. None where times prove
    /// nothing.
    pub(super) digest: Option<[u8; 32]>,
    read: OnceLock<Read>,
    /// The code of each project, until it is asked for.
    linked: Mutex<Vec<Option<Code>>>,
}

/// What was read of the files.
pub(super) struct Read {
    pub(super) units: Vec<Unit>,
    pub(super) left_out: Vec<LeftOut>,
    /// Every file could be opened and read: what was left out was left out for what stands in it.
    pub(super) opened: bool,
}

impl Tree {
    /// Looks at names, sizes and times only.
    pub(super) fn look(reader: &CodeReader) -> Tree {
        let CodeReader { root, listing, generated, projects, keep, tests, .. } = reader;
        let (keep, tests) = (*keep, *tests);
        let Walked { code, packages, configs, links, unreadable } = walk::walk(root, listing, generated);
        let packages = packages::packages(root, &packages);
        let aliases = packages::aliases(root, &configs, &packages);
        let mut tree = Tree {
            root: root.clone(),
            keep,
            tests,
            keep_units: false,
            projects: projects.clone(),
            files: code,
            aliases,
            packages,
            links,
            unreadable,
            digest: None,
            read: OnceLock::new(),
            linked: Mutex::default(),
        };
        if keep
            && tree.unreadable.is_empty()
            && tree.files.iter().all(|file| file.modified != 0 && cache::settled(file))
        {
            let mut hasher = Sha256::new();
            hasher.update(digest(&tree.world(0)));
            for file in &tree.files {
                hasher.update(file.path.as_bytes());
                hasher.update([0]);
                hasher.update(file.bytes.to_le_bytes());
                hasher.update(file.modified.to_le_bytes());
            }
            tree.digest = Some(hasher.finalize().into());
        }
        tree.keep_units = keep && (tree.digest.is_none() || kept::any(root, tests));
        tree
    }

    /// The text of a file as it was read. None where it changed since, as places in it no longer fit.
    pub(super) fn text_of(&self, path: &str) -> Option<Arc<str>> {
        let at = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        let file = &self.files[at];
        let read = || with_text(&file.absolute, |text| Arc::<str>::from(text)).ok().flatten();
        file.is_unchanged().then(read).flatten()
    }

    pub(super) fn world(&self, this: usize) -> World {
        World {
            aliases: self.aliases.clone(),
            packages: self.packages.clone(),
            projects: self.projects.clone(),
            this,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    pub(super) fn read(&self) -> &Read {
        self.read.get_or_init(|| self.read_files(false))
    }

    /// The code of a project. All of them are linked at once, as who calls whom is the same for all.
    pub(super) fn take_linked(&self, this: usize) -> Code {
        // What imports stand for is looked up once, for reading and for linking.
        let units = &self.read.get_or_init(|| self.read_files(true)).units;
        let mut linked = self.linked.lock().unwrap_or_else(PoisonError::into_inner);
        if linked.is_empty() {
            let (world, files) = (self.world(0), names_of(units));
            *linked = all_linked(units, &world, &Modules::new(&files, &world));
        }
        linked.get_mut(this).and_then(Option::take).unwrap_or_else(|| link(units, &self.world(this)))
    }

    fn read_files(&self, link: bool) -> Read {
        let cache = Cache::open(&self.root, self.tests, self.keep);
        let one = |file| match cache.unchanged(file) {
            Some(kept) => (Ok(kept), false),
            None => self.read_file(file, &cache),
        };
        let read: Vec<(Result<Kept, Unread>, bool)> =
            threads::spread(|| self.files.par_iter().map(one).collect());
        let world = self.world(0);
        let digest = digest(&world);
        let read_anew = read.iter().any(|(_, anew)| *anew);
        let (mut files, mut units, mut settled, mut left_out) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut opened = true;
        for (file, (read, _)) in self.files.iter().zip(read) {
            match read {
                Ok(kept) => {
                    files.push(file);
                    units.push(kept.unit);
                    settled.push(kept.settled);
                }
                Err(unread) => {
                    opened &= unread.opened;
                    left_out.push(unread.why);
                }
            }
        }
        let names = names_of(&units);
        let modules = Modules::new(&names, &world);
        let unread = read_anew || !cache.is_of(files.len(), &digest);
        let mut targets = Targets::default();
        // What the cache holds was asked for already.
        for _ in 0..if unread { MAX_ROUNDS } else { 0 } {
            let asked = wanted(&units, &modules, &mut targets);
            if asked.is_empty() {
                break;
            }
            let deeper: Vec<(usize, Option<Unit>)> = threads::spread(|| {
                asked.into_par_iter().map(|index| (index, self.fully(files[index]))).collect()
            });
            for (index, unit) in deeper {
                // A file that is gone by now keeps what its first reading said.
                if let Some(unit) = unit {
                    units[index] = unit;
                }
            }
        }
        opened &= !units.iter().any(|unit| unit.passing);
        // Of a folder with files that cannot be opened nothing else is kept.
        if unread && (self.keep_units || self.keep && !opened) {
            cache.store(&files, &mut units, &settled, digest, |unit| lasts(unit, self.tests));
        }
        if link {
            let linked = all_linked(&units, &world, &modules);
            *self.linked.lock().unwrap_or_else(PoisonError::into_inner) = linked;
        }
        Read { units, left_out, opened }
    }

    /// The unit of a file, and whether the cache did not have it.
    fn read_file(&self, file: &CodeFile, cache: &Cache) -> (Result<Kept, Unread>, bool) {
        let left_out = |opened: bool, why: String| {
            Err(Unread { why: LeftOut { file: file.path.as_str().into(), why }, opened })
        };
        if file.bytes > MAX_CODE_BYTES {
            let why = format!("Files of code over {} MB are left out.", MAX_CODE_BYTES / 1024 / 1024);
            return (left_out(true, why), false);
        }
        let settled = cache::settled(file);
        let read = with_text(&file.absolute, |text| {
            let hash = self.hash(text);
            let kept = cache.of_content(file, &hash);
            let scan = match self.tests {
                Tests::ByName => scan_but_tests,
                Tests::InFull => scan,
            };
            kept.map_or_else(|| guarded(|| Unit { hash, ..scan(&file.path, text) }), Some)
        });
        match read {
            Ok(Some(Some(unit))) => (Ok(Kept { unit, settled }), true),
            Ok(Some(None)) => {
                (left_out(true, "The reader of code fails on it, which is a bug.".into()), false)
            }
            Ok(None) => (left_out(true, "The file is not UTF-8.".into()), false),
            Err(error) => (left_out(false, format!("The file could not be read: {error}.")), false),
        }
    }

    /// A file in full. None where it cannot be read any more.
    fn fully(&self, file: &CodeFile) -> Option<Unit> {
        let read = |text: &str| guarded(|| Unit { hash: self.hash(text), ..scan_fully(&file.path, text) });
        with_text(&file.absolute, read).ok().flatten().flatten()
    }

    /// Of a text, where what it says may be kept.
    fn hash(&self, text: &str) -> [u8; 32] {
        if self.keep_units { Sha256::digest(text.as_bytes()).into() } else { [0; 32] }
    }
}

/// Whether what was read of a file is what will be read of it the next time. Whether a test is read in full hangs on who
/// imports it.
fn lasts(unit: &Unit, tests: Tests) -> bool {
    let by_name = tests == Tests::ByName && unit.role == Some(FileRole::Test);
    !unit.passing && (!by_name || unit.depth != Depth::Full)
}

fn names_of(units: &[Unit]) -> Vec<Arc<str>> {
    units.iter().map(|unit| unit.file.clone()).collect()
}

fn all_linked(units: &[Unit], world: &World, modules: &Modules<'_>) -> Vec<Option<Code>> {
    link_all(units, world, modules).into_iter().map(Some).collect()
}

/// Of what says how files import each other and their client.
fn digest(world: &World) -> [u8; 32] {
    let mut all = Digesting(Sha256::new());
    (&world.aliases, &world.packages, world.projects.len()).hash(&mut all);
    for project in &world.projects {
        (&project.folder, &project.outputs, &project.modules).hash(&mut all);
    }
    all.0.finalize().into()
}

/// Takes what values are told apart by, with their lengths, into a digest.
struct Digesting(Sha256);

impl Hasher for Digesting {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        digest.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
    }
}

/// A file that is left out. `opened`: for what stands in it.
struct Unread {
    why: LeftOut,
    opened: bool,
}

/// One file that the reader stumbles over must not cost the review of all others.
fn guarded(read: impl FnOnce() -> Unit) -> Option<Unit> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_chance_left_out_does_not_last() {
        let full = Unit { depth: Depth::Full, ..Unit::default() };
        assert!(lasts(&full, Tests::ByName));
        assert!(!lasts(&Unit { passing: true, ..full.clone() }, Tests::ByName));
        let test = Unit { role: Some(FileRole::Test), ..full };
        assert!(!lasts(&test, Tests::ByName) && lasts(&test, Tests::InFull));
    }
}
