//! `migrate rehearse` against a lab server that plays production, on two major versions: a blocking index build shows
//! writers waiting and is unsafe, a concurrent one is neither; nothing is written to the database.

use pgsteward_lab::{Lab, LabOptions};
use pgsteward_pg::LabSession;
use serde_json::Value;

use crate::migrate_rehearse_load::{
    checks_decide, deadlocks_are_told, what_breaks_the_application, what_is_accepted,
};
use crate::support::{HEAD, Project, Run};

const INIT: &str = "CREATE TABLE \"Vendor\" (\"id\" SERIAL PRIMARY KEY, \"name\" TEXT NOT NULL);\n\
    CREATE TABLE \"Order\" (\"id\" SERIAL PRIMARY KEY, \"vendorId\" INTEGER NOT NULL, \"amount\" INTEGER, \"note\" TEXT);\n";
/// Of a lab's server.
const SUPERUSER: &str = "pgsteward";
/// What `prisma migrate deploy` keeps.
const HISTORY: &str = "CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, \
    finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz, \
    started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0); \
    INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name) \
    VALUES ('1', 'x', now(), '20260101000000_init')";
/// A few rows, with the statistics of a production of 4 million orders.
const LARGE: &str = "INSERT INTO \"Vendor\" (\"name\") SELECT 'v' || g FROM generate_series(1, 1000) g; \
    INSERT INTO \"Order\" (\"vendorId\", \"amount\", \"note\") SELECT 1 + g % 1000, g, 'n' || g FROM generate_series(1, 3000) g; \
    ANALYZE";
/// Sizes that only a superuser can claim.
const SIZES: &str = "UPDATE pg_class SET reltuples = 4e6, relpages = 40000 WHERE relname = 'Order'";

pub(crate) struct Production {
    pub(crate) lab: Lab,
    runtime: tokio::runtime::Runtime,
    pub(crate) database: String,
}

impl Production {
    pub(crate) fn start(major: u32) -> Option<Production> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let options = LabOptions { major: Some(major), ..LabOptions::default() };
        match runtime.block_on(Lab::start(&options)) {
            Ok(lab) if lab.version().major() == major => {
                let database = runtime.block_on(lab.create_database()).unwrap().name().to_owned();
                let production = Production { lab, runtime, database };
                for sql in [INIT, HISTORY, LARGE] {
                    production.rows(sql);
                }
                production.rows_as(SUPERUSER, SIZES);
                Some(production)
            }
            Ok(lab) => {
                eprintln!("not tested on PostgreSQL {major}: there is only {}", lab.version());
                None
            }
            Err(error) => {
                eprintln!("not tested on PostgreSQL {major}: {error}; {}", error.hint());
                None
            }
        }
    }

    fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.rows_as("postgres", sql)
    }

    fn rows_as(&self, role: &str, sql: &str) -> Vec<Vec<Option<String>>> {
        self.runtime.block_on(async {
            let session =
                LabSession::connect_socket(self.lab.folder(), 5432, role, &self.database).await.unwrap();
            let rows = session.rows(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            session.close().await;
            rows
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres@localhost/{}?host={}", self.database, self.lab.folder().display())
    }
}

pub(crate) fn project(pending: &[(&str, &str)]) -> Project {
    let project = Project::new(&[
        ("prisma/schema.prisma", HEAD),
        ("prisma/migrations/20260101000000_init/migration.sql", INIT),
    ]);
    for (name, sql) in pending {
        project.write(&format!("prisma/migrations/{name}/migration.sql"), sql);
    }
    project
}

pub(crate) fn migration<'a>(report: &'a Value, name: &str) -> &'a Value {
    let all = report["migrations"].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name} is not in {report:#}"))
}

pub(crate) fn rules(migration: &Value) -> Vec<&str> {
    migration["rewrites"].as_array().unwrap().iter().map(|one| one["rule"].as_str().unwrap()).collect()
}

fn lock<'a>(statement: &'a Value, relation: &str) -> &'a Value {
    let locks = statement["locks"].as_array().unwrap();
    locks.iter().find(|lock| lock["relation"] == relation).unwrap_or_else(|| panic!("{statement:#}"))
}

pub(crate) fn succeed(run: &Run, code: i32) -> Value {
    assert_eq!(run.code, Some(code), "{}", run.both());
    run.json()
}

#[test]
fn on_17() {
    on(17);
}

#[test]
fn on_15() {
    on(15);
}

fn on(major: u32) {
    let Some(production) = Production::start(major) else { return };
    builds_of_indexes(&production, major);
    work_of_every_kind(&production);
    facts_in_place_of_a_database(&production);
    what_does_not_run(&production);
    checks_decide(&production);
    // Neither is the version's doing.
    match major {
        15 => what_breaks_the_application(&production),
        _ => {
            deadlocks_are_told(&production);
            what_is_accepted(&production);
        }
    }
}

fn builds_of_indexes(production: &Production, major: u32) {
    let project = project(&[
        ("20260102000000_blocking", "CREATE INDEX \"blocking\" ON \"Order\"(\"vendorId\", \"note\");\n"),
        (
            "20260103000000_concurrent",
            "CREATE INDEX CONCURRENTLY \"concurrent\" ON \"Order\"(\"note\", \"vendorId\");\n",
        ),
    ]);
    let before = production.rows("SELECT relname, relfilenode FROM pg_class ORDER BY 1, 2");
    let run = project.run(&[
        "migrate",
        "rehearse",
        "--url",
        &production.url(),
        "--format",
        "json",
        "--quiet",
        "--max-block",
        "200ms",
    ]);
    let report = succeed(&run, 3);
    assert_eq!(report["version"], 1);
    assert!(report["lab_version"].as_str().unwrap().starts_with(&major.to_string()), "{report:#}");
    assert_eq!(report["tables"][0]["name"], "Order", "{report:#}");
    assert_eq!(report["tables"][0]["rows"], 4_000_000);
    let twin_rows = report["tables"][0]["twin_rows"].as_u64().unwrap();
    assert!((39_000..=41_000).contains(&twin_rows), "{twin_rows}");

    let blocking = migration(&report, "20260102000000_blocking");
    assert_eq!(blocking["verdict"], "unsafe", "{blocking:#}");
    assert_eq!(rules(blocking), ["index-not-concurrent"]);
    let statement = &blocking["statements"][0];
    assert_eq!(lock(statement, "Order")["mode"], "SHARE");
    assert_eq!(statement["built"][0], "blocking");
    assert!(statement["waits"]["writes"].as_u64().unwrap() > 0, "writers wait for it: {statement:#}");
    assert_eq!(statement["waits"]["reads"], 0, "readers do not: {statement:#}");
    let longest = statement["waits"]["longest_ms"].as_f64().unwrap();
    assert!(longest >= statement["waits"]["median_ms"].as_f64().unwrap() && longest > 0.0);
    let scanned = &statement["scanned"][0];
    assert_eq!(scanned["relation"], "Order");
    assert!(scanned["rows"].as_u64().unwrap() >= twin_rows, "{scanned:#}");
    assert!(scanned["expected_rows"].as_u64().unwrap() >= 3_900_000, "{scanned:#}");
    let expected = &statement["expected"];
    let [low, ms, high] = ["low_ms", "ms", "high_ms"].map(|name| expected[name].as_f64().unwrap());
    assert!(low < ms && ms < high && ms > statement["elapsed_ms"].as_f64().unwrap() * 20.0, "{expected:#}");
    assert!(statement["wal_bytes"].as_u64().unwrap() > 100_000, "{statement:#}");

    let concurrent = migration(&report, "20260103000000_concurrent");
    assert_eq!(concurrent["verdict"], "safe", "{concurrent:#}");
    assert_eq!(rules(concurrent), [] as [&str; 0]);
    let statement = &concurrent["statements"][0];
    assert_eq!(lock(statement, "Order")["mode"], "SHARE UPDATE EXCLUSIVE");
    assert!(statement["waits"].is_null(), "nobody waits: {statement:#}");

    let after = production.rows("SELECT relname, relfilenode FROM pg_class ORDER BY 1, 2");
    assert_eq!(before, after, "nothing is written to the database");
}

fn work_of_every_kind(production: &Production) {
    let project = project(&[
        (
            "20260102000000_key",
            "ALTER TABLE \"Order\" ADD CONSTRAINT \"Order_vendorId_fkey\" FOREIGN KEY (\"vendorId\") REFERENCES \"Vendor\"(\"id\");\n",
        ),
        ("20260103000000_type", "ALTER TABLE \"Order\" ALTER COLUMN \"amount\" TYPE BIGINT;\n"),
        ("20260104000000_fill", "UPDATE \"Order\" SET \"amount\" = 7;\n"),
        ("20260105000000_column", "ALTER TABLE \"Order\" ADD COLUMN \"seen\" BOOLEAN;\n"),
        ("20260106000000_drop", "ALTER TABLE \"Order\" DROP COLUMN \"note\";\n"),
        (
            "20260107000000_new",
            "CREATE TABLE \"Coupon\" (\"id\" SERIAL PRIMARY KEY);\nCREATE INDEX ON \"Coupon\"(\"id\");\n",
        ),
        ("20260108000000_rename", "ALTER TABLE \"Vendor\" RENAME TO \"Seller\";\n"),
    ]);
    let run = project.run(&[
        "migrate",
        "rehearse",
        "--url",
        &production.url(),
        "--format",
        "json",
        "--quiet",
        "--max-block",
        "200ms",
    ]);
    let report = succeed(&run, 3);
    let key = migration(&report, "20260102000000_key");
    assert_eq!(key["verdict"], "unsafe", "{key:#}");
    assert_eq!(rules(key), ["foreign-key-validated-at-once"]);
    for relation in ["Order", "Vendor"] {
        assert_eq!(lock(&key["statements"][0], relation)["mode"], "SHARE ROW EXCLUSIVE");
    }
    let ty = migration(&report, "20260103000000_type");
    assert_eq!((ty["verdict"].as_str(), rules(ty)), (Some("unsafe"), vec!["type-change-rewrites"]));
    assert_eq!(ty["statements"][0]["rewrites"][0], "Order");
    assert_eq!(lock(&ty["statements"][0], "Order")["mode"], "ACCESS EXCLUSIVE");
    assert!(ty["statements"][0]["waits"]["reads"].as_u64().unwrap() > 0, "{ty:#}");
    let fill = migration(&report, "20260104000000_fill");
    assert_eq!((fill["verdict"].as_str(), rules(fill)), (Some("unsafe"), vec!["backfill-in-migration"]));
    let column = migration(&report, "20260105000000_column");
    assert_eq!(column["verdict"], "safe_with_settings", "{column:#}");
    assert_eq!(column["settings"][0], "lock_timeout = '3000ms'");
    assert!(
        column["statements"][0]["expected"]["ms"].as_f64().unwrap() < 1000.0,
        "it reads no row: {column:#}"
    );
    let new = migration(&report, "20260107000000_new");
    assert_eq!(new["verdict"], "safe", "nobody knows the table yet: {new:#}");
    let rename = migration(&report, "20260108000000_rename");
    assert_eq!(rename["verdict"], "unsafe", "{rename:#}");
    let broken = rename["broken"].as_array().unwrap();
    assert!(broken.iter().all(|one| one["relation"] == "Vendor" && one["line"] == 1), "{rename:#}");
    assert!(broken.iter().all(|one| one["error"].as_str().unwrap().contains("42P01")), "{rename:#}");
    assert_eq!(rules(rename), ["table-renamed"]);
    // For people.
    let text = project.run(&["migrate", "rehearse", "20260105000000_column", "--url", &production.url()]);
    assert_eq!(text.code, Some(0), "{}", text.both());
    assert!(text.stdout.contains("20260105000000_column: safe with these settings"), "{}", text.stdout);
    assert!(text.stdout.contains("not rehearsed"), "{}", text.stdout);
}

fn facts_in_place_of_a_database(production: &Production) {
    let project = project(&[("20260102000000_key", "CREATE INDEX \"i\" ON \"Order\"(\"note\");\n")]);
    let url = production.url();
    let run = project.run(&["facts", "export", "--url", &url, "--output", "facts.json", "--quiet"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let text = project.read("facts.json");
    let facts: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((facts["format"].as_str(), facts["version"].as_u64()), (Some("pgsteward facts"), Some(1)));
    let order = facts["tables"].as_array().unwrap().iter().find(|table| table["name"] == "Order").unwrap();
    assert_eq!(order["rows"], 4e6);
    assert!(order["columns"].as_array().unwrap().iter().any(|column| column["name"] == "note"), "{order:#}");
    assert_eq!(facts["histories"]["_prisma_migrations"][0]["name"], "20260101000000_init");
    assert!(facts["settings"]["maintenance_work_mem"].is_string(), "{}", facts["settings"]);
    for secret in ["n2999", "v999", "postgres@"] {
        assert!(!text.contains(secret), "no value of a row and no role: {secret}");
    }
    let rehearse = |arguments: &[&str]| {
        project.run(
            &[&["migrate", "rehearse", "--format", "json", "--quiet", "--max-block", "200ms"], arguments]
                .concat(),
        )
    };
    let of_file = succeed(&rehearse(&["--facts", "facts.json"]), 3);
    let of_database = succeed(&rehearse(&["--url", &url]), 3);
    assert_eq!(of_file["tables"], of_database["tables"], "the twins are the same");
    let locks = |report: &Value| {
        let statement = &migration(report, "20260102000000_key")["statements"][0];
        // The load leaves some dead rows, which are read as well.
        let scanned = statement["scanned"][0]["relation"].clone();
        (lock(statement, "Order")["mode"].clone(), scanned, statement["built"].clone())
    };
    assert_eq!(locks(&of_file), locks(&of_database));
    // Files that are none.
    for (content, says) in [
        ("{", "no file of facts"),
        ("{\"format\": \"other\", \"version\": 1}", "no file of facts"),
        (&text.replacen("\"version\": 1", "\"version\": 99", 1), "reads up to 1"),
    ] {
        project.write("other.json", content);
        let run = rehearse(&["--facts", "other.json"]);
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.contains(says) && run.stderr.contains("hint:"), "{}", run.stderr);
    }
}

fn what_does_not_run(production: &Production) {
    let project = project(&[
        (
            "20260102000000_wrong",
            "ALTER TABLE \"Order\" ADD COLUMN \"x\" INT;\nALTER TABLE \"Nowhere\" ADD COLUMN \"x\" INT;\n",
        ),
        ("20260103000000_later", "SELECT 1;\n"),
    ]);
    let url = production.url();
    let run = project.run(&[
        "migrate",
        "rehearse",
        "--url",
        &url,
        "--format",
        "json",
        "--quiet",
        "--max-block",
        "200ms",
    ]);
    let report = succeed(&run, 1);
    let wrong = migration(&report, "20260102000000_wrong");
    assert_eq!(wrong["verdict"], "fails", "{wrong:#}");
    assert!(wrong["failure"].as_str().unwrap().starts_with("line 2: relation \"Nowhere\" does not exist"));
    assert_eq!(migration(&report, "20260103000000_later")["verdict"], "not_tried");
    let run = project.run(&["migrate", "rehearse", "20260101000000_init", "--url", &url]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("applied already") && run.stderr.contains("hint:"), "{}", run.stderr);
    let run = project.run(&["migrate", "rehearse", "nothing", "--url", &url]);
    assert!(run.stderr.contains("there is no migration \"nothing\""), "{}", run.stderr);
    // Without a database a named migration runs behind those before it; nothing is known of sizes.
    let run = project.run(&[
        "migrate",
        "rehearse",
        "20260103000000_later",
        "--format",
        "json",
        "--quiet",
        "--max-block",
        "200ms",
    ]);
    assert_eq!(run.code, Some(1), "the one before it does not run: {}", run.both());
    assert!(run.stderr.contains("\"20260102000000_wrong\" does not run in the lab"), "{}", run.stderr);
}
