//! What a deploy on an empty database has seen its migrations make: the `status` behind it starts no lab. Where anybody
//! else may have had a hand in it, nothing is remembered.

use std::path::Path;

use serde_json::json;

use crate::migrate_status::{STATUS, cached};
use crate::migrate_support::{Database, Server, add, migrate, project};
use crate::support::{Project, Run};

const INIT: &str = "20260101000000_init";
const MORE: &str = "20260102000000_more";

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL);";
const INDEX: &str = "CREATE INDEX CONCURRENTLY t_name ON t (name);\nALTER TABLE t ADD note text;";

/// Waits for a stranger's table where the database is set up for it, which the lab's never is.
const WAITING: &str = "DO $$ BEGIN\n  WHILE current_setting('app.wait', true) = 'yes' \
    AND NOT EXISTS (SELECT FROM pg_class WHERE relname = 'stranger') LOOP\n    PERFORM pg_sleep(0.01);\n  END LOOP;\nEND $$;";

/// No server can be started with these.
const NONE: &str = "/nonexistent";

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
    alone(&server);
    somebody_in_the_midst(&server);
    somebody_all_the_time(&server);
    something_there_before(&server);
}

/// A database as `CREATE DATABASE` makes it elsewhere, without what the lab puts into all of its own.
fn untouched(server: &Server) -> Database<'_> {
    let database = server.database();
    database.run("DROP SCHEMA pg_lab CASCADE");
    left(&database);
    database
}

/// Waits until nobody is in the database.
fn left(database: &Database<'_>) {
    let nobody =
        format!("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '{}')", database.name);
    database.server.absent("postgres").wait_until(&nobody);
}

fn deploy(project: &Project, database: &Database<'_>, cache: &Path) {
    let run = cached(project, &database.url(), cache, &["deploy"], "");
    assert_eq!(run.code, Some(0), "{}", run.both());
}

fn status(project: &Project, database: &Database<'_>, cache: &Path, binaries: &str) -> Run {
    cached(project, &database.url(), cache, &STATUS, binaries)
}

fn is_known(project: &Project, database: &Database<'_>, cache: &Path) -> bool {
    let drift = &status(project, database, cache, NONE).json()["drift"];
    assert!(drift.is_null() || *drift == json!([]), "{drift}");
    !drift.is_null()
}

/// The lab that a status starts is of the same kind as the test's own server, so there is one.
fn assert_drift(run: &Run, of: &str) {
    assert_eq!(run.code, Some(5), "{}", run.both());
    let drift = run.json()["drift"].to_string();
    assert!(drift.contains(of), "{drift}");
}

fn alone(server: &Server) {
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path();
    let ours = project(&[(INIT, TABLE), (MORE, INDEX)]);
    let database = untouched(server);
    deploy(&ours, &database, cache);
    // Statistics and rows are no change of the schema.
    for sql in ["INSERT INTO t VALUES (1, 'a')", "ANALYZE", "VACUUM"] {
        database.run(sql);
    }
    assert!(is_known(&ours, &database, cache));
    // What is known is known of the history, so of other databases, too.
    let other = server.database();
    assert_eq!(migrate(&ours, &other, &["deploy"]).code, Some(0));
    assert!(is_known(&ours, &other, cache));

    // A change of the database behind the deploy, of the file, and another history are not what was seen.
    let database = untouched(server);
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path();
    deploy(&ours, &database, cache);
    add(&ours, MORE, "CREATE INDEX t_name ON t (name);\nALTER TABLE t ADD note varchar;");
    assert!(!is_known(&ours, &database, cache));
    add(&ours, MORE, INDEX);
    add(&ours, "20260103000000_third", "ALTER TABLE t ADD third int;");
    assert_eq!(migrate(&ours, &database, &["resolve", "--applied", "20260103000000_third"]).code, Some(0));
    assert!(!is_known(&ours, &database, cache));
    let same = project(&[(INIT, TABLE), (MORE, INDEX)]);
    database.run("DELETE FROM _prisma_migrations WHERE migration_name LIKE '%third'");
    database.run("ALTER TABLE t DROP note");
    assert!(!is_known(&same, &database, cache));
    assert_drift(&status(&same, &database, cache, ""), "note");
}

fn somebody_in_the_midst(server: &Server) {
    let cache = tempfile::tempdir().unwrap();
    let ours = project(&[(INIT, TABLE), (MORE, WAITING)]);
    let database = untouched(server);
    let elsewhere = server.absent("postgres");
    elsewhere.run(&format!("ALTER DATABASE {} SET app.wait = 'yes'", database.name));
    std::thread::scope(|scope| {
        let deploying = scope.spawn(|| deploy(&ours, &database, cache.path()));
        elsewhere.wait_until(&format!(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '{}' AND query LIKE '%stranger%')",
            database.name
        ));
        database.run("CREATE TABLE stranger ()");
        deploying.join().unwrap();
    });
    assert!(!is_known(&ours, &database, cache.path()));
    assert_drift(&status(&ours, &database, cache.path(), ""), "stranger");
}

fn somebody_all_the_time(server: &Server) {
    let cache = tempfile::tempdir().unwrap();
    let ours = project(&[(INIT, TABLE)]);
    let database = untouched(server);
    let other = server.runtime.block_on(database.session());
    deploy(&ours, &database, cache.path());
    server.runtime.block_on(other.close());
    assert!(!is_known(&ours, &database, cache.path()));
}

fn something_there_before(server: &Server) {
    let cache = tempfile::tempdir().unwrap();
    let ours = project(&[(INIT, TABLE)]);
    let database = untouched(server);
    database.run("CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'");
    left(&database);
    deploy(&ours, &database, cache.path());
    assert!(!is_known(&ours, &database, cache.path()));
}
