//! `migrate plan --safe` for columns that views and row security policies read: these answer at every stage, as before.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";

const INIT: &str = "CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, owner TEXT NOT NULL, total INTEGER NOT NULL DEFAULT 0);\n\
                    CREATE TABLE \"Item\" (\"orderId\" INTEGER NOT NULL, n INTEGER NOT NULL);\n";

const READERS: &str = "CREATE VIEW sums WITH (security_barrier=true) AS SELECT owner, sum(total) AS total FROM \"Order\" GROUP BY owner;\n\
                       CREATE VIEW big AS SELECT * FROM sums WHERE total >= 100;\n\
                       CREATE VIEW all_orders AS SELECT * FROM \"Order\";\n\
                       CREATE VIEW ids AS SELECT id FROM \"Order\";\n\
                       CREATE POLICY own ON \"Order\" USING (owner = current_user AND total >= 0) WITH CHECK (total <= 1000);\n\
                       CREATE POLICY seen ON \"Item\" FOR SELECT USING (EXISTS (SELECT 1 FROM \"Order\" o WHERE o.id = \"orderId\" AND o.total > 10));\n";

const SECURED: &str = "ALTER TABLE \"Order\" ENABLE ROW LEVEL SECURITY;\n\
                       ALTER TABLE \"Item\" ENABLE ROW LEVEL SECURITY;\n\
                       COMMENT ON VIEW sums IS 'by owner';\n";

/// Two owners with a row of 5, 60 and 40 each, who may see their own, and one who may look at a view; nobody's migration
/// says so.
fn filled(server: &Server) {
    server.as_superuser("CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE reader LOGIN");
    server.rows("GRANT ALL ON \"Order\", \"Item\" TO ann, bob");
    server.rows("GRANT USAGE ON SEQUENCE \"Order_id_seq\" TO ann, bob");
    server.rows("GRANT SELECT (total) ON sums TO ann; GRANT SELECT ON sums, big TO reader");
    server.rows(
        "INSERT INTO \"Order\" (owner, total) SELECT owner, total FROM (VALUES ('ann'), ('bob')) AS one (owner), (VALUES (5), (60), (40)) AS of (total)",
    );
    server.rows("INSERT INTO \"Item\" SELECT id, 1 FROM \"Order\"");
}

/// What both versions of the application, a report and the owners of rows see.
fn served(server: &Server, stage: &str, column: &str) {
    let one = |role: &str, sql: &str| server.value_as(role, sql);
    assert_eq!(
        one("reader", "SELECT string_agg(owner || total, ' ' ORDER BY owner) FROM sums"),
        "ann105 bob105",
        "{stage}"
    );
    assert_eq!(one("reader", "SELECT count(*) FROM big"), "2", "{stage}");
    assert_eq!(
        server.value("SELECT sum(total) FROM all_orders WHERE id IN (SELECT id FROM ids)"),
        "210",
        "{stage}"
    );
    for owner in ["ann", "bob"] {
        let own =
            format!("SELECT string_agg(DISTINCT owner, ' ') || count(*) FROM \"Order\" WHERE {column} > 0");
        assert_eq!(one(owner, &own), format!("{owner}3"), "{stage}");
        assert_eq!(one(owner, "SELECT count(*) FROM \"Item\""), "2", "{stage}: those of 60 and 40");
        let added = format!("INSERT INTO \"Order\" (owner, {column}) VALUES ('{owner}', 7) RETURNING id");
        let id = one(owner, &added);
        for refused in [
            format!("UPDATE \"Order\" SET {column} = 1001 WHERE id = {id}"),
            format!("INSERT INTO \"Order\" (owner, {column}) VALUES ('{owner}', 5000)"),
        ] {
            let refused = server.rows_as(owner, &refused).unwrap_err();
            assert!(refused.contains("row-level security"), "{stage}: {refused}");
        }
        assert_eq!(
            one(owner, &format!("DELETE FROM \"Order\" WHERE id = {id} RETURNING {column}")),
            "7",
            "{stage}"
        );
    }
}

fn properties(server: &Server) -> String {
    server.value(
        "SELECT concat_ws(' ', c.reloptions, obj_description(c.oid), has_table_privilege('reader', 'sums', 'SELECT'), \
         has_column_privilege('ann', 'sums', 'total', 'SELECT'), pg_get_userbyid(c.relowner)) FROM pg_class c WHERE relname = 'sums'",
    )
}

#[test]
fn views_and_policies_read_a_renamed_column_all_the_while() {
    // A statement that goes on with the new name has the new column stay, so that what reads the old one turns to it.
    let rename = "ALTER TABLE \"Order\" RENAME COLUMN total TO amount;\nCREATE INDEX \"Order_amount_idx\" ON \"Order\"(amount);\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, &[INIT, READERS, SECURED].concat())]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        filled(&server);
        let before = properties(&server);
        assert_eq!(before, "{security_barrier=true} by owner t t postgres");
        // What no migration says either.
        server.rows("ALTER VIEW all_orders SET (security_invoker = true, security_barrier = true)");
        planned(&server, &project, rename);
        let names = folders(&project);
        let filled_at = names.iter().position(|name| name.contains("_fill_")).unwrap();
        let last = names.last().unwrap().clone();
        let text = project.read(&format!("prisma/migrations/{last}/migration.sql"));
        assert!(!text.contains("\nDROP POLICY") && !text.contains("\nDROP VIEW"), "{text}");
        assert!(!text.contains(" ids ") && !text.contains(" big "), "what does not read it is left: {text}");
        deployed_one_by_one(&server, &project, &mut |name| {
            if names.iter().position(|other| other == name) >= Some(filled_at) {
                served(&server, name, "amount");
            }
            if *name != last {
                served(&server, name, "total");
            }
        });
        assert_eq!(properties(&server), before);
        let options = server.value("SELECT reloptions FROM pg_class WHERE relname = 'all_orders'");
        assert_eq!(options, "{security_invoker=true,security_barrier=true}");
        let undone = server.run(&project, &["migrate", "rollback", "--steps", "1", "--accept-data-loss"]);
        assert_eq!(undone.code, Some(0), "{}", undone.both());
        assert_eq!(properties(&server), before, "the way back leaves them as well");
    }
}

#[test]
fn views_and_policies_that_a_change_of_type_takes_aside_are_there_until_the_swap() {
    // PostgreSQL changes no type under a view or a policy, so people write them away and back.
    let change = format!(
        "DROP VIEW sums CASCADE;\nDROP VIEW all_orders;\nDROP POLICY own ON \"Order\";\nDROP POLICY seen ON \"Item\";\n\
         ALTER TABLE \"Order\" ALTER COLUMN total SET DATA TYPE BIGINT,\nADD COLUMN extra TEXT;\n{}\
         COMMENT ON VIEW sums IS 'by owner';\nALTER VIEW sums SET (security_barrier = true);\n\
         ALTER TABLE \"Item\" ADD COLUMN note TEXT;\n",
        READERS.replace("CREATE VIEW ids AS SELECT id FROM \"Order\";\n", "").replace(
            "SELECT * FROM \"Order\"",
            "SELECT * FROM (SELECT *, now() AS asked FROM \"Order\" WHERE extra IS NULL) AS o"
        ),
    );
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, &[INIT, READERS, SECURED].concat())]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        filled(&server);
        planned(&server, &project, &change);
        deployed_one_by_one(&server, &project, &mut |name| {
            if name.contains("_swap_") {
                // As after the migration itself: a view that is made anew has no privileges.
                server.rows("GRANT SELECT ON sums, big TO reader");
            }
            served(&server, name, "total");
        });
        assert_eq!(server.value("SELECT pg_typeof(total) FROM all_orders LIMIT 1"), "bigint");
        assert_eq!(server.value("SELECT count(*) FROM pg_policy"), "2");
        assert_eq!(server.value("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"), "0");
    }
}

#[test]
fn readers_that_cannot_follow_are_named() {
    let Some(server) = Server::start(17) else { return };
    let rename = "ALTER TABLE \"Order\" RENAME COLUMN total TO amount;\n";
    let used = format!("{rename}CREATE INDEX \"Order_amount_idx\" ON \"Order\"(amount);\n");
    for (more, next, reason) in [
        (
            "CREATE MATERIALIZED VIEW sums AS SELECT sum(total) FROM \"Order\";\n",
            used.as_str(),
            "the materialized view \"sums\" reads it, and PostgreSQL replaces none in place, and a later statement of the migration \
             names \"amount\"",
        ),
        (
            "ALTER TABLE \"Order\" ENABLE ROW LEVEL SECURITY;\nALTER TABLE \"Order\" FORCE ROW LEVEL SECURITY;\n",
            rename,
            "row security holds for the table's owner too",
        ),
        (
            "ALTER TABLE \"Order\" ADD CONSTRAINT apart EXCLUDE USING btree (total WITH =);\n",
            used.as_str(),
            "the exclusion constraint \"apart\" stands on it, and no server builds one while others write",
        ),
    ] {
        let project = project(&[(FIRST, &format!("{INIT}{more}")), ("20260102000000_next", next)]);
        let run = server.run(&project, &["migrate", "plan", "--safe", "20260102000000_next"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        let said = format!("Order.total is left as it is written: {reason}");
        assert!(run.stdout.contains(&said), "{said}: {}", run.stdout);
    }
}

#[test]
fn a_renamed_enum_value_takes_along_what_names_it() {
    let init = "CREATE TYPE \"Status\" AS ENUM ('OPEN', 'VOID', 'PAID');\n\
                CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, status \"Status\" NOT NULL DEFAULT 'VOID', why TEXT,\n\
                CONSTRAINT \"Order_why_check\" CHECK (status <> 'VOID' OR why IS NOT NULL));\n\
                CREATE UNIQUE INDEX \"Order_void_key\" ON \"Order\" (why) WHERE status = 'VOID';\n\
                CREATE VIEW states WITH (security_barrier=true) AS SELECT id, status, why FROM \"Order\" WHERE status IN ('VOID', 'PAID');\n\
                CREATE VIEW \"Void\" AS SELECT id FROM states WHERE status = 'VOID';\n\
                CREATE MATERIALIZED VIEW reasons AS SELECT why FROM \"Order\";\n\
                COMMENT ON VIEW states IS 'as it stands';\nCOMMENT ON COLUMN states.why IS 'reason';\n\
                ALTER TABLE \"Order\" ENABLE ROW LEVEL SECURITY;\n\
                CREATE POLICY dead ON \"Order\" FOR SELECT USING (status = 'VOID');\n";
    let rename = "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.as_superuser("CREATE ROLE ann LOGIN; CREATE ROLE reader LOGIN; CREATE ROLE nobody LOGIN");
        // What no migration says, and what a view that is made anew would get unasked.
        server.rows("GRANT SELECT ON \"Order\" TO ann");
        server.rows(
            "GRANT SELECT ON states TO reader WITH GRANT OPTION; GRANT SELECT (id) ON \"Void\" TO reader",
        );
        server.rows("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO nobody");
        server.rows("ALTER VIEW \"Void\" SET (security_barrier = true)");
        server.as_superuser("ALTER VIEW \"Void\" OWNER TO pgsteward");
        server.rows("INSERT INTO \"Order\" (status, why) VALUES ('VOID', 'a'), ('VOID', 'b'), ('PAID', NULL), ('OPEN', NULL)");
        planned(&server, &project, rename);
        let last = folders(&project).pop().unwrap();
        let belongs = "SELECT string_agg(concat_ws(' ', relname, reloptions, obj_description(oid), pg_get_userbyid(relowner), \
                       (SELECT string_agg(acl::text, ' ' ORDER BY acl::text) FROM aclexplode(relacl) AS acl WHERE acl.grantee <> relowner), \
                       (SELECT string_agg(concat_ws(' ', attname, attacl, col_description(attrelid, attnum)), ', ') \
                       FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum > 0)), '; ' ORDER BY relname) FROM pg_class WHERE relkind = 'v' \
                       AND relnamespace = 'public'::regnamespace";
        // The superuser's view is the superuser's to make anew.
        let before = server.value(belongs);
        server.as_superuser("ALTER ROLE postgres SUPERUSER");
        deployed_one_by_one(&server, &project, &mut |name| {
            let value = if *name == last { "CANCELLED" } else { "VOID" };
            assert_eq!(server.value_as("ann", "SELECT count(*) FROM \"Order\""), "2", "{name}");
            assert_eq!(server.value_as("reader", "SELECT count(*) FROM states"), "3", "{name}");
            assert_eq!(server.value_as("reader", "SELECT count(id) FROM \"Void\""), "2", "{name}");
            for (row, refused) in [("NULL", "Order_why_check"), ("'a'", "Order_void_key")] {
                let row = format!("INSERT INTO \"Order\" (status, why) VALUES ('{value}', {row})");
                let error = server.try_rows(&row).unwrap_err();
                assert!(error.contains(refused), "{name}: {error}");
            }
            assert!(server.rows_as("nobody", "SELECT * FROM states").is_err(), "{name}");
        });
        assert_eq!(server.value(belongs), before);
        let view = server.value("SELECT pg_get_viewdef('\"Void\"'::regclass)");
        assert!(view.contains("'CANCELLED'"), "{view}");
        assert_eq!(server.value("SELECT count(*) FROM pg_type WHERE typname LIKE 'Status%'"), "1");
    }
}

/// The policy names neither the enum nor a column of it: it stands on a view that is made anew.
#[test]
fn a_policy_that_reads_a_view_stays_when_that_is_made_anew() {
    let init = "CREATE TYPE \"Status\" AS ENUM ('OPEN', 'VOID');\n\
                CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, status \"Status\" NOT NULL);\n\
                CREATE TABLE \"Item\" (\"orderId\" INTEGER NOT NULL);\n\
                CREATE VIEW shown AS SELECT id, status FROM \"Order\" WHERE status = 'OPEN';\n\
                CREATE VIEW ids AS SELECT id FROM shown;\n\
                ALTER TABLE \"Item\" ENABLE ROW LEVEL SECURITY;\n\
                CREATE POLICY seen ON \"Item\" USING (EXISTS (SELECT 1 FROM ids WHERE ids.id = \"orderId\")) WITH CHECK (\"orderId\" > 0);\n\
                COMMENT ON POLICY seen ON \"Item\" IS 'of open orders';\n";
    let words = "SELECT concat_ws(' ', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), \
                 obj_description(oid, 'pg_policy')) FROM pg_policy";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.as_superuser("CREATE ROLE ann LOGIN");
        server.rows("GRANT SELECT ON \"Item\", ids TO ann");
        server.rows("INSERT INTO \"Order\" (status) VALUES ('OPEN'), ('VOID'), ('OPEN')");
        server.rows("INSERT INTO \"Item\" SELECT id FROM \"Order\"");
        let before = server.value(words);
        let seen =
            || server.value_as("ann", "SELECT string_agg(\"orderId\"::text, ' ' ORDER BY 1) FROM \"Item\"");
        planned(&server, &project, "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n");
        deployed_one_by_one(&server, &project, &mut |name| {
            assert_eq!((seen(), server.value(words)), ("1 3".to_owned(), before.clone()), "{major}: {name}");
        });
        let undone = server.run(&project, &["migrate", "rollback", "--steps", "1", "--accept-data-loss"]);
        assert_eq!(undone.code, Some(0), "{}", undone.both());
        assert_eq!((seen(), server.value(words)), ("1 3".to_owned(), before), "{major}: the way back");
    }
}

/// A view that a migration makes anew, and a policy that stands on it.
#[test]
fn a_way_back_makes_a_view_anew_under_a_policy() {
    let init = "CREATE TABLE \"Order\" (id INT PRIMARY KEY, total INT NOT NULL);\n\
                CREATE TABLE \"Item\" (\"orderId\" INTEGER NOT NULL);\n\
                CREATE VIEW sums AS SELECT id, total FROM \"Order\";\n\
                ALTER TABLE \"Item\" ENABLE ROW LEVEL SECURITY;\n\
                CREATE POLICY seen ON \"Item\" USING (EXISTS (SELECT 1 FROM sums WHERE sums.id = \"orderId\"));\n";
    let next = "DROP POLICY seen ON \"Item\";\nDROP VIEW sums;\nALTER TABLE \"Order\" ALTER COLUMN total TYPE BIGINT;\n\
                CREATE VIEW sums AS SELECT id, total FROM \"Order\";\n\
                CREATE POLICY seen ON \"Item\" USING (EXISTS (SELECT 1 FROM sums WHERE sums.id = \"orderId\"));\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init), ("20260102000000_next", next)]);
        let adopted = server.run(&project, &["migrate", "adopt", "20260102000000_next"]);
        assert!(adopted.code == Some(0) && adopted.stdout.contains("1 proven, 0 with"), "{}", adopted.both());
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("GRANT SELECT ON sums TO PUBLIC");
        let undone = server.run(&project, &["migrate", "rollback"]);
        assert_eq!(undone.code, Some(0), "{}", undone.both());
        let ty = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'sums'::regclass AND attname = 'total'";
        assert_eq!(server.value(ty), "integer");
        assert_eq!(server.value("SELECT count(*) FROM pg_policy WHERE polname = 'seen'"), "1");
        assert_eq!(server.value("SELECT has_table_privilege('public', 'sums', 'SELECT')"), "t");
    }
}

#[test]
fn what_reads_a_column_is_not_dropped_for_the_time_of_an_expansion() {
    let Some(server) = Server::start(17) else { return };
    for (reader, kind) in [("VIEW", "view"), ("MATERIALIZED VIEW", "materialized view")] {
        let made = format!("CREATE {reader} totals AS SELECT total FROM \"Order\";\n");
        let again = made.replace("total FROM", "amount FROM");
        for (next, is_left) in [
            (
                format!(
                    "DROP {reader} totals;\nALTER TABLE \"Order\" RENAME COLUMN total TO amount;\n{again}"
                ),
                true,
            ),
            (
                format!(
                    "DROP {reader} totals;\nCREATE INDEX i ON \"Order\"(owner);\nALTER TABLE \"Order\" ALTER COLUMN total TYPE BIGINT;\n{made}"
                ),
                false,
            ),
        ] {
            let project = project(&[(FIRST, &format!("{INIT}{made}")), ("20260102000000_next", &next)]);
            let run = server.run(&project, &["migrate", "plan", "--safe", "20260102000000_next"]);
            let said = format!("Order.total is left as it is written: the {kind} \"totals\" reads it");
            assert_eq!(run.stdout.contains(&said), is_left, "{next}: {}", run.stdout);
        }
    }
}

/// The verdict on a migration, and what the report says of it.
fn judged(server: &Server, init: &str, next: &str) -> (String, String) {
    let project = project(&[(FIRST, init), ("20260102000000_next", next)]);
    let run = server.run(&project, &["migrate", "plan", "--safe", "20260102000000_next", "--format", "json"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let one = run.json()["migrations"][0].clone();
    (one["verdict"]["verdict"].as_str().unwrap().to_owned(), one["notes"].to_string())
}

#[test]
fn what_a_migration_takes_away_and_brings_back_stays_in_one() {
    let Some(server) = Server::start(17) else { return };
    let init = format!(
        "{INIT}CREATE VIEW totals AS SELECT total FROM \"Order\";\nCREATE VIEW ids AS SELECT id FROM \"Item\" AS i(id);\n\
         CREATE POLICY own ON \"Order\" USING (total > 0);\nCREATE POLICY mine ON \"Order\" USING (owner = current_user);\n\
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';\n\
         CREATE TRIGGER seen AFTER INSERT ON \"Item\" FOR EACH ROW EXECUTE FUNCTION f();\n{SECURED}"
    )
    .replace("COMMENT ON VIEW sums IS 'by owner';\n", "");
    let rename = "ALTER TABLE \"Order\" RENAME COLUMN total TO amount;";
    let retype = "DROP VIEW totals; DROP POLICY own ON \"Order\";\n\
                  ALTER TABLE \"Order\" ALTER COLUMN total TYPE bigint;\n\
                  CREATE VIEW totals AS SELECT total FROM \"Order\"; CREATE POLICY own ON \"Order\" USING (total > 0);";
    let reads = "reads it, and the migration drops that before";
    let turned = "before it and again after it, and nothing may stand between";
    let on = "\"Order\"";
    for (next, reason) in [
        (format!("DROP POLICY own ON {on};\n{rename}\nCREATE POLICY own ON {on} USING (amount > 0);\n"), "names it, and the migration drops that before"),
        (format!("DROP VIEW totals;\n{rename}\nCREATE VIEW totals AS SELECT amount AS total FROM {on};\n"), reads),
        (format!("BEGIN;\nDROP VIEW ids;\n{rename}\nCREATE VIEW ids AS SELECT 1 AS id;\nCOMMIT;\n"), turned),
        (format!("ALTER TABLE {on} DISABLE ROW LEVEL SECURITY;\n{rename}\nALTER TABLE {on} ENABLE ROW LEVEL SECURITY;\n"), turned),
        (format!("ALTER TABLE {on} DISABLE ROW LEVEL SECURITY;\n{retype}\nALTER TABLE {on} ENABLE ROW LEVEL SECURITY;\n"), turned),
        (format!("DROP POLICY mine ON {on};\n{retype}\nCREATE POLICY mine ON {on} USING (true);\n"), turned),
        ("DROP TRIGGER seen ON \"Item\";\nCREATE INDEX i ON \"Order\"(owner);\nCREATE TRIGGER seen AFTER INSERT ON \"Item\" FOR EACH ROW EXECUTE FUNCTION f();\n".to_owned(), turned),
        (format!("{retype}\nGRANT SELECT ON totals, {on} TO PUBLIC;\n"), "a GRANT or REVOKE names a view that it makes anew beside other relations"),
        (format!("{retype}\nGRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;\n"), "a GRANT or REVOKE on all tables of the schema"),
    ] {
        let (verdict, notes) = judged(&server, &init, &next);
        assert!(verdict == "unchanged" && notes.contains(reason), "{next}: {verdict} {notes}");
    }
    let (verdict, notes) = judged(
        &server,
        &init,
        &format!(
            "{retype}\nCREATE TRIGGER instead INSTEAD OF INSERT ON totals FOR EACH ROW EXECUTE FUNCTION f();\n\
             CREATE OR REPLACE RULE kept AS ON DELETE TO totals DO INSTEAD NOTHING;\n"
        ),
    );
    assert_eq!(verdict, "proven", "{notes}");
}
