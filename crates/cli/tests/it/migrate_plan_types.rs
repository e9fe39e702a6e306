//! `migrate plan --safe` for enums and keys: both versions of the application work at every stage, and the folders end
//! where the migration ends.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";

const ENUM: &str = "CREATE TYPE \"Status\" AS ENUM ('OPEN', 'VOID', 'PAID');\n\
                    CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, status \"Status\" NOT NULL DEFAULT 'VOID', seen \"Status\"[]);\n\
                    CREATE INDEX \"Order_status_idx\" ON \"Order\"(status, id);\n\
                    CREATE TABLE \"Audit\" (id SERIAL PRIMARY KEY, was \"Status\");\n";

/// Plans with `--write`; every folder must come with a proven down.sql, data lost or not.
pub(crate) fn planned(server: &Server, project: &crate::support::Project, sql: &str) -> String {
    project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), sql);
    let plan = server.run(project, &["migrate", "plan", "--safe", "--write", "--format", "json"]);
    assert_eq!(plan.code, Some(0), "{}", plan.both());
    let json = plan.json();
    assert_eq!(json["migrations"][0]["verdict"]["verdict"], "proven", "{json:#}");
    // Databases of other encodings take it too.
    for name in
        crate::migrate_plan::folders(project).iter().filter(|name| sql.is_ascii() && name.starts_with(NEXT))
    {
        let text = project.read(&format!("prisma/migrations/{name}/migration.sql"));
        assert!(text.is_ascii(), "{name}: {text}");
    }
    assert_eq!(json["migrations"][0]["left"].as_array().unwrap().len(), 0, "{json:#}");
    for folder in json["migrations"][0]["folders"].as_array().unwrap() {
        let down = folder["down"].as_str().unwrap();
        assert!(down.contains("proven") && !down.contains("unproven"), "{down}: {folder:#}");
    }
    plan.stdout
}

#[test]
fn a_renamed_enum_value_waits_for_versions_that_know_both() {
    let rename = "-- AlterEnum\nALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, ENUM)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows(
            "INSERT INTO \"Order\" (seen) SELECT ARRAY['VOID', 'PAID']::\"Status\"[] FROM generate_series(1, 30)",
        );
        server.rows("INSERT INTO \"Audit\" (was) SELECT 'VOID' FROM generate_series(1, 20)");
        let shown = planned(&server, &project, rename);
        assert!(shown.contains("knows \\\"CANCELLED\\\" of \\\"Status\\\""), "{shown}");
        let last = folders(&project).pop().unwrap();
        assert!(last.ends_with("_swap_status"), "{last}");
        let mut stages = 0;
        deployed_one_by_one(&server, &project, &mut |name| {
            stages += 1;
            // The new version knows both values, writes the new one and asks for either.
            let new = "INSERT INTO \"Order\" (status) VALUES (CAST('CANCELLED'::text AS \"public\".\"Status\")) RETURNING id";
            let id = server.value(new);
            assert_eq!(server.value(&format!("SELECT status FROM \"Order\" WHERE id = {id}")), "CANCELLED");
            // The old one goes on writing the old one, also by the column's default, until the swap.
            if name == last {
                return;
            }
            for sql in [
                "INSERT INTO \"Order\" (status) VALUES (CAST('VOID'::text AS \"public\".\"Status\")) RETURNING id",
                "INSERT INTO \"Order\" DEFAULT VALUES RETURNING id",
            ] {
                let id = server.value(sql);
                let read = format!(
                    "SELECT status FROM \"Order\" WHERE id = {id} AND status = CAST('VOID'::text AS \"public\".\"Status\")"
                );
                assert_eq!(server.value(&read), "VOID", "{name}");
            }
            server.rows("INSERT INTO \"Audit\" (was) VALUES ('VOID'), (NULL)");
        });
        let labels = "SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum";
        assert_eq!(server.value(labels), "{OPEN,CANCELLED,PAID}");
        assert_eq!(
            server.value("SELECT count(*) FROM \"Order\" WHERE status = 'CANCELLED'"),
            (30 + stages + (stages - 1) * 2).to_string()
        );
        assert_eq!(server.value("SELECT count(*) FROM \"Order\" WHERE seen = '{CANCELLED,PAID}'"), "30");
        assert_eq!(
            server.value("SELECT count(*) FROM \"Audit\" WHERE was = 'CANCELLED'"),
            (20 + stages - 1).to_string()
        );
        let id = server.value("INSERT INTO \"Order\" DEFAULT VALUES RETURNING id");
        assert_eq!(server.value(&format!("SELECT status FROM \"Order\" WHERE id = {id}")), "CANCELLED");
        assert_eq!(server.value("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"), "0");
    }
}

#[test]
fn a_removed_enum_value_is_written_until_nobody_does() {
    // As Prisma writes it: two tables, one default, a value that goes and one that comes.
    let anew = "-- AlterEnum\nBEGIN;\nCREATE TYPE \"Status_new\" AS ENUM ('OPEN', 'PAID', 'LATE');\n\
                ALTER TABLE \"public\".\"Order\" ALTER COLUMN \"status\" DROP DEFAULT;\n\
                ALTER TABLE \"Order\" ALTER COLUMN \"status\" TYPE \"Status_new\" USING (\"status\"::text::\"Status_new\");\n\
                ALTER TABLE \"Order\" ALTER COLUMN \"seen\" TYPE \"Status_new\"[] USING (\"seen\"::text::\"Status_new\"[]);\n\
                ALTER TABLE \"Audit\" ALTER COLUMN \"was\" TYPE \"Status_new\" USING (\"was\"::text::\"Status_new\");\n\
                ALTER TYPE \"Status\" RENAME TO \"Status_old\";\nALTER TYPE \"Status_new\" RENAME TO \"Status\";\n\
                DROP TYPE \"public\".\"Status_old\";\n\
                ALTER TABLE \"Order\" ALTER COLUMN \"status\" SET DEFAULT 'OPEN';\nCOMMIT;\n\n\
                -- CreateTable\nCREATE TABLE \"Tag\" (id INTEGER PRIMARY KEY);\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, ENUM)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" (status) SELECT 'PAID' FROM generate_series(1, 30)");
        let shown = planned(&server, &project, anew);
        assert!(
            shown.contains("writes \\\"VOID\\\" of \\\"Status\\\" any more and no row holds it"),
            "{shown}"
        );
        let names = folders(&project);
        let refusing = names.iter().position(|name| name.contains("_check_")).unwrap();
        assert!(names[..refusing].iter().any(|name| name.ends_with("_fill_was_new")), "{names:?}");
        deployed_one_by_one(&server, &project, &mut |name| {
            let at = names.iter().position(|other| other == name).unwrap();
            server
                .rows("INSERT INTO \"Order\" (status) VALUES (CAST('LATE'::text AS \"public\".\"Status\"))");
            let old =
                server.try_rows("INSERT INTO \"Order\" (status) VALUES (CAST('VOID'::text AS \"Status\"))");
            assert_eq!(old.is_ok(), at < refusing, "{name}: {old:?}");
            if at + 1 == refusing {
                server.rows("UPDATE \"Order\" SET status = 'PAID' WHERE status = 'VOID'");
            }
        });
        let labels = "SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum";
        assert_eq!(server.value(labels), "{OPEN,PAID,LATE}");
        let id = server.value("INSERT INTO \"Order\" DEFAULT VALUES RETURNING id");
        assert_eq!(server.value(&format!("SELECT status FROM \"Order\" WHERE id = {id}")), "OPEN");
    }
}

#[test]
fn a_new_enum_value_is_committed_before_it_is_used() {
    let Some(server) = Server::start(17) else { return };
    let used = "ALTER TYPE \"Status\" ADD VALUE 'LATE' BEFORE 'PAID';\n\
                ALTER TABLE \"Order\" ALTER COLUMN status SET DEFAULT 'LATE';\n";
    let project = project(&[(FIRST, ENUM)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    planned(&server, &project, used);
    assert_eq!(folders(&project).len(), 3);
    let deployed = server.run(&project, &["migrate", "deploy"]);
    assert_eq!(deployed.code, Some(0), "{}", deployed.both());
    let id = server.value("INSERT INTO \"Order\" DEFAULT VALUES RETURNING id");
    assert_eq!(server.value(&format!("SELECT status FROM \"Order\" WHERE id = {id}")), "LATE");
    let labels = "SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum";
    assert_eq!(server.value(labels), "{OPEN,VOID,LATE,PAID}");
}

#[test]
fn an_enum_that_more_than_columns_stand_on_is_left_with_the_reason() {
    let Some(server) = Server::start(17) else { return };
    let rename = "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n";
    for (more, reason) in [
        ("CREATE DOMAIN open AS \"Status\" CHECK (VALUE <> 'PAID');\n", "the domain \"open\" is made of it"),
        (
            "CREATE MATERIALIZED VIEW voids AS SELECT * FROM \"Order\" WHERE status = 'VOID';\n",
            "the materialized view \"voids\" reads it",
        ),
        (
            "CREATE FUNCTION ranked(\"Status\") RETURNS integer LANGUAGE sql AS 'SELECT 1';\n\
             CREATE VIEW ranks AS SELECT ranked(status) FROM \"Order\";\n",
            "the view \"ranks\" calls the function \"ranked\", which takes or returns it",
        ),
        (
            "CREATE FUNCTION ranked(s \"Status\" DEFAULT 'VOID') RETURNS integer LANGUAGE sql AS 'SELECT 1';\n",
            "an argument of the function \"ranked\" has a value with a new name as its default",
        ),
        (
            "CREATE FUNCTION paid() RETURNS bigint LANGUAGE sql RETURN (SELECT count(*) FROM \"Order\" WHERE status = 'PAID');\n",
            "PostgreSQL holds the body of the function \"paid\" to what it reads",
        ),
        (
            "CREATE TYPE pair AS (status \"Status\", n integer);\nCREATE TABLE pairs (pair pair);\n",
            "the type \"pair\", which has it, is that of \"pair\" of \"pairs\"",
        ),
    ] {
        let project = project(&[(FIRST, &format!("{ENUM}{more}")), (NEXT, rename)]);
        let run = server.run(&project, &["migrate", "plan", "--safe", NEXT]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        assert!(run.stdout.contains(reason), "{reason}: {}", run.stdout);
        assert!(run.stdout.contains("remains: renaming value \"VOID\""), "{}", run.stdout);
    }
}

#[test]
fn a_renamed_enum_has_both_names_for_a_while() {
    let init = "CREATE TYPE \"Status\" AS ENUM ('OPEN', 'PAID');\n\
                CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, status \"Status\" NOT NULL DEFAULT 'OPEN');\n\
                CREATE INDEX \"Order_status_idx\" ON \"Order\"(status);\n";
    let rename = "-- AlterEnum\nALTER TYPE \"Status\" RENAME TO \"OrderStatus\";\n\n\
                  -- CreateTable\nCREATE TABLE \"Tag\" (id INTEGER PRIMARY KEY, status \"OrderStatus\");\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" (status) SELECT 'PAID' FROM generate_series(1, 20)");
        planned(&server, &project, rename);
        let last = folders(&project).pop().unwrap();
        assert!(last.ends_with("_drop_type_status"), "{last}");
        deployed_one_by_one(&server, &project, &mut |name| {
            let versions = if *name == last { &["OrderStatus"][..] } else { &["Status", "OrderStatus"] };
            for ty in versions {
                let cast = |value: &str| format!("CAST('{value}'::text AS \"public\".\"{ty}\")");
                let insert = format!("INSERT INTO \"Order\" (status) VALUES ({}) RETURNING id", cast("PAID"));
                let id = server.value(&insert);
                for (condition, holds) in [
                    (format!("= {}", cast("PAID")), "1"),
                    (format!("<> {}", cast("PAID")), "0"),
                    (format!("IN ({}, {})", cast("PAID"), cast("OPEN")), "1"),
                    (format!("IN ({})", cast("OPEN")), "0"),
                    (format!("NOT IN ({}, {})", cast("PAID"), cast("OPEN")), "0"),
                    (format!("> {}", cast("OPEN")), "1"),
                ] {
                    let sql =
                        format!("SELECT count(*) FROM \"Order\" WHERE id = {id} AND status {condition}");
                    assert_eq!(server.value(&sql), holds, "{name}: {sql}");
                }
                server.rows(&format!(
                    "UPDATE \"Order\" SET status = {} WHERE status = {} AND id = {id}",
                    cast("OPEN"),
                    cast("PAID")
                ));
                let plan = server.rows(&format!(
                    "SET enable_seqscan = off; EXPLAIN SELECT id FROM \"Order\" WHERE status = {}",
                    cast("OPEN")
                ));
                let plan = format!("{plan:?}");
                assert!(plan.contains("Order_status_idx"), "{name}, {ty}: {plan}");
            }
        });
        let old = server.try_rows("SELECT CAST('OPEN'::text AS \"Status\")");
        assert!(old.unwrap_err().contains("does not exist"));
        assert_eq!(
            server.value("SELECT count(*) FROM pg_operator WHERE oprnamespace = 'public'::regnamespace"),
            "0"
        );
    }
}

/// What Prisma writes where `Int` becomes `BigInt`: the keys go and come back around the change.
const WIDER: &str = "-- DropForeignKey\nALTER TABLE \"Item\" DROP CONSTRAINT \"Item_orderId_fkey\";\n\n\
                     -- DropForeignKey\nALTER TABLE \"Note\" DROP CONSTRAINT \"Note_orderId_fkey\";\n\n\
                     -- DropForeignKey\nALTER TABLE \"Order\" DROP CONSTRAINT \"Order_parentId_fkey\";\n\n\
                     -- AlterTable\nALTER TABLE \"Order\" DROP CONSTRAINT \"Order_pkey\",\n\
                     ALTER COLUMN \"id\" SET DATA TYPE BIGINT,\nALTER COLUMN \"parentId\" SET DATA TYPE BIGINT,\n\
                     ADD CONSTRAINT \"Order_pkey\" PRIMARY KEY (\"id\");\n\n\
                     -- AlterTable\nALTER TABLE \"Item\" ALTER COLUMN \"orderId\" SET DATA TYPE BIGINT;\n\n\
                     -- AddForeignKey\nALTER TABLE \"Order\" ADD CONSTRAINT \"Order_parentId_fkey\" FOREIGN KEY (\"parentId\") REFERENCES \"Order\"(\"id\") ON DELETE SET NULL ON UPDATE CASCADE;\n\n\
                     -- AddForeignKey\nALTER TABLE \"Item\" ADD CONSTRAINT \"Item_orderId_fkey\" FOREIGN KEY (\"orderId\") REFERENCES \"Order\"(\"id\") ON DELETE CASCADE ON UPDATE CASCADE;\n\n\
                     -- AddForeignKey\nALTER TABLE \"Note\" ADD CONSTRAINT \"Note_orderId_fkey\" FOREIGN KEY (\"orderId\") REFERENCES \"Order\"(\"id\") ON DELETE SET NULL ON UPDATE CASCADE;\n";

fn keyed(id: &str) -> String {
    format!(
        "CREATE TABLE \"Order\" (\"id\" {id}, \"parentId\" INTEGER, total INTEGER NOT NULL DEFAULT 1, CONSTRAINT \"Order_pkey\" PRIMARY KEY (\"id\"), \
         CONSTRAINT \"Order_parentId_check\" CHECK (\"parentId\" <> \"id\"));\n\
         CREATE UNIQUE INDEX \"Order_parentId_total_idx\" ON \"Order\"(\"parentId\", total) WHERE \"parentId\" > 0;\n\
         CREATE TABLE \"Item\" (\"id\" SERIAL PRIMARY KEY, \"orderId\" INTEGER NOT NULL, n INTEGER NOT NULL, CONSTRAINT \"Item_key\" UNIQUE (\"orderId\", n));\n\
         CREATE TABLE \"Note\" (\"id\" SERIAL PRIMARY KEY, \"orderId\" INTEGER);\n\
         ALTER TABLE \"Order\" ADD CONSTRAINT \"Order_parentId_fkey\" FOREIGN KEY (\"parentId\") REFERENCES \"Order\"(\"id\") ON DELETE SET NULL ON UPDATE CASCADE;\n\
         ALTER TABLE \"Item\" ADD CONSTRAINT \"Item_orderId_fkey\" FOREIGN KEY (\"orderId\") REFERENCES \"Order\"(\"id\") ON DELETE CASCADE ON UPDATE CASCADE;\n\
         ALTER TABLE \"Note\" ADD CONSTRAINT \"Note_orderId_fkey\" FOREIGN KEY (\"orderId\") REFERENCES \"Order\"(\"id\") ON DELETE SET NULL ON UPDATE CASCADE;\n"
    )
}

/// Both versions write orders with items at every stage, and delete some with what hangs on them.
fn keys_serve(server: &Server, id: &str) {
    let project = project(&[(FIRST, &keyed(id))]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    server.rows("INSERT INTO \"Order\" SELECT FROM generate_series(1, 60)");
    server.rows("INSERT INTO \"Item\" (\"orderId\", n) SELECT id, 7 FROM \"Order\"");
    let shown = planned(server, &project, WIDER);
    assert_eq!(shown.contains("still ends at 2147483647"), id.starts_with("SERIAL"), "{shown}");
    let mut last = 60;
    deployed_one_by_one(server, &project, &mut |name| {
        for cast in ["integer", "bigint"] {
            let id: i64 = server.value("INSERT INTO \"Order\" DEFAULT VALUES RETURNING id").parse().unwrap();
            assert!(id > last, "{name}: the sequence goes on: {id} after {last}");
            last = id;
            let child = server.value(&format!(
                "INSERT INTO \"Order\" (\"parentId\", total) VALUES ({id}::{cast}, {id}) RETURNING id"
            ));
            server.rows(&format!(
                "INSERT INTO \"Item\" (\"orderId\", n) VALUES ({id}::{cast}, 1), ({child}::{cast}, 2)"
            ));
            let note = server
                .value(&format!("INSERT INTO \"Note\" (\"orderId\") VALUES ({id}::{cast}) RETURNING id"));
            let twice = server.try_rows(&format!("INSERT INTO \"Item\" (\"orderId\", n) VALUES ({id}, 1)"));
            assert!(twice.is_err(), "{name}: the unique constraint holds");
            let orphan = server.try_rows("INSERT INTO \"Item\" (\"orderId\", n) VALUES (999999, 1)");
            assert!(orphan.is_err(), "{name}: the foreign key holds");
            server.rows(&format!("DELETE FROM \"Order\" WHERE id = {id}::{cast}"));
            assert_eq!(
                server.value(&format!("SELECT count(*) FROM \"Item\" WHERE \"orderId\" = {id}")),
                "0",
                "{name}"
            );
            let left = format!(
                "SELECT (SELECT \"parentId\" FROM \"Order\" WHERE id = {child}), (SELECT \"orderId\" FROM \"Note\" WHERE id = {note})"
            );
            assert_eq!(server.rows(&left), [[None, None]], "{name}");
            // A key that changes takes what refers to it along.
            last = child.parse().unwrap();
        }
        let moved = server.value("UPDATE \"Order\" SET id = id + 500000 WHERE id = (SELECT min(id) FROM \"Order\" WHERE id < 100) RETURNING id");
        let items = format!("SELECT count(*) FROM \"Item\" WHERE \"orderId\" = {moved}");
        assert_eq!(server.value(&items), "1", "{name}: {moved}");
    });
    let types = "SELECT string_agg(table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable, ', ' ORDER BY table_name, ordinal_position) \
                 FROM information_schema.columns WHERE column_name IN ('id', 'parentId', 'orderId') AND data_type = 'bigint'";
    assert_eq!(server.value(types), "Item.orderId bigint NO, Order.id bigint NO, Order.parentId bigint YES");
    assert_eq!(server.value("SELECT count(*) FROM pg_constraint WHERE NOT convalidated"), "0");
    let id: i64 = server.value("INSERT INTO \"Order\" DEFAULT VALUES RETURNING id").parse().unwrap();
    assert!(id > last, "{id} after {last}");
    assert_eq!(server.value("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"), "0");
}

#[test]
fn a_wider_key_takes_its_sequence_and_foreign_keys_along() {
    let Some(server) = Server::start(17) else { return };
    keys_serve(&server, "SERIAL NOT NULL");
    let owned = "SELECT pg_get_serial_sequence('\"Order\"', 'id')";
    assert_eq!(server.value(owned), "public.\"Order_id_seq\"");
}

#[test]
fn a_wider_identity_counts_on() {
    let Some(server) = Server::start(15) else { return };
    keys_serve(&server, "INTEGER GENERATED BY DEFAULT AS IDENTITY");
    let owned = "SELECT is_identity || ' ' || pg_get_serial_sequence('\"Order\"', 'id') FROM information_schema.columns \
                 WHERE table_name = 'Order' AND column_name = 'id'";
    assert_eq!(server.value(owned), "YES public.\"Order_id_seq\"");
}
