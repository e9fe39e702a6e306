//! What `prisma migrate dev` would write: for the corpus, held against Prisma's own engine.

use std::sync::Arc;

use pgsteward_model::catalog::Catalog;
use pgsteward_model::drift::{Drift, DriftKind};
use pgsteward_model::migration::Regime;
use pgsteward_model::source::SourceFile;
use pgsteward_model::version::ServerVersion;
use pgsteward_prisma::{drift, parse, render};
use pgsteward_sql::{Births, analyze_file};

use crate::corpus;

const VERSION: ServerVersion = ServerVersion(150_018);

/// The catalog that SQL texts leave, one file after the other.
fn replay<'a>(texts: impl IntoIterator<Item = &'a str>) -> Catalog {
    let mut catalog = Catalog::empty(VERSION);
    let mut births = Births::default();
    for text in texts {
        births.start_file();
        analyze_file(text, &mut catalog, &mut births, Regime::OneMessage);
    }
    catalog
}

fn migration_texts(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join("prisma/migrations")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path().join("migration.sql")).collect();
    paths.sort();
    paths.into_iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect()
}

fn corpus_drift(project: &str) -> Option<(Vec<Drift>, std::path::PathBuf)> {
    let folder = corpus::project(project)?;
    let texts = migration_texts(&folder);
    let catalog = replay(texts.iter().map(String::as_str));
    Some((drift(&catalog, &parse(&[corpus::schema_file(&folder)])), folder))
}

/// Drifts as one migration text.
fn joined(drifts: &[Drift]) -> String {
    match drifts {
        [] => format!("{}\n", render::EMPTY),
        _ => drifts.iter().map(|drift| drift.sql.as_str()).collect::<Vec<_>>().join("\n\n") + "\n",
    }
}

#[test]
fn drift_of_the_corpus_is_what_prisma_says() {
    for project in ["amplication", "hoppscotch", "langfuse", "saas-starter-kit", "umami"] {
        let Some((drifts, folder)) = corpus_drift(project) else { continue };
        let wanted = std::fs::read_to_string(folder.join("expected/drift.sql")).unwrap();
        assert_eq!(joined(&drifts), wanted, "{project}");
        for drift in drifts {
            assert_eq!(drift.restore.is_some(), drift.kind != DriftKind::Added, "{drift:?}");
            assert!(drift.at.is_some(), "{drift:?}");
        }
    }
}

/// Its one table without a model lies in a namespace that the schema does not name, so Prisma leaves it alone.
#[test]
fn every_table_of_trigger_dev_that_prisma_sees_has_its_model() {
    let Some((drifts, folder)) = corpus_drift("trigger.dev") else { return };
    let whole = ["-- CreateTable", "-- DropTable", "-- CreateEnum", "-- DropEnum", "-- DropForeignKey"];
    for drift in &drifts {
        assert!(!whole.iter().any(|title| drift.sql.starts_with(title)), "{}", drift.sql);
        assert!(!drift.sql.contains("ADD COLUMN") && !drift.sql.contains("DROP COLUMN"), "{}", drift.sql);
    }
    let catalog = replay(migration_texts(&folder).iter().map(String::as_str));
    let elsewhere = catalog.tables.keys().filter(|name| name.namespace != "public");
    assert_eq!(elsewhere.map(|name| name.name.as_str()).collect::<Vec<_>>(), ["run_executions"]);
}

fn drifts(sql: &str, schema: &str) -> Vec<Drift> {
    let schema = parse(&[Arc::new(SourceFile::new("schema.prisma", schema))]);
    assert_eq!(schema.errors, []);
    drift(&replay([sql]), &schema)
}

#[test]
fn what_prisma_does_not_see_is_no_drift() {
    let sql = r#"
CREATE TABLE "_prisma_migrations" (id text PRIMARY KEY);
CREATE TABLE spatial_ref_sys (srid int PRIMARY KEY);
CREATE TABLE "A" (
    id serial PRIMARY KEY,
    n numeric(65,30) NOT NULL DEFAULT 0.0 CHECK (n >= 0),
    t text DEFAULT 'x'::text,
    at timestamp(3) NOT NULL DEFAULT now(),
    l text[] NOT NULL DEFAULT '{}',
    j jsonb NOT NULL DEFAULT '{"a":1}'::jsonb
);
CREATE INDEX "A_t_idx" ON "A" (t) INCLUDE (n);
CREATE INDEX lower_t ON "A" (lower(t));
CREATE INDEX some ON "A" (n) WHERE n > 0;
ALTER TABLE "A" ENABLE ROW LEVEL SECURITY;
CREATE VIEW v AS SELECT 1;
CREATE SCHEMA other;
CREATE TABLE other.x (id int PRIMARY KEY);
"#;
    let schema = "model A {\n id Int @id @default(autoincrement())\n n Decimal @default(0)\n t String? @default(\"x\")\n at DateTime @default(now())\n l String[] @default([])\n j Json @default(\"{ \\\"a\\\": 1 }\")\n @@index([t])\n}";
    let found = drifts(sql, schema);
    assert!(found.is_empty(), "{}", joined(&found));
}

/// Prisma's `db pull` has no word for INCLUDE and writes its columns as keys; either way the index is kept.
#[test]
fn an_index_with_included_columns_is_kept() {
    let sql =
        "CREATE TABLE \"A\" (id int PRIMARY KEY, a int, b int);\nCREATE INDEX i ON \"A\" (a) INCLUDE (b);";
    let schema =
        |keys: &str| format!("model A {{\n id Int @id\n a Int?\n b Int?\n @@index([{keys}], map: \"i\")\n}}");
    for keys in ["a", "a, b"] {
        let found = drifts(sql, &schema(keys));
        assert!(found.is_empty(), "{}", joined(&found));
    }
    assert_eq!(drifts(sql, &schema("b, a")).len(), 2);
}

/// Prisma takes a partial index for the schema's plain one, and does not look at the operator classes of B-trees.
#[test]
fn an_index_of_the_schema_may_be_partial_or_of_another_class_in_the_database() {
    let schema =
        |keys: &str| format!("model A {{\n id Int @id\n t String?\n @@index([{keys}], map: \"i\")\n}}");
    for index in ["(t) WHERE t <> ''", "(t text_pattern_ops)", "(t text_pattern_ops) WHERE t <> ''"] {
        let sql =
            format!("CREATE TABLE \"A\" (id int PRIMARY KEY, t text);\nCREATE INDEX i ON \"A\" {index};");
        let found = drifts(&sql, &schema("t"));
        assert!(found.is_empty(), "{index}: {}", joined(&found));
        assert!(!drifts(&sql, &schema("t(sort: Desc)")).is_empty(), "{index}");
    }
}

#[test]
fn what_would_be_lost_can_be_made_again() {
    let sql = r#"
CREATE TABLE "B" (id int PRIMARY KEY);
CREATE TABLE "A" (id int, b int, gone text DEFAULT 'x', CONSTRAINT "A_pkey" PRIMARY KEY (id));
CREATE INDEX hand ON "A" USING gin (gone gin_trgm_ops);
CREATE UNIQUE INDEX rare ON "A" (b DESC NULLS LAST) INCLUDE (id);
ALTER TABLE "A" ADD CONSTRAINT fk FOREIGN KEY (b) REFERENCES "B" (id) DEFERRABLE;
"#;
    let schema = "model A {\n id Int @id\n b Int?\n new Int?\n}\n";
    let found = drifts(sql, schema);
    let restores: Vec<(&str, bool)> = found
        .iter()
        .map(|drift| (drift.restore.as_deref().unwrap_or_default(), drift.inexpressible))
        .collect();
    assert_eq!(
        restores,
        [
            (
                "ALTER TABLE \"A\" ADD CONSTRAINT \"fk\" FOREIGN KEY (\"b\") REFERENCES \"B\"(\"id\") ON DELETE NO ACTION ON UPDATE NO ACTION DEFERRABLE;",
                false
            ),
            ("CREATE INDEX \"hand\" ON \"A\" USING gin (\"gone\" gin_trgm_ops);", false),
            (
                "CREATE UNIQUE INDEX \"rare\" ON \"A\" USING btree (\"b\" DESC NULLS LAST) INCLUDE (\"id\");",
                true
            ),
            ("ALTER TABLE \"A\" DROP COLUMN \"new\",\nADD COLUMN     \"gone\" TEXT DEFAULT 'x';", false),
            (
                "CREATE TABLE \"B\" (\n    \"id\" INTEGER NOT NULL,\n\n    CONSTRAINT \"B_pkey\" PRIMARY KEY (\"id\")\n);",
                false
            ),
        ],
        "{}",
        joined(&found)
    );
}
