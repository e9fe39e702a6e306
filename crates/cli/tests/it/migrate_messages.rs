//! What a deploy sends together and what by itself, as it shows: an error names its statement either way, and others
//! see the statement that they may have to wait for.

use crate::migrate_support::{Server, add, deploy_json, done, migrate, project, spawn_deploy};

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
    errors_name_their_statement(&server);
    nothing_of_a_refused_message_lasts(&server);
    others_see_the_statement(&server);
    times(&server);
}

/// With a position in the text and without one, after statements that went together and ones that went alone.
fn errors_name_their_statement(server: &Server) {
    let first = "-- ünïcode\nCREATE TABLE a (id int);\nCREATE TABLE b (id int);\n";
    for (rest, place) in [
        ("CREATE TABLE a (id int);\nCREATE TABLE d (id int);\n", "Position: line 4, column 1\n"),
        ("CREATE TABLE c (id int);\nCREATE TABLE d (id itn);\n", "Position: line 5, column 20\n"),
        (
            "CREATE TABLE c (id int);\nALTER TABLE c ADD CONSTRAINT k FOREIGN KEY (id) REFERENCES nowhere (id);\n",
            "Position: line 5, column 1\n",
        ),
        ("INSERT INTO a VALUES (1);\nCREATE TABLE b (id int);\n", "Position: line 5, column 1\n"),
        ("INSERT INTO a VALUES (1);\nINSERT INTO b VALUES (1 / 0);\n", "Position: line 5, column 1\n"),
        (
            "INSERT INTO a VALUES (1);\nCREATE TABLE c (id int);\nINSERT INTO nowhere VALUES (1);\n",
            "Position: line 6, column 13\n",
        ),
        (
            "CREATE TABLE c (id int);\nCREATE TABLE d (\n  id int,,\n  n int\n);\n",
            "Position: line 6, column 10\n",
        ),
    ] {
        let database = server.database();
        let project = project(&[(INIT, &format!("{first}{rest}"))]);
        let run = migrate(&project, &database, &["deploy"]);
        assert_eq!(run.code, Some(1), "{rest}: {}", run.both());
        let rows = database.history();
        let logs = rows[0].logs.clone().unwrap_or_default();
        assert!(logs.contains(place), "{rest}: {logs}");
        assert!(run.stderr.contains("P3018") && database.relations().is_empty(), "{rest}: {}", run.both());
    }
}

/// The server reads a message before it runs any of it: BEGIN too. What comes after must not run outside of the
/// transaction.
fn nothing_of_a_refused_message_lasts(server: &Server) {
    let database = server.database();
    let text = "CREATE TABLE a (id int,,);\nSELECT 1;\nCREATE TABLE b (id int);\nINSERT INTO b VALUES (1);\n";
    let project = project(&[(INIT, text)]);
    let run = migrate(&project, &database, &["deploy"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(database.relations().is_empty(), "{:?}", database.relations());
    let rows = database.history();
    assert!(rows.len() == 1 && !rows[0].finished, "{rows:?}");
}

fn others_see_the_statement(server: &Server) {
    let database = server.database();
    let project = project(&[(INIT, "CREATE TABLE a (id int);\nCREATE TABLE b (id int);")]);
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    add(
        &project,
        MORE,
        "CREATE TABLE c (id int);\nALTER TABLE a ADD COLUMN n int;\nCREATE TABLE d (id int);",
    );
    let holder = server.runtime.block_on(database.session());
    server.runtime.block_on(holder.simple("BEGIN; LOCK TABLE a")).unwrap();
    let child = spawn_deploy(&project, &database, &["--lock-timeout", "0"]);
    database.wait_until(
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE query ~ '^ALTER TABLE a ADD COLUMN n int\\s*;?$' AND \
         wait_event_type = 'Lock'",
    );
    server.runtime.block_on(holder.simple("COMMIT")).unwrap();
    let run = project.of(&child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert_eq!(database.history(), [done(INIT), done(MORE)]);
}

fn times(server: &Server) {
    let database = server.database();
    let project =
        project(&[(INIT, "CREATE TABLE a (id int);\nSELECT pg_sleep(0.02);\nCREATE TABLE b (id int);\n")]);
    let (run, json) = deploy_json(&project, &database, &[]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let file = &json["files"][0];
    assert!(file["statements"][0]["elapsed_ms"].is_null(), "{file:#}");
    let slept = file["statements"][1]["elapsed_ms"].as_f64().unwrap();
    assert!(slept >= 10.0, "{file:#}");
    let verbose = migrate(&project, &server.database(), &["deploy", "--verbose"]);
    assert!(verbose.stdout.contains("line 1: CREATE TABLE a (id int)\n"), "{}", verbose.stdout);
}
