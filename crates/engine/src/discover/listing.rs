//! The names below a folder, looked at once for all who look for some: schemas, migrations, code, packages. Nothing is
//! opened, and links are not followed.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::SystemTime;

use ignore::{DirEntry, Error, WalkBuilder, WalkState};
use serde::{Deserialize, Serialize};

use super::kept;

/// Deeper folders are not looked into.
pub(crate) const DEEPEST: usize = 24;

/// Folders of other people's files and of output, for whoever looks.
pub(crate) const SKIPPED: [&str; 4] = ["node_modules", "target", "dist", ".git"];

/// Extensions that are code. `.d.ts` files declare and call nothing, but name what globals are.
const CODE: [&str; 8] = ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs"];

/// What a file is by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Prisma,
    Sql,
    Code,
    /// `package.json`
    Package,
    /// `tsconfig*.json` and `jsconfig.json`.
    Config,
}

impl Kind {
    /// None for names that nobody looks for.
    pub(crate) fn of(path: &Path) -> Option<Kind> {
        let extension = path.extension()?.to_str();
        match extension {
            Some("prisma") => return Some(Kind::Prisma),
            Some("sql") => return Some(Kind::Sql),
            _ => {}
        }
        let name = path.file_name()?.to_str()?;
        match extension? {
            "json" if name == "package.json" => Some(Kind::Package),
            "json" if name.starts_with("tsconfig") || name == "jsconfig.json" => Some(Kind::Config),
            end if CODE.contains(&end) && !name.ends_with(".min.js") && !name.ends_with(".d.cts") => {
                Some(Kind::Code)
            }
            _ => None,
        }
    }
}

/// What is below a folder, in no order. Paths begin with the folder.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) files: Vec<(Kind, PathBuf)>,
    /// Links, whatever they lead to.
    pub(crate) links: Vec<PathBuf>,
    /// What could not be read, where that is known, and why.
    pub(crate) unreadable: Vec<(PathBuf, String)>,
    /// Those that were looked into.
    pub(super) folders: Vec<PathBuf>,
}

enum Seen {
    Folder(PathBuf),
    File(Kind, PathBuf),
    Link(PathBuf),
    Unreadable(PathBuf, String),
}

impl Listing {
    pub(crate) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Path> {
        self.files.iter().filter(move |(of, _)| *of == kind).map(|(_, path)| path.as_path())
    }

    /// Respects `.gitignore` and its kin, and looks into no hidden folder. Folders in which nothing changed since they
    /// were listed are not listed again.
    pub(crate) fn of(root: &Path) -> Listing {
        let started = SystemTime::now();
        kept::listing_of(root).unwrap_or_else(|| {
            let listing = Listing::anew(root);
            kept::keep(root, &listing, started);
            listing
        })
    }

    pub(super) fn anew(root: &Path) -> Listing {
        let walker = WalkBuilder::new(root)
            .follow_links(false)
            .require_git(false)
            // The user's own rules count from here, wherever the command was given.
            .current_dir(root)
            .max_depth(Some(DEEPEST))
            .filter_entry(|entry| {
                let folder = entry.depth() > 0 && entry.file_type().is_some_and(|kind| kind.is_dir());
                !(folder && entry.file_name().to_str().is_some_and(|name| SKIPPED.contains(&name)))
            })
            .build_parallel();
        let (send, receive) = mpsc::channel();
        walker.run(|| {
            let send = send.clone();
            Box::new(move |entry| {
                // The receiver outlives all senders; a failed send means the walk is over.
                let sent = see(entry).map_or(Ok(()), |seen| send.send(seen));
                if sent.is_ok() { WalkState::Continue } else { WalkState::Quit }
            })
        });
        drop(send);
        let mut listing = Listing::default();
        for seen in receive {
            match seen {
                Seen::Folder(path) => listing.folders.push(path),
                Seen::File(kind, path) => listing.files.push((kind, path)),
                Seen::Link(path) => listing.links.push(path),
                Seen::Unreadable(path, error) => listing.unreadable.push((path, error)),
            }
        }
        listing
    }
}

fn see(entry: Result<DirEntry, Error>) -> Option<Seen> {
    let entry = match entry {
        Ok(entry) => entry,
        Err(error) => return Some(Seen::Unreadable(place(&error).unwrap_or_default(), error.to_string())),
    };
    if entry.path_is_symlink() {
        return Some(Seen::Link(entry.into_path()));
    }
    let file_type = entry.file_type()?;
    if file_type.is_dir() {
        return Some(Seen::Folder(entry.into_path()));
    }
    let kind = Kind::of(entry.path()).filter(|_| file_type.is_file())?;
    Some(Seen::File(kind, entry.into_path()))
}

fn place(error: &Error) -> Option<PathBuf> {
    match error {
        Error::WithPath { path, .. } => Some(path.clone()),
        Error::WithDepth { err, .. } | Error::WithLineNumber { err, .. } => place(err),
        Error::Partial(errors) => errors.iter().find_map(place),
        _ => None,
    }
}
