//! The engine without the command line: what is found, what is judged, what a plan writes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test ends where its helpers fail, and says why it did not run"
)]

mod discover;
mod judge;
mod plan;
mod pull;
mod questions;
mod renames;
mod rollback;

use std::path::Path;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        write(folder.path(), path, text);
    }
    folder
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
