//! Ways out that hostile SQL could try, on both versions. Each must be refused or stopped, and the lab must
//! live on or end with a clear error.

use std::time::{Duration, Instant};

use pgsteward_lab::{Lab, LabError, LabOptions, ReplayOptions, replay};

use crate::support::{history, lab, lab_with, majors};

/// Refused for want of a right (SQLSTATE 42501).
const FORBIDDEN: &[&str] = &[
    "CREATE CAST (text AS bytea) WITHOUT FUNCTION",
    "COPY (SELECT 1) TO PROGRAM 'touch /tmp/pgsteward-escaped'",
    "CREATE TABLE stolen (line text); COPY stolen FROM PROGRAM 'id'",
    "CREATE TABLE stolen (line text); COPY stolen FROM '/etc/passwd'",
    "COPY (SELECT 1) TO '/tmp/pgsteward-escaped'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('postgresql.conf')",
    "SELECT pg_ls_dir('/')",
    "SELECT pg_stat_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(lo_from_bytea(0, 'x'), '/tmp/pgsteward-escaped')",
    "CREATE EXTENSION dblink",
    "CREATE EXTENSION postgres_fdw",
    "CREATE EXTENSION file_fdw",
    "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '/lib/x86_64-linux-gnu/libc.so.6', 'system'",
    "CREATE FUNCTION f() RETURNS int LANGUAGE internal AS 'pg_read_file'",
    "SET session_preload_libraries = 'x'",
    "SET ROLE pgsteward",
    "SET SESSION AUTHORIZATION pgsteward",
    "ALTER ROLE postgres SUPERUSER",
    "ALTER ROLE postgres BYPASSRLS",
    "ALTER ROLE pgsteward PASSWORD 'x'",
    "CREATE ROLE evil SUPERUSER",
    "GRANT pg_execute_server_program TO postgres",
    "GRANT pgsteward TO postgres",
    "SELECT pg_lab.create_role('pgsteward'); SET ROLE pgsteward",
    "SELECT pg_lab.create_role('pg_read_server_files'); SET ROLE pg_read_server_files",
    "ALTER SYSTEM SET fsync = on",
    "SELECT pg_reload_conf()",
    "SELECT set_config('temp_file_limit', '-1', false)",
    "SET session_replication_role = replica",
    "SET allow_system_table_mods = on",
    "UPDATE pg_catalog.pg_authid SET rolsuper = true",
    "UPDATE pg_proc SET prosecdef = true",
    "CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; \
      CREATE EVENT TRIGGER t ON ddl_command_end EXECUTE FUNCTION f()",
    "ALTER EVENT TRIGGER pg_lab_command DISABLE",
    "DROP EVENT TRIGGER pg_lab_extension",
    "DROP SCHEMA pg_lab CASCADE",
    "TRUNCATE pg_lab.trace",
    "INSERT INTO pg_lab.allowed_extension VALUES ('dblink')",
    "CREATE OR REPLACE FUNCTION pg_lab.on_command() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "CREATE TABLE pg_lab.mine (id int)",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity",
    "CREATE TABLESPACE evil LOCATION '/tmp'",
    "CREATE DATABASE evil",
    "DROP DATABASE postgres",
    "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p",
    "CREATE FOREIGN DATA WRAPPER w",
    "CREATE FUNCTION f() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT pg_read_file('/etc/passwd') $$; \
      SELECT f()",
    "CREATE TABLE t (id int); ALTER TABLE t OWNER TO pgsteward",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION f() OWNER TO pgsteward",
    "CREATE TYPE t; CREATE FUNCTION t_in(cstring) RETURNS t LANGUAGE internal AS 'int8in'",
];

/// Refused for another reason, and a part of what the server says.
const REFUSED: &[(&str, &str)] = &[
    ("CREATE EXTENSION adminpack", "adminpack"),
    ("CREATE EXTENSION plpython3u", "plpython3u"),
    ("CREATE EXTENSION plperl", "plperl"),
    ("CREATE EXTENSION plperlu", "plperlu"),
    ("SELECT pg_lab.create_extension('dblink', NULL, false)", "allowlist"),
    ("SELECT pg_lab.create_extension('file_fdw', 'public', true)", "allowlist"),
    ("CREATE LANGUAGE plpython3u", "plpython3u"),
    ("LOAD '/lib/x86_64-linux-gnu/libc.so.6'", "not allowed"),
    ("CREATE SCHEMA pg_lab2", "unacceptable schema name"),
    ("CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw", "does not exist"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_way_out_is_refused() {
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        let database = lab.create_database().await.unwrap();
        let forbidden = FORBIDDEN.iter().map(|sql| (*sql, ""));
        let mut escaped = Vec::new();
        for (sql, expected) in forbidden.chain(REFUSED.iter().copied()) {
            let session = database.session().await.unwrap();
            let result = match session.simple(&format!("BEGIN; {sql}; ROLLBACK")).await {
                Err(error) if error.message.contains("transaction block") => {
                    session.simple("ROLLBACK").await.unwrap();
                    session.simple(sql).await
                }
                other => other,
            };
            match result {
                Err(error) if expected.is_empty() && error.sqlstate == "42501" => {}
                Err(error) if !expected.is_empty() && error.message.contains(expected) => {}
                other => escaped.push(format!("{sql}: {other:?}")),
            }
            session.close().await;
        }
        assert_eq!(escaped, [""; 0], "PostgreSQL {major}");
        assert!(!std::path::Path::new("/tmp/pgsteward-escaped").exists());
        still_works(&lab).await;
    }
}

async fn still_works(lab: &Lab) {
    let database = lab.create_database().await.unwrap();
    let session = database.session().await.unwrap();
    let rows = session.rows("SELECT usesuper FROM pg_user WHERE usename = current_user").await.unwrap();
    assert_eq!(rows, [[Some("f".to_owned())]]);
}

/// The owner can set defaults for its database; none of them may reach the lab's own sessions.
#[tokio::test(flavor = "multi_thread")]
async fn settings_of_the_database_do_not_hijack_the_superuser() {
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        let database = lab.create_database().await.unwrap();
        let name = database.name().to_owned();
        let trap = format!(
            "CREATE SCHEMA evil; \
             CREATE FUNCTION evil.extract(text, timestamptz) RETURNS numeric LANGUAGE sql AS 'SELECT 1'; \
             CREATE FUNCTION evil.array_to_json(text[]) RETURNS json LANGUAGE plpgsql AS $$ BEGIN \
             ALTER ROLE postgres SUPERUSER; RETURN '[]'; END $$; \
             CREATE TABLE evil.pg_class (oid oid, relname text); \
             ALTER DATABASE {name} SET search_path = evil, pg_catalog; ALTER ROLE postgres SET search_path = evil"
        );
        let (history, sources) = history(&[("1_trap", &trap), ("2_work", "CREATE TABLE public.a (id int)")]);
        let result = replay(&lab, &database, &history, &sources, &ReplayOptions::default()).await.unwrap();
        assert_eq!(result.failures, [].into());
        assert_eq!(result.traces["2_work"][0].objects, ["public.a"]);
        let (more, sources) = crate::support::history(&[("3_more", "CREATE TABLE public.b (id int)")]);
        let result = replay(&lab, &database, &more, &sources, &ReplayOptions::default()).await.unwrap();
        assert_eq!(result.traces["3_more"][0].objects, ["public.b"]);
        still_works(&lab).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_is_stopped_and_the_lab_lives_on() {
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        for body in [
            "SET statement_timeout = 0; DO $$ BEGIN LOOP END LOOP; END $$",
            "SET statement_timeout = 0; DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(1); \
             EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END $$",
            "SELECT count(*) FROM generate_series(1, 100000000000)",
        ] {
            let database = lab.create_database().await.unwrap();
            let (history, sources) = history(&[
                ("1_good", "CREATE TABLE a (id int)"),
                ("2_loop", body),
                ("3_after", "CREATE TABLE b (id int)"),
            ]);
            let options =
                ReplayOptions { time_limit: Some(Duration::from_secs(1)), ..ReplayOptions::default() };
            let begun = Instant::now();
            let result = replay(&lab, &database, &history, &sources, &options).await.unwrap();
            assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
            let failure = &result.failures["2_loop"];
            assert!(failure.error.message.contains("time limit of 1 s"), "{}", failure.error.message);
            assert!(result.traces.contains_key("1_good"));
            assert_eq!(result.skipped.len(), 1);
            assert_eq!(result.skipped[0].file, "3_after");
            lab.drop_database(database).await.unwrap();
        }
        still_works(&lab).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filling_the_disk_ends_the_lab_with_a_clear_error() {
    for major in majors() {
        let options = LabOptions { major: Some(major), disk_limit_bytes: 400 << 20, ..LabOptions::default() };
        let Some(lab) = lab_with(options.clone()).await else { continue };
        let database = lab.create_database().await.unwrap();
        let (rows, sources) = history(&[(
            "1_fill",
            "CREATE TABLE fill (line text); DO $$ BEGIN LOOP \
             INSERT INTO fill SELECT md5(n::text) FROM generate_series(1, 1000000) n; END LOOP; END $$",
        )]);
        let error = replay(&lab, &database, &rows, &sources, &ReplayOptions::default()).await.unwrap_err();
        assert!(matches!(error, LabError::DiskLimit { limit_bytes } if limit_bytes == 400 << 20), "{error}");
        assert!(error.hint().contains("disk limit"), "{}", error.hint());
        assert!(matches!(lab.create_database().await, Err(LabError::DiskLimit { .. })));
        drop(lab);

        // Temporary files have a limit of their own, which only a superuser can lift.
        let lab = lab_with(options).await.unwrap();
        let database = lab.create_database().await.unwrap();
        let (sorts, sources) = history(&[
            ("1_sort", "SET work_mem = '64kB'; SET temp_file_limit = -1; SELECT 1"),
            (
                "2_sort",
                "SELECT md5(n::text) FROM generate_series(1, 1000000000) n ORDER BY 1 LIMIT 1 OFFSET 999999999",
            ),
        ]);
        let result = replay(&lab, &database, &sorts, &sources, &ReplayOptions::default()).await.unwrap();
        assert!(result.skipped.iter().any(|one| one.why.contains("temp_file_limit")), "{:?}", result.skipped);
        assert_eq!(result.failures["2_sort"].error.sqlstate, "53400", "{:?}", result.failures);
        still_works(&lab).await;
    }
}

/// A session that asks for more memory than a lab may have gets an error of its own.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn memory_has_a_limit() {
    for major in majors() {
        let options = LabOptions { major: Some(major), memory_limit_bytes: 1 << 30, ..LabOptions::default() };
        let Some(lab) = lab_with(options).await else { continue };
        let database = lab.create_database().await.unwrap();
        let (history, sources) = history(&[(
            "1_eat",
            "DO $$ DECLARE block text := repeat('x', 1000000); a text; b text; BEGIN \
             a := repeat(block, 700); b := repeat(block, 701); END $$",
        )]);
        let result = replay(&lab, &database, &history, &sources, &ReplayOptions::default()).await.unwrap();
        let Some(failure) = result.failures.get("1_eat") else { panic!("{result:?}") };
        let error = &failure.error;
        assert_eq!(error.sqlstate, "53200", "out of memory: {error:?}");
        still_works(&lab).await;
    }
}
