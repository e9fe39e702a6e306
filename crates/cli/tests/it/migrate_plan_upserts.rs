//! `migrate plan --safe` and upserts of the old version: a second unique index stands as short as can be, and people are told which
//! calls it hits.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";

/// A session that is called "b" stops in the index that it writes first, as long as somebody holds the lock.
const INIT: &str = "CREATE FUNCTION gate(note TEXT) RETURNS TEXT LANGUAGE plpgsql IMMUTABLE AS $$\nBEGIN\n  \
                    IF current_setting('application_name') = 'b' THEN PERFORM pg_advisory_xact_lock(1); END IF;\n  RETURN note;\nEND $$;\n\
                    CREATE TABLE \"Item\" (id SERIAL PRIMARY KEY, code INTEGER NOT NULL, note TEXT, n INTEGER NOT NULL DEFAULT 0);\n\
                    CREATE INDEX \"Item_note_idx\" ON \"Item\"(gate(note));\n\
                    CREATE UNIQUE INDEX \"Item_code_key\" ON \"Item\"(code);\n";

/// Two sessions insert the same new value: the second one looked for it before the first one had it.
fn race(server: &Server, insert: &str) -> Result<(), String> {
    let holder = server.session();
    server.in_session(&holder, "SELECT pg_advisory_lock(1)");
    std::thread::scope(|scope| {
        let late = scope.spawn(|| {
            let session = server.session();
            server.in_session(&session, "SET application_name = 'b'");
            server.runtime.block_on(session.simple(insert)).map(|_| ()).map_err(|error| error.message)
        });
        let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        while server.value(waits) != "1" {}
        server.rows(insert);
        server.in_session(&holder, "SELECT pg_advisory_unlock(1)");
        late.join().unwrap()
    })
}

#[test]
fn a_second_unique_index_stands_from_just_before_the_swap() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Item\" (code) SELECT n FROM generate_series(1, 30) n");
        let shown = planned(&server, &project, "ALTER TABLE \"Item\" ALTER COLUMN code TYPE BIGINT;\n");
        assert!(shown.contains("INSERT ... ON CONFLICT (code) on Item"), "{shown}");
        let names = folders(&project);
        let index = names.iter().position(|name| name.ends_with("_index_item_code_key")).unwrap();
        assert!(names[index + 1].ends_with("_swap_code") && index + 2 == names.len(), "{names:?}");
        let mut code = 100;
        deployed_one_by_one(&server, &project, &mut |name| {
            code += 2;
            let upsert = format!(
                "INSERT INTO \"Item\" (code) VALUES ({code}) ON CONFLICT (code) DO UPDATE SET n = \"Item\".n + 1"
            );
            let raced = race(&server, &upsert);
            if *name == names[index] {
                assert!(
                    raced.as_ref().is_err_and(|error| error.contains("\"Item_code_key_new\"")),
                    "{raced:?}"
                );
                // Once more, as the report says.
                server.rows(&upsert);
            } else {
                assert_eq!(raced, Ok(()), "{name}");
            }
            assert_eq!(server.value(&format!("SELECT n FROM \"Item\" WHERE code = {code}")), "1", "{name}");
            let next = code + 1;
            let skip = format!("INSERT INTO \"Item\" (code) VALUES ({next}) ON CONFLICT DO NOTHING");
            assert_eq!(race(&server, &skip), Ok(()), "{name}");
        });
    }
}

#[test]
fn deploy_says_which_calls_a_second_unique_index_hits() {
    let Some(server) = Server::start(15) else { return };
    let init = format!(
        "{INIT}CREATE TABLE \"Part\" (id SERIAL PRIMARY KEY, code INTEGER REFERENCES \"Item\"(code));\n"
    );
    let project = project(&[(FIRST, &init)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    let both = "ALTER TABLE \"Part\" DROP CONSTRAINT \"Part_code_fkey\";\nALTER TABLE \"Item\" ALTER COLUMN code TYPE BIGINT;\n\
                ALTER TABLE \"Part\" ALTER COLUMN code TYPE BIGINT;\n\
                ALTER TABLE \"Part\" ADD CONSTRAINT \"Part_code_fkey\" FOREIGN KEY (code) REFERENCES \"Item\"(code);\n";
    planned(&server, &project, both);
    let names = folders(&project);
    let at = |what: &str| names.iter().position(|name| name.ends_with(what)).unwrap();
    let (index, key) = (at("_index_item_code_key"), at("_constraint_part_code_fkey"));
    assert!(index < key, "a foreign key needs it: {names:?}");
    let run = server.run(&project, &["migrate", "deploy"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let said = format!("{}: from here until \"swap_item\" is deployed", names[index]);
    assert!(run.both().contains(&said), "{said}: {}", run.both());
}
