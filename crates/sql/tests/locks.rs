//! What statements lock, rewrite and scan on a known state. Locks and rewrites of the rows that may run in a
//! transaction and have no version were compared with `pg_locks` and `pg_class.relfilenode` of PostgreSQL 15.

use pgsteward_model::catalog::Catalog;
use pgsteward_model::version::ServerVersion;
use pgsteward_sql::{Births, apply, parse};

/// The state that every statement meets; the lab measures statements on the same.
const STATE: &str = include_str!("../../lab/tests/it/prediction_state.sql");

/// `relation MODE [rewrite] [scan] [index]`, joined by commas; then `alone` for a statement that refuses a
/// transaction block and `unknown` for one that is not understood.
fn effect(version: u32, sql: &str) -> String {
    let mut catalog = Catalog::empty(ServerVersion::of_major(version));
    let mut births = Births::default();
    let state = parse(STATE);
    assert_eq!(state.errors, []);
    for statement in &state.statements {
        let effect = apply(&mut catalog, &statement.statement, &mut births);
        assert!(!effect.unknown, "{statement:?}");
    }
    let file = parse(sql);
    assert_eq!(file.errors, [], "{sql}");
    assert_eq!(file.statements.len(), 1, "{sql}");
    let effect = apply(&mut catalog, &file.statements[0].statement, &mut births);
    let mut parts: Vec<String> = effect
        .touches
        .iter()
        .map(|touch| {
            let mut text = format!("{} {}", touch.relation.name, touch.lock);
            for (word, present) in [
                ("rewrite", touch.rewrite.is_some()),
                ("scan", touch.scan.is_some()),
                ("index", touch.builds_index),
            ] {
                if present {
                    text.push(' ');
                    text.push_str(word);
                }
            }
            text
        })
        .collect();
    parts.sort();
    if effect.needs_no_transaction {
        parts.push("alone".into());
    }
    if effect.unknown {
        parts.push("unknown".into());
    }
    parts.join(", ")
}

/// Rows of `statement => effect`; a leading `12:` names the version, 15 where there is none.
fn check(table: &str) {
    let mut wrong = Vec::new();
    for row in table.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (statement, wanted) = row.rsplit_once("=>").unwrap_or((row, ""));
        let (version, sql) = match statement.split_once(": ") {
            Some((version, sql)) => version.parse().map_or((15, statement), |version| (version, sql)),
            None => (15, statement),
        };
        let found = effect(version, sql.trim());
        if found != wanted.trim() {
            wrong.push(format!("{} => {found}", statement.trim()));
        }
    }
    assert!(wrong.is_empty(), "these rows are different:\n{}", wrong.join("\n"));
}

#[test]
fn columns() {
    check(
        r#"
        ALTER TABLE child ADD COLUMN a integer => child ACCESS EXCLUSIVE
        ALTER TABLE child ADD COLUMN a integer DEFAULT 1 => child ACCESS EXCLUSIVE
        10: ALTER TABLE child ADD COLUMN a integer DEFAULT 1 => child ACCESS EXCLUSIVE rewrite
        ALTER TABLE child ADD COLUMN a integer NOT NULL DEFAULT 1 => child ACCESS EXCLUSIVE
        ALTER TABLE child ADD COLUMN a integer NOT NULL => child ACCESS EXCLUSIVE
        ALTER TABLE child ADD COLUMN a timestamptz DEFAULT now() => child ACCESS EXCLUSIVE
        ALTER TABLE child ADD COLUMN a timestamptz DEFAULT CURRENT_TIMESTAMP => child ACCESS EXCLUSIVE
        ALTER TABLE child ADD COLUMN a timestamptz DEFAULT clock_timestamp() => child ACCESS EXCLUSIVE rewrite
        ALTER TABLE child ADD COLUMN a uuid DEFAULT gen_random_uuid() => child ACCESS EXCLUSIVE rewrite
        ALTER TABLE child ADD COLUMN a integer DEFAULT one() => child ACCESS EXCLUSIVE
        ALTER TABLE child ADD COLUMN a integer DEFAULT draw() => child ACCESS EXCLUSIVE rewrite
        ALTER TABLE child ADD COLUMN a varchar(20) DEFAULT 'x'::character varying(20) => child ACCESS EXCLUSIVE
        ALTER TABLE child ADD COLUMN a serial => child ACCESS EXCLUSIVE rewrite
        ALTER TABLE child ADD COLUMN a bigint GENERATED ALWAYS AS IDENTITY => child ACCESS EXCLUSIVE rewrite
        ALTER TABLE child ADD COLUMN a integer GENERATED ALWAYS AS (amount + 1) STORED => child ACCESS EXCLUSIVE rewrite
        18: ALTER TABLE child ADD COLUMN a integer GENERATED ALWAYS AS (amount + 1) VIRTUAL => child ACCESS EXCLUSIVE
        ALTER TABLE child ADD COLUMN a positive => child ACCESS EXCLUSIVE rewrite
        ALTER TABLE child ADD COLUMN a mood DEFAULT 'sad' => child ACCESS EXCLUSIVE
        ALTER TABLE child ADD COLUMN a integer UNIQUE => child ACCESS EXCLUSIVE index
        ALTER TABLE child ADD COLUMN a integer CHECK (a > 0) => child ACCESS EXCLUSIVE scan
        ALTER TABLE child ADD COLUMN a bigint REFERENCES parent (id) => child ACCESS EXCLUSIVE, parent SHARE ROW EXCLUSIVE
        ALTER TABLE child ADD COLUMN a bigint DEFAULT 1 REFERENCES parent (id) => child ACCESS EXCLUSIVE scan, parent SHARE ROW EXCLUSIVE
        ALTER TABLE child ADD COLUMN IF NOT EXISTS name text DEFAULT random()::text => child ACCESS EXCLUSIVE
        ALTER TABLE child DROP COLUMN note => child ACCESS EXCLUSIVE
        ALTER TABLE child DROP COLUMN parent_id => child ACCESS EXCLUSIVE, parent ACCESS EXCLUSIVE
        ALTER TABLE child ALTER COLUMN note SET NOT NULL => child ACCESS EXCLUSIVE scan
        ALTER TABLE child ALTER COLUMN fixed SET NOT NULL => child ACCESS EXCLUSIVE
        ALTER TABLE child ALTER COLUMN proven SET NOT NULL => child ACCESS EXCLUSIVE
        11: ALTER TABLE child ALTER COLUMN proven SET NOT NULL => child ACCESS EXCLUSIVE scan
        ALTER TABLE child ALTER COLUMN fixed DROP NOT NULL => child ACCESS EXCLUSIVE
        ALTER TABLE child ALTER COLUMN note SET DEFAULT 'x' => child ACCESS EXCLUSIVE
        ALTER TABLE child ALTER COLUMN note DROP DEFAULT => child ACCESS EXCLUSIVE
        ALTER TABLE child ALTER COLUMN note SET STATISTICS 500 => child SHARE UPDATE EXCLUSIVE
        ALTER TABLE child ALTER COLUMN note SET (n_distinct = 5) => child SHARE UPDATE EXCLUSIVE
        ALTER TABLE child ALTER COLUMN note SET STORAGE EXTERNAL => child ACCESS EXCLUSIVE
        ALTER TABLE child ALTER COLUMN fixed ADD GENERATED ALWAYS AS IDENTITY => child ACCESS EXCLUSIVE
        ALTER TABLE child RENAME COLUMN note TO remark => child ACCESS EXCLUSIVE
        ALTER TABLE events ADD COLUMN a integer => events ACCESS EXCLUSIVE, events_2024 ACCESS EXCLUSIVE
        ALTER TABLE missing ADD COLUMN a integer => missing ACCESS EXCLUSIVE
        ALTER TABLE IF EXISTS missing ADD COLUMN a integer =>
        "#,
    );
}

#[test]
fn types() {
    check(
        r#"
        ALTER TABLE child ALTER COLUMN name TYPE varchar(40) => child ACCESS EXCLUSIVE
        ALTER TABLE child ALTER COLUMN name TYPE varchar(10) => child ACCESS EXCLUSIVE rewrite index
        ALTER TABLE child ALTER COLUMN name TYPE varchar => child ACCESS EXCLUSIVE
        ALTER TABLE child ALTER COLUMN name SET DATA TYPE text => child ACCESS EXCLUSIVE
        ALTER TABLE child ALTER COLUMN name TYPE text USING name::text => child ACCESS EXCLUSIVE
        ALTER TABLE child ALTER COLUMN name TYPE text USING lower(name) => child ACCESS EXCLUSIVE rewrite index
        ALTER TABLE child ALTER COLUMN note TYPE varchar => child ACCESS EXCLUSIVE
        ALTER TABLE child ALTER COLUMN note TYPE varchar(99) => child ACCESS EXCLUSIVE rewrite index
        ALTER TABLE child ALTER COLUMN price TYPE numeric(12,2) => child ACCESS EXCLUSIVE
        ALTER TABLE child ALTER COLUMN price TYPE numeric => child ACCESS EXCLUSIVE
        ALTER TABLE child ALTER COLUMN price TYPE numeric(12,4) => child ACCESS EXCLUSIVE rewrite index
        ALTER TABLE child ALTER COLUMN price TYPE numeric(8,2) => child ACCESS EXCLUSIVE rewrite index
        ALTER TABLE child ALTER COLUMN at TYPE timestamp(6) => child ACCESS EXCLUSIVE
        ALTER TABLE child ALTER COLUMN at TYPE timestamp(0) => child ACCESS EXCLUSIVE rewrite index
        ALTER TABLE child ALTER COLUMN at TYPE timestamptz(3) => child ACCESS EXCLUSIVE rewrite index
        ALTER TABLE child ALTER COLUMN seen TYPE timestamptz(6) => child ACCESS EXCLUSIVE
        ALTER TABLE child ALTER COLUMN amount TYPE bigint => child ACCESS EXCLUSIVE rewrite index, parent ACCESS EXCLUSIVE
        ALTER TABLE parent ALTER COLUMN id TYPE integer => child ACCESS EXCLUSIVE, parent ACCESS EXCLUSIVE rewrite index
        ALTER TABLE child ALTER COLUMN amount TYPE integer => child ACCESS EXCLUSIVE, parent ACCESS EXCLUSIVE
        ALTER TABLE child ALTER COLUMN state TYPE text USING state::text => child ACCESS EXCLUSIVE rewrite index
        ALTER TABLE child ALTER COLUMN note TYPE jsonb USING note::jsonb => child ACCESS EXCLUSIVE rewrite index
        ALTER TYPE mood ADD VALUE 'calm' =>
        11: ALTER TYPE mood ADD VALUE 'calm' => alone
        ALTER TYPE mood RENAME TO feeling =>
        ALTER TYPE mood RENAME VALUE 'sad' TO 'blue' =>
        DROP TYPE mood CASCADE => child ACCESS EXCLUSIVE
        "#,
    );
}

#[test]
fn constraints() {
    check(
        r#"
        ALTER TABLE child ADD CONSTRAINT c CHECK (amount < 9) => child ACCESS EXCLUSIVE scan
        ALTER TABLE child ADD CONSTRAINT c CHECK (amount < 9) NOT VALID => child ACCESS EXCLUSIVE
        ALTER TABLE child ADD CONSTRAINT c FOREIGN KEY (parent_id) REFERENCES parent (id) => child SHARE ROW EXCLUSIVE scan, parent SHARE ROW EXCLUSIVE
        ALTER TABLE child ADD CONSTRAINT c FOREIGN KEY (parent_id) REFERENCES parent (id) NOT VALID => child SHARE ROW EXCLUSIVE, parent SHARE ROW EXCLUSIVE
        ALTER TABLE child ADD CONSTRAINT c UNIQUE (note) => child ACCESS EXCLUSIVE index
        ALTER TABLE child ADD CONSTRAINT c UNIQUE USING INDEX child_amount_key => child ACCESS EXCLUSIVE
        ALTER TABLE loose ADD PRIMARY KEY (at) => loose ACCESS EXCLUSIVE index
        ALTER TABLE loose ADD PRIMARY KEY (body) => loose ACCESS EXCLUSIVE scan index
        ALTER TABLE loose ADD CONSTRAINT c EXCLUDE USING gist (daterange(at, at) WITH &&) => loose ACCESS EXCLUSIVE index
        ALTER TABLE child DROP CONSTRAINT child_amount => child ACCESS EXCLUSIVE
        ALTER TABLE child DROP CONSTRAINT child_late_fkey => child ACCESS EXCLUSIVE, parent ACCESS EXCLUSIVE
        ALTER TABLE parent DROP CONSTRAINT parent_pkey CASCADE => child ACCESS EXCLUSIVE, parent ACCESS EXCLUSIVE
        ALTER TABLE child VALIDATE CONSTRAINT child_amount => child SHARE UPDATE EXCLUSIVE scan
        ALTER TABLE child VALIDATE CONSTRAINT child_late_fkey => child SHARE UPDATE EXCLUSIVE scan, parent ROW SHARE
        ALTER TABLE child VALIDATE CONSTRAINT child_proven => child SHARE UPDATE EXCLUSIVE
        ALTER TABLE child RENAME CONSTRAINT child_amount TO c => child ACCESS EXCLUSIVE
        ALTER DOMAIN positive ADD CONSTRAINT c CHECK (VALUE < 9) => typed SHARE scan
        "#,
    );
}

#[test]
fn indexes() {
    check(
        r#"
        CREATE INDEX i ON child (note) => child SHARE index
        CREATE UNIQUE INDEX i ON child (note) => child SHARE index
        CREATE INDEX CONCURRENTLY i ON child (note) => child SHARE UPDATE EXCLUSIVE index, alone
        CREATE INDEX IF NOT EXISTS child_name_idx ON child (name) => child SHARE
        CREATE INDEX i ON events (body) => events SHARE index, events_2024 SHARE index
        CREATE INDEX i ON ONLY events (body) => events SHARE
        DROP INDEX child_name_idx => child ACCESS EXCLUSIVE
        DROP INDEX CONCURRENTLY child_name_idx => child SHARE UPDATE EXCLUSIVE, alone
        DROP INDEX IF EXISTS missing_idx =>
        ALTER INDEX child_name_idx RENAME TO i =>
        REINDEX INDEX child_name_idx => child SHARE index
        REINDEX TABLE child => child SHARE index
        REINDEX TABLE CONCURRENTLY child => child SHARE UPDATE EXCLUSIVE index, alone
        CREATE INDEX i ON totals (amount) => totals SHARE index
        "#,
    );
}

#[test]
fn tables() {
    check(
        r#"
        CREATE TABLE t (id integer) =>
        CREATE TABLE t (p bigint REFERENCES parent) => parent SHARE ROW EXCLUSIVE
        CREATE TABLE t (LIKE child) => child ACCESS SHARE
        CREATE TABLE t PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') => events ACCESS EXCLUSIVE
        CREATE TABLE t () INHERITS (child) => child SHARE UPDATE EXCLUSIVE
        DROP TABLE loose => loose ACCESS EXCLUSIVE
        DROP TABLE IF EXISTS missing =>
        DROP TABLE parent CASCADE => child ACCESS EXCLUSIVE, parent ACCESS EXCLUSIVE
        ALTER TABLE loose RENAME TO lax => loose ACCESS EXCLUSIVE
        ALTER TABLE loose SET SCHEMA public => loose ACCESS EXCLUSIVE
        ALTER TABLE loose SET UNLOGGED => loose ACCESS EXCLUSIVE rewrite
        ALTER TABLE loose SET LOGGED => loose ACCESS EXCLUSIVE
        ALTER TABLE loose SET (fillfactor = 70) => loose SHARE UPDATE EXCLUSIVE
        ALTER TABLE loose SET (autovacuum_enabled = false) => loose SHARE UPDATE EXCLUSIVE
        ALTER TABLE loose SET (user_catalog_table = true) => loose ACCESS EXCLUSIVE
        ALTER TABLE loose RESET (fillfactor) => loose SHARE UPDATE EXCLUSIVE
        ALTER TABLE child CLUSTER ON child_name_idx => child SHARE UPDATE EXCLUSIVE
        ALTER TABLE child SET WITHOUT CLUSTER => child SHARE UPDATE EXCLUSIVE
        ALTER TABLE loose OWNER TO CURRENT_USER => loose ACCESS EXCLUSIVE
        ALTER TABLE child REPLICA IDENTITY FULL => child ACCESS EXCLUSIVE
        ALTER TABLE child ENABLE ROW LEVEL SECURITY => child ACCESS EXCLUSIVE
        ALTER TABLE child DISABLE TRIGGER child_touch => child SHARE ROW EXCLUSIVE
        ALTER TABLE events ATTACH PARTITION loose FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') => events SHARE UPDATE EXCLUSIVE, loose ACCESS EXCLUSIVE scan
        ALTER TABLE events ATTACH PARTITION ready FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') => events SHARE UPDATE EXCLUSIVE, ready ACCESS EXCLUSIVE
        ALTER TABLE events DETACH PARTITION events_2024 => events ACCESS EXCLUSIVE, events_2024 ACCESS EXCLUSIVE
        ALTER TABLE events DETACH PARTITION events_2024 CONCURRENTLY => events SHARE UPDATE EXCLUSIVE, events_2024 ACCESS EXCLUSIVE, alone
        ALTER TABLE heir NO INHERIT base => base ACCESS SHARE, heir ACCESS EXCLUSIVE
        ALTER TABLE base ADD COLUMN a integer => base ACCESS EXCLUSIVE, heir ACCESS EXCLUSIVE
        ALTER TABLE loose INHERIT base => base SHARE UPDATE EXCLUSIVE, loose ACCESS EXCLUSIVE
        "#,
    );
}

#[test]
fn the_rest() {
    check(
        r#"
        CREATE TRIGGER t AFTER INSERT ON child FOR EACH ROW EXECUTE FUNCTION touch() => child SHARE ROW EXCLUSIVE
        DROP TRIGGER child_touch ON child => child ACCESS EXCLUSIVE
        ALTER TRIGGER child_touch ON child RENAME TO t => child ACCESS EXCLUSIVE
        CREATE POLICY p ON child USING (true) => child ACCESS EXCLUSIVE
        DROP POLICY child_all ON child => child ACCESS EXCLUSIVE
        ALTER POLICY child_all ON child USING (false) => child ACCESS EXCLUSIVE
        COMMENT ON TABLE child IS 'x' => child SHARE UPDATE EXCLUSIVE
        COMMENT ON COLUMN child.note IS 'x' => child SHARE UPDATE EXCLUSIVE
        CREATE VIEW v AS SELECT name FROM child JOIN parent ON parent.id = parent_id => child ACCESS SHARE, parent ACCESS SHARE
        DROP VIEW names => names ACCESS EXCLUSIVE
        REFRESH MATERIALIZED VIEW totals => child ACCESS SHARE, totals ACCESS EXCLUSIVE rewrite
        REFRESH MATERIALIZED VIEW CONCURRENTLY totals => child ACCESS SHARE, totals EXCLUSIVE
        TRUNCATE loose => loose ACCESS EXCLUSIVE
        TRUNCATE parent CASCADE => child ACCESS EXCLUSIVE, parent ACCESS EXCLUSIVE
        LOCK TABLE child IN SHARE MODE => child SHARE
        LOCK child => child ACCESS EXCLUSIVE
        VACUUM child => child SHARE UPDATE EXCLUSIVE, alone
        VACUUM (FULL) child => child ACCESS EXCLUSIVE rewrite, alone
        CLUSTER child USING child_name_idx => child ACCESS EXCLUSIVE rewrite
        ANALYZE child => child SHARE UPDATE EXCLUSIVE
        INSERT INTO loose VALUES ('2024-01-01', 'x') => loose ROW EXCLUSIVE
        UPDATE loose SET body = 'x' => loose ROW EXCLUSIVE
        DELETE FROM loose => loose ROW EXCLUSIVE
        INSERT INTO loose SELECT at, body FROM events => events ACCESS SHARE, loose ROW EXCLUSIVE
        INSERT INTO loose (body) VALUES ((SELECT name FROM child LIMIT 1)) => child ACCESS SHARE, loose ROW EXCLUSIVE
        INSERT INTO parent SELECT id FROM parent ON CONFLICT (id) DO UPDATE SET code = 'x' => parent ROW EXCLUSIVE
        INSERT INTO loose (WITH own AS (SELECT body FROM base) SELECT now(), body FROM own) => base ACCESS SHARE, loose ROW EXCLUSIVE
        WITH own AS (SELECT * FROM child) INSERT INTO loose SELECT now(), name FROM own => child ACCESS SHARE, loose ROW EXCLUSIVE
        WITH gone AS (DELETE FROM ready RETURNING *) INSERT INTO loose SELECT at, body FROM gone => loose ROW EXCLUSIVE, ready ROW EXCLUSIVE
        WITH own AS (UPDATE ready SET body = 'x' RETURNING at) DELETE FROM loose WHERE at IN (SELECT at FROM own) => loose ROW EXCLUSIVE, ready ROW EXCLUSIVE
        WITH own AS (INSERT INTO parent DEFAULT VALUES RETURNING id) UPDATE child SET parent_id = own.id FROM own => child ROW EXCLUSIVE, parent ROW EXCLUSIVE
        UPDATE child SET name = parent.code FROM parent WHERE parent.id = parent_id => child ROW EXCLUSIVE, parent ACCESS SHARE
        UPDATE child SET amount = 1 WHERE name IS DISTINCT FROM note => child ROW EXCLUSIVE
        DELETE FROM child USING parent p, loose WHERE p.id = parent_id => child ROW EXCLUSIVE, loose ACCESS SHARE, parent ACCESS SHARE
        DELETE FROM child USING (SELECT id FROM parent) p WHERE p.id = parent_id => child ROW EXCLUSIVE, parent ACCESS SHARE
        DELETE FROM child WHERE parent_id IN (SELECT id FROM parent JOIN loose USING (id)) => child ROW EXCLUSIVE, loose ACCESS SHARE, parent ACCESS SHARE
        MERGE INTO child c USING parent p ON p.id = c.parent_id WHEN MATCHED THEN DELETE => child ROW EXCLUSIVE, parent ACCESS SHARE
        SELECT * FROM child => child ACCESS SHARE
        SELECT * FROM child FOR UPDATE => child ROW SHARE
        WITH old AS (SELECT * FROM child) SELECT * FROM old => child ACCESS SHARE
        COPY child TO STDOUT => child ACCESS SHARE
        SET lock_timeout = '2s' =>
        DO $$ BEGIN EXECUTE 'ALTER TABLE child ADD COLUMN a integer'; END $$ => child ACCESS EXCLUSIVE
        DO $$ BEGIN EXECUTE format('DROP TABLE %I', 'child'); END $$ => unknown
        CALL anything() => unknown
        ALTER SYSTEM SET work_mem = '1MB' => alone
        CREATE DATABASE other => alone
        REINDEX SCHEMA public => base SHARE index, child SHARE index, events SHARE index, events_2024 SHARE index, heir SHARE index, loose SHARE index, parent SHARE index, ready SHARE index, typed SHARE index, unlogged_one SHARE index, alone
        "#,
    );
}
