//! Redundant and duplicate indexes of real projects, on the pure replay of their histories, held against what
//! catalog queries on a server found.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test tells what is wrong, and what it could not do"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pgsteward_model::catalog::Catalog;
use pgsteward_model::facts::{CatalogFacts, CatalogOrigin, Facts};
use pgsteward_model::finding::Finding;
use pgsteward_model::migration::Regime;
use pgsteward_model::version::ServerVersion;
use pgsteward_sql::{Births, analyze_file};

const PROJECTS: [&str; 6] =
    ["amplication", "hoppscotch", "langfuse", "saas-starter-kit", "trigger.dev", "umami"];

fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("PGSTEWARD_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"), PathBuf::from);
    if !folder.is_dir() {
        eprintln!("the corpus is not at {}: set PGSTEWARD_CORPUS to run this test", folder.display());
        return None;
    }
    Some(folder)
}

fn replayed(project: &Path) -> Facts {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(project.join("prisma/migrations"))
        .unwrap()
        .map(|entry| entry.unwrap().path().join("migration.sql"))
        .filter(|path| path.is_file())
        .collect();
    folders.sort();
    let mut catalog = Catalog::empty(ServerVersion::of_major(15));
    let mut births = Births::default();
    for path in folders {
        let text = std::fs::read_to_string(path).unwrap();
        analyze_file(&text, &mut catalog, &mut births, Regime::OneMessage);
    }
    Facts { catalog: Some(CatalogFacts { catalog, origin: CatalogOrigin::Pure }), ..Facts::default() }
}

fn findings(facts: &Facts, rule: &str) -> Vec<Finding> {
    (pgsteward_rules::find(rule).unwrap().check)(facts)
}

fn names(findings: &[Finding]) -> BTreeSet<String> {
    findings.iter().filter_map(|finding| finding.at.object.as_ref()?.name.clone()).collect()
}

/// The strings of `"key": ["…", …]` in a text of JSON whose strings hold no quotes.
fn strings(json: &str, key: &str) -> BTreeSet<String> {
    let (_, rest) = json.split_once(&format!("\"{key}\": [")).unwrap();
    let (list, _) = rest.split_once(']').unwrap();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn number(json: &str, key: &str) -> usize {
    let (_, rest) = json.split_once(&format!("\"{key}\": ")).unwrap();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

#[test]
fn redundant_and_duplicate_indexes_are_exactly_those_of_the_catalogs() {
    let Some(corpus) = corpus() else { return };
    for project in PROJECTS {
        let folder = corpus.join(project);
        let facts = replayed(&folder);
        let expected = std::fs::read_to_string(folder.join("expected/catalog.json")).unwrap();
        let redundant = findings(&facts, "redundant-index");
        let duplicate = findings(&facts, "duplicate-index");
        let both = redundant.iter().chain(&duplicate).cloned().collect::<Vec<_>>();
        assert_eq!(names(&both), strings(&expected, "redund_idx"), "{project}");
        assert_eq!(both.len(), names(&both).len(), "{project}: one finding for an index");
        let unique = findings(&facts, "duplicate-unique-index");
        assert_eq!(duplicate.len() + unique.len(), number(&expected, "dup_idx"), "{project}: equal indexes");
        assert_eq!(findings(&facts, "invalid-index").len(), number(&expected, "invalid_idx"), "{project}");
    }
}

#[test]
fn rules_that_need_no_statistics_find_something_in_real_projects() {
    let Some(corpus) = corpus() else { return };
    let facts: Vec<Facts> = PROJECTS.iter().map(|project| replayed(&corpus.join(project))).collect();
    for rule in ["index-on-few-values", "timestamp-inside-index", "foreign-key-without-index"] {
        let found: usize = facts.iter().map(|facts| findings(facts, rule).len()).sum();
        eprintln!("{rule}: {found}");
        assert!(found > 0, "{rule} finds nothing in six projects");
    }
}
