//! A squashed migration that a database holds and has not recorded yet, met by the commands that only read the history:
//! none of them takes it for a pending one.

use crate::migrate_support::{Server, add, migrate, project};
use crate::support::{HEAD, Project};

const HISTORY: [(&str, &str); 2] = [
    ("20260101000000_user", "CREATE TABLE \"User\" (id SERIAL PRIMARY KEY, name TEXT);\n"),
    ("20260102000000_post", "CREATE TABLE \"Post\" (id SERIAL PRIMARY KEY, title TEXT);\n"),
];
const NEW: &str = "20260102000000_squashed_migrations";
const NEXT: &str = "20260103000000_next";

fn squash(project: &Project) {
    let run = project.run(&["migrate", "squash", "--quiet", "--yes", "--to", HISTORY[1].0]);
    assert_eq!(run.code, Some(0), "{}", run.both());
}

#[test]
fn rehearse_plan_and_doctor_take_it_for_applied() {
    let Some(server) = Server::start(17) else { return };
    let project = project(&HISTORY);
    project.commit_all();
    let (database, part) = (server.database(), server.database());
    for one in [&database, &part] {
        assert_eq!(migrate(&project, one, &["deploy"]).code, Some(0));
    }
    squash(&project);
    let nothing = migrate(&project, &database, &["rehearse"]);
    assert_eq!(nothing.code, Some(0), "{}", nothing.both());
    assert!(nothing.stdout.starts_with("No migration is pending on "), "{}", nothing.stdout);
    assert!(nothing.stdout.contains("`pgsteward migrate deploy` records it"), "{}", nothing.stdout);

    add(
        &project,
        NEXT,
        "ALTER TABLE \"Post\" ADD COLUMN body TEXT;\nCREATE INDEX CONCURRENTLY i ON nowhere(id);\n",
    );
    let run = migrate(&project, &database, &["rehearse", NEW]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(run.stderr.contains("is applied already"), "{}", run.stderr);
    let run = migrate(&project, &database, &["plan", "--safe", "--format", "json"]);
    let planned = run.json();
    let names: Vec<&str> =
        planned["migrations"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, [NEXT], "{planned:#}");
    // The failed row as a deploy leaves it that began before the squash was there.
    database.run(&format!(
        "INSERT INTO _prisma_migrations (id, checksum, migration_name, applied_steps_count, logs) VALUES ('f', 'x', '{NEXT}', 0, \
         'ERROR: relation \"nowhere\" does not exist')"
    ));
    database.run("ALTER TABLE \"Post\" ADD COLUMN body TEXT");
    let run = migrate(&project, &database, &["doctor", "--format", "json"]);
    let report = run.json();
    assert_eq!(report["statements"][0]["presence"], "present", "the lab has the table: {report:#}");

    // What is joined and failed is told with the name of what joins it.
    part.run(&format!(
        "UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '{}'",
        HISTORY[1].0
    ));
    let run = migrate(&project, &part, &["doctor"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(run.stderr.contains(&format!("is missing on disk: \"{NEW}\" joins it")), "{}", run.stderr);
    // Where a part is missing nobody goes on, as a deploy does not.
    part.run(&format!("DELETE FROM _prisma_migrations WHERE migration_name = '{}'", HISTORY[1].0));
    for verb in [["rehearse", "--quiet"], ["plan", "--safe"]] {
        let run = migrate(&project, &part, &verb);
        assert_eq!(run.code, Some(1), "{}", run.both());
        assert!(run.stderr.contains("has applied only 1 of them"), "{verb:?}: {}", run.stderr);
    }
}

#[test]
fn check_takes_it_for_applied() {
    let plain: [(&str, &str); 2] =
        [("migrations/001_user.sql", HISTORY[0].1), ("migrations/002_post.sql", HISTORY[1].1)];
    for major in [15, 17] {
        let Some(server) = Server::start(major) else { continue };
        for (project, last, files) in [
            (project(&HISTORY), HISTORY[1].0, "prisma/migrations"),
            (Project::new(&plain), "002_post", "migrations"),
        ] {
            project.commit_all();
            let (database, part) = (server.database(), server.database());
            for one in [&database, &part] {
                assert_eq!(migrate(&project, one, &["deploy"]).code, Some(0));
            }
            let run = project.run(&["migrate", "squash", "--quiet", "--yes", "--to", last]);
            assert_eq!(run.code, Some(0), "{}", run.both());
            let url = database.url();
            let check = |more: &[&str]| project.check(&[&["--prove", "none", "--url"], more].concat());
            let review = check(&[&url]);
            assert_eq!(review.migrations(), (1, 0), "{files}: nothing is pending");
            assert!(review.gap("drift of the database").is_none(), "{}", review.gaps());
            // A part of it is none of it, and said.
            let table = if files == "migrations" { "pgsteward_migrations" } else { "_prisma_migrations" };
            part.run(&format!("DELETE FROM {table} WHERE migration_name = '{last}'"));
            let review = check(&[&part.url(), "--no-lab"]);
            assert_eq!(review.migrations(), (1, 1), "{files}");
            let gap = review.gap("applied migrations").unwrap_or_default();
            assert!(gap.contains("has applied only 1 of them"), "{}", review.gaps());
        }
    }
}

/// A repository whose `main` has the history, and a branch that squashes it.
fn branched() -> Project {
    let project = Project::new(&[
        ("prisma/schema.prisma", HEAD),
        ("prisma/migrations/migration_lock.toml", "provider = \"postgresql\"\n"),
    ]);
    for (name, sql) in HISTORY {
        add(&project, name, sql);
    }
    project.commit_all();
    project.git(&["switch", "--quiet", "--create", "squash", "main"]);
    squash(&project);
    commit(&project, "squash");
    project.git(&["switch", "--quiet", "main"]);
    project
}

fn commit(project: &Project, message: &str) {
    project.git(&["add", "--all", "."]);
    project.git(&["commit", "--quiet", "--message", message]);
}

/// A branch off main with one more migration.
fn branch(project: &Project, name: &str, migration: &str, sql: &str) {
    project.git(&["switch", "--quiet", "--create", name, "main"]);
    add(project, migration, sql);
    commit(project, name);
    project.git(&["switch", "--quiet", "main"]);
}

#[test]
fn a_branch_that_squashes_is_no_conflict_by_itself() {
    let project = branched();
    let index = "CREATE INDEX title ON \"Post\"(title);\n";
    branch(&project, "later", NEXT, index);
    let run = project.run(&["migrate", "conflicts"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stdout.contains("joins 2 migrations of \"main\""), "{}", run.stdout);
    assert!(run.stdout.contains(&format!("squash: {NEW}")), "{}", run.stdout);

    // What sorts before it runs before it on a new database, and finds no table there.
    branch(&project, "earlier", "20260102000000_a", index);
    let run = project.run(&["migrate", "conflicts", "squash", "earlier", "--no-lab"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    let said = format!("\"20260102000000_a\" of \"earlier\" sorts before \"{NEW}\"");
    assert!(run.stdout.contains(&said), "{}", run.stdout);

    // Two that join the same make the same tables twice.
    project.git(&["switch", "--quiet", "--create", "again", "main"]);
    let run =
        project.run(&["migrate", "squash", "--quiet", "--yes", "--to", HISTORY[1].0, "--name", "other"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    commit(&project, "again");
    // One that joins what main lacks leaves main's databases with a part.
    project.git(&["switch", "--quiet", "--create", "more", "later"]);
    let run = project.run(&["migrate", "squash", "--quiet", "--yes", "--to", NEXT]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    commit(&project, "more");
    project.git(&["switch", "--quiet", "main"]);
    let run = project.run(&["migrate", "conflicts", "squash", "again", "more", "--no-lab"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    let both = format!("\"{NEW}\" and \"20260102000000_other\" both join \"{}\"", HISTORY[0].0);
    let lacking = format!("joins \"{NEXT}\", which \"main\" does not have");
    for said in [both, lacking] {
        assert!(run.stdout.contains(&said), "{said}\n{}", run.stdout);
    }
    assert!(!run.stdout.contains("changes or removes"), "{}", run.stdout);
}
