//! `migrate adopt` and `migrate rollback` against a server: what is proven, what runs, what is refused, what the
//! history says afterwards, and what is left after a kill at any moment.

use std::time::{Duration, Instant};

use pgsteward_lab::Lab;
use pgsteward_pg::LabSession;

use crate::servers;
use crate::support::{HEAD, Project, Run};

pub(crate) const INIT: &str = "CREATE TABLE \"Vendor\" (id SERIAL PRIMARY KEY, name TEXT NOT NULL);\nCREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, \
                    note TEXT);\n";
pub(crate) const ADD: &str = "ALTER TABLE \"Order\" ADD COLUMN \"vendorId\" INTEGER REFERENCES \"Vendor\"(id);\n\
                   CREATE INDEX \"Order_vendorId_idx\" ON \"Order\"(\"vendorId\");\n";
pub(crate) const INDEX: &str = "CREATE INDEX CONCURRENTLY \"Order_note_idx\" ON \"Order\"(note);\n";
const DROP: &str = "ALTER TABLE \"Order\" DROP COLUMN note;\n";
const ROWS: &str = "UPDATE \"Vendor\" SET name = upper(name);\n";

pub(crate) const NAMES: [&str; 4] =
    ["20260101000000_init", "20260102000000_add", "20260103000000_index", "20260104000000_drop"];

struct Server {
    lab: Lab,
    runtime: tokio::runtime::Runtime,
    database: String,
}

impl Server {
    fn start(major: u32) -> Option<Server> {
        let (lab, runtime) = servers::start(major, &[])?;
        let database = runtime.block_on(lab.create_database()).unwrap().name().to_owned();
        Some(Server { lab, runtime, database })
    }

    fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.runtime.block_on(async {
            let session = LabSession::connect_socket(self.lab.folder(), 5432, "postgres", &self.database)
                .await
                .unwrap();
            let rows = session.rows(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            session.close().await;
            rows
        })
    }

    fn value(&self, sql: &str) -> String {
        self.rows(sql)[0][0].clone().unwrap_or_default()
    }

    fn is_there(&self, relation: &str) -> bool {
        self.value(&format!("SELECT to_regclass('{relation}') IS NOT NULL")) == "t"
    }

    fn has_column(&self, column: &str) -> bool {
        self.value(&format!(
            "SELECT count(*) FROM pg_attribute WHERE attrelid = '\"Order\"'::regclass AND attname = '{column}' AND NOT attisdropped"
        )) == "1"
    }

    /// Names of applied migrations as Prisma counts them.
    fn applied(&self) -> Vec<String> {
        let sql = "SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL \
                   ORDER BY started_at";
        self.rows(sql).into_iter().map(|row| row[0].clone().unwrap()).collect()
    }

    fn url(&self) -> String {
        format!("postgresql://postgres@localhost/{}?host={}", self.database, self.lab.folder().display())
    }

    fn run(&self, project: &Project, arguments: &[&str]) -> Run {
        project.run_with(arguments, &[("DATABASE_URL", &self.url())])
    }

    fn again(&self) {
        self.rows("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    }
}

fn project(migrations: &[(&str, &str)]) -> Project {
    let project = Project::new(&[("prisma/schema.prisma", HEAD)]);
    for (name, text) in migrations {
        project.write(&format!("prisma/migrations/{name}/migration.sql"), text);
    }
    project.write("prisma/migrations/migration_lock.toml", "provider = \"postgresql\"\n");
    project
}

fn shop() -> Project {
    project(&[(NAMES[0], INIT), (NAMES[1], ADD), (NAMES[2], INDEX), (NAMES[3], DROP)])
}

fn down(name: &str) -> String {
    format!("prisma/migrations/{name}/down.sql")
}

#[test]
fn what_was_applied_is_undone_step_by_step() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = shop();
        let adopted = server.run(&project, &["migrate", "adopt"]);
        assert_eq!(adopted.code, Some(0), "{}", adopted.both());
        assert!(
            adopted.stdout.contains("3 proven, 1 with the structure proven and data lost"),
            "{}",
            adopted.stdout
        );
        assert!(
            project.read(&down(NAMES[3])).contains("-- pgsteward-down: lost values of \"Order\".\"note\"")
        );
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(0), "{}", deployed.both());

        let plan = server.run(&project, &["migrate", "rollback", "--steps", "2", "--dry-run"]);
        assert_eq!(plan.code, Some(0), "{}", plan.both());
        assert!(
            plan.stdout.contains("DROP INDEX CONCURRENTLY IF EXISTS public.\"Order_note_idx\""),
            "{}",
            plan.stdout
        );
        assert_eq!(server.applied().len(), 4, "a dry run writes nothing");

        let first = server.run(&project, &["migrate", "rollback"]);
        assert_eq!(first.code, Some(0), "{}", first.both());
        assert!(
            first.stdout.contains("does not come back: values of \"Order\".\"note\""),
            "{}",
            first.stdout
        );
        assert!(server.has_column("note"));
        assert_eq!(server.applied(), NAMES[..3]);

        // Rows that were written since go, and that must be said.
        server.rows("INSERT INTO \"Vendor\" (name) VALUES ('a'); INSERT INTO \"Order\" (\"vendorId\") VALUES (1), (1)");
        let refused = server.run(&project, &["migrate", "rollback", "--to", NAMES[0]]);
        assert_eq!(refused.code, Some(1), "{}", refused.both());
        assert!(refused.stderr.contains("2 values of public.\"Order\".\"vendorId\""), "{}", refused.stderr);
        assert!(refused.stderr.contains("--accept-data-loss"), "{}", refused.stderr);
        assert_eq!(server.applied(), NAMES[..3], "nothing ran");
        let accepted = server.run(&project, &["migrate", "rollback", "--to", NAMES[0], "--accept-data-loss"]);
        assert_eq!(accepted.code, Some(0), "{}", accepted.both());
        assert!(!server.has_column("vendorId") && !server.is_there("\"Order_note_idx\""));
        assert_eq!(server.applied(), NAMES[..1]);
        assert_eq!(server.value("SELECT count(*) FROM \"Order\""), "2", "what is older stays");

        // For both tools the undone ones are pending again.
        let status = server.run(&project, &["migrate", "status"]);
        assert_eq!(status.code, Some(1), "{}", status.both());
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(0), "{}", deployed.both());
        assert_eq!(server.applied(), NAMES);
        assert_eq!(
            server.value("SELECT count(*) FROM _prisma_migrations WHERE rolled_back_at IS NOT NULL"),
            "3"
        );
    }
}

#[test]
fn the_namespace_of_the_url_is_the_one_that_changes() {
    let Some(server) = Server::start(17) else { return };
    let sequence =
        "CREATE SEQUENCE numbers;\nALTER TABLE \"Vendor\" ALTER COLUMN id SET DEFAULT nextval('numbers');\n";
    let project = project(&[(NAMES[0], INIT), (NAMES[1], ADD), (NAMES[2], INDEX), (NAMES[3], sequence)]);
    let adopted = server.run(&project, &["migrate", "adopt"]);
    assert_eq!(adopted.code, Some(0), "{}", adopted.both());
    let url = format!("{}&schema=Our%20App", server.url());
    let run = |arguments: &[&str]| {
        let run = project.run_with(arguments, &[("DATABASE_URL", &url)]);
        assert_eq!(run.code, Some(0), "{}", run.both());
    };
    // The same names are in "public", where nothing may happen.
    server.rows("CREATE TABLE \"Order\" (id int, \"vendorId\" int); CREATE TABLE \"Vendor\" (id int)");
    run(&["migrate", "deploy"]);
    let columns = || {
        server.value(
            "SELECT string_agg(table_schema || '.' || table_name || '.' || column_name, ' ' ORDER BY table_name, column_name) FROM \
             information_schema.columns WHERE table_name IN ('Order', 'Vendor')",
        )
    };
    assert!(columns().contains("Our App.Order.vendorId"), "{}", columns());
    run(&["migrate", "rollback", "--steps", "3", "--accept-data-loss"]);
    assert!(!columns().contains("Our App.Order.vendorId"), "{}", columns());
    assert!(columns().contains("public.Order.vendorId"), "{}", columns());
    run(&["migrate", "deploy"]);
    run(&["migrate", "rollback", "--steps", "4", "--accept-data-loss"]);
    assert_eq!(columns(), "public.Order.id public.Order.vendorId public.Vendor.id");
    // A migration that names "public" itself leaves open which one its down.sql means.
    let explicit = "CREATE TABLE public.other (id INT);\n";
    project.write(&format!("prisma/migrations/{}/migration.sql", NAMES[0]), explicit);
    assert_eq!(server.run(&project, &["migrate", "adopt", NAMES[0]]).code, Some(0));
    std::fs::remove_dir_all(project.path().join("prisma/migrations").join(NAMES[1])).unwrap();
    std::fs::remove_dir_all(project.path().join("prisma/migrations").join(NAMES[2])).unwrap();
    std::fs::remove_dir_all(project.path().join("prisma/migrations").join(NAMES[3])).unwrap();
    run(&["migrate", "deploy"]);
    let refused = project.run_with(&["migrate", "rollback", "--dry-run"], &[("DATABASE_URL", &url)]);
    assert_eq!(refused.code, Some(1), "{}", refused.both());
    assert!(refused.stderr.contains("the connection URL names \"Our App\""), "{}", refused.stderr);
}

#[test]
fn what_is_not_proven_or_not_reversible_is_refused() {
    let Some(server) = Server::start(17) else { return };
    let project = project(&[(NAMES[0], INIT), (NAMES[1], ADD), (NAMES[2], ROWS)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    let refused = |arguments: &[&str], words: &str| {
        let run = server.run(&project, &[&["migrate", "rollback"], arguments].concat());
        assert_eq!(run.code, Some(1), "{}", run.both());
        assert!(run.stderr.contains(words) && run.stderr.contains("\nhint: "), "{words}: {}", run.stderr);
        assert_eq!(server.applied().len(), 3);
    };
    refused(&[], "has no down.sql");
    let adopted = server.run(&project, &["migrate", "adopt"]);
    assert_eq!(adopted.code, Some(1), "one cannot be undone: {}", adopted.both());
    refused(&[], "cannot be undone: it changes rows and no structure");
    refused(&["--to", "20990101000000_never"], "P3011");

    // An edit is honoured, but somebody must look at it first.
    let own = "UPDATE \"Vendor\" SET name = lower(name);\n";
    project.write(&down(NAMES[2]), own);
    refused(&[], "nobody proved the down.sql yet");
    let adopted = server.run(&project, &["migrate", "adopt", NAMES[2]]);
    assert_eq!(adopted.code, Some(0), "{}", adopted.both());
    assert!(project.read(&down(NAMES[2])).ends_with(own), "{}", project.read(&down(NAMES[2])));
    let text = project.read(&down(NAMES[1]));
    project.write(&down(NAMES[1]), text.replace("DROP INDEX", "DROP INDEX IF EXISTS"));
    project.write("prisma/migrations/20260102000000_add/migration.sql", format!("{ADD}-- more\n"));
    refused(&["--steps", "2"], "was edited after it was applied");
    project.write("prisma/migrations/20260102000000_add/migration.sql", ADD);
    refused(&["--steps", "2"], "the down.sql was edited after it was proven");
    let kept = server.run(&project, &["migrate", "adopt", NAMES[1]]);
    assert!(kept.stdout.contains("proven, written by hand"), "{}", kept.both());
    assert!(project.read(&down(NAMES[1])).contains("DROP INDEX IF EXISTS"));
    let done = server.run(&project, &["migrate", "rollback", "--steps", "2"]);
    assert_eq!(done.code, Some(0), "{}", done.both());
    assert_eq!(server.applied(), NAMES[..1]);
}

#[test]
fn deploy_asks_whether_it_can_be_undone() {
    let Some(server) = Server::start(17) else { return };
    let project = project(&[(NAMES[0], INIT), (NAMES[1], ADD)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    project.write(&format!("prisma/migrations/{}/migration.sql", NAMES[2]), ROWS);
    assert_eq!(server.run(&project, &["migrate", "adopt", NAMES[2]]).code, Some(1));
    let refused = server.run(&project, &["migrate", "deploy"]);
    assert_eq!(refused.code, Some(1), "{}", refused.both());
    assert!(refused.stderr.contains("cannot be undone: it changes rows"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--accept-irreversible"), "{}", refused.stderr);
    assert_eq!(server.applied().len(), 2, "nothing ran");
    let accepted = server.run(&project, &["migrate", "deploy", "--accept-irreversible"]);
    assert_eq!(accepted.code, Some(0), "{}", accepted.both());

    // What nobody adopted is deployed as before, unless the project wants more.
    let name = format!("prisma/migrations/{}/migration.sql", NAMES[3]);
    project.write(&name, DROP);
    project.write("pgsteward.toml", "[migrations]\nrequire_rollback = true\n");
    let refused = server.run(&project, &["migrate", "deploy"]);
    assert!(refused.stderr.contains("has no down.sql, and require_rollback is set"), "{}", refused.both());
    assert_eq!(server.run(&project, &["migrate", "adopt", NAMES[3]]).code, Some(0));
    let deployed = server.run(&project, &["migrate", "deploy"]);
    assert_eq!(deployed.code, Some(0), "{}", deployed.both());
    assert!(
        deployed.stdout.contains("does not bring back values of \"Order\".\"note\""),
        "{}",
        deployed.stdout
    );
}

#[test]
fn what_rests_on_a_migration_holds_it() {
    let Some(server) = Server::start(17) else { return };
    let project = project(&[(NAMES[0], INIT), (NAMES[1], ADD)]);
    assert_eq!(server.run(&project, &["migrate", "adopt"]).code, Some(0));
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    server.rows("CREATE VIEW later AS SELECT \"vendorId\" FROM \"Order\"");
    let run = server.run(&project, &["migrate", "rollback"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(run.stderr.contains("was taken back") && run.stderr.contains("rests on it"), "{}", run.stderr);
    assert_eq!(server.applied().len(), 2);
    assert!(server.has_column("vendorId") && server.is_there("\"Order_vendorId_idx\""), "all or nothing");
    // A failed migration stands in the way: nobody knows what of it there is to undo.
    server.rows("UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name LIKE '%add'");
    let run = server.run(&project, &["migrate", "rollback"]);
    assert!(run.stderr.contains("P3009"), "{}", run.both());
}

/// Killed at any moment, the history says what the database holds, and the next run ends it.
#[test]
fn a_kill_leaves_history_and_database_of_one_mind() {
    let Some(server) = Server::start(17) else { return };
    let project = project(&[(NAMES[0], INIT), (NAMES[1], ADD), (NAMES[2], INDEX)]);
    assert_eq!(server.run(&project, &["migrate", "adopt"]).code, Some(0));
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut under_way = 0;
    let began = Instant::now();
    let mut longest = Duration::from_millis(60);
    // PGSTEWARD_TEST_KILLS=200 for more points in time.
    let kills = std::env::var("PGSTEWARD_TEST_KILLS").ok().and_then(|text| text.parse::<u32>().ok());
    for round in 0..kills.unwrap_or(16) {
        server.again();
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" (note) SELECT 'x' || i FROM generate_series(1, 2000) i");
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let started = Instant::now();
        let mut child = project
            .command(&["migrate", "rollback", "--steps", "2", "--accept-data-loss", "--quiet"])
            .env("DATABASE_URL", server.url())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Points in time spread over the whole run, as long as runs turn out to be.
        let wait = longest.mul_f64(1.1 * (seed >> 11) as f64 / (1_u64 << 53) as f64);
        while started.elapsed() < wait && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        if child.try_wait().unwrap().is_some() {
            longest = longest.min(started.elapsed()).max(Duration::from_millis(20));
        } else {
            child.kill().unwrap();
            child.wait().unwrap();
            longest = longest.mul_f64(1.1);
        }
        // The server ends what its client left behind; until then it holds the lock.
        wait_for_no_session(&server);
        let applied = server.applied();
        let (add, index) = (server.has_column("vendorId"), server.is_there("\"Order_note_idx\""));
        let open = server.value(
            "SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL",
        );
        let claims = |name: &str| applied.iter().any(|one| one == name);
        assert_eq!(claims(NAMES[1]), add, "round {round}: {applied:?}");
        if claims(NAMES[2]) {
            assert!(index, "round {round}: the history claims an index that is gone");
        } else if open == "0" {
            assert!(!index, "round {round}: the index is there and the history knows nothing of it");
        } else {
            under_way += 1;
            let deploy = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(deploy.code, Some(1), "round {round}: {}", deploy.both());
        }
        let finished = server.run(&project, &["migrate", "rollback", "--to", NAMES[0], "--accept-data-loss"]);
        assert_eq!(finished.code, Some(0), "round {round}: {}", finished.both());
        assert_eq!(server.applied(), NAMES[..1], "round {round}");
        assert!(!server.has_column("vendorId") && !server.is_there("\"Order_note_idx\""), "round {round}");
        if kills.is_none() && began.elapsed() > Duration::from_secs(30) {
            break;
        }
    }
    eprintln!("{under_way} kills hit a rollback on its way");
}

fn wait_for_no_session(server: &Server) {
    let patience = Instant::now() + Duration::from_secs(20);
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgsteward migrate'";
    while server.value(sql) != "0" {
        assert!(Instant::now() < patience, "the killed rollback's session is still there");
    }
}
