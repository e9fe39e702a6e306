//! The files of a folder that may hold code, and the configuration that says how they import each other. Nothing is
//! read here but names, sizes and times; links are not followed.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::UNIX_EPOCH;

use ignore::{DirEntry, WalkBuilder, WalkState};

/// Files larger than this are bundles or data: nobody wrote them.
pub(super) const MAX_CODE_BYTES: u64 = 2 * 1024 * 1024;

/// Extensions that are read. `.d.ts` files declare and call nothing, but name what globals are.
const EXTENSIONS: [&str; 8] = ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs"];

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

enum Seen {
    Code(CodeFile),
    Package(PathBuf),
    Config(PathBuf),
    Link(String),
    Unreadable(String),
}

/// `generated`: absolute folders that clients are generated into.
pub(super) fn walk(root: &Path, generated: &[PathBuf]) -> Walked {
    let generated = generated.to_vec();
    let walker = WalkBuilder::new(root)
        .follow_links(false)
        .require_git(false)
        .max_depth(Some(24))
        .filter_entry(move |entry| enters(entry, &generated))
        .build_parallel();
    let (send, receive) = mpsc::channel();
    walker.run(|| {
        let send = send.clone();
        Box::new(move |entry| {
            // The receiver outlives all senders; a failed send means the walk is over.
            let sent = see(root, entry).map_or(Ok(()), |seen| send.send(seen));
            if sent.is_ok() { WalkState::Continue } else { WalkState::Quit }
        })
    });
    drop(send);
    let mut walked = Walked::default();
    for seen in receive {
        match seen {
            Seen::Code(file) => walked.code.push(file),
            Seen::Package(path) => walked.packages.push(path),
            Seen::Config(path) => walked.configs.push(path),
            Seen::Link(path) => walked.links.push(path),
            Seen::Unreadable(error) => walked.unreadable.push(error),
        }
    }
    walked.code.sort_by(|a, b| a.path.cmp(&b.path));
    walked.packages.sort();
    walked.configs.sort();
    walked.links.sort();
    walked.unreadable.sort();
    walked
}

fn enters(entry: &DirEntry, generated: &[PathBuf]) -> bool {
    if entry.depth() == 0 || !entry.file_type().is_some_and(|kind| kind.is_dir()) {
        return true;
    }
    let Some(name) = entry.file_name().to_str() else { return true };
    if SKIPPED.contains(&name) || generated.iter().any(|folder| folder == entry.path()) {
        return false;
    }
    // `build` and `out` are output beside a package.json, and may be anything elsewhere.
    let output = matches!(name, "build" | "out");
    !(output && entry.path().parent().is_some_and(|parent| parent.join("package.json").is_file()))
}

fn see(root: &Path, entry: Result<DirEntry, ignore::Error>) -> Option<Seen> {
    let entry = match entry {
        Ok(entry) => entry,
        Err(error) => return Some(Seen::Unreadable(error.to_string())),
    };
    let path = entry.path();
    let name = path.file_name()?.to_str()?;
    let code = path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| {
        EXTENSIONS.contains(&extension) && !name.ends_with(".min.js") && !name.ends_with(".d.cts")
    });
    if entry.path_is_symlink() {
        // What a link within the folder leads to is read where it is.
        let out =
            path.canonicalize().is_ok_and(|target| !target.starts_with(root) && (code || target.is_dir()));
        return out.then(|| Seen::Link(crate::discover::relative(root, path)));
    }
    if !entry.file_type()?.is_file() {
        return None;
    }
    if name == "package.json" {
        return Some(Seen::Package(path.to_path_buf()));
    }
    if name.ends_with(".json") && (name.starts_with("tsconfig") || name == "jsconfig.json") {
        return Some(Seen::Config(path.to_path_buf()));
    }
    if !code {
        return None;
    }
    let metadata = match entry.metadata() {
        Ok(metadata) => metadata,
        Err(error) => return Some(Seen::Unreadable(error.to_string())),
    };
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Some(Seen::Code(CodeFile {
        path: crate::discover::relative(root, path),
        absolute: path.to_path_buf(),
        bytes: metadata.len(),
        modified: modified.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0)),
    }))
}
