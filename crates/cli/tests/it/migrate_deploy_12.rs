//! `migrate deploy` on PostgreSQL 12, which counts a time limit from the beginning of a message: there each statement is
//! a message of its own, with the same promises as on later versions.

use crate::migrate_support::{Database, Row, Server, add, deploy_json, done, migrate, project};

const INIT: &str = "20260101000000_init";
const TABLES: &str = "20260102000000_tables";
const INDEX: &str = "20260103000000_index";

/// Writes down the text of each message that holds DDL.
const LISTEN: &str = "CREATE SCHEMA seen; CREATE TABLE seen.message (id SERIAL, text TEXT); \
    CREATE FUNCTION seen.listen() RETURNS event_trigger LANGUAGE plpgsql AS \
    $$ BEGIN INSERT INTO seen.message (text) VALUES (current_query()); END $$; \
    CREATE EVENT TRIGGER listen ON ddl_command_end EXECUTE FUNCTION seen.listen()";

/// How many statements of the migration the longest message held.
fn most_in_one_message(database: &Database<'_>) -> String {
    database.value("SELECT max(array_length(string_to_array(text, 'CREATE TABLE'), 1) - 1) FROM seen.message")
}

#[test]
fn each_statement_is_a_message_and_a_file_is_whole() {
    for major in [12, 17] {
        let Some(server) = Server::start(major) else { continue };
        let database = server.database();
        let project = project(&[(INIT, "CREATE TABLE base (id INT PRIMARY KEY);\n")]);
        assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
        database.run(LISTEN);
        let tables = "CREATE TABLE a (id INT);\nCREATE TABLE b (id INT);\nCREATE TABLE c (id INT);\n";
        add(&project, TABLES, tables);
        add(
            &project,
            INDEX,
            "CREATE INDEX CONCURRENTLY i ON a(id);\nALTER TABLE base ADD COLUMN note TEXT;\n",
        );
        let (run, report) = deploy_json(&project, &database, &[]);
        assert_eq!(run.code, Some(0), "PostgreSQL {major}: {}", run.both());
        assert_eq!(most_in_one_message(&database), if major == 12 { "1" } else { "3" }, "PostgreSQL {major}");
        let regimes: Vec<&str> =
            report["files"].as_array().unwrap().iter().map(|file| file["regime"].as_str().unwrap()).collect();
        assert_eq!(regimes, ["atomic", "by_statement"], "{report:#}");
        if major == 12 {
            what_fails_leaves_nothing(&server);
        }
    }
}

fn what_fails_leaves_nothing(server: &Server) {
    let database = server.database();
    let wrong = "CREATE TABLE a (id INT);\nCREATE TABLE b (id INT);\nCREATE TABLE a (id INT);\nCREATE TABLE c (id INT);\n";
    let project = project(&[(INIT, "CREATE TABLE base (id INT PRIMARY KEY);\n"), (TABLES, wrong)]);
    let run = migrate(&project, &database, &["deploy"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(run.stderr.contains("P3018") && run.stderr.contains("line 3"), "{}", run.stderr);
    assert_eq!(database.relations(), ["base", "base_pkey"], "the transaction took all of it back");
    let rows = database.history();
    assert_eq!(rows[0], done(INIT));
    let Row { name, finished, steps, .. } = &rows[1];
    assert_eq!((name.as_str(), *finished, *steps), (TABLES, false, 0));
    add(&project, TABLES, "CREATE TABLE a (id INT);\nCREATE TABLE b (id INT);\n");
    assert_eq!(migrate(&project, &database, &["resolve", "--rolled-back", TABLES]).code, Some(0));
    let run = migrate(&project, &database, &["deploy"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let run = migrate(&project, &database, &["status"]);
    assert_eq!(run.code, Some(0), "the lab replays on 12 too: {}", run.both());
    assert!(!run.stdout.contains("was not looked for"), "{}", run.stdout);
}
