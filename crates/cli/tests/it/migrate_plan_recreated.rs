//! `migrate plan --safe` for columns that Prisma drops and adds again to change their type: values that PostgreSQL converts are
//! kept, and where it converts none people are told what to write.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";

const INIT: &str = "CREATE TABLE \"Item\" (\"id\" SERIAL NOT NULL, \"code\" TEXT NOT NULL, \"extra\" TEXT, \"kind\" TEXT NOT NULL DEFAULT 'OLD', \
                    \"size\" VARCHAR(20) DEFAULT '1', CONSTRAINT \"Item_pkey\" PRIMARY KEY (\"id\"));\n\
                    CREATE UNIQUE INDEX \"Item_code_key\" ON \"Item\"(\"code\");\n\
                    CREATE INDEX \"Item_code_extra_idx\" ON \"Item\"(\"code\", \"extra\");\n\
                    CREATE INDEX \"Item_kind_idx\" ON \"Item\"(\"kind\");\n";

/// As Prisma writes it: `DROP COLUMN` takes the indexes along, and those that the schema still has come back behind.
const ANEW: &str = "-- CreateEnum\nCREATE TYPE \"Kind\" AS ENUM ('OLD', 'NEW');\n\n\
                    -- AlterTable\nALTER TABLE \"Item\" ADD COLUMN     \"token\" UUID NOT NULL DEFAULT gen_random_uuid(),\n\
                    DROP COLUMN \"code\",\nADD COLUMN     \"code\" INTEGER NOT NULL,\n\
                    DROP COLUMN \"extra\",\nADD COLUMN     \"extra\" JSONB,\n\
                    DROP COLUMN \"kind\",\nADD COLUMN     \"kind\" \"Kind\" NOT NULL DEFAULT 'NEW',\n\
                    DROP COLUMN \"size\",\nADD COLUMN     \"size\" DECIMAL(65,30) NOT NULL DEFAULT 7;\n\n\
                    -- CreateIndex\nCREATE UNIQUE INDEX \"Item_code_key\" ON \"Item\"(\"code\");\n\n\
                    -- CreateIndex\nCREATE INDEX \"Item_code_extra_idx\" ON \"Item\"(\"code\", \"extra\");\n";

#[test]
fn a_column_that_is_dropped_and_added_again_keeps_its_values() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows(
            "INSERT INTO \"Item\" (code, extra, kind, size) SELECT n::text, '{\"n\": ' || n || '}', \
             CASE WHEN n % 2 = 0 THEN 'NEW' ELSE 'OLD' END, CASE WHEN n > 5 THEN n || '.5' END FROM generate_series(1, 50) n",
        );
        let shown = planned(&server, &project, ANEW);
        assert!(shown.contains("Item.code keeps its values as integer"), "{shown}");
        let (mut number, mut swapped) = (1000, false);
        deployed_one_by_one(&server, &project, &mut |name| {
            number += 1;
            swapped |= name.contains("_swap_");
            let values = if swapped {
                format!("({number}, '{{\"n\": {number}}}'::jsonb, 'NEW'::\"Kind\", {number}.5)")
            } else {
                format!("('{number}'::text, '{{\"n\": {number}}}'::text, 'NEW'::text, '{number}.5'::text)")
            };
            server.rows(&format!("INSERT INTO \"Item\" (code, extra, kind, size) VALUES {values}"));
            let again =
                server.try_rows(&format!("INSERT INTO \"Item\" (code, kind) VALUES ('{number}', 'OLD')"));
            assert!(again.is_err(), "{name}: the code is unique all the time");
            let code = if swapped { "code = 7" } else { "code = '7'::text" };
            assert_eq!(server.value(&format!("SELECT id FROM \"Item\" WHERE {code}")), "7", "{name}");
        });
        assert!(swapped, "{:?}", folders(&project));
        let wrong = "SELECT count(*) FROM \"Item\" WHERE code <> (extra->>'n')::integer OR size IS NULL \
                     OR size <> CASE WHEN code <= 5 THEN 7 ELSE code + 0.5 END \
                     OR kind <> (CASE WHEN code > 1000 OR code % 2 = 0 THEN 'NEW' ELSE 'OLD' END)::\"Kind\"";
        assert_eq!(server.value(wrong), "0");
        assert_eq!(server.value("SELECT count(*) FROM \"Item\""), (50 + number - 1000).to_string());
        let indexes =
            "SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'Item'";
        assert_eq!(server.value(indexes), "Item_code_extra_idx Item_code_key Item_pkey");
        let types = "SELECT string_agg(column_name || ' ' || udt_name || ' ' || is_nullable || ' ' || coalesce(column_default, '-'), ', ' ORDER BY column_name) \
                     FROM information_schema.columns WHERE table_name = 'Item' AND column_name IN ('code', 'extra', 'kind', 'size')";
        assert_eq!(
            server.value(types),
            "code int4 NO -, extra jsonb YES -, kind Kind NO 'NEW'::\"Kind\", size numeric NO 7"
        );
    }
}

#[test]
fn a_value_that_is_none_of_the_new_type_or_reads_otherwise_is_named_first() {
    const CASES: [(&str, &str, &str, &str, &str); 8] = [
        ("TEXT", "INTEGER", "'7'", "'seven'", "has values that integer has not (invalid input syntax"),
        ("TEXT", "INTEGER", "'7'", "'007'", "has values that read otherwise as integer"),
        ("TEXT", "JSONB", "'[1]'", "'one'", "has values that jsonb has not"),
        ("TEXT", "DECIMAL(5,2)", "'1.5'", "'1.555'", "read otherwise as numeric(5,2)"),
        (
            "TEXT",
            "TIMESTAMP(3)",
            "'2026-01-02T03:04:05.678Z'",
            "'2026-01-02T03:04:05+02:00'",
            "read otherwise as timestamp(3)",
        ),
        ("TEXT", "UUID", "'11111111-1111-1111-1111-11111111111A'", "'none'", "has values that uuid has not"),
        ("INTEGER", "BOOLEAN", "1", "2", "read otherwise as boolean"),
        ("INTEGER", "INTEGER[]", "1", "", ""),
    ];
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        for (from, to, good, bad, words) in CASES {
            server.rows("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
            let init = format!("CREATE TABLE item (id SERIAL PRIMARY KEY, value {from});\n");
            let project = project(&[(FIRST, &init)]);
            assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
            server.rows(&format!("INSERT INTO item (value) SELECT {good} FROM generate_series(1, 20)"));
            planned(
                &server,
                &project,
                &format!("ALTER TABLE item DROP COLUMN value, ADD COLUMN value {to};\n"),
            );
            if !bad.is_empty() {
                server.rows(&format!("UPDATE item SET value = {bad} WHERE id IN (3, 17)"));
                let run = server.run(&project, &["migrate", "deploy"]);
                assert_eq!(run.code, Some(1), "{from} {to}: {}", run.both());
                assert!(run.both().contains(words), "{words}: {}", run.both());
                assert!(run.both().contains("id=3; id=17"), "{}", run.both());
                let columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'item'";
                assert_eq!(server.value(columns), "2", "nothing was begun");
                let resolved = server.run(&project, &["migrate", "resolve", "--rolled-back", NEXT]);
                assert_eq!(resolved.code, Some(0), "{}", resolved.both());
                server.rows(&format!("UPDATE item SET value = {good} WHERE id IN (3, 17)"));
            }
            let run = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(run.code, Some(0), "{}", run.both());
            assert_eq!(
                server.value("SELECT count(DISTINCT value) || ' ' || count(value) FROM item"),
                "1 20",
                "{to}"
            );
        }
    }
}

#[test]
fn what_no_server_converts_says_what_to_write() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let init =
            "CREATE TABLE \"Item\" (\"id\" SERIAL PRIMARY KEY, \"at\" INTEGER NOT NULL, \"note\" TEXT);\n";
        let next = "-- AlterTable\nALTER TABLE \"Item\" DROP COLUMN \"at\",\nADD COLUMN     \"at\" TIMESTAMP(3),\n\
                    ADD COLUMN     \"token\" UUID NOT NULL DEFAULT gen_random_uuid();\n\n\
                    -- CreateIndex\nCREATE INDEX \"Item_note_idx\" ON \"Item\"(\"note\");\n";
        let project = project(&[(FIRST, init), (NEXT, next)]);
        let run = server.run(&project, &["migrate", "plan", "--safe", NEXT]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        for words in [
            "proven",
            "remains: \"Item.at\" is dropped and added again to change its type from integer to timestamp(3)",
            "PostgreSQL turns no integer into timestamp(3)",
            "ALTER COLUMN at TYPE timestamp(3) without time zone USING (what makes the new value of the old one: to_timestamp(at)",
            "to_timestamp(at) AT TIME ZONE 'UTC'",
            "CREATE INDEX CONCURRENTLY \"Item_note_idx\"",
            "_fill_token",
        ] {
            assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
        }
        assert!(!run.stdout.contains("no plan holds"), "{}", run.stdout);
        // What it says to write is planned.
        let said = "ALTER TABLE \"Item\" ALTER COLUMN \"at\" DROP NOT NULL, ALTER COLUMN \"at\" TYPE TIMESTAMP(3) \
                    USING (to_timestamp(\"at\") AT TIME ZONE 'UTC');\n";
        project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), said);
        let run = server.run(&project, &["migrate", "plan", "--safe", NEXT]);
        assert!(run.stdout.contains("proven") && run.stdout.contains("_swap_at"), "{}", run.both());
    }
}

#[test]
fn a_migration_that_fills_the_column_itself_is_left_to_it() {
    let Some(server) = Server::start(17) else { return };
    for (next, words) in [
        (
            "ALTER TABLE \"Item\" DROP COLUMN size, ADD COLUMN size INTEGER;\nUPDATE \"Item\" SET size = 3 WHERE id > 0;\n",
            "the migration fills it itself",
        ),
        ("ALTER TABLE \"Item\" DROP COLUMN size, ADD COLUMN size VARCHAR(20);\n", "it has the type"),
        (
            "ALTER TABLE \"Item\" DROP COLUMN size CASCADE, ADD COLUMN size INTEGER;\n",
            "CASCADE takes along what stands on it",
        ),
    ] {
        let project = project(&[(FIRST, INIT), (NEXT, next)]);
        let run = server.run(&project, &["migrate", "plan", "--safe", NEXT]);
        assert!(run.stdout.contains(words), "{words}: {}", run.both());
        assert!(!run.stdout.contains("no plan holds"), "{}", run.stdout);
    }
}
