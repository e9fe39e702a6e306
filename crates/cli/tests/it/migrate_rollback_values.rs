//! `migrate rollback` of columns that got wider types: values that were written since are never cut or rounded without a word,
//! and what hands put beside a column goes along.

use crate::migrate_plan::{Server, deployed_one_by_one, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";

const NARROW: &str = "CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, label VARCHAR(20), price NUMERIC(5,2), weight INTEGER,\n\
                      share INTEGER, day DATE, at TIMESTAMP(0), tag TEXT, extra JSONB, same BOOLEAN);\n";
const WIDE: &str = "ALTER TABLE \"Order\" ALTER COLUMN label TYPE TEXT, ALTER COLUMN price TYPE NUMERIC(10,4),\n\
                    ALTER COLUMN weight TYPE DOUBLE PRECISION, ALTER COLUMN share TYPE NUMERIC(10,2),\n\
                    ALTER COLUMN day TYPE TIMESTAMP(3), ALTER COLUMN at TYPE TIMESTAMP(3),\n\
                    ALTER COLUMN tag TYPE TEXT[] USING ARRAY[tag], ALTER COLUMN extra TYPE TEXT;\n";
/// Each column with a value that its old type does not hold, and one that it holds.
const VALUES: [(&str, &str, &str); 8] = [
    ("label", "repeat('x', 41)", "repeat('x', 20)"),
    ("price", "1.2345", "1.23"),
    ("weight", "1.75", "2"),
    ("share", "1.75", "2"),
    ("day", "'2020-01-02 03:04:05'", "'2020-01-02'"),
    ("at", "'2020-01-02 03:04:05.678'", "'2020-01-02 03:04:05'"),
    ("tag", "ARRAY['first', 'second']", "ARRAY['first']"),
    ("extra", "'{\"a\":{\"b\":1,\"b\":2}}'", "'{\"a\":{\"b\":1},\"c\":[1, {\"b\":1}]}'"),
];

fn down(project: &crate::support::Project) -> String {
    project.read(&format!("prisma/migrations/{NEXT}/down.sql"))
}

#[test]
fn values_that_the_old_type_has_no_room_for_are_never_cut_without_a_word() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, NARROW), (NEXT, WIDE)]);
        let adopted = server.run(&project, &["migrate", "adopt"]);
        assert_eq!(adopted.code, Some(0), "{}", adopted.both());
        assert!(adopted.stdout.contains("2 proven"), "{}", adopted.both());
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" (id, label) VALUES (1, 'a'), (17, 'b')");
        let rollback = ["migrate", "rollback"];
        let run = |more: &[&str]| server.run(&project, &[&rollback, more].concat());
        for (column, value, fits) in VALUES {
            server.rows(&format!("UPDATE \"Order\" SET {column} = {value} WHERE id = 17"));
            let before = server.value("SELECT t::text FROM \"Order\" t WHERE id = 17");
            let dry = run(&["--dry-run"]);
            let goes = format!(".{column} (they are not the same as");
            let said = |text: &str| text.replace('"', "").contains(&goes);
            assert!(dry.stdout.contains("they are not the same as"), "{column}: {}", dry.both());
            let refused = run(&[]);
            assert_eq!(refused.code, Some(1), "{column}: {}", refused.both());
            assert!(said(&refused.stderr), "{column}: {}", refused.both());
            // Other runners send the file as it is.
            let error = server.try_rows(&format!("BEGIN;\n{}COMMIT;\n", down(&project))).unwrap_err();
            assert!(error.contains("would not be the same as"), "{column}: {error}");
            assert_eq!(server.value("SELECT t::text FROM \"Order\" t WHERE id = 17"), before);
            server.rows(&format!("UPDATE \"Order\" SET {column} = {fits} WHERE id = 17"));
        }
        let row = "SELECT concat_ws(' ', label, price::float, weight, share::float, day::date, at, tag::text, extra::jsonb->'c') FROM \"Order\" WHERE id = 17";
        let before = server.value(row);
        let undone = run(&[]);
        assert_eq!(undone.code, Some(0), "{}", undone.both());
        assert!(!undone.both().contains("goes"), "{}", undone.both());
        assert_eq!(server.value(row).replace("first", "{first}"), before);
        // Who says so lets the rest go.
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("UPDATE \"Order\" SET label = repeat('x', 41)");
        let undone = run(&["--accept-data-loss"]);
        assert_eq!(undone.code, Some(0), "{}", undone.both());
        assert_eq!(server.value("SELECT label FROM \"Order\" WHERE id = 17"), "x".repeat(20));
    }
}

#[test]
fn a_value_that_came_after_the_look_stops_the_rollback_with_its_row_and_the_next_step() {
    let Some(server) = Server::start(17) else { return };
    let later = "20260103000000_later";
    let project = project(&[
        (FIRST, NARROW),
        (NEXT, WIDE),
        (later, "ALTER TABLE \"Order\" RENAME COLUMN label TO name;\n"),
    ]);
    assert_eq!(server.run(&project, &["migrate", "adopt"]).code, Some(0));
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    server.rows("INSERT INTO \"Order\" (id, name) VALUES (17, repeat('x', 41))");
    // Before the first step the column has another name, so nothing was counted.
    let run = server.run(&project, &["migrate", "rollback", "--steps", "2"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(run.both().contains("values of \"label\""), "{}", run.both());
    assert!(run.both().contains("rows: id = 17"), "{}", run.both());
    assert!(run.both().contains("--accept-data-loss"), "{}", run.both());
    assert_eq!(server.value("SELECT label FROM \"Order\" WHERE id = 17"), "x".repeat(41));
}

#[test]
fn what_hands_put_beside_a_column_goes_along_on_the_way_back() {
    let init = "CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, total INTEGER NOT NULL DEFAULT 0);\n";
    let beside = "SELECT concat_ws(' ', attstattarget, attoptions, col_description(attrelid, attnum), atttypid::regtype)\n\
                  FROM pg_attribute WHERE attrelid = '\"Order\"'::regclass AND attname = 'total'";
    for major in [17, 15] {
        for (change, name) in [
            ("ALTER TABLE \"Order\" ALTER COLUMN total SET DATA TYPE BIGINT;\n", "total"),
            ("ALTER TABLE \"Order\" RENAME COLUMN total TO amount;\n", "amount"),
        ] {
            let Some(server) = Server::start(major) else { continue };
            let project = project(&[(FIRST, init)]);
            assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
            server.rows("INSERT INTO \"Order\" (total) SELECT n FROM generate_series(1, 20) n");
            planned(&server, &project, change);
            deployed_one_by_one(&server, &project, &mut |_| {});
            server.rows(&format!(
                "ALTER TABLE \"Order\" ALTER {name} SET STATISTICS 777, ALTER {name} SET (n_distinct = 5);\n\
                 COMMENT ON COLUMN \"Order\".{name} IS 'by hand'"
            ));
            let undone = server.run(&project, &["migrate", "rollback", "--to", FIRST, "--accept-data-loss"]);
            assert_eq!(undone.code, Some(0), "{}", undone.both());
            assert_eq!(server.value(beside), "777 {n_distinct=5} by hand integer", "{major}: {change}");
        }
    }
}

#[test]
fn what_backfills_remember_is_nobody_s_model() {
    let Some(server) = Server::start(17) else { return };
    let project = project(&[(FIRST, "CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, times INTEGER);\n")]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    server.rows("INSERT INTO \"Order\" (times) SELECT n FROM generate_series(1, 20) n");
    let fill = ["migrate", "backfill", "--table", "\"Order\"", "--set", "times = 1", "--where", "times <> 1"];
    let filled = server.run(&project, &fill);
    assert_eq!(filled.code, Some(0), "{}", filled.both());
    assert_eq!(server.value("SELECT to_regclass('pgsteward_backfills') IS NOT NULL"), "t");
    let pulled = server.run(&project, &["db", "pull"]);
    assert_eq!(pulled.code, Some(0), "{}", pulled.both());
    let schema = project.read("prisma/schema.prisma");
    assert!(schema.contains("model Order") && !schema.contains("backfills"), "{schema}");
    let objects = project.path().join("prisma/pgsteward.objects.sql");
    assert!(!objects.is_file(), "{}", std::fs::read_to_string(&objects).unwrap());
    let pushed = server.run(&project, &["db", "push"]);
    assert_eq!(pushed.code, Some(0), "{}", pushed.both());
    assert_eq!(server.value("SELECT to_regclass('pgsteward_backfills') IS NOT NULL"), "t");
}
