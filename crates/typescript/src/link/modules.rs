//! What a module specifier stands for: another file of the repository, a generated client, or a package of others.

use std::cell::RefCell;
use std::sync::Arc;

use super::frontend::FRONTEND;
use super::world::{Package, PathAliases, World};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Module {
    /// Index of the unit.
    Unit(usize),
    /// A generated client; of which project, where that is sure.
    Client(Option<usize>),
    /// A package that is not in the repository.
    Foreign,
    /// A file that is not there: generated, left out, an alias that no configuration names.
    Unknown,
}

type Specifiers = HashMap<Box<str>, Module>;

/// Patterns and what they stand for.
type Patterns<'a> = Vec<(&'a str, &'a [String])>;

/// What the imports of some files stand for, looked up once for whoever asks: packages and aliases are the same whatever is
/// known of the files' texts.
pub struct Modules<'a> {
    world: &'a World,
    files: HashMap<&'a str, usize>,
    /// Files without their extension, and folders with an index.
    stems: HashSet<&'a str>,
    /// The deepest folder first, the longest pattern of each first.
    aliases: Vec<(&'a PathAliases, Patterns<'a>)>,
    packages: HashMap<&'a str, &'a Package>,
    package_folders: HashMap<&'a str, &'a Package>,
    /// By folder and specifier.
    known: RefCell<HashMap<Box<str>, Specifiers>>,
}

const EXTENSIONS: [&str; 9] = [".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".d.ts"];

impl<'a> Modules<'a> {
    /// `files`: those of the units that will be asked about, in their order.
    pub fn new(paths: &'a [Arc<str>], world: &'a World) -> Modules<'a> {
        let files = paths.iter().enumerate().map(|(index, path)| (&**path, index)).collect();
        let named = world.packages.iter().filter(|package| !package.name.is_empty());
        let packages = named.map(|package| (package.name.as_str(), package)).collect();
        let package_folders =
            world.packages.iter().map(|package| (package.folder.as_str(), package)).collect();
        let mut stems = HashSet::default();
        for path in paths {
            for stem in EXTENSIONS.iter().filter_map(|extension| path.strip_suffix(extension)) {
                stems.insert(stem);
                match stem.strip_suffix("index") {
                    Some("") => {
                        stems.insert("");
                    }
                    Some(folder) => stems.extend(folder.strip_suffix('/')),
                    None => {}
                }
            }
        }
        let mut aliases: Vec<(&PathAliases, Patterns<'_>)> = (world.aliases.iter())
            .map(|aliases| {
                let paths =
                    aliases.paths.iter().map(|(pattern, targets)| (pattern.as_str(), targets.as_slice()));
                let mut paths: Patterns<'_> = paths.collect();
                paths.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.len()));
                (aliases, paths)
            })
            .collect();
        aliases.sort_by_key(|(aliases, _)| std::cmp::Reverse(aliases.folder.len()));
        Modules { world, files, stems, aliases, packages, package_folders, known: RefCell::default() }
    }

    /// What `specifier` means in a file.
    pub(super) fn resolve(&self, file: &str, specifier: &str) -> Module {
        let folder = folder_of(file);
        if let Some(known) = self.known.borrow().get(folder).and_then(|known| known.get(specifier)) {
            return *known;
        }
        let found = self.look_up(folder, specifier);
        let mut known = self.known.borrow_mut();
        match known.get_mut(folder) {
            Some(known) => known.insert(specifier.into(), found),
            None => known.entry(folder.into()).or_default().insert(specifier.into(), found),
        };
        found
    }

    fn look_up(&self, folder: &str, specifier: &str) -> Module {
        if let Some(client) = self.client_module(specifier) {
            return client;
        }
        let mut candidates = Vec::new();
        if specifier == "." || specifier.starts_with("./") || specifier.starts_with("..") {
            candidates.push(join(folder, specifier));
        } else {
            self.aliased(folder, specifier, &mut candidates);
            self.packaged(folder, specifier, &mut candidates);
        }
        for path in &candidates {
            if let Some(project) = self.generated(path) {
                return Module::Client(Some(project));
            }
            if let Some(unit) = self.file(path) {
                return Module::Unit(unit);
            }
        }
        let ours = specifier.starts_with(['.', '/', '#', '~', '$']) || specifier.starts_with("@/");
        if ours || !candidates.is_empty() { Module::Unknown } else { Module::Foreign }
    }

    /// A package that `prisma generate` writes.
    fn client_module(&self, specifier: &str) -> Option<Module> {
        let of = |base: &str| {
            self.world.projects.iter().position(|project| project.modules.iter().any(|name| name == base))
        };
        let mut base = specifier;
        loop {
            if let Some(first) = of(base) {
                let rest = &self.world.projects[first + 1..];
                let shared = rest.iter().any(|project| project.modules.iter().any(|name| name == base));
                return Some(Module::Client((!shared).then_some(first)));
            }
            match base.rsplit_once('/') {
                Some((shorter, _)) if !shorter.is_empty() && !shorter.ends_with('.') => base = shorter,
                _ => break,
            }
        }
        FRONTEND.is_default_module(specifier).then_some(Module::Client(None))
    }

    /// The project whose client is generated into this place.
    fn generated(&self, path: &str) -> Option<usize> {
        self.world.projects.iter().position(|project| {
            project.outputs.iter().any(|output| {
                path.strip_prefix(output.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
            })
        })
    }

    /// Path aliases of the nearest tsconfig.json that has any, and `baseUrl`.
    fn aliased(&self, folder: &str, specifier: &str, candidates: &mut Vec<String>) {
        for (aliases, paths) in self.aliases.iter().filter(|(aliases, _)| is_below(folder, &aliases.folder)) {
            for (pattern, targets) in paths {
                let Some(rest) = star(pattern, specifier) else { continue };
                candidates.extend(targets.iter().map(|target| join("", &target.replacen('*', rest, 1))));
            }
            if let Some(base) = &aliases.base_url {
                let path = join(base, specifier);
                if self.file(&path).is_some() || self.generated(&path).is_some() {
                    candidates.push(path);
                }
            }
        }
        // SvelteKit's alias is generated, not written.
        if let Some(rest) = specifier.strip_prefix("$lib/")
            && let Some(package) = self.package_around(folder)
        {
            candidates.push(join(&package.folder, &format!("src/lib/{rest}")));
        }
    }

    /// The package that a folder belongs to: that of the deepest package.json above it.
    pub(super) fn package_around(&self, folder: &str) -> Option<&'a Package> {
        let mut above = folder;
        loop {
            if let Some(package) = self.package_folders.get(above) {
                return Some(package);
            }
            if above.is_empty() {
                return None;
            }
            above = folder_of(above);
        }
    }

    /// A package of this repository, by its name and `exports`, or the package's own `imports`.
    fn packaged(&self, folder: &str, specifier: &str, candidates: &mut Vec<String>) {
        if specifier.starts_with('#') {
            let own = self.package_around(folder);
            for (pattern, targets) in own.iter().flat_map(|package| &package.imports) {
                if let Some(rest) = star(pattern, specifier) {
                    targets.iter().for_each(|target| sources_of(&target.replacen('*', rest, 1), candidates));
                }
            }
            return;
        }
        let parts = if specifier.starts_with('@') { 2 } else { 1 };
        let end = specifier.match_indices('/').nth(parts - 1).map_or(specifier.len(), |(at, _)| at);
        let Some(package) = self.packages.get(&specifier[..end]) else { return };
        let below = specifier[end..].trim_start_matches('/');
        let entry = if below.is_empty() { ".".to_owned() } else { format!("./{below}") };
        for (pattern, targets) in &package.exports {
            if let Some(rest) = star(pattern, &entry) {
                targets.iter().for_each(|target| sources_of(&target.replacen('*', rest, 1), candidates));
            }
        }
        if below.is_empty() {
            package.entries.iter().for_each(|entry| sources_of(entry, candidates));
            candidates.extend(
                ["src/index", "index", "src/main", "lib/index"].map(|name| join(&package.folder, name)),
            );
        } else {
            candidates.push(join(&package.folder, below));
            candidates.push(join(&package.folder, &format!("src/{below}")));
            sources_of(&join(&package.folder, below), candidates);
        }
    }

    /// The unit at a path, with or without its extension, or the index of a folder.
    fn file(&self, path: &str) -> Option<usize> {
        let at = |path: &str| self.files.get(path).copied();
        if let Some(found) = at(path).filter(|_| path.contains('.')) {
            return Some(found);
        }
        // TypeScript names the files that will be there when it is done.
        for (output, sources) in [
            (".js", &[".ts", ".tsx"][..]),
            (".jsx", &[".tsx"]),
            (".mjs", &[".mts"]),
            (".cjs", &[".cts"]),
            (".d.ts", &[".ts", ".tsx"]),
        ] {
            if let Some(stem) = path.strip_suffix(output)
                && self.stems.contains(stem)
                && let Some(found) = sources.iter().find_map(|source| at(&format!("{stem}{source}")))
            {
                return Some(found);
            }
        }
        if !self.stems.contains(path) {
            return None;
        }
        let with = |extension: &&str| at(&format!("{path}{extension}"));
        let index = |extension: &&str| {
            at(&if path.is_empty() {
                format!("index{extension}")
            } else {
                format!("{path}/index{extension}")
            })
        };
        EXTENSIONS.iter().find_map(with).or_else(|| EXTENSIONS.iter().find_map(index))
    }
}

/// An entry of a package, and the source that its output is made of.
fn sources_of(target: &str, candidates: &mut Vec<String>) {
    const OUTPUTS: [&str; 6] = ["dist", "build", "lib", "out", "cjs", "esm"];
    let has_output = target.split('/').any(|part| OUTPUTS.contains(&part));
    for output in OUTPUTS.iter().filter(|_| has_output) {
        for (from, to) in [
            (format!("/{output}/src/"), "/src/"),
            (format!("/{output}/"), "/src/"),
            (format!("/{output}/"), "/"),
        ] {
            if target.contains(&from) {
                candidates.push(target.replacen(&from, to, 1));
            }
        }
    }
    candidates.push(target.to_owned());
}

/// What the star of a pattern stands for; nothing where the pattern does not match.
fn star<'s>(pattern: &str, text: &'s str) -> Option<&'s str> {
    match pattern.split_once('*') {
        None => (pattern == text).then_some(""),
        Some((before, after)) => {
            let rest = text.strip_prefix(before)?;
            rest.strip_suffix(after)
        }
    }
}

pub(super) fn folder_of(file: &str) -> &str {
    memchr::memrchr(b'/', file.as_bytes()).map_or("", |at| &file[..at])
}

/// Whether a folder is another or lies below it.
pub(super) fn is_below(folder: &str, above: &str) -> bool {
    above.is_empty()
        || folder.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn join(folder: &str, path: &str) -> String {
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
