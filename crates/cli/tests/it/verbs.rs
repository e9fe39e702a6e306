//! The small verbs: rules, explain, init, doctor, help.

use pgsteward_model::rule::SAFELY_WRITTEN;

use crate::support::Project;

#[test]
fn rules_as_a_table_and_as_json() {
    let project = Project::new(&[]);
    let table = project.run(&["rules"]);
    assert_eq!(table.code, Some(0));
    let json = project.run(&["rules", "--format", "json"]).json();
    let rules = json.as_array().or_else(|| json["rules"].as_array()).unwrap();
    assert!(rules.len() > 40, "{}", rules.len());
    for rule in rules {
        let id = rule["id"].as_str().unwrap();
        assert!(table.stdout.contains(id), "{id} is in both");
        for member in ["group", "severity", "since"] {
            assert!(rule[member].is_string(), "{id}: {member}");
        }
        let page = project.run(&["explain", id]);
        assert_eq!(page.code, Some(0), "{id}");
        assert!(page.stdout.contains(id) && page.stdout.len() > 400, "{id}: {}", page.stdout);
        assert_eq!(page.stderr, "");
        let safe = page.stdout.contains("migrate rehearse") && page.stdout.contains("migrate plan --safe");
        assert_eq!(safe, SAFELY_WRITTEN.contains(&id), "{id}: {}", page.stdout);
    }
    for id in SAFELY_WRITTEN {
        assert!(rules.iter().any(|rule| rule["id"] == id && rule["group"] == "migration"), "{id} is no rule");
    }
}

#[test]
fn explain_what_is_no_rule() {
    let project = Project::new(&[]);
    let run = project.run(&["explain", "foreign-key-without-indices"]);
    assert_eq!(run.code, Some(2));
    insta::assert_snapshot!("explain_a_near_miss", run.snapshot());
    let run = project.run(&["explain", "nonsense"]);
    assert_eq!(run.code, Some(2));
    insta::assert_snapshot!("explain_nonsense", run.snapshot());
    let run = project.run(&["explain", "index"]);
    assert_eq!(run.code, Some(2));
    insta::assert_snapshot!("explain_a_group", run.snapshot());
}

#[test]
fn init_writes_once() {
    let project = Project::shop(&[]);
    let run = project.run(&["init"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let text = project.read("pgsteward.toml");
    assert!(text.contains("applied_through = \"20260101000000_init\""), "{text}");
    let review = project.check(&["--no-lab"]);
    assert_eq!(review.code, Some(0), "the written file is read: {}", review.stderr);
    project.write("pgsteward.toml", "# mine\n");
    let run = project.run(&["init"]);
    assert_eq!(run.code, Some(2));
    assert_eq!(project.read("pgsteward.toml"), "# mine\n");
    insta::assert_snapshot!("init_refuses_to_overwrite", run.snapshot());
    let run = project.run(&["init", "nowhere"]);
    assert_eq!(run.code, Some(2));
    insta::assert_snapshot!("init_in_no_folder", run.snapshot());
}

#[test]
fn doctor_says_what_is_there_and_what_is_not() {
    let project = Project::shop(&[("package.json", "{\"devDependencies\": {\"prisma\": \"6.1.0\"}}")]);
    let run = project.run(&["doctor"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(
        run.stdout.contains("a Prisma schema, 1 migrations, Prisma 6.1")
            || run.stdout.contains("a Prisma schema, 1 migration, Prisma 6.1"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("pgsteward init"), "{}", run.stdout);
    let empty = Project::new(&[("pgsteward.toml", "[chek]\n")]);
    let run = empty.run(&["doctor"]);
    assert_eq!(run.code, Some(1), "something is missing");
    assert!(run.stdout.contains("chek"), "{}", run.stdout);
    assert!(run.stdout.contains("no Prisma schema and no folder of SQL migrations"), "{}", run.stdout);
}

#[test]
fn help_and_version() {
    let project = Project::new(&[]);
    let run = project.run(&["--help"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    for verb in ["check", "fix", "explain", "rules", "init", "doctor"] {
        assert!(run.stdout.contains(verb), "{verb}");
        assert_eq!(project.run(&[verb, "--help"]).code, Some(0));
    }
    assert!(project.run(&["--version"]).stdout.starts_with("pgsteward "));
    assert_eq!(project.run(&[]).code, Some(2));
    let run = project.run(&["chekc"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("check"), "{}", run.stderr);
}
