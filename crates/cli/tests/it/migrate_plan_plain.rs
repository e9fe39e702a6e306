//! `migrate plan --safe` in projects of plain SQL: the parts are files of the project's own form, run in its order, and come
//! with their way back.

use std::path::Path;

use crate::migrate_support::{Database, Server, migrate};
use crate::support::{Project, Run};

pub(crate) const INIT: &str = "CREATE TABLE vendor (id serial PRIMARY KEY, name text NOT NULL, fax text);\n\
                    CREATE TABLE orders (id serial PRIMARY KEY, note text, total integer NOT NULL DEFAULT 0);\n\
                    CREATE INDEX orders_total ON orders (total);\n";
const NEXT: &str = "CREATE INDEX orders_note ON orders (note);\n\n\
                    ALTER TABLE orders ALTER COLUMN note SET NOT NULL;\n\n\
                    ALTER TABLE orders ALTER COLUMN total TYPE bigint;\n\n\
                    ALTER TABLE vendor DROP COLUMN fax;\n";
pub(crate) const UNDO: &str = "ALTER TABLE vendor ADD COLUMN fax text;\nDROP INDEX orders_note;\n";

/// How a runner wants its files.
pub(crate) struct Form {
    files: &'static [(&'static str, Part)],
    /// The names of the two migrations.
    pub(crate) names: [&'static str; 2],
    /// What tells the runner that a file runs outside of a transaction.
    alone: Option<&'static str>,
    /// The folder's files hold transactions of their own.
    bare: bool,
}

pub(crate) enum Part {
    Up,
    Down,
    Both(&'static str, &'static str),
}

const DBMATE: Form = Form {
    files: &[("{}.sql", Part::Both("-- migrate:up\n", "\n-- migrate:down\n"))],
    names: ["20260101000000_init", "20260102235958_next"],
    alone: Some("-- migrate:up transaction:false\n"),
    bare: false,
};
pub(crate) const GOOSE: Form = Form {
    files: &[("{}.sql", Part::Both("-- +goose Up\n", "\n-- +goose Down\n"))],
    names: ["00001_init", "00002_next"],
    alone: Some("-- +goose NO TRANSACTION\n-- +goose Up\n"),
    bare: false,
};
const NODE_PG_MIGRATE: Form = Form {
    files: &[("{}.sql", Part::Both("-- Up Migration\n", "\n-- Down Migration\n"))],
    names: ["1767225600000_init", "1767312000000_next"],
    alone: None,
    bare: false,
};
pub(crate) const PAIRS: Form = Form {
    files: &[("{}.down.sql", Part::Down), ("{}.up.sql", Part::Up)],
    names: ["000001_init", "000002_next"],
    alone: Some("-- no-transaction\n"),
    bare: false,
};
pub(crate) const FOLDERS: Form = Form {
    files: &[("{}/down.sql", Part::Down), ("{}/up.sql", Part::Up)],
    names: ["2026-01-01-000000_init", "2026-01-02-000000_next"],
    alone: None,
    bare: false,
};
const NUMBERED: Form =
    Form { files: &[("{}.sql", Part::Up)], names: ["V1__init", "V2__next"], alone: None, bare: true };

impl Form {
    pub(crate) fn write(&self, project: &Project, name: &str, up: &str, down: &str) {
        for (file, part) in self.files {
            let text = match part {
                Part::Up => up.to_owned(),
                Part::Down => down.to_owned(),
                Part::Both(above, between) => format!("{above}{up}{between}{down}"),
            };
            project.write(&format!("db/migrations/{}", file.replace("{}", name)), text);
        }
    }

    /// The file that is run.
    pub(crate) fn main(&self, name: &str) -> String {
        format!("db/migrations/{}", self.files.last().unwrap().0.replace("{}", name))
    }
}

pub(crate) fn ok(project: &Project, database: &Database<'_>, arguments: &[&str]) -> Run {
    let run = migrate(project, database, arguments);
    assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.both());
    run
}

/// A project whose first migration is deployed, with rows, and whose second waits.
pub(crate) fn begun(form: &Form, database: &Database<'_>) -> Project {
    let project = Project::new(&[]);
    form.write(&project, form.names[0], INIT, "DROP TABLE orders, vendor;\n");
    ok(&project, database, &["deploy"]);
    database.run(
        "INSERT INTO orders (note, total) SELECT 'row ' || n, n FROM generate_series(1, 50) n; \
         INSERT INTO vendor (name, fax) VALUES ('one', '1')",
    );
    form.write(&project, form.names[1], NEXT, UNDO);
    project
}

/// Shows the plan, and writes nothing.
fn shown(project: &Project, database: &Database<'_>) -> String {
    let before = project.list("db/migrations");
    let shown = ok(project, database, &["plan", "--safe"]);
    assert!(
        shown.stdout.contains("proven") && shown.stdout.contains("+++ b/db/migrations/"),
        "{}",
        shown.stdout
    );
    assert_eq!(project.list("db/migrations"), before, "a dry run writes nothing");
    shown.stdout
}

/// Plans and writes; the names of the parts in their order.
pub(crate) fn planned(form: &Form, project: &Project, database: &Database<'_>) -> Vec<String> {
    let written = ok(project, database, &["plan", "--safe", "--write", "--format", "json"]).json();
    let one = &written["migrations"][0];
    assert_eq!(one["verdict"]["verdict"], "proven", "{written:#}");
    let parts = one["folders"].as_array().unwrap();
    let downs: Vec<&str> = parts.iter().filter_map(|part| part["down"].as_str()).collect();
    assert_eq!(downs.len(), if form.bare { 0 } else { parts.len() }, "{written:#}");
    assert!(downs.iter().all(|down| !down.contains("irreversible")), "{downs:?}");
    parts.iter().map(|part| part["name"].as_str().unwrap().to_owned()).collect()
}

/// What the files say, whoever runs them.
fn read(form: &Form, project: &Project, names: &[String]) {
    let texts: Vec<String> = names.iter().map(|name| project.read(&form.main(name))).collect();
    let all = texts.join("\n");
    for said in [
        "CREATE INDEX CONCURRENTLY orders_note ON",
        "NOT VALID",
        "VALIDATE CONSTRAINT",
        "-- pgsteward-backfill: UPDATE ",
        "-- pgsteward: unused \"vendor\" \"fax\"",
    ] {
        assert!(all.contains(said), "{said}: {all}");
    }
    for (name, text) in names.iter().zip(&texts) {
        let concurrent = text.contains(" INDEX CONCURRENTLY ");
        if let Some(alone) = form.alone {
            assert_eq!(text.starts_with(alone), concurrent, "{text}");
        }
        let beside = project.path().join(form.main(name)).with_file_name("metadata.toml");
        assert_eq!(
            beside.is_file(),
            concurrent && form.main(name).ends_with("/up.sql"),
            "{}",
            beside.display()
        );
        if !form.bare {
            assert!(!text.contains("\nBEGIN;\n"), "the runner has a transaction: {text}");
        }
    }
    assert_eq!(all.contains("\nBEGIN;\n"), form.bare);
    assert!(
        !project.list("db/migrations").iter().any(|name| name.contains("backfill")),
        "a runner would run it"
    );
}

/// Takes the parts out of the folder, and gives them back one by one.
fn one_by_one(project: &Project, names: &[String], each: &mut dyn FnMut(&str)) {
    let folder = project.path().join("db/migrations");
    let aside = tempfile::tempdir().unwrap();
    let of = |at: &Path, name: &str| -> Vec<String> {
        let entries = std::fs::read_dir(at).unwrap();
        let all = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        all.filter(|entry| entry == name || entry.starts_with(&format!("{name}."))).collect()
    };
    let moved = |from: &Path, to: &Path, name: &str| {
        for entry in of(from, name) {
            std::fs::rename(from.join(&entry), to.join(&entry)).unwrap();
        }
    };
    for name in names {
        moved(&folder, aside.path(), name);
    }
    for name in names {
        moved(aside.path(), &folder, name);
        each(name);
    }
}

pub(crate) fn applied(database: &Database<'_>) -> Vec<String> {
    let rows = database.history_of("pgsteward_migrations").into_iter();
    rows.filter(|row| row.finished && !row.rolled_back).map(|row| row.name).collect()
}

/// The database is what the migration makes of it.
fn done(database: &Database<'_>) {
    let columns = "SELECT string_agg(column_name || ' ' || data_type || ' ' || is_nullable, ', ' ORDER BY table_name, column_name) \
                   FROM information_schema.columns WHERE table_name IN ('orders', 'vendor')";
    assert_eq!(
        database.value(columns),
        "id integer NO, note text NO, total bigint NO, id integer NO, name text NO"
    );
    assert_eq!(
        database.value("SELECT count(*) FROM orders WHERE note = 'row ' || total"),
        "50",
        "no row was lost"
    );
    let mut relations = database.relations();
    relations.retain(|name| !name.starts_with("pgsteward_backfills"));
    assert_eq!(relations, ["orders", "orders_note", "orders_pkey", "orders_total", "vendor", "vendor_pkey"]);
    assert_eq!(database.value("SELECT count(*) FROM pg_constraint WHERE NOT convalidated"), "0");
}

/// Every part alone, with both versions of the application at every stage; the drop waits for the old one.
fn walk(form: &Form, database: &Database<'_>) {
    let project = begun(form, database);
    let names = planned(form, &project, database);
    read(form, &project, &names);
    let last = names.last().unwrap().clone();
    assert!(last.ends_with("_next_drop_fax"), "{names:?}");
    let mut number = 1000;
    one_by_one(&project, &names, &mut |name| {
        if project.read(&form.main(name)).contains("-- pgsteward-backfill: ") {
            let filled = ["backfill", name, "--batch-size", "7", "--pause", "0", "--format", "json"];
            let report = ok(&project, database, &filled).json();
            assert!(report["rows_changed"].as_u64() >= Some(50), "{report:#}");
        }
        if name == last {
            let asks = database.server.runtime.block_on(async {
                let session = database.session().await;
                session.rows("SELECT fax FROM vendor").await.unwrap();
                session
            });
            let run = migrate(&project, database, &["deploy"]);
            assert_eq!(run.code, Some(1), "{}", run.both());
            assert!(run.both().contains("fax"), "{}", run.both());
            // The words of constants and comments are no names.
            let told = "SELECT name FROM vendor WHERE name <> 'fax' /* fax */";
            database.server.runtime.block_on(asks.rows(told)).unwrap();
            ok(&project, database, &["deploy"]);
            database.server.runtime.block_on(asks.close());
        }
        ok(&project, database, &["deploy"]);
        assert_eq!(applied(database).last().unwrap(), name);
        for cast in ["integer", "bigint"] {
            number += 1;
            let id = database.value(&format!(
                "INSERT INTO orders (note, total) VALUES ('new', {number}::{cast}) RETURNING id"
            ));
            let read = database.value(&format!("SELECT total::{cast} FROM orders WHERE id = {id}"));
            assert_eq!(read, number.to_string(), "{name}");
        }
    });
    done(database);
    ok(&project, database, &["status"]);
}

/// All parts at once, and back.
fn there_and_back(form: &Form, database: &Database<'_>) {
    let project = begun(form, database);
    let names = planned(form, &project, database);
    read(form, &project, &names);
    ok(&project, database, &["deploy"]);
    assert_eq!(applied(database).last(), names.last());
    done(database);
    ok(&project, database, &["status", "--no-lab"]);
    if form.bare {
        return;
    }
    let steps = names.len().to_string();
    ok(&project, database, &["rollback", "--accept-data-loss", "--steps", &steps]);
    assert_eq!(applied(database), [form.names[0]]);
    let total = "SELECT data_type || ' ' || (SELECT count(*) FROM information_schema.columns WHERE column_name = 'fax') \
                 FROM information_schema.columns WHERE column_name = 'total'";
    assert_eq!(database.value(total), "integer 1");
    assert_eq!(database.value("SELECT count(*) FROM orders WHERE note LIKE 'row %'"), "50");
}

#[test]
fn parts_are_files_of_the_runner_on_17() {
    let Some(server) = Server::start(17) else { return };
    walk(&DBMATE, &server.database());
    there_and_back(&PAIRS, &server.database());
    let database = server.database();
    let project = begun(&NODE_PG_MIGRATE, &database);
    let plan = shown(&project, &database);
    assert!(plan.contains("node-pg-migrate runs files of SQL in a transaction"), "{plan}");
    assert!(plan.contains("+++ b/db/migrations/1767312001000_next_then.sql"), "{plan}");
}

#[test]
fn parts_are_files_of_the_runner_on_15() {
    let Some(server) = Server::start(15) else { return };
    walk(&NUMBERED, &server.database());
    there_and_back(&GOOSE, &server.database());
    there_and_back(&FOLDERS, &server.database());
}

#[test]
fn the_history_of_another_runner_is_not_guessed_on_17() {
    let Some(server) = Server::start(17) else { return };
    let database = server.database();
    let project = Project::new(&[]);
    DBMATE.write(&project, DBMATE.names[0], INIT, "DROP TABLE orders, vendor;\n");
    DBMATE.write(&project, DBMATE.names[1], NEXT, UNDO);
    database.run("CREATE TABLE schema_migrations (version text PRIMARY KEY)");
    for asked in [&["plan", "--safe"][..], &["plan", "--safe", "--write", DBMATE.names[1]]] {
        let run = migrate(&project, &database, asked);
        assert_ne!(run.code, Some(0), "{}", run.both());
        assert!(run.both().contains("schema_migrations") && run.both().contains("resolve --applied"));
    }
    let named = ok(&project, &database, &["plan", "--safe", DBMATE.names[1]]);
    assert!(named.stdout.contains("was not read"), "{}", named.stdout);
}
