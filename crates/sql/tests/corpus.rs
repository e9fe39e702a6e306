//! Real migration histories: every file is read without a syntax error, and the pure replay of a history
//! ends with the objects that a PostgreSQL server had after the same files.

#![expect(clippy::unwrap_used, reason = "helpers of a test fail as the test does")]
#![expect(clippy::print_stderr, reason = "a missing corpus must be said")]

use std::path::{Path, PathBuf};

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, Index, Table};
use pgsteward_model::migration::Regime;
use pgsteward_model::statement::Statement;
use pgsteward_model::version::ServerVersion;
use pgsteward_sql::{Births, analyze_file, parse, quote_ident};
use serde_json::Value;

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

/// The catalog after a project's whole history, each file a deploy of its own.
fn replayed(corpus: &Path, project: &str) -> Catalog {
    let mut catalog = Catalog::empty(ServerVersion::of_major(15));
    let mut births = Births::default();
    for (_, text) in migrations(corpus, project) {
        births.start_deploy();
        births.start_file();
        analyze_file(&text, &mut catalog, &mut births, Regime::OneMessage);
    }
    catalog
}

/// A valid, complete b-tree or hash index.
fn is_usable(index: &Index) -> bool {
    index.valid && index.predicate.is_none() && matches!(index.method.as_str(), "btree" | "hash")
}

/// Foreign keys whose columns are not the leading columns of a usable index, in any order.
fn uncovered_keys(table: &Table) -> impl Iterator<Item = String> {
    table
        .foreign_keys()
        .filter(|(_, key)| {
            !table.indexes.iter().filter(|index| is_usable(index)).any(|index| {
                let leading: BTreeSet<&str> =
                    index.leading_columns().into_iter().take(key.columns.len()).collect();
                leading == key.columns.iter().map(String::as_str).collect()
            })
        })
        .map(|(_, key)| format!("{}.{}", quote_ident(&table.name.name), key.columns.join(",")))
}

fn columns_where(catalog: &Catalog, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    catalog
        .user_tables()
        .flat_map(|table| table.columns.iter().map(move |column| (table, column)))
        .filter(|(_, column)| column.ty.array == 0 && wanted(&column.ty.name))
        .map(|(table, column)| format!("{}.{}", quote_ident(&table.name.name), column.name))
        .collect()
}

/// What the replay says, as lines like those of `expected/catalog.json`.
fn summary(catalog: &Catalog) -> Vec<String> {
    let tables: Vec<&Table> = catalog.user_tables().collect();
    let count = |of: fn(&Table) -> usize| tables.iter().map(|table| of(table)).sum::<usize>();
    let mut uncovered: Vec<String> = tables.iter().flat_map(|table| uncovered_keys(table)).collect();
    let mut keyless: Vec<String> = tables
        .iter()
        .filter(|table| table.primary_key().is_none())
        .map(|table| quote_ident(&table.name.name))
        .collect();
    let mut floats = columns_where(catalog, |ty| matches!(ty, "real" | "double precision"));
    let plain_times = columns_where(catalog, |ty| ty == "timestamp without time zone");
    uncovered.sort();
    keyless.sort();
    floats.sort();
    let mut lines = vec![
        format!("tables {}", tables.len()),
        format!("columns {}", count(|table| table.columns.len())),
        format!("indexes {}", count(|table| table.indexes.len())),
        format!("invalid_idx {}", count(|table| table.indexes.iter().filter(|index| !index.valid).count())),
        format!("fks {}", count(|table| table.foreign_keys().count())),
        format!(
            "notvalid_con {}",
            count(|table| table.constraints.iter().filter(|constraint| !constraint.validated).count())
        ),
        format!("enums {}", catalog.enums.len()),
        format!("views {}", catalog.views.len()),
        format!("triggers {}", count(|table| table.triggers.len())),
        format!("funcs {}", catalog.functions.len()),
        format!("policies {}", count(|table| table.policies.len())),
        format!("rls {}", count(|table| usize::from(table.row_security))),
        format!("partitions {}", count(|table| usize::from(table.partition_of.is_some()))),
        format!("ts_notz {}", plain_times.len()),
        format!("ts_tz {}", columns_where(catalog, |ty| ty == "timestamp with time zone").len()),
    ];
    for (word, names) in [("fk_noidx", &uncovered), ("no_pk", &keyless), ("floats", &floats)] {
        lines.push(format!("{word} {}", names.len()));
        lines.extend(names.iter().map(|name| format!("{word}: {name}")));
    }
    lines
}

/// The same lines from what a server said.
fn expected(corpus: &Path, project: &str, like: &[String]) -> Vec<String> {
    let path = corpus.join(project).join("expected/catalog.json");
    let json: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut lines = Vec::new();
    for word in like.iter().filter(|line| !line.contains(':')).filter_map(|line| line.split(' ').next()) {
        lines.push(format!("{word} {}", json["counts"][word]));
        if matches!(word, "fk_noidx" | "no_pk" | "floats") {
            let names = json["names"][word].as_array().unwrap();
            lines.extend(names.iter().map(|name| format!("{word}: {}", name.as_str().unwrap())));
        }
    }
    lines
}

#[test]
fn replayed_histories_end_where_a_server_ended() {
    let Some(corpus) = corpus() else { return };
    let mut differences = Vec::new();
    for project in PROJECTS {
        let catalog = replayed(&corpus, project);
        let found = summary(&catalog);
        let wanted = expected(&corpus, project, &found);
        let missing = wanted.iter().filter(|line| !found.contains(line)).map(|line| ("missing", line));
        let surplus = found.iter().filter(|line| !wanted.contains(line)).map(|line| ("surplus", line));
        differences.extend(missing.chain(surplus).map(|(word, line)| format!("{project}: {word} {line}")));
    }
    assert_eq!(differences, Vec::<String>::new());
}
