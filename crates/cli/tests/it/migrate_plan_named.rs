//! `migrate plan --safe` for columns, types and tables whose names are words of SQL, of each other, or long.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";

#[test]
fn columns_that_are_called_as_words_of_sql_keep_their_values() {
    let init = "CREATE TYPE \"Kind\" AS ENUM ('a', 'b');\n\
                CREATE TABLE \"a.b\" (id SERIAL PRIMARY KEY, type TEXT NOT NULL, \"time\" TEXT, \"precision\" TEXT, zone TEXT, \
                \"timestamp\" TEXT, \"case\" TEXT, \"account type id\" TEXT);\n";
    let next = "ALTER TABLE \"a.b\" DROP COLUMN type, ADD COLUMN type \"Kind\" NOT NULL, DROP COLUMN \"time\", ADD COLUMN \"time\" TIMESTAMP(3), \
                DROP COLUMN \"precision\", ADD COLUMN \"precision\" DOUBLE PRECISION, DROP COLUMN zone, ADD COLUMN zone TIMESTAMPTZ(3), \
                DROP COLUMN \"timestamp\", ADD COLUMN \"timestamp\" TIMESTAMP(3), DROP COLUMN \"case\", ADD COLUMN \"case\" INTEGER[], \
                DROP COLUMN \"account type id\", ADD COLUMN \"account type id\" INTEGER;\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        let time = "'2026-01-02T03:04:05Z'";
        server.rows(&format!(
            "INSERT INTO \"a.b\" (type, \"time\", \"precision\", zone, \"timestamp\", \"case\", \"account type id\") \
             SELECT 'b', {time}, '1.5', {time}, {time}, n::text, n::text FROM generate_series(1, 20) n"
        ));
        planned(&server, &project, next);
        deployed_one_by_one(&server, &project, &mut |name| {
            if !name.contains("_swap_") {
                server.rows("UPDATE \"a.b\" SET type = 'a', \"precision\" = '2.5' WHERE id = 7");
            }
        });
        let values = "SELECT string_agg(DISTINCT concat_ws(' ', type, \"time\", \"precision\", zone AT TIME ZONE 'UTC', \"timestamp\", \
                      \"case\"[1] - id, \"account type id\" - id), ', ') FROM \"a.b\"";
        let at = "2026-01-02 03:04:05";
        assert_eq!(server.value(values), format!("a {at} 2.5 {at} {at} 0 0, b {at} 1.5 {at} {at} 0 0"));
        let steps = (folders(&project).len() - 1).to_string();
        let run = server.run(&project, &["migrate", "rollback", "--accept-data-loss", "--steps", &steps]);
        assert_eq!(run.code, Some(0), "{}", run.both());
    }
}

#[test]
fn what_people_calculate_is_read_as_it_is_written() {
    let init = "CREATE TABLE item (id SERIAL PRIMARY KEY, \"time\" INTEGER, days INTEGER, type INTEGER);\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        for next in [
            "ALTER TABLE item ALTER COLUMN \"time\" TYPE TIMESTAMP(3) USING (to_timestamp(\"time\") AT TIME ZONE 'UTC');\n",
            "ALTER TABLE item ALTER COLUMN days TYPE INTERVAL USING (make_interval(days => days));\n",
            "ALTER TABLE item\n  ALTER COLUMN type\n  TYPE -- more of them\n  BIGINT\n  USING (type::bigint);\n",
            "ALTER TABLE item ALTER type TYPE BIGINT;\n",
        ] {
            let project = project(&[(FIRST, init), (NEXT, next)]);
            let run = server.run(&project, &["migrate", "plan", "--safe", NEXT]);
            assert!(run.stdout.contains("proven") && run.stdout.contains("_swap_"), "{next}: {}", run.both());
        }
    }
}

#[test]
fn a_column_that_is_called_as_its_type_is_told_from_it() {
    let init = "CREATE TYPE status AS ENUM ('a', 'b');\nCREATE TYPE state AS ENUM ('a', 'b', 'c');\n\
                CREATE TABLE item (id SERIAL PRIMARY KEY, status status NOT NULL DEFAULT 'a', kind status, \
                CONSTRAINT item_kind CHECK (kind <> 'b'::status OR id > 0), CONSTRAINT item_status CHECK (status <> 'b'::status OR id > 0));\n\
                CREATE INDEX item_idx ON item (id) WHERE status = 'a'::status;\n\
                CREATE INDEX item_kind_idx ON item (id) WHERE kind = 'a'::status;\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        for next in [
            "ALTER TABLE item RENAME COLUMN status TO state;\n",
            "ALTER TABLE item DROP COLUMN status, ADD COLUMN status state NOT NULL DEFAULT 'a';\n",
        ] {
            server.rows("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
            let project = project(&[(FIRST, init)]);
            assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
            server.rows("INSERT INTO item (status, kind) VALUES ('a', 'b'), ('b', 'a')");
            planned(&server, &project, next);
            let run = server.run(&project, &["migrate", "deploy", "--unused-for", "0"]);
            assert_eq!(run.code, Some(0), "{next}: {}", run.both());
            let values = "SELECT string_agg(to_jsonb(item) ->> 'status', '') || string_agg(to_jsonb(item) ->> 'state', '') FROM item";
            let values = values.replace("string_agg", "coalesce(string_agg").replace(", '')", ", ''), '')");
            assert_eq!(server.value(&values), "ab");
        }
    }
}

#[test]
fn long_names_of_columns_that_must_have_a_value_are_kept() {
    let (table, column) =
        ("\"OrganizationMembershipInvitation\"", "\"organizationMembershipInvitationCode\"");
    for major in [18, 17] {
        let Some(server) = Server::start(major) else { continue };
        for was in ["NOT NULL", ""] {
            server.rows("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
            let init = format!("CREATE TABLE {table} (id SERIAL PRIMARY KEY, {column} TEXT {was});\n");
            let project = project(&[(FIRST, &init)]);
            assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
            server.rows(&format!("INSERT INTO {table} ({column}) VALUES ('7')"));
            let next =
                format!("ALTER TABLE {table} DROP COLUMN {column}, ADD COLUMN {column} INTEGER NOT NULL;\n");
            planned(&server, &project, &next);
            let run = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(run.code, Some(0), "{}", run.both());
            assert_eq!(server.value(&format!("SELECT {column} + 1 FROM {table}")), "8");
        }
    }
}
