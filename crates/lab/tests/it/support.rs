//! Labs for tests: by major version, with a message where a version cannot be had on this machine.

use std::path::{Path, PathBuf};

use pgsteward_lab::{Lab, LabOptions};
use pgsteward_model::effect::Effect;
use pgsteward_model::migration::{History, Layout, MigrationFile, MigrationStatement, Regime};
use pgsteward_model::source::{SourceFile, Sources};

/// The versions to test on: 15 and 17, or those of `PGSTEWARD_TEST_MAJORS` ("12,18").
pub(crate) fn majors() -> Vec<u32> {
    match std::env::var("PGSTEWARD_TEST_MAJORS") {
        Ok(list) => list.split(',').map(|major| major.trim().parse().unwrap()).collect(),
        Err(_) => vec![15, 17],
    }
}

/// A lab of exactly this major version, or nothing with a message where it is neither installed nor can be
/// downloaded.
pub(crate) async fn lab(major: u32) -> Option<Lab> {
    lab_with(LabOptions { major: Some(major), ..LabOptions::default() }).await
}

pub(crate) async fn lab_with(options: LabOptions) -> Option<Lab> {
    let major = options.major.expect("tests name a version");
    match Lab::start(&options).await {
        Ok(lab) if lab.version().major() == major => Some(lab),
        Ok(lab) => {
            eprintln!("not tested on PostgreSQL {major}: {}", lab.note().unwrap_or("it cannot be had"));
            None
        }
        Err(error) => panic!("no lab: {error}; {}", error.hint()),
    }
}

/// The corpus of real projects, or nothing with a message where it is absent: it is not part of the repository.
pub(crate) fn corpus() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let folder = std::env::var_os("PGSTEWARD_CORPUS").map_or(default, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("not tested on the corpus: \"{}\" is absent", folder.display());
    None
}

/// A history of files given as name and text, sent as Prisma sends them.
pub(crate) fn history(files: &[(&str, &str)]) -> (History, Sources) {
    let mut sources = Sources::default();
    let files = files
        .iter()
        .map(|(name, text)| {
            let path = format!("migrations/{name}/migration.sql");
            let parsed = pgsteward_sql::parse(text);
            let statement = |one: pgsteward_sql::ParsedStatement| MigrationStatement {
                span: one.span,
                statement: one.statement,
                fingerprint: one.fingerprint,
                effect: Effect::default(),
                own_transaction: false,
                lock_timeout_ms: None,
            };
            let file = MigrationFile {
                name: (*name).to_owned(),
                path: path.as_str().into(),
                down: None,
                judged: true,
                statements: parsed.statements.into_iter().map(statement).collect(),
                errors: parsed.errors,
                checksum: String::new(),
            };
            sources.add(SourceFile::new(path, *text));
            file
        })
        .collect();
    let history = History {
        directory: "migrations".into(),
        layout: Layout::Prisma,
        files,
        regime: Regime::OneMessage,
        judged_because: String::new(),
        replay: None,
    };
    (history, sources)
}

/// The migrations of a project of the corpus, in order.
pub(crate) fn corpus_history(project: &Path) -> (History, Sources) {
    let mut files: Vec<(String, String)> = Vec::new();
    let mut folders = vec![project.join("prisma")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name == "migration.sql") {
                let name = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
                files.push((name, std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    files.sort();
    let borrowed: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    history(&borrowed)
}
