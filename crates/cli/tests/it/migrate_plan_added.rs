//! `migrate plan --safe` for columns whose default gives each row a value of its own: no row is written anew under a lock, and
//! none is left without.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";

const INIT: &str = "CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, note TEXT);\n";

/// As Prisma writes it: all in one statement, the indexes behind.
const ADDED: &str = "-- AlterTable\nALTER TABLE \"Order\" ADD COLUMN     \"extra\" TEXT,\n\
                     ADD COLUMN     \"number\" SERIAL NOT NULL,\n\
                     ADD COLUMN     \"seen\" TIMESTAMPTZ(6) DEFAULT clock_timestamp(),\n\
                     ADD COLUMN     \"share\" DOUBLE PRECISION NOT NULL DEFAULT random(),\n\
                     ADD COLUMN     \"token\" UUID NOT NULL DEFAULT gen_random_uuid();\n\n\
                     -- CreateIndex\nCREATE UNIQUE INDEX \"Order_number_key\" ON \"Order\"(\"number\");\n\n\
                     -- CreateIndex\nCREATE UNIQUE INDEX \"Order_token_key\" ON \"Order\"(\"token\");\n";

#[test]
fn a_default_of_its_own_for_each_row_is_filled_in_batches() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" (note) SELECT 'row ' || n FROM generate_series(1, 60) n");
        let file = "SELECT pg_relation_filenode('\"Order\"')";
        let before = server.value(file);
        let shown = planned(&server, &project, ADDED);
        assert!(shown.contains("Order.number numbers the rows"), "{shown}");
        assert!(shown.contains("a row that says NULL for Order.seen"), "{shown}");
        assert!(!shown.contains("a row that says NULL for Order.token"), "{shown}");
        let names = folders(&project);
        for (column, filled) in
            [("number", true), ("seen", true), ("share", true), ("token", true), ("extra", false)]
        {
            assert_eq!(
                names.iter().any(|name| name.ends_with(&format!("_fill_{column}"))),
                filled,
                "{names:?}"
            );
        }
        let mut tokens = String::new();
        deployed_one_by_one(&server, &project, &mut |name| {
            // The old version knows none of the columns, the new one reads what is there.
            server.rows("INSERT INTO \"Order\" (note) VALUES ('old')");
            if name.ends_with("_fill_token") {
                tokens = server.value(
                    "SELECT md5(string_agg(token::text, ',' ORDER BY id)) FROM \"Order\" WHERE id <= 60",
                );
            }
        });
        assert_eq!(server.value(file), before, "{major}: the table is the same file");
        let rows = server.value("SELECT count(*) FROM \"Order\"");
        assert_eq!(rows, (60 + names.len() - 1).to_string());
        for column in ["number", "seen", "share", "token"] {
            let distinct = server.value(&format!("SELECT count(DISTINCT \"{column}\") FROM \"Order\""));
            assert_eq!(distinct, rows, "{major}: each row has its own {column}");
        }
        let kept = server
            .value("SELECT md5(string_agg(token::text, ',' ORDER BY id)) FROM \"Order\" WHERE id <= 60");
        assert_eq!(kept, tokens, "what is filled once stays");
        let required = "SELECT string_agg(column_name, ' ' ORDER BY column_name) FROM information_schema.columns \
                        WHERE table_name = 'Order' AND is_nullable = 'NO'";
        assert_eq!(server.value(required), "id number share token");
        let owned = "SELECT pg_get_serial_sequence('\"Order\"', 'number')";
        assert_eq!(server.value(owned), "public.\"Order_number_seq\"");
        assert_eq!(
            server.value("SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0"),
            "0"
        );
    }
}

#[test]
fn a_fill_of_many_rows_is_asked_for_before() {
    let Some(server) = Server::start(17) else { return };
    let project = project(&[(FIRST, INIT)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    server.rows("INSERT INTO \"Order\" (note) SELECT 'row' FROM generate_series(1, 10001)");
    planned(
        &server,
        &project,
        "ALTER TABLE \"Order\" ADD COLUMN \"token\" UUID NOT NULL DEFAULT gen_random_uuid();\n",
    );
    let fill = folders(&project).into_iter().find(|name| name.ends_with("_fill_token")).unwrap();
    let run = server.run(&project, &["migrate", "deploy"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(run.both().contains(&format!("run: pgsteward migrate backfill {fill}")), "{}", run.both());
    let resolved = server.run(&project, &["migrate", "resolve", "--rolled-back", &fill]);
    assert_eq!(resolved.code, Some(0), "{}", resolved.both());
    for arguments in [&["migrate", "backfill", &fill, "--pause", "0"][..], &["migrate", "deploy"]] {
        let run = server.run(&project, arguments);
        assert_eq!(run.code, Some(0), "{}", run.both());
    }
    assert_eq!(server.value("SELECT count(DISTINCT token) FROM \"Order\""), "10001");
}

#[test]
fn a_column_that_cannot_come_in_steps_says_why() {
    let Some(server) = Server::start(17) else { return };
    for (more, next, reason) in [
        (
            "",
            "ALTER TABLE \"Order\" ADD COLUMN IF NOT EXISTS token UUID DEFAULT gen_random_uuid();\n",
            "Order.token is added as it is written: IF NOT EXISTS leaves open",
        ),
        (
            "",
            "ALTER TABLE \"Order\" ADD COLUMN token UUID NOT NULL DEFAULT gen_random_uuid() UNIQUE;\n",
            "the constraint \"Order_token_key\" stands in its own words",
        ),
        (
            "ALTER TABLE \"Order\" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;\n",
            "ALTER TABLE \"Order\" ADD COLUMN token UUID NOT NULL DEFAULT gen_random_uuid();\n",
            "row security holds for the owner of \"Order\" too",
        ),
        (
            "CREATE DOMAIN token AS UUID CHECK (VALUE IS NOT NULL);\n",
            "ALTER TABLE \"Order\" ADD COLUMN token token DEFAULT gen_random_uuid();\n",
            "it is of a domain",
        ),
    ] {
        let project = project(&[(FIRST, &format!("{INIT}{more}")), (NEXT, next)]);
        let run = server.run(&project, &["migrate", "plan", "--safe", NEXT]);
        assert!(run.stdout.contains(reason), "{reason}: {}", run.both());
    }
}

#[test]
fn a_key_that_goes_goes_behind_the_fill() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let init = "CREATE TABLE \"Item\" (\"code\" TEXT NOT NULL, found TEXT, CONSTRAINT \"Item_pkey\" PRIMARY KEY (\"code\"));\n";
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Item\" SELECT n::text FROM generate_series(1, 60) n");
        // As Prisma writes another primary key; the backfill has the old one to go by.
        let next = "-- AlterTable\nALTER TABLE \"Item\" DROP CONSTRAINT \"Item_pkey\",\nADD COLUMN     \"id\" SERIAL NOT NULL,\n\
                    ADD CONSTRAINT \"Item_pkey\" PRIMARY KEY (\"id\");\n";
        planned(&server, &project, next);
        let mut filled = false;
        deployed_one_by_one(&server, &project, &mut |name| {
            filled |= name.contains("_require_");
            if !filled {
                let again = "INSERT INTO \"Item\" (code) VALUES ('7') ON CONFLICT (code) DO UPDATE SET found = 'again'";
                server.rows(again);
            }
        });
        assert_eq!(server.value("SELECT count(DISTINCT id) || ' ' || count(*) FROM \"Item\""), "60 60");
    }
}

#[test]
fn a_default_for_the_rows_that_are_there_alone_is_filled() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, "CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, note TEXT);\n")]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" (note) SELECT 'row ' || n FROM generate_series(1, 60) n");
        // The second one is called as a variable of PL/pgSQL is.
        let next = "ALTER TABLE \"Order\" ADD COLUMN token UUID NOT NULL DEFAULT gen_random_uuid();\n\
                    ALTER TABLE \"Order\" ALTER COLUMN token DROP DEFAULT;\n\
                    ALTER TABLE \"Order\" ADD COLUMN found UUID NOT NULL DEFAULT gen_random_uuid();\n";
        planned(&server, &project, next);
        deployed_one_by_one(&server, &project, &mut |_| {});
        assert_eq!(
            server.value("SELECT count(DISTINCT token) || ' ' || count(DISTINCT found) FROM \"Order\""),
            "60 60"
        );
    }
}

#[test]
fn rows_that_no_key_tells_apart_are_left_to_the_migration() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let next = "ALTER TABLE line ADD COLUMN token UUID NOT NULL DEFAULT gen_random_uuid();\n";
        for (init, words) in [
            ("CREATE TABLE line (code INTEGER UNIQUE);\n", "tells its rows apart for a fill in batches"),
            ("CREATE TABLE line (code INTEGER NOT NULL UNIQUE);\n", "_fill_token"),
        ] {
            let project = project(&[(FIRST, init), (NEXT, next)]);
            let run = server.run(&project, &["migrate", "plan", "--safe", NEXT]);
            assert_eq!(run.code, Some(0), "{}", run.both());
            assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
        }
    }
}
