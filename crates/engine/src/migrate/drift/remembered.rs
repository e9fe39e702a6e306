//! What histories were seen to make, as digests of catalogs and as fingerprints of databases: one file for each history, in the user's cache. Nothing in
//! it is the only copy of anything, and a file that is broken or away only costs a lab.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pgsteward_model::catalog::Catalog;
use pgsteward_model::version::ServerVersion;
use sha2::{Digest, Sha256};

use super::Made;
use crate::hexadecimal::hexadecimal;

/// Before the fingerprint of a database that a deploy of the history has made.
const SEEN: &str = "seen ";
/// Fingerprints of this many databases are kept for each history, the latest.
const MAX_SEEN: usize = 50;

/// The file of one history.
pub(super) struct Remembered {
    path: PathBuf,
}

impl Remembered {
    /// None where this user has no folder for caches.
    pub(super) fn of(made: &Made<'_>, major: u32) -> Option<Remembered> {
        let mut hasher = Sha256::new();
        let mut part = |text: &str| {
            hasher.update(text.len().to_le_bytes());
            hasher.update(text);
        };
        part(crate::VERSION);
        part(&major.to_string());
        part(made.namespace);
        part(&made.project.init_shadow_db().unwrap_or_default());
        for folder in made.applied {
            part(&folder.name);
            part(&folder.checksum);
        }
        let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        let folder = named.or(home)?.join("pgsteward").join("drift");
        Some(Remembered { path: folder.join(hex(hasher)) })
    }

    /// Whether the history was seen to make exactly this.
    pub(super) fn has(&self, catalog: &Catalog) -> bool {
        // Not there, or not to be read: nothing is known.
        let known = self.text();
        if known.is_empty() {
            return false;
        }
        // Once: it takes as long as all of the rest.
        let wanted = digest(catalog);
        known.lines().any(|line| line == wanted)
    }

    /// Whether a deploy of the history was seen to make a database that then had this fingerprint.
    pub(super) fn was_seen(&self, fingerprint: &str) -> bool {
        self.text().lines().any(|line| line.strip_prefix(SEEN) == Some(fingerprint))
    }

    /// Whether a deploy of it was seen at all.
    pub(super) fn was_any_seen(&self) -> bool {
        self.text().contains(SEEN)
    }

    pub(super) fn saw(&self, fingerprint: &str) {
        self.keep([format!("{SEEN}{fingerprint}")].into_iter());
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.path).unwrap_or_default()
    }

    /// Without a cache the next comparison takes the lab again. Files that nobody has written for a month go as new ones
    /// come.
    pub(super) fn add<'c>(&self, catalogs: impl Iterator<Item = &'c Catalog>) {
        self.keep(catalogs.map(digest));
    }

    fn keep(&self, lines: impl Iterator<Item = String>) {
        let Some(folder) = self.path.parent() else { return };
        if !self.path.exists() {
            clean(folder);
        }
        let mut all: Vec<String> = self.text().lines().map(str::to_owned).collect();
        for line in lines {
            all.retain(|known| *known != line);
            all.push(line);
        }
        // Each deploy on an empty database adds one, as suites of tests do by the hundred.
        let mut surplus = all.iter().filter(|line| line.starts_with(SEEN)).count().saturating_sub(MAX_SEEN);
        all.retain(|line| {
            let goes = surplus > 0 && line.starts_with(SEEN);
            surplus -= usize::from(goes);
            !goes
        });
        let text: String = all.into_iter().map(|line| format!("{line}\n")).collect();
        // In one step, as others may read it now.
        let partial = self.path.with_extension(format!("{}.partial", std::process::id()));
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&partial, text))
            .and_then(|()| std::fs::rename(&partial, &self.path));
        if written.is_err() {
            // There may be nothing to remove.
            drop(std::fs::remove_file(&partial));
        }
    }
}

/// Plain data in sorted maps: the same catalog always prints the same. Minor versions make the same schema.
fn digest(catalog: &Catalog) -> String {
    let of_major = Catalog { version: ServerVersion::of_major(catalog.version.major()), ..catalog.clone() };
    let mut hasher = Sha256::new();
    hasher.update(format!("{of_major:?}"));
    hex(hasher)
}

fn hex(hasher: Sha256) -> String {
    hexadecimal(&hasher.finalize())
}

fn clean(folder: &Path) {
    let month = Duration::from_secs(30 * 24 * 3600);
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let age =
            entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > month) {
            // What cannot be removed costs a few bytes.
            drop(std::fs::remove_file(entry.path()));
        }
    }
}
