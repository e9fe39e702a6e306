//! `migrate status`: every class of trouble with its exit code, alone and together.

use std::path::Path;

use crate::migrate_support::{Database, Server, add, migrate, project};
use crate::support::{HEAD, Project, Run, SHOP_SQL};

const INIT: &str = "20260101000000_init";
const MORE: &str = "20260102000000_more";

#[test]
fn on_17() {
    on(17);
}

#[test]
fn on_15() {
    on(15);
}

fn on(major: u32) {
    let Some(server) = Server::start(major) else { return };
    one_by_one(&server);
    histories_that_differ(&server);
    drift(&server, major);
}

fn status(project: &Project, database: &Database<'_>) -> Run {
    migrate(project, database, &["status", "--no-lab"])
}

fn one_by_one(server: &Server) {
    let project = project(&[(INIT, SHOP_SQL)]);
    let absent = server.absent("not_there");
    let run = status(&project, &absent);
    assert!(run.code == Some(1) && run.stderr.contains("P1003"), "{}", run.both());
    assert!(run.stderr.contains("hint: `pgsteward migrate deploy` makes the database"), "{}", run.stderr);

    let database = server.database();
    let run = status(&project, &database);
    assert_eq!(run.code, Some(1));
    assert!(
        run.stdout.contains("has no history of migrations") && run.stdout.contains(INIT),
        "{}",
        run.stdout
    );
    assert_eq!(database.value("SELECT to_regclass('_prisma_migrations')"), "", "status writes nothing");

    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    let run = status(&project, &database);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stdout.contains("Database schema is up to date!"), "{}", run.stdout);

    add(&project, MORE, "CREATE TABLE m (id int);");
    let run = status(&project, &database);
    assert!(run.code == Some(1) && run.stdout.contains("1 not yet applied:"), "{}", run.both());
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));

    // Line endings are no edit, a blank is.
    project.write(&format!("prisma/migrations/{INIT}/migration.sql"), SHOP_SQL.replace('\n', "\r\n"));
    assert_eq!(status(&project, &database).code, Some(0));
    project.write(&format!("prisma/migrations/{INIT}/migration.sql"), format!("{SHOP_SQL} "));
    let run = status(&project, &database);
    assert!(run.code == Some(3) && run.stdout.contains("1 edited after they were applied"), "{}", run.both());
    project.write(&format!("prisma/migrations/{INIT}/migration.sql"), SHOP_SQL);

    database.run("ALTER TABLE m ADD CONSTRAINT positive CHECK (id > 0) NOT VALID");
    let run = status(&project, &database);
    assert!(run.code == Some(7) && run.stdout.contains("m: positive"), "{}", run.both());
    database.run("INSERT INTO m VALUES (1), (1)");
    let failed = server.runtime.block_on(async {
        let session = database.session().await;
        let failed = session.simple("CREATE UNIQUE INDEX CONCURRENTLY m_id ON m (id)").await;
        session.close().await;
        failed
    });
    assert!(failed.is_err());
    let run = status(&project, &database);
    assert!(run.code == Some(6) && run.stdout.contains("m: m_id"), "{}", run.both());
    let json = migrate(&project, &database, &["status", "--no-lab", "--format", "json"]).json();
    assert_eq!(json["classes"], serde_json::json!(["invalid_indexes", "not_valid"]));
    assert_eq!(json["exit_code"], 6);
}

fn histories_that_differ(server: &Server) {
    let database = server.database();
    let project = project(&[(INIT, "CREATE TABLE t (id int);"), (MORE, "CREATE TABLE m (id int);")]);
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    std::fs::remove_dir_all(project.path().join("prisma/migrations").join(MORE)).unwrap();
    let run = status(&project, &database);
    assert!(run.code == Some(4) && run.stdout.contains("missing in the migrations folder"), "{}", run.both());
    // A deploy leaves that alone, as Prisma's does.
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));

    add(&project, "20260103000000_other", "SELECT nothing;");
    let run = status(&project, &database);
    assert_eq!(run.code, Some(1));
    assert!(run.stdout.contains(&format!("diverge. Last common migration: {INIT}")), "{}", run.stdout);
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(1));
    let run = status(&project, &database);
    assert!(
        run.code == Some(1) && run.stdout.contains("1 failed:") && run.stdout.contains("42703").eq(&false),
        "{}",
        run.both()
    );
    assert!(run.stdout.contains("column \"nothing\" does not exist"), "{}", run.stdout);
}

/// `migrate …` with a cache of its own. `binaries` empty: any that are found.
pub(crate) fn cached(project: &Project, url: &str, cache: &Path, arguments: &[&str], binaries: &str) -> Run {
    let mut command = project.command(&[&["migrate"], arguments].concat());
    command.env("DATABASE_URL", url).env("XDG_CACHE_HOME", cache);
    if !binaries.is_empty() {
        command.env("PGSTEWARD_PG_BIN", binaries);
    }
    project.of(&command.output().unwrap())
}

pub(crate) const STATUS: [&str; 3] = ["status", "--format", "json"];

fn drift(server: &Server, major: u32) {
    let database = server.database();
    let cache = tempfile::tempdir().unwrap();
    let project = project(&[(INIT, SHOP_SQL)]);
    let status_of = |database: &Database<'_>, arguments: &[&str], binaries: &str| {
        cached(&project, &database.url(), cache.path(), &[&STATUS, arguments].concat(), binaries)
    };
    let status = |arguments: &[&str]| status_of(&database, arguments, "");
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    assert!(status(&["--no-lab"]).json()["drift"].is_null(), "not looked for");
    let run = status(&[]);
    let json = run.json();
    let none = serde_json::json!([]);
    assert_eq!((run.code, &json["drift"]), (Some(0), &none), "{json}");
    assert!(status(&["--no-lab"]).json()["drift"].is_null(), "not even what was found before is looked up");
    // The same again needs no lab, and another database of the same history does not either.
    assert_eq!(status_of(&database, &[], "/nonexistent").json()["drift"], none);
    let other = server.database();
    assert_eq!(migrate(&project, &other, &["deploy"]).code, Some(0));
    assert_eq!(status_of(&other, &[], "/nonexistent").json()["drift"], none);
    // What no Prisma schema can say counts too.
    database.run("ALTER TABLE \"Order\" ADD CONSTRAINT positive CHECK (id > 0)");
    let blind = status_of(&database, &[], "/nonexistent").json();
    assert!(
        blind["drift"].is_null() && blind["notes"].to_string().contains("drift was not looked for"),
        "{blind}"
    );
    let run = status(&[]);
    assert_eq!(run.code, Some(5), "{}", run.both());
    let drift = run.json()["drift"].to_string();
    assert!(drift.contains("positive") && drift.contains("in the database and in no migration"), "{drift}");
    database.run("ALTER TABLE \"Order\" DROP CONSTRAINT positive; DROP TABLE \"Order\"");
    let drift = status(&[]).json()["drift"].to_string();
    assert!(drift.contains("table public.Order: is missing in the database"), "{drift}");
    // The rest is not the version's doing.
    if major == 17 {
        in_other_places(server, cache.path());
        after_dev(server, cache.path());
    }
}

/// A namespace of the URL, and what `initShadowDb` makes before the first migration.
fn in_other_places(server: &Server, cache: &Path) {
    let database = server.database();
    let ours = project(&[(INIT, "CREATE TABLE t (id int);")]);
    let url = format!("{}&schema=app", database.url());
    assert_eq!(cached(&ours, &url, cache, &["deploy"], "").code, Some(0));
    let run = cached(&ours, &url, cache, &STATUS, "");
    assert_eq!((run.code, &run.json()["drift"]), (Some(0), &serde_json::json!([])), "{}", run.both());

    let database = server.database();
    ours.write(
        "prisma.config.ts",
        "import { defineConfig } from 'prisma/config';\n\
         export default defineConfig({ schema: 'prisma/schema.prisma', tables: { external: ['public.Legacy'] }, \
         migrations: { initShadowDb: 'CREATE TABLE \"Legacy\" (id INT PRIMARY KEY);' } });\n",
    );
    add(&ours, INIT, "CREATE TABLE t (id int REFERENCES \"Legacy\");");
    database.run("CREATE TABLE \"Legacy\" (id INT PRIMARY KEY, more TEXT); CREATE TABLE t (id int REFERENCES \"Legacy\")");
    assert_eq!(migrate(&ours, &database, &["resolve", "--applied", INIT]).code, Some(0));
    let run = cached(&ours, &database.url(), cache, &STATUS, "");
    assert_eq!((run.code, &run.json()["drift"]), (Some(0), &serde_json::json!([])), "{}", run.both());
}

/// `migrate dev` has replayed the history and tried the new migration behind it, so the status that follows starts no lab.
fn after_dev(server: &Server, cache: &Path) {
    let database = server.database();
    let init = "CREATE TABLE \"User\" (\n    \"id\" INTEGER NOT NULL,\n\n    CONSTRAINT \"User_pkey\" PRIMARY KEY (\"id\")\n);\n";
    let ours = project(&[(INIT, init)]);
    ours.write("prisma/schema.prisma", format!("{HEAD}\nmodel User {{\n  id Int @id\n  name String?\n}}\n"));
    let run = cached(&ours, &database.url(), cache, &["dev", "--name", "name"], "");
    assert_eq!((run.code, database.history().len()), (Some(0), 2), "{}", run.both());
    let run = cached(&ours, &database.url(), cache, &STATUS, "/nonexistent");
    assert_eq!((run.code, &run.json()["drift"]), (Some(0), &serde_json::json!([])), "{}", run.both());
}
