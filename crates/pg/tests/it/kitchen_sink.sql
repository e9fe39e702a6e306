-- Every kind of object that the catalog model has a word for.
CREATE ROLE app NOLOGIN;
CREATE ROLE "report ""er""" LOGIN;
CREATE SCHEMA audit;
COMMENT ON SCHEMA audit IS 'who did what';
GRANT USAGE ON SCHEMA audit TO app;
ALTER DEFAULT PRIVILEGES IN SCHEMA audit GRANT SELECT ON TABLES TO app;

CREATE TYPE "Status" AS ENUM ('draft', 'paid', 'sent');
COMMENT ON TYPE "Status" IS 'of an order';
ALTER TYPE "Status" ADD VALUE 'held' BEFORE 'paid';
CREATE TYPE audit.level AS ENUM ('low', 'high');
CREATE DOMAIN email AS varchar(320) DEFAULT 'x@y' NOT NULL CONSTRAINT has_at CHECK (VALUE LIKE '%@%');
CREATE TYPE money_amount AS (amount numeric(12,2), currency char(3));
CREATE TYPE span AS RANGE (subtype = int4);

CREATE TABLE vendor (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    contact email,
    parent_id integer REFERENCES vendor
);
CREATE UNLOGGED TABLE counter (n serial, label char(3), plain bpchar, bits bit(4), vb varbit(7), tick interval(3), w interval day to second(2)) WITH (fillfactor = 70);

CREATE TABLE "Order" (
    id uuid NOT NULL DEFAULT md5('x')::uuid,
    "vendorId" integer,
    status "Status" NOT NULL DEFAULT 'draft',
    history "Status"[] NOT NULL DEFAULT '{}',
    levels audit.level[],
    total numeric(65,30) CONSTRAINT total_positive CHECK (total > 0) NO INHERIT,
    created timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP,
    seen timestamptz,
    price money_amount,
    flag "char",
    valid span,
    tax numeric GENERATED ALWAYS AS (total * 0.2) STORED,
    during int4range,
    gone text,
    CONSTRAINT "Order_pkey" PRIMARY KEY (id),
    CONSTRAINT order_unique UNIQUE ("vendorId", created) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&)
);
ALTER TABLE "Order" DROP COLUMN gone;
ALTER TABLE "Order" ADD CONSTRAINT "Order_vendorId_fkey" FOREIGN KEY ("vendorId") REFERENCES vendor (id)
    MATCH FULL ON DELETE SET NULL ON UPDATE CASCADE NOT VALID;
COMMENT ON TABLE "Order" IS 'an order';
COMMENT ON COLUMN "Order".total IS 'net';
COMMENT ON CONSTRAINT total_positive ON "Order" IS 'no refunds';
CREATE INDEX order_plain ON "Order" ("vendorId", created DESC, seen DESC NULLS LAST, status NULLS FIRST) INCLUDE (total);
CREATE INDEX order_expression ON "Order" (lower(id::text) text_pattern_ops, total) WHERE status = 'paid';
CREATE UNIQUE INDEX order_hash_like ON "Order" (id) WITH (fillfactor = 60);
CREATE INDEX vendor_collated ON vendor (name, name COLLATE "POSIX", name COLLATE "default", (name || 'x'));
CREATE INDEX order_history ON "Order" USING gin (history);
COMMENT ON INDEX order_plain IS 'hot';

CREATE TABLE reading (at timestamptz NOT NULL, sensor int NOT NULL REFERENCES vendor, value float8, PRIMARY KEY (at, sensor)) PARTITION BY RANGE (at);
CREATE TABLE reading_2026 PARTITION OF reading FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2027-01-01 00:00+00');
CREATE TABLE reading_rest PARTITION OF reading DEFAULT;
CREATE TABLE alarm (at timestamptz, sensor int, CONSTRAINT alarm_reading FOREIGN KEY (at, sensor) REFERENCES reading);
CREATE TABLE special_vendor (discount int) INHERITS (vendor);

CREATE FUNCTION audit.touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION add(a int, b int DEFAULT 1) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
COMMENT ON FUNCTION add(int, int) IS 'adds';
REVOKE EXECUTE ON FUNCTION add(int, int) FROM PUBLIC;
CREATE PROCEDURE cleanup(INOUT n int) LANGUAGE plpgsql AS $$ BEGIN n := 0; END $$;
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');

CREATE TRIGGER order_touch BEFORE INSERT OR UPDATE OF status ON "Order" FOR EACH ROW EXECUTE FUNCTION audit.touch();
CREATE TRIGGER order_truncated AFTER TRUNCATE ON "Order" EXECUTE FUNCTION audit.touch();
ALTER TABLE "Order" DISABLE TRIGGER order_truncated;
COMMENT ON TRIGGER order_touch ON "Order" IS 'stamps';

ALTER TABLE "Order" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "Order" FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON "Order" AS RESTRICTIVE FOR UPDATE TO app, "report ""er""" USING (status = 'draft') WITH CHECK (total > 1);
CREATE POLICY everybody ON "Order" USING (true);
COMMENT ON POLICY own ON "Order" IS 'drafts only';

GRANT SELECT, INSERT ON "Order" TO app WITH GRANT OPTION;
GRANT SELECT ON "Order" TO "report ""er""";
GRANT UPDATE (total) ON "Order" TO app;
GRANT SELECT ON vendor TO PUBLIC;
GRANT SELECT ON counter TO app;
REVOKE SELECT ON counter FROM app;

CREATE VIEW open_order WITH (security_barrier) AS SELECT o.id, o.total, v.name FROM "Order" o JOIN vendor v ON v.id = o."vendorId";
CREATE MATERIALIZED VIEW vendor_total AS SELECT "vendorId", sum(total) AS total FROM "Order" GROUP BY 1 WITH NO DATA;
CREATE UNIQUE INDEX vendor_total_key ON vendor_total ("vendorId");
COMMENT ON VIEW open_order IS 'to do';

CREATE SEQUENCE invoice AS smallint START 10 INCREMENT 5 MINVALUE 5 MAXVALUE 1000 CYCLE;
GRANT USAGE ON SEQUENCE invoice TO app;
COMMENT ON SEQUENCE invoice IS 'numbers';
SELECT nextval('invoice'), nextval('invoice');

CREATE TABLE "_prisma_migrations" (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz,
    migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0);
INSERT INTO "_prisma_migrations" (id, checksum, finished_at, migration_name, started_at) VALUES
    ('2', 'bb', NULL, '20260102_next', '2026-01-02'), ('1', 'aa', '2026-01-01', '20260101_init', '2026-01-01');
UPDATE "_prisma_migrations" SET logs = 'ERROR', rolled_back_at = '2026-01-03' WHERE id = '2';
INSERT INTO vendor (name, contact) SELECT CASE WHEN n % 4 = 0 THEN 'often' ELSE 'v' || n END, 'a@b' FROM generate_series(1, 100) n;
ANALYZE vendor;
CREATE TEMPORARY TABLE passing (n int);
