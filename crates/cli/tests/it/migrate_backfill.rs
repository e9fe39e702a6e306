//! `migrate backfill` against a server: every row once, whatever is killed, whoever writes meanwhile.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::migrate_plan::{Server, project};
use crate::support::Project;

const NAME: &str = "20260101000000_fill";

/// A deterministic source of numbers below a limit.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A project whose one migration has a backfill that would show it if a row was changed twice.
fn adds_one() -> Project {
    let project = project(&[(NAME, "SELECT 1;\n")]);
    project.write(
        &format!("prisma/migrations/{NAME}/backfill.sql"),
        "UPDATE \"Order\" SET times = times + 1;\n",
    );
    project
}

fn batches(server: &Server) -> u64 {
    let there = server.value("SELECT to_regclass('pgsteward_backfills') IS NOT NULL") == "t";
    if !there {
        return 0;
    }
    let rows = server.rows("SELECT batches FROM pgsteward_backfills");
    rows.first().and_then(|row| row[0].as_ref()?.parse().ok()).unwrap_or(0)
}

#[test]
fn killed_anywhere_it_goes_on_and_changes_every_row_once() {
    // PGSTEWARD_TEST_KILLS=200 for more.
    let wanted = std::env::var("PGSTEWARD_TEST_KILLS").ok().and_then(|text| text.parse::<u32>().ok());
    let wanted = wanted.unwrap_or(20);
    let rows = (wanted * 75).to_string();
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        server.rows(&format!(
            "CREATE TABLE \"Order\" (id INTEGER PRIMARY KEY, times INTEGER NOT NULL DEFAULT 0); \
             INSERT INTO \"Order\" SELECT n * 3 FROM generate_series(1, {rows}) n"
        ));
        let project = adds_one();
        let url = server.url();
        let mut seeded = Seeded(major.into());
        let (mut kills, mut hits) = (0, 0);
        while kills < wanted {
            let arguments = ["migrate", "backfill", NAME, "--batch-size", "5", "--pause", "3ms"];
            let mut command = project.command(&arguments);
            command.env("DATABASE_URL", &url).stdout(Stdio::null()).stderr(Stdio::null());
            let goal = batches(&server) + seeded.below(14);
            let mut child = command.spawn().unwrap();
            let limit = Instant::now() + Duration::from_secs(60);
            while batches(&server) < goal && child.try_wait().unwrap().is_none() {
                assert!(Instant::now() < limit, "no batch is done");
            }
            // Half of the time the server's side dies instead of ours.
            if seeded.below(2) == 0 {
                child.kill().unwrap();
            } else {
                server.end_sessions();
            }
            let ended = child.wait().unwrap();
            kills += 1;
            let wrong = "SELECT count(*) FROM \"Order\" WHERE times NOT IN (0, 1)";
            assert_eq!(server.value(wrong), "0", "after kill {kills}");
            if ended.success() {
                break;
            }
            hits += 1;
            let said = server.rows("SELECT rows_changed FROM pgsteward_backfills");
            if let Some(row) = said.first() {
                // What was in flight when the client died may end a moment later, both numbers at once.
                let both = server.rows("SELECT (SELECT rows_changed FROM pgsteward_backfills), (SELECT sum(times) FROM \"Order\")");
                assert_eq!(both[0][0], both[0][1], "after kill {kills}, which said {row:?}");
            }
        }
        // A busy machine lets a run end before its kill comes.
        assert!(hits > 0, "no kill hit a running backfill");
        eprintln!("{hits} kills of a backfill on PostgreSQL {major}");
        let last = server.run(&project, &["migrate", "backfill", NAME, "--pause", "0"]);
        assert_eq!(last.code, Some(0), "{}", last.both());
        assert_eq!(server.value("SELECT count(*) FROM \"Order\" WHERE times = 1"), rows);
        let again = server.run(&project, &["migrate", "backfill", NAME]);
        assert!(again.code == Some(0) && again.stdout.contains("Finished before"), "{}", again.both());
        assert_eq!(server.value("SELECT sum(times) FROM \"Order\""), rows);
    }
}

#[test]
fn every_kind_of_key_and_writers_meanwhile() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        server.rows(
            "CREATE TABLE words (word TEXT PRIMARY KEY, a INTEGER, b BIGINT); \
             INSERT INTO words SELECT 'it''s \"' || chr(97 + n % 26) || E'\\\\' || md5(n::text), n FROM generate_series(1, 700) n; \
             CREATE TABLE uuids (id UUID PRIMARY KEY, a INTEGER, b BIGINT); \
             INSERT INTO uuids SELECT md5(n::text)::uuid, n FROM generate_series(1, 700) n; \
             CREATE TABLE \"Pairs\" (\"left\" INTEGER, \"at\" TIMESTAMPTZ, a INTEGER, b BIGINT, PRIMARY KEY (\"left\", \"at\")); \
             INSERT INTO \"Pairs\" SELECT n % 7, '2026-01-01Z'::timestamptz + n * interval '1.000001 s', n FROM generate_series(1, 700) n; \
             CREATE TABLE uniques (code TEXT NOT NULL UNIQUE, a INTEGER, b BIGINT); \
             INSERT INTO uniques SELECT md5(n::text), n FROM generate_series(1, 700) n",
        );
        let project = adds_one();
        for table in ["words", "uuids", "\"Pairs\"", "public.uniques"] {
            let arguments =
                ["migrate", "backfill", "--table", table, "--set", "b = a::bigint * 2", "--where"];
            let arguments = [
                &arguments[..],
                &["b IS DISTINCT FROM a::bigint * 2", "--batch-size", "33", "--format", "json"],
            ]
            .concat();
            let shown = server.run(&project, &[&arguments[..], &["--dry-run"]].concat());
            assert_eq!(shown.code, Some(0), "{}", shown.both());
            assert!(shown.json()["first_batch"].as_str().unwrap().contains("<="), "{}", shown.stdout);
            assert_eq!(
                server.value(&format!("SELECT count(b) FROM {table}")),
                "0",
                "a dry run writes nothing"
            );
            let run = server.run(&project, &arguments);
            assert_eq!(run.code, Some(0), "{}", run.both());
            let json = run.json();
            assert_eq!(
                (json["rows_changed"].as_u64(), json["batches"].as_u64()),
                (Some(700), Some(22)),
                "{json}"
            );
            assert_eq!(server.value(&format!("SELECT count(*) FROM {table} WHERE b = a * 2")), "700");
        }

        // Rows come, go and change while it runs; a trigger of the expansion keeps the new ones.
        server.rows(
            "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.b := NEW.a::bigint * 3; RETURN NEW; END'; \
             CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON uuids FOR EACH ROW EXECUTE FUNCTION keep()",
        );
        let arguments = ["migrate", "backfill", "--table", "uuids", "--set", "b = a::bigint * 3"];
        let arguments =
            [&arguments[..], &["--where", "b IS DISTINCT FROM a::bigint * 3", "--batch-size", "10"]].concat();
        let url = server.url();
        let mut child =
            project.command(&arguments).env("DATABASE_URL", &url).stdout(Stdio::null()).spawn().unwrap();
        let mut number = 0;
        let ended = loop {
            if let Some(ended) = child.try_wait().unwrap() {
                break ended;
            }
            number += 1;
            server.rows(&format!(
                "INSERT INTO uuids VALUES (md5('new{number}')::uuid, {number}); \
                 UPDATE uuids SET a = a + 1 WHERE id = md5('{}')::uuid; DELETE FROM uuids WHERE id = md5('{}')::uuid",
                number % 700,
                (number * 31) % 700
            ));
        };
        assert!(ended.success());
        assert!(number > 0, "nobody wrote meanwhile");
        assert_eq!(server.value("SELECT count(*) FROM uuids WHERE b IS DISTINCT FROM a::bigint * 3"), "0");
    }
}

#[test]
fn rows_that_row_security_hides_are_not_passed_over() {
    let Some(server) = Server::start(17) else { return };
    server.rows(
        "CREATE TABLE \"Order\" (id INTEGER PRIMARY KEY, times INTEGER NOT NULL DEFAULT 0); \
         INSERT INTO \"Order\" SELECT generate_series(1, 20); \
         CREATE POLICY late ON \"Order\" USING (id > 10); ALTER TABLE \"Order\" ENABLE ROW LEVEL SECURITY; \
         ALTER TABLE \"Order\" FORCE ROW LEVEL SECURITY",
    );
    let project = adds_one();
    let run = server.run(&project, &["migrate", "backfill", NAME]);
    assert_ne!(run.code, Some(0), "{}", run.both());
    assert!(run.stderr.contains("row-level security"), "{}", run.both());
    server.rows("ALTER TABLE \"Order\" NO FORCE ROW LEVEL SECURITY");
    assert_eq!(server.value("SELECT sum(times) FROM \"Order\""), "0");
    let run = server.run(&project, &["migrate", "backfill", NAME]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert_eq!(server.value("SELECT sum(times) FROM \"Order\""), "20");
}

#[test]
fn it_gives_way_and_refuses_what_it_cannot_do() {
    let Some(server) = Server::start(17) else { return };
    server.rows(
        "CREATE TABLE \"Order\" (id INTEGER PRIMARY KEY, times INTEGER NOT NULL DEFAULT 0); \
         INSERT INTO \"Order\" SELECT n FROM generate_series(1, 40) n; CREATE TABLE loose (a INTEGER)",
    );
    let project = adds_one();
    let refused = |arguments: &[&str], words: &str| {
        let run = server.run(&project, &[&["migrate", "backfill"], arguments].concat());
        assert_eq!(run.code, Some(1), "{}", run.both());
        assert!(run.stderr.contains(words) && run.stderr.contains("\nhint: "), "{words}: {}", run.stderr);
    };
    refused(&["--table", "loose", "--set", "a = 1"], "no primary key");
    refused(&["--table", "missing", "--set", "a = 1"], "there is no table missing");
    refused(&["--table", "\"Order\"", "--set", "id = id + 1"], "\"id\", which is part of the key");
    refused(&["--table", "\"Order\"", "--set", "times = 1; DROP TABLE loose"], "it holds 2 statements");
    refused(&["20200101000000_none"], "no migration");
    assert_eq!(server.run(&project, &["migrate", "backfill"]).code, Some(2));

    // A row that somebody holds is waited for, and the batch is tried again.
    let url = server.url();
    let holder = std::thread::scope(|scope| {
        let held = scope.spawn(|| {
            server
                .rows("BEGIN; SELECT 1 FROM \"Order\" WHERE id = 7 FOR UPDATE; SELECT pg_sleep(2.5); COMMIT")
        });
        let limit = Instant::now() + Duration::from_secs(60);
        let locked =
            "SELECT count(*) FROM pg_locks WHERE relation = '\"Order\"'::regclass AND mode = 'RowShareLock'";
        while server.value(locked) == "0" {
            assert!(Instant::now() < limit, "the row is not held");
        }
        let run =
            project.run_with(&["migrate", "backfill", NAME, "--format", "json"], &[("DATABASE_URL", &url)]);
        held.join().unwrap();
        run
    });
    assert_eq!(holder.code, Some(0), "{}", holder.both());
    assert!(holder.json()["retried"].as_u64().unwrap() > 0, "{}", holder.stdout);
    assert_eq!(server.value("SELECT count(*) FROM \"Order\" WHERE times = 1"), "40");

    // Another statement under the same name is not gone on with.
    project.write(&format!("prisma/migrations/{NAME}/backfill.sql"), "UPDATE \"Order\" SET times = 5;\n");
    refused(&[NAME], "was begun with another statement");
    let anew = server.run(&project, &["migrate", "backfill", NAME, "--again"]);
    assert_eq!(anew.code, Some(0), "{}", anew.both());
    assert_eq!(server.value("SELECT count(*) FROM \"Order\" WHERE times = 5"), "40");
}

#[test]
fn no_statement_changes_more_rows_than_a_batch_has() {
    // As text the ends of batches would be others: '9999' comes last, '10' ahead of '9'.
    let tables = [
        ("whole", "id INTEGER PRIMARY KEY", "n"),
        ("large", "id BIGINT PRIMARY KEY", "n * 1000003::bigint"),
        ("exact", "id NUMERIC PRIMARY KEY", "n / 7.0"),
        ("times", "id TIMESTAMPTZ PRIMARY KEY", "'2026-01-01Z'::timestamptz - n * interval '1.5 s'"),
        ("spans", "id INTERVAL PRIMARY KEY", "n * interval '1 hour'"),
        ("pairs", "\"left\" INTEGER, id SMALLINT, PRIMARY KEY (\"left\", id)", "n % 300, n / 300"),
        ("\"Signed\"", "\"Id\" INTEGER NOT NULL UNIQUE", "6000 - n"),
    ];
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        server.rows(
            "CREATE TABLE seen (what TEXT, rows BIGINT); CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN INSERT INTO seen SELECT TG_RELID::regclass::text, count(*) FROM changed; RETURN NULL; END'",
        );
        let project = adds_one();
        for (table, key, values) in tables {
            server.rows(&format!(
                "CREATE TABLE {table} ({key}, times INTEGER NOT NULL DEFAULT 0); \
                 INSERT INTO {table} SELECT {values} FROM generate_series(1, 12345) n; \
                 CREATE TRIGGER seen AFTER UPDATE ON {table} REFERENCING NEW TABLE AS changed FOR EACH STATEMENT \
                 EXECUTE FUNCTION seen()"
            ));
            let arguments = ["migrate", "backfill", "--table", table, "--set", "times = times + 1"];
            let run =
                server.run(&project, &[&arguments[..], &["--batch-size", "1000", "--pause", "0"]].concat());
            assert_eq!(run.code, Some(0), "{}", run.both());
            let said = server.rows(&format!(
                "SELECT max(rows), sum(rows), (SELECT count(*) FROM {table} WHERE times <> 1) FROM seen \
                 WHERE what = '{table}'"
            ));
            let said: Vec<&str> = said[0].iter().map(|value| value.as_deref().unwrap()).collect();
            assert_eq!(said, ["1000", "12345", "0"], "{table}");
        }
    }
}
