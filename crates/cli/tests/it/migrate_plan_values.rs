//! `migrate plan --safe` keeps every value as the migration by itself would: what does not fit is named before anything changes,
//! and what one version of the application writes the other one has, to the byte, whoever writes it.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;
use crate::support::Project;

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";

/// A project on a server that has the first migration and the rows, and the next one planned.
fn begun(server: &Server, init: &str, rows: &str, next: &str) -> Project {
    let project = project(&[(FIRST, init)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    server.rows(rows);
    planned(server, &project, next);
    project
}

fn columns(server: &Server) -> String {
    server.value(
        "SELECT string_agg(column_name, ' ' ORDER BY column_name) FROM information_schema.columns WHERE table_name = 'item'",
    )
}

/// The deploy ends with an error that says all of `wanted`, and the table is as it was.
fn stopped(server: &Server, project: &Project, wanted: &[&str]) {
    let before =
        (columns(server), server.value("SELECT md5(string_agg(i::text, ';' ORDER BY id)) FROM item i"));
    let run = server.run(project, &["migrate", "deploy"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    for text in wanted {
        assert!(run.both().contains(text), "{text}: {}", run.both());
    }
    let after =
        (columns(server), server.value("SELECT md5(string_agg(i::text, ';' ORDER BY id)) FROM item i"));
    assert_eq!(before, after, "nothing was begun");
}

fn try_again(server: &Server, project: &Project) {
    let resolved = server.run(project, &["migrate", "resolve", "--rolled-back", NEXT]);
    assert_eq!(resolved.code, Some(0), "{}", resolved.both());
}

#[test]
fn what_does_not_fit_the_new_type_is_named_before_anything_changes() {
    // Type before and after, a value that fits and one that does not; the words of the server.
    const CASES: [(&str, &str, &str, &str, &str); 7] = [
        ("TEXT", "VARCHAR(10)", "'short'", "'much too long'", "too long for type character varying(10)"),
        ("TEXT", "CHAR(4)", "'four'", "'fives'", "too long for type character(4)"),
        ("TEXT[]", "VARCHAR(3)[]", "'{abc}'", "'{abc,abcd}'", "too long for type character varying(3)"),
        ("BIT(6)", "BIT(4)", "", "B'101010'", "does not match type bit(4)"),
        ("BIGINT", "INTEGER", "5", "3000000000", "integer out of range"),
        ("NUMERIC", "NUMERIC(4, 2)", "9.5", "123.4", "numeric field overflow"),
        ("TEXT", "INTEGER USING (value::INTEGER)", "'7'", "'x'", "invalid input syntax for type integer"),
    ];
    for major in [17, 15] {
        for (from, to, good, bad, words) in CASES {
            let Some(server) = Server::start(major) else { continue };
            let init = format!("CREATE TABLE item (id SERIAL PRIMARY KEY, value {from});\n");
            let good = if good.is_empty() { "NULL" } else { good };
            let rows = format!(
                "INSERT INTO item (value) SELECT {good} FROM generate_series(1, 20); \
                 UPDATE item SET value = {bad} WHERE id IN (3, 17)"
            );
            let next = format!("ALTER TABLE item ALTER COLUMN value TYPE {to};\n");
            let project = begun(&server, &init, &rows, &next);
            stopped(&server, &project, &[words, "id=3; id=17"]);
            try_again(&server, &project);
            server.rows(&format!("UPDATE item SET value = {good} WHERE id IN (3, 17)"));
            let last = folders(&project).pop().unwrap();
            deployed_one_by_one(&server, &project, &mut |name| {
                // From now on it is refused, and never cut short.
                let refused = server.try_rows(&format!("INSERT INTO item (value) VALUES ({bad})"));
                let refused = refused.expect_err(name);
                assert!(refused.contains(words) || name == last, "{name}: {refused}");
                server.rows(&format!("INSERT INTO item (value) VALUES ({good})"));
            });
            let wrong = format!(
                "SELECT count(*) FROM item WHERE value::text IS DISTINCT FROM ({good})::{from}::text"
            );
            let wrong =
                if to.contains("NUMERIC") || to.contains("INTEGER") { "SELECT 0".to_owned() } else { wrong };
            assert_eq!(server.value(&wrong), "0", "{major}: {to}");
            assert_eq!(columns(&server), "id value");
        }
    }
}

/// What an earlier deploy added NOT VALID, and what hands did, is asked about like what is added at once.
#[test]
fn rows_in_the_way_of_a_validate_are_named_before_it() {
    const SETUP: &str = "CREATE TABLE parent (a INTEGER, b INTEGER, PRIMARY KEY (a, b));\n\
        CREATE TABLE item (id SERIAL PRIMARY KEY, n INTEGER, a INTEGER, \"B\" INTEGER, secret TEXT DEFAULT 'hidden');\n";
    const CASES: [(&str, &str); 2] = [
        ("CHECK (n < 19)", "2 rows of \"item\" that break the check \"late\"; for example id=19; id=20"),
        (
            "FOREIGN KEY (a, \"B\") REFERENCES parent",
            "20 rows of \"item\" whose \"a\", \"B\" is in no row of \"parent\"; for example id=1; id=2; id=3; id=4; id=5",
        ),
    ];
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        for (constraint, words) in CASES {
            for by_hand in [false, true] {
                server.as_superuser(
                    "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC",
                );
                let project = project(&[(FIRST, SETUP)]);
                let deploy = |code| {
                    let run = server.run(&project, &["migrate", "deploy"]);
                    assert_eq!(run.code, Some(code), "{}", run.both());
                    run.both()
                };
                deploy(0);
                server.rows("INSERT INTO item (n, a, \"B\") SELECT n, n, n FROM generate_series(1, 20) n");
                let add = format!("ALTER TABLE item ADD CONSTRAINT late {constraint} NOT VALID;\n");
                if by_hand {
                    server.rows(&add);
                } else {
                    project.write("prisma/migrations/20260101120000_late/migration.sql", &add);
                    deploy(0);
                }
                project.write(
                    &format!("prisma/migrations/{NEXT}/migration.sql"),
                    "ALTER TABLE item VALIDATE CONSTRAINT late;\n",
                );
                let said = deploy(1);
                assert!(said.contains(words) && !said.contains("hidden"), "{said}");
                let begun = "SELECT count(*) FROM _prisma_migrations WHERE migration_name LIKE '%next'";
                assert_eq!(server.value(begun), "0", "nothing ran");
                server.rows("DELETE FROM item WHERE n > 1; INSERT INTO parent VALUES (1, 1)");
                deploy(0);
                assert_eq!(
                    server.value("SELECT convalidated FROM pg_constraint WHERE conname = 'late'"),
                    "t"
                );
            }
        }
    }
}

#[test]
fn rows_without_a_value_stop_the_first_folder_of_not_null() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = begun(
            &server,
            "CREATE TABLE item (id SERIAL PRIMARY KEY, value TEXT);\n",
            "INSERT INTO item (value) SELECT nullif(n, 3)::text FROM generate_series(1, 20) n",
            "ALTER TABLE item ALTER COLUMN value SET NOT NULL;\n",
        );
        stopped(&server, &project, &["id=3"]);
        assert_eq!(
            server.value(
                "SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND conrelid = 'item'::regclass"
            ),
            "0"
        );
        server.rows("UPDATE item SET value = 'x' WHERE id = 3");
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
    }
}

#[test]
fn a_renamed_column_has_the_bytes_that_either_version_wrote() {
    // Equal to their type, and not the same.
    const CASES: [(&str, &str, &str); 4] = [
        ("NUMERIC", "1.0", "1.000"),
        ("INTERVAL", "1 day", "24:00:00"),
        ("JSONB", "{\"a\": 1.0}", "{\"a\": 1.00}"),
        ("CHAR(4)[]", "{a}", "[2:2]={a}"),
    ];
    for major in [17, 15] {
        for (ty, first, second) in CASES {
            let Some(server) = Server::start(major) else { continue };
            let project = begun(
                &server,
                &format!("CREATE TABLE item (id SERIAL PRIMARY KEY, was {ty});\n"),
                &format!("INSERT INTO item (was) SELECT '{first}' FROM generate_series(1, 20)"),
                "ALTER TABLE item RENAME COLUMN was TO now;\n",
            );
            let last = folders(&project).pop().unwrap();
            deployed_one_by_one(&server, &project, &mut |name| {
                for (column, value) in [("now", second), ("was", first), ("was", second), ("now", first)] {
                    if column == "was" && name == last {
                        continue;
                    }
                    server.rows(&format!("UPDATE item SET {column} = '{value}' WHERE id = 5"));
                    let wanted = server.value(&format!("SELECT '{value}'::{ty}::text"));
                    let seen = server.value("SELECT now::text FROM item WHERE id = 5");
                    assert_eq!(seen, wanted, "{major}: {ty} {column} after {name}");
                    if name != last {
                        assert_eq!(server.value("SELECT was::text FROM item WHERE id = 5"), wanted, "{name}");
                    }
                }
            });
        }
    }
}

#[test]
fn null_is_no_default_of_a_renamed_column() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = begun(
            &server,
            "CREATE TYPE tier AS ENUM ('free', 'paid');\n\
             CREATE TABLE item (id SERIAL PRIMARY KEY, was tier DEFAULT 'free');\n",
            "INSERT INTO item (was) SELECT NULL::tier FROM generate_series(1, 20)",
            "ALTER TABLE item RENAME COLUMN was TO now;\n",
        );
        let last = folders(&project).pop().unwrap();
        deployed_one_by_one(&server, &project, &mut |name| {
            let columns: &[&str] = if name == last { &["now"] } else { &["now", "was"] };
            for column in columns {
                for (value, wanted) in
                    [("NULL", ""), ("DEFAULT", "free"), ("'free'", "free"), ("'paid'", "paid")]
                {
                    let id =
                        server.value(&format!("INSERT INTO item ({column}) VALUES ({value}) RETURNING id"));
                    for seen in columns {
                        let seen = server.value(&format!("SELECT {seen} FROM item WHERE id = {id}"));
                        assert_eq!(seen, wanted, "{major}: {column} {value} after {name}");
                    }
                }
            }
        });
        assert_eq!(server.value("SELECT count(*) FROM item WHERE id <= 20 AND now IS NULL"), "20");
    }
    let Some(server) = Server::start(17) else { return };
    let init = "CREATE TABLE item (id SERIAL PRIMARY KEY, was UUID DEFAULT gen_random_uuid());\n";
    let project = project(&[(FIRST, init)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    let said = planned(&server, &project, "ALTER TABLE item RENAME COLUMN was TO now;\n");
    assert!(said.contains("which each row has its own of"), "{said}");
}

#[test]
fn all_writers_convert_times_as_the_migration_does() {
    let init = "CREATE TABLE item (id SERIAL PRIMARY KEY, value TIMESTAMP(3));\n";
    let rows = "INSERT INTO item (value) SELECT '2026-01-01 12:00'::timestamp FROM generate_series(1, 20)";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let zone = |zone: &str| server.as_superuser(&format!("ALTER ROLE postgres SET TimeZone = '{zone}'"));
        let project =
            begun(&server, init, rows, "ALTER TABLE item ALTER COLUMN value TYPE TIMESTAMPTZ(3);\n");
        zone("Europe/Berlin");
        let mut other = 0;
        deployed_one_by_one(&server, &project, &mut |name| {
            if name.contains("_swap_") {
                return;
            }
            // Whoever writes, and whoever fills, has another one.
            other += 1;
            zone(["Asia/Tokyo", "America/Lima"][other % 2]);
            server.rows(
                "INSERT INTO item (value) VALUES ('2026-01-01 12:00'); UPDATE item SET id = id WHERE id = 3",
            );
        });
        let wrong = "SELECT count(*) FROM item WHERE value <> '2026-01-01 12:00+01'";
        assert_eq!(server.value(wrong), "0", "{major}");
    }
}

#[test]
fn a_way_back_leaves_the_settings_of_what_keeps_two_columns_equal_to_the_connection() {
    let init = "CREATE TABLE item (id SERIAL PRIMARY KEY, value TIMESTAMP(3));\n";
    let rows = "INSERT INTO item (value) SELECT '2026-01-01 12:00'::timestamp FROM generate_series(1, 20)";
    let settings = "SELECT string_agg(proconfig::text, ' ') FROM pg_proc WHERE proname LIKE '%\\_sync'";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let set = |name: &str, value: &str| {
            server.as_superuser(&format!("ALTER ROLE postgres SET {name} = '{value}'"));
        };
        set("TimeZone", "Europe/Berlin");
        set("DateStyle", "German");
        set("IntervalStyle", "iso_8601");
        let project =
            begun(&server, init, rows, "ALTER TABLE item ALTER COLUMN value TYPE TIMESTAMPTZ(3);\n");
        let mut made = String::new();
        deployed_one_by_one(&server, &project, &mut |name| {
            if !name.contains("_swap_") {
                made = server.value(settings);
            }
        });
        assert!(
            ["TimeZone=Europe/Berlin", "DateStyle=German", "IntervalStyle=iso_8601"]
                .iter()
                .all(|one| made.contains(one)),
            "{made}"
        );
        assert_eq!(server.value(settings), "", "it went with the swap");
        let back = server.run(&project, &["migrate", "rollback", "--steps", "1", "--accept-data-loss"]);
        assert_eq!(back.code, Some(0), "{}", back.both());
        assert_eq!(server.value(settings), made, "{major}");
        server.rows("INSERT INTO item (value) VALUES ('01.02.2026 12:00')");
        let wrong = "SELECT count(*) FROM item WHERE id = 21 AND (value, value_new) IS DISTINCT FROM \
                     ('2026-02-01 12:00'::timestamp, '2026-02-01 12:00+01'::timestamptz)";
        assert_eq!(server.value(wrong), "0", "{major}");
    }
}

#[test]
fn a_table_that_a_subscription_writes_has_no_second_column() {
    for major in [17, 15] {
        for next in [
            "ALTER TABLE item ALTER COLUMN value TYPE BIGINT;\n",
            "ALTER TABLE item RENAME COLUMN value TO now;\n",
        ] {
            let Some(server) = Server::start(major) else { continue };
            let init = "CREATE TABLE item (id SERIAL PRIMARY KEY, value INTEGER);\n";
            let project = begun(&server, init, "INSERT INTO item (value) SELECT generate_series(1, 5)", next);
            // As a subscription whose publisher is away.
            server.as_superuser(
                "SET allow_system_table_mods = on; CREATE SUBSCRIPTION away CONNECTION 'dbname=none' PUBLICATION none WITH (connect = false); \
                 INSERT INTO pg_subscription_rel SELECT oid, 'item'::regclass, 'r', NULL FROM pg_subscription",
            );
            stopped(&server, &project, &["a subscription writes public.item", "end the subscription"]);
            try_again(&server, &project);
            server.as_superuser("SET allow_system_table_mods = on; DELETE FROM pg_subscription_rel");
            let run = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(run.code, Some(0), "{}", run.both());
        }
    }
}

#[test]
fn a_trigger_made_by_hand_is_told_by_what_it_is() {
    const CLAMP: &str = "CREATE FUNCTION zz_clamp_sync() RETURNS trigger LANGUAGE plpgsql AS \
                         'BEGIN NEW.value := least(NEW.value, 10); RETURN NEW; END'; \
                         CREATE TRIGGER zz_clamp_sync BEFORE INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION zz_clamp_sync()";
    let init = "CREATE TABLE item (id SERIAL PRIMARY KEY, value INTEGER);\n";
    let rows = "INSERT INTO item (value) SELECT generate_series(1, 5)";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = begun(&server, init, rows, "ALTER TABLE item ALTER COLUMN value TYPE BIGINT;\n");
        server.rows(CLAMP);
        stopped(&server, &project, &["trigger zz_clamp_sync on", "RENAME TO a name that sorts before"]);

        // One that runs first is passed over by who writes the new name.
        for name in ["zz_clamp_sync", "a_clamp"] {
            let Some(server) = Server::start(major) else { continue };
            let project = begun(&server, init, rows, "ALTER TABLE item RENAME COLUMN value TO worth;\n");
            server.rows(CLAMP);
            server.rows(&format!("ALTER TRIGGER zz_clamp_sync ON item RENAME TO {name}"));
            if name != "zz_clamp_sync" {
                server.rows(
                    "CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
                );
                server.rows(
                    "CREATE TRIGGER a_stamp BEFORE UPDATE ON item FOR EACH ROW EXECUTE FUNCTION stamp()",
                );
            }
            stopped(
                &server,
                &project,
                &[&format!("trigger {name} on"), "drop it until the last of these folders"],
            );
            try_again(&server, &project);
            server.rows(&format!("DROP TRIGGER {name} ON item"));
            let run = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(run.code, Some(0), "{}", run.both());
        }
    }
}

#[test]
fn a_fill_takes_no_trigger_of_a_plan_for_an_audit() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = begun(
            &server,
            "CREATE TABLE item (id SERIAL PRIMARY KEY, value INTEGER, other INTEGER);\n",
            "INSERT INTO item (value) SELECT generate_series(1, 5)",
            "ALTER TABLE item ALTER COLUMN value TYPE BIGINT;\nALTER TABLE item ALTER COLUMN other TYPE BIGINT;\n",
        );
        let run = server.run(&project, &["migrate", "deploy", "--format", "json"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        assert!(!run.stdout.contains("drop it and make it again"), "{}", run.stdout);
    }
}

#[test]
fn a_database_of_another_encoding_takes_the_folders() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let url = server.url();
        let (head, tail) = url.split_once('?').unwrap();
        let (head, own) = head.rsplit_once('/').unwrap();
        let url = format!("{head}/latin?{tail}");
        // A lab has none; another encoding is taken from one of this name only.
        server.as_superuser(&format!("CREATE DATABASE template0 TEMPLATE \"{own}\""));
        server.as_superuser(
            "CREATE DATABASE latin OWNER postgres ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
        );
        let project =
            project(&[(FIRST, "CREATE TABLE item (id SERIAL PRIMARY KEY, value INTEGER, was TEXT);\n")]);
        let run = |arguments: &[&str]| {
            let run = project.run_with(arguments, &[("DATABASE_URL", &url)]);
            assert_eq!(run.code, Some(0), "{}", run.both());
        };
        run(&["migrate", "deploy"]);
        let next =
            "ALTER TABLE item ALTER COLUMN value TYPE BIGINT;\nALTER TABLE item RENAME COLUMN was TO now;\n";
        project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), next);
        run(&["migrate", "plan", "--safe", "--write"]);
        run(&["migrate", "deploy"]);
    }
}
