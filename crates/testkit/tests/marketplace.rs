//! `examples/marketplace` lists what is planted in it; a check finds exactly that list.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

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
        path: Some(folder.clone()),
        lab: LabWish { major: Some(17), ..LabWish::default() },
        ..CheckOptions::default()
    };
    let checked = runtime().block_on(check(&options, &NoProgress)).unwrap();
    pgsteward_lab::stop_all();

    let (in_code, findings): (Vec<&Finding>, Vec<&Finding>) =
        checked.review.findings.iter().partition(|finding| is_in_code(finding));
    the_code_is_as_listed(&folder, &readme, &in_code);
    what_migrations_take_away_is_still_read(&findings);

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

/// The file of code that a finding points into.
fn file_of_code(finding: &Finding) -> Option<&str> {
    finding.at.file.as_ref().map(|range| &*range.file).filter(|file| file.ends_with(".ts"))
}

fn is_in_code(finding: &Finding) -> bool {
    file_of_code(finding).is_some()
}

/// A function (or route) of the table "Code", its file, and a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PlantedInCode {
    file: String,
    name: String,
    rule: String,
}

/// Each row has its finding within its function, and each finding has a row.
fn the_code_is_as_listed(folder: &Path, readme: &str, findings: &[&Finding]) {
    let rows = planted_in_code(readme);
    assert!(rows.len() > 40, "the table \"Code\" of the README was not read: {} rows", rows.len());
    let lines_of = |row: &PlantedInCode| {
        let text = std::fs::read_to_string(folder.join(&row.file))
            .unwrap_or_else(|error| panic!("the README names {}: {error}", row.file));
        lines(&text, &row.name).unwrap_or_else(|| panic!("{} has no {}", row.file, row.name))
    };
    let fits = |row: &PlantedInCode, finding: &Finding| {
        row.rule == finding.rule
            && file_of_code(finding) == Some(&row.file)
            && finding.at.file.as_ref().is_some_and(|range| lines_of(row).contains(&range.start.line))
    };
    let unlisted: Vec<String> = findings
        .iter()
        .filter(|finding| !rows.iter().any(|row| fits(row, finding)))
        .map(|finding| {
            let line = finding.at.file.as_ref().map_or(0, |range| range.start.line);
            format!("{}: {}:{line}: {}", finding.rule, file_of_code(finding).unwrap_or(""), finding.message)
        })
        .collect();
    let missed: Vec<&PlantedInCode> =
        rows.iter().filter(|row| !findings.iter().any(|finding| fits(row, finding))).collect();
    assert!(
        unlisted.is_empty() && missed.is_empty(),
        "found in the code, but the README does not list it:\n{}\nlisted, but not found:\n{missed:#?}",
        unlisted.join("\n")
    );
    assert_eq!(findings.len(), rows.len(), "one finding for each row");
    let refuted: Vec<&str> = findings
        .iter()
        .filter(|finding| matches!(&finding.proof, Some(proof) if matches!(proof.verdict, Verdict::Refuted { .. })))
        .map(|finding| finding.message.as_str())
        .collect();
    assert!(refuted.is_empty(), "refuted in the code: {refuted:?}");
}

/// The last row of the table: the migrations that drop and rename columns name the function that reads them.
fn what_migrations_take_away_is_still_read(findings: &[&Finding]) {
    for rule in ["column-dropped", "column-renamed"] {
        let finding = findings.iter().find(|finding| finding.rule == rule);
        let finding = finding.unwrap_or_else(|| panic!("{rule} found nothing"));
        let files: Vec<&str> =
            finding.also.iter().filter_map(|place| place.file.as_ref()).map(|range| &*range.file).collect();
        assert_eq!(files, ["src/jobs/vendorDigest.ts"], "{rule}");
        assert!(finding.detail.contains("src/jobs/vendorDigest.ts:"), "{}", finding.detail);
    }
}

fn planted_in_code(readme: &str) -> Vec<PlantedInCode> {
    let section =
        readme.split("### Code").nth(1).unwrap_or("").split("## What is right").next().unwrap_or("");
    let mut rows = Vec::new();
    for line in section.lines() {
        let cells: Vec<&str> =
            line.trim_matches('|').split(" | ").map(|cell| cell.trim_matches([' ', '|'])).collect();
        let [place, _, rule] = cells.as_slice() else { continue };
        let names: Vec<&str> = place.split('`').skip(1).step_by(2).collect();
        let [name, file, ..] = names.as_slice() else { continue };
        if pgsteward_engine::rules().iter().any(|known| known.id == *rule) {
            rows.push(PlantedInCode {
                file: (*file).to_owned(),
                name: (*name).to_owned(),
                rule: (*rule).to_owned(),
            });
        } else {
            assert_eq!(*rule, "-", "the README names a rule that there is not: {line}");
        }
    }
    rows
}

/// The lines of a function, or of the route of that path: from the line that names it to the one that closes what that
/// line opened.
fn lines(text: &str, name: &str) -> Option<RangeInclusive<u32>> {
    let starts = |line: &str| match name.starts_with('/') {
        true => line.contains(&format!("('{name}'")),
        false => [format!("function {name}("), format!("function* {name}(")]
            .iter()
            .any(|start| line.contains(start)),
    };
    let indent = |line: &str| line.len() - line.trim_start().len();
    let all: Vec<&str> = text.lines().collect();
    let first = all.iter().position(|line| starts(line))?;
    let closes = |line: &str| indent(line) == indent(all[first]) && line.trim_start().starts_with(['}', ')']);
    let length = all[first + 1..].iter().position(|line| closes(line)).map_or(0, |at| at + 1);
    Some(u32::try_from(first).ok()? + 1..=u32::try_from(first + length).ok()? + 1)
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
