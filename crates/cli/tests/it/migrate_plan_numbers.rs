//! `migrate plan --safe` in projects of plain SQL whose migrations stand where the parts have to, and what runners are told of
//! a migration that is in parts.

use crate::migrate_plan_plain::{FOLDERS, Form, GOOSE, INIT, PAIRS, UNDO, applied, begun, ok, planned};
use crate::migrate_support::{Database, Server, migrate};
use crate::support::Project;

/// Files of three migrations behind one that is deployed: the parts of the first take the numbers of the others.
fn crowded(form: &Form, database: &Database<'_>, names: [&str; 4]) -> Project {
    let project = Project::new(&[]);
    form.write(&project, names[0], INIT, "DROP TABLE orders, vendor;\n");
    ok(&project, database, &["deploy"]);
    database.run("INSERT INTO orders (note, total) SELECT 'row ' || n, n FROM generate_series(1, 50) n");
    form.write(
        &project,
        names[1],
        "ALTER TABLE orders ALTER COLUMN note SET NOT NULL;\n",
        "ALTER TABLE orders ALTER COLUMN note DROP NOT NULL;\n",
    );
    let said = format!("{}\n", told(names[2]));
    form.write(
        &project,
        names[2],
        &format!("{said}CREATE TABLE tag (id integer PRIMARY KEY, text{0} text DEFAULT '{0}');\n", names[2]),
        "DROP TABLE tag;\n",
    );
    form.write(
        &project,
        names[3],
        "ALTER TABLE vendor ALTER COLUMN fax SET NOT NULL;\n",
        "ALTER TABLE vendor ALTER COLUMN fax DROP NOT NULL;\n",
    );
    project
}

/// The comment that says the name of the third.
fn told(name: &str) -> String {
    format!("-- Told as {name}.")
}

/// What gets another name with a migration: its file, or its folder.
fn entry(form: &Form, name: &str) -> String {
    let main = form.main(name);
    main.strip_suffix("/up.sql").map(str::to_owned).unwrap_or(main)
}

/// `moved` are the names that the third and the fourth end with.
fn renumbered(form: &Form, database: &Database<'_>, names: [&str; 4], moved: [&str; 2]) {
    let project = crowded(form, database, names);
    let before = project.list("db/migrations");
    let shown = ok(&project, database, &["plan", "--safe"]);
    let becomes = format!("\"{}\" becomes \"{}\"", names[2], moved[0]);
    assert!(shown.stdout.contains(&becomes), "{}", shown.stdout);
    for line in [
        format!("rename from {}", entry(form, names[2])),
        format!("rename to {}", entry(form, moved[0])),
        format!("-{}", told(names[2])),
        format!("+{}", told(moved[0])),
    ] {
        assert!(shown.stdout.lines().any(|one| one == line), "{line}: {}", shown.stdout);
    }
    assert_eq!(project.list("db/migrations"), before, "a dry run writes nothing");
    let written = ok(&project, database, &["plan", "--safe", "--write", "--format", "json"]).json();
    let verdicts: Vec<&str> = written["migrations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["verdict"]["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["proven", "unchanged", "proven"], "{written:#}");
    let text = project.read(&form.main(moved[0]));
    assert!(text.contains(&told(moved[0])), "{text}");
    assert!(text.contains(&format!("text{0} text DEFAULT '{0}'", names[2])), "SQL stays as it is: {text}");
    assert!(
        !project.path().join(form.main(names[2])).exists()
            && !project.path().join(form.main(names[3])).exists()
    );
    assert!(
        project.read(&form.main(moved[1])).contains("NOT VALID"),
        "the second that was planned is in parts"
    );
    ok(&project, database, &["deploy"]);
    ok(&project, database, &["status", "--no-lab"]);
    let applied = applied(database);
    let mut sorted = applied.clone();
    sorted.sort();
    assert_eq!(applied, sorted);
    let at = |name: &str| applied.iter().position(|other| other == name);
    assert!(at(names[1]) < at(moved[0]) && at(moved[0]) < at(moved[1]), "{applied:?}");
    let strict = "SELECT count(*) FROM information_schema.columns WHERE column_name IN ('note', 'fax') AND is_nullable = 'NO'";
    assert_eq!(database.value(strict), "2");
    let steps = (applied.len() - 1).to_string();
    ok(&project, database, &["rollback", "--accept-data-loss", "--steps", &steps]);
    assert_eq!(database.value(strict), "0");
}

#[test]
fn migrations_behind_the_parts_get_the_next_numbers_on_17() {
    let Some(server) = Server::start(17) else { return };
    let names = ["001_init", "002_note", "003_tag", "004_fax"];
    renumbered(&PAIRS, &server.database(), names, ["006_tag", "007_fax"]);
    // What the database has keeps its name.
    let database = server.database();
    let project = crowded(&PAIRS, &database, names);
    ok(&project, &database, &["resolve", "--applied", names[2]]);
    let run = migrate(&project, &database, &["plan", "--safe", names[1]]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(run.stdout.contains("\"003_tag\" stands where its parts have to"), "{}", run.stdout);
}

#[test]
fn a_migration_behind_two_is_told_by_its_last_name_on_17() {
    let Some(server) = Server::start(17) else { return };
    let database = server.database();
    let project = crowded(&PAIRS, &database, ["001_init", "002_note", "004_tag", "003_fax"]);
    let shown = ok(&project, &database, &["plan", "--safe"]).stdout;
    let said: Vec<&str> = shown.lines().filter(|line| line.contains("\"004_tag\" becomes")).collect();
    assert!(said.len() == 1 && said[0].contains("resolve --applied 0"), "{shown}");
    let last = said[0].split('"').nth(3).unwrap();
    assert!(shown.contains(&format!("+{}\n", told(last))), "{shown}");
    // What another runner runs at a number keeps it.
    project.write("db/migrations/005_seed.js", "exports.up = () => {};\n");
    let run = migrate(&project, &database, &["plan", "--safe", "--write"]);
    assert!(run.stdout.contains("\"005_seed.js\" is no migration that is read here"), "{}", run.both());
    assert!(project.path().join(PAIRS.main("002_note")).exists());
    assert!(!project.path().join(PAIRS.main("005_note_validate_note")).exists());
}

#[test]
fn migrations_behind_the_parts_get_the_next_numbers_on_15() {
    let Some(server) = Server::start(15) else { return };
    let names = ["20260101000000_init", "20260102000000_note", "20260102000002_tag", "20260102000003_fax"];
    renumbered(&GOOSE, &server.database(), names, ["20260102000004_tag", "20260102000005_fax"]);
}

#[test]
fn diesel_is_told_anew_of_the_first_part_on_15() {
    let Some(server) = Server::start(15) else { return };
    let database = server.database();
    let project = begun(&FOLDERS, &database);
    let [_, next] = FOLDERS.names;
    let metadata = |name: &str| format!("db/migrations/{name}/metadata.toml");
    let type_change = "ALTER TABLE orders ALTER COLUMN total TYPE bigint;\n";
    FOLDERS.write(&project, next, type_change, "ALTER TABLE orders ALTER COLUMN total TYPE integer;\n");
    project.write(&metadata(next), "# By hand.\nrun_in_transaction = false\n");
    let shown = ok(&project, &database, &["plan", "--safe"]);
    assert!(shown.stdout.contains("-run_in_transaction = false\n"), "{}", shown.stdout);
    let names = planned(&FOLDERS, &project, &database);
    assert_eq!(names[0], next);
    assert_eq!(project.read(&metadata(next)), "# By hand.\nrun_in_transaction = true\n");
    for name in &names[1..] {
        let told = project.path().join(metadata(name));
        let concurrent = project.read(&FOLDERS.main(name)).contains(" INDEX CONCURRENTLY ");
        assert_eq!(told.is_file(), concurrent, "{name}");
    }
    ok(&project, &database, &["deploy"]);
    // Where the first part is the concurrent one, it is told as before.
    let project = Project::new(&[]);
    let database = server.database();
    FOLDERS.write(&project, FOLDERS.names[0], INIT, "DROP TABLE orders, vendor;\n");
    ok(&project, &database, &["deploy"]);
    FOLDERS.write(
        &project,
        next,
        "CREATE INDEX orders_note ON orders (note);\nALTER TABLE orders ALTER COLUMN note SET NOT NULL;\n",
        UNDO,
    );
    project.write(&metadata(next), "# By hand.\nrun_in_transaction = false\n");
    planned(&FOLDERS, &project, &database);
    assert_eq!(project.read(&metadata(next)), "# By hand.\nrun_in_transaction = false\n");
}
