//! Every output format, on one project with findings, fixes, proofs and gaps.

use serde_json::Value;

use crate::support::{HAZARD_SQL, HEAD, Project, SHOP};

const INDEX: &str = "prisma/migrations/20260102000000_index/migration.sql";

fn project() -> Project {
    let schema = format!("{HEAD}\n{SHOP}\nmodel Line {{\n  id    Int   @id\n  price Float\n}}\n");
    Project::shop(&[("prisma/schema.prisma", &schema), (INDEX, HAZARD_SQL)])
}

/// Every member of the contract, whether or not there is something to say.
fn assert_members(value: &Value, members: &[&str], what: &str) {
    let object = value.as_object().unwrap_or_else(|| panic!("{what} is no object: {value}"));
    for member in members {
        assert!(object.contains_key(*member), "{what} lacks {member}: {value:#}");
    }
}

#[test]
fn json_keeps_its_contract() {
    let review = project().check(&["--all-migrations"]);
    let json = &review.json;
    assert_members(
        json,
        &["version", "tool", "project", "server_version", "findings", "gaps", "summary", "elapsed_ms"],
        "the document",
    );
    assert_eq!(json["version"], 1);
    assert_eq!(json["tool"]["name"], "pgsteward");
    assert_members(&json["tool"], &["name", "version"], "tool");
    assert_members(&json["project"], &["root", "schemas", "migrations", "judged", "code"], "project");
    assert_members(&json["summary"], &["error", "warning", "info", "allowed", "baselined"], "summary");
    assert!(!review.findings().is_empty());
    let (mut fixes, mut proofs, mut columns) = (0, 0, 0);
    for finding in review.findings() {
        assert_members(
            finding,
            &[
                "rule",
                "group",
                "severity",
                "key",
                "ancestors",
                "object",
                "query",
                "setting",
                "location",
                "also",
                "message",
                "detail",
                "hint",
                "evidence",
                "fix",
                "proof",
            ],
            "a finding",
        );
        if !finding["object"].is_null() {
            assert_members(
                &finding["object"],
                &["kind", "database", "namespace", "relation", "column", "name", "arguments"],
                "an object",
            );
            columns += usize::from(finding["object"]["kind"] == "column");
        }
        if !finding["location"].is_null() {
            assert_members(
                &finding["location"],
                &["file", "line", "column", "end_line", "end_column"],
                "a location",
            );
            assert!(finding["location"]["line"].as_u64().unwrap() >= 1);
            assert!(finding["location"]["column"].as_u64().unwrap() >= 1);
        }
        if !finding["fix"].is_null() {
            fixes += 1;
            assert_members(&finding["fix"], &["title", "safety", "steps", "rollback"], "a fix");
            assert_members_of_rollback(&finding["fix"]["rollback"]);
            for step in finding["fix"]["steps"].as_array().unwrap() {
                assert!(["sql", "edit", "wait"].contains(&step["kind"].as_str().unwrap()), "{step}");
            }
        }
        if !finding["proof"].is_null() {
            proofs += 1;
            assert_members(
                &finding["proof"],
                &["verdict", "reason", "server_version", "observations"],
                "a proof",
            );
        }
    }
    assert!(fixes > 0 && proofs > 0 && columns > 0, "{fixes} fixes, {proofs} proofs, {columns} columns");
    for gap in json["gaps"].as_array().unwrap() {
        assert_members(gap, &["what", "why", "hint", "skipped_rules"], "a gap");
    }
    let count =
        |severity: &str| review.findings().iter().filter(|finding| finding["severity"] == severity).count();
    for severity in ["error", "warning", "info"] {
        assert_eq!(json["summary"][severity], count(severity), "{severity}");
    }
    let mut keys: Vec<&str> =
        review.findings().iter().map(|finding| finding["key"].as_str().unwrap()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), review.findings().len(), "keys tell findings apart");
    // The same project gives the same keys in the same order.
    let again = project().check(&["--all-migrations"]);
    let order = |review: &crate::support::Review| -> Vec<Value> {
        review.findings().iter().map(|finding| finding["key"].clone()).collect()
    };
    assert_eq!(order(&review), order(&again));
}

fn assert_members_of_rollback(rollback: &Value) {
    let rollback = rollback.as_object().unwrap();
    assert_eq!(rollback.len(), 1, "{rollback:?}");
    assert!(rollback.contains_key("steps") || rollback.contains_key("impossible"), "{rollback:?}");
}

#[test]
fn the_other_formats() {
    let project = project();
    let run = |format: &str| project.run(&["check", "--no-lab", "--all-migrations", "--format", format]);
    let sarif = run("sarif").json();
    assert_eq!(sarif["version"], "2.1.0");
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let findings = run("json").json()["findings"].as_array().unwrap().len();
    assert_eq!(results.len(), findings);
    assert!(results.iter().all(|result| result["ruleId"].is_string()));

    let markdown = run("markdown").stdout;
    let headings: Vec<&str> = markdown.lines().filter(|line| line.starts_with("## ")).collect();
    let place = |word: &str| {
        headings.iter().position(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}: {headings:?}"))
    };
    assert!(place("Analysis") < place("Issues"));
    assert!(place("Issues") < place("Recommendations"));
    assert!(place("Recommendations") < place("Implementation"));
    assert!(place("Implementation") < place("Testing"));

    let github = run("github").stdout;
    let annotations: Vec<&str> = github.lines().filter(|line| line.starts_with("::")).collect();
    assert!(
        annotations.iter().any(
            |line| line.starts_with("::warning file=prisma/") || line.starts_with("::error file=prisma/")
        ),
        "{github}"
    );

    let agent = run("agent").stdout;
    let lines = |word: &str| agent.lines().filter(|line| line.starts_with(word)).count();
    assert_eq!(lines("error ") + lines("warning ") + lines("info "), findings, "one line each: {agent}");
    assert_eq!(lines("summary "), 1);

    let terminal = run("terminal").stdout;
    assert!(!terminal.contains('\u{1b}'), "no colours in a pipe");
    let colored = project.run(&["check", "--no-lab", "--color", "always"]).stdout;
    assert!(colored.contains('\u{1b}'));
    let plain =
        project.run_with(&["check", "--no-lab"], &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]).stdout;
    assert!(!plain.contains('\u{1b}'));
    assert!(terminal.lines().all(|line| line.chars().count() <= 140), "{terminal}");
    let unknown = run("yaml");
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("unknown format \"yaml\""), "{}", unknown.stderr);
}

#[test]
fn talk_goes_to_stderr() {
    let run = project().run(&["check", "--no-lab", "--strict", "--format", "json"]);
    assert_eq!(run.code, Some(2));
    assert_eq!(run.json()["version"], 1);
    assert!(run.stderr.contains("error: --strict"), "{}", run.stderr);
}

#[test]
fn hostile_names_do_not_reach_the_terminal() {
    let project = Project::new(&[(
        "migrations/1_\u{1b}]0;owned\u{7}.sql",
        "CREATE TABLE \"a\u{1b}[2Jb\" (id int, total real);\n",
    )]);
    for format in ["terminal", "json", "sarif", "markdown", "github", "agent"] {
        let run = project.run(&["check", "--no-lab", "--all-migrations", "--format", format]);
        assert_ne!(run.code, Some(2), "{}", run.both());
        assert!(!run.both().contains(['\u{1b}', '\u{7}']), "{format}: {:?}", run.both());
    }
    // Nor through an error.
    let run = project.run(&["check", "a\u{1b}[2Jb"]);
    assert_eq!(run.code, Some(2));
    assert!(!run.both().contains('\u{1b}'), "{:?}", run.both());
}
