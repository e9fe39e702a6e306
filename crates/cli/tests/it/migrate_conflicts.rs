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

/// A repository of plain SQL whose `main` has two migrations.
fn plain(files: &[(&str, &str)]) -> Project {
    let project = Project::new(files);
    project.commit_all();
    project
}

fn plain_branch(project: &Project, name: &str, files: &[(&str, &str)]) {
    project.git(&["switch", "--quiet", "--create", name, "main"]);
    commit(project, files);
}

fn commit(project: &Project, files: &[(&str, &str)]) {
    for (path, text) in files {
        project.write(path, text);
    }
    project.git(&["add", "."]);
    project.git(&["commit", "--quiet", "--message=work"]);
    project.git(&["switch", "--quiet", "main"]);
}

#[test]
fn numbered_files_of_branches_are_compared_by_their_numbers() {
    let project = plain(&[
        ("db/migrations/009_init.sql", "CREATE TABLE orders (id int PRIMARY KEY, note text);\n"),
        ("db/migrations/seed.sql", "INSERT INTO orders VALUES (1);\n"),
    ]);
    plain_branch(&project, "apart", &[("db/migrations/013_tags.sql", "CREATE TABLE tags (id int);\n")]);
    let run = project.run(&["migrate", "conflicts", "--no-lab"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stdout.contains("apart: 013_tags"), "{}", run.stdout);

    // One number, one table, and a column that the other drops.
    plain_branch(
        &project,
        "drops",
        &[
            ("db/migrations/010_drop.sql", "ALTER TABLE orders DROP COLUMN note;\n"),
            ("db/migrations/010_drop.checks.sql", "-- before\nSELECT true;\n"),
        ],
    );
    plain_branch(
        &project,
        "uses",
        &[("db/migrations/010_index.sql", "CREATE INDEX note_idx ON orders (note);\n")],
    );
    let run = project.run(&["migrate", "conflicts", "drops", "uses", "--format", "json"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    let json = run.json();
    assert_eq!(kinds(&json), ["number", "result", "lock"], "{json:#}");
    let what = |at: usize| json["conflicts"][at]["what"].as_str().unwrap().to_owned();
    assert_eq!(what(0), "\"010_drop\" and \"010_index\" both have the number 10");
    assert!(what(1).contains("after \"drops\" the migration \"010_index\" fails"), "{json:#}");
    assert!(what(2).contains("both block writes to \"orders\""), "{json:#}");

    // What main has meanwhile, by number and not by letters: 9 comes before 10.
    commit(&project, &[("db/migrations/011_main.sql", "CREATE TABLE other (id int);\n")]);
    plain_branch(&project, "late", &[("db/migrations/10_late.sql", "CREATE TABLE late (id int);\n")]);
    plain_branch(&project, "same", &[("db/migrations/11_same.sql", "CREATE TABLE same (id int);\n")]);
    plain_branch(&project, "edits", &[("db/migrations/009_init.sql", "CREATE TABLE orders (id int);\n")]);
    for (branch, kind, said) in [
        ("late", "order", "\"10_late\" sorts before \"011_main\", which \"main\" has already"),
        ("same", "number", "\"11_same\" has the number 11, which \"011_main\" has on \"main\""),
        ("edits", "edited", "changes or removes the migration \"009_init\" of \"main\""),
    ] {
        let run = project.run(&["migrate", "conflicts", branch, "--no-lab", "--format", "json"]);
        assert_eq!(run.code, Some(1), "{}", run.both());
        let json = run.json();
        assert_eq!(kinds(&json), [kind], "{json:#}");
        assert!(json["conflicts"][0]["what"].as_str().unwrap().contains(said), "{json:#}");
    }
}

#[test]
fn pairs_and_files_of_both_directions_are_compared_without_their_ways_back() {
    let pairs = plain(&[
        ("migrations/20260101000000_init.up.sql", "CREATE TABLE orders (id int PRIMARY KEY, note text);\n"),
        ("migrations/20260101000000_init.down.sql", "DROP TABLE orders;\n"),
    ]);
    // A way back written anew is no edit, and one that is added is no migration.
    plain_branch(
        &pairs,
        "back",
        &[
            ("migrations/20260101000000_init.down.sql", "DROP TABLE IF EXISTS orders;\n"),
            ("migrations/20260102000000_tags.up.sql", "CREATE TABLE tags (id int);\n"),
            ("migrations/20260102000000_tags.down.sql", "DROP TABLE tags;\n"),
        ],
    );
    plain_branch(
        &pairs,
        "later",
        &[("migrations/20260103000000_more.up.sql", "CREATE TABLE more (id int);\n")],
    );
    let run = pairs.run(&["migrate", "conflicts"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stdout.contains("back: 20260102000000_tags\n"), "{}", run.stdout);

    let marked = |up: &str, down: &str| format!("-- migrate:up\n{up}\n-- migrate:down\n{down}");
    let first = "db/migrations/20260101000000_init.sql";
    let init = "CREATE TABLE orders (id int PRIMARY KEY, note text);\n";
    let both = plain(&[(first, &marked(init, "DROP TABLE orders;\n"))]);
    let two = |up: &str| marked(up, "SELECT nothing_that_runs;\n");
    plain_branch(
        &both,
        "one",
        &[
            (first, &marked(init, "DROP TABLE IF EXISTS orders;\n")),
            ("db/migrations/20260102000000_a.sql", &two("ALTER TABLE orders ADD COLUMN at date;\n")),
        ],
    );
    plain_branch(
        &both,
        "two",
        &[
            ("db/migrations/20260103000000_b.sql", &two("ALTER TABLE orders ADD COLUMN at timestamptz;\n")),
            ("db/migrations/20260101500000_c.sql", &two("CREATE TABLE early (id int);\n")),
        ],
    );
    let run = both.run(&["migrate", "conflicts", "--format", "json"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    let json = run.json();
    assert_eq!(kinds(&json), ["result", "result", "object", "order", "lock"], "{json:#}");
    let object = json["conflicts"][2]["what"].as_str().unwrap();
    assert!(object.contains("both change column \"orders.at\""), "{json:#}");
    let hint = json["conflicts"][3]["hint"].as_str().unwrap();
    assert!(hint.contains("give it a higher number"), "{json:#}");
}

#[test]
fn the_branch_that_is_checked_out_is_compared_with_the_named_one() {
    let project = repository();
    branch(&project, "one", &[("20260102000000_a", "ALTER TABLE \"Order\" DROP COLUMN note;\n")]);
    branch(&project, "two", &[("20260103000000_b", "CREATE INDEX note_idx ON \"Order\" (note);\n")]);
    let arguments = ["migrate", "conflicts", "two", "--no-lab", "--format", "json"];
    let on_main = project.run(&arguments);
    assert_eq!(on_main.code, Some(0), "{}", on_main.both());
    project.git(&["switch", "--quiet", "one"]);
    let run = project.run(&arguments);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(kinds(&run.json()).contains(&"lock"), "{}", run.stdout);
    // By another name it is still that one.
    project.git(&["branch", "same", "one"]);
    let run = project.run(&["migrate", "conflicts", "same", "--no-lab"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
}
