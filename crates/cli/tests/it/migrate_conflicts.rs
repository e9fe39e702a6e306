//! `migrate conflicts` on branches of a repository.

use crate::support::{HEAD, Project};

const INIT: &str =
    "CREATE TABLE \"Order\" (id INT PRIMARY KEY, note TEXT);\nCREATE TABLE \"Log\" (id INT);\n";

/// A repository whose `main` has one migration.
fn repository() -> Project {
    let project = Project::new(&[
        ("prisma/schema.prisma", HEAD),
        ("prisma/migrations/migration_lock.toml", "provider = \"postgresql\"\n"),
        ("prisma/migrations/20260101000000_init/migration.sql", INIT),
    ]);
    project.commit_all();
    project
}

fn branch(project: &Project, name: &str, files: &[(&str, &str)]) {
    project.git(&["switch", "--quiet", "--create", name, "main"]);
    for (migration, text) in files {
        project.write(&format!("prisma/migrations/{migration}/migration.sql"), text);
    }
    project.git(&["add", "."]);
    project.git(&["commit", "--quiet", "--allow-empty", "--message=work"]);
    project.git(&["switch", "--quiet", "main"]);
}

fn kinds(json: &serde_json::Value) -> Vec<&str> {
    json["conflicts"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect()
}

#[test]
fn branches_that_keep_out_of_each_others_way_have_no_conflict() {
    let project = repository();
    branch(&project, "one", &[("20260102000000_a", "CREATE TABLE \"A\" (id INT);\n")]);
    branch(&project, "two", &[("20260103000000_b", "CREATE TABLE \"B\" (id INT);\n")]);
    branch(&project, "code", &[]);
    let run = project.run(&["migrate", "conflicts"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stdout.contains("2 branches with migrations that \"main\" does not have"), "{}", run.stdout);
    assert!(run.stdout.ends_with("No conflicts.\n"), "{}", run.stdout);
}

#[test]
fn order_locks_objects_and_what_the_lab_sees_are_told_apart() {
    let project = repository();
    branch(&project, "drops", &[("20260102000000_a", "ALTER TABLE \"Order\" DROP COLUMN note;\n")]);
    branch(&project, "uses", &[("20260103000000_b", "CREATE INDEX note_idx ON \"Order\" (note);\n")]);
    let run = project.run(&["migrate", "conflicts", "--format", "json"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    let json = run.json();
    let results: Vec<String> = json["conflicts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["kind"] == "result")
        .map(|one| one["what"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        results.iter().any(|what| what.contains("after \"drops\" the migration \"20260103000000_b\" fails")),
        "{json:#}"
    );
    assert!(kinds(&json).contains(&"lock"), "{json:#}");

    // Without a lab the same is said as far as git and the texts tell.
    let plain = project.run(&["migrate", "conflicts", "--no-lab", "--format", "json"]).json();
    assert!(!kinds(&plain).contains(&"result") && kinds(&plain).contains(&"lock"), "{plain:#}");

    // main moves on past a branch; another one edits what is applied; a third takes a name that is taken.
    project.write("prisma/migrations/20260105000000_main/migration.sql", "CREATE TABLE \"Main\" (id INT);\n");
    project.git(&["add", "."]);
    project.git(&["commit", "--quiet", "--message=main"]);
    branch(&project, "edits", &[("20260101000000_init", "CREATE TABLE \"Order\" (id INT);\n")]);
    branch(&project, "same", &[("20260103000000_b", "CREATE TABLE note_idx (id INT);\n")]);
    let run = project.run(&["migrate", "conflicts", "--no-lab"]);
    for said in [
        "the migration \"20260102000000_a\" sorts before \"20260105000000_main\", which \"main\" has already",
        "changes or removes the migration \"20260101000000_init\" of \"main\"",
        "both add a migration \"20260103000000_b\"",
    ] {
        assert!(run.stdout.contains(said), "{said}\n{}", run.stdout);
    }
    let unknown = project.run(&["migrate", "conflicts", "nothing"]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("git knows no branch \"nothing\""), "{}", unknown.stderr);
}

#[test]
fn replays_begin_with_init_shadow_db_on_the_projects_version() {
    let project = Project::new(&[
        ("prisma/schema.prisma", HEAD),
        (
            "prisma.config.ts",
            "import { defineConfig } from 'prisma/config';\n\
             export default defineConfig({ schema: 'prisma/schema.prisma', \
             migrations: { path: 'prisma/migrations', initShadowDb: 'CREATE TABLE \"Legacy\" (id INT PRIMARY KEY);' } });\n",
        ),
        ("pgsteward.toml", "[lab]\nmajor = 15\n"),
        ("prisma/migrations/migration_lock.toml", "provider = \"postgresql\"\n"),
        (
            "prisma/migrations/20260101000000_init/migration.sql",
            "ALTER TABLE \"Legacy\" ADD COLUMN note TEXT;\n",
        ),
    ]);
    project.commit_all();
    // The second runs before 16 only.
    branch(&project, "one", &[("20260102000000_a", "CREATE UNIQUE INDEX one ON \"Legacy\" (note);\n")]);
    branch(
        &project,
        "two",
        &[(
            "20260103000000_b",
            "DO $$ BEGIN IF current_setting('server_version_num')::int >= 160000 THEN RAISE 'not on %', version(); END IF; END $$;\n",
        )],
    );
    let run = project.run(&["migrate", "conflicts"]);
    if run.stdout.contains("where 15 was wanted") {
        eprintln!("not tested on PostgreSQL 15: {}", run.stdout);
        return;
    }
    assert_eq!(run.code, Some(0), "{}", run.both());
}
