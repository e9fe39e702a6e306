//! `migrate plan --safe` for columns that are dropped and added again: what they have beside their definition goes, as it does with
//! the migration by itself.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";

const INIT: &str = "CREATE TABLE item (id SERIAL PRIMARY KEY, a TEXT, b TEXT, size VARCHAR(20), at INTEGER);\n\
                    CREATE SCHEMA other;\n";

/// Extended statistics, and what each column has.
const BESIDE: &str = "SELECT concat_ws('; ', (SELECT string_agg(stxname, ' ' ORDER BY stxname) FROM pg_statistic_ext), \
                      string_agg(concat_ws(' ', attname, nullif(attstattarget, -1), attoptions, nullif(attstorage, typstorage)), '; ' ORDER BY attname)) \
                      FROM pg_attribute JOIN pg_type type ON type.oid = atttypid WHERE attrelid = 'item'::regclass AND attname IN ('a', 'b', 'size')";

#[test]
fn what_a_column_has_beside_its_definition_goes_with_it() {
    let set = "CREATE STATISTICS own ON a, b FROM item;\nCREATE STATISTICS other.far (dependencies) ON a, at FROM item;\n\
               CREATE STATISTICS size ON b, at FROM item;\n\
               ALTER TABLE item ALTER COLUMN a SET STATISTICS 300, ALTER COLUMN a SET (n_distinct = 5, n_distinct_inherited = 7), \
               ALTER COLUMN a SET STORAGE EXTERNAL, ALTER COLUMN b SET STATISTICS 200, ALTER COLUMN size SET STATISTICS 20;\n";
    let full = "far own size; a 300 {n_distinct=5,n_distinct_inherited=7} e; b 200; size 20";
    // Changed in steps, and by a row of the catalog.
    let swapped = "ALTER TABLE item DROP COLUMN a, ADD COLUMN a INTEGER;\n";
    let placed = "ALTER TABLE item DROP COLUMN a, ADD COLUMN a VARCHAR(50), DROP COLUMN size, ADD COLUMN size VARCHAR(30);\n";
    let again = "ALTER TABLE \"item\" DROP COLUMN \"a\",\nADD COLUMN     \"a\" INTEGER;\nCREATE STATISTICS own ON a, b FROM item;\n";
    for (major, init, next, left) in [
        (17, "", swapped, "size; a; b 200; size 20"),
        (15, "", swapped, "size; a; b 200; size 20"),
        (12, "", swapped, "size; a; b 200; size 20"),
        (15, "ALTER TABLE item ALTER COLUMN a TYPE VARCHAR(40);\n", placed, "size; a; b 200; size"),
        (17, "ALTER TABLE item ALTER COLUMN a TYPE VARCHAR(40);\n", placed, "size; a; b 200; size"),
        (17, "", again, "own size; a; b 200; size 20"),
    ] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, &format!("{INIT}{init}{set}"))]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows(
            "INSERT INTO item (a, b, size) SELECT n::text, n::text, n::text FROM generate_series(1, 50) n",
        );
        assert_eq!(server.value(BESIDE), full);
        let shown = planned(&server, &project, next);
        let told = "item.a loses the statistics \\\"far\\\", the statistics \\\"own\\\", what `SET STATISTICS -1` takes back, what \
                    `RESET (n_distinct, n_distinct_inherited)` takes back";
        assert!(shown.contains(told), "{shown}");
        let mut done = next == placed;
        deployed_one_by_one(&server, &project, &mut |name| {
            done |= name.contains("_swap_");
            let has = server.value(&BESIDE.replace("'b', ", ""));
            assert!(done || has.starts_with("far own size; a 300 "), "{name}: {has}");
        });
        assert_eq!(server.value(BESIDE), left, "{next} on {major}");
        assert_eq!(
            server.value("SELECT string_agg(a::text, ' ' ORDER BY id) FROM item WHERE id < 4"),
            "1 2 3"
        );
        // What goes comes back with the column.
        let steps = (folders(&project).len() - 1).to_string();
        let back = server.run(&project, &["migrate", "rollback", "--accept-data-loss", "--steps", &steps]);
        assert_eq!(back.code, Some(0), "{}", back.both());
        assert_eq!(server.value(BESIDE), full, "{}", back.both());
    }
}

#[test]
fn statistics_of_a_column_that_loses_its_values_go_with_that() {
    for (major, init, next) in [
        (
            17,
            "CREATE STATISTICS own ON a, at FROM item;\n",
            "ALTER TABLE item DROP COLUMN at, ADD COLUMN at TIMESTAMP(3), DROP COLUMN a, ADD COLUMN a INTEGER;\n",
        ),
        (
            15,
            "CREATE STATISTICS own ON at, size FROM item;\n",
            "ALTER TABLE item DROP COLUMN at, ADD COLUMN at TIMESTAMP(3), DROP COLUMN size, ADD COLUMN size VARCHAR(50);\n",
        ),
        (
            15,
            "CREATE STATISTICS own ON a, b, size FROM item;\n",
            "ALTER TABLE item DROP COLUMN a, ADD COLUMN a INTEGER, DROP COLUMN size, ADD COLUMN size VARCHAR(50);\n",
        ),
        (
            17,
            "CREATE STATISTICS own ON a, b, size FROM item;\n",
            "DROP STATISTICS own;\nALTER TABLE item DROP COLUMN size, ADD COLUMN size VARCHAR(50);\n",
        ),
        (
            17,
            "CREATE STATISTICS own ON a, b, size FROM item;\n",
            "DROP STATISTICS own;\nALTER TABLE item DROP COLUMN a, ADD COLUMN a INTEGER;\n",
        ),
        (
            17,
            "CREATE TABLE part (id INTEGER, day DATE, a TEXT, b TEXT, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);\n\
             CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');\n\
             CREATE STATISTICS own ON a, b FROM part_1;\nALTER TABLE part ALTER COLUMN a SET STATISTICS 30;\n",
            "ALTER TABLE part DROP COLUMN a, ADD COLUMN a INTEGER;\n",
        ),
    ] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, &format!("{INIT}{init}")), (NEXT, next)]);
        let run = server.run(&project, &["migrate", "plan", "--safe", NEXT]);
        assert!(
            run.stdout.contains(", proven") && run.stdout.contains("loses the statistics \"own\""),
            "{}",
            run.both()
        );
    }
}

#[test]
fn statistics_that_hands_made_are_named_before_anything() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, &format!("{INIT}CREATE STATISTICS own ON a, b FROM item;\n"))]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        planned(&server, &project, "ALTER TABLE item DROP COLUMN a, ADD COLUMN a INTEGER;\n");
        server.rows("CREATE STATISTICS by_hand ON a, size FROM item");
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(1), "{}", run.both());
        let named = "no migration made what stands on it: statistics object by_hand";
        assert!(run.both().contains(named) && !run.both().contains("object own"), "{}", run.both());
    }
}
