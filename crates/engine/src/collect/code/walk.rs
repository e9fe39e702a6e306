//! The files of a folder that may hold code, and the configuration that says how they import each other. Nothing is
//! read here but names, sizes and times; links are not followed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::discover::listing::{Kind, Listing};
use crate::discover::relative;

/// Files larger than this are bundles or data: nobody wrote them.
pub(super) const MAX_CODE_BYTES: u64 = 2 * 1024 * 1024;

/// Folders of other people's code and of output.
const SKIPPED: [&str; 14] = [
    "node_modules",
    ".git",
    "dist",
    ".next",
    ".nuxt",
    ".output",
    ".svelte-kit",
    ".turbo",
    ".vercel",
    ".cache",
    ".yarn",
    "coverage",
    "bower_components",
    "target",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CodeFile {
    /// Relative to the root, `/` between parts.
    pub(super) path: String,
    pub(super) absolute: PathBuf,
    pub(super) bytes: u64,
    /// Nanoseconds since 1970; 0 where the system does not say.
    pub(super) modified: u64,
}

#[derive(Debug, Default)]
pub(super) struct Walked {
    /// In the order of their paths.
    pub(super) code: Vec<CodeFile>,
    pub(super) packages: Vec<PathBuf>,
    /// `tsconfig*.json` and `jsconfig.json`.
    pub(super) configs: Vec<PathBuf>,
    /// Links that lead out of the folder to what may be code.
    pub(super) links: Vec<String>,
    pub(super) unreadable: Vec<String>,
}

/// `generated`: absolute folders that clients are generated into.
pub(super) fn walk(root: &Path, listing: &Listing, generated: &[PathBuf]) -> Walked {
    let mut folders = Folders { root, generated, entered: FxHashMap::default() };
    let mut walked = Walked::default();
    let mut code: Vec<&Path> = Vec::new();
    for (kind, path) in &listing.files {
        let wanted = matches!(kind, Kind::Code | Kind::Package | Kind::Config);
        if !wanted || !folders.enters_above(path) {
            continue;
        }
        match kind {
            Kind::Code => code.push(path),
            Kind::Package => walked.packages.push(path.clone()),
            _ => walked.configs.push(path.clone()),
        }
    }
    let looked: Vec<Result<CodeFile, String>> = code.into_par_iter().map(|path| look(root, path)).collect();
    for file in looked {
        match file {
            Ok(file) => walked.code.push(file),
            Err(error) => walked.unreadable.push(error),
        }
    }
    for path in listing.links.iter().filter(|path| folders.enters_above(path)) {
        // What a link within the folder leads to is read where it is.
        let code = Kind::of(path) == Some(Kind::Code);
        let out =
            path.canonicalize().is_ok_and(|target| !target.starts_with(root) && (code || target.is_dir()));
        walked.links.extend(out.then(|| relative(root, path)));
    }
    let unreadable = listing.unreadable.iter().filter(|(path, _)| folders.enters(path));
    walked.unreadable.extend(unreadable.map(|(_, error)| error.clone()));
    walked.code.sort_by(|a, b| a.path.cmp(&b.path));
    walked.packages.sort();
    walked.configs.sort();
    walked.links.sort();
    walked.unreadable.sort();
    walked
}

/// Which folders are looked into for code, remembered.
struct Folders<'a> {
    root: &'a Path,
    generated: &'a [PathBuf],
    /// By their whole names: comparing paths part by part takes longer.
    entered: FxHashMap<&'a OsStr, bool>,
}

impl<'a> Folders<'a> {
    fn enters_above(&mut self, path: &'a Path) -> bool {
        path.parent().is_none_or(|folder| self.enters(folder))
    }

    fn enters(&mut self, folder: &'a Path) -> bool {
        if folder.as_os_str() == self.root.as_os_str() {
            return true;
        }
        if let Some(known) = self.entered.get(folder.as_os_str()) {
            return *known;
        }
        let entered = self.enters_above(folder) && self.enters_itself(folder);
        self.entered.insert(folder.as_os_str(), entered);
        entered
    }

    fn enters_itself(&self, folder: &Path) -> bool {
        let Some(name) = folder.file_name().and_then(|name| name.to_str()) else { return true };
        if SKIPPED.contains(&name) || self.generated.iter().any(|generated| generated == folder) {
            return false;
        }
        // `build` and `out` are output beside a package.json, and may be anything elsewhere.
        let output = matches!(name, "build" | "out");
        !(output && folder.parent().is_some_and(|parent| parent.join("package.json").is_file()))
    }
}

impl CodeFile {
    /// As far as its size and time tell.
    pub(super) fn is_unchanged(&self) -> bool {
        let now = std::fs::symlink_metadata(&self.absolute);
        now.is_ok_and(|now| now.len() == self.bytes && modified(&now) == self.modified)
    }
}

fn look(root: &Path, path: &Path) -> Result<CodeFile, String> {
    let metadata = std::fs::symlink_metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(CodeFile {
        path: relative(root, path),
        absolute: path.to_path_buf(),
        bytes: metadata.len(),
        modified: modified(&metadata),
    })
}

/// Nanoseconds since 1970; 0 where the system does not say.
fn modified(of: &std::fs::Metadata) -> u64 {
    let since = of.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_since_is_told_from_what_did_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ts");
        std::fs::write(&path, "export const a = 1\n").unwrap();
        let file = look(folder.path(), &path).unwrap();
        assert!(file.is_unchanged());
        std::fs::write(&path, "export const a = 10\n").unwrap();
        assert!(!file.is_unchanged(), "longer");
        std::fs::remove_file(&path).unwrap();
        assert!(!file.is_unchanged(), "gone");
    }
}
