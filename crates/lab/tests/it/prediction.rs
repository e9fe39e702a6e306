//! What `sql` predicts of a statement, against what the server does: the lock on each table and view, and which
//! tables are written anew. The statements stand under the hazards that they are the forms of.
//!
//! Majors are those of `PGSTEWARD_TEST_MAJORS`; the claim is made for 13, 15, 17 and 18.

use std::collections::BTreeMap;

use pgsteward_lab::{Lab, trace_statement};
use pgsteward_model::catalog::{Catalog, Table};
use pgsteward_model::lock::LockMode;
use pgsteward_pg::CatalogOptions;
use pgsteward_sql::{Births, apply, parse};

use crate::support::{lab, majors};

const STATE: &str = include_str!("prediction_state.sql");
const STATEMENTS: &str = include_str!("prediction.sql");

/// Lock on each relation and whether it is written anew.
type Doings = BTreeMap<String, (LockMode, bool)>;

/// The statements of one major: from which one on, a leading `14:` says.
fn statements(major: u32) -> Vec<&'static str> {
    let of_version = |line: &'static str| match line.split_once(": ") {
        Some((from, sql)) if from.parse::<u32>().is_ok() => {
            from.parse::<u32>().is_ok_and(|from| from <= major).then_some(sql)
        }
        _ => Some(line),
    };
    STATEMENTS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("--"))
        .filter_map(of_version)
        .collect()
}

/// What is predicted, and whether the statement refuses a transaction block.
fn predicted(catalog: &Catalog, sql: &str) -> (Doings, bool) {
    let mut catalog = catalog.clone();
    let file = parse(sql);
    assert_eq!(file.errors, [], "{sql}");
    let [statement] = file.statements.as_slice() else { panic!("one statement: {sql}") };
    let effect = apply(&mut catalog, &statement.statement, &mut Births::default());
    assert!(!effect.unknown, "not understood: {sql}");
    let doings = effect
        .touches
        .iter()
        .map(|touch| (touch.relation.to_string(), (touch.lock, touch.rewrite.is_some())))
        .collect();
    (doings, effect.needs_no_transaction)
}

fn words(doings: &Doings) -> String {
    let word = |(relation, (lock, rewrite)): (&String, &(LockMode, bool))| {
        format!("{relation} {lock}{}", if *rewrite { " rewrite" } else { "" })
    };
    doings.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// The partitions of a table, which has no file of its own: it is written anew where they are.
fn partitions(catalog: &Catalog, relation: &str) -> Vec<String> {
    let of = |table: &Table| table.partition_of.as_ref().is_some_and(|of| of.parent.to_string() == relation);
    catalog.tables.values().filter(|table| of(table)).map(|table| table.name.to_string()).collect()
}

async fn wrong_predictions(lab: &Lab, major: u32) -> Vec<String> {
    let original = lab.create_database().await.unwrap();
    let session = original.session().await.unwrap();
    session.simple(STATE).await.unwrap();
    let (catalog, gaps) = session.catalog(&CatalogOptions::default()).await.unwrap();
    assert_eq!(gaps, []);
    session.close().await;
    let relations: Vec<String> =
        catalog.tables.keys().chain(catalog.views.keys()).map(ToString::to_string).collect();
    let mut wrong = Vec::new();
    for sql in statements(major) {
        let database = lab.clone_database(&original).await.unwrap();
        let session = database.session().await.unwrap();
        // In a session whose time zone is UTC the two timestamp types are stored alike; the prediction knows no zone.
        session.simple("SET timezone = 'Europe/Berlin'").await.unwrap();
        let (wanted, alone) = predicted(&catalog, sql);
        let seen = trace_statement(&database, &session, sql, !alone).await.unwrap();
        session.close().await;
        lab.finish_database(database).await.unwrap();
        match seen {
            Ok(trace) => {
                let rewritten = |relation: &String| {
                    trace.rewrites.contains(relation)
                        || partitions(&catalog, relation).iter().any(|own| trace.rewrites.contains(own))
                };
                let seen: Doings = trace
                    .locks
                    .iter()
                    .filter(|(relation, _)| relations.contains(relation))
                    .map(|(relation, lock)| (relation.clone(), (*lock, rewritten(relation))))
                    .collect();
                if seen != wanted {
                    wrong.push(format!(
                        "{major}: {sql}\n  predicted {}\n  measured  {}",
                        words(&wanted),
                        words(&seen)
                    ));
                }
            }
            Err(error) => wrong.push(format!("{major}: {sql}\n  the server refuses: {}", error.message)),
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_and_rewrites_are_as_predicted() {
    let mut wrong = Vec::new();
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        let found = wrong_predictions(&lab, major).await;
        eprintln!(
            "PostgreSQL {major}: {} statements, {} wrong predictions",
            statements(major).len(),
            found.len()
        );
        wrong.extend(found);
    }
    assert!(wrong.is_empty(), "{} wrong predictions:\n{}", wrong.len(), wrong.join("\n"));
}
