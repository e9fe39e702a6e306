//! What package.json and prisma.config.ts say. The configuration is read as text for the few literal
//! values that matter; it is never run, because it is a program out of someone's pull request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::read_text;

#[derive(Default)]
pub(super) struct Package {
    pub(super) prisma_version: Option<(u32, u32)>,
}

/// Which folders hold a repository or a configuration: the same few are asked about for each schema.
#[derive(Default)]
pub(super) struct Surroundings {
    repositories: RefCell<HashMap<PathBuf, bool>>,
    configs: RefCell<HashMap<PathBuf, Option<PathBuf>>>,
}

impl Surroundings {
    /// How far up configuration of packages counts: to the root of the repository.
    pub(super) fn repository_of(&self, folder: &Path) -> PathBuf {
        let holds = |above: &Path| above.join(".git").exists();
        let top = folder.ancestors().find(|above| {
            *self.repositories.borrow_mut().entry(above.to_path_buf()).or_insert_with(|| holds(above))
        });
        top.or_else(|| folder.ancestors().last()).unwrap_or(folder).to_path_buf()
    }

    /// `prisma.config.ts` in the project folder or above it.
    pub(super) fn prisma_config(&self, folder: &Path, root: &Path) -> Option<PathBuf> {
        upwards(folder, root).find_map(|folder| {
            self.configs
                .borrow_mut()
                .entry(folder.to_path_buf())
                .or_insert_with(|| CONFIGS.iter().map(|name| folder.join(name)).find(|path| path.is_file()))
                .clone()
        })
    }

    /// The migrations folder that prisma.config.ts names: `migrations: { path: "…" }`.
    pub(super) fn configured_migrations(&self, schema: &Path, root: &Path) -> Option<PathBuf> {
        let config = self.prisma_config(schema.parent()?, root)?;
        let text = read_text(&config).ok()?;
        let block = text.split_once("migrations")?.1;
        let block = block.trim_start().strip_prefix(':')?.trim_start().strip_prefix('{')?;
        let block = block.split('}').next()?;
        let path = literal_after(block, "path")?;
        Some(config.parent()?.join(path))
    }

    /// Whether a schema takes in the other files of its folder: not where the configuration names this one
    /// file.
    pub(super) fn reads_folder(&self, schema: &Path, root: &Path) -> bool {
        let Some(folder) = schema.parent() else { return true };
        let configured = self
            .prisma_config(folder, root)
            .and_then(|config| {
                let text = read_text(&config).ok()?;
                Some(config.parent()?.join(literal_after(&text, "schema")?))
            })
            .or_else(|| {
                upwards(folder, root).find_map(|folder| {
                    let text = read_text(&folder.join("package.json")).ok()?;
                    let package: serde_json::Value = serde_json::from_str(&text).ok()?;
                    Some(folder.join(package["prisma"]["schema"].as_str()?))
                })
            });
        configured.is_none_or(|path| !path.is_file())
    }
}

const CONFIGS: [&str; 5] =
    ["prisma.config.ts", "prisma.config.mts", "prisma.config.js", "prisma.config.mjs", ".config/prisma.ts"];

/// The version of Prisma in the nearest package.json that names one, from `folder` up to `root`.
pub(super) fn nearest(folder: &Path, root: &Path) -> Package {
    let prisma_version = upwards(folder, root).find_map(|folder| {
        let text = read_text(&folder.join("package.json")).ok()?;
        let package: serde_json::Value = serde_json::from_str(&text).ok()?;
        ["dependencies", "devDependencies", "peerDependencies"]
            .iter()
            .flat_map(|list| ["prisma", "@prisma/client"].map(|name| &package[*list][name]))
            .find_map(|version| parse_version(version.as_str()?))
    });
    Package { prisma_version }
}

/// The string literal of `name: "…"`, or of `name: path.join("a", "b")` with its parts joined.
fn literal_after(text: &str, name: &str) -> Option<String> {
    for (at, _) in text.match_indices(name) {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|character| character.is_alphanumeric() || character == '_') {
            continue;
        }
        let Some(rest) = text[at + name.len()..].trim_start().strip_prefix(':') else { continue };
        let rest = rest.trim_start();
        if let Some(quote) = rest.chars().next().filter(|first| matches!(first, '"' | '\'' | '`')) {
            return rest[1..].split(quote).next().map(str::to_owned);
        }
        let call = rest
            .split_once('(')
            .filter(|(head, _)| head.trim_end().ends_with("join"))
            .and_then(|(_, rest)| rest.split_once(')'));
        if let Some((arguments, _)) = call {
            let parts: Vec<&str> = arguments.split(['"', '\'']).skip(1).step_by(2).collect();
            return (!parts.is_empty()).then(|| parts.join("/"));
        }
    }
    None
}

fn upwards<'a>(folder: &'a Path, root: &'a Path) -> impl Iterator<Item = &'a Path> {
    folder.ancestors().take_while(move |ancestor| ancestor.starts_with(root))
}

/// `^6.19.0`, `~7.4`, `7.x`, `workspace:*` (none).
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let digits = text.trim_start_matches(|first: char| !first.is_ascii_digit());
    let mut parts = digits.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(parse_version("^6.19.3"), Some((6, 19)));
        assert_eq!(parse_version("7.x"), Some((7, 0)));
        assert_eq!(parse_version("workspace:*"), None);
    }

    #[test]
    fn literals_of_a_configuration() {
        let text = "export default defineConfig({ schema: 'db/schema', migrations: { path: path.join(\"db\", \"m\") } })";
        assert_eq!(literal_after(text, "schema").as_deref(), Some("db/schema"));
        assert_eq!(literal_after(text, "path").as_deref(), Some("db/m"));
        assert_eq!(literal_after("schema: process.env.X", "schema"), None);
    }
}
