//! What was listed below a folder the last time, for as long as nothing in it came, went or was given another name: each
//! folder still has the time that it had, and each file that says what is ignored its size and time. To look at a folder
//! is one call in place of five, and no name is matched again.
//!
//! Only kept of folders of which code is kept already: what comes once, as in CI, leaves nothing behind. Like all that is
//! kept it is never the only copy of anything.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::listing::{Kind, Listing};
use crate::kept_file::{self, KeptFile};

/// What changed this shortly before it was looked at may change again within the clock's tick: its time proves nothing.
const SETTLED: Duration = Duration::from_secs(2);
/// Of this many folders, the latest written.
const MAX_LISTINGS: usize = 32;

/// What tells that a file or folder did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    bytes: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, i64),
    /// The same for its permissions and place.
    changed: (i64, i64),
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    folders: Vec<(String, State)>,
    /// What says what is ignored, or would if it were there.
    ignoring: Vec<(PathBuf, Option<State>)>,
    /// The folder's number, and the name in it.
    files: Vec<(Kind, u32, String)>,
    links: Vec<String>,
}

/// None where something changed, or nothing was kept.
pub(super) fn listing_of(root: &Path) -> Option<Listing> {
    unchanged(file_of(root)?.load()?)
}

fn unchanged(kept: Kept) -> Option<Listing> {
    let same = excludes().is_none_or(|path| kept.ignoring.iter().any(|(known, _)| *known == path))
        && kept.ignoring.iter().all(|(path, state)| rules_of(path) == *state)
        && kept.folders.par_iter().all(|(path, state)| folder(path.as_ref()).as_ref() == Some(state));
    if !same {
        return None;
    }
    let place = |(kind, folder, name): (Kind, u32, String)| {
        Some((kind, Path::new(&kept.folders.get(folder as usize)?.0).join(name)))
    };
    Some(Listing {
        files: kept.files.into_iter().map(place).collect::<Option<_>>()?,
        links: kept.links.into_iter().map(PathBuf::from).collect(),
        unreadable: Vec::new(),
        folders: Vec::new(),
    })
}

/// Keeps what was listed since `started`, if times can tell that it is still so.
pub(super) fn keep(root: &Path, listing: &Listing, started: SystemTime) {
    if kept_file::any_of(root)
        && let Some(file) = file_of(root)
        && let Some(kept) = kept_of(root, listing, started)
    {
        file.store(&kept, MAX_LISTINGS);
    }
}

/// None where something may have changed meanwhile or cannot be told by its time, and for names that are no UTF-8.
fn kept_of(root: &Path, listing: &Listing, started: SystemTime) -> Option<Kept> {
    let settled = started.checked_sub(SETTLED)?.duration_since(UNIX_EPOCH).ok()?;
    let latest = (i64::try_from(settled.as_secs()).ok()?, i64::from(settled.subsec_nanos()));
    let old = |state: &State| state.modified < latest && state.changed < latest;
    if !listing.unreadable.is_empty() {
        return None;
    }
    let mut folders: Vec<(&str, State)> = listing
        .folders
        .par_iter()
        .map(|path| Some((path.to_str()?, folder(path).filter(old)?)))
        .collect::<Option<_>>()?;
    folders.sort_by_key(|(path, _)| *path);
    let mut ignoring: Vec<(PathBuf, Option<State>)> = Vec::new();
    let above = root.ancestors().skip(1).flat_map(rules_in).chain(excludes());
    ignoring.extend(above.map(|path| (path.clone(), rules_of(&path))));
    for path in folders.iter().flat_map(|(folder, _)| rules_in(Path::new(folder))) {
        // Where there is none, the folder's time tells when one comes; but for what `.git` holds.
        let state = rules_of(&path);
        if state.is_some() || path.ends_with(EXCLUDE) && path.ancestors().nth(2).is_some_and(Path::exists) {
            ignoring.push((path, state));
        }
    }
    // A `.git` that is a file leads to rules that stand elsewhere.
    let elsewhere = |folder: &Path| folder.join(".git").is_file();
    let unsettled = ignoring.iter().any(|(_, state)| state.as_ref().is_some_and(|state| !old(state)));
    if unsettled
        || root.ancestors().any(elsewhere)
        || folders.iter().any(|(path, _)| elsewhere(Path::new(path)))
    {
        return None;
    }
    let number = |path: &Path| -> Option<u32> {
        let at = folders.binary_search_by_key(&path.to_str()?, |(path, _)| *path).ok()?;
        u32::try_from(at).ok()
    };
    let file = |(kind, path): &&(Kind, PathBuf)| {
        Some((*kind, number(path.parent()?)?, path.file_name()?.to_str()?.to_owned()))
    };
    // In the order that readers want: what is sorted is sorted again in no time.
    let mut files: Vec<&(Kind, PathBuf)> = listing.files.iter().collect();
    files.sort_by_key(|(_, path)| path.as_os_str());
    Some(Kept {
        files: files.iter().map(file).collect::<Option<_>>()?,
        links: listing.links.iter().map(|path| path.to_str().map(str::to_owned)).collect::<Option<_>>()?,
        ignoring,
        folders: folders.into_iter().map(|(path, state)| (path.to_owned(), state)).collect(),
    })
}

const EXCLUDE: &str = ".git/info/exclude";

fn rules_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    [".ignore", ".gitignore", EXCLUDE].map(|name| folder.join(name)).into_iter()
}

/// The user's own rules.
fn excludes() -> Option<PathBuf> {
    ignore::gitignore::gitconfig_excludes_path()
}

fn folder(path: &Path) -> Option<State> {
    fs::symlink_metadata(path).ok().map(|about| State::of(&about))
}

/// Of what a link leads to, as its rules count.
fn rules_of(path: &Path) -> Option<State> {
    fs::metadata(path).ok().map(|about| State::of(&about))
}

impl State {
    fn of(about: &Metadata) -> State {
        State {
            bytes: about.len(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        }
    }
}

fn file_of(root: &Path) -> Option<KeptFile> {
    let key = kept_file::key(&[root.as_os_str().as_encoded_bytes()]);
    KeptFile::of(&format!("{}.listing", kept_file::name_of(root)), key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A folder that was listed as if long ago, and what of it would be kept.
    fn kept(root: &Path) -> Option<Kept> {
        let later = SystemTime::now() + Duration::from_secs(60);
        kept_of(root, &Listing::anew(root), later)
    }

    fn again(root: &Path, kept: Kept) -> Option<BTreeSet<String>> {
        let relative = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
        Some(unchanged(kept)?.files.iter().map(|(_, path)| relative(path)).collect())
    }

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn project() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "src/a.ts", "a");
        write(root.path(), "src/deep/b.ts", "b");
        write(root.path(), "out/c.ts", "c");
        write(root.path(), ".gitignore", "out\n");
        root
    }

    #[test]
    fn what_did_not_change_is_listed_as_it_was() {
        let root = project();
        let files = again(root.path(), kept(root.path()).unwrap()).unwrap();
        assert_eq!(files, BTreeSet::from(["src/a.ts".to_owned(), "src/deep/b.ts".to_owned()]));
        // What stands in a file changes no list.
        write(root.path(), "src/a.ts", "another text");
        assert!(again(root.path(), kept(root.path()).unwrap()).is_some());
    }

    #[test]
    fn what_came_went_or_is_ignored_otherwise_is_noticed() {
        type Change = fn(&Path);
        let changes: [(&str, Change); 8] = [
            ("a file more", |root| write(root, "src/deep/new.ts", "")),
            ("a folder more", |root| write(root, "more/new.ts", "")),
            ("a file gone", |root| fs::remove_file(root.join("src/a.ts")).unwrap()),
            ("another name", |root| fs::rename(root.join("src/a.ts"), root.join("src/z.ts")).unwrap()),
            ("a folder gone", |root| fs::remove_dir_all(root.join("src/deep")).unwrap()),
            ("other rules", |root| write(root, ".gitignore", "src/deep\n")),
            ("first rules of a folder", |root| write(root, "src/.gitignore", "*.ts\n")),
            ("a repository of its own", |root| write(root, "src/.git/info/exclude", "a.ts\n")),
        ];
        for (what, change) in changes {
            let root = project();
            let before = kept(root.path()).unwrap();
            change(root.path());
            assert_eq!(again(root.path(), before), None, "{what}");
        }
    }

    #[test]
    fn what_cannot_be_told_by_its_time_is_not_kept() {
        let root = project();
        let listing = Listing::anew(root.path());
        assert!(kept_of(root.path(), &listing, SystemTime::now()).is_none(), "changed a moment ago");
        // A work tree whose rules stand in another folder.
        write(root.path(), ".git", "gitdir: /elsewhere\n");
        assert!(kept(root.path()).is_none());
    }

    #[test]
    fn rules_of_a_repository_count() {
        let root = project();
        write(root.path(), ".git/info/exclude", "nothing\n");
        let before = kept(root.path()).unwrap();
        write(root.path(), ".git/info/exclude", "deep/\n");
        assert_eq!(again(root.path(), before), None);
    }
}
