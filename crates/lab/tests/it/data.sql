CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE DOMAIN percent AS numeric(5, 2) CHECK (VALUE >= 0 AND VALUE <= 100);

CREATE TABLE org (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, slug text NOT NULL UNIQUE);
CREATE TABLE project (
  org_id bigint NOT NULL REFERENCES org, id uuid NOT NULL, name varchar(30) NOT NULL,
  PRIMARY KEY (org_id, id), UNIQUE (org_id, name));
CREATE TABLE person (
  org_id bigint NOT NULL REFERENCES org, id uuid NOT NULL UNIQUE, email text NOT NULL, manager uuid,
  PRIMARY KEY (org_id, id), FOREIGN KEY (org_id, manager) REFERENCES person (org_id, id));
CREATE UNIQUE INDEX person_email ON person (lower(email));
CREATE TABLE task (
  id serial PRIMARY KEY, org_id bigint NOT NULL, project_id uuid NOT NULL, person_id uuid NOT NULL,
  FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id),
  FOREIGN KEY (org_id, person_id) REFERENCES person (org_id, id));

CREATE TABLE team (id smallint PRIMARY KEY, name char(20) UNIQUE);
CREATE TABLE membership (
  team_id smallint NOT NULL REFERENCES team, person_id uuid NOT NULL REFERENCES person (id), role mood NOT NULL,
  PRIMARY KEY (team_id, person_id));
CREATE TABLE seat (team_id smallint PRIMARY KEY REFERENCES team, person_id uuid UNIQUE REFERENCES person (id));
CREATE TABLE note (
  id int PRIMARY KEY, person_id uuid REFERENCES person (id), team_id smallint REFERENCES team,
  CHECK (num_nonnulls(person_id, team_id) = 1));

CREATE TABLE flags (yes boolean, how mood, PRIMARY KEY (yes, how));
CREATE TABLE booking (
  id int PRIMARY KEY, starts timestamptz NOT NULL, ends timestamptz NOT NULL, low int NOT NULL,
  high int NOT NULL CHECK (high <= 1000), CHECK (starts < ends AND low <= high));
CREATE TABLE room_use (
  id int PRIMARY KEY, during tstzrange NOT NULL, EXCLUDE USING gist (during WITH &&));
CREATE TABLE shift (
  id int PRIMARY KEY, begins timestamptz NOT NULL, finishes timestamptz NOT NULL,
  EXCLUDE USING gist (tstzrange(begins, finishes) WITH &&));
CREATE TABLE coupon (
  id int PRIMARY KEY, code text NOT NULL UNIQUE CHECK (code ~ '^[A-Z]{3}-[0-9]{4}$'),
  kind text NOT NULL CHECK (kind IN ('a', 'b', 'c')), share percent NOT NULL,
  title text NOT NULL CHECK (length(btrim(title)) BETWEEN 3 AND 20),
  shout text NOT NULL CHECK (shout = upper(shout)), price numeric(4, 2) NOT NULL CHECK (price > 0),
  off double precision CHECK (off > -1 AND off < 0.5), settings jsonb NOT NULL CHECK (jsonb_typeof(settings) = 'array'),
  a int, b int, CHECK ((a IS NULL) = (b IS NULL)));
CREATE TABLE everything (
  id int PRIMARY KEY, c_bool bool NOT NULL, c_small smallint NOT NULL, c_real real NOT NULL, c_money money NOT NULL,
  c_date date NOT NULL, c_time time NOT NULL, c_timetz timetz NOT NULL, c_ts timestamp(3) NOT NULL,
  c_interval interval NOT NULL, c_json json NOT NULL, c_bytea bytea NOT NULL, c_inet inet NOT NULL,
  c_cidr cidr NOT NULL, c_mac macaddr NOT NULL, c_bit bit(5) NOT NULL, c_varbit bit varying(9) NOT NULL,
  c_tsv tsvector NOT NULL, c_xml xml NOT NULL, c_point point NOT NULL, c_texts text[] NOT NULL,
  c_moods mood[] NOT NULL, c_ints int[] NOT NULL CHECK (cardinality(c_ints) >= 3), c_range int4range NOT NULL,
  c_char "char", c_numeric numeric NOT NULL, c_tiny varchar(2) NOT NULL, c_generated int GENERATED ALWAYS AS (id * 2) STORED);

CREATE TABLE thread (id int PRIMARY KEY, latest_post int);
CREATE TABLE post (id int PRIMARY KEY, thread_id int NOT NULL REFERENCES thread);
ALTER TABLE thread ADD FOREIGN KEY (latest_post) REFERENCES post;
CREATE TABLE circle_a (id int PRIMARY KEY, b int NOT NULL);
CREATE TABLE circle_b (id int PRIMARY KEY, a int NOT NULL REFERENCES circle_a);
ALTER TABLE circle_a ADD FOREIGN KEY (b) REFERENCES circle_b;

CREATE FUNCTION odd(n int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT n % 2 = 1';
CREATE TABLE unreadable (id int PRIMARY KEY, n int NOT NULL, CONSTRAINT unreadable_check CHECK (odd(n)));
CREATE TABLE needs_unreadable (id int PRIMARY KEY, unreadable_id int NOT NULL REFERENCES unreadable);
CREATE TABLE may_need_unreadable (id int PRIMARY KEY, unreadable_id int REFERENCES unreadable);
CREATE TABLE refusing (id int PRIMARY KEY);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no rows by order'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON refusing FOR EACH ROW EXECUTE FUNCTION refuse();

CREATE TABLE measured (at timestamptz NOT NULL, n int) PARTITION BY RANGE (at);
CREATE TABLE measured_2024 PARTITION OF measured FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE measured_2025 PARTITION OF measured FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE guarded (id int PRIMARY KEY);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

INSERT INTO org (slug) VALUES ('seeded');
