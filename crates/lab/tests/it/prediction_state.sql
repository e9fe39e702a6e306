CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TABLE parent (id bigint PRIMARY KEY, code text UNIQUE);
CREATE TABLE child (
    id serial PRIMARY KEY,
    parent_id bigint REFERENCES parent (id),
    name varchar(20),
    note text,
    price numeric(10,2),
    at timestamp(3),
    seen timestamptz,
    state mood,
    amount integer,
    proven integer,
    address cidr,
    CONSTRAINT child_proven CHECK (proven IS NOT NULL),
    CONSTRAINT child_amount CHECK (amount > 0) NOT VALID,
    fixed integer NOT NULL
);
CREATE INDEX child_name_idx ON child (name);
CREATE UNIQUE INDEX child_amount_key ON child (amount);
CREATE UNIQUE INDEX child_fixed_key ON child (fixed);
ALTER TABLE child ADD CONSTRAINT child_late_fkey FOREIGN KEY (amount) REFERENCES parent (id) NOT VALID;
CREATE TABLE events (at date NOT NULL, body text) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE loose (at date NOT NULL, body text);
CREATE TABLE ready (at date NOT NULL, body text, CONSTRAINT ready_at CHECK (at >= '2026-01-01' AND at < '2027-01-01'));
CREATE VIEW names AS SELECT name FROM child;
CREATE MATERIALIZED VIEW totals AS SELECT amount, count(*) FROM child GROUP BY amount;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION one() RETURNS integer IMMUTABLE LANGUAGE sql AS $$ SELECT 1 $$;
CREATE FUNCTION draw() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
CREATE UNIQUE INDEX totals_key ON totals (amount);
CREATE TABLE base (body text);
CREATE TABLE heir () INHERITS (base);
CREATE TRIGGER child_touch BEFORE UPDATE ON child FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY child_all ON child USING (true);
CREATE TABLE typed (id bigint PRIMARY KEY, size integer GENERATED ALWAYS AS IDENTITY, range positive, double integer GENERATED ALWAYS AS (1) STORED);
CREATE TABLE unlogged_one (id integer, parent_id bigint);
ALTER TABLE unlogged_one SET UNLOGGED;
CREATE SEQUENCE numbers;
CREATE SCHEMA other;
INSERT INTO parent SELECT n, n::text FROM generate_series(1, 300) n;
INSERT INTO child (parent_id, name, note, price, at, seen, state, amount, proven, fixed, address)
SELECT n, 'n' || n, '{}', n, '2024-01-01', '2024-01-01', 'sad', n, n, n, '10.0.0.0/8' FROM generate_series(1, 300) n;
INSERT INTO events SELECT '2024-02-01', n::text FROM generate_series(1, 300) n;
INSERT INTO loose SELECT '2025-02-01'::date + n, n::text FROM generate_series(1, 300) n;
INSERT INTO ready SELECT '2026-02-01', 'x' FROM generate_series(1, 300);
INSERT INTO base SELECT 'x' FROM generate_series(1, 300);
INSERT INTO typed (id, range) SELECT n, n FROM generate_series(1, 300) n;
REFRESH MATERIALIZED VIEW totals;
