//! The example application, file by file: every call is seen, with the function that it stands in.

#![expect(clippy::unwrap_used, reason = "a test stops where its input is missing")]

use std::path::{Path, PathBuf};

use pgsteward_typescript::{Unit, scan};

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            sources(&entry, out);
        } else if entry.extension().is_some_and(|end| end == "ts") {
            out.push(entry);
        }
    }
}

fn units() -> Vec<(Unit, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/marketplace");
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    files
        .into_iter()
        .map(|file| {
            let text = std::fs::read_to_string(&file).unwrap();
            let path = file.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
            (scan(&path, &text), text)
        })
        .collect()
}

#[test]
fn every_call_of_a_model_is_seen() {
    let mut missed = Vec::new();
    for (unit, text) in units() {
        let written = text
            .match_indices("prisma.")
            .chain(text.match_indices("tx."))
            .chain(text.match_indices("client."))
            .filter(|(at, root)| {
                let rest = &text[at + root.len()..];
                let path: String =
                    rest.chars().take_while(|one| one.is_alphanumeric() || *one == '.').collect();
                rest[path.len()..].starts_with('(') && path.split('.').count() == 2
            })
            .count();
        if unit.calls.len() != written {
            missed.push((unit.file.to_string(), unit.calls.len(), written));
        }
    }
    assert_eq!(missed, []);
}

#[test]
fn functions_have_the_names_of_the_readme() {
    let mut lines = Vec::new();
    for (unit, _) in units() {
        for call in &unit.calls {
            let function = &unit.functions[call.site.function];
            lines.push(format!(
                "{} {} [{:?}] {}.{} loops={} tx={:?} tries={} guards={} {:?}",
                unit.file,
                function.name,
                function.role,
                call.model.as_deref().unwrap_or("?"),
                call.shape,
                call.site.loops.len(),
                call.site.transaction,
                call.site.tries.len(),
                call.site.guards.len(),
                call.site.awaited,
            ));
        }
    }
    if std::env::var_os("SHOW").is_some() {
        for line in &lines {
            eprintln!("{line}");
        }
    }
    for name in ["numberedPage", "mergeCarts", "POST /carriers", "GET /orders", "disableFailing"] {
        assert!(lines.iter().any(|line| line.contains(&format!(" {name} ["))), "{name} has no call");
    }
}
