//! `migrate rehearse` of what `migrate plan --safe` wrote: the versions of the application that the folders are for go on through
//! all of them, and one that a migration does break is named as before.

use serde_json::Value;

use crate::migrate_plan::{Server, folders, project};
use crate::migrate_plan_types::planned;
use crate::support::Project;

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";

const INIT: &str = "CREATE TYPE \"Role\" AS ENUM ('ADMIN', 'USER', 'GUEST');\n\
    CREATE TABLE \"Vendor\" (\"id\" SERIAL PRIMARY KEY, \"name\" TEXT NOT NULL, \"role\" \"Role\" NOT NULL DEFAULT 'USER');\n\
    CREATE TABLE \"Order\" (\"id\" SERIAL PRIMARY KEY, \"vendorId\" INTEGER NOT NULL REFERENCES \"Vendor\" (\"id\") \
    ON DELETE RESTRICT ON UPDATE CASCADE, \"amount\" INTEGER NOT NULL, \"kind\" TEXT NOT NULL DEFAULT 'A', \"note\" TEXT);\n\
    CREATE INDEX \"Order_amount_idx\" ON \"Order\" (\"amount\");\n";
const ROWS: &str = "INSERT INTO \"Vendor\" (\"name\", \"role\") SELECT 'v' || n, CASE WHEN n % 3 = 0 THEN 'GUEST'::\"Role\" ELSE 'USER' END \
    FROM generate_series(1, 300) n; INSERT INTO \"Order\" (\"vendorId\", \"amount\", \"note\") \
    SELECT 1 + n % 300, n, 'n' || n FROM generate_series(1, 3000) n; ANALYZE";
/// The sizes of a large production, which only a superuser can claim: more than a folder fills by itself.
const SIZES: &str = "UPDATE pg_class SET reltuples = 12e5, relpages = 12000 WHERE relname = 'Order'";

const RETYPED: &str = "ALTER TABLE \"Order\" ALTER COLUMN \"amount\" SET DATA TYPE BIGINT;\n";
const RENAMED: &str = "ALTER TABLE \"Order\" RENAME COLUMN \"note\" TO \"remark\";\n";
const KEY: &str = "ALTER TABLE \"Order\" DROP CONSTRAINT \"Order_vendorId_fkey\";\n\
    ALTER TABLE \"Vendor\" ALTER COLUMN \"id\" SET DATA TYPE BIGINT;\nALTER TABLE \"Order\" ALTER COLUMN \"vendorId\" SET DATA TYPE BIGINT;\n\
    ALTER TABLE \"Order\" ADD CONSTRAINT \"Order_vendorId_fkey\" FOREIGN KEY (\"vendorId\") REFERENCES \"Vendor\" (\"id\") \
    ON DELETE RESTRICT ON UPDATE CASCADE;\n";
const FEWER: &str = "CREATE TYPE \"Role_new\" AS ENUM ('ADMIN', 'USER');\n\
    ALTER TABLE \"Vendor\" ALTER COLUMN \"role\" DROP DEFAULT;\n\
    ALTER TABLE \"Vendor\" ALTER COLUMN \"role\" TYPE \"Role_new\" USING (\"role\"::text::\"Role_new\");\n\
    ALTER TYPE \"Role\" RENAME TO \"Role_old\";\nALTER TYPE \"Role_new\" RENAME TO \"Role\";\nDROP TYPE \"Role_old\";\n\
    ALTER TABLE \"Vendor\" ALTER COLUMN \"role\" SET DEFAULT 'USER';\n";
const TEXT_TO_ENUM: &str = "CREATE TYPE \"Kind\" AS ENUM ('A', 'B');\nALTER TABLE \"Order\" ALTER COLUMN \"kind\" DROP DEFAULT;\n\
    ALTER TABLE \"Order\" ALTER COLUMN \"kind\" TYPE \"Kind\" USING (\"kind\"::\"Kind\");\n\
    ALTER TABLE \"Order\" ALTER COLUMN \"kind\" SET DEFAULT 'A';\n";
const DROPPED: &str = "ALTER TABLE \"Order\" DROP COLUMN \"note\";\n";

fn begun(server: &Server) -> Project {
    server.as_superuser(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC",
    );
    let project = project(&[(FIRST, INIT)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    server.rows(ROWS);
    server.as_superuser(SIZES);
    project
}

fn rehearse(server: &Server, project: &Project, code: i32) -> Value {
    let run =
        server.run(project, &["migrate", "rehearse", "--format", "json", "--quiet", "--max-block", "20s"]);
    assert_eq!(run.code, Some(code), "{}", run.both());
    run.json()
}

/// Every pending folder is safe, and none breaks anything.
fn all_safe(server: &Server, project: &Project, pending: usize) -> Value {
    let report = rehearse(server, project, 0);
    let migrations = report["migrations"].as_array().unwrap();
    assert_eq!(migrations.len(), pending, "{report:#}");
    for one in migrations {
        let verdict = one["verdict"].as_str().unwrap();
        assert!(["safe", "safe_with_settings"].contains(&verdict), "{one:#}");
        assert_eq!(one["broken"].as_array().map(Vec::len), Some(0), "{one:#}");
    }
    let notes = report["notes"].to_string();
    assert!(!notes.contains("inserts no rows"), "new rows are there in every folder: {notes}");
    report
}

fn on(major: u32) {
    let Some(server) = Server::start(major) else { return };
    // What is known of a version is the same for all changes.
    let changes =
        if major == 17 { &[RETYPED, KEY, RENAMED, TEXT_TO_ENUM, FEWER][..] } else { &[RENAMED, FEWER] };
    for change in changes.iter().copied() {
        let project = begun(&server);
        planned(&server, &project, change);
        let names = folders(&project);
        assert!(names.len() > 3, "{names:?}");
        all_safe(&server, &project, names.len() - 1);
        if change == KEY {
            // An order is written before its vendor is looked for.
            let swap = names.iter().find(|name| name.contains("swap")).unwrap();
            let text = std::fs::read_to_string(
                project.path().join("prisma/migrations").join(swap).join("migration.sql"),
            )
            .unwrap();
            let locked = |table: &str| {
                text.find(&format!("LOCK TABLE public.{table} IN ACCESS EXCLUSIVE MODE")).unwrap()
            };
            let first_change = text.find("DROP").unwrap();
            assert!(
                locked("\"Order\"") < locked("\"Vendor\"") && locked("\"Vendor\"") < first_change,
                "{text}"
            );
        }
        if change != RENAMED {
            continue;
        }
        // Where a part of it is deployed, both versions run.
        let apart = project.path().join("apart");
        std::fs::create_dir(&apart).unwrap();
        let place = |name: &str| project.path().join("prisma/migrations").join(name);
        names[3..].iter().for_each(|name| std::fs::rename(place(name), apart.join(name)).unwrap());
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(0), "{}", deployed.both());
        names[3..].iter().for_each(|name| std::fs::rename(apart.join(name), place(name)).unwrap());
        let more = "ALTER TABLE \"Order\" ADD COLUMN \"seen\" BOOLEAN;\n";
        project.write("prisma/migrations/20270101000000_more/migration.sql", more);
        let report = all_safe(&server, &project, names.len() - 2);
        let said = "the load no longer names \\\"note\\\" of \\\"Order\\\", which a migration takes away";
        assert!(report["notes"].to_string().contains(said), "{report:#}");
    }
    broken(&server);
}

/// What the running application asks and a migration takes away.
fn broken(server: &Server) {
    for (change, column) in [(RENAMED, "note"), (DROPPED, "note")] {
        let project = begun(server);
        project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), change);
        let report = rehearse(server, &project, 3);
        let one = &report["migrations"][0];
        assert_eq!(one["verdict"], "unsafe", "{one:#}");
        let kinds: Vec<&str> =
            one["broken"].as_array().unwrap().iter().map(|one| one["request"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["INSERT", "SELECT"], "{column}: {one:#}");
    }
    // A rename by hand between the folders of a plan is no part of it.
    let project = begun(server);
    planned(server, &project, RETYPED);
    let last = folders(&project).pop().unwrap();
    let torn = format!("prisma/migrations/{last}_torn/migration.sql");
    project.write(&torn, "ALTER TABLE \"Order\" RENAME COLUMN \"amount\" TO \"sum\";\n");
    let report = rehearse(server, &project, 3);
    let migrations = report["migrations"].as_array().unwrap();
    let unsafe_ones: Vec<&str> = migrations
        .iter()
        .filter(|one| one["verdict"] == "unsafe")
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(unsafe_ones, [format!("{last}_torn")], "{report:#}");
}

#[test]
fn on_17() {
    on(17);
}

#[test]
fn on_15() {
    on(15);
}

/// A dot in a name is no namespace.
#[test]
fn the_load_finds_tables_with_dots_in_their_names() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let init = "CREATE SCHEMA \"my.app\";\nCREATE TABLE \"my.events\" (id SERIAL PRIMARY KEY, n INTEGER NOT NULL);\n\
                    CREATE TABLE \"my.app\".\"their.events\" (id SERIAL PRIMARY KEY, n INTEGER NOT NULL);\n";
        let next = "ALTER TABLE \"my.events\" ADD COLUMN m INTEGER;\n\
                    ALTER TABLE \"my.app\".\"their.events\" ADD COLUMN m INTEGER;\n";
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        for table in ["\"my.events\"", "\"my.app\".\"their.events\""] {
            server.rows(&format!("INSERT INTO {table} (n) SELECT generate_series(1, 300)"));
        }
        project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), next);
        all_safe(&server, &project, 1);
    }
}
