//! What happens to files that the server refuses, and to those that the lab's walls refuse.

use pgsteward_lab::{ReplayOptions, replay, replay_files};
use pgsteward_model::migration::{Regime, Replay};

use crate::support::{history, lab, majors};

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_placed_and_the_rest_goes_on() {
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        let database = lab.create_database().await.unwrap();
        let cases = [
            ("1_ok", "CREATE TABLE a (id int PRIMARY KEY)", None),
            (
                "2_position",
                "-- é\nCREATE TABLE b (id int);\nALTER TABLE a ADD x nosuch;",
                Some(("42704", "nosuch")),
            ),
            (
                "3_no_position",
                "INSERT INTO a VALUES (1);\nINSERT INTO a VALUES (1);\nSELECT 1;",
                Some(("23505", "INSERT INTO a VALUES (1)")),
            ),
            (
                "4_together",
                "CREATE TABLE c (id int);\nCREATE INDEX CONCURRENTLY c_id ON c (id);",
                Some(("25001", "CREATE INDEX CONCURRENTLY c_id ON c (id)")),
            ),
            ("5_syntax", "CREATE TABEL d (id int);", Some(("42601", "TABEL"))),
            ("6_atomic", "CREATE TABLE b (id int); CREATE TABLE c (id int);", None),
        ];
        let files: Vec<(&str, &str)> = cases.iter().map(|(name, text, _)| (*name, *text)).collect();
        let (history, sources) = history(&files);
        let result = replay(&lab, &database, &history, &sources, &ReplayOptions::default()).await.unwrap();
        for (name, text, expected) in cases {
            let failure = result.failures.get(name);
            let seen = failure.map(|failure| {
                (
                    failure.error.sqlstate.as_str(),
                    text[failure.span.start..failure.span.end].trim_end_matches(';'),
                )
            });
            assert_eq!(seen, expected, "{major}: {name}: {failure:?}");
        }
        assert_eq!(result.skipped, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_lab_lacks_is_stood_in_for_and_said() {
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        let database = lab.create_database().await.unwrap();
        let (history, sources) = history(&[
            (
                "1_extensions",
                "CREATE SCHEMA extensions; CREATE EXTENSION IF NOT EXISTS \"vector\" WITH SCHEMA extensions; \
                 CREATE EXTENSION postgis; CREATE EXTENSION pg_trgm; CREATE EXTENSION \"pg_stat_statements\"; \
                 CREATE EXTENSION \"uuid-ossp\"; CREATE EXTENSION citext VERSION '1.0'; \
                 COMMENT ON EXTENSION postgis IS 'x'; CREATE EXTENSION dblink; CREATE EXTENSION timescaledb CASCADE",
            ),
            (
                "2_tables",
                "CREATE TABLE doc (id uuid DEFAULT uuid_generate_v4(), place geometry(Point, 4326), \
                 name citext, embedding extensions.vector(3));",
            ),
            (
                "3_index",
                "CREATE TABLE plain (id int);\n\
                 CREATE INDEX doc_embedding ON doc USING hnsw (embedding vector_cosine_ops);\n\
                 SELECT create_hypertable('doc', 'id');\n\
                 INSERT INTO doc (embedding) VALUES ('[1,2,3]');",
            ),
            (
                "4_roles",
                "CREATE ROLE app LOGIN PASSWORD 'x'; GRANT SELECT ON doc TO app; GRANT SELECT ON doc TO anon; \
                 ALTER ROLE app SET search_path = x; ALTER TABLE plain OWNER TO app; SET ROLE app; RESET ROLE; \
                 CREATE POLICY p ON doc TO authenticated USING (true); ALTER TABLE doc OWNER TO postgres",
            ),
            (
                "5_server",
                "CREATE TABLE last (id int); COPY last FROM '/etc/passwd'; ALTER SYSTEM SET fsync = on",
            ),
        ]);
        let result = replay(&lab, &database, &history, &sources, &ReplayOptions::default()).await.unwrap();
        assert_eq!(result.failures, [].into(), "{major}: {:?}", result.skipped);
        let skipped: Vec<String> =
            result.skipped.iter().map(|one| format!("{}: {}", one.file, one.what)).collect();
        let expected = [
            "1_extensions: extension \"dblink\"",
            "1_extensions: extension \"timescaledb\"",
            "3_index: a statement",
            "4_roles: role \"anon\"",
            "4_roles: role \"app\"",
            "4_roles: role \"authenticated\"",
            "5_server: ALTER SYSTEM",
            "5_server: a statement",
        ];
        for wanted in expected {
            assert!(skipped.iter().any(|one| one == wanted), "{major}: {wanted} of {skipped:?}");
        }
        let session = database.session().await.unwrap();
        let rows = session
            .rows(
                "SELECT format_type(atttypid, atttypmod) FROM pg_attribute \
                 WHERE attrelid = 'doc'::regclass AND attname = 'embedding'",
            )
            .await
            .unwrap();
        assert_eq!(rows, [[Some("extensions.vector(3)".to_owned())]]);
        let roles = session
            .rows("SELECT rolname FROM pg_roles WHERE rolname IN ('app', 'anon') AND NOT rolcanlogin ORDER BY 1")
            .await
            .unwrap();
        assert_eq!(roles, [[Some("anon".to_owned())], [Some("app".to_owned())]]);
        let left =
            session.rows("SELECT count(*) FROM doc, pg_tables WHERE tablename = 'last'").await.unwrap();
        assert_eq!(left, [[Some("1".to_owned())]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_can_pause_for_a_clone() {
    let Some(lab) = lab(15).await else { return };
    let database = lab.create_database().await.unwrap();
    let (history, sources) = history(&[
        ("1_a", "CREATE TABLE a (id int)"),
        ("2_b", "ALTER TABLE a ADD b int"),
        ("3_c", "ALTER TABLE a ADD c int"),
    ]);
    let (mut result, options) = (Replay::default(), ReplayOptions::default());
    replay_files(&lab, &database, &history, &sources, 0..2, &options, &mut result).await.unwrap();
    let before = lab.clone_database(&database).await.unwrap();
    replay_files(&lab, &database, &history, &sources, 2..3, &options, &mut result).await.unwrap();
    assert_eq!(result.traces.len(), 3);
    for (database, columns) in [(before, "2"), (database, "3")] {
        let session = database.session().await.unwrap();
        let rows = session
            .rows("SELECT count(*) FROM information_schema.columns WHERE table_name = 'a'")
            .await
            .unwrap();
        assert_eq!(rows, [[Some(columns.to_owned())]]);
    }
}

/// `psql` commits each statement, so what Prisma's one message refuses runs.
#[tokio::test(flavor = "multi_thread")]
async fn the_regime_decides_what_is_one_transaction() {
    let Some(lab) = lab(15).await else { return };
    let text = "CREATE TABLE a (id int);\nCREATE INDEX CONCURRENTLY a_id ON a (id);\nSELECT nosuch FROM a;\nDROP TABLE a;";
    let (mut history, sources) = history(&[("1_a", text)]);
    history.regime = Regime::Psql;
    let database = lab.create_database().await.unwrap();
    let result = replay(&lab, &database, &history, &sources, &ReplayOptions::default()).await.unwrap();
    let failure = &result.failures["1_a"];
    assert_eq!(&text[failure.span.start..failure.span.end], "nosuch");
    assert_eq!(result.traces["1_a"].len(), 2);
    assert_eq!(result.traces["1_a"][1].statement, Some(1));
}
