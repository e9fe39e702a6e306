//! A migration that locks two tables beside an application that locks them the other way round: it is never the application's
//! statement that ends. On two majors.

use crate::migrate_support::{Database, Server, add, done, migrate, project, spawn_deploy};
use crate::support::Project;

const INIT: &str = "20260101000000_init";
const MORE: &str = "20260102000000_more";
const TABLES: &str = "CREATE TABLE parent (id int PRIMARY KEY);\nCREATE TABLE child (id int);\n";
/// Long enough for the application to wait before the migration does: the server looks first at who waits longest.
const BETWEEN: &str = "SELECT pg_sleep(0.3);\n";

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
    let one = "ALTER TABLE child ADD COLUMN c int;\n";
    let other = "ALTER TABLE parent ADD COLUMN c int;\n";
    for file in [
        format!("{one}{BETWEEN}{other}"),
        format!("BEGIN;\n{one}{BETWEEN}{other}COMMIT;\n"),
        // What it locks, nobody can read.
        format!("{one}{BETWEEN}DO $$ BEGIN EXECUTE 'ALTER TABLE par' || 'ent ADD COLUMN c int'; END $$;\n"),
    ] {
        deployed(&server, &file);
    }
    undone(&server);
}

fn begun(server: &Server) -> (Database<'_>, Project) {
    let database = server.database();
    let project = project(&[(INIT, TABLES)]);
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    (database, project)
}

fn deployed(server: &Server, file: &str) {
    let (database, project) = begun(server);
    add(&project, MORE, file);
    let application = server.runtime.block_on(database.session());
    server.runtime.block_on(application.simple("BEGIN; INSERT INTO parent VALUES (1)")).unwrap();
    let child = spawn_deploy(&project, &database, &["--format", "json"]);
    meets(server, &database, &application);
    let run = project.of(&child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0), "{file}: {}", run.both());
    assert!(run.json()["files"][0]["attempts"].as_u64().unwrap() > 1, "{file}: {}", run.stdout);
    assert_eq!(database.history(), [done(INIT), done(MORE)]);
    let columns = "SELECT count(*) FROM pg_attribute WHERE attname = 'c' AND attrelid IN ('parent'::regclass, 'child'::regclass)";
    assert_eq!(database.value(columns), "2");
}

/// Asks for the table that the migration has, while it holds the one that the migration asks for.
fn meets(server: &Server, database: &Database<'_>, application: &pgsteward_pg::LabSession) {
    database.wait_until(
        "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'child'::regclass AND mode = 'AccessExclusiveLock' AND granted",
    );
    let asked = server.runtime.block_on(application.simple("INSERT INTO child VALUES (1)"));
    assert!(asked.is_ok(), "the application's statement ended: {asked:?}");
    server.runtime.block_on(application.simple("COMMIT")).unwrap();
}

fn undone(server: &Server) {
    let (database, project) = begun(server);
    add(&project, MORE, "ALTER TABLE child ADD COLUMN c int;\nALTER TABLE parent ADD COLUMN c int;\n");
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    let down = format!("ALTER TABLE child DROP COLUMN c;\n{BETWEEN}ALTER TABLE parent DROP COLUMN c;\n");
    project.write(&format!("prisma/migrations/{MORE}/down.sql"), &down);
    let application = server.runtime.block_on(database.session());
    server.runtime.block_on(application.simple("BEGIN; INSERT INTO parent VALUES (1)")).unwrap();
    let undo = std::thread::scope(|scope| {
        let undo = scope.spawn(|| migrate(&project, &database, &["rollback", "--accept-unproven"]));
        meets(server, &database, &application);
        undo.join().unwrap()
    });
    assert_eq!(undo.code, Some(0), "{}", undo.both());
    let columns = "SELECT count(*) FROM pg_attribute WHERE attname = 'c' AND attrelid IN ('parent'::regclass, 'child'::regclass)";
    assert_eq!(database.value(columns), "0");
}
