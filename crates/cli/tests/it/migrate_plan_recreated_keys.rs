//! `migrate plan --safe` for columns that Prisma drops and adds again: keys with what refers to them, rows and writes that have no
//! value in the new type, names of all kinds.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";

const KEYS: &str = "CREATE TABLE \"User\" (\"id\" TEXT NOT NULL, \"n\" INTEGER, CONSTRAINT \"User_pkey\" PRIMARY KEY (\"id\"));\n\
                    CREATE TABLE \"Post\" (\"id\" SERIAL PRIMARY KEY, \"authorId\" TEXT NOT NULL);\n\
                    CREATE INDEX \"Post_authorId_idx\" ON \"Post\"(\"authorId\");\n\
                    ALTER TABLE \"Post\" ADD CONSTRAINT \"Post_authorId_fkey\" FOREIGN KEY (\"authorId\") REFERENCES \"User\"(\"id\") \
                    ON DELETE CASCADE ON UPDATE CASCADE;\n";

/// As Prisma writes `String` to `String @db.Uuid` of a key and of what refers to it.
const KEYS_ANEW: &str = "-- DropForeignKey\nALTER TABLE \"Post\" DROP CONSTRAINT \"Post_authorId_fkey\";\n\n\
                         -- AlterTable\nALTER TABLE \"Post\" DROP COLUMN \"authorId\",\nADD COLUMN     \"authorId\" UUID NOT NULL;\n\n\
                         -- AlterTable\nALTER TABLE \"User\" DROP CONSTRAINT \"User_pkey\",\nDROP COLUMN \"id\",\n\
                         ADD COLUMN     \"id\" UUID NOT NULL DEFAULT gen_random_uuid(),\n\
                         ADD CONSTRAINT \"User_pkey\" PRIMARY KEY (\"id\");\n\n\
                         -- CreateIndex\nCREATE INDEX \"Post_authorId_idx\" ON \"Post\"(\"authorId\");\n\n\
                         -- AddForeignKey\nALTER TABLE \"Post\" ADD CONSTRAINT \"Post_authorId_fkey\" FOREIGN KEY (\"authorId\") \
                         REFERENCES \"User\"(\"id\") ON DELETE CASCADE ON UPDATE CASCADE;\n";

fn uuid(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

#[test]
fn a_key_and_what_refers_to_it_keep_their_values_together() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, KEYS)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        for number in 1..=20 {
            server.rows(&format!("INSERT INTO \"User\" (id, n) VALUES ('{}', {number})", uuid(number)));
        }
        server.rows("INSERT INTO \"Post\" (\"authorId\") SELECT id FROM \"User\"");
        planned(&server, &project, KEYS_ANEW);
        let (mut number, mut swapped) = (100, false);
        deployed_one_by_one(&server, &project, &mut |name| {
            number += 10;
            swapped |= name.contains("_swap_");
            let ty = if swapped { "uuid" } else { "text" };
            for at in [number, number + 1] {
                server.rows(&format!("INSERT INTO \"User\" (id, n) VALUES ('{}'::{ty}, {at})", uuid(at)));
                server.rows(&format!("INSERT INTO \"Post\" (\"authorId\") VALUES ('{}'::{ty})", uuid(at)));
            }
            // The actions of the key go on.
            server.rows(&format!("UPDATE \"User\" SET id = '{}'::{ty} WHERE n = {number}", uuid(number + 2)));
            server.rows(&format!("DELETE FROM \"User\" WHERE n = {}", number + 1));
            let posts = format!(
                "SELECT count(*) FROM \"Post\" WHERE \"authorId\"::text IN ('{}', '{}', '{}')",
                uuid(number),
                uuid(number + 1),
                uuid(number + 2)
            );
            assert_eq!(server.value(&posts), "1", "{name}");
            let alone = "SELECT count(*) FROM \"Post\" FULL JOIN \"User\" ON \"User\".id = \"authorId\" \
                         WHERE \"User\".id IS NULL OR \"authorId\" IS NULL OR n < 100 AND right(\"User\".id::text, 12)::integer <> n";
            assert_eq!(server.value(alone), "0", "{name}");
        });
        assert!(swapped, "{:?}", folders(&project));
        let types = "SELECT string_agg(table_name || ' ' || data_type || ' ' || coalesce(column_default, '-'), ', ' ORDER BY table_name) \
                     FROM information_schema.columns WHERE column_name = 'authorId' OR table_name = 'User' AND column_name = 'id'";
        assert_eq!(server.value(types), "Post uuid -, User uuid gen_random_uuid()");
        let steps = (folders(&project).len() - 1).to_string();
        let run = server.run(&project, &["migrate", "rollback", "--accept-data-loss", "--steps", &steps]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        let joined = "SELECT count(*) FROM \"Post\" JOIN \"User\" ON \"User\".id = \"authorId\" WHERE n < 100 AND \"User\".id LIKE '0%'";
        assert_eq!(server.value(joined), "20");
    }
}

#[test]
fn no_key_is_kept_without_what_refers_to_it() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let next = format!("{KEYS_ANEW}UPDATE \"Post\" SET \"authorId\" = \"authorId\";\n");
        let project = project(&[(FIRST, KEYS), (NEXT, next.as_str())]);
        let run = server.run(&project, &["migrate", "plan", "--safe", NEXT]);
        for words in [
            "the migration fills it itself",
            "User.id is dropped and added again as it is written",
            "the foreign key \"Post_authorId_fkey\" joins it with Post.authorId, whose values are lost",
        ] {
            assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
        }
    }
}

#[test]
fn rows_without_a_value_that_is_demanded_are_named_first() {
    for major in [18, 17, 15] {
        let Some(server) = Server::start(major) else { continue };
        for (added, bad, good) in [
            ("INTEGER NOT NULL", "NULL", "'7'"),
            ("UUID NOT NULL DEFAULT gen_random_uuid()", "NULL", "gen_random_uuid()::text"),
        ] {
            server.rows("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
            let project = project(&[(FIRST, "CREATE TABLE item (id SERIAL PRIMARY KEY, value TEXT);\n")]);
            assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
            server.rows(&format!("INSERT INTO item (value) VALUES ({good}), ({bad}), ({good})"));
            let next = format!("ALTER TABLE item DROP COLUMN value, ADD COLUMN value {added};\n");
            planned(&server, &project, &next);
            let run = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(run.code, Some(1), "{}", run.both());
            assert!(run.both().contains("(it becomes NULL): id=2"), "{}", run.both());
            let columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'item'";
            assert_eq!(server.value(columns), "2", "nothing was begun");
            server.run(&project, &["migrate", "resolve", "--rolled-back", NEXT]);
            server.rows(&format!("UPDATE item SET value = {good} WHERE value IS NULL"));
            let mut checked = false;
            deployed_one_by_one(&server, &project, &mut |name| {
                checked |= name.contains("_check_");
                let run = server.try_rows("INSERT INTO item (value) VALUES (NULL)");
                assert_eq!(run.is_err(), checked, "{name}");
                server.rows("UPDATE item SET id = id + 100 WHERE value IS NOT NULL; DELETE FROM item WHERE value IS NULL");
            });
            assert!(checked);
            assert_eq!(server.value("SELECT count(value) FROM item"), "3");
        }
    }
}

#[test]
fn a_default_with_a_parenthesis_is_one_value() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, "CREATE TABLE item (id SERIAL PRIMARY KEY, value TEXT);\n")]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO item (value) VALUES (NULL), ('a')");
        let next = "ALTER TABLE item DROP COLUMN value, ADD COLUMN value TEXT[] NOT NULL DEFAULT ARRAY['none (yet)']::TEXT[];\n";
        planned(&server, &project, next);
        let run = server.run(&project, &["migrate", "deploy", "--accept-irreversible"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        assert_eq!(
            server.value("SELECT string_agg(value::text, ' ' ORDER BY id) FROM item"),
            "{\"none (yet)\"} {a}"
        );
    }
}

#[test]
fn a_default_beside_values_changes_none_of_them() {
    for major in [17, 15] {
        let Some(server) = Server::start_with(major, &[("TimeZone", "Europe/Berlin")]) else { continue };
        let init = "CREATE TYPE \"Kind\" AS ENUM ('one', 'three');\n\
                    CREATE TABLE item (id SERIAL PRIMARY KEY, kind \"Kind\", at TEXT);\n";
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        // An hour that clocks of Berlin do not show.
        server.rows("INSERT INTO item (kind, at) VALUES ('one', '2026-03-29T02:30:00Z'), ('three', NULL), (NULL, NULL)");
        let next = "ALTER TABLE item DROP COLUMN kind, ADD COLUMN kind VARCHAR(3) NOT NULL DEFAULT 'x', \
                    DROP COLUMN at, ADD COLUMN at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;\n";
        planned(&server, &project, next);
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(1), "{}", run.both());
        let words = "has values that read otherwise as character varying(3): id=2";
        assert!(run.both().contains(words), "{}", run.both());
        let failed =
            folders(&project).into_iter().find(|name| run.both().contains(&format!("{name}\n\n"))).unwrap();
        server.run(&project, &["migrate", "resolve", "--rolled-back", &failed]);
        server.rows("UPDATE item SET kind = 'one' WHERE id = 2");
        let run = server.run(&project, &["migrate", "deploy", "--accept-irreversible"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        let values = "SELECT string_agg(kind || ' ' || CASE id WHEN 1 THEN at::text ELSE (at > '2026-03-30')::text END, ', ' ORDER BY id) FROM item";
        assert_eq!(server.value(values), "one 2026-03-29 02:30:00, one true, x true");
    }
}

#[test]
fn a_write_of_a_value_that_reads_otherwise_fails() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let init = "CREATE TABLE item (id SERIAL PRIMARY KEY, at TEXT NOT NULL, value TEXT, found TEXT);\n";
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO item (at, value, found) VALUES ('2026-01-02T03:04:05Z', '{\"a\": 1}', '7')");
        let next = "ALTER TABLE item DROP COLUMN at, ADD COLUMN at TIMESTAMP(3) NOT NULL, DROP COLUMN value, ADD COLUMN value JSONB, \
                    DROP COLUMN found, ADD COLUMN found INTEGER;\n";
        planned(&server, &project, next);
        let expanded = folders(&project).into_iter().filter(|name| name.contains("_expand_")).max().unwrap();
        let (mut full, mut swapped) = (false, false);
        deployed_one_by_one(&server, &project, &mut |name| {
            swapped |= name.contains("_swap_");
            full |= *name == expanded;
            if swapped || !full {
                return;
            }
            for (column, bad) in [
                ("at", "2026-01-02T03:04:05+02:00"),
                ("value", "{\"a\": 1, \"a\": 2}"),
                ("found", "007"),
                ("found", "seven"),
            ] {
                let run = server.try_rows(&format!("UPDATE item SET {column} = '{bad}'"));
                assert!(run.is_err(), "{name}: {column} = {bad}");
            }
            server.rows("UPDATE item SET at = '2026-02-03T04:05:06Z', value = '{\"b\": [1]}', found = '8'");
        });
        assert_eq!(
            server.value("SELECT at || ' ' || value || ' ' || found FROM item"),
            "2026-02-03 04:05:06 {\"b\": [1]} 8"
        );
    }
}

#[test]
fn names_of_all_kinds_are_kept() {
    let init = "CREATE SCHEMA \"My App\";\nCREATE TYPE \"My App\".\"rowState\" AS ENUM ('a', 'b');\n\
                CREATE TABLE \"My App\".\"It's \"\"q\"\"\" (\"k 1\" INTEGER, \"K\" BYTEA, \"a \"\"b\"\" é\" TEXT NOT NULL, \
                \"rowState\" TEXT, document TEXT, PRIMARY KEY (\"k 1\", \"K\"));\n";
    let next = "ALTER TABLE \"My App\".\"It's \"\"q\"\"\" DROP COLUMN \"a \"\"b\"\" é\", ADD COLUMN \"a \"\"b\"\" é\" INTEGER NOT NULL, \
                DROP COLUMN \"rowState\", ADD COLUMN \"rowState\" \"My App\".\"rowState\", DROP COLUMN document, ADD COLUMN document JSON;\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        let table = "\"My App\".\"It's \"\"q\"\"\"";
        server.rows(&format!("INSERT INTO {table} SELECT n, '\\x01', n::text, 'b', '{{\"n\":  1}}' FROM generate_series(1, 20) n"));
        planned(&server, &project, next);
        server.rows(&format!("UPDATE {table} SET \"a \"\"b\"\" é\" = 'x' WHERE \"k 1\" = 3"));
        let run = server.run(&project, &["migrate", "deploy"]);
        assert!(run.code == Some(1) && run.both().contains("k 1=3, K=\\x01"), "{}", run.both());
        server.run(&project, &["migrate", "resolve", "--rolled-back", NEXT]);
        server.rows(&format!("UPDATE {table} SET \"a \"\"b\"\" é\" = '3' WHERE \"k 1\" = 3"));
        deployed_one_by_one(&server, &project, &mut |name| {
            server.rows(&format!("UPDATE {table} SET \"K\" = '\\x02' WHERE \"k 1\" = 4"));
            if !name.contains("_swap_") {
                server.rows(&format!(
                    "UPDATE {table} SET \"a \"\"b\"\" é\" = '5', \"rowState\" = 'a' WHERE \"k 1\" = 5"
                ));
            }
        });
        let sums = format!(
            "SELECT sum(\"a \"\"b\"\" é\" - \"k 1\") || ' ' || count(*) FILTER (WHERE \"rowState\" = 'b'::\"My App\".\"rowState\") || ' ' || \
             min(document::text) FROM {table}"
        );
        assert_eq!(server.value(&sums), "0 19 {\"n\":  1}");
        let steps = (folders(&project).len() - 1).to_string();
        let run = server.run(&project, &["migrate", "rollback", "--accept-data-loss", "--steps", &steps]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        let back = format!(
            "SELECT count(*) FROM {table} WHERE \"a \"\"b\"\" é\" = \"k 1\"::text AND document = '{{\"n\":  1}}'"
        );
        assert_eq!(server.value(&back), "20");
    }
}
