//! Locks and rewrites of single statements and of replays, against what PostgreSQL's documentation says.

use pgsteward_lab::{Database, Lab, ReplayOptions, replay, trace_statement};
use pgsteward_model::lock::LockMode;

use crate::support::{history, lab, majors};

async fn shop(lab: &Lab) -> Database {
    let database = lab.create_database().await.unwrap();
    let session = database.session().await.unwrap();
    session
        .simple(
            "CREATE TABLE vendor (id int PRIMARY KEY, name text); \
             CREATE TABLE \"Order\" (id int PRIMARY KEY, vendor int, total int); \
             CREATE INDEX order_total ON \"Order\" (total); \
             INSERT INTO \"Order\" SELECT n, n, n FROM generate_series(1, 1000) n",
        )
        .await
        .unwrap();
    session.close().await;
    database
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_and_rewrites_of_a_statement() {
    use LockMode as M;
    // Statement, in a transaction, locks on tables, rewrites.
    type Case = (&'static str, bool, &'static [(&'static str, LockMode)], &'static [&'static str]);
    let cases: &[Case] = &[
        ("CREATE INDEX ON \"Order\" (vendor)", true, &[("public.Order", M::Share)], &[]),
        (
            "CREATE INDEX CONCURRENTLY later ON \"Order\" (vendor)",
            false,
            &[("public.Order", M::ShareUpdateExclusive)],
            &[],
        ),
        (
            "DROP INDEX CONCURRENTLY order_total",
            false,
            &[("public.Order", M::ShareUpdateExclusive), ("public.order_total", M::ShareUpdateExclusive)],
            &[],
        ),
        (
            "ALTER TABLE \"Order\" ALTER total TYPE bigint",
            true,
            &[("public.Order", M::AccessExclusive)],
            &["public.Order"],
        ),
        (
            "ALTER TABLE \"Order\" ADD note text DEFAULT 'x'",
            true,
            &[("public.Order", M::AccessExclusive)],
            &[],
        ),
        (
            "ALTER TABLE \"Order\" ADD FOREIGN KEY (vendor) REFERENCES vendor NOT VALID",
            true,
            &[("public.Order", M::ShareRowExclusive), ("public.vendor", M::ShareRowExclusive)],
            &[],
        ),
        ("VACUUM \"Order\"", false, &[("public.Order", M::ShareUpdateExclusive)], &[]),
        ("VACUUM FULL \"Order\"", false, &[("public.Order", M::AccessExclusive)], &["public.Order"]),
        ("CREATE TABLE fresh (id int)", true, &[], &[]),
        ("TRUNCATE \"Order\"", true, &[("public.Order", M::AccessExclusive)], &[]),
    ];
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        let original = shop(&lab).await;
        for (sql, transactional, locks, rewrites) in cases {
            let database = lab.clone_database(&original).await.unwrap();
            let session = database.session().await.unwrap();
            let trace = trace_statement(&database, &session, sql, *transactional).await.unwrap().unwrap();
            for (relation, mode) in *locks {
                let seen = trace.locks.iter().find(|(name, _)| name == relation).map(|(_, mode)| *mode);
                assert_eq!(seen, Some(*mode), "{major}: {sql}: {trace:?}");
            }
            if locks.is_empty() {
                assert_eq!(trace.locks, [], "{major}: {sql}");
            }
            assert_eq!(trace.rewrites, *rewrites, "{major}: {sql}");
            assert!(trace.micros > 0);
            session.close().await;
            lab.drop_database(database).await.unwrap();
        }
        let session = original.session().await.unwrap();
        let refused =
            trace_statement(&original, &session, "ALTER TABLE nowhere ADD a int", true).await.unwrap();
        assert_eq!(refused.unwrap_err().sqlstate, "42P01");
        let refused = trace_statement(&original, &session, "CREATE INDEX CONCURRENTLY ON nowhere (a)", false);
        assert_eq!(refused.await.unwrap().unwrap_err().sqlstate, "42P01");
        let rows = session.rows("SELECT count(*) FROM \"Order\"").await.unwrap();
        assert_eq!(rows, [[Some("1000".to_owned())]], "the session goes on");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_tells_commands_apart() {
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        let database = lab.create_database().await.unwrap();
        let (history, sources) = history(&[
            ("1_init", "CREATE TABLE a (id int PRIMARY KEY, n int); CREATE TABLE b (id int PRIMARY KEY);"),
            ("2_data", "INSERT INTO a SELECT n, n FROM generate_series(1, 10) n;"),
            (
                "3_alter",
                "-- widen\nUPDATE b SET id = 1; ALTER TABLE a ALTER n TYPE bigint;\nCREATE INDEX a_n ON a (n);\n\
                 DO $$ BEGIN EXECUTE 'CREATE INDEX b_id ON b (id)'; END $$;\nDROP TABLE b;",
            ),
            ("4_later", "CREATE INDEX CONCURRENTLY a_again ON a (n)"),
        ]);
        let result = replay(&lab, &database, &history, &sources, &ReplayOptions::default()).await.unwrap();
        assert_eq!(result.failures, [].into());
        let names: Vec<&str> = result.traces.keys().map(String::as_str).collect();
        assert_eq!(names, ["1_init", "3_alter", "4_later"]);
        let third = &result.traces["3_alter"];
        let seen: Vec<(&str, Option<usize>)> =
            third.iter().map(|trace| (trace.tag.as_str(), trace.statement)).collect();
        assert_eq!(
            seen,
            [
                ("ALTER TABLE", Some(1)),
                ("CREATE INDEX", Some(2)),
                ("CREATE INDEX", None),
                ("DROP TABLE", Some(4))
            ]
        );
        assert_eq!(third[0].rewrites, ["public.a"]);
        assert_eq!(third[0].locks[0], ("public.a".to_owned(), LockMode::AccessExclusive));
        assert!(third[1].rewrites.is_empty() && third[1].locks.is_empty(), "{:?}", third[1]);
        assert_eq!(third[2].locks, [("public.b".to_owned(), LockMode::Share)]);
        assert_eq!(third[3].objects, ["public.b"]);
        assert_eq!(result.traces["4_later"][0].statement, Some(0));
    }
}
