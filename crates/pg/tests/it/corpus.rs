//! Real projects: their migrations are replayed, and what is read back is held against what catalog queries
//! of another hand counted (`expected/catalog.json` of the corpus).

use std::path::{Path, PathBuf};

use pgsteward_model::catalog::{Catalog, ConstraintKind, Table};
use pgsteward_pg::{CatalogOptions, LabSession};

use crate::support::Server;

fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("PGSTEWARD_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("not tested: no corpus at {} (PGSTEWARD_CORPUS)", folder.display());
    None
}

/// All files of that name below a folder, sorted by path.
fn find(folder: &Path, name: &str, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            find(&path, name, found);
        } else if path.file_name().is_some_and(|file| file == name) {
            found.push(path);
        }
    }
}

async fn replay(session: &LabSession, project: &Path) {
    let mut files = Vec::new();
    find(project, "migration.sql", &mut files);
    assert!(!files.is_empty(), "no migrations in {}", project.display());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        session.simple(&text).await.unwrap_or_else(|error| panic!("{}: {error:?}", file.display()));
    }
}

fn count(catalog: &Catalog, what: &str) -> Option<usize> {
    let tables = || catalog.tables.values().map(AsRef::as_ref);
    let columns = |wanted: &[&str]| {
        tables()
            .flat_map(|table: &Table| &table.columns)
            .filter(|column| wanted.iter().any(|name| column.ty.is(name)))
            .count()
    };
    let constraints = |wanted: fn(&ConstraintKind) -> bool| {
        tables()
            .flat_map(|table: &Table| &table.constraints)
            .filter(|constraint| wanted(&constraint.kind))
            .count()
    };
    Some(match what {
        "tables" => tables().count(),
        "partitions" => tables().filter(|table| table.partition_of.is_some()).count(),
        "columns" => tables().map(|table| table.columns.len()).sum(),
        "indexes" => tables().map(|table| table.indexes.len()).sum(),
        "invalid_idx" => tables().flat_map(|table| &table.indexes).filter(|index| !index.valid).count(),
        "fks" => constraints(|kind| matches!(kind, ConstraintKind::ForeignKey(_))),
        "notvalid_con" => tables().flat_map(|table| &table.constraints).filter(|it| !it.validated).count(),
        "floats" => columns(&["real", "double precision"]),
        "ts_notz" => columns(&["timestamp without time zone"]),
        "ts_tz" => columns(&["timestamp with time zone"]),
        "no_pk" => tables().filter(|table| table.primary_key().is_none()).count(),
        "rls" => tables().filter(|table| table.row_security).count(),
        "policies" => tables().map(|table| table.policies.len()).sum(),
        "triggers" => tables().map(|table| table.triggers.len()).sum(),
        "enums" => catalog.enums.len(),
        "views" => catalog.views.len(),
        "funcs" => catalog.functions.len(),
        _ => return None,
    })
}

#[tokio::test]
async fn counts_of_real_projects() {
    let Some(corpus) = corpus() else { return };
    let Some(server) = Server::start(&[]).await else { return };
    let admin = server.session("postgres", "postgres").await;
    let mut expectations = Vec::new();
    find(&corpus, "catalog.json", &mut expectations);
    assert!(!expectations.is_empty(), "no expectations in {}", corpus.display());
    let mut compared = 0;
    for (number, expectation) in expectations.iter().enumerate() {
        let project = expectation.parent().unwrap().parent().unwrap();
        admin.simple(&format!("CREATE DATABASE project_{number}")).await.unwrap();
        let session = server.session("postgres", &format!("project_{number}")).await;
        replay(&session, project).await;
        let (catalog, gaps) = session.catalog(&CatalogOptions::default()).await.unwrap();
        assert_eq!(gaps, []);
        let text = std::fs::read_to_string(expectation).unwrap();
        let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (what, expected) in expected["counts"].as_object().unwrap() {
            if let Some(found) = count(&catalog, what) {
                assert_eq!(Some(found as u64), expected.as_u64(), "{what} of {}", project.display());
                compared += 1;
            }
        }
        // The short way reads every table of a real project as the long way does.
        let names: Vec<_> = catalog.tables.keys().cloned().collect();
        let tables = session.catalog_of(&names).await.unwrap();
        assert!(tables.iter().eq(catalog.tables.values().map(AsRef::as_ref)), "{}", project.display());
    }
    assert!(compared >= 10 * expectations.len(), "only {compared} counts were compared");
}
