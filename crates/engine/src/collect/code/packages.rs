//! package.json and tsconfig.json as far as they say what an import stands for. Read as data; nothing is run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pgsteward_typescript::{Package, PathAliases};
use serde_json::Value;

use crate::discover::{read_text, relative};

/// How deep `extends` of tsconfig files is followed.
const MAX_EXTENDS: usize = 8;

/// All packages with a name. A file that is no JSON is left out: without its name nothing can import it.
pub(super) fn packages(root: &Path, files: &[PathBuf]) -> Vec<Package> {
    files.iter().filter_map(|file| package(root, file)).collect()
}

fn package(root: &Path, file: &Path) -> Option<Package> {
    let json: Value = serde_json::from_str(&read_text(file).ok()?).ok()?;
    let folder = relative(root, file.parent()?);
    let entries = ["source", "types", "typings", "module", "main"]
        .iter()
        .filter_map(|key| json[*key].as_str())
        .map(|path| join(&folder, path))
        .collect();
    let dependencies = ["dependencies", "devDependencies", "peerDependencies"]
        .iter()
        .flat_map(|key| json[*key].as_object().into_iter().flatten())
        .map(|(name, _)| name.clone())
        .collect();
    Some(Package {
        name: json["name"].as_str().unwrap_or("").to_owned(),
        exports: entry_map(&json["exports"], &folder),
        imports: entry_map(&json["imports"], &folder),
        entries,
        dependencies,
        folder,
    })
}

/// `exports` and `imports`: a path alone, conditions alone, or a map of names to either.
fn entry_map(value: &Value, folder: &str) -> Vec<(String, Vec<String>)> {
    let named = value.as_object().filter(|map| map.keys().all(|key| key.starts_with(['.', '#'])));
    let targets = |value: &Value| {
        let mut found = Vec::new();
        targets_of(value, &mut found, 0);
        found.into_iter().map(|target| join(folder, &target)).collect::<Vec<_>>()
    };
    match named {
        Some(map) => map.iter().map(|(name, value)| (name.clone(), targets(value))).collect(),
        None if value.is_null() => Vec::new(),
        None => vec![(".".into(), targets(value))],
    }
}

fn targets_of(value: &Value, found: &mut Vec<String>, depth: usize) {
    match value {
        Value::String(path) => found.push(path.clone()),
        Value::Array(items) if depth < 8 => items.iter().for_each(|item| targets_of(item, found, depth + 1)),
        Value::Object(map) if depth < 8 => {
            map.values().for_each(|value| targets_of(value, found, depth + 1));
        }
        _ => {}
    }
}

/// The path aliases of each folder that has a tsconfig.json, with what it extends.
pub(super) fn aliases(root: &Path, files: &[PathBuf], packages: &[Package]) -> Vec<PathAliases> {
    let configs: BTreeMap<String, Value> = files
        .iter()
        .filter_map(|file| {
            let text = read_text(file).ok()?;
            Some((relative(root, file), serde_json::from_str(&without_comments(&text)).ok()?))
        })
        .collect();
    let mut found: Vec<PathAliases> = Vec::new();
    for path in configs.keys() {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let aliases = PathAliases { folder: folder.to_owned(), ..resolved(path, &configs, packages, 0) };
        if aliases.base_url.is_none() && aliases.paths.is_empty() {
            continue;
        }
        // Besides tsconfig.json a folder may have tsconfig.app.json and the like, whose paths count as well.
        match found.iter_mut().find(|known| known.folder == folder) {
            Some(known) if name == "tsconfig.json" => *known = aliases,
            Some(known) => {
                known.base_url = known.base_url.take().or(aliases.base_url);
                let paths = aliases.paths.into_iter().filter(|(pattern, _)| {
                    !known.paths.iter().any(|(known_pattern, _)| known_pattern == pattern)
                });
                let paths: Vec<_> = paths.collect();
                known.paths.extend(paths);
            }
            None => found.push(aliases),
        }
    }
    found
}

fn resolved(
    path: &str,
    configs: &BTreeMap<String, Value>,
    packages: &[Package],
    depth: usize,
) -> PathAliases {
    let mut aliases = PathAliases::default();
    let Some(config) = configs.get(path).filter(|_| depth < MAX_EXTENDS) else { return aliases };
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let bases: Vec<&str> = match &config["extends"] {
        Value::String(base) => vec![base],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    for base in bases {
        if let Some(base) = extended(folder, base, configs, packages) {
            let inherited = resolved(&base, configs, packages, depth + 1);
            aliases.base_url = inherited.base_url.or(aliases.base_url);
            if !inherited.paths.is_empty() {
                aliases.paths = inherited.paths;
            }
        }
    }
    let options = &config["compilerOptions"];
    if let Some(base) = options["baseUrl"].as_str() {
        aliases.base_url = Some(join(folder, base));
    }
    if let Some(paths) = options["paths"].as_object() {
        let base = aliases.base_url.clone().unwrap_or_else(|| folder.to_owned());
        aliases.paths = paths
            .iter()
            .map(|(pattern, targets)| {
                let targets = targets.as_array().into_iter().flatten().filter_map(Value::as_str);
                (pattern.clone(), targets.map(|target| join(&base, target)).collect())
            })
            .collect();
    }
    aliases
}

/// The file that `extends` names: relative, or in a package of the repository.
fn extended(
    folder: &str,
    base: &str,
    configs: &BTreeMap<String, Value>,
    packages: &[Package],
) -> Option<String> {
    let start = if base.starts_with('.') {
        join(folder, base)
    } else {
        let package = packages
            .iter()
            .filter(|package| !package.name.is_empty())
            .find(|package| base == package.name || base.starts_with(&format!("{}/", package.name)))?;
        join(&package.folder, base[package.name.len()..].trim_start_matches('/'))
    };
    [start.clone(), format!("{start}.json"), join(&start, "tsconfig.json")]
        .into_iter()
        .find(|path| configs.contains_key(path))
}

/// A path below a folder with its `.` and `..` taken out. What leads out of the root begins with `..`.
pub(super) fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

/// JSON without `//` and `/* */` comments and commas before closing brackets, as TypeScript reads it.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = if first == '"' {
            let end = string_end(rest);
            out.push_str(&rest[..end]);
            end
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |at| at + 2)
        } else {
            if matches!(first, ']' | '}') && out.trim_end().ends_with(',') {
                out.truncate(out.trim_end().len() - 1);
            }
            out.push(first);
            first.len_utf8()
        };
        rest = &rest[taken..];
    }
    out
}

/// Where the string that a text begins with ends, its quotes included.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_and_made_plain() {
        assert_eq!(join("apps/web", "../../packages/db/./src"), "packages/db/src");
        assert_eq!(join("", "../x"), "../x");
        assert_eq!(join("a", "/b/"), "a/b");
    }

    #[test]
    fn comments_and_last_commas_are_no_json() {
        let text = "{ // a\n \"p\": [\"@/*\", \"a // b\", ], /* c */ \"q\": \"x\\\"/*\", }";
        let json: Value = serde_json::from_str(&without_comments(text)).unwrap();
        assert_eq!(json["p"][1], "a // b");
        assert_eq!(json["q"], "x\"/*");
        assert!(serde_json::from_str::<Value>(&without_comments("{ /* open")).is_err());
    }

    #[test]
    fn aliases_are_inherited_through_packages() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        let base = write(
            "packages/config/base.json",
            r##"{ "compilerOptions": { "paths": { "~/*": ["../../shared/*"] } } }"##,
        );
        let package = write(
            "packages/config/package.json",
            r##"{ "name": "@acme/config", "exports": { ".": { "types": "./dist/i.d.ts", "default": "./dist/i.js" }, "./x": "./x.ts" },
                 "imports": { "#a": "./a.ts" }, "main": "dist/i.js" }"##,
        );
        let web = write(
            "apps/web/tsconfig.json",
            r#"{ "extends": "@acme/config/base.json", "compilerOptions": { "baseUrl": "." } }"#,
        );
        let api = write(
            "apps/api/tsconfig.json",
            r##"{ "extends": "../web/tsconfig", "compilerOptions": { "baseUrl": "./src", "paths": { "@/*": ["./*"] } } }"##,
        );
        let packages = packages(folder.path(), &[package]);
        assert_eq!(packages[0].exports[0].1, ["packages/config/dist/i.js", "packages/config/dist/i.d.ts"]);
        assert_eq!(packages[0].exports[1], ("./x".into(), vec!["packages/config/x.ts".into()]));
        assert_eq!(packages[0].imports[0], ("#a".into(), vec!["packages/config/a.ts".into()]));
        let aliases = aliases(folder.path(), &[base, web, api], &packages);
        let of = |folder: &str| aliases.iter().find(|aliases| aliases.folder == folder).unwrap();
        assert_eq!(of("apps/web").paths, [("~/*".to_owned(), vec!["shared/*".to_owned()])]);
        assert_eq!(of("apps/web").base_url.as_deref(), Some("apps/web"));
        assert_eq!(of("apps/api").paths, [("@/*".to_owned(), vec!["apps/api/src/*".to_owned()])]);
    }
}
