//! `examples/marketplace` lists what is planted in it; a check finds exactly that list.

use std::collections::BTreeSet;
use std::path::PathBuf;

use pgsteward_engine::NoProgress;
use pgsteward_engine::check::{CheckOptions, check};
use pgsteward_engine::collect::LabWish;
use pgsteward_model::finding::Finding;
use pgsteward_model::proof::Verdict;
use pgsteward_testkit::labs::runtime;

/// A row of the README: what it names in its first column, and the rule of its last.
#[derive(Debug)]
struct Planted {
    names: Vec<String>,
    rule: String,
}

#[test]
fn check_finds_exactly_what_is_planted() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/marketplace");
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let planted = planted(&readme);
    assert!(planted.len() > 50, "the tables of the README were not read: {} rows", planted.len());

    let options = CheckOptions {
        path: Some(folder),
        lab: LabWish { major: Some(17), ..LabWish::default() },
        ..CheckOptions::default()
    };
    let checked = runtime().block_on(check(&options, &NoProgress)).unwrap();
    pgsteward_lab::stop_all();
    let findings = &checked.review.findings;

    let unlisted: Vec<String> = findings
        .iter()
        .filter(|finding| {
            !planted
                .iter()
                .any(|row| row.rule == finding.rule && row.names.iter().any(|name| says(finding, name)))
        })
        .map(|finding| format!("{}: {}", finding.rule, finding.message))
        .collect();
    assert!(unlisted.is_empty(), "found, but the README does not list it:\n{}", unlisted.join("\n"));

    let mut missed = Vec::new();
    for row in &planted {
        for name in &row.names {
            if !findings.iter().any(|finding| finding.rule == row.rule && says(finding, name)) {
                missed.push(format!("{}: {name}", row.rule));
            }
        }
    }
    assert!(missed.is_empty(), "the README lists it, but it was not found:\n{}", missed.join("\n"));

    // Two findings of one rule on one object would pass the lists and still be one too many.
    let keys: BTreeSet<(&str, String)> =
        findings.iter().map(|finding| (finding.rule, finding.message.clone())).collect();
    assert_eq!(keys.len(), findings.len(), "a finding is reported twice");

    let refuted: Vec<&str> = findings
        .iter()
        .filter(|finding| matches!(&finding.proof, Some(proof) if proof.verdict != Verdict::Proven))
        .map(|finding| finding.message.as_str())
        .collect();
    assert!(refuted.is_empty(), "fixes that were not proven: {refuted:?}");
    let gaps: Vec<&str> = checked.review.gaps.iter().map(|gap| gap.what.as_str()).collect();
    assert!(gaps.iter().all(|gap| *gap == "live database" || *gap == "lab version"), "{gaps:?}");
}

/// Whether a finding speaks of a name: its object, its table, its file, or its own words.
fn says(finding: &Finding, name: &str) -> bool {
    let object = finding.at.object.as_ref();
    let file = finding.at.file.as_ref().map(|range| range.file.to_string()).unwrap_or_default();
    object.is_some_and(|object| object.display() == name || object.relation.as_deref() == Some(name))
        || file.split('/').any(|part| part == name)
        || file == name
        || finding.message.contains(name)
        || finding.detail.contains(name)
}

/// The rows of the tables under "What is planted" that name a rule. Where a row names a migration, what it
/// names besides says which part of it.
fn planted(readme: &str) -> Vec<Planted> {
    let section =
        readme.split("## What is planted").nth(1).unwrap_or("").split("### Code").next().unwrap_or("");
    section
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [place, _, rule] = cells.as_slice() else { return None };
            let known = pgsteward_engine::rules().iter().any(|known| known.id == *rule);
            let mut names: Vec<String> = place.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            let is_migration = |name: &String| name.len() > 15 && name.starts_with("20");
            if names.iter().any(|name| !is_migration(name)) {
                names.retain(|name| !is_migration(name));
            }
            // `UPDATE "Vendor"` and `datasource db` are said by the file that holds them.
            let plain = |name: &str| name.rsplit(' ').next().unwrap_or(name).trim_matches('"').to_owned();
            let names = names.iter().map(|name| plain(name)).filter(|name| name != "db").collect();
            known.then(|| Planted { names, rule: (*rule).to_owned() })
        })
        .collect()
}
