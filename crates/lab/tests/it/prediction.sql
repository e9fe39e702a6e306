-- A1 index built with writes stopped
CREATE INDEX i ON child (note)
CREATE UNIQUE INDEX i ON child (id, note)
CREATE INDEX i ON child USING hash (note)
CREATE INDEX i ON child (lower(name)) WHERE amount > 3
CREATE INDEX i ON totals (amount)
CREATE INDEX CONCURRENTLY i ON child (note)
CREATE UNIQUE INDEX CONCURRENTLY i ON child (fixed, amount)
CREATE INDEX IF NOT EXISTS child_name_idx ON child (name)
-- A2 index dropped with everybody stopped
DROP INDEX child_name_idx
DROP INDEX CONCURRENTLY child_name_idx
DROP INDEX IF EXISTS missing_idx
DROP INDEX totals_key
-- A3 index rebuilt
REINDEX INDEX child_name_idx
REINDEX TABLE child
REINDEX TABLE CONCURRENTLY child
REINDEX INDEX CONCURRENTLY child_name_idx
-- A4 partition detached
ALTER TABLE events DETACH PARTITION events_2024
14: ALTER TABLE events DETACH PARTITION events_2024 CONCURRENTLY
-- A5 partition attached
ALTER TABLE events ATTACH PARTITION ready FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')
ALTER TABLE events ATTACH PARTITION loose FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')
CREATE TABLE t PARTITION OF events FOR VALUES FROM ('2030-01-01') TO ('2031-01-01')
-- A6 materialized view refreshed
REFRESH MATERIALIZED VIEW totals
REFRESH MATERIALIZED VIEW CONCURRENTLY totals
-- A8 foreign key validated at once
ALTER TABLE unlogged_one ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES child (id)
ALTER TABLE child ADD CONSTRAINT c FOREIGN KEY (parent_id) REFERENCES parent (id)
ALTER TABLE child ADD CONSTRAINT c FOREIGN KEY (parent_id) REFERENCES parent (id) NOT VALID
ALTER TABLE child ADD COLUMN a bigint REFERENCES parent (id)
ALTER TABLE child ADD COLUMN a bigint DEFAULT 1 REFERENCES parent (id)
CREATE TABLE t (p bigint REFERENCES parent)
-- A9 check validated at once
ALTER TABLE child ADD CONSTRAINT c CHECK (amount < 900)
ALTER TABLE child ADD CONSTRAINT c CHECK (amount < 900) NOT VALID
-- A10 constraints validated
ALTER TABLE child VALIDATE CONSTRAINT child_amount
ALTER TABLE child VALIDATE CONSTRAINT child_late_fkey
ALTER TABLE child VALIDATE CONSTRAINT child_proven
-- A11 unique constraints
ALTER TABLE child ADD CONSTRAINT c UNIQUE (fixed, note)
ALTER TABLE child ADD CONSTRAINT c UNIQUE USING INDEX child_amount_key
ALTER TABLE child ADD COLUMN a integer UNIQUE
15: ALTER TABLE loose ADD CONSTRAINT c UNIQUE NULLS NOT DISTINCT (at)
-- A12 primary keys
ALTER TABLE loose ADD PRIMARY KEY (at)
ALTER TABLE loose ADD PRIMARY KEY (body)
ALTER TABLE child DROP CONSTRAINT child_pkey, ADD CONSTRAINT child_pkey PRIMARY KEY USING INDEX child_fixed_key
-- A13 exclusion constraints
ALTER TABLE loose ADD CONSTRAINT c EXCLUDE USING gist (daterange(at, at) WITH &&)
-- A14 NOT NULL
ALTER TABLE child ALTER COLUMN note SET NOT NULL
ALTER TABLE child ALTER COLUMN fixed SET NOT NULL
ALTER TABLE child ALTER COLUMN proven SET NOT NULL
18: ALTER TABLE child ADD CONSTRAINT c NOT NULL note NOT VALID
-- A15 and A16 columns with and without defaults
ALTER TABLE unlogged_one ADD COLUMN a integer NOT NULL
ALTER TABLE child ADD COLUMN a integer
ALTER TABLE child ADD COLUMN a integer DEFAULT 1
ALTER TABLE child ADD COLUMN a integer NOT NULL DEFAULT 1
ALTER TABLE child ADD COLUMN a timestamptz DEFAULT now()
ALTER TABLE child ADD COLUMN a timestamptz DEFAULT CURRENT_TIMESTAMP
ALTER TABLE child ADD COLUMN a timestamptz DEFAULT clock_timestamp()
ALTER TABLE child ADD COLUMN a uuid DEFAULT gen_random_uuid()
ALTER TABLE child ADD COLUMN a integer DEFAULT one()
ALTER TABLE child ADD COLUMN a integer DEFAULT draw()
ALTER TABLE child ADD COLUMN a varchar(20) DEFAULT 'x'::character varying(20)
ALTER TABLE child ADD COLUMN a mood DEFAULT 'sad'
ALTER TABLE child ADD COLUMN a text[] DEFAULT ARRAY[]::text[]
ALTER TABLE child ADD COLUMN a jsonb NOT NULL DEFAULT '{}'
ALTER TABLE child ADD COLUMN IF NOT EXISTS name text DEFAULT random()::text
ALTER TABLE child ADD COLUMN a integer CHECK (a > 0)
ALTER TABLE events ADD COLUMN a integer
ALTER TABLE events ADD COLUMN a double precision DEFAULT random()
ALTER TABLE base ADD COLUMN a integer
-- A17 columns that count or are computed
ALTER TABLE child ADD COLUMN a serial
ALTER TABLE child ADD COLUMN a bigserial
ALTER TABLE child ADD COLUMN a bigint GENERATED ALWAYS AS IDENTITY
ALTER TABLE child ADD COLUMN a integer GENERATED ALWAYS AS (amount + 1) STORED
18: ALTER TABLE child ADD COLUMN a integer GENERATED ALWAYS AS (amount + 1) VIRTUAL
ALTER TABLE child ADD COLUMN a positive
ALTER TABLE child ADD COLUMN a integer DEFAULT nextval('numbers')
-- A18 types
ALTER TABLE child ALTER COLUMN note TYPE varchar
ALTER TABLE child ALTER COLUMN note TYPE varchar(99)
ALTER TABLE child ALTER COLUMN note TYPE jsonb USING note::jsonb
ALTER TABLE child ALTER COLUMN price TYPE numeric(12,2)
ALTER TABLE child ALTER COLUMN price TYPE numeric
ALTER TABLE child ALTER COLUMN price TYPE numeric(12,4)
ALTER TABLE child ALTER COLUMN price TYPE numeric(8,2)
ALTER TABLE child ALTER COLUMN price TYPE double precision
ALTER TABLE child ALTER COLUMN at TYPE timestamp(6)
ALTER TABLE child ALTER COLUMN at TYPE timestamp(0)
ALTER TABLE child ALTER COLUMN at TYPE date
ALTER TABLE child ALTER COLUMN seen TYPE timestamptz(6)
ALTER TABLE child ALTER COLUMN seen TYPE timestamp
ALTER TABLE child ALTER COLUMN fixed TYPE bigint
ALTER TABLE child ALTER COLUMN fixed TYPE text
ALTER TABLE child ALTER COLUMN parent_id TYPE integer
ALTER TABLE child ALTER COLUMN address TYPE inet
ALTER TABLE parent ALTER COLUMN id TYPE integer
ALTER TABLE parent ALTER COLUMN code TYPE varchar(50)
ALTER TABLE child ALTER COLUMN state TYPE text USING state::text
ALTER TABLE typed ALTER COLUMN size TYPE bigint
ALTER TABLE typed ALTER COLUMN range TYPE integer
-- A23 whole tables
VACUUM child
VACUUM (FULL) child
VACUUM FULL loose
CLUSTER child USING child_name_idx
TRUNCATE loose
TRUNCATE parent CASCADE
LOCK TABLE child IN SHARE MODE
LOCK TABLE child IN ACCESS SHARE MODE
LOCK child
ANALYZE child
-- A25 triggers
CREATE TRIGGER t AFTER INSERT ON child FOR EACH ROW EXECUTE FUNCTION touch()
DROP TRIGGER child_touch ON child
ALTER TRIGGER child_touch ON child RENAME TO t
ALTER TABLE child DISABLE TRIGGER child_touch
ALTER TABLE child ENABLE TRIGGER USER
ALTER TABLE child ENABLE ALWAYS TRIGGER child_touch
-- A27 domains
ALTER DOMAIN positive ADD CONSTRAINT c CHECK (VALUE < 900)
ALTER DOMAIN positive ADD CONSTRAINT c CHECK (VALUE < 900) NOT VALID
ALTER DOMAIN positive DROP CONSTRAINT positive_check
-- A29 partitioned tables
CREATE INDEX i ON events (body)
CREATE INDEX i ON ONLY events (body)
ALTER TABLE events ADD CONSTRAINT c CHECK (body <> '')
ALTER TABLE events ADD PRIMARY KEY (at, body)
ALTER TABLE events ADD CONSTRAINT c FOREIGN KEY (body) REFERENCES parent (code)
ALTER TABLE events ALTER COLUMN body SET NOT NULL
ALTER TABLE events ALTER COLUMN body TYPE varchar(80)
-- A30 storage
ALTER TABLE loose SET UNLOGGED
ALTER TABLE unlogged_one SET LOGGED
ALTER TABLE loose SET LOGGED
ALTER TABLE loose SET (fillfactor = 70)
ALTER TABLE loose SET (autovacuum_enabled = false)
ALTER TABLE loose SET (user_catalog_table = true)
ALTER TABLE loose RESET (fillfactor)
ALTER TABLE child CLUSTER ON child_name_idx
ALTER TABLE child SET WITHOUT CLUSTER
ALTER TABLE child ALTER COLUMN note SET STORAGE EXTERNAL
ALTER TABLE child ALTER COLUMN note SET STATISTICS 500
ALTER TABLE child ALTER COLUMN note SET (n_distinct = 5)
14: ALTER TABLE child ALTER COLUMN note SET COMPRESSION pglz
ALTER INDEX child_name_idx SET (fillfactor = 70)
-- B1 and B2 things dropped
ALTER TABLE child DROP COLUMN note
ALTER TABLE child DROP COLUMN parent_id
ALTER TABLE child DROP COLUMN name CASCADE
DROP TABLE loose
DROP TABLE IF EXISTS missing
DROP TABLE parent CASCADE
DROP TABLE events
DROP TABLE events_2024
DROP TABLE heir
DROP VIEW names
DROP MATERIALIZED VIEW totals
DROP TYPE mood CASCADE
DROP DOMAIN positive CASCADE
DROP SEQUENCE numbers
DROP SCHEMA other
DROP FUNCTION draw()
-- B4 things renamed
ALTER TABLE child RENAME COLUMN note TO remark
ALTER TABLE child RENAME CONSTRAINT child_amount TO c
ALTER TABLE loose RENAME TO lax
ALTER TABLE loose SET SCHEMA other
ALTER INDEX child_name_idx RENAME TO i
ALTER SEQUENCE numbers RENAME TO digits
ALTER VIEW names RENAME TO words
ALTER TYPE mood RENAME TO feeling
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'
ALTER TABLE events RENAME COLUMN body TO text
-- B5 to B7 what guarded the data
ALTER TABLE child ALTER COLUMN fixed DROP NOT NULL
ALTER TABLE child ALTER COLUMN note SET DEFAULT 'x'
ALTER TABLE child ALTER COLUMN note DROP DEFAULT
ALTER TABLE child DROP CONSTRAINT child_amount
ALTER TABLE child DROP CONSTRAINT child_late_fkey
ALTER TABLE child DROP CONSTRAINT child_pkey
ALTER TABLE parent DROP CONSTRAINT parent_pkey CASCADE
ALTER TABLE parent DROP CONSTRAINT parent_code_key
-- B9 enums
ALTER TYPE mood ADD VALUE 'calm'
CREATE TYPE weather AS ENUM ('rain', 'sun')
-- B10 identity, inheritance, replication
ALTER TABLE child ALTER COLUMN fixed ADD GENERATED ALWAYS AS IDENTITY
ALTER TABLE typed ALTER COLUMN size SET GENERATED BY DEFAULT
ALTER TABLE typed ALTER COLUMN size RESTART WITH 900
ALTER TABLE typed ALTER COLUMN size DROP IDENTITY
ALTER TABLE typed ALTER COLUMN double DROP EXPRESSION
17: ALTER TABLE typed ALTER COLUMN double SET EXPRESSION AS (2)
ALTER SEQUENCE numbers RESTART WITH 5
ALTER SEQUENCE child_id_seq AS bigint
ALTER TABLE child REPLICA IDENTITY FULL
ALTER TABLE heir NO INHERIT base
ALTER TABLE loose INHERIT base
CREATE TABLE t () INHERITS (child)
-- B13 views and functions
CREATE VIEW v AS SELECT name FROM child JOIN parent ON parent.id = parent_id
CREATE OR REPLACE VIEW names AS SELECT name FROM child WHERE amount > 3
CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$
CREATE MATERIALIZED VIEW m AS SELECT * FROM parent
-- B14 privileges and policies
ALTER TABLE child ENABLE ROW LEVEL SECURITY
ALTER TABLE child FORCE ROW LEVEL SECURITY
CREATE POLICY p ON child USING (true)
CREATE POLICY p ON child USING (parent_id IN (SELECT id FROM parent))
ALTER POLICY child_all ON child USING (false)
DROP POLICY child_all ON child
GRANT SELECT ON child TO PUBLIC
REVOKE ALL ON child FROM PUBLIC
ALTER TABLE loose OWNER TO CURRENT_USER
-- C7 and C8 rows
INSERT INTO loose VALUES ('2024-01-01', 'x')
INSERT INTO loose SELECT at, body FROM ready
UPDATE loose SET body = 'x'
UPDATE child SET amount = amount WHERE name IS DISTINCT FROM note
UPDATE child SET name = parent.code FROM parent WHERE parent.id = parent_id
DELETE FROM loose
DELETE FROM child USING parent p, loose WHERE p.id = parent_id
WITH gone AS (DELETE FROM ready RETURNING *) INSERT INTO loose SELECT at, body FROM gone
15: MERGE INTO child c USING parent p ON p.id = c.parent_id WHEN MATCHED THEN DELETE
SELECT * FROM child
SELECT * FROM child FOR UPDATE
DO $$ BEGIN EXECUTE 'ALTER TABLE child ADD COLUMN a integer'; END $$
-- notes and new things
COMMENT ON TABLE child IS 'x'
COMMENT ON COLUMN child.note IS 'x'
CREATE TABLE t (id integer)
CREATE TABLE t (LIKE child)
CREATE TABLE t AS SELECT * FROM parent
CREATE SEQUENCE s OWNED BY child.amount
CREATE STATISTICS s ON name, note FROM child
SET lock_timeout = '2s'
