//! `migrate plan --safe` for partitioned tables: what no server does on the parent is done on each partition, and rows
//! are written at every stage.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";

const INIT: &str = "CREATE TABLE vendor (id INTEGER PRIMARY KEY);\n\
                    CREATE TABLE event (id INTEGER NOT NULL, at DATE NOT NULL, vendor INTEGER, note TEXT) PARTITION BY RANGE (at);\n\
                    CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');\n\
                    CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (vendor);\n\
                    CREATE TABLE event_2026_1 PARTITION OF event_2026 FOR VALUES IN (1);\n\
                    CREATE TABLE event_2026_rest PARTITION OF event_2026 DEFAULT;\n";

#[test]
fn partitions_get_indexes_and_keys_one_by_one() {
    let hazards = "CREATE INDEX event_note_idx ON event (lower(note)) WHERE note IS NOT NULL;\n\
                   ALTER TABLE event ADD CONSTRAINT event_vendor_fkey FOREIGN KEY (vendor) REFERENCES vendor(id) ON DELETE CASCADE,\n\
                   ADD CONSTRAINT event_note_key UNIQUE (note, at, vendor) INCLUDE (id) WITH (fillfactor = 80);\n\
                   ALTER TABLE event ADD CONSTRAINT event_pkey PRIMARY KEY (id, at, vendor);\n";
    for major in [18, 17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO vendor SELECT generate_series(1, 5)");
        server.rows(
            "INSERT INTO event SELECT n, '2025-03-01'::date + n * 7, 1 + n % 5, 'note ' || n FROM generate_series(1, 60) n",
        );
        planned(&server, &project, hazards);
        let names = folders(&project);
        let mut number = 100;
        deployed_one_by_one(&server, &project, &mut |name| {
            for day in ["2025-02-03", "2026-11-05"] {
                number += 1;
                let row = format!(
                    "INSERT INTO event VALUES ({number}, '{day}', {}, 'late {number}')",
                    1 + number % 5
                );
                server.rows(&row);
                server.rows(&format!("UPDATE event SET note = note || '!' WHERE id = {number}"));
            }
            let whole = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
            let attached = names.iter().position(|other| other == name).unwrap() + 1 == names.len();
            assert!(!attached || server.value(whole) == "0", "{name}");
        });
        assert_eq!(server.value("SELECT count(*) FROM pg_constraint WHERE NOT convalidated"), "0");
        // A key of a partition that stands for itself would be checked and kept twice.
        let own = "SELECT count(*) FROM pg_constraint JOIN pg_inherits ON inhrelid = conrelid \
                   WHERE contype IN ('f', 'p', 'u') AND conparentid = 0";
        assert_eq!(server.value(own), "0");
        for (sql, holds) in [
            ("INSERT INTO event VALUES (1, '2026-04-01', 9, 'x')", "event_vendor_fkey"),
            ("INSERT INTO event SELECT * FROM event LIMIT 1", "duplicate key"),
        ] {
            let refused = server.try_rows(sql).unwrap_err();
            assert!(refused.contains(holds), "{refused}");
        }
        // What is made later has it all, and what goes with a vendor goes everywhere.
        server.rows(
            "CREATE TABLE event_2027 PARTITION OF event FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')",
        );
        assert_eq!(server.value("SELECT count(*) FROM pg_indexes WHERE tablename = 'event_2027'"), "3");
        let covering =
            "SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%(note, at, vendor) INCLUDE (id)%'";
        assert_eq!(server.value(covering), "6");
        server.rows("DELETE FROM vendor WHERE id = 1");
        assert_eq!(server.value("SELECT count(*) FROM event WHERE vendor = 1"), "0");
        let rows = server.value("SELECT count(*) FROM event");
        let steps = (names.len() - 1).to_string();
        let undone = server.run(&project, &["migrate", "rollback", "--steps", &steps]);
        assert_eq!(undone.code, Some(0), "{}", undone.both());
        let left = "SELECT count(*) FROM pg_class LEFT JOIN pg_index ON indrelid = pg_class.oid LEFT JOIN pg_constraint ON conrelid = pg_class.oid AND contype <> 'n' \
                    WHERE relname ~ '^event' AND relkind IN ('r', 'p') AND (indexrelid IS NOT NULL OR conname IS NOT NULL)";
        assert_eq!(server.value(left), "0");
        assert_eq!(server.value("SELECT count(*) FROM event"), rows);
        server.rows("DROP TABLE event_2027");
        let again = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(again.code, Some(0), "{}", again.both());
    }
}

#[test]
fn partitions_that_no_migration_made_stop_the_deploy() {
    let hazards = "CREATE UNIQUE INDEX event_note_idx ON event (note, at, vendor);\n\
                   ALTER TABLE event ADD CONSTRAINT event_vendor_fkey FOREIGN KEY (vendor) REFERENCES vendor(id);\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        stopped_by_partitions(&server, hazards);
    }
}

/// A partition of another program stops each folder that needs all of them; with its own index and key the deploy goes on.
fn stopped_by_partitions(server: &Server, hazards: &str) {
    let project = project(&[(FIRST, INIT)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    server.rows("INSERT INTO vendor VALUES (1)");
    server.rows(
        "CREATE TABLE \"event 24\" PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
    );
    server.rows("INSERT INTO event VALUES (1, '2024-05-05', 1, 'a'), (2, '2026-05-05', 1, 'b')");
    let shown = planned(server, &project, hazards);
    assert!(shown.contains("partitions of event that no migration made"), "{shown}");
    for (stops, mends) in [
        (
            "attach_event_note_idx",
            &[
                "CREATE UNIQUE INDEX CONCURRENTLY own ON \"event 24\" (note, at, vendor)",
                "ALTER INDEX event_note_idx ATTACH PARTITION own",
            ],
        ),
        (
            "key_event_vendor_fkey",
            &[
                "ALTER TABLE \"event 24\" ADD CONSTRAINT event_vendor_fkey FOREIGN KEY (vendor) REFERENCES vendor(id) NOT VALID",
                "ALTER TABLE \"event 24\" VALIDATE CONSTRAINT event_vendor_fkey",
            ],
        ),
    ] {
        let run = server.run(&project, &["migrate", "deploy"]);
        let said = run.both();
        assert_ne!(run.code, Some(0), "{said}");
        assert!(
            said.contains(stops) && said.contains("\"event 24\"") && said.contains("deploy again"),
            "{said}"
        );
        assert!(!said.contains("\"event 24\",") && !said.contains(", \"event 24\""), "{said}");
        mends.iter().for_each(|sql| drop(server.rows(sql)));
        let failed = folders(&project).into_iter().find(|name| name.contains(stops)).unwrap();
        let resolved = server.run(&project, &["migrate", "resolve", "--rolled-back", &failed]);
        assert_eq!(resolved.code, Some(0), "{}", resolved.both());
    }
    let run = server.run(&project, &["migrate", "deploy"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert_eq!(server.value("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
    let own = "SELECT count(*) FROM pg_constraint JOIN pg_inherits ON inhrelid = conrelid WHERE contype = 'f' AND conparentid = 0";
    assert_eq!(server.value(own), "0");
}

#[test]
fn columns_of_partitioned_tables_change_on_all_partitions_at_once() {
    let init = "CREATE TABLE event (id INTEGER NOT NULL, at DATE NOT NULL, amount INTEGER NOT NULL DEFAULT 1, note TEXT,\n\
                PRIMARY KEY (id, at), CONSTRAINT event_amount_check CHECK (amount > 0)) PARTITION BY RANGE (at);\n\
                CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');\n\
                CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY RANGE (id);\n\
                CREATE TABLE event_2026_rest PARTITION OF event_2026 DEFAULT;\n\
                CREATE VIEW notes AS SELECT id, note FROM event;\n";
    let next = "ALTER TABLE event ALTER COLUMN amount TYPE BIGINT;\nALTER TABLE event RENAME COLUMN note TO remark;\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO event SELECT n, '2025-03-01'::date + n * 7, n, 'note ' || n FROM generate_series(1, 60) n");
        server.rows(
            "CREATE TABLE event_2027 PARTITION OF event FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')",
        );
        planned(&server, &project, next);
        let names = folders(&project);
        let at = |name: &str| names.iter().position(|other| other == name);
        let filled = at(names.iter().find(|name| name.contains("_fill_remark")).unwrap());
        let last = names.last().unwrap();
        let mut number = 100;
        deployed_one_by_one(&server, &project, &mut |name| {
            let versions: &[&str] = match at(name) {
                now if now < filled => &["note"],
                _ if name == last => &["remark"],
                _ => &["note", "remark"],
            };
            for column in versions {
                number += 1;
                server.rows(&format!(
                    "INSERT INTO event (id, at, {column}) VALUES ({number}, '2025-02-03', 'late')"
                ));
                // To another partition, with a new value.
                server.rows(&format!("UPDATE event SET at = '2027-02-03', {column} = {column} || '!', amount = {number} WHERE id = {number}"));
                let refused =
                    server.try_rows(&format!("UPDATE event SET amount = 0 WHERE id = {number}")).unwrap_err();
                assert!(refused.contains("event_amount_check"), "{name}: {refused}");
                for shown in versions {
                    let row = format!("SELECT {shown} || amount FROM event WHERE id = {number}");
                    assert_eq!(server.value(&row), format!("late!{number}"), "{name}");
                    let old = format!(
                        "SELECT count(*) FROM event WHERE {shown} = 'note ' || amount AND amount = id"
                    );
                    assert_eq!(server.value(&old), "60", "{name}");
                }
                assert_eq!(
                    server.value(&format!("SELECT note FROM notes WHERE id = {number}")),
                    "late!",
                    "{name}"
                );
            }
        });
        let types = "SELECT string_agg(DISTINCT format_type(atttypid, -1) || attnotnull, ' ') FROM pg_attribute WHERE attname = 'amount'";
        assert_eq!(server.value(types), "biginttrue");
        assert_eq!(server.value("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"), "0");
    }
}

/// Indexes, keys and foreign keys stand on the columns, on two levels of partitions; another program makes partitions meanwhile.
#[test]
fn columns_of_partitioned_tables_take_indexes_and_keys_along() {
    let init = "CREATE TABLE vendor (id INTEGER PRIMARY KEY);\n\
                CREATE TABLE event (id INTEGER NOT NULL, at DATE NOT NULL, vendor INTEGER, note TEXT,\n\
                CONSTRAINT event_pkey PRIMARY KEY (id, at), CONSTRAINT event_note_key UNIQUE (note, at) INCLUDE (vendor),\n\
                CONSTRAINT event_vendor_fkey FOREIGN KEY (vendor) REFERENCES vendor(id) ON DELETE CASCADE) PARTITION BY RANGE (at);\n\
                CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');\n\
                CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY RANGE (at);\n\
                CREATE TABLE event_2026_rest PARTITION OF event_2026 DEFAULT;\n\
                CREATE INDEX event_vendor_idx ON event (vendor, id DESC) WHERE note IS NOT NULL;\n\
                COMMENT ON INDEX event_vendor_idx IS 'by vendor';\n";
    let next = "ALTER TABLE event DROP CONSTRAINT event_vendor_fkey;\n\
                ALTER TABLE vendor ALTER COLUMN id TYPE BIGINT;\n\
                ALTER TABLE event ALTER COLUMN vendor TYPE BIGINT;\n\
                ALTER TABLE event ADD CONSTRAINT event_vendor_fkey FOREIGN KEY (vendor) REFERENCES vendor(id) ON DELETE CASCADE;\n\
                ALTER TABLE event RENAME COLUMN note TO remark;\n";
    for major in [18, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO vendor SELECT generate_series(1, 5)");
        server.rows("INSERT INTO event SELECT n, '2025-03-01'::date + n * 7, 1 + n % 5, 'note ' || n FROM generate_series(1, 60) n");
        planned(&server, &project, next);
        server.rows(
            "CREATE TABLE event_2027 PARTITION OF event FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')",
        );
        // Some have partitions of their own, or will have.
        server.rows(
            "CREATE TABLE event_2028 PARTITION OF event FOR VALUES FROM ('2028-01-01') TO ('2029-01-01') PARTITION BY RANGE (at); \
             CREATE TABLE event_2029 PARTITION OF event FOR VALUES FROM ('2029-01-01') TO ('2030-01-01') PARTITION BY RANGE (at); \
             CREATE TABLE event_2029_rest PARTITION OF event_2029 DEFAULT",
        );
        let names = folders(&project);
        let at = |name: &str| names.iter().position(|other| other == name);
        let filled = at(names.iter().find(|name| name.contains("_fill_remark")).unwrap());
        let last = names.last().unwrap();
        let mut number = 100;
        deployed_one_by_one(&server, &project, &mut |name| {
            // Whoever makes partitions with rows sees to their keys.
            if major < 18 && name.ends_with("_keys_event_vendor_fkey") {
                server.rows("ALTER TABLE event_2027 ADD CONSTRAINT own FOREIGN KEY (vendor_new) REFERENCES vendor(id_new) ON DELETE CASCADE");
            }
            let column = if at(name) < filled { "note" } else { "remark" };
            for day in ["2025-02-03", "2026-11-05", "2027-11-05"] {
                number += 1;
                let row = format!(
                    "INSERT INTO event (id, at, vendor, {column}) VALUES ({number}, '{day}', {}, 'late {number}')",
                    1 + number % 5
                );
                server.rows(&row);
                let twice = server.try_rows(&row).unwrap_err();
                assert!(twice.contains("duplicate key"), "{name}: {twice}");
                let orphan = server.try_rows(&format!("UPDATE event SET vendor = 9 WHERE id = {number}"));
                assert!(orphan.unwrap_err().contains("foreign key constraint"), "{name}");
                server.rows(&format!(
                    "UPDATE event SET id = id + 500000, {column} = {column} || '!' WHERE id = {number}"
                ));
                let read = format!("SELECT {column} || vendor FROM event WHERE id = {number} + 500000");
                assert_eq!(server.value(&read), format!("late {number}!{}", 1 + number % 5), "{name}");
            }
            // What goes with a vendor goes everywhere.
            server.rows("INSERT INTO vendor VALUES (7)");
            server
                .rows("INSERT INTO event (id, at, vendor) VALUES (7, '2025-02-03', 7), (7, '2026-02-03', 7)");
            server.rows("DELETE FROM vendor WHERE id = 7");
            assert_eq!(server.value("SELECT count(*) FROM event WHERE vendor = 7"), "0", "{name}");
            let old = format!("SELECT count(*) FROM event WHERE {column} = 'note ' || id");
            assert_eq!(server.value(&old), "60", "{name}");
        });
        assert!(last.ends_with("_drop_note"), "{last}");
        server.rows("CREATE TABLE event_2028_rest PARTITION OF event_2028 DEFAULT");
        for (sql, holds) in [
            ("SELECT count(*) FROM pg_index WHERE NOT indisvalid", "0"),
            ("SELECT count(*) FROM pg_constraint WHERE NOT convalidated", "0"),
            ("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal", "0"),
            // Nothing of a partition stands for itself.
            (
                "SELECT count(*) FROM pg_constraint JOIN pg_inherits ON inhrelid = conrelid WHERE contype IN ('f', 'p', 'u') AND conparentid = 0",
                "0",
            ),
            (
                "SELECT count(*) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid IN \
              (SELECT inhrelid FROM pg_inherits) AND NOT relispartition",
                "0",
            ),
            (
                "SELECT string_agg(DISTINCT format_type(atttypid, -1), ' ') FROM pg_attribute WHERE attname = 'vendor'",
                "bigint",
            ),
            ("SELECT obj_description('event_vendor_idx'::regclass)", "by vendor"),
            (
                "SELECT string_agg(indexes.count::text, ' ') FROM (SELECT count(*) FROM pg_indexes WHERE tablename ~ '^event_202[789]' \
                 GROUP BY tablename) AS indexes",
                "3 3 3 3 3",
            ),
            ("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%(remark, at) INCLUDE (vendor)'", "9"),
        ] {
            assert_eq!(server.value(sql), holds, "{major}: {sql}");
        }
    }
}

#[test]
fn a_full_partition_that_no_migration_made_stops_the_swap() {
    let init = "CREATE TABLE event (id INTEGER NOT NULL, at DATE NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);\n\
                CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows(
            "CREATE TABLE \"event 24\" PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
        );
        planned(&server, &project, "ALTER TABLE event ALTER COLUMN id TYPE BIGINT;\n");
        server.rows(
            "ALTER TABLE \"event 24\" REPLICA IDENTITY USING INDEX \"event 24_pkey\"; \
             ALTER TABLE event_2025 REPLICA IDENTITY USING INDEX event_2025_pkey",
        );
        let swap = folders(&project).pop().unwrap();
        assert!(swap.ends_with("_swap_id"), "{swap}");
        server.rows("INSERT INTO event SELECT n, '2024-03-01' FROM generate_series(1, 10000) n");
        let fill = folders(&project).into_iter().find(|name| name.contains("_fill_")).unwrap();
        let aside = tempfile::tempdir().unwrap();
        let migrations = project.path().join("prisma/migrations");
        std::fs::rename(migrations.join(&swap), aside.path().join(&swap)).unwrap();
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(0), "{fill}: {}", run.both());
        server.rows("INSERT INTO event VALUES (10001, '2024-03-01')");
        std::fs::rename(aside.path().join(&swap), migrations.join(&swap)).unwrap();
        let run = server.run(&project, &["migrate", "deploy"]);
        let said = run.both();
        let hint = "CREATE UNIQUE INDEX CONCURRENTLY ON \"event 24\" (id_new, at)";
        assert_ne!(run.code, Some(0), "{said}");
        assert!(said.contains(hint) && said.contains("deploy again"), "{said}");
        server.rows(hint);
        let resolved = server.run(&project, &["migrate", "resolve", "--rolled-back", &swap]);
        assert_eq!(resolved.code, Some(0), "{}", resolved.both());
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        let keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'p' AND conrelid IN ('event 24'::regclass, 'event_2025'::regclass) AND conparentid <> 0";
        assert_eq!(server.value(&keys.replace("'event 24'", "'\"event 24\"'")), "2");
        let identities = "SELECT string_agg(indrelid::regclass::text, ' ' ORDER BY indrelid::regclass::text) FROM pg_index WHERE indisreplident";
        assert_eq!(server.value(identities), "\"event 24\" event_2025");
    }
}

#[test]
fn a_replica_identity_is_that_of_the_new_column() {
    let init = "CREATE TABLE log (id INTEGER NOT NULL, CONSTRAINT log_id_key UNIQUE (id));\n";
    let identity = "SELECT indexrelid::regclass::text FROM pg_index WHERE indisreplident";
    for (major, by_hand) in [(17, false), (15, true)] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO log VALUES (1); ALTER TABLE log REPLICA IDENTITY USING INDEX log_id_key");
        planned(&server, &project, "ALTER TABLE log ALTER COLUMN id TYPE BIGINT;\n");
        if by_hand {
            server.rows(
                "CREATE UNIQUE INDEX own ON log (id); ALTER TABLE log REPLICA IDENTITY USING INDEX own",
            );
        }
        let run = server.run(&project, &["migrate", "deploy"]);
        if by_hand {
            let said = run.both();
            assert!(said.contains("no migration made what stands on it: index own"), "{said}");
            assert_eq!(server.value(identity), "own", "nothing changed");
            server.rows("ALTER TABLE log REPLICA IDENTITY FULL; DROP INDEX own");
            let first = &folders(&project)[1];
            let resolved = server.run(&project, &["migrate", "resolve", "--rolled-back", first]);
            assert_eq!(resolved.code, Some(0), "{}", resolved.both());
            let run = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(run.code, Some(0), "{}", run.both());
        } else {
            assert_eq!(run.code, Some(0), "{}", run.both());
            assert_eq!(server.value(identity), "log_id_key");
        }
        server.rows("CREATE PUBLICATION changes FOR TABLE log; UPDATE log SET id = 2");
    }
}
