//! `db pull` from a real server: what the schema does not say is in the SQL file, and both together make the database
//! again.

use std::sync::Arc;

use pgsteward_engine::NoProgress;
use pgsteward_engine::migrate::ProjectOptions;
use pgsteward_engine::migrate::pull::objects::{AFTER, BEFORE};
use pgsteward_engine::migrate::pull::{PullOptions, pull};
use pgsteward_lab::{Database, Lab, LabOptions};
use pgsteward_model::catalog::Catalog;
use pgsteward_model::catalog_compare::{ColumnOrder, differences};
use pgsteward_model::source::SourceFile;
use pgsteward_pg::CatalogOptions;
use pgsteward_prisma::diff::DiffOptions;
use pgsteward_prisma::introspect::within;

const HEAD: &str = "datasource db {\n  provider = \"postgresql\"\n  url      = env(\"DATABASE_URL\")\n}\n";

/// Everything that a Prisma schema has no word for, but generated columns, whose defaults Prisma writes as expressions
/// over other columns, which no server takes.
const WORDLESS: &str = "CREATE EXTENSION citext;
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TYPE pair AS (a integer, b text);
CREATE FUNCTION next_code() RETURNS text LANGUAGE sql AS $$SELECT 'c; -- x'$$;
CREATE TABLE vendor (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name citext NOT NULL, rank positive,
  code text DEFAULT next_code(), extra pair, CONSTRAINT vendor_name_check CHECK (name <> ''));
COMMENT ON TABLE vendor IS 'who sells; it''s';
CREATE TABLE item (id serial PRIMARY KEY, vendor_id bigint NOT NULL REFERENCES vendor (id) DEFERRABLE, place integer,
  during int4range, CONSTRAINT item_place_key UNIQUE (vendor_id, place) DEFERRABLE INITIALLY DEFERRED,
  EXCLUDE USING gist (during WITH &&));
CREATE INDEX vendor_lower ON vendor (lower(name::text));
CREATE INDEX item_cover ON item (vendor_id) INCLUDE (place);
CREATE INDEX vendor_like ON vendor (code text_pattern_ops DESC NULLS LAST);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;
CREATE TRIGGER touched BEFORE UPDATE ON item FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON item USING (place > 0);
CREATE VIEW named AS SELECT id, name FROM vendor;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM item;
CREATE STATISTICS together (dependencies, ndistinct) ON id, place FROM item;
ALTER STATISTICS together SET STATISTICS 300;
COMMENT ON STATISTICS together IS 'of hands';
CREATE STATISTICS lowered ON (lower(name::text)), id FROM vendor;
CREATE UNLOGGED TABLE noise (id integer PRIMARY KEY) WITH (fillfactor = 70);
CREATE TABLE event (id integer NOT NULL, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE SEQUENCE ticket INCREMENT BY 7;";

fn with_lab(major: u32, test: impl AsyncFn(&Lab)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        match Lab::start(&LabOptions { major: Some(major), ..LabOptions::default() }).await {
            Ok(lab) if lab.version().major() == major => {
                test(&lab).await;
                lab.stop().await.unwrap();
            }
            Ok(lab) => eprintln!("not tested on PostgreSQL {major}: there is only {}", lab.version()),
            Err(error) => eprintln!("not tested on PostgreSQL {major}: {error}"),
        }
    });
}

/// As the superuser: the owner of a lab's database may not make every extension.
async fn run(lab: &Lab, database: &Database, sql: &str) {
    let session = pgsteward_pg::LabSession::connect_socket(lab.folder(), 5432, "postgres", database.name())
        .await
        .unwrap();
    session.simple(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    session.close().await;
}

async fn catalog(lab: &Lab, database: &Database) -> Catalog {
    let session = pgsteward_pg::LabSession::connect_socket(lab.folder(), 5432, "postgres", database.name())
        .await
        .unwrap();
    let (catalog, gaps) = session.catalog(&CatalogOptions::default()).await.unwrap();
    session.close().await;
    assert_eq!(gaps, []);
    within(&catalog, &["public".to_owned()])
}

fn options(folder: &std::path::Path, lab: &Lab, database: &Database) -> PullOptions {
    let place = lab.folder().display();
    PullOptions {
        project: ProjectOptions { folder: Some(folder.to_path_buf()), ..ProjectOptions::default() },
        url: Some(format!("postgresql://postgres@localhost/{}?host={place}", database.name())),
        ..PullOptions::default()
    }
}

/// Prisma's SQL for a schema, from nothing.
fn schema_sql(text: &str, empty: &Catalog) -> String {
    let file = Arc::new(SourceFile::new("schema.prisma", text));
    let schema = pgsteward_prisma::parse(&[file]);
    assert_eq!(schema.errors, [], "{text}");
    let wanted = pgsteward_prisma::calculate(&schema, empty.version);
    let options = DiffOptions { partial_indexes: true, ..DiffOptions::of(&schema) };
    let steps = pgsteward_prisma::diff::diff(&Catalog::empty(empty.version), &wanted, &options);
    pgsteward_prisma::render::render(&steps)
}

async fn makes_the_database_again(lab: &Lab) {
    let database = lab.create_database().await.unwrap();
    run(lab, &database, WORDLESS).await;
    let folder = crate::folder(&[("prisma/schema.prisma", HEAD)]);
    let report = pull(&options(folder.path(), lab, &database), &NoProgress).await.unwrap();
    assert_eq!(report.written, ["prisma/schema.prisma"]);
    assert_eq!(report.objects_file.as_deref(), Some("prisma/pgsteward.objects.sql"));
    for object in
        ["function public.touch()", "view public.named", "domain public.positive", "extension citext"]
    {
        assert!(report.objects.iter().any(|one| one == object), "{object} is not in {:?}", report.objects);
    }
    let schema = std::fs::read_to_string(folder.path().join("prisma/schema.prisma")).unwrap();
    let file = std::fs::read_to_string(folder.path().join("prisma/pgsteward.objects.sql")).unwrap();
    let (before, after) = file.split_once(BEFORE).unwrap().1.split_once(AFTER).unwrap();

    let again = lab.create_database().await.unwrap();
    let live = catalog(lab, &database).await;
    run(lab, &again, before).await;
    run(lab, &again, &schema_sql(&schema, &live)).await;
    run(lab, &again, after).await;
    let different = differences(&live, &catalog(lab, &again).await, ColumnOrder::Ignored);
    assert_eq!(different, [], "{file}");

    // Pulled again, nothing changes; what the database no longer holds goes.
    let second = pull(&options(folder.path(), lab, &database), &NoProgress).await.unwrap();
    assert_eq!(second.texts, [("prisma/schema.prisma".to_owned(), schema)]);
    run(
        lab,
        &database,
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE a (id integer PRIMARY KEY)",
    )
    .await;
    let third = pull(&options(folder.path(), lab, &database), &NoProgress).await.unwrap();
    assert_eq!((third.objects, third.objects_file), (Vec::new(), None));
    assert!(!folder.path().join("prisma/pgsteward.objects.sql").exists());
}

#[test]
fn schema_and_objects_make_the_database_again_on_17() {
    with_lab(17, makes_the_database_again);
}

#[test]
fn schema_and_objects_make_the_database_again_on_15() {
    with_lab(15, makes_the_database_again);
}

#[test]
fn what_cannot_be_pulled_is_said_and_nothing_is_written() {
    with_lab(15, async |lab| {
        let database = lab.create_database().await.unwrap();
        let folder = crate::folder(&[("prisma/schema.prisma", HEAD)]);
        let error = pull(&options(folder.path(), lab, &database), &NoProgress).await.unwrap_err();
        assert_eq!(error.code, Some("P4001"));
        run(lab, &database, "CREATE TABLE a (id integer PRIMARY KEY); CREATE SCHEMA s; CREATE TABLE s.b (id integer REFERENCES a)").await;
        let mut other = options(folder.path(), lab, &database);
        other.namespaces = Some(vec!["s".into()]);
        assert_eq!(pull(&other, &NoProgress).await.unwrap_err().code, Some("P4002"));
        let print = PullOptions { print: true, ..options(folder.path(), lab, &database) };
        let report = pull(&print, &NoProgress).await.unwrap();
        assert!(report.texts[0].1.contains("model a {"), "{:?}", report.texts);
        let text = std::fs::read_to_string(folder.path().join("prisma/schema.prisma")).unwrap();
        assert_eq!(text, HEAD);
        std::fs::write(
            folder.path().join("prisma/schema.prisma"),
            format!("{HEAD}model A {{\n  id Nothing @id\n}}\n"),
        )
        .unwrap();
        let error = pull(&options(folder.path(), lab, &database), &NoProgress).await.unwrap_err();
        assert_eq!(error.code, Some("P1012"), "{error}");
        let forced = PullOptions { force: true, ..options(folder.path(), lab, &database) };
        assert_eq!(pull(&forced, &NoProgress).await.unwrap().models, 1);
    });
}
