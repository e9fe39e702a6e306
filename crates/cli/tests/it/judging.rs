//! Which migrations are judged, and that it is said.

use crate::support::{HAZARD_SQL, Project, SHOP_SQL, git};

const HAZARD: &str = "index-not-concurrent";
const INDEX: &str = "prisma/migrations/20260102000000_index/migration.sql";

#[test]
fn nothing_is_judged_unless_something_says_what_is_new() {
    let project = Project::shop(&[(INDEX, HAZARD_SQL)]);
    let run = project.run(&["check", "--no-lab"]);
    assert!(run.stdout.contains("0 of 2"), "{}", run.stdout);
    assert!(run.stdout.contains("--all-migrations"), "the way out is named: {}", run.stdout);
    assert!(!run.stdout.contains(HAZARD), "{}", run.stdout);
    let all = project.check(&["--no-lab", "--all-migrations"]);
    assert_eq!(all.migrations(), (2, 2));
    assert_eq!(all.of_rule(HAZARD).len(), 1);
}

#[test]
fn applied_through_divides_the_history() {
    let project = Project::shop(&[
        (INDEX, HAZARD_SQL),
        ("pgsteward.toml", "[migrations]\napplied_through = \"20260101000000_init\"\n"),
    ]);
    let review = project.check(&["--no-lab"]);
    assert_eq!(review.migrations(), (2, 1));
    assert_eq!(review.of_rule(HAZARD).len(), 1);
    project.write("pgsteward.toml", "[migrations]\napplied_through = \"20260102000000_index\"\n");
    let review = project.check(&["--no-lab"]);
    assert_eq!(review.migrations(), (2, 0));
    project.write("pgsteward.toml", "[migrations]\napplied_through = \"20260103000000_gone\"\n");
    let run = project.run(&["check", "--no-lab"]);
    assert_eq!(run.code, Some(2));
    insta::assert_snapshot!("wrong_applied_through", run.snapshot());
}

#[test]
fn applied_through_of_one_project_is_no_error_of_another() {
    let schema = crate::support::HEAD.to_owned() + crate::support::SHOP;
    let project = Project::new(&[
        ("a/prisma/schema.prisma", &schema),
        ("a/prisma/migrations/1_init/migration.sql", SHOP_SQL),
        ("a/prisma/migrations/2_index/migration.sql", HAZARD_SQL),
        ("b/prisma/schema.prisma", &schema),
        ("b/prisma/migrations/1_begin/migration.sql", SHOP_SQL),
        ("pgsteward.toml", "[migrations]\napplied_through = \"1_init\"\n"),
    ]);
    let review = project.check(&["--no-lab"]);
    assert_eq!(review.migrations(), (3, 1), "{}", review.stderr);
    assert_eq!(review.of_rule(HAZARD).len(), 1);
}

#[test]
fn a_branch_is_judged_from_where_it_began() {
    let project = Project::shop(&[]);
    project.commit_all();
    let on_main = project.check(&["--no-lab"]);
    assert_eq!(on_main.migrations(), (1, 0));
    project.git(&["switch", "--quiet", "--create", "feature"]);
    project.write(INDEX, HAZARD_SQL);
    let untracked = project.check(&["--no-lab"]);
    assert_eq!(untracked.migrations(), (2, 1), "a migration that git does not know yet is new");
    project.git(&["add", "."]);
    project.git(&["commit", "--quiet", "--message=index"]);
    let branch = project.check(&["--no-lab"]);
    assert_eq!(branch.migrations(), (2, 1));
    assert_eq!(branch.of_rule(HAZARD).len(), 1);
    let run = project.run(&["check", "--no-lab"]);
    assert!(run.stdout.contains("merge base with main"), "{}", run.stdout);
    // From a folder below, and with the path from elsewhere, nothing changes.
    assert_eq!(project.check(&["--no-lab", "prisma"]).migrations(), (2, 1));

    let since = project.check(&["--no-lab", "--since", "main"]);
    assert_eq!(since.migrations(), (2, 1));
    let since = project.check(&["--no-lab", "--since", "HEAD"]);
    assert_eq!(since.migrations(), (2, 0));
}

#[test]
fn a_revision_that_is_none() {
    let project = Project::shop(&[]);
    let run = project.run(&["check", "--no-lab", "--since", "main"]);
    assert_eq!(run.code, Some(2));
    insta::assert_snapshot!("since_without_a_repository", run.snapshot());
    project.commit_all();
    let run = project.run(&["check", "--no-lab", "--since", "no-such-branch"]);
    assert_eq!(run.code, Some(2));
    insta::assert_snapshot!("since_an_unknown_revision", run.snapshot());
    // Neither clap nor git may take it for an option.
    for revision in ["--since=--output=/tmp/pgsteward-test-owned", "--since=-1"] {
        let run = project.run(&["check", "--no-lab", revision]);
        assert_eq!(run.code, Some(2), "{}", run.both());
        assert!(run.stderr.contains("git knows no such commit"), "{}", run.stderr);
    }
    assert!(!std::path::Path::new("/tmp/pgsteward-test-owned").exists());
}

#[test]
fn a_shallow_clone_names_the_depth_to_fetch() {
    let origin = Project::shop(&[]);
    origin.commit_all();
    origin.git(&["switch", "--quiet", "--create", "feature"]);
    for number in 2..5 {
        origin.write(&format!("prisma/migrations/2026010{number}000000_index/migration.sql"), "SELECT 1;\n");
        origin.git(&["add", "."]);
        origin.git(&["commit", "--quiet", "--message=more"]);
    }
    origin.git(&["switch", "--quiet", "main"]);
    let clone = Project::new(&[]);
    let url = format!("file://{}", origin.path().display());
    git(clone.path(), &["clone", "--quiet", "--depth=1", "--branch=feature", &url, "."]);
    let review = clone.check(&["--no-lab"]);
    assert_eq!(review.migrations(), (4, 0));
    let gap = review.gap("migrations to judge").unwrap();
    assert!(gap.contains("shallow") && gap.contains("fetch-depth: 0"), "{gap}");
    let strict = clone.run(&["check", "--no-lab", "--strict"]);
    assert_eq!(strict.code, Some(2));
    let run = clone.run(&["check", "--no-lab", "--since", "main"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("--unshallow"), "{}", run.stderr);
    // What the configuration says needs no history.
    clone.write("pgsteward.toml", "[migrations]\napplied_through = \"20260103000000_index\"\n");
    assert_eq!(clone.check(&["--no-lab"]).migrations(), (4, 1));
}

#[test]
fn a_table_of_the_same_deploy_is_no_hazard() {
    let project = Project::shop(&[(INDEX, HAZARD_SQL)]);
    project.git(&["init", "--quiet", "--initial-branch=main"]);
    project.git(&["commit", "--quiet", "--allow-empty", "--message=nothing"]);
    let review = project.check(&["--no-lab", "--since", "HEAD"]);
    assert_eq!(review.migrations(), (2, 2));
    assert_eq!(review.of_rule(HAZARD).len(), 0, "both files go out together");
}

#[test]
fn all_and_since_exclude_each_other() {
    let run = Project::shop(&[]).run(&["check", "--all-migrations", "--since", "main"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("cannot be used with"), "{}", run.stderr);
}
