//! What undoes a migration, one kind of change after the other: made, and proven on a real server over rows.

use pgsteward_engine::migrate::rollback::Chain;
use pgsteward_lab::{Lab, LabOptions};
use pgsteward_model::migrate::rollback::{Down, Worth};
use pgsteward_model::migration::Regime;

/// A state and a migration of it.
struct Case {
    name: &'static str,
    before: &'static str,
    up: &'static str,
    worth: Expected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Proven,
    /// Structure proven; these words are among what is lost.
    Lost(&'static str),
    /// It runs over empty tables only; these words are in the reason.
    OverEmpty(&'static str),
    /// These words are in the reason.
    Irreversible(&'static str),
}

use Expected::{Irreversible, Lost, OverEmpty, Proven};

const SHOP: &str = "CREATE TYPE level AS ENUM ('low', 'mid', 'high');
CREATE TABLE vendor (id serial PRIMARY KEY, name text NOT NULL, rank level NOT NULL DEFAULT 'low');
CREATE TABLE item (id bigint GENERATED ALWAYS AS IDENTITY (START WITH 7 INCREMENT BY 2) PRIMARY KEY,
  vendor_id integer NOT NULL REFERENCES vendor (id) ON DELETE CASCADE, price numeric(10,2) NOT NULL, note text,
  sold_at timestamp(3) NOT NULL DEFAULT now(), CONSTRAINT item_price_check CHECK (price >= 0));
CREATE INDEX item_vendor_idx ON item (vendor_id, sold_at DESC NULLS LAST) INCLUDE (price) WHERE price > 1;";

const CASES: &[Case] = &[
    Case { name: "column added", before: SHOP, up: "ALTER TABLE item ADD COLUMN weight integer NOT NULL DEFAULT 3", worth: Proven },
    Case { name: "column added and filled", before: SHOP, up: "ALTER TABLE item ADD COLUMN label text; UPDATE item SET label = note", worth: Proven },
    Case { name: "nullable column dropped", before: SHOP, up: "ALTER TABLE item DROP COLUMN note", worth: Lost("values of \"item\".\"note\"") },
    Case { name: "required column dropped", before: SHOP, up: "ALTER TABLE item DROP COLUMN price", worth: Lost("stays nullable") },
    Case { name: "key column dropped", before: SHOP, up: "ALTER TABLE vendor DROP COLUMN id CASCADE", worth: Lost("values of \"vendor\".\"id\"") },
    Case { name: "bare key dropped", before: "CREATE TABLE t (code text PRIMARY KEY, name text)", up: "ALTER TABLE t DROP COLUMN code; ALTER TABLE t ADD COLUMN id serial PRIMARY KEY", worth: OverEmpty("does not run over rows of \"t\": column \"code\"") },
    Case { name: "bare key exchanged as Prisma does", before: "CREATE TABLE t (id integer, name text, CONSTRAINT t_pkey PRIMARY KEY (id))", up: "ALTER TABLE t DROP CONSTRAINT t_pkey, DROP COLUMN id, ADD COLUMN id uuid NOT NULL, ADD CONSTRAINT t_pkey PRIMARY KEY (id)", worth: Lost("comes back only while the table is empty") },
    Case { name: "table dropped", before: SHOP, up: "DROP TABLE item", worth: Lost("rows of \"item\"") },
    Case { name: "table with references to it dropped", before: SHOP, up: "DROP TABLE vendor CASCADE; DROP TYPE level", worth: OverEmpty("rows of \"item\", \"vendor\": insert or update on table \"item\" violates foreign key") },
    Case { name: "table made", before: SHOP, up: "CREATE TABLE tag (id uuid PRIMARY KEY, item_id bigint REFERENCES item, UNIQUE (item_id, id)); INSERT INTO tag VALUES ('11111111-1111-1111-1111-111111111111', NULL)", worth: Proven },
    Case { name: "column renamed", before: SHOP, up: "ALTER TABLE item RENAME COLUMN price TO cost; ALTER TABLE vendor RENAME id TO key", worth: Proven },
    Case { name: "columns swapped", before: SHOP, up: "ALTER TABLE item RENAME note TO x; ALTER TABLE item RENAME vendor_id TO note; ALTER TABLE item RENAME x TO vendor_id", worth: Proven },
    Case { name: "table, constraint, index and sequence renamed", before: SHOP, up: "ALTER TABLE item RENAME TO article; ALTER TABLE article RENAME CONSTRAINT item_pkey TO article_pkey; ALTER TABLE article RENAME CONSTRAINT item_price_check TO c; ALTER INDEX item_vendor_idx RENAME TO i; ALTER SEQUENCE vendor_id_seq RENAME TO s", worth: Proven },
    Case { name: "table replaced under its name", before: SHOP, up: "ALTER TABLE item RENAME TO item_old; CREATE TABLE item (id integer PRIMARY KEY, other text)", worth: Proven },
    Case { name: "column copied, dropped and renamed", before: SHOP, up: "ALTER TABLE item ADD COLUMN new_note varchar(200); UPDATE item SET new_note = note; ALTER TABLE item DROP COLUMN note; ALTER TABLE item RENAME new_note TO note", worth: Proven },
    Case { name: "enum value added", before: SHOP, up: "ALTER TYPE level ADD VALUE 'top' AFTER 'mid'", worth: Proven },
    Case { name: "enum value renamed", before: SHOP, up: "ALTER TYPE level RENAME VALUE 'mid' TO 'middle'; ALTER TYPE level RENAME TO grade", worth: Proven },
    Case {
        name: "enum exchanged under a view, a policy, an index and an array",
        before: "CREATE TYPE level AS ENUM ('a', 'b', 'c');
CREATE TABLE t (id serial PRIMARY KEY, l level NOT NULL DEFAULT 'a', ls level[] NOT NULL DEFAULT ARRAY['a'::level], CHECK (l <> 'c'));
CREATE INDEX t_part ON t (id) WHERE l = 'a'; CREATE INDEX t_l ON t (l);
CREATE FUNCTION f(x level) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE VIEW v AS SELECT l, f(l) FROM t; CREATE VIEW w AS SELECT l FROM v;
ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (l = 'a');",
        up: "ALTER TYPE level ADD VALUE 'd'",
        worth: Proven,
    },
    Case {
        name: "enum value removed as Prisma does",
        before: SHOP,
        up: "CREATE TYPE level_new AS ENUM ('low', 'high'); ALTER TABLE vendor ALTER COLUMN rank DROP DEFAULT; DELETE FROM vendor WHERE rank = 'mid'; ALTER TABLE vendor ALTER COLUMN rank TYPE level_new USING (rank::text::level_new); ALTER TYPE level RENAME TO level_old; ALTER TYPE level_new RENAME TO level; DROP TYPE level_old; ALTER TABLE vendor ALTER COLUMN rank SET DEFAULT 'low'",
        worth: Lost("DELETE in line 1"),
    },
    Case { name: "type widened on both sides of a key", before: SHOP, up: "ALTER TABLE item ALTER COLUMN vendor_id TYPE bigint; ALTER TABLE vendor ALTER COLUMN id TYPE bigint", worth: Proven },
    Case { name: "type changed under a view and a generated column", before: "CREATE TABLE t (a integer, b integer GENERATED ALWAYS AS (a * 2) STORED); CREATE VIEW v AS SELECT a, b FROM t", up: "DROP VIEW v; ALTER TABLE t DROP COLUMN b; ALTER TABLE t ALTER COLUMN a TYPE bigint; ALTER TABLE t ADD COLUMN b bigint GENERATED ALWAYS AS (a * 3) STORED", worth: Proven },
    Case { name: "number to text", before: SHOP, up: "ALTER TABLE item DROP CONSTRAINT item_price_check; DROP INDEX item_vendor_idx; ALTER TABLE item ALTER COLUMN price TYPE text", worth: Proven },
    Case { name: "precision lost", before: SHOP, up: "ALTER TABLE item ALTER COLUMN price TYPE integer", worth: Lost("values of \"item\".\"price\"") },
    Case { name: "no cast back", before: SHOP, up: "ALTER TABLE item DROP COLUMN sold_at; ALTER TABLE item ADD COLUMN sold_at integer NOT NULL DEFAULT 1", worth: Lost("values of \"item\".\"sold_at\"") },
    Case { name: "an enum in the place of another", before: SHOP, up: "CREATE TYPE grade AS ENUM ('a', 'low', 'b'); ALTER TABLE vendor DROP COLUMN rank, ADD COLUMN rank grade NOT NULL DEFAULT 'b'; DROP TYPE level", worth: Lost("values of \"vendor\".\"rank\"") },
    Case { name: "an enum in the place of another, under its name", before: SHOP, up: "CREATE TYPE grade AS ENUM ('a', 'mid', 'b'); ALTER TABLE vendor ADD COLUMN grade grade DEFAULT 'b'; UPDATE vendor SET grade = 'a'; ALTER TABLE vendor ALTER COLUMN grade SET NOT NULL, DROP COLUMN rank; ALTER TABLE vendor RENAME COLUMN grade TO rank; DROP TYPE level; ALTER TYPE grade RENAME TO level", worth: Lost("values of \"vendor\".\"rank\"") },
    Case { name: "lists and domains of an enum in the place of others, under their names", before: "CREATE TYPE e AS ENUM ('a', 'b'); CREATE DOMAIN d AS e; CREATE TABLE t (id integer PRIMARY KEY, x e[] NOT NULL, y d NOT NULL DEFAULT 'a', z e)", up: "ALTER TABLE t DROP COLUMN x, DROP COLUMN y, DROP COLUMN z; DROP DOMAIN d; DROP TYPE e; CREATE TYPE e AS ENUM ('c'); CREATE DOMAIN d AS e; ALTER TABLE t ADD COLUMN x e[] NOT NULL DEFAULT '{c}', ADD COLUMN y d NOT NULL DEFAULT 'c', ADD COLUMN z e NOT NULL DEFAULT 'c'", worth: Lost("values of \"t\".\"y\"") },
    Case { name: "a list in the place of another that no cast leads to", before: "CREATE TABLE t (id integer PRIMARY KEY, tags json NOT NULL); CREATE INDEX t_tags ON t ((tags ->> 'a'), id)", up: "ALTER TABLE t DROP COLUMN tags, ADD COLUMN tags smallint[]; CREATE INDEX t_tags ON t USING gin (tags)", worth: Lost("values of \"t\".\"tags\"") },
    Case { name: "array made of a value", before: SHOP, up: "ALTER TABLE item ALTER COLUMN note TYPE text[] USING ARRAY[note]", worth: Proven },
    Case { name: "collation changed", before: SHOP, up: "ALTER TABLE vendor ALTER COLUMN name TYPE varchar(300) COLLATE \"C\"", worth: Proven },
    Case { name: "primary key changed", before: SHOP, up: "ALTER TABLE item DROP CONSTRAINT item_pkey, ADD CONSTRAINT item_pk PRIMARY KEY (id, vendor_id)", worth: Proven },
    Case { name: "primary key with a new column, which a new table refers to", before: "CREATE TABLE t (a integer, b text, PRIMARY KEY (a, b))", up: "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD COLUMN at timestamp(3) NOT NULL DEFAULT now(), ADD CONSTRAINT t_pkey PRIMARY KEY (a, b, at); CREATE TABLE u (a integer, b text, at timestamp(3), FOREIGN KEY (a, b, at) REFERENCES t)", worth: Proven },
    Case { name: "referenced key exchanged", before: SHOP, up: "ALTER TABLE item DROP CONSTRAINT item_vendor_id_fkey; ALTER TABLE vendor DROP CONSTRAINT vendor_pkey; ALTER TABLE vendor ADD CONSTRAINT vendor_pk PRIMARY KEY (id); ALTER TABLE item ADD CONSTRAINT item_vendor_id_fkey FOREIGN KEY (vendor_id) REFERENCES vendor (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED NOT VALID", worth: Proven },
    Case { name: "indexes dropped", before: "CREATE TABLE t (a text, b integer, c jsonb); CREATE UNIQUE INDEX i1 ON t (lower(a) COLLATE \"C\" DESC, b NULLS FIRST) INCLUDE (c) WITH (fillfactor = 70) WHERE b > 0; CREATE INDEX i2 ON t (a text_pattern_ops); CREATE INDEX i3 ON t USING gin (c jsonb_path_ops)", up: "DROP INDEX i1; DROP INDEX i2; DROP INDEX i3", worth: Proven },
    Case { name: "exclusion dropped", before: "CREATE TABLE t (r int4range, EXCLUDE USING gist (r WITH &&))", up: "ALTER TABLE t DROP CONSTRAINT t_r_excl", worth: Proven },
    Case { name: "constraint validated and renamed", before: "CREATE TABLE t (a integer); ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID", up: "ALTER TABLE t VALIDATE CONSTRAINT c; ALTER TABLE t RENAME CONSTRAINT c TO d", worth: Proven },
    Case { name: "NOT NULL and defaults", before: SHOP, up: "ALTER TABLE item ALTER COLUMN note SET DEFAULT 'x', ALTER COLUMN price DROP NOT NULL, ALTER COLUMN sold_at DROP DEFAULT", worth: Proven },
    Case { name: "NOT NULL set", before: SHOP, up: "UPDATE item SET note = '' WHERE note IS NULL; ALTER TABLE item ALTER COLUMN note SET NOT NULL", worth: Lost("UPDATE in line 1") },
    Case { name: "identity changed and dropped", before: SHOP, up: "ALTER TABLE item ALTER COLUMN id SET GENERATED BY DEFAULT SET INCREMENT BY 5", worth: Proven },
    Case { name: "identity dropped", before: SHOP, up: "ALTER TABLE item ALTER COLUMN id DROP IDENTITY", worth: Proven },
    Case { name: "identity in place of serial", before: SHOP, up: "ALTER TABLE vendor ALTER COLUMN id DROP DEFAULT; DROP SEQUENCE vendor_id_seq; ALTER TABLE vendor ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY", worth: Proven },
    Case { name: "generated column made plain", before: "CREATE TABLE t (a integer, b integer GENERATED ALWAYS AS (a + 1) STORED)", up: "ALTER TABLE t ALTER COLUMN b DROP EXPRESSION", worth: Proven },
    Case { name: "generated column added with what it is made of", before: "CREATE TABLE t (id integer)", up: "ALTER TABLE t ADD COLUMN a integer, ADD COLUMN b integer GENERATED ALWAYS AS (a + 1) STORED", worth: Proven },
    Case { name: "type of a generated column changed", before: "CREATE TABLE t (a text, b varchar GENERATED ALWAYS AS (lower(a)) STORED)", up: "ALTER TABLE t ALTER COLUMN b TYPE varchar(255)", worth: Proven },
    Case { name: "domain changed", before: "CREATE DOMAIN d AS text DEFAULT 'x' CHECK (VALUE <> ''); CREATE TABLE t (a d)", up: "ALTER DOMAIN d DROP CONSTRAINT d_check; ALTER DOMAIN d ADD CONSTRAINT c CHECK (length(VALUE) < 90); ALTER DOMAIN d SET DEFAULT 'y'; ALTER DOMAIN d SET NOT NULL", worth: Proven },
    Case { name: "types dropped", before: "CREATE DOMAIN d AS text; CREATE TYPE c AS (a integer, b d); CREATE TYPE r AS RANGE (subtype = float8); CREATE TYPE e AS ENUM ()", up: "DROP TYPE c; DROP DOMAIN d; DROP TYPE r; DROP TYPE e", worth: Proven },
    Case { name: "column like the one that goes", before: "CREATE TABLE t (a integer, x text)", up: "ALTER TABLE t DROP COLUMN x, ADD COLUMN x text", worth: Lost("values of \"t\".\"x\"") },
    Case { name: "table like the one that goes", before: "CREATE TABLE t (a integer, x text)", up: "DROP TABLE t; CREATE TABLE t (a integer, x text)", worth: Lost("rows of \"t\"") },
    Case { name: "composite of an enum in the place of another, under its name", before: "CREATE TYPE e AS ENUM ('a', 'b'); CREATE TYPE c AS (a e, b text); CREATE TABLE t (x c, y e)", up: "ALTER TABLE t DROP COLUMN x, DROP COLUMN y; DROP TYPE c; DROP TYPE e; CREATE TYPE e AS ENUM ('q'); CREATE TYPE c AS (a e, b text); ALTER TABLE t ADD COLUMN x c, ADD COLUMN y e DEFAULT 'q'", worth: Lost("values of \"t\".\"x\"") },
    Case { name: "composite changed", before: "CREATE TYPE c AS (a integer, b text)", up: "ALTER TYPE c RENAME ATTRIBUTE a TO x; ALTER TYPE c ADD ATTRIBUTE z text", worth: Proven },
    Case { name: "sequence changed and dropped", before: "CREATE SEQUENCE s INCREMENT BY 3 CYCLE MAXVALUE 99; CREATE SEQUENCE z; CREATE TABLE t (a integer DEFAULT nextval('z'))", up: "ALTER SEQUENCE s INCREMENT BY 4 NO CYCLE; DROP SEQUENCE z CASCADE", worth: Proven },
    Case { name: "function replaced and changed", before: "CREATE FUNCTION f(a integer, b text DEFAULT 'x') RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION g() RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE TABLE t (a integer DEFAULT f(1)); COMMENT ON FUNCTION f(integer, text) IS 'it''s f'", up: "CREATE OR REPLACE FUNCTION g() RETURNS integer LANGUAGE sql AS 'SELECT 2'; ALTER TABLE t ALTER a DROP DEFAULT; DROP FUNCTION f(integer, text); CREATE FUNCTION f(a integer, c text) RETURNS bigint LANGUAGE sql AS 'SELECT 2::bigint'; ALTER TABLE t ALTER a SET DEFAULT f(2, 'y')", worth: Proven },
    Case { name: "function renamed, aggregate dropped", before: "CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0'); CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'", up: "ALTER FUNCTION f(integer) RENAME TO g; DROP AGGREGATE total(integer); DROP PROCEDURE p()", worth: Proven },
    Case { name: "views replaced", before: "CREATE TABLE t (a integer PRIMARY KEY, b text); CREATE VIEW v AS SELECT a FROM t; CREATE VIEW w WITH (security_barrier) AS SELECT a FROM v; CREATE MATERIALIZED VIEW m AS SELECT a, b FROM t GROUP BY a; CREATE UNIQUE INDEX m_a ON m (a); COMMENT ON VIEW w IS 'x'", up: "DROP VIEW w; DROP VIEW v; DROP MATERIALIZED VIEW m; ALTER TABLE t ALTER COLUMN b TYPE varchar(300); CREATE VIEW v AS SELECT a, b FROM t", worth: Proven },
    Case { name: "a view that reads another column", before: "CREATE ROLE rollback_reader; CREATE TABLE t (a integer, b integer); CREATE VIEW v AS SELECT a FROM t; CREATE VIEW w AS SELECT a FROM v; COMMENT ON VIEW v IS 'x'; GRANT SELECT ON v TO rollback_reader", up: "CREATE OR REPLACE VIEW v WITH (security_barrier) AS SELECT b AS a FROM t; ALTER TABLE t DROP COLUMN a", worth: Lost("values of \"t\".\"a\"") },
    Case { name: "triggers", before: "CREATE TABLE t (a integer, b integer); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER one BEFORE UPDATE OF b ON t FOR EACH ROW WHEN (OLD.b IS DISTINCT FROM NEW.b) EXECUTE FUNCTION f(); CREATE TRIGGER two AFTER INSERT ON t EXECUTE FUNCTION f(); CREATE TRIGGER three AFTER INSERT ON t EXECUTE FUNCTION f()", up: "DROP TRIGGER one ON t; ALTER TABLE t ALTER COLUMN b TYPE bigint; ALTER TABLE t DISABLE TRIGGER two; ALTER TRIGGER three ON t RENAME TO drei; ALTER TABLE t ENABLE ALWAYS TRIGGER drei", worth: Proven },
    Case { name: "row security", before: "CREATE TABLE t (a integer, b text); CREATE POLICY p ON t FOR SELECT USING (a > 1); CREATE POLICY q ON t AS RESTRICTIVE FOR INSERT WITH CHECK (b = 'x')", up: "ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY; ALTER POLICY p ON t RENAME TO pp; DROP POLICY q ON t; ALTER POLICY pp ON t USING (a > 2)", worth: Proven },
    Case { name: "privileges", before: "CREATE ROLE rollback_reader; CREATE TABLE t (a integer, b text); CREATE SEQUENCE s; CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'; GRANT SELECT ON t TO rollback_reader WITH GRANT OPTION; GRANT UPDATE (b) ON t TO PUBLIC; ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO rollback_reader", up: "REVOKE SELECT ON t FROM rollback_reader CASCADE; REVOKE UPDATE (b) ON t FROM PUBLIC; GRANT ALL ON t TO PUBLIC; REVOKE DELETE ON t FROM postgres; GRANT USAGE ON SEQUENCE s TO rollback_reader; REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC; ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM rollback_reader; ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; GRANT CREATE ON SCHEMA public TO rollback_reader", worth: Proven },
    Case { name: "dropped things with privileges", before: "CREATE ROLE rollback_reader; CREATE TABLE t (a integer, b text); GRANT SELECT ON t TO rollback_reader; GRANT UPDATE (b) ON t TO rollback_reader; CREATE VIEW v AS SELECT 1 AS a; GRANT SELECT ON v TO PUBLIC; CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION f() FROM PUBLIC", up: "DROP TABLE t; DROP VIEW v; DROP FUNCTION f()", worth: Lost("rows of \"t\"") },
    Case { name: "comments", before: "CREATE TABLE t (a integer PRIMARY KEY); COMMENT ON TABLE t IS 'it''s'; COMMENT ON COLUMN t.a IS 'a'; COMMENT ON CONSTRAINT t_pkey ON t IS 'c'; COMMENT ON SCHEMA public IS 'p'", up: "COMMENT ON TABLE t IS NULL; COMMENT ON COLUMN t.a IS 'b'; COMMENT ON CONSTRAINT t_pkey ON t IS NULL; COMMENT ON INDEX t_pkey IS 'i'; COMMENT ON SCHEMA public IS NULL", worth: Proven },
    Case { name: "partitions", before: "CREATE TABLE p (id integer NOT NULL, at date NOT NULL, note text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01'); CREATE TABLE p2 PARTITION OF p FOR VALUES FROM ('2021-01-01') TO ('2022-01-01'); CREATE INDEX p_note ON p (note)", up: "ALTER TABLE p DETACH PARTITION p2; CREATE TABLE p3 PARTITION OF p DEFAULT; DROP INDEX p_note; ALTER TABLE p ADD COLUMN more integer NOT NULL DEFAULT 1; ALTER TABLE p ALTER COLUMN note TYPE varchar(300); CREATE INDEX p_more ON p (more)", worth: Proven },
    Case { name: "partitioned table dropped", before: "CREATE TABLE p (id integer NOT NULL, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')", up: "DROP TABLE p", worth: Lost("rows of \"p\"") },
    Case { name: "inheritance", before: "CREATE TABLE a (x integer); CREATE TABLE b (y integer) INHERITS (a); CREATE TABLE c (x integer)", up: "ALTER TABLE b NO INHERIT a; ALTER TABLE c INHERIT a; ALTER TABLE a ADD COLUMN z text", worth: Proven },
    Case { name: "extension made", before: "CREATE TABLE t (a text)", up: "CREATE EXTENSION IF NOT EXISTS pg_trgm; CREATE INDEX t_a ON t USING gin (a gin_trgm_ops)", worth: Proven },
    Case { name: "schemas", before: "CREATE SCHEMA old; CREATE TABLE old.t (a serial PRIMARY KEY, b text); CREATE SCHEMA gone", up: "CREATE SCHEMA new; ALTER TABLE old.t SET SCHEMA new; ALTER SCHEMA old RENAME TO older; DROP SCHEMA gone; CREATE TABLE new.u (id integer REFERENCES new.t)", worth: Proven },
    Case { name: "settings of tables", before: "CREATE UNLOGGED TABLE t (a integer) WITH (fillfactor = 80); CREATE TABLE u (a integer)", up: "ALTER TABLE t SET LOGGED; ALTER TABLE t RESET (fillfactor); ALTER TABLE u SET (fillfactor = 60, autovacuum_enabled = off)", worth: Proven },
    Case { name: "what the catalog type does not hold", before: "CREATE TABLE t (a text, b integer PRIMARY KEY, c text); ALTER TABLE t ALTER a SET STORAGE EXTERNAL; ALTER TABLE t REPLICA IDENTITY FULL; CREATE STATISTICS st ON a, b FROM t; CREATE RULE r AS ON DELETE TO t DO NOTHING", up: "ALTER TABLE t ALTER a SET STORAGE MAIN; ALTER TABLE t ALTER b SET STATISTICS 500; ALTER TABLE t ALTER b SET (n_distinct = 5); ALTER TABLE t REPLICA IDENTITY DEFAULT; DROP STATISTICS st; DROP RULE r ON t; ALTER TABLE t CLUSTER ON t_pkey", worth: Proven },
    Case { name: "extended statistics", before: "CREATE TABLE t (a integer, b integer, c text); CREATE STATISTICS s1 ON a, b FROM t; COMMENT ON STATISTICS s1 IS 'both'; CREATE STATISTICS s2 (dependencies) ON a, c FROM t; CREATE STATISTICS s3 ON b, c FROM t; CREATE STATISTICS s4 ON a, b FROM t; CREATE MATERIALIZED VIEW v AS SELECT a, b FROM t; CREATE STATISTICS s5 (ndistinct) ON a, b FROM v", up: "DROP STATISTICS s1; ALTER STATISTICS s2 SET STATISTICS 500; ALTER STATISTICS s3 RENAME TO s6; COMMENT ON STATISTICS s4 IS 'new'; DROP MATERIALIZED VIEW v; ALTER TABLE t ALTER a TYPE bigint; CREATE MATERIALIZED VIEW v AS SELECT a, b, c FROM t; CREATE STATISTICS s7 (mcv) ON b, c FROM v", worth: Proven },
    Case { name: "extended statistics of a column that comes back", before: "CREATE TABLE t (a integer, b integer, c integer); CREATE STATISTICS s1 ON a, b FROM t; CREATE STATISTICS s2 ON a, c FROM t", up: "ALTER TABLE t DROP COLUMN b; ALTER STATISTICS s2 SET STATISTICS 20", worth: Lost("values of \"t\".\"b\"") },
    Case { name: "extended statistics of a column that comes back last", before: "CREATE TABLE t (a integer, b integer, \"C, \"\"d\" text); CREATE STATISTICS \"s ON a, b FROM t\" (ndistinct, mcv) ON a, b, \"C, \"\"d\" FROM t; CREATE STATISTICS s2 ON b, a FROM t", up: "ALTER TABLE t DROP COLUMN a", worth: Lost("values of \"t\".\"a\"") },
    Case { name: "storage of a column that comes back", before: "CREATE TABLE t (a integer, b text); ALTER TABLE t ALTER b SET STORAGE EXTERNAL", up: "ALTER TABLE t DROP COLUMN b", worth: Lost("values of \"t\".\"b\"") },
    Case { name: "concurrent index", before: SHOP, up: "CREATE INDEX CONCURRENTLY item_note_idx ON item (note)", worth: Proven },
    Case { name: "index dropped concurrently", before: SHOP, up: "DROP INDEX CONCURRENTLY item_vendor_idx", worth: Proven },
    Case { name: "nothing at all", before: SHOP, up: "CREATE TABLE IF NOT EXISTS vendor (id integer); SET lock_timeout = '1s'", worth: Proven },
    Case { name: "rows only", before: SHOP, up: "UPDATE vendor SET name = upper(name)", worth: Irreversible("UPDATE in line 1 changes \"name\"") },
    Case { name: "dynamic rows", before: SHOP, up: "ALTER TABLE item ADD COLUMN x integer; DO $$ BEGIN UPDATE item SET note = 'x'; END $$", worth: Lost("DO block") },
    Case { name: "an object without a statement", before: SHOP, up: "CREATE TEXT SEARCH CONFIGURATION own (COPY = simple)", worth: Irreversible("text search configuration own") },
    Case { name: "circle of tables dropped", before: "CREATE TABLE a (id integer PRIMARY KEY, b_id integer); CREATE TABLE b (id integer PRIMARY KEY, a_id integer REFERENCES a); ALTER TABLE a ADD FOREIGN KEY (b_id) REFERENCES b", up: "ALTER TABLE a DROP CONSTRAINT a_b_id_fkey; DROP TABLE b; DROP TABLE a", worth: Lost("rows of \"a\"") },
    Case { name: "hostile names", before: "CREATE TABLE \"a\"\"b;--\" (\"x$$y\" integer NOT NULL, \"it's %\" text NOT NULL DEFAULT 'q', UNIQUE (\"x$$y\"))", up: "ALTER TABLE \"a\"\"b;--\" DROP COLUMN \"x$$y\"; ALTER TABLE \"a\"\"b;--\" RENAME COLUMN \"it's %\" TO \"$b$\"", worth: Lost("x$$y") },
];

/// Cases that older versions cannot have: the first that can, and what it brought.
const SINCE: &[(&str, u32, &str)] = &[
    ("generated column made plain", 13, "ALTER COLUMN … DROP EXPRESSION"),
    (
        "extension made",
        13,
        "trusted extensions, which the owner of a database makes and drops; the lab makes the others, and keeps them",
    ),
    ("extended statistics", 13, "ALTER STATISTICS … SET STATISTICS"),
    ("extended statistics of a column that comes back", 13, "ALTER STATISTICS … SET STATISTICS"),
];

/// What the version lacks for a case.
fn lacks(case: &Case, major: u32) -> Option<&'static str> {
    let since = SINCE.iter().find(|(name, ..)| *name == case.name);
    since.filter(|(_, since, _)| major < *since).map(|(.., what)| *what)
}

async fn lab(major: u32) -> Option<Lab> {
    match Lab::start(&LabOptions { major: Some(major), ..LabOptions::default() }).await {
        Ok(lab) if lab.version().major() == major => Some(lab),
        Ok(lab) => {
            eprintln!("not tested on PostgreSQL {major}: there is only {}", lab.version());
            None
        }
        Err(error) => {
            eprintln!("not tested on PostgreSQL {major}: {error}; {}", error.hint());
            None
        }
    }
}

fn majors() -> Vec<u32> {
    match std::env::var("PGSTEWARD_TEST_MAJORS") {
        Ok(list) => list.split(',').map(|major| major.trim().parse().unwrap()).collect(),
        Err(_) => vec![17, 15],
    }
}

async fn prove(lab: &Lab, case: &Case) -> Down {
    let files = [("1_before".to_owned(), case.before.to_owned()), ("2_up".to_owned(), case.up.to_owned())];
    let mut chain = Chain::new(lab, &files, Regime::OneMessage).await.unwrap();
    chain.walk_to(1).await.unwrap();
    let down = chain.next(None).await.unwrap();
    chain.finish().await.unwrap();
    down
}

fn is_as_expected(down: &Down, expected: Expected) -> bool {
    match (&down.worth, expected) {
        (Worth::Proven, Proven) => down.lost.is_empty(),
        (Worth::StructureProven, Lost(words)) => {
            down.lost.iter().any(|loss| format!("{}: {}", loss.what, loss.why).contains(words))
        }
        (Worth::OverEmptyTables { reason }, OverEmpty(words)) => reason.contains(words),
        (Worth::Irreversible { reason }, Irreversible(words)) => reason.contains(words),
        _ => false,
    }
}

#[tokio::test]
async fn every_kind_of_change_is_undone() {
    for (name, ..) in SINCE {
        assert!(CASES.iter().any(|case| case.name == *name), "{name}");
    }
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        let mut wrong = String::new();
        // What differs from version to version is in the catalog queries: a sample of the cases shows it.
        let every = if major == 17 || std::env::var_os("PGSTEWARD_TEST_MAJORS").is_some() { 1 } else { 8 };
        for case in CASES.iter().step_by(every) {
            if let Some(what) = lacks(case, major) {
                eprintln!("\"{}\" is not tested on PostgreSQL {major}: it has no {what}", case.name);
                continue;
            }
            let down = prove(&lab, case).await;
            if !is_as_expected(&down, case.worth) {
                wrong += &format!(
                    "\n== {} on {major}: {:?} expected, {:?} found; lost: {:?}\n{}",
                    case.name, case.worth, down.worth, down.lost, down.sql
                );
            }
        }
        lab.stop().await.unwrap();
        assert!(wrong.is_empty(), "{wrong}");
    }
}

/// Statements that somebody wrote are tried as they are, and what is wrong with them is said.
#[tokio::test]
async fn written_statements_are_proven_as_they_are() {
    let Some(lab) = lab(17).await else { return };
    let up = "ALTER TABLE item ADD COLUMN weight integer, ADD COLUMN size integer";
    let files = [("1".to_owned(), SHOP.to_owned()), ("2".to_owned(), up.to_owned())];
    for (written, expected) in [
        ("-- both at once\nALTER TABLE item DROP COLUMN weight, DROP COLUMN size;\n", None),
        (
            "ALTER TABLE item DROP COLUMN weight;\n",
            Some("the schema is not what it was: column public.item.size"),
        ),
        ("ALTER TABLE item DROP COLUMN wait;\n", Some("the server refuses it: column \"wait\"")),
        (
            "ALTER TABLE item DROP COLUMN weight, DROP COLUMN size;\nCREATE TABLE more ();",
            Some("table public.more: only after"),
        ),
    ] {
        let mut chain = Chain::new(&lab, &files, Regime::OneMessage).await.unwrap();
        chain.walk_to(1).await.unwrap();
        let down = chain.next(Some(written)).await.unwrap();
        match expected {
            None => {
                assert_eq!(down.worth, Worth::Proven);
                assert_eq!(down.sql, written, "hand edits are kept to the byte");
            }
            Some(words) => {
                assert!(down.worth.reason().is_some_and(|reason| reason.contains(words)), "{:?}", down.worth);
            }
        }
        chain.finish().await.unwrap();
    }
    lab.stop().await.unwrap();
}

/// After a trial that failed the walk goes on from the right state.
#[tokio::test]
async fn a_failed_proof_leaves_the_next_migration_alone() {
    let Some(lab) = lab(17).await else { return };
    let texts = [SHOP, "ALTER TABLE item ADD COLUMN a integer", "ALTER TABLE item DROP COLUMN a"];
    let files: Vec<(String, String)> =
        texts.iter().enumerate().map(|(number, text)| (number.to_string(), (*text).to_owned())).collect();
    let mut chain = Chain::new(&lab, &files, Regime::OneMessage).await.unwrap();
    chain.walk_to(1).await.unwrap();
    let wrong = chain.next(Some("DROP TABLE item;")).await.unwrap();
    assert!(matches!(wrong.worth, Worth::Unproven { .. }), "{:?}", wrong.worth);
    let next = chain.next(None).await.unwrap();
    assert_eq!(next.worth, Worth::StructureProven, "{:?}", next.lost);
    assert_eq!(next.sql, "ALTER TABLE public.item ADD COLUMN a integer;\n");
    chain.finish().await.unwrap();
    lab.stop().await.unwrap();
}
