//! Rows for a schema: the server holds every constraint, so what is filled is right.

use std::path::Path;
use std::time::Duration;

use pgsteward_lab::{DataOptions, Database, Filled, Lab, ReplayOptions, fill, replay};
use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::migration::History;
use pgsteward_model::source::Sources;
use pgsteward_pg::{CatalogOptions, LabSession};

use crate::support::{corpus, corpus_history, history, lab, majors};

async fn filled(
    lab: &Lab,
    history: &History,
    sources: &Sources,
    options: &DataOptions,
) -> (Catalog, Database, Filled) {
    let database = lab.create_database().await.unwrap();
    let replay_options = ReplayOptions { trace: false, ..ReplayOptions::default() };
    let replayed = replay(lab, &database, history, sources, &replay_options).await.unwrap();
    assert_eq!(replayed.failures, [].into());
    let session = database.session().await.unwrap();
    let (catalog, _) = session.catalog(&CatalogOptions::default()).await.unwrap();
    session.close().await;
    let filled = fill(lab, &database, &catalog, options).await.unwrap();
    (catalog, database, filled)
}

async fn text(session: &LabSession, sql: &str) -> String {
    let rows = session.rows(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    rows.first().and_then(|row| row.first().cloned()).flatten().unwrap_or_default()
}

/// Counts what the server has against what was said, and validates every foreign key again.
async fn hold_to_it(database: &Database, catalog: &Catalog, filled: &Filled) {
    let session = database.session().await.unwrap();
    for (name, rows) in &filled.rows {
        // The owner cannot see what row security hides from it.
        if catalog.table(name).unwrap().force_row_security {
            continue;
        }
        let table = pgsteward_sql::quote_qualified(name);
        assert_eq!(
            text(&session, &format!("SELECT count(*) FROM {table}")).await,
            rows.to_string(),
            "{name}"
        );
        for (constraint, _) in catalog.table(name).unwrap().foreign_keys() {
            let key = pgsteward_sql::quote_ident(&constraint.name);
            // What is valid already is not read again, so it is made anew.
            let definition = text(
                &session,
                &format!(
                    "SELECT replace(pg_get_constraintdef(oid), ' NOT VALID', '') FROM pg_constraint \
                     WHERE conrelid = {}::regclass AND conname = {}",
                    pgsteward_sql::quote_literal(&table),
                    pgsteward_sql::quote_literal(&constraint.name)
                ),
            )
            .await;
            session
                .simple(&format!(
                    "ALTER TABLE {table} DROP CONSTRAINT {key}, ADD CONSTRAINT {key} {definition}"
                ))
                .await
                .unwrap_or_else(|error| panic!("{name} {}: {error:?}", constraint.name));
        }
    }
    session.close().await;
}

fn marketplace() -> (History, Sources) {
    corpus_history(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/marketplace"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_marketplace_is_filled() {
    let (history, sources) = marketplace();
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        let (catalog, database, first) = filled(&lab, &history, &sources, &DataOptions::default()).await;
        let total: u64 = first.rows.values().sum();
        eprintln!("{major}: {} tables, {total} rows in {:?}", first.rows.len(), first.elapsed);
        assert_eq!(first.left_out, []);
        assert_eq!(first.rows.len(), catalog.user_tables().count());
        hold_to_it(&database, &catalog, &first).await;

        let session = database.session().await.unwrap();
        let ratings = "SELECT string_agg(DISTINCT rating::text, ',' ORDER BY rating::text) FROM \"Review\"";
        assert_eq!(text(&session, ratings).await, "1,2,3,4,5");
        let analyzed = "SELECT reltuples > 0 FROM pg_class WHERE relname = 'Order'";
        assert_eq!(text(&session, analyzed).await, "t");
        let trees = "SELECT count(*) FILTER (WHERE \"parentId\" IS NULL) BETWEEN 1 AND count(*) / 2 FROM \"Category\"";
        assert_eq!(text(&session, trees).await, "t");
        session.simple("INSERT INTO \"Category\" (name, slug) VALUES ('new', 'new')").await.unwrap();
        let digest = "SELECT md5(string_agg(o::text, '' ORDER BY id)) FROM \"Order\" o";
        let one = text(&session, digest).await;
        session.close().await;

        let (_, again, second) = filled(&lab, &history, &sources, &DataOptions::default()).await;
        assert_eq!(first.rows, second.rows);
        let session = again.session().await.unwrap();
        assert_eq!(text(&session, digest).await, one, "the same seed gives the same rows");
        session.close().await;

        let options = DataOptions { seed: 2, budget: 5_000, ..DataOptions::default() };
        let (_, other, small) = filled(&lab, &history, &sources, &options).await;
        assert!(small.rows.values().sum::<u64>() < 6_500, "{:?}", small.rows);
        let session = other.session().await.unwrap();
        assert_ne!(text(&session, digest).await, one);
        session.close().await;
        lab.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_schemas_are_filled() {
    let Some(corpus) = corpus() else { return };
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        let (mut tables, mut full) = (0, 0);
        let mut projects: Vec<_> = std::fs::read_dir(&corpus)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .collect();
        projects.sort();
        for project in projects {
            let (history, sources) = corpus_history(&project);
            let (catalog, database, filled) = filled(&lab, &history, &sources, &DataOptions::default()).await;
            let name = project.file_name().unwrap().to_string_lossy().into_owned();
            let total: u64 = filled.rows.values().sum();
            eprintln!(
                "{major} {name}: {} of {} tables, {total} rows in {:?}; {:#?}",
                filled.rows.len(),
                catalog.user_tables().count(),
                filled.elapsed,
                filled.left_out
            );
            tables += catalog.user_tables().count();
            full += filled.rows.len();
            assert_eq!(filled.rows.len() + filled.left_out.len(), catalog.user_tables().count());
            hold_to_it(&database, &catalog, &filled).await;
            lab.drop_database(database).await.unwrap();
        }
        eprintln!("{major}: {full} of {tables} tables");
        assert!(full * 100 >= tables * 97, "{full} of {tables}");
        lab.stop().await.unwrap();
    }
}

/// Every kind of column, key and condition that the plan knows, and some that it does not.
#[tokio::test(flavor = "multi_thread")]
async fn constraints_of_all_kinds_hold() {
    let (history, sources) = history(&[("1", include_str!("data.sql"))]);
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        let (catalog, database, filled) = filled(&lab, &history, &sources, &DataOptions::default()).await;
        hold_to_it(&database, &catalog, &filled).await;
        let left: Vec<(String, &str)> =
            filled.left_out.iter().map(|(name, why)| (name.display(), why.as_str())).collect();
        let why = |table: &str| {
            left.iter().find(|(name, _)| name == table).map(|(_, why)| *why).unwrap_or_default()
        };
        assert!(
            why("unreadable").contains("unreadable_check") && why("unreadable").contains("not understood"),
            "{left:#?}"
        );
        assert!(why("needs_unreadable").contains("needs rows of \"unreadable\""), "{left:#?}");
        assert!(why("refusing").contains("no rows by order"), "{left:#?}");
        assert!(why("circle_a").contains("circle") && why("circle_b").contains("circle"), "{left:#?}");
        assert_eq!(left.len(), 5, "{left:#?}");
        let session = database.session().await.unwrap();
        let holds = [
            (
                "one parent",
                "SELECT bool_and(num_nonnulls(person_id, team_id) = 1) AND count(team_id) > 0 AND count(person_id) > 0 FROM note",
            ),
            (
                "a tenant's keys agree",
                "SELECT count(*) > 1000 FROM task t JOIN project p ON (p.org_id, p.id) = (t.org_id, t.project_id) JOIN person h ON (h.org_id, h.id) = (t.org_id, t.person_id)",
            ),
            ("an order", "SELECT bool_and(starts < ends AND low <= high) FROM booking"),
            ("a pattern", "SELECT bool_and(code ~ '^[A-Z]{3}-[0-9]{4}$') FROM coupon"),
            ("a list", "SELECT count(DISTINCT kind) = 3 FROM coupon"),
            ("a circle that opens", "SELECT count(latest_post) > 0 FROM thread"),
            ("nothing where there is nothing", "SELECT count(unreadable_id) = 0 FROM may_need_unreadable"),
            ("rows in partitions", "SELECT count(*) > 0 FROM measured_2025"),
            ("row security as before", "SELECT relforcerowsecurity FROM pg_class WHERE relname = 'guarded'"),
        ];
        for (what, sql) in holds {
            assert_eq!(text(&session, sql).await, "t", "{what}");
        }
        session.close().await;
        lab.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn time_is_limited_and_wishes_are_met() {
    let (history, sources) = history(&[(
        "1",
        "CREATE FUNCTION slow() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN 1; END $$;
         CREATE TABLE dear (id int PRIMARY KEY, n int CHECK (n > slow()));
         CREATE TABLE a (id int PRIMARY KEY);
         CREATE TABLE b (id int PRIMARY KEY, a_id int NOT NULL);",
    )]);
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        let key = pgsteward_model::catalog::ForeignKey {
            columns: vec!["a_id".into()],
            references: QName::public("a"),
            referenced_columns: vec!["id".into()],
            on_delete: pgsteward_model::catalog::ReferentialAction::NoAction,
            on_update: pgsteward_model::catalog::ReferentialAction::NoAction,
            match_full: false,
        };
        let options = DataOptions {
            rows: [(QName::public("b"), 777)].into(),
            references: [(QName::public("b"), vec![key])].into(),
            limit: Duration::from_secs(2),
            ..DataOptions::default()
        };
        let (_, database, filled) = filled(&lab, &history, &sources, &options).await;
        assert!(filled.elapsed < Duration::from_secs(20), "{:?}", filled.elapsed);
        assert_eq!(filled.rows[&QName::public("b")], 777);
        assert_eq!(filled.left_out.len(), 1, "{filled:?}");
        assert!(filled.left_out[0].1.contains("took longer"), "{filled:?}");
        let session = database.session().await.unwrap();
        assert_eq!(text(&session, "SELECT count(*) FROM b JOIN a ON a.id = b.a_id").await, "777");
        session.close().await;
        lab.stop().await.unwrap();
    }
}

/// Six of ten documents are one tenant's and eight of ten are open, as in the rows that the statistics are of.
#[tokio::test(flavor = "multi_thread")]
async fn common_values_are_as_common_as_they_were() {
    const ROWS: &str = "CREATE TABLE tenant (id integer PRIMARY KEY, label text NOT NULL);
        CREATE TABLE document (id integer PRIMARY KEY, tenant_id integer NOT NULL REFERENCES tenant, state text, pages integer);
        INSERT INTO tenant SELECT i, 'tenant ' || i FROM generate_series(1, 50) AS g(i);
        INSERT INTO document SELECT i, CASE WHEN i % 10 < 6 THEN 7 ELSE 1 + i % 50 END,
            CASE WHEN i % 10 < 8 THEN 'open' WHEN i % 10 = 8 THEN 'shut' END, CASE WHEN i % 4 = 0 THEN 1 ELSE i END
            FROM generate_series(1, 4000) AS g(i);
        ANALYZE";
    const SHARE: &str = "SELECT max(n)::float8 / sum(n) FROM (SELECT count(*) AS n FROM document GROUP BY ";
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        for values in [false, true] {
            let database = lab.create_database().await.unwrap();
            let session = database.session().await.unwrap();
            session.simple(ROWS).await.unwrap();
            let options = CatalogOptions { statistics: true, values, ..CatalogOptions::default() };
            let (catalog, gaps) = session.catalog(&options).await.unwrap();
            session.close().await;
            assert_eq!(gaps, []);
            let filled = fill(&lab, &database, &catalog, &DataOptions::default()).await.unwrap();
            assert_eq!(filled.left_out, []);
            hold_to_it(&database, &catalog, &filled).await;
            let session = database.session().await.unwrap();
            for (column, share) in [("tenant_id", 0.6), ("state", 0.8), ("pages", 0.25)] {
                let found: f64 = text(&session, &format!("{SHARE}{column}) AS one")).await.parse().unwrap();
                assert!((found - share).abs() < 0.05, "{column} with values {values}: {found}");
            }
            let open = text(&session, "SELECT count(*) > 0 FROM document WHERE state = 'open'").await;
            assert_eq!(open == "t", values, "values come only where they were asked for");
            session.close().await;
        }
        lab.stop().await.unwrap();
    }
}
