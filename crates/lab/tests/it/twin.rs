//! The schema of one database made again in another.

use pgsteward_lab::{Built, Database, Lab, ReplayOptions, build, replay};
use pgsteward_model::catalog::{Catalog, QName, Table, View};
use pgsteward_model::catalog_compare::{ColumnOrder, differences, schema_only};
use pgsteward_model::migration::History;
use pgsteward_model::source::Sources;
use pgsteward_pg::CatalogOptions;

use crate::support::{corpus, corpus_history, history, lab, majors};

async fn catalog(database: &Database) -> Catalog {
    let session = database.session().await.unwrap();
    let (catalog, gaps) = session.catalog(&CatalogOptions::default()).await.unwrap();
    assert_eq!(gaps, []);
    session.close().await;
    catalog
}

/// Replays a history in one database and builds its catalog in another; what differs between the two.
async fn round_trip(lab: &Lab, history: &History, sources: &Sources) -> (Catalog, Built, Vec<String>) {
    let database = lab.create_database().await.unwrap();
    let options = ReplayOptions { trace: false, ..ReplayOptions::default() };
    let replayed = replay(lab, &database, history, sources, &options).await.unwrap();
    assert_eq!(replayed.failures, [].into());
    let before = catalog(&database).await;
    let twin = lab.create_database().await.unwrap();
    let begun = std::time::Instant::now();
    let built = build(lab, &twin, &before).await.unwrap();
    eprintln!("{} tables built in {:?}", before.tables.len(), begun.elapsed());
    let after = catalog(&twin).await;
    let found = differences(&schema_only(&before), &schema_only(&after), ColumnOrder::Matters);
    // A database without sessions can be cloned at once.
    let copy = lab.clone_database(&twin).await.unwrap();
    for database in [copy, twin, database] {
        lab.drop_database(database).await.unwrap();
    }
    (before, built, found.iter().map(ToString::to_string).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_object_is_made_again() {
    let kitchen_sink = include_str!("../../../pg/tests/it/kitchen_sink.sql");
    let files = [("1_kitchen_sink", kitchen_sink), ("2_more", include_str!("twin.sql"))];
    let (history, sources) = history(&files);
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        let (before, built, found) = round_trip(&lab, &history, &sources).await;
        assert!(before.tables.len() > 15 && before.ranges.len() == 2, "{:?}", before.tables.keys());
        assert_eq!(built, Built::default());
        assert_eq!(found, [""; 0]);
        lab.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_schemas_are_made_again() {
    let Some(corpus) = corpus() else { return };
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        for entry in std::fs::read_dir(&corpus).unwrap() {
            let project = entry.unwrap().path();
            if !project.is_dir() {
                continue;
            }
            let (history, sources) = corpus_history(&project);
            let (before, built, found) = round_trip(&lab, &history, &sources).await;
            assert!(!before.tables.is_empty(), "{}", project.display());
            assert_eq!(built, Built::default(), "{}", project.display());
            assert_eq!(found, [""; 0], "{}", project.display());
        }
        lab.stop().await.unwrap();
    }
}

/// A catalog may come from a server that lies: what it calls the definition of a view is any text.
#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_catalog_stays_inside_the_walls() {
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        let database = lab.create_database().await.unwrap();
        let mut hostile = catalog(&database).await;
        let definitions = [
            ("program", "SELECT 1; COPY (SELECT 1) TO PROGRAM 'true'"),
            ("file", "SELECT pg_catalog.pg_read_file('/etc/passwd') AS text"),
            ("role", "SELECT 1; SET SESSION AUTHORIZATION pgsteward"),
            ("superuser", "SELECT 1; ALTER ROLE postgres SUPERUSER"),
            ("maker", "SELECT 1; SELECT pg_lab.create_extension('file_fdw', 'public', false)"),
        ];
        for (name, definition) in definitions {
            let view = View {
                name: QName::public(name),
                materialized: true,
                definition: definition.into(),
                columns: Vec::new(),
                reads: Vec::new(),
                options: Vec::new(),
                indexes: Vec::new(),
                populated: true,
                owner: None,
                grants: Vec::new(),
                comment: None,
            };
            hostile.views.insert(view.name.clone(), view);
        }
        let table = Table::new(QName::public("harmless"));
        hostile.tables.insert(table.name.clone(), table.into());
        for (name, namespace) in [("file_fdw", "public"), ("x\"; DROP TABLE y; --", "a'b")] {
            let (name, namespace) = (name.to_owned(), namespace.to_owned());
            let extension = pgsteward_model::catalog::Extension { name, version: String::new(), namespace };
            hostile.extensions.insert(extension.name.clone(), extension);
        }
        let built = build(&lab, &database, &hostile).await.unwrap();
        let after = catalog(&database).await;
        assert_eq!(after.tables.keys().collect::<Vec<_>>(), [&QName::public("harmless")]);
        assert_eq!(after.views.len(), 0, "a message is one transaction: {:?}", after.views.keys());
        assert_eq!(after.extensions.len(), 0);
        for (name, _) in definitions {
            let why = built.skipped.iter().find(|(sql, _)| sql.contains(&format!("public.{name} ")));
            assert!(why.is_some(), "{name}: {:#?}", built.skipped);
        }
        assert_eq!(built.skipped.len(), definitions.len() + 2, "{:#?}", built.skipped);
        let session = database.session().await.unwrap();
        let rows = session
            .rows("SELECT rolsuper, current_user, session_user FROM pg_roles WHERE rolname = current_user")
            .await
            .unwrap();
        let owner = Some(pgsteward_lab::OWNER.to_owned());
        assert_eq!(rows, [vec![Some("f".into()), owner.clone(), owner]]);
        session.close().await;
        lab.stop().await.unwrap();
    }
}

/// What cannot be made is said, and the rest is there.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_told() {
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        let (history, sources) = history(&[(
            "1",
            "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a int REFERENCES a, n int); CREATE INDEX b_n ON b (n);",
        )]);
        let database = lab.create_database().await.unwrap();
        let options = ReplayOptions { trace: false, ..ReplayOptions::default() };
        replay(&lab, &database, &history, &sources, &options).await.unwrap();
        let mut wanted = catalog(&database).await;
        let b = wanted.table_mut(&QName::public("b")).unwrap();
        b.indexes[0].valid = false;
        let a = wanted.table_mut(&QName::public("a")).unwrap();
        a.columns[0].default = Some("public.lost()".into());
        let twin = lab.create_database().await.unwrap();
        let built = build(&lab, &twin, &wanted).await.unwrap();
        let skipped: Vec<&str> = built.skipped.iter().map(|(sql, _)| sql.as_str()).collect();
        assert_eq!(skipped.len(), 3, "{:#?}", built.skipped);
        assert!(skipped[0].starts_with("CREATE TABLE public.a ("), "{skipped:#?}");
        assert!(built.skipped[0].1.contains("public.lost() does not exist"), "{:#?}", built.skipped);
        assert!(skipped[1].contains("a_pkey") && skipped[2].contains("b_a_fkey"), "{skipped:#?}");
        let made = catalog(&twin).await;
        assert_eq!(made.tables.keys().collect::<Vec<_>>(), [&QName::public("b")]);
        let index = made.table(&QName::public("b")).unwrap().index("b_n").unwrap();
        assert!(!index.valid, "an invalid index is made as one");
        lab.stop().await.unwrap();
    }
}
