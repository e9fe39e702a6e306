//! `migrate deploy`: what it leaves in the database and in the history, in every regime, on two majors.

use crate::migrate_support::{Server, add, deploy_json, done, migrate, project, spawn_deploy};
use crate::support::{HEAD, Project, SHOP_SQL};

const INIT: &str = "20260101000000_init";
const MORE: &str = "20260102000000_more";

#[test]
fn on_17() {
    on(17);
}

#[test]
fn on_15() {
    on(15);
}

fn on(major: u32) {
    let Some(server) = Server::start(major) else { return };
    from_nothing(&server);
    rows_are_those_of_prisma(&server);
    atomic_or_not(&server);
    statement_by_statement(&server);
    settings_do_not_leak(&server);
    locks_are_waited_for(&server);
    data_in_the_way(&server);
    invalid_indexes(&server);
    plain_files(&server);
    other_namespaces(&server);
    budget(&server);
    latency(&server);
    statistics(&server);
    reports(&server);
}

fn from_nothing(server: &Server) {
    let database = server.absent("shop_of_nobody");
    let project = project(&[(INIT, SHOP_SQL)]);
    let run = migrate(&project, &database, &["deploy"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stdout.contains("made database \"shop_of_nobody\""), "{}", run.stdout);
    assert!(run.stdout.contains("All migrations have been successfully applied"), "{}", run.stdout);
    assert_eq!(database.history(), [done(INIT)]);
    assert!(database.relations().contains(&"Order".to_owned()));
    let again = migrate(&project, &database, &["deploy"]);
    assert_eq!(again.code, Some(0));
    assert!(again.stdout.contains("No pending migrations to apply."), "{}", again.stdout);
    assert_eq!(database.history(), [done(INIT)]);
}

/// Column for column what Prisma's schema engine makes and writes.
fn rows_are_those_of_prisma(server: &Server) {
    let database = server.database();
    let text = "-- a comment counts\r\nCREATE TABLE t (id int);\n";
    let project = project(&[(INIT, text)]);
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    let columns = database.rows(
        "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' \
         ELSE '' END, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '_prisma_migrations'::regclass AND attnum > 0",
    );
    assert_eq!(
        columns[0][0].as_deref(),
        Some(
            "id character varying(36) not null, checksum character varying(64) not null, finished_at timestamp with time \
             zone, migration_name character varying(255) not null, logs text, rolled_back_at timestamp with time zone, \
             started_at timestamp with time zone not null, applied_steps_count integer not null"
        )
    );
    let row = &database.rows(
        "SELECT checksum, id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$', started_at < finished_at \
         FROM _prisma_migrations",
    )[0];
    // sha256sum of the text, made without pgsteward.
    assert_eq!(row[0].as_deref(), Some("518539786ccf6277667d62299009536b563b329d7a5e515bfcf45482fa020c45"));
    assert_eq!((row[1].as_deref(), row[2].as_deref()), (Some("t"), Some("t")));
}

fn atomic_or_not(server: &Server) {
    let database = server.database();
    let bad = "CREATE TABLE a (id int);\nCREATE TABLE b (id int);\nCREATE TABLE c (id int);\nCREATE TABLE d (id int);\n\
               CREATE TABEL e (id int);\n";
    let project = project(&[(INIT, bad), (MORE, "CREATE TABLE f (id int);")]);
    let run = migrate(&project, &database, &["deploy"]);
    assert_eq!(run.code, Some(1));
    for part in ["P3018", INIT, "42601", "line 5, column 8", "nothing of it is in the database"] {
        assert!(run.stderr.contains(part), "{part} is missing in\n{}", run.stderr);
    }
    assert!(database.relations().is_empty(), "all or nothing");
    let rows = database.history();
    assert_eq!((rows.len(), rows[0].finished, rows[0].steps), (1, false, 0));
    assert!(rows[0].logs.as_deref().unwrap().contains("syntax error"), "{rows:?}");

    let run = migrate(&project, &database, &["deploy"]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("P3009") && run.stderr.contains(&format!("The `{INIT}` migration started at"))
    );

    assert_eq!(migrate(&project, &database, &["resolve", "--rolled-back", INIT]).code, Some(0));
    add(&project, INIT, "CREATE TABLE a (id int);");
    let run = migrate(&project, &database, &["deploy"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert_eq!(database.relations(), ["a", "f"]);
    let rows = database.history();
    assert_eq!(rows.len(), 3);
    assert!(rows[0].rolled_back && rows[1] == done(INIT) && rows[2] == done(MORE), "{rows:?}");
}

fn statement_by_statement(server: &Server) {
    let database = server.database();
    let project = project(&[
        (INIT, "CREATE TYPE mood AS ENUM ('sad');\nCREATE TABLE t (id int PRIMARY KEY, m mood);\n"),
        ("20260102000000_enum", "ALTER TYPE mood ADD VALUE 'happy';\nINSERT INTO t VALUES (1, 'happy');\n"),
        (
            "20260103000000_concurrent",
            "ALTER TABLE t ADD COLUMN c int;\nCREATE INDEX CONCURRENTLY t_c ON t (c);\nVACUUM t;\n",
        ),
        (
            "20260104000000_own",
            "BEGIN;\nALTER TABLE t ADD COLUMN d int;\nCOMMIT;\nCREATE INDEX t_d ON t (d);\n",
        ),
        ("20260105000000_wrapped", "BEGIN;\nALTER TABLE t ADD COLUMN e int;\nCOMMIT;\n"),
    ]);
    let (run, json) = deploy_json(&project, &database, &[]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let regimes: Vec<&str> =
        json["files"].as_array().unwrap().iter().map(|file| file["regime"].as_str().unwrap()).collect();
    assert_eq!(regimes, ["atomic", "by_statement", "by_statement", "by_statement", "by_statement"]);
    let because = json["files"][1]["because"].as_str().unwrap();
    assert!(because.contains("adds the value \"happy\"") && because.contains("line 2"), "{because}");
    assert!(
        json["files"][2]["because"].as_str().unwrap().starts_with("CREATE INDEX … CONCURRENTLY (line 2)"),
        "{json}"
    );
    assert!(database.history().iter().all(|row| *row == done(&row.name)), "{:?}", database.history());
    assert_eq!(database.relations(), ["t", "t_c", "t_d", "t_pkey"]);

    // An error in the third statement: two are applied, and the row and the words say so.
    let name = "20260106000000_partial";
    add(
        &project,
        name,
        "CREATE TABLE u (id int);\nCREATE INDEX CONCURRENTLY u_id ON u (id);\nDROP TABLE nothing;\nVACUUM u;\n",
    );
    let run = migrate(&project, &database, &["deploy"]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("2 statements of it are applied (the next one is in line 3)"),
        "{}",
        run.stderr
    );
    let last = database.history().pop().unwrap();
    assert_eq!((last.name.as_str(), last.finished, last.steps), (name, false, 2));
    let run = migrate(&project, &database, &["deploy"]);
    assert!(
        run.stderr.contains("P3009") && run.stderr.contains("2 statements of it are applied"),
        "{}",
        run.stderr
    );
}

fn settings_do_not_leak(server: &Server) {
    let database = server.database();
    let project = project(&[
        (
            INIT,
            "CREATE SCHEMA other;\nSET search_path TO other;\nSET statement_timeout = '1h';\nCREATE TEMP TABLE x (id int);\n",
        ),
        (MORE, "SET ROLE pg_monitor;\n"),
        ("20260103000000_locks", "SELECT pg_advisory_unlock_all();\n"),
        (
            "20260104000000_seen",
            "CREATE TABLE seen AS SELECT current_setting('search_path') AS path, current_setting('statement_timeout') AS time, \
             current_user AS who, to_regclass('x') AS temporary;\n",
        ),
    ]);
    let run = migrate(&project, &database, &["deploy"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stdout.contains("it sets search_path, statement_timeout for the session"), "{}", run.stdout);
    assert_eq!(
        database.rows("SELECT path, time, who, temporary FROM public.seen"),
        [[Some("public".into()), Some("0".into()), Some("pgsteward".into()), None]]
    );
    assert_eq!(database.history().len(), 4);
}

fn locks_are_waited_for(server: &Server) {
    let database = server.database();
    let project = project(&[(INIT, "CREATE TABLE t (id int);")]);
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    add(&project, MORE, "CREATE TABLE before (id int);\nALTER TABLE t ADD COLUMN c int;\n");
    let reader = server.runtime.block_on(database.session());
    server.runtime.block_on(reader.simple("BEGIN; SELECT * FROM t")).unwrap();
    // Never granted: nothing is left, no row stands in the way.
    let run = migrate(&project, &database, &["deploy", "--lock-timeout", "50ms", "--lock-retries", "1"]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("nothing of it is in the database") && run.stderr.contains("55P03"),
        "{}",
        run.stderr
    );
    assert_eq!(database.history(), [done(INIT)]);
    assert_eq!(database.relations(), ["t"]);
    // Granted in the end: the whole file is tried again.
    let child = spawn_deploy(
        &project,
        &database,
        &["--lock-timeout", "20ms", "--lock-retries", "50", "--format", "json"],
    );
    database.wait_until(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'pgsteward migrate' AND wait_event_type = 'Lock'",
    );
    database.wait_until(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'pgsteward migrate' AND query LIKE 'ROLLBACK%'",
    );
    server.runtime.block_on(reader.simple("COMMIT")).unwrap();
    let output = child.wait_with_output().unwrap();
    let run = project.of(&output);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.json()["files"][0]["attempts"].as_u64().unwrap() > 1, "{}", run.stdout);
    assert_eq!(database.history(), [done(INIT), done(MORE)]);
}

fn data_in_the_way(server: &Server) {
    let database = server.database();
    let setup = "CREATE TABLE parent (id int PRIMARY KEY);\nCREATE TABLE t (id int PRIMARY KEY, email text, secret text, parent int);\n";
    let project = project(&[(INIT, setup)]);
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    database.run("INSERT INTO t SELECT n, 'm' || n / 2, 'hidden-value', 7 FROM generate_series(2, 5) n; INSERT INTO t VALUES (9)");
    let cases = [
        (
            "CREATE UNIQUE INDEX t_email ON t (email);",
            "4 rows of \"t\" that are alike in \"email\"; for example id=2",
        ),
        (
            "ALTER TABLE t ALTER COLUMN email SET NOT NULL;",
            "1 rows of \"t\" with NULL in \"email\"; for example id=9",
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (parent) REFERENCES parent (id);",
            "4 rows of \"t\" whose \"parent\" is in no row of \"parent\"; for example id=2; id=3; id=4; id=5",
        ),
        (
            "ALTER TABLE t ADD COLUMN needed int NOT NULL;",
            "5 rows of \"t\" that would have no value in the required column",
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT k CHECK (id < 5);",
            "2 rows of \"t\" that break the check \"k\"; for example id=5; id=9",
        ),
    ];
    for (sql, words) in cases {
        add(&project, MORE, sql);
        let run = migrate(&project, &database, &["deploy"]);
        assert_eq!(run.code, Some(1), "{sql}");
        assert!(run.stderr.contains(words), "{sql}: {}", run.stderr);
        assert!(!run.both().contains("hidden-value"));
        assert_eq!(database.history(), [done(INIT)], "{sql}");
    }
    // What the file mends itself is no reason to stop.
    add(&project, MORE, "UPDATE t SET email = 'x' || id;\nCREATE UNIQUE INDEX t_email ON t (email);\n");
    let run = migrate(&project, &database, &["deploy"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    // Without the look it fails as with Prisma, and leaves a failed row.
    add(&project, "20260103000000_third", "CREATE UNIQUE INDEX t_secret ON t (secret);");
    let run = migrate(&project, &database, &["deploy", "--no-data-checks"]);
    assert!(run.stderr.contains("P3018") && run.stderr.contains("23505"), "{}", run.stderr);
    assert!(!database.history()[2].finished);
}

fn invalid_indexes(server: &Server) {
    let database = server.database();
    let project = project(&[(INIT, "CREATE TABLE t (id int, v int);")]);
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    database.run("INSERT INTO t VALUES (1, 1), (2, 1)");
    add(&project, MORE, "CREATE UNIQUE INDEX CONCURRENTLY t_v ON t (v);");
    // Our own failed build leaves none.
    let run = migrate(&project, &database, &["deploy", "--no-data-checks"]);
    assert!(run.stderr.contains("P3018"), "{}", run.stderr);
    assert!(run.stdout.contains("which the failed build left, was dropped"), "{}", run.stdout);
    assert_eq!(database.relations(), ["t"]);
    assert_eq!(migrate(&project, &database, &["resolve", "--rolled-back", MORE]).code, Some(0));
    // Somebody else's failed build of this very index is replaced, and said.
    let outcome = server.runtime.block_on(async {
        let session = database.session().await;
        let outcome = session.simple("CREATE UNIQUE INDEX CONCURRENTLY t_v ON t (v)").await;
        session.close().await;
        outcome
    });
    assert_eq!(outcome.unwrap_err().sqlstate, "23505");
    database.run("DELETE FROM t WHERE id = 2");
    assert_eq!(database.relations(), ["t", "t_v"]);
    let run = migrate(&project, &database, &["deploy"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stdout.contains("was dropped and is built anew"), "{}", run.stdout);
    assert_eq!(database.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 't_v'::regclass"), "t");
}

fn plain_files(server: &Server) {
    let database = server.database();
    let project = Project::new(&[
        ("migrations/2_b.up.sql", "CREATE TABLE b (id int REFERENCES a);"),
        ("migrations/2_b.down.sql", "DROP TABLE b;"),
        ("migrations/1_a.up.sql", "CREATE TABLE a (id int PRIMARY KEY);"),
        ("migrations/10_c.up.sql", "CREATE TABLE c (id int);"),
    ]);
    let run = migrate(&project, &database, &["deploy"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert_eq!(database.history_of("pgsteward_migrations"), [done("1_a"), done("2_b"), done("10_c")]);
    assert!(database.history().is_empty(), "Prisma's table is Prisma's");
    let run = migrate(&project, &database, &["status", "--no-lab"]);
    assert_eq!(run.code, Some(0), "{}", run.both());

    let numbered = Project::new(&[("db/migrations/001_init.sql", "CREATE TABLE d (id int);")]);
    let other = server.database();
    assert_eq!(migrate(&numbered, &other, &["deploy"]).code, Some(0));
    assert_eq!(other.history_of("pgsteward_migrations"), [done("001_init")]);
}

fn other_namespaces(server: &Server) {
    let database = server.database();
    let project = project(&[(INIT, "CREATE TABLE t (id int);")]);
    let url = format!("{}&schema=tenant", database.url());
    let run = project.run_with(&["migrate", "deploy"], &[("DATABASE_URL", &url)]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert_eq!(database.history_of("tenant._prisma_migrations"), [done(INIT)]);
    assert_eq!(database.value("SELECT to_regclass('tenant.t')"), "tenant.t");
    assert!(database.relations().is_empty());
}

/// Who makes others wait for too long is stopped, and leaves nothing.
fn budget(server: &Server) {
    let database = server.database();
    let project = project(&[(INIT, "CREATE TABLE t (id int);")]);
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    add(&project, MORE, "ALTER TABLE t ADD COLUMN c int;\nSELECT pg_sleep(120);\n");
    let child = spawn_deploy(&project, &database, &["--max-blocked", "300ms", "--format", "json"]);
    database.wait_until(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'",
    );
    let other = server.runtime.block_on(database.session());
    // Comes back as soon as the migration is rolled back.
    server.runtime.block_on(other.simple("SELECT * FROM t")).unwrap();
    let run = project.of(&child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(run.stderr.contains("stopped at the budget: another session waited"), "{}", run.stderr);
    let watched = &run.json()["files"][0]["watched"];
    assert!(
        watched["most_waiting"].as_u64() == Some(1) && watched["longest_wait_ms"].as_u64() >= Some(300),
        "{watched}"
    );
    assert_eq!(database.history(), [done(INIT)]);
    assert_eq!(
        database.value("SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'c'"),
        "0"
    );
}

/// Where the server answers too slowly the migration is stopped, also when the answer never comes.
fn latency(server: &Server) {
    let database = server.database();
    let project = project(&[(INIT, "CREATE TABLE t (id int);")]);
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    add(&project, MORE, "ALTER TABLE t ADD COLUMN c int;\nSELECT pg_sleep(120);\n");
    let child = spawn_deploy(&project, &database, &["--max-latency", "2s", "--format", "json"]);
    let watcher = "FROM pg_stat_activity WHERE application_name = 'pgsteward migrate' AND query LIKE 'WITH waiting%' \
                   AND datname = current_database()";
    database.wait_until(&format!("SELECT count(*) = 1 {watcher}"));
    let pid = database.value(&format!("SELECT pid {watcher}"));
    let signal = |name: &str| {
        let sent = std::process::Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    };
    signal("-STOP");
    let run = project.of(&child.wait_with_output().unwrap());
    signal("-CONT");
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(
        run.stderr.contains("stopped at the budget: the server took more than 2000 ms"),
        "{}",
        run.stderr
    );
    assert_eq!(database.history(), [done(INIT)]);
}

fn statistics(server: &Server) {
    let database = server.database();
    let project = project(&[(INIT, "CREATE TABLE t (id int, v text);")]);
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    database.run("INSERT INTO t SELECT n, n::text FROM generate_series(1, 500) n");
    add(&project, MORE, "ALTER TABLE t ALTER COLUMN id TYPE bigint;");
    let run = migrate(&project, &database, &["deploy"]);
    assert!(run.stdout.contains("ANALYZE of \"t\"") || run.stdout.contains("ANALYZE of t"), "{}", run.stdout);
    assert_eq!(database.value("SELECT reltuples FROM pg_class WHERE oid = 't'::regclass"), "500");
}

fn reports(server: &Server) {
    let database = server.database();
    let project = project(&[(INIT, "CREATE TABLE t (id int);")]);
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    add(&project, MORE, "ALTER TABLE t ADD COLUMN c int;\nCREATE INDEX t_c ON t (c);\n");
    let run = migrate(
        &project,
        &database,
        &["deploy", "--report", "report.json", "--on-failure", "echo called > called"],
    );
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(!project.path().join("called").exists(), "nothing failed");
    let json: serde_json::Value = serde_json::from_str(&project.read("report.json")).unwrap();
    assert_eq!((json["version"].as_u64(), json["command"].as_str()), (Some(1), Some("migrate deploy")));
    let file = &json["files"][0];
    assert_eq!(file["statements"][0]["predicted"][0]["mode"], "ACCESS EXCLUSIVE");
    assert_eq!(file["statements"][1]["predicted"][0]["mode"], "SHARE");
    assert!(file["statements"][1]["elapsed_ms"].as_f64().is_some());
    let held: Vec<&str> =
        file["locks_held"].as_array().unwrap().iter().map(|lock| lock["mode"].as_str().unwrap()).collect();
    assert!(held.contains(&"ACCESS EXCLUSIVE") && held.contains(&"SHARE"), "{file}");

    add(&project, "20260103000000_bad", "SELECT nothing;");
    let run = migrate(&project, &database, &["deploy", "--on-failure", "cat > failed.json"]);
    assert_eq!(run.code, Some(1));
    let json: serde_json::Value = serde_json::from_str(&project.read("failed.json")).unwrap();
    assert_eq!(json["failure"]["code"], "P3018");
    assert!(!json.to_string().contains("DATABASE_URL="));
}

/// A repository cannot name a program: only the command line can.
#[test]
fn no_file_of_a_repository_names_a_command() {
    let project = Project::new(&[
        ("prisma/schema.prisma", HEAD),
        ("pgsteward.toml", "[migrations]\non_failure = \"touch called\"\n"),
        ("prisma/migrations/20260101000000_init/migration.sql", "SELECT 1;"),
    ]);
    let run = project.run_with(&["check", "--no-lab"], &[]);
    assert_eq!(run.code, Some(2), "{}", run.both());
    assert!(run.stderr.contains("on_failure"), "{}", run.stderr);
}
