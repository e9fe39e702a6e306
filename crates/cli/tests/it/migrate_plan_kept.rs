//! `migrate plan --safe` for columns that more than views and policies stand on: materialized views, privileges of their own,
//! generated columns, views that lean on a key.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";

const INIT: &str = "CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, owner TEXT NOT NULL, total INTEGER NOT NULL DEFAULT 0,\n\
                    cents INTEGER GENERATED ALWAYS AS (total * 100) STORED);\n\
                    CREATE INDEX \"Order_cents_idx\" ON \"Order\"(cents);\n";

const SUMS: &str = "CREATE MATERIALIZED VIEW sums AS SELECT owner, sum(total) AS total, max(total) AS most FROM \"Order\" GROUP BY owner;\n\
                    CREATE UNIQUE INDEX sums_owner_key ON sums(owner);\nCREATE INDEX sums_total_idx ON sums(total DESC);\n";

/// What no migration says: a clerk who may use one column, a reader of the materialized view.
fn given(server: &Server) {
    server.as_superuser("CREATE ROLE clerk LOGIN; CREATE ROLE boss LOGIN; CREATE ROLE reader LOGIN");
    server.rows("GRANT SELECT (id, total), UPDATE (total) ON \"Order\" TO clerk");
    server.rows("GRANT SELECT (total) ON \"Order\" TO boss WITH GRANT OPTION");
    server.rows("INSERT INTO \"Order\" (owner, total) SELECT 'ann', n FROM generate_series(1, 20) n");
}

fn privileges(server: &Server, column: &str) -> String {
    let of = |role: &str, what: &str| {
        server.value(&format!("SELECT has_column_privilege('{role}', '\"Order\"', '{column}', '{what}')"))
    };
    let all = [
        ("clerk", "SELECT"),
        ("clerk", "UPDATE"),
        ("boss", "SELECT WITH GRANT OPTION"),
        ("boss", "UPDATE"),
        ("reader", "SELECT"),
    ];
    all.iter().map(|(role, what)| of(role, what)).collect()
}

/// The clerk reads and writes the column that a version of the application knows.
fn served(server: &Server, stage: &str, column: &str, value: u32) {
    assert_eq!(privileges(server, column), "tttff", "{stage}: {column}");
    let wrote = server.rows_as("clerk", &format!("UPDATE \"Order\" SET {column} = {value} WHERE id = 1"));
    assert!(wrote.is_ok(), "{stage}: {wrote:?}");
    let read = format!("SELECT {column} FROM \"Order\" WHERE id = 1");
    assert_eq!(server.value_as("clerk", &read), value.to_string(), "{stage}");
}

#[test]
fn all_that_stands_on_a_renamed_column_stays() {
    let more = format!(
        "{SUMS}CREATE VIEW each AS SELECT id, owner, total FROM \"Order\" GROUP BY id;\nCREATE VIEW most AS SELECT max(most) AS most FROM sums;\n"
    );
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, &format!("{INIT}{more}"))]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        given(&server);
        server.rows("GRANT SELECT ON sums, most TO reader; REFRESH MATERIALIZED VIEW sums");
        let view = "SELECT concat_ws(' ', oid, relacl) FROM pg_class WHERE relname = 'sums'";
        let before = server.value(view);
        planned(
            &server,
            &project,
            "ALTER TABLE \"Order\" RENAME COLUMN total TO amount;\nALTER TABLE \"Order\" RENAME COLUMN id TO number;\n\
             ALTER TABLE \"Order\" RENAME COLUMN cents TO asked;\n",
        );
        let names = folders(&project);
        let at = |name: &str| names.iter().position(|other| other.contains(name)).unwrap();
        let (mut number, mut largest) = (100, 20);
        deployed_one_by_one(&server, &project, &mut |name| {
            let stage = names.iter().position(|other| other == name).unwrap();
            number += 1;
            if stage < at("_drop_total") && stage < at("_drop_id") {
                served(&server, name, "total", number);
                largest = number;
                assert_eq!(server.value("SELECT max(total) FROM each"), number.to_string(), "{name}");
            }
            let cents = |column: &str, largest: u32| {
                let most = server.value(&format!("SELECT max({column}) FROM \"Order\""));
                assert_eq!(most, (largest * 100).to_string(), "{name}: {column}");
            };
            if stage < at("_drop_cents") {
                cents("cents", largest);
            }
            if stage >= at("_fill_asked") {
                cents("asked", largest);
            }
            // The new version, from the moment in which its columns are filled.
            number += 1;
            if stage >= at("_fill_amount") {
                let update = format!(
                    "UPDATE \"Order\" SET amount = {number} WHERE amount = (SELECT max(amount) FROM \"Order\")"
                );
                server.rows(&update);
                largest = number;
                assert_eq!(privileges(&server, "amount"), "tttff", "{name}");
                assert_eq!(server.value("SELECT max(total) FROM each"), number.to_string(), "{name}");
            }
            if stage >= at("_fill_number") {
                assert_eq!(server.value("SELECT count(DISTINCT number) FROM \"Order\""), "20", "{name}");
            }
            if stage >= at("_fill_asked") {
                cents("asked", largest);
                let id =
                    server.value("INSERT INTO \"Order\" (owner, amount) VALUES ('bob', 3) RETURNING number");
                let made = format!("DELETE FROM \"Order\" WHERE number = {id} RETURNING asked");
                assert_eq!(server.value(&made), "300", "{name}");
            }
            server.rows("REFRESH MATERIALIZED VIEW CONCURRENTLY sums");
            let most = server.value("SELECT max(CASE WHEN owner = 'ann' THEN most END) FROM sums");
            assert_eq!(server.value_as("reader", "SELECT most FROM most"), most, "{name}");
        });
        assert_eq!(server.value(view), before, "nobody made it anew");
        let generated =
            "SELECT generation_expression FROM information_schema.columns WHERE column_name = 'asked'";
        assert_eq!(server.value(generated), "(amount * 100)");
        assert_eq!(server.value("SELECT count(*) FROM pg_indexes WHERE tablename = 'Order'"), "2");
        assert_eq!(server.value("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"), "0");
        let undone = server.run(&project, &["migrate", "rollback", "--steps", "3", "--accept-data-loss"]);
        assert_eq!(undone.code, Some(0), "{}", undone.both());
        served(&server, "the way back", "total", number + 1);
        assert_eq!(server.value(view), before, "the way back leaves it, too");
    }
}

#[test]
fn a_materialized_view_is_filled_beside_the_one_that_a_change_of_type_takes_away() {
    let more = format!("{SUMS}CREATE VIEW most AS SELECT max(most) AS most FROM sums;\n");
    let change = format!(
        "DROP MATERIALIZED VIEW sums CASCADE;\nALTER TABLE \"Order\" ALTER COLUMN total SET DATA TYPE BIGINT,\nADD COLUMN extra TEXT;\n\
         {more}COMMENT ON MATERIALIZED VIEW sums IS 'by owner';\nGRANT SELECT ON sums TO reader;\n\
         COMMENT ON INDEX sums_owner_key IS 'one row an owner';\n"
    );
    let init = INIT
        .replace(",\ncents INTEGER GENERATED ALWAYS AS (total * 100) STORED", "")
        .replace("cents", "total");
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, &format!("{init}{more}"))]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        given(&server);
        server.rows("GRANT SELECT ON sums, most TO reader; REFRESH MATERIALIZED VIEW sums");
        planned(&server, &project, &change);
        let names = folders(&project);
        let at = |name: &str| names.iter().position(|other| other.contains(name)).unwrap();
        assert_eq!(at("_make_sums") + 1, at("_swap_total"), "{names:?}");
        let made = project.read(&format!("prisma/migrations/{}/migration.sql", names[at("_make_sums")]));
        assert!(made.contains("what a REFRESH would, takes as long, and stops nobody"), "{made}");
        deployed_one_by_one(&server, &project, &mut |name| {
            assert_eq!(server.value_as("reader", "SELECT max(total) FROM sums"), "210", "{name}");
            assert_eq!(server.value("SELECT most FROM most"), "20", "{name}");
            served(&server, name, "total", 1);
        });
        server.rows("REFRESH MATERIALIZED VIEW CONCURRENTLY sums");
        assert_eq!(server.value("SELECT pg_typeof(most) FROM sums"), "bigint");
        let indexes =
            "SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'sums'";
        assert_eq!(server.value(indexes), "sums_owner_key sums_total_idx");
        assert_eq!(server.value("SELECT obj_description('sums_owner_key'::regclass)"), "one row an owner");
        assert_eq!(server.value("SELECT count(*) FROM pg_class WHERE relkind = 'm'"), "1");

        // What no migration says is there on the way back, and what the migration gave is not.
        server.rows(
            "GRANT SELECT ON sums, most TO boss WITH GRANT OPTION; GRANT SELECT (most) ON most TO reader",
        );
        server.rows("ALTER VIEW most SET (security_barrier = true); COMMENT ON VIEW most IS 'by hand'");
        server.rows("CREATE RULE kept AS ON INSERT TO most DO INSTEAD NOTHING");
        assert_eq!(at("_swap_total") + 2, names.len(), "a comment of an index comes behind it: {names:?}");
        let undone = server.run(&project, &["migrate", "rollback", "--steps", "2", "--accept-data-loss"]);
        assert_eq!(undone.code, Some(0), "{}", undone.both());
        let of = |sql: &str| server.value(&format!("SELECT {sql}"));
        assert_eq!(of("has_table_privilege('boss', 'sums', 'SELECT WITH GRANT OPTION')"), "t");
        assert_eq!(of("has_table_privilege('boss', 'most', 'SELECT WITH GRANT OPTION')"), "t");
        assert_eq!(of("has_column_privilege('reader', 'most', 'most', 'SELECT')"), "t");
        assert_eq!(of("has_table_privilege('reader', 'sums', 'SELECT')"), "f");
        assert_eq!(of("obj_description('most'::regclass)"), "by hand");
        assert_eq!(of("reloptions FROM pg_class WHERE relname = 'most'"), "{security_barrier=true}");
        assert_eq!(of("count(*) FROM pg_rewrite WHERE rulename = 'kept'"), "1");
        assert_eq!(
            of(
                "format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 'sums'::regclass AND attname = 'most'"
            ),
            "integer"
        );
        served(&server, "the way back", "total", 2);
    }
}

#[test]
fn what_cannot_turn_to_a_new_column_is_named() {
    let Some(server) = Server::start(17) else { return };
    let retype = "ALTER TABLE \"Order\" ALTER COLUMN total TYPE BIGINT;\n";
    let view = "CREATE VIEW each AS SELECT owner, total FROM \"Order\";\n";
    let over = "CREATE MATERIALIZED VIEW sums AS SELECT sum(total) FROM each;\n";
    let whole = "CREATE MATERIALIZED VIEW sums AS SELECT id, total, to_jsonb(o) AS doc FROM \"Order\" o;\n";
    let both = "CREATE MATERIALIZED VIEW sums AS SELECT owner, total FROM \"Order\";\n";
    let cents = "ALTER TABLE \"Order\" ADD COLUMN cents INTEGER GENERATED ALWAYS AS (total * 100) STORED;\n";
    let init = "CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, owner TEXT NOT NULL, total INTEGER NOT NULL DEFAULT 0);\n";
    for (first, next, column, reason) in [
        (
            format!("{init}CREATE VIEW each AS SELECT id, owner FROM \"Order\" GROUP BY id;\n"),
            "ALTER TABLE \"Order\" RENAME COLUMN id TO number;\nCREATE INDEX i ON \"Order\"(number, owner);\n".to_owned(),
            "id",
            "the view \"each\" groups by the key that it is of, and a later statement of the migration names \"number\"",
        ),
        (
            format!("{init}{view}{over}"),
            format!("DROP MATERIALIZED VIEW sums;\nDROP VIEW each;\n{retype}{view}{over}"),
            "total",
            "the materialized view \"sums\" reads it, and \"each\", which is there anew only when the column is",
        ),
        (
            format!("{init}{cents}"),
            format!("ALTER TABLE \"Order\" DROP COLUMN cents;\n{retype}{cents}"),
            "total",
            "the generated column \"cents\" is made of it, and no server makes generated values anew but under a lock",
        ),
        (
            format!("{init}{cents}"),
            "ALTER TABLE \"Order\" ALTER COLUMN cents TYPE BIGINT;\n".to_owned(),
            "cents",
            "it is generated, and no server makes generated values anew but under a lock",
        ),
        (
            format!("{init}{whole}"),
            format!("DROP MATERIALIZED VIEW sums;\n{retype}{whole}"),
            "total",
            "the materialized view \"sums\" reads it, and takes a row as a whole, which has the column twice until the swap",
        ),
        (
            format!("{init}{both}").replace("owner TEXT", "owner VARCHAR(50)"),
            format!("DROP MATERIALIZED VIEW sums;\n{}{both}", retype.replace(";", ", ALTER COLUMN owner TYPE VARCHAR(90);")),
            "total",
            "the materialized view \"sums\" reads it, and \"owner\" of \"Order\" too, whose type changes as it is written",
        ),
    ] {
        let project = project(&[(FIRST, &first), (NEXT, &next)]);
        let run = server.run(&project, &["migrate", "plan", "--safe", NEXT]);
        let said = format!("Order.{column} is left as it is written: {reason}");
        assert!(run.stdout.contains(&said), "{said}: {}", run.both());
        assert_eq!(run.code, Some(0), "{}", run.both());
    }
}

#[test]
fn a_materialized_view_that_a_refresh_would_change_refutes_the_plan() {
    let Some(server) = Server::start(17) else { return };
    // The function sees the row with both columns, and no text of the view says so.
    let view = "CREATE MATERIALIZED VIEW sums AS SELECT id, total, doc(id) AS doc FROM \"Order\";\n";
    let first = format!(
        "CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, total INTEGER NOT NULL);\n\
         CREATE FUNCTION doc(integer) RETURNS jsonb LANGUAGE sql STABLE AS 'SELECT to_jsonb(o) FROM public.\"Order\" o WHERE id = $1';\n{view}"
    );
    let next = format!(
        "DROP MATERIALIZED VIEW sums;\nALTER TABLE \"Order\" ALTER COLUMN total TYPE BIGINT;\n{view}"
    );
    let project = project(&[(FIRST, &first), (NEXT, &next)]);
    let run = server.run(&project, &["migrate", "plan", "--safe", NEXT]);
    let said = "leave other rows in the materialized view \"sums\" than a REFRESH";
    assert!(run.both().contains(said), "{}", run.both());
}

#[test]
fn a_type_that_only_widens_in_the_catalog_has_no_second_column() {
    let Some(server) = Server::start(17) else { return };
    let sums = "CREATE MATERIALIZED VIEW sums AS SELECT sum(total) AS total FROM \"Order\";\n";
    let first = format!(
        "CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, owner VARCHAR(50) NOT NULL, total INTEGER NOT NULL);\n{sums}"
    );
    let project = project(&[(FIRST, &first)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    planned(
        &server,
        &project,
        &format!(
            "DROP MATERIALIZED VIEW sums;\nALTER TABLE \"Order\" ALTER COLUMN total TYPE BIGINT, ALTER COLUMN owner TYPE VARCHAR(90);\n{sums}"
        ),
    );
    let names = folders(&project).concat();
    assert!(names.contains("_make_sums") && !names.contains("owner_new"), "{names}");
}
