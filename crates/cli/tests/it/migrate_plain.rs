//! Projects of plain SQL as a new user walks through them: numbered files, pairs of up and down, and files that hold both
//! directions. One server for each walk.

use crate::migrate_support::{Database, Server, done, migrate};
use crate::support::{Project, Run};

fn ok(project: &Project, database: &Database<'_>, arguments: &[&str]) -> Run {
    ends(project, database, arguments, 0)
}

fn ends(project: &Project, database: &Database<'_>, arguments: &[&str], code: i32) -> Run {
    let run = migrate(project, database, arguments);
    assert_eq!(run.code, Some(code), "{arguments:?}: {}", run.both());
    run
}

fn names(database: &Database<'_>) -> Vec<String> {
    let rows = database.history_of("pgsteward_migrations").into_iter();
    rows.filter(|row| row.finished && !row.rolled_back).map(|row| row.name).collect()
}

fn columns(database: &Database<'_>, table: &str) -> String {
    database.value(&format!(
        "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = to_regclass('{table}') \
         AND attnum > 0 AND NOT attisdropped"
    ))
}

#[test]
fn pairs_of_up_and_down() {
    let Some(server) = Server::start(17) else { return };
    let (dev, production) = (server.database(), server.database());
    let project = Project::new(&[
        ("db/migrations/000001_init.up.sql", "CREATE TABLE account (id int PRIMARY KEY, name text);\n"),
        ("db/migrations/000001_init.down.sql", "DROP TABLE account;\n"),
    ]);
    assert!(ok(&project, &dev, &["dev"]).stdout.contains("now in sync with your migrations"));
    // The next pair is empty; what undoes it is made when its author has written it.
    ok(&project, &dev, &["dev", "--create-only", "--name", "Add note"]);
    assert_eq!(project.read("db/migrations/000002_add_note.down.sql"), "");
    let run = ends(&project, &dev, &["dev"], 1);
    assert!(run.stderr.contains("\"000002_add_note\" holds no statement yet"), "{}", run.both());
    project.write("db/migrations/000002_add_note.up.sql", "ALTER TABLE account ADD COLUMN note text;\n");
    let run = ok(&project, &dev, &["dev"]);
    assert!(run.stdout.contains("way back made: 000002_add_note: proven"), "{}", run.both());
    assert!(project.read("db/migrations/000002_add_note.down.sql").contains("DROP COLUMN"));
    // What its author wrote is proven when it runs, and stays as it is.
    ok(&project, &dev, &["rollback", "--steps", "2"]);
    assert_eq!((names(&dev), dev.relations()), (vec![], vec![]));
    assert_eq!(project.read("db/migrations/000001_init.down.sql"), "DROP TABLE account;\n");
    ok(&project, &dev, &["dev"]);
    project.write("db/migrations/000001_init.down.sql", "ALTER TABLE account RENAME TO gone;\n");
    project.write("db/migrations/000002_add_note.down.sql", "ALTER TABLE account DROP COLUMN note;\n");
    let run = ends(&project, &dev, &["rollback", "--steps", "2"], 1);
    assert!(
        run.stderr.contains("\"000001_init\" is not proven: the schema is not what it was"),
        "{}",
        run.both()
    );
    assert_eq!(names(&dev), ["000001_init", "000002_add_note"], "nothing was run");
    project.write("db/migrations/000001_init.down.sql", "DROP TABLE account;\n");

    by_hand(&project, &dev);
    ok(&project, &production, &["deploy"]);
    squashed(
        &project,
        &dev,
        &production,
        &["000004_squashed_migrations.down.sql", "000004_squashed_migrations.up.sql"],
    );
}

/// What was changed in the database by hand becomes the next pair.
fn by_hand(project: &Project, dev: &Database<'_>) {
    dev.run("ALTER TABLE account RENAME COLUMN note TO remark; CREATE INDEX account_name ON account (lower(name))");
    let run = ends(project, dev, &["dev"], 130);
    assert!(
        run.stdout.contains("index public.account_name: is in the database and in no migration"),
        "{}",
        run.both()
    );
    assert!(run.stdout.contains("migrate dev --from-database --name NAME"), "{}", run.both());
    assert!(run.stdout.contains("pgsteward migrate reset"), "{}", run.both());
    // A rename is not guessed.
    let from = ["dev", "--from-database", "--name", "by hand"];
    let run = ends(project, dev, &from, 1);
    assert!(run.stderr.contains("column \"note\" of \"account\" is dropped"), "{}", run.both());
    assert!(run.stderr.contains("--rename account.note=remark"), "{}", run.both());
    let run = ok(project, dev, &[&from[..], &["--rename", "account.note=remark"]].concat());
    assert!(
        run.stdout.contains("recorded as applied") && run.stdout.contains("way back: proven"),
        "{}",
        run.both()
    );
    let text = project.read("db/migrations/000003_by_hand.up.sql");
    assert!(text.starts_with("ALTER TABLE account RENAME COLUMN note TO remark;\n"), "{text}");
    assert!(text.contains("CREATE INDEX account_name ON account ((lower(name)))"), "{text}");
    assert_eq!(names(dev).last().unwrap(), "000003_by_hand");
    // Written first, recorded after a look at it.
    dev.run("CREATE TABLE extra (id int)");
    ok(project, dev, &["dev", "--from-database", "--create-only", "--name", "extra"]);
    let run = ends(project, dev, &["dev"], 130);
    assert!(run.stdout.contains("--from-database` records them and runs nothing"), "{}", run.both());
    // Rows leave no trace in a catalog: nobody is sent where they would be refused.
    let file = "db/migrations/000004_extra.up.sql";
    let text = project.read(file);
    project.write(file, format!("{text}INSERT INTO extra VALUES (1);\n"));
    let run = ends(project, dev, &["dev"], 130);
    assert!(
        run.stdout.contains("writes rows (INSERT into \"extra\")")
            && run.stdout.contains("resolve --applied"),
        "{}",
        run.both()
    );
    assert!(!run.stdout.contains("records them and runs nothing"), "{}", run.both());
    ends(project, dev, &["dev", "--from-database"], 1);
    project.write(file, &text);
    let run = ok(project, dev, &["dev", "--from-database"]);
    assert!(run.stdout.contains("Recorded without running them"), "{}", run.both());
    ok(project, dev, &["status"]);
}

/// One migration takes the place of all, a new database runs it, and those that have them record it.
fn squashed(project: &Project, dev: &Database<'_>, production: &Database<'_>, files: &[&str]) {
    project.commit_all();
    ok(project, dev, &["squash", "--yes"]);
    assert_eq!(project.list("db/migrations"), files);
    let before = columns(production, "account");
    let run = ok(project, production, &["deploy"]);
    assert!(run.stdout.contains("_squashed_migrations"), "{}", run.both());
    assert_eq!(columns(production, "account"), before);
    assert!(names(production).last().unwrap().ends_with("_squashed_migrations"));
    ok(project, dev, &["dev"]);
    let fresh = dev.server.database();
    ok(project, &fresh, &["deploy"]);
    assert_eq!((columns(&fresh, "account"), fresh.relations()), (before, production.relations()));
    let run = ends(project, &fresh, &["rollback"], 1);
    assert!(run.stderr.contains("cannot be undone: it is the start of the history"), "{}", run.both());
}

#[test]
fn numbered_files() {
    let Some(server) = Server::start(15) else { return };
    let (dev, production) = (server.database(), server.database());
    let project = Project::new(&[("db/migrations/.gitkeep", "")]);
    // An empty folder is a beginning; a database that is there already becomes the first file.
    dev.run(
        "CREATE TABLE account (id serial PRIMARY KEY, name text NOT NULL); CREATE TABLE schema_migrations (version text); \
         INSERT INTO account (name) VALUES ('one')",
    );
    let run = ends(&project, &dev, &["dev"], 130);
    assert!(
        !run.stdout.contains("schema_migrations"),
        "another runner's history is no drift: {}",
        run.both()
    );
    ok(&project, &dev, &["dev", "--from-database", "--create-only", "--name", "init"]);
    let made: Vec<String> =
        project.list("db/migrations").into_iter().filter(|name| name.ends_with("_init.sql")).collect();
    assert!(made.len() == 1 && made[0].len() == "20260101000000_init.sql".len(), "{made:?}");
    let text = project.read(&format!("db/migrations/{}", made[0]));
    std::fs::remove_dir_all(project.path().join("db")).unwrap();
    project.write("db/migrations/001_init.sql", &text);
    ok(&project, &dev, &["dev", "--from-database"]);
    assert_eq!(names(&dev), ["001_init"]);
    project.write("db/migrations/002_audit.sql", "CREATE SCHEMA audit;\nCREATE TABLE audit.log (id int);\n");
    project.write("db/migrations/002_audit.checks.sql", "-- after\nSELECT count(*) = 0 FROM audit.log;\n");
    ok(&project, &dev, &["dev"]);
    let run = ends(&project, &dev, &["dev", "--name", "next"], 1);
    assert!(run.stderr.contains("--create-only makes an empty file"), "{}", run.both());
    project.write("db/migrations/003_next.sql", "CREATE VIEW names AS SELECT name FROM account;\n");
    ok(&project, &dev, &["deploy"]);
    assert_eq!(names(&dev), ["001_init", "002_audit", "003_next"]);
    // Another namespace of the migrations is compared, emptied and made again.
    dev.run("ALTER TABLE audit.log ADD COLUMN at timestamptz");
    let run = ends(&project, &dev, &["dev"], 130);
    assert!(run.stdout.contains("audit.log"), "{}", run.both());
    ok(&project, &dev, &["reset", "--force"]);
    assert_eq!((columns(&dev, "audit.log"), columns(&dev, "names")), ("id".into(), "name".into()));
    // Edited and missing files.
    project.write("db/migrations/003_next.sql", "CREATE VIEW names AS SELECT name, id FROM account;\n");
    let run = ends(&project, &dev, &["dev"], 130);
    assert!(run.stdout.contains("`003_next` was modified after it was applied"), "{}", run.both());
    std::fs::remove_file(project.path().join("db/migrations/003_next.sql")).unwrap();
    let run = ends(&project, &dev, &["dev"], 130);
    assert!(run.stdout.contains("missing from the local migrations directory: 003_next"), "{}", run.both());
    project.write("db/migrations/003_next.sql", "CREATE VIEW names AS SELECT name FROM account;\n");
    // What undoes a file is made on request, and used.
    let run = ends(&project, &dev, &["rollback"], 1);
    assert!(run.stderr.contains("has no 003_next.down.sql"), "{}", run.both());
    ok(&project, &dev, &["adopt", "003_next"]);
    ok(&project, &dev, &["rollback"]);
    assert_eq!(
        (names(&dev), columns(&dev, "names")),
        (vec!["001_init".into(), "002_audit".into()], String::new())
    );
    ok(&project, &dev, &["dev"]);
    ok(&project, &production, &["deploy"]);
    squashed(
        &project,
        &dev,
        &production,
        &["003_squashed_migrations.down.sql", "003_squashed_migrations.sql"],
    );
}

#[test]
fn both_directions_in_one_file() {
    let Some(server) = Server::start(17) else { return };
    for (up, down) in [
        ("-- migrate:up", "-- migrate:down"),
        ("-- +goose Up", "-- +goose Down"),
        ("-- Up Migration", "-- Down Migration"),
    ] {
        let (dev, production) = (server.database(), server.database());
        let first =
            format!("{up}\nCREATE TABLE account (id int PRIMARY KEY);\n\n{down}\nDROP TABLE account;\n");
        let file = "db/migrations/20260101000000_init.sql";
        let project = Project::new(&[(file, &first)]);
        // The way back does not run with the way there.
        ok(&project, &dev, &["deploy"]);
        assert_eq!(
            (columns(&dev, "account"), names(&dev)),
            ("id".into(), vec!["20260101000000_init".into()])
        );
        ok(&project, &dev, &["dev", "--create-only", "--name", "note"]);
        let next = project.list("db/migrations").pop().unwrap();
        let path = format!("db/migrations/{next}");
        assert_eq!(project.read(&path), format!("{up}\n\n{down}\n"));
        project.write(&path, format!("{up}\nALTER TABLE account ADD COLUMN note text;\n{down}\n"));
        let run = ok(&project, &dev, &["dev"]);
        assert!(run.stdout.contains("way back made: "), "{}", run.both());
        let text = project.read(&path);
        assert!(text.starts_with(&format!(
            "{up}\nALTER TABLE account ADD COLUMN note text;\n{down}\n-- pgsteward-down: "
        )));
        // The way back may be written anew behind an applied way there.
        project.write(file, first.replace("DROP TABLE account;", "DROP TABLE IF EXISTS account;"));
        ok(&project, &dev, &["status", "--no-lab"]);
        ok(&project, &dev, &["rollback", "--steps", "2"]);
        assert_eq!((columns(&dev, "account"), names(&dev)), (String::new(), vec![]));
        if !up.contains("migrate:up") {
            continue;
        }
        ok(&project, &dev, &["deploy"]);
        assert_eq!(columns(&dev, "account"), "id note");
        ok(&project, &production, &["deploy"]);
        let squash = next.replace("_note.sql", "_squashed_migrations.sql");
        squashed(&project, &dev, &production, &[&squash]);
        assert!(project.read(&format!("db/migrations/{squash}")).starts_with(&format!("{up}\n")));
    }
    let database = server.database();
    let wrong = "-- migrate:down\nDROP TABLE a;\n-- migrate:up\nCREATE TABLE a ();\n";
    let reversed = Project::new(&[("migrations/001_a.sql", wrong)]);
    let run = ends(&reversed, &database, &["deploy"], 1);
    assert!(run.stderr.contains("begins with its way back"), "{}", run.both());
    let pairs =
        [("migrations/001_a.up.sql", "CREATE TABLE a ();"), ("migrations/002_b.sql", "CREATE TABLE b ();")];
    let run = ends(&Project::new(&pairs), &database, &["deploy"], 1);
    assert!(run.stderr.contains("\"002_b.sql\" is neither an .up.sql nor a .down.sql"), "{}", run.both());
    assert_eq!(database.relations(), Vec::<String>::new());
    let run = Project::new(&[("migrations/001_a.sql", "CREATE TABLE a ();")]);
    ok(&run, &database, &["deploy"]);
    assert_eq!(database.history_of("pgsteward_migrations"), [done("001_a")]);
}
