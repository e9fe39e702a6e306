//! SARIF against the schema that its committee published, and against what code scanning asks for.

use std::path::PathBuf;

use pgsteward_report::{Format, RenderOptions, render};
use serde_json::Value;

use crate::fixture;

/// The published schema, from the sources of the `serde-sarif` crate, which generates its types from it.
fn schema() -> Value {
    // Without its platform cargo would want the packages of all others too.
    let version = cargo(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo knows its host");
    let metadata = cargo(&["metadata", "--format-version", "1", "--locked", "--filter-platform", host]);
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo prints JSON");
    let manifest = metadata["packages"]
        .as_array()
        .and_then(|packages| packages.iter().find(|package| package["name"] == "serde-sarif"))
        .and_then(|package| package["manifest_path"].as_str())
        .expect("serde-sarif is a dependency of this test");
    let path = PathBuf::from(manifest).with_file_name("src").join("schema.json");
    let text = std::fs::read_to_string(&path).expect("the crate holds the schema");
    // As published, the pattern of a language has a stray bracket, which strict regular expressions refuse.
    // We write no language.
    let text = text.replace("-[a-zA-Z]{2}]?$", "-[a-zA-Z]{2}$");
    let schema: Value = serde_json::from_str(&text).expect("the schema is JSON");
    assert_eq!(schema["title"], "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema");
    schema
}

fn cargo(arguments: &[&str]) -> String {
    let output = std::process::Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

#[test]
fn sarif_is_what_the_published_schema_asks_for() {
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema())
        .expect("the schema is valid and needs no other file");
    for review in [fixture::shop(), fixture::nothing(), fixture::many(), fixture::hostile()] {
        let text = render(&review, Format::Sarif, &RenderOptions::default());
        let document: Value = serde_json::from_str(&text).expect("it is JSON");
        let errors: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}", errors.join("\n"));
        let typed: serde_sarif::sarif::Sarif = serde_json::from_value(document).expect("its types fit");
        let results = typed.runs[0].results.as_ref().expect("there is a list of results");
        assert_eq!(results.len(), review.findings.len());
        for (result, finding) in results.iter().zip(&review.findings) {
            let location = &result.locations.as_ref().expect("code scanning shows no result without one")[0];
            assert!(location.physical_location.is_some(), "{}", finding.message);
            assert_eq!(
                location.logical_locations.is_some(),
                finding.at.object.is_some() || finding.at.setting.is_some()
            );
        }
    }
    // The validator does refuse: a level that is none.
    let broken = serde_json::json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}},
        "results": [{"message": {"text": "x"}, "level": "fatal"}]}]});
    assert!(!validator.is_valid(&broken));
}

#[test]
fn sarif() {
    insta::assert_snapshot!(render(&fixture::shop(), Format::Sarif, &RenderOptions::default()));
}

#[test]
fn only_whole_fixes_of_files_are_offered() {
    let text = render(&fixture::shop(), Format::Sarif, &RenderOptions::default());
    let document: Value = serde_json::from_str(&text).expect("it is JSON");
    for result in document["runs"][0]["results"].as_array().expect("a list") {
        let is_edit = result["ruleId"] == "timestamp-without-time-zone";
        assert_eq!(result["fixes"].is_array(), is_edit, "{result}");
    }
}
