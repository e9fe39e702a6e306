//! `checks.sql`, `[target.…]` and `migrate doctor` against a server.

use pgsteward_lab::Lab;
use pgsteward_pg::LabSession;

use crate::servers;
use crate::support::{HEAD, Project, Run};

const INIT: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";
const TABLE: &str = "CREATE TABLE \"Item\" (id SERIAL PRIMARY KEY, price INTEGER);\nINSERT INTO \"Item\" (price) VALUES (1), (-2), (-3);\n";

struct Server {
    lab: Lab,
    runtime: tokio::runtime::Runtime,
    databases: [String; 2],
}

impl Server {
    fn start(major: u32) -> Option<Server> {
        let (lab, runtime) = servers::start(major, &[])?;
        let name = || runtime.block_on(lab.create_database()).unwrap().name().to_owned();
        let databases = [name(), name()];
        Some(Server { lab, runtime, databases })
    }

    fn rows_of(&self, database: usize, sql: &str) -> Vec<Vec<Option<String>>> {
        self.runtime.block_on(async {
            let name = &self.databases[database];
            let session =
                LabSession::connect_socket(self.lab.folder(), 5432, "postgres", name).await.unwrap();
            let rows = session.rows(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            session.close().await;
            rows
        })
    }

    fn value(&self, sql: &str) -> String {
        self.rows_of(0, sql)[0][0].clone().unwrap_or_default()
    }

    fn url(&self, database: usize) -> String {
        format!(
            "postgresql://postgres@localhost/{}?host={}",
            self.databases[database],
            self.lab.folder().display()
        )
    }

    fn run(&self, project: &Project, arguments: &[&str]) -> Run {
        let [first, second] = [self.url(0), self.url(1)];
        project.run_with(
            arguments,
            &[("DATABASE_URL", &first), ("STAGING_URL", &first), ("PRODUCTION_URL", &second)],
        )
    }
}

fn project(migrations: &[(&str, &str)]) -> Project {
    let project = Project::new(&[("prisma/schema.prisma", HEAD)]);
    for (path, text) in migrations {
        project.write(&format!("prisma/migrations/{path}"), text);
    }
    project.write("prisma/migrations/migration_lock.toml", "provider = \"postgresql\"\n");
    project
}

fn file(name: &str) -> String {
    format!("{name}/migration.sql")
}

#[test]
fn checks_stop_a_migration_before_and_after_it() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[
            (&file(INIT), TABLE),
            (&file(NEXT), "ALTER TABLE \"Item\" ADD COLUMN currency TEXT;\n"),
            (&format!("{NEXT}/checks.sql"), "-- before\nSELECT id FROM \"Item\" WHERE price < 0;\n"),
        ]);
        let applied = "SELECT string_agg(migration_name, ',' ORDER BY started_at) FROM _prisma_migrations";
        let has_column = "SELECT count(*) FROM pg_attribute WHERE attname = 'currency'";

        // Before: the rows are named, nothing of it runs, and nothing is recorded.
        let refused = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(refused.code, Some(1));
        assert!(refused.stderr.contains("line 2 returns 2 rows (2, 3) (before)"), "{}", refused.stderr);
        assert_eq!((server.value(applied).as_str(), server.value(has_column).as_str()), (INIT, "0"));

        // After, of an atomic file: it is rolled back, and what a check itself writes is refused.
        let path = format!("prisma/migrations/{NEXT}/checks.sql");
        project.write(&path, "-- before\nSELECT count(*) = 3 FROM \"Item\";\n-- after\nSELECT bool_and(currency IS NOT NULL) FROM \"Item\";\n");
        let refused = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(refused.code, Some(1));
        assert!(refused.stderr.contains("line 4 returns 1 row (f) (after)"), "{}", refused.stderr);
        assert_eq!((server.value(applied).as_str(), server.value(has_column).as_str()), (INIT, "0"));
        project.write(&path, "-- after\nSELECT setval('\"Item_id_seq\"', 100) > 0;\n");
        let refused = server.run(&project, &["migrate", "deploy"]);
        assert!(refused.stderr.contains("read-only transaction"), "{}", refused.stderr);

        // After, of a file that cannot be atomic: what is there stays, and the history says that it failed.
        project.write(
            &format!("prisma/migrations/{NEXT}/migration.sql"),
            "CREATE INDEX CONCURRENTLY item_price ON \"Item\" (price);\n",
        );
        project.write(&path, "-- after\nSELECT price FROM \"Item\" WHERE price < 0;\n");
        let failed = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(failed.code, Some(1));
        assert!(failed.stderr.contains("P3018"), "{}", failed.stderr);
        let state = "SELECT finished_at IS NULL AND logs LIKE '%checks.sql does not hold%' FROM _prisma_migrations WHERE migration_name LIKE '%next'";
        assert_eq!(server.value(state), "t");

        // What holds lets the next one through.
        server.rows_of(
            0,
            "DELETE FROM _prisma_migrations WHERE migration_name LIKE '%next'; DROP INDEX item_price",
        );
        project.write(&path, "-- after\nSELECT id FROM \"Item\" WHERE price > 9;\nSELECT true;\n");
        let done = server.run(&project, &["migrate", "deploy", "--verbose"]);
        assert_eq!(done.code, Some(0), "{}", done.both());
        assert_eq!(server.value(applied), format!("{INIT},{NEXT}"));

        // A file that is not understood is no file that is passed over.
        project.write("prisma/migrations/20260103000000_last/migration.sql", "SELECT 1;\n");
        project.write("prisma/migrations/20260103000000_last/checks.sql", "SELECT 1;\n");
        let refused = server.run(&project, &["migrate", "deploy"]);
        assert!(refused.stderr.contains("stands in no section"), "{}", refused.stderr);
        assert_eq!(server.value(applied), format!("{INIT},{NEXT}"));
    }
}

#[test]
fn production_takes_what_has_passed_on_staging() {
    let Some(server) = Server::start(17) else { return };
    let project =
        project(&[(&file(INIT), TABLE), (&file(NEXT), "ALTER TABLE \"Item\" ADD COLUMN currency TEXT;\n")]);
    project.write(
        "pgsteward.toml",
        "[target.staging]\nurl_env = \"STAGING_URL\"\n[target.production]\nurl_env = \"PRODUCTION_URL\"\nafter = \"staging\"\n",
    );
    let deploy = |target: &str| server.run(&project, &["migrate", "deploy", "--target", target]);
    let there = |database: usize| {
        server.rows_of(database, "SELECT count(*) FROM pg_class WHERE relname = 'Item'")[0][0]
            .clone()
            .unwrap()
    };
    let refused = deploy("production");
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains(&format!("\"{INIT}\" was not applied there, \"{NEXT}\"")),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("hint: `pgsteward migrate deploy --target staging` first"),
        "{}",
        refused.stderr
    );
    assert_eq!(there(1), "0");

    assert_eq!(deploy("staging").code, Some(0));
    let text = project.read(&format!("prisma/migrations/{NEXT}/migration.sql"));
    project.write(
        &format!("prisma/migrations/{NEXT}/migration.sql"),
        "ALTER TABLE \"Item\" ADD COLUMN money TEXT;\n",
    );
    let refused = deploy("production");
    assert!(refused.stderr.contains("was applied there with another text"), "{}", refused.stderr);
    assert_eq!(there(1), "0");
    project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), text);

    let status = |target: &str| server.run(&project, &["migrate", "status", "--no-lab", "--target", target]);
    let behind = status("production");
    assert!(behind.stdout.contains("2 passed on \"staging\" and not yet here"), "{}", behind.stdout);
    let deployed = deploy("production");
    assert_eq!(deployed.code, Some(0), "{}", deployed.both());
    let even = status("production");
    assert_eq!(even.code, Some(0), "{}", even.stdout);
    assert!(even.stdout.contains("The schema is that of \"staging\""), "{}", even.stdout);
    server.rows_of(1, "ALTER TABLE \"Item\" ADD COLUMN by_hand TEXT");
    let drifted = status("production");
    assert_eq!(drifted.code, Some(5), "{}", drifted.stdout);
    assert!(drifted.stdout.contains("column public.Item.by_hand: only after"), "{}", drifted.stdout);

    // A URL has no place in the file, and unknown names are said.
    let unknown = deploy("qa");
    assert!(unknown.stderr.contains("hint: there are: production, staging"), "{}", unknown.stderr);
    project.write("pgsteward.toml", "[target.production]\nurl_env = \"postgresql://me:secret@host/db\"\n");
    let refused = deploy("production");
    assert!(
        refused.stderr.contains("is no name of a variable") && !refused.both().contains("secret"),
        "{}",
        refused.both()
    );
}

#[test]
fn targets_are_held_against_each_other() {
    let Some(server) = Server::start(17) else { return };
    let next = "ALTER TABLE \"Item\" ADD COLUMN currency TEXT;\n";
    let project = project(&[(&file(INIT), TABLE), (&file(NEXT), next)]);
    let targets = "[target.staging]\nurl_env = \"STAGING_URL\"\n[target.production]\nurl_env = \"PRODUCTION_URL\"\nafter = \"staging\"\n";
    project.write("pgsteward.toml", targets);
    let status = |arguments: &[&str]| {
        let all = ["migrate", "status", "--no-lab", "--target", "production"];
        server.run(&project, &[all.as_slice(), arguments].concat())
    };
    // Production went ahead of staging, by hand or before there were targets.
    let url = server.url(1);
    assert_eq!(server.run(&project, &["migrate", "deploy", "--url", &url]).code, Some(0));
    let ahead = status(&["--format", "json"]);
    assert_eq!(ahead.code, Some(5), "{}", ahead.both());
    let target = ahead.json()["target"].clone();
    assert_eq!(target["only_here"].as_array().unwrap().len(), 2, "{target:#}");
    assert!(
        target["drift"].is_null(),
        "at other points of the history they differ as they should: {target:#}"
    );
    assert_eq!(server.value("SELECT to_regclass('_prisma_migrations') IS NULL"), "t", "it only reads");

    // The same names with another text.
    project
        .write(&format!("prisma/migrations/{}", file(NEXT)), "ALTER TABLE \"Item\" ADD COLUMN money TEXT;\n");
    assert_eq!(server.run(&project, &["migrate", "deploy", "--target", "staging"]).code, Some(0));
    let other = status(&[]);
    let said = format!("1 applied here and on \"staging\" with different texts:\n  {NEXT}\n");
    assert!(other.stdout.contains(&said), "{}", other.both());
    assert!(other.stdout.contains("column public.Item.money: only before"), "{}", other.stdout);

    // Nothing pending asks nobody, so staging may be away then.
    project.write(&format!("prisma/migrations/{}", file(NEXT)), next);
    let away = ("STAGING_URL", "postgresql://nobody@localhost:1/none");
    let without = |arguments: &[&str]| project.run_with(arguments, &[away, ("PRODUCTION_URL", &url)]);
    let deploy = ["migrate", "deploy", "--target", "production"];
    assert_eq!(without(&deploy).code, Some(0));
    project.write("prisma/migrations/20260103000000_last/migration.sql", "SELECT 1;\n");
    for verb in [deploy.as_slice(), &["migrate", "status", "--no-lab", "--target", "production"]] {
        let run = without(verb);
        assert_eq!(run.code, Some(1), "{}", run.both());
        let said = "error: P1001: the target \"staging\", which \"production\" comes after: ";
        assert!(run.stderr.starts_with(said), "{verb:?}: {}", run.stderr);
    }
    // Variables that are missing or the same.
    let run = project.run_with(&deploy, &[("PRODUCTION_URL", &url)]);
    assert!(run.stderr.contains("STAGING_URL is not set"), "{}", run.stderr);
    let run = project.run_with(&deploy, &[("STAGING_URL", &url), ("PRODUCTION_URL", &url)]);
    assert!(run.stderr.contains("\"staging\" and \"production\" are the same database"), "{}", run.stderr);
}

/// Where one target has the joined migrations and the other only the squashed one, both have the same.
#[test]
fn targets_on_both_sides_of_a_squash_are_alike() {
    let Some(server) = Server::start(17) else { return };
    let project =
        project(&[(&file(INIT), TABLE), (&file(NEXT), "ALTER TABLE \"Item\" ADD COLUMN currency TEXT;\n")]);
    project.write(
        "pgsteward.toml",
        "[target.staging]\nurl_env = \"STAGING_URL\"\n[target.production]\nurl_env = \"PRODUCTION_URL\"\nafter = \"staging\"\n",
    );
    project.commit_all();
    let url = server.url(1);
    assert_eq!(server.run(&project, &["migrate", "deploy", "--url", &url]).code, Some(0));
    let run = server.run(&project, &["migrate", "squash", "--to", NEXT, "--yes", "--quiet"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert_eq!(server.run(&project, &["migrate", "deploy", "--target", "staging"]).code, Some(0));
    let status = || {
        server.run(&project, &["migrate", "status", "--no-lab", "--target", "production", "--format", "json"])
    };
    let before = status().json();
    assert_eq!(before["target"]["drift"], serde_json::json!([]), "{before:#}");
    assert_eq!(server.run(&project, &["migrate", "deploy", "--target", "production"]).code, Some(0));
    let after = status();
    assert_eq!(after.code, Some(0), "{}", after.both());
    assert_eq!(after.json()["target"]["only_here"], serde_json::json!([]));
}

#[test]
fn a_half_applied_migration_is_explained_and_both_ways_out_are_proven() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let half = "ALTER TABLE \"Item\" ADD COLUMN currency TEXT;\nUPDATE \"Item\" SET price = 0 WHERE price < 0;\n\
                    CREATE INDEX CONCURRENTLY item_price ON \"Item\" (price);\n\
                    ALTER TABLE \"Item\" ADD CONSTRAINT positive CHECK (price > 0);\nCREATE TABLE \"Log\" (id INT);\n";
        let project = project(&[(&file(INIT), TABLE), (&file(NEXT), half)]);
        let healthy = server.run(&project, &["migrate", "doctor"]);
        assert_eq!((healthy.code, healthy.stdout.as_str()), (Some(0), "No migration failed.\n"));
        let failed = server.run(&project, &["migrate", "deploy", "--no-data-checks"]);
        assert_eq!(failed.code, Some(1), "{}", failed.both());
        // Somebody's own table must not be taken for a part of the migration.
        server.rows_of(0, "CREATE TABLE by_hand (id INT)");

        let doctor = server.run(&project, &["migrate", "doctor", "--format", "json"]);
        assert_eq!(doctor.code, Some(1), "{}", doctor.both());
        let report = doctor.json();
        let states: Vec<&str> = report["statements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["presence"].as_str().unwrap())
            .collect();
        assert_eq!(states, ["present", "present", "present", "absent", "absent"], "{report:#}");
        assert_eq!(report["verdict"], "partial");
        let ways = report["ways"].as_array().unwrap();
        assert!(ways.iter().all(|way| way["proof"].get("Ok").is_some()), "{report:#}");
        assert!(!ways[1]["sql"].as_str().unwrap().contains("by_hand"), "{report:#}");

        // Both ways lead where they say.
        server.rows_of(0, ways[1]["sql"].as_str().unwrap());
        let undone = server.run(&project, &["migrate", "resolve", "--rolled-back", NEXT]);
        assert_eq!(undone.code, Some(0), "{}", undone.both());
        server.rows_of(0, "UPDATE \"Item\" SET price = 1");
        let done = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(done.code, Some(0), "{}", done.both());
        let text = server.run(&project, &["migrate", "doctor"]);
        assert_eq!(text.code, Some(0), "{}", text.both());
    }
}

#[test]
fn a_doctor_replays_behind_init_shadow_db() {
    let Some(server) = Server::start(17) else { return };
    let project = project(&[(&file(INIT), TABLE)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    server.rows_of(0, "CREATE TABLE \"Legacy\" (id INT PRIMARY KEY)");
    let next =
        "ALTER TABLE \"Legacy\" ADD COLUMN note TEXT;\nALTER TABLE \"Nowhere\" ADD COLUMN note TEXT;\n";
    project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), next);
    project.write(
        "prisma.config.ts",
        "import { defineConfig } from 'prisma/config';\n\
         export default defineConfig({ schema: 'prisma/schema.prisma', \
         migrations: { initShadowDb: 'CREATE TABLE \"Legacy\" (id INT PRIMARY KEY);' } });\n",
    );
    let failed = server.run(&project, &["migrate", "deploy"]);
    assert_eq!(failed.code, Some(1), "{}", failed.both());
    let doctor = server.run(&project, &["migrate", "doctor", "--format", "json"]);
    assert_eq!(doctor.code, Some(1), "{}", doctor.both());
    let report = doctor.json();
    assert_eq!(report["statements"][0]["presence"], "absent", "{report:#}");
    assert!(!report.to_string().contains("\\\"Legacy\\\" does not exist"), "{report:#}");
}
