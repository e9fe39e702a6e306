//! `migrate plan --safe` where a column gives way to another: what it has beside its values, by hands or by migrations, goes along
//! or is named before anything changes.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";
const INIT: &str = "CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, total INTEGER, note TEXT);\n";
const RETYPE: &str = "ALTER TABLE \"Order\" ALTER COLUMN total TYPE BIGINT;\n";
/// A rename after which the second column stays.
const RENAME: &str = "ALTER TABLE \"Order\" RENAME COLUMN total TO amount;\nCREATE INDEX \"Order_amount_idx\" ON \"Order\"(amount);\n";

/// What hands make, by the name that it is refused under.
const MADE: [(&str, &str, &str); 4] = [
    (
        "default value of column total",
        "ALTER TABLE \"Order\" ALTER total SET DEFAULT 7",
        "ALTER TABLE \"Order\" ALTER total DROP DEFAULT",
    ),
    (
        "NOT NULL of column total",
        "ALTER TABLE \"Order\" ALTER total SET NOT NULL",
        "ALTER TABLE \"Order\" ALTER total DROP NOT NULL",
    ),
    (
        "generated column twice",
        "ALTER TABLE \"Order\" ADD twice BIGINT GENERATED ALWAYS AS (total * 2) STORED",
        "ALTER TABLE \"Order\" DROP twice",
    ),
    (
        "table archive, which inherits it",
        "CREATE TABLE archive () INHERITS (\"Order\"); INSERT INTO archive (total) VALUES (5)",
        "DROP TABLE archive",
    ),
];

#[test]
fn what_would_go_with_a_column_or_miss_its_trigger_is_named_before_anything_changes() {
    // Up to 14 a column that is generated goes with the one that it is made of.
    for (major, migration) in [(17, RETYPE), (15, RENAME), (14, RETYPE)] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" (total) SELECT generate_series(1, 20)");
        planned(&server, &project, migration);
        let refused = |name: &str| {
            MADE.iter().for_each(|(_, make, _)| drop(server.rows(make)));
            let run = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(run.code, Some(1), "{major}: {}", run.both());
            for (what, _, unmake) in MADE {
                assert!(run.both().contains(what), "{major}: {what}: {}", run.both());
                server.rows(unmake);
            }
            let resolved = server.run(&project, &["migrate", "resolve", "--rolled-back", name]);
            assert_eq!(resolved.code, Some(0), "{}", resolved.both());
        };
        refused(NEXT);
        let second =
            "SELECT count(*) FROM information_schema.columns WHERE column_name IN ('total_new', 'amount')";
        assert_eq!(server.value(second), "0", "nothing was begun");
        let last = folders(&project).pop().unwrap();
        let here = project.path().join("prisma/migrations").join(&last);
        let aside = tempfile::tempdir().unwrap();
        std::fs::rename(&here, aside.path().join(&last)).unwrap();
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        std::fs::rename(aside.path().join(&last), &here).unwrap();
        refused(&last);
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        let column = if migration == RETYPE { "total" } else { "amount" };
        assert_eq!(server.value(&format!("SELECT sum({column}) FROM \"Order\"")), "210");
    }
}

/// Statistics target, options, comment and whether the table is clustered on the index.
fn settings(server: &Server, table: &str, column: &str) -> String {
    server.value(&format!(
        "SELECT concat_ws(' ', attstattarget, attoptions, col_description(attrelid, attnum), \
         (SELECT count(*) FROM pg_index WHERE indrelid = attrelid AND indisclustered)) \
         FROM pg_attribute WHERE attrelid = '\"{table}\"'::regclass AND attname = '{column}'"
    ))
}

#[test]
fn what_migrations_and_hands_set_on_a_column_goes_along() {
    let init = format!(
        "{INIT}CREATE INDEX \"Order_total_idx\" ON \"Order\"(total);\nALTER TABLE \"Order\" CLUSTER ON \"Order_total_idx\";\n\
         ALTER TABLE \"Order\" ALTER total SET STATISTICS 500, ALTER total SET (n_distinct = -0.5);\n\
         COMMENT ON COLUMN \"Order\".total IS 'in cents';\n"
    );
    let rename = "ALTER TABLE \"Order\" RENAME COLUMN total TO amount;\n";
    for (major, migration, column) in [(17, RETYPE, "total"), (15, RETYPE, "total"), (15, rename, "amount")] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, &init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" (total) SELECT generate_series(1, 20)");
        assert_eq!(settings(&server, "Order", "total"), "500 {n_distinct=-0.5} in cents 1");
        planned(&server, &project, migration);
        server.rows("ALTER TABLE \"Order\" ALTER total SET STATISTICS 700, ALTER total SET (n_distinct_inherited = -1)");
        server.rows("COMMENT ON COLUMN \"Order\".total IS 'in cent''s'");
        deployed_one_by_one(&server, &project, &mut |_| {});
        let kept = "700 {n_distinct=-0.5,n_distinct_inherited=-1} in cent's 1";
        assert_eq!(settings(&server, "Order", column), kept, "{major}: {migration}");
    }
}

#[test]
fn what_hands_set_on_a_partition_alone_goes_along() {
    let init = "CREATE TABLE event (id INTEGER NOT NULL, at DATE NOT NULL, note VARCHAR(10), PRIMARY KEY (id, at)) PARTITION BY RANGE (at);\n\
                CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');\n";
    // Something stands on the second column, which therefore stays.
    let rename = "ALTER TABLE event RENAME COLUMN note TO remark;\nALTER TABLE event ALTER COLUMN remark SET DEFAULT 'none';\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.as_superuser("CREATE ROLE reader");
        planned(&server, &project, rename);
        server.rows("ALTER TABLE event_2025 ALTER note SET STATISTICS 700, ALTER note SET STORAGE EXTERNAL");
        server.rows("COMMENT ON COLUMN event_2025.note IS 'by hand'");
        server.rows("GRANT SELECT (note) ON event_2025 TO reader");
        deployed_one_by_one(&server, &project, &mut |_| {});
        assert_eq!(settings(&server, "event_2025", "remark"), "700 by hand 0", "{major}");
        let more = "SELECT concat_ws(' ', attstorage, has_column_privilege('reader', attrelid, attnum, 'SELECT')) \
                    FROM pg_attribute WHERE attrelid = 'event_2025'::regclass AND attname = 'remark'";
        assert_eq!(server.value(more), "e t", "{major}");
    }
}

#[test]
fn a_table_without_a_key_is_told_before_its_backfill_finds_no_batches() {
    let Some(server) = Server::start(17) else { return };
    let told = "has no primary key and no unique index over columns that are never NULL";
    let keys = [("", true), (", UNIQUE (at)", true), (", UNIQUE (n)", false), (", PRIMARY KEY (at)", false)];
    for (key, without) in keys {
        server.rows("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
        let init = format!(
            "CREATE TABLE \"Log\" (at TIMESTAMPTZ DEFAULT now(), n INTEGER NOT NULL, note INTEGER{key});\n"
        );
        let project = project(&[(FIRST, &init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        let shown = planned(&server, &project, "ALTER TABLE \"Log\" ALTER COLUMN note TYPE BIGINT;\n");
        assert_eq!(shown.contains(told), without, "{key}: {shown}");
    }
}
