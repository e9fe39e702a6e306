//! `migrate plan --safe` where one migration gives several columns of one index other names, or changes the type of the others.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";
const INIT: &str = "CREATE TABLE \"User\" (id SERIAL PRIMARY KEY, a INTEGER NOT NULL, b INTEGER NOT NULL, c INTEGER NOT NULL DEFAULT 0, d INTEGER);\n\
                    CREATE UNIQUE INDEX \"User_a_b_key\" ON \"User\"(a, b);\n\
                    CREATE INDEX \"User_b_d_idx\" ON \"User\"(b, d);\n";

/// Plans, deploys folder by folder with a client of each version, and goes back. `new`: the columns a and b as the new version calls
/// them, `from`: the folder behind which it runs.
fn served(next: &str, new: [&str; 2], from: &str, last: &str) {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"User\" (a, b) SELECT n, n FROM generate_series(1, 30) n");
        planned(&server, &project, next);
        let names = folders(&project);
        assert!(names.iter().any(|name| name.ends_with(from)), "{names:?}");
        assert!(names.last().is_some_and(|name| name.ends_with(last)), "{names:?}");
        let (mut number, mut both, mut old) = (100, false, true);
        deployed_one_by_one(&server, &project, &mut |name| {
            both |= name.ends_with(from);
            // The first folder that goes with the old version.
            old &= !name.contains("_drop_");
            number += 2;
            let upsert = |a: &str, b: &str, value: i32| {
                server.rows(&format!(
                    "INSERT INTO \"User\" ({a}, {b}) VALUES ({value}, {value}) ON CONFLICT ({a}, {b}) DO UPDATE SET c = \"User\".c + 1"
                ));
            };
            if old {
                upsert("a", "b", number);
                upsert("a", "b", number);
            }
            if both {
                let [a, b] = new;
                server.rows(&format!("INSERT INTO \"User\" ({a}, {b}) VALUES ({number} + 1, {number} + 1)"));
                let seen = format!("SELECT count(*) FROM \"User\" WHERE {a} IS DISTINCT FROM {b}");
                assert_eq!(server.value(&seen), "0", "{name}");
                let missing = format!("SELECT count(*) FROM \"User\" WHERE {a} = {number}");
                assert_eq!(server.value(&missing), if old { "1" } else { "0" }, "{name}");
            }
        });
        let [a, b] = new;
        let unique = "SELECT pg_get_indexdef('\"User_a_b_key\"'::regclass)";
        assert!(
            server.value(unique).ends_with(&format!("USING btree ({a}, {b})")),
            "{}",
            server.value(unique)
        );
        let steps = (names.len() - 1).to_string();
        let back = server.run(&project, &["migrate", "rollback", "--accept-data-loss", "--steps", &steps]);
        assert_eq!(back.code, Some(0), "{}", back.both());
        assert_eq!(server.value("SELECT count(*) FROM \"User\" WHERE a = b AND a <= 30"), "30");
    }
}

#[test]
fn two_columns_of_one_key_get_their_names_together() {
    let next = "ALTER TABLE \"User\" RENAME COLUMN a TO aa;\n-- The other one.\nALTER TABLE \"User\" RENAME COLUMN b TO bb;\n\
                ALTER TABLE \"User\" ALTER COLUMN c TYPE BIGINT;\n";
    served(next, ["aa", "bb"], "_index_user_a_b_key", "_drop_a_b");
}

#[test]
fn a_column_gets_its_name_behind_the_type_of_another_of_its_key() {
    let next =
        "ALTER TABLE \"User\" RENAME COLUMN a TO aa;\nALTER TABLE \"User\" ALTER COLUMN b TYPE BIGINT;\n";
    served(next, ["aa", "b"], "_fill_aa", "_drop_a");
    let next = "ALTER TABLE \"User\" RENAME COLUMN a TO aa;\nALTER TABLE \"User\" ALTER COLUMN b TYPE BIGINT;\n\
                ALTER TABLE \"User\" DROP COLUMN c;\nDROP INDEX \"User_b_d_idx\";\nALTER TABLE \"User\" RENAME COLUMN d TO dd;\n";
    let Some(server) = Server::start(15) else { return };
    let project = project(&[(FIRST, INIT)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    planned(&server, &project, next);
    let names = folders(&project);
    let ends = ["_drop_d", "_drop_a", "_drop_c"];
    let last: Vec<bool> =
        names[names.len() - 3..].iter().zip(ends).map(|(name, end)| name.ends_with(end)).collect();
    assert_eq!(last, [true; 3], "{names:?}");
}

#[test]
fn names_of_one_key_find_together_across_other_statements() {
    let next = "\n\n-- The first one.\nALTER TABLE \"User\" RENAME COLUMN a TO aa;\nCREATE INDEX by_aa ON \"User\"(aa);\n\
                -- The other one.\nALTER TABLE \"User\" RENAME COLUMN b TO bb; -- It has its name.\nSELECT 1;\n";
    served(next, ["aa", "bb"], "_fill_bb", "_drop_a_b");
}

#[test]
fn columns_of_one_key_change_type_and_name() {
    let next = "ALTER TABLE \"User\" RENAME COLUMN a TO aa;\nALTER TABLE \"User\" RENAME COLUMN b TO bb;\n\
                ALTER TABLE \"User\" ALTER COLUMN aa TYPE BIGINT;\nALTER TABLE \"User\" ALTER COLUMN bb TYPE BIGINT;\n";
    served(next, ["aa", "bb"], "_fill_aa", "_drop_b_a");
}
