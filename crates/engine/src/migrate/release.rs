//! Which release of Prisma a project uses: the one that is installed, else the one that its `package.json` asks for. It
//! runs nothing.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The project's own copy of Prisma's command line.
pub(super) struct Installed {
    pub(super) version: String,
    pub(super) major: u32,
    pub(super) program: PathBuf,
}

/// The package `prisma` in the nearest `node_modules`, where it is whole.
pub(super) fn installed(root: &Path) -> Option<Installed> {
    let folder =
        root.ancestors().map(|above| above.join("node_modules/prisma")).find(|folder| folder.is_dir())?;
    let package = package(&folder)?;
    let version = package["version"].as_str()?.to_owned();
    let major = version.split('.').next()?.parse().ok()?;
    let program = folder.join("build/index.js");
    program.is_file().then_some(Installed { version, major, program })
}

/// The major version; none where nothing says so or a word stands for it (`latest`, `workspace:*`).
pub(super) fn major(root: &Path) -> Option<u32> {
    if let Some(installed) = installed(root) {
        return Some(installed.major);
    }
    root.ancestors().filter_map(package).find_map(|package| {
        let kinds = ["devDependencies", "dependencies"].into_iter();
        let asked =
            kinds.flat_map(|kind| ["prisma", "@prisma/client"].map(|name| package[kind][name].as_str()));
        asked.flatten().find_map(first_number)
    })
}

fn package(folder: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(folder.join("package.json")).ok()?).ok()
}

/// The major version of a range: `^6.19.0`, `~7.1`, `>=5`, `7.x`.
fn first_number(range: &str) -> Option<u32> {
    let digits = range.trim_start_matches(['^', '~', '>', '=', 'v', ' ']);
    digits.split('.').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::first_number;

    #[test]
    fn ranges_begin_with_their_major_version() {
        for (range, major) in [
            ("^6.19.0", Some(6)),
            ("~7.1", Some(7)),
            (">= 5", Some(5)),
            ("7.x", Some(7)),
            ("latest", None),
            ("workspace:*", None),
        ] {
            assert_eq!(first_number(range), major, "{range}");
        }
    }
}
