//! Real migration histories: every file is read without a syntax error, and the pure replay of a history
//! ends with the objects that a PostgreSQL server had after the same files.

use std::path::{Path, PathBuf};

use pgsteward_model::statement::Statement;
use pgsteward_sql::parse;

/// The corpus is not part of the repository. Where it is absent there is nothing to compare with.
fn corpus() -> Option<PathBuf> {
    let path = std::env::var_os("PGSTEWARD_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"), PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("the corpus is not at {}: set PGSTEWARD_CORPUS to test against it", path.display());
    None
}

const PROJECTS: [&str; 6] =
    ["amplication", "hoppscotch", "langfuse", "saas-starter-kit", "trigger.dev", "umami"];

/// Names and texts of a project's migrations, in the order they are applied.
fn migrations(corpus: &Path, project: &str) -> Vec<(String, String)> {
    let folder = corpus.join(project).join("prisma/migrations");
    let mut files: Vec<(String, String)> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("migration.sql"))
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_file_is_read_without_an_error() {
    let Some(corpus) = corpus() else { return };
    let (mut files, mut other) = (0, std::collections::BTreeMap::new());
    for project in PROJECTS {
        for (name, text) in migrations(&corpus, project) {
            files += 1;
            let file = parse(&text);
            assert_eq!(file.errors, [], "{project} {name}");
            for statement in &file.statements {
                if let Statement::Other { keyword } = &statement.statement {
                    *other.entry(keyword.clone()).or_insert(0) += 1;
                }
            }
        }
    }
    assert_eq!(files, 1_440);
    let expected = std::collections::BTreeMap::from([("SET TRANSACTION".to_owned(), 1)]);
    assert_eq!(other, expected, "statements that are not modelled");
}
