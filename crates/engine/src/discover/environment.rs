//! `.env` files: where connection URLs are written. Values are read for their URLs alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pgsteward_model::project::UrlOrigin;

use crate::git::Git;

#[derive(Debug, Clone)]
pub struct EnvironmentFile {
    pub path: PathBuf,
    pub origin: UrlOrigin,
}

/// `.env*` files of each project's folder and of the root.
pub(super) fn find(folders: &[PathBuf], root: &Path) -> Vec<Vec<EnvironmentFile>> {
    let of_root = below(root);
    let found: Vec<Vec<PathBuf>> = folders
        .iter()
        .map(|folder| {
            let mut files =
                [of_root.clone(), if folder == root { Vec::new() } else { below(folder) }].concat();
            files.sort();
            files
        })
        .collect();
    let all: BTreeSet<&Path> = found.iter().flatten().map(PathBuf::as_path).collect();
    let git = if all.is_empty() { None } else { Git::of(root) };
    let tracked = git.map(|git| git.tracked(&all)).unwrap_or_default();
    let file = |path: &PathBuf| EnvironmentFile { path: path.clone(), origin: origin(path, &tracked) };
    found.iter().map(|files| files.iter().map(file).collect()).collect()
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".env"));
    // A link could lead to a file that is none of this repository's.
    named.map(|entry| entry.path()).filter(|path| path.is_file() && !path.is_symlink()).collect()
}

fn origin(path: &Path, tracked: &BTreeSet<PathBuf>) -> UrlOrigin {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let example =
        ["example", "sample", "template", "dist", "defaults"].iter().any(|word| name.contains(word));
    let is_tracked = path.canonicalize().is_ok_and(|path| tracked.contains(&path));
    match (example, is_tracked) {
        (true, _) => UrlOrigin::ExampleEnvironment,
        (false, true) => UrlOrigin::CommittedEnvironment,
        (false, false) => UrlOrigin::LocalEnvironment,
    }
}

/// `DATABASE_URL` of the `.env` file in a folder.
pub fn database_url(folder: &Path) -> Option<String> {
    let text = super::read_text(&folder.join(".env")).ok()?;
    let found = variables(&text).into_iter().find(|(name, _, _)| name == "DATABASE_URL")?;
    Some(found.1).filter(|value| !value.is_empty())
}

/// The variables of a `.env` file with the byte offset of each value. Quotes are taken off; comments and
/// lines without `=` are passed over.
pub fn variables(text: &str) -> Vec<(String, String, usize)> {
    let mut found = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let trimmed = line.trim_start();
        if trimmed.starts_with('#') {
            continue;
        }
        let Some((name, value)) = trimmed.split_once('=') else { continue };
        let name = name.trim().trim_start_matches("export ").trim();
        let value_start = start + (line.len() - trimmed.len()) + trimmed.find('=').unwrap_or(0) + 1;
        let lead = value.len() - value.trim_start().len();
        let value = value.trim();
        let (value, quote) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => (value[1..].split(quote).next().unwrap_or(""), 1),
            _ => (value.split(" #").next().unwrap_or(value).trim_end(), 0),
        };
        found.push((name.to_owned(), value.to_owned(), value_start + lead + quote));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::variables;

    #[test]
    fn values_with_their_offsets() {
        let text = "# no\nexport A=\"x y\" # c\nB = z # d\nbroken\n";
        let found = variables(text);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].0.as_str(), found[0].1.as_str()), ("A", "x y"));
        assert_eq!(&text[found[0].2..found[0].2 + 3], "x y");
        assert_eq!((found[1].0.as_str(), found[1].1.as_str()), ("B", "z"));
        assert_eq!(&text[found[1].2..=found[1].2], "z");
    }
}
