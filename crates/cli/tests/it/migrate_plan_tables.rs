//! `migrate plan --safe` where whole tables are concerned: both versions of the application work at every stage.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";
const INIT: &str = "CREATE TABLE \"Vendor\" (id SERIAL PRIMARY KEY, name TEXT NOT NULL, rating INTEGER NOT NULL DEFAULT 3, fax TEXT);\n\
                    CREATE UNIQUE INDEX \"Vendor_name_key\" ON \"Vendor\"(name);\n\
                    CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, \"vendorId\" INTEGER REFERENCES \"Vendor\"(id));\n";

#[test]
fn a_renamed_table_serves_both_versions_of_the_application() {
    let rename = "-- AlterTable\nALTER TABLE \"Vendor\"\nDROP COLUMN fax;\n-- RenameTable\nALTER TABLE \"Vendor\" RENAME TO \"Supplier\";\n\
                  ALTER TABLE \"Supplier\" RENAME CONSTRAINT \"Vendor_pkey\" TO \"Supplier_pkey\";\n\
                  ALTER TABLE \"Supplier\" RENAME COLUMN rating TO stars;\n\
                  CREATE INDEX \"Order_vendorId_idx\" ON \"Order\"(\"vendorId\");\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Vendor\" (name) SELECT 'vendor ' || n FROM generate_series(1, 20) n");
        project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), rename);
        let plan = server.run(&project, &["migrate", "plan", "--safe", "--write"]);
        assert_eq!(plan.code, Some(0), "{}", plan.both());
        assert!(
            plan.stdout.contains("no running version of the application names \"Vendor\""),
            "{}",
            plan.stdout
        );
        assert!(!plan.stdout.contains("remains:"), "{}", plan.stdout);
        let names = folders(&project);
        let gone = names.iter().position(|name| name.ends_with("_drop_view_vendor")).unwrap();
        let mut number = 0;
        deployed_one_by_one(&server, &project, &mut |name| {
            number += 1;
            let at = names.iter().position(|other| other == name).unwrap();
            let id = server
                .value(&format!("INSERT INTO \"Supplier\" (name) VALUES ('new {number}') RETURNING id"));
            server.rows(&format!("INSERT INTO \"Order\" (\"vendorId\") VALUES ({id})"));
            let changed =
                format!("UPDATE \"Supplier\" SET name = 'newer {number}' WHERE id = {id} RETURNING id");
            assert_eq!(server.value(&changed), id);
            if at >= gone {
                return;
            }
            // The old version writes the same rows by the old name, with the defaults of the table.
            let seen = server.value(&format!("SELECT name FROM \"Vendor\" WHERE id = {id} FOR UPDATE"));
            assert_eq!(seen, format!("newer {number}"), "after {name}");
            let old = server.rows(&format!(
                "INSERT INTO \"Vendor\" (name) VALUES ('old {number}') ON CONFLICT (name) DO NOTHING RETURNING id, rating"
            ));
            assert_eq!(old[0][1].as_deref(), Some("3"), "after {name}");
            let old = old[0][0].clone().unwrap();
            server.rows(&format!("UPDATE \"Vendor\" SET rating = 5 WHERE id = {old}"));
            let both = "SELECT count(*) FROM \"Supplier\" s JOIN \"Vendor\" v USING (id)";
            assert_eq!(server.value(both), server.value("SELECT count(*) FROM \"Supplier\""));
            server.rows(&format!("DELETE FROM \"Vendor\" WHERE id = {old}"));
        });
        assert_eq!(server.value("SELECT to_regclass('\"Vendor\"') IS NULL"), "t");
        assert_eq!(
            server.value("SELECT count(*) FROM \"Supplier\" WHERE stars = 3"),
            (20 + number).to_string()
        );
    }
}

#[test]
fn a_table_that_a_view_cannot_stand_for_is_named() {
    let Some(server) = Server::start(17) else { return };
    let policy = "ALTER TABLE \"Vendor\" ENABLE ROW LEVEL SECURITY;\nCREATE POLICY own ON \"Vendor\" USING (rating > 0);\n";
    let project = project(&[
        (FIRST, &format!("{INIT}{policy}")),
        (NEXT, "ALTER TABLE \"Vendor\" RENAME TO \"Supplier\";\n"),
    ]);
    let run = server.run(&project, &["migrate", "plan", "--safe", NEXT]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stdout.contains("its policies would not know who asks through a view"), "{}", run.stdout);
    assert!(run.stdout.contains("remains: renaming table"), "{}", run.stdout);
}

#[test]
fn a_drop_waits_until_no_query_names_what_goes() {
    let settings = [("shared_preload_libraries", "pg_stat_statements"), ("pg_stat_statements.track", "all")];
    let Some(server) = Server::start_with(17, &settings) else { return };
    let project = project(&[(FIRST, INIT)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    let drops = "ALTER TABLE \"Vendor\" DROP COLUMN fax;\nALTER TABLE \"Vendor\" DROP COLUMN rating;\n";
    project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), drops);
    let plan = server.run(&project, &["migrate", "plan", "--safe", "--write"]);
    assert_eq!(plan.code, Some(0), "{}", plan.both());
    let deploy = || server.run(&project, &["migrate", "deploy", "--unused-for", "2s"]);
    let has = |column: &str| {
        let sql = format!("SELECT count(*) FROM information_schema.columns WHERE column_name = '{column}'");
        server.value(&sql) == "1"
    };

    // An old version that is connected, whatever it does now.
    let old = server.session();
    server.in_session(&old, "SELECT \"public\".\"Vendor\".\"fax\" FROM \"public\".\"Vendor\"");
    let run = deploy();
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(
        run.stderr.contains("waits until no query names") && run.stderr.contains("the session "),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("--unused-for 0 runs it without this look"), "{}", run.stderr);
    assert!(has("fax"), "nothing was run");

    // It has asked for other things since, but nobody can know that it will not ask again.
    server.in_session(&old, "SELECT name FROM \"Vendor\"");
    // Nor what another role asks, whose statements this one may not read.
    server.as_superuser("CREATE ROLE other LOGIN");
    let other = server.session_as("other");
    server.in_session(&other, "SELECT 1 AS fax, 2 AS \"Vendor\"");
    let report = project.path().join("report.json");
    let path = report.display().to_string();
    let run = server.run(&project, &["migrate", "deploy", "--unused-for", "2s", "--report", &path]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("pg_stat_statements is not installed"), "{report}");
    assert!(report.contains("sessions of other roles asked last is hidden from this role"), "{report}");
    assert!(!has("fax") && !has("rating"));

    // A table that is called as a column is.
    server.rows("CREATE TABLE note (id int); CREATE TABLE remark (id int)");
    server.rows("ALTER TABLE \"Order\" ADD COLUMN note text");
    let goes = |name: &str, table: &str| {
        let text = format!("-- pgsteward: unused \"public\".\"{table}\"\nDROP TABLE {table};\n");
        project.write(&format!("prisma/migrations/{name}/migration.sql"), text);
    };
    let deploy =
        |time: &str| server.run(&project, &["migrate", "deploy", "--format", "json", "--unused-for", time]);
    goes("20270101000000_note", "note");
    server.in_session(&old, "SELECT note FROM \"Order\"");
    let run = deploy("100ms");
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stdout.contains("is also what a column or another table is called"), "{}", run.both());
    // Who asks for a table is told, unless nobody wants to know.
    goes("20270102000000_remark", "remark");
    server.in_session(&old, "SELECT id FROM remark");
    let run = deploy("100ms");
    assert!(run.code == Some(1) && run.stderr.contains("the session "), "{}", run.both());
    assert_eq!(deploy("0").code, Some(0));
    assert_eq!(server.value("SELECT to_regclass('note') IS NULL AND to_regclass('remark') IS NULL"), "t");
}

#[test]
fn a_drop_waits_while_the_server_counts_queries_of_it() {
    let settings = [("shared_preload_libraries", "pg_stat_statements"), ("pg_stat_statements.track", "all")];
    let Some(server) = Server::start_with(17, &settings) else { return };
    let project = project(&[(FIRST, INIT)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    server.as_superuser("CREATE EXTENSION pg_stat_statements");
    project.write(
        &format!("prisma/migrations/{NEXT}/migration.sql"),
        "ALTER TABLE \"Vendor\" DROP COLUMN fax;\n",
    );
    assert_eq!(server.run(&project, &["migrate", "plan", "--safe", "--write"]).code, Some(0));
    // What the session asks names nothing: only the counters know what runs inside.
    server.rows(
        "CREATE FUNCTION inside() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM fax FROM \"Vendor\"; END'",
    );
    server.rows("SELECT inside()");
    let deploy = || server.run(&project, &["migrate", "deploy", "--unused-for", "2s"]);
    let (over, began) = (std::sync::atomic::AtomicBool::new(false), std::sync::Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let old = server.session();
            began.wait();
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                server.in_session(&old, "SELECT inside()");
            }
        });
        began.wait();
        let run = deploy();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(run.code, Some(1), "{}", run.both());
        assert!(run.stderr.contains("calls within 2 s of: SELECT fax"), "{}", run.stderr);
    });
    server.rows("DROP FUNCTION inside()");
    // What other roles asked is counted, and nobody without the right may read it.
    server.as_superuser("CREATE ROLE other LOGIN");
    let other = server.session_as("other");
    server.in_session(&other, "SELECT 1");
    let run = server.run(&project, &["migrate", "deploy", "--format", "json", "--unused-for", "2s"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stdout.contains("statements of other roles in pg_stat_statements"), "{}", run.both());
}
