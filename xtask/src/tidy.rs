//! Rules about the repository itself that no compiler checks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand};

/// What each crate may depend on, inside the workspace. ARCHITECTURE.md shows the same table.
const MAY_DEPEND: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("sql", &["model"]),
    ("prisma", &["model", "sql"]),
    ("typescript", &["model"]),
    ("pg", &["model"]),
    ("rules", &["model", "sql"]),
    ("lab", &["model", "pg", "sql"]),
    ("report", &["model"]),
    ("engine", &["model", "sql", "prisma", "typescript", "pg", "rules", "lab"]),
    ("cli", &["engine", "report", "model"]),
    ("testkit", &["model", "sql", "prisma", "pg", "rules", "lab", "report", "engine"]),
    ("xtask", &[]),
];

/// A file longer than this asks a question about its design.
const MOST_LINES: usize = 600;

pub(crate) fn run(root: &Path) -> Result<()> {
    let mut wrong = Vec::new();
    dependencies(root, &mut wrong)?;
    rules(root, &mut wrong)?;
    sources(root, &mut wrong)?;
    if wrong.is_empty() {
        crate::write_line("tidy: everything is in its place");
        return Ok(());
    }
    bail!("{} things are out of place:\n  {}", wrong.len(), wrong.join("\n  "))
}

/// The crates depend on what the table allows, and ARCHITECTURE.md says the same.
fn dependencies(root: &Path, wrong: &mut Vec<String>) -> Result<()> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("run cargo metadata")?;
    let short = |name: &str| match name {
        "pgsteward" => "cli".to_owned(),
        other => other.trim_start_matches("pgsteward-").to_owned(),
    };
    let architecture = read(&root.join("ARCHITECTURE.md"))?;
    let mut seen = BTreeSet::new();
    for package in &metadata.packages {
        let name = short(&package.name);
        let Some((_, allowed)) = MAY_DEPEND.iter().find(|(known, _)| *known == name) else {
            wrong.push(format!("crate `{name}` is not in the dependency table of xtask/src/tidy.rs"));
            continue;
        };
        seen.insert(name.clone());
        for dependency in &package.dependencies {
            let inside = dependency.path.is_some() && dependency.kind == DependencyKind::Normal;
            let target = short(&dependency.name);
            if inside && !allowed.contains(&target.as_str()) {
                wrong.push(format!("crate `{name}` may not depend on `{target}`"));
            }
        }
        let row = format!(
            "| {name} | {} |",
            if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") }
        );
        if name != "xtask" && !architecture.contains(&row) {
            wrong.push(format!("ARCHITECTURE.md lacks the row `{row}`"));
        }
    }
    for (name, _) in MAY_DEPEND {
        if !seen.contains(*name) {
            wrong.push(format!("the dependency table names `{name}`, which is no crate"));
        }
    }
    Ok(())
}

/// Every rule has its page and its two lines in `mod.rs`; every page its rule; docs/rules.md names all.
fn rules(root: &Path, wrong: &mut Vec<String>) -> Result<()> {
    let folder = root.join("crates/rules/src");
    for group in std::fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
        let group = group?.path();
        if !group.is_dir() {
            continue;
        }
        let list = read(&group.join("mod.rs"))?;
        let mut stems: BTreeMap<String, (bool, bool)> = BTreeMap::new();
        for file in std::fs::read_dir(&group)? {
            let path = file?.path();
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("rs") if read(&path)?.contains("static RULE: Rule") => {
                    stems.entry(stem).or_default().0 = true;
                }
                Some("md") => stems.entry(stem).or_default().1 = true,
                _ => {}
            }
        }
        for (stem, (code, page)) in stems {
            let place = format!("{}/{stem}", group.strip_prefix(root).unwrap_or(&group).display());
            match (code, page) {
                (true, false) => wrong.push(format!("{place}.rs has no page")),
                (false, true) => wrong.push(format!("{place}.md has no rule")),
                _ => {}
            }
            if code && !list.contains(&format!("&{stem}::RULE")) {
                wrong.push(format!("{place}: the rule is not in RULES of its group"));
            }
        }
    }
    Ok(())
}

/// No file grows without end, none hides a test or a warning, none carries a machine's path.
fn sources(root: &Path, wrong: &mut Vec<String>) -> Result<()> {
    let mut folders = vec![root.join("crates"), root.join("xtask/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().and_then(|extension| extension.to_str()) != Some("rs") {
                continue;
            }
            let place = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let text = read(&path)?;
            let lines = text.lines().count();
            if lines > MOST_LINES {
                wrong.push(format!("{place} has {lines} lines, more than {MOST_LINES}"));
            }
            if !text.starts_with("//!") {
                wrong.push(format!(
                    "{place} does not begin with `//!`: what it is for and what it refuses to know"
                ));
            }
            for (what, why) in FORBIDDEN {
                // The table below names what it forbids.
                if text.contains(what) && !place.ends_with("tidy.rs") {
                    wrong.push(format!("{place} contains `{what}`: {why}"));
                }
            }
        }
    }
    Ok(())
}

const FORBIDDEN: &[(&str, &str)] = &[
    ("#[ignore", "a test that cannot run says why, and the run shows the count"),
    ("todo!(", "what is not done is absent"),
    ("unimplemented!(", "what is not done is absent"),
    ("#[allow(", "use #[expect(…, reason = \"…\")]"),
];

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}
