//! What a database holds after a dump and a restore: the server words lists of `varchar` and BETWEEN another way once it has
//! read its own words, and that is no other schema.

use crate::migrate_status::{STATUS, cached};
use crate::migrate_support::{Database, Server, add, migrate, project};
use crate::support::Project;

const INIT: &str = "20260101000000_init";
const READERS: &str = "20260102000000_readers";
const MORE: &str = "20260103000000_more";

const TABLES: &str = "CREATE TABLE \"Order\" (id INT PRIMARY KEY, status VARCHAR(20) NOT NULL DEFAULT 'open', total INT NOT NULL, \
                      note TEXT, CONSTRAINT of_status CHECK (status IN ('open', 'paid', 'it''s (void)')), \
                      CONSTRAINT of_total CHECK (total BETWEEN 0 AND 1000 AND note <> ''));";

const READERS_SQL: &str = "CREATE DOMAIN kind AS VARCHAR(5) CONSTRAINT of_kind CHECK (VALUE IN ('a', 'b'));
CREATE INDEX \"Order_open\" ON \"Order\" (total) WHERE status IN ('open', 'paid');
CREATE INDEX \"Order_is_open\" ON \"Order\" ((status IN ('open', 'paid')));
CREATE VIEW open_orders AS SELECT id, status NOT IN ('open', 'paid') AS closed FROM \"Order\"
  WHERE total BETWEEN 1 AND 10 AND id > 0;
CREATE MATERIALIZED VIEW paid_orders AS SELECT id, status FROM \"Order\" WHERE status IN ('paid', 'void');
CREATE INDEX paid_orders_paid ON paid_orders (id) WHERE status IN ('paid', 'x');
ALTER TABLE \"Order\" ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON \"Order\" USING (status IN ('open', 'paid')) WITH CHECK (total BETWEEN 0 AND 9 AND id > 0);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE UPDATE ON \"Order\" FOR EACH ROW WHEN (NEW.status IN ('open', 'paid')) EXECUTE FUNCTION touch();
CREATE FUNCTION is_open(s VARCHAR) RETURNS boolean LANGUAGE sql RETURN s IN ('open', 'paid');";

/// Makes everything that has words again, from the words that the server prints, as a restore of a dump does.
const RESTORED: &str = "DO $$
DECLARE all_gone text[]; all_made text[]; one text;
BEGIN
  SELECT array_agg(gone ORDER BY n DESC), array_agg(made ORDER BY n) INTO all_gone, all_made FROM (
    SELECT 1, format('ALTER DOMAIN kind DROP CONSTRAINT %I', conname),
           format('ALTER DOMAIN kind ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid))
      FROM pg_constraint WHERE contypid = to_regtype('kind')
    UNION ALL SELECT 2, format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
           format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
      FROM pg_constraint WHERE contype = 'c' AND conrelid = '\"Order\"'::regclass
    UNION ALL SELECT 3, format('DROP VIEW %s', oid::regclass), format('CREATE VIEW %s AS %s', oid::regclass, pg_get_viewdef(oid))
      FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace
    UNION ALL SELECT 3, format('DROP MATERIALIZED VIEW %s', oid::regclass),
           format('CREATE MATERIALIZED VIEW %s AS %s', oid::regclass, pg_get_viewdef(oid))
      FROM pg_class WHERE relkind = 'm'
    UNION ALL SELECT 4, format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
      FROM pg_index WHERE indpred IS NOT NULL OR indexprs IS NOT NULL
    UNION ALL SELECT 5, format('DROP POLICY %I ON %s', polname, polrelid::regclass),
           format('CREATE POLICY %I ON %s USING %s WITH CHECK %s', polname, polrelid::regclass,
                  pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
      FROM pg_policy
    UNION ALL SELECT 6, format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass), pg_get_triggerdef(oid)
      FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 7, format('DROP FUNCTION %s', oid::regprocedure), pg_get_functiondef(oid)
      FROM pg_proc WHERE proname = 'is_open'
  ) AS words (n, gone, made);
  FOREACH one IN ARRAY all_gone || all_made LOOP EXECUTE one; END LOOP;
END $$";

/// Every text of the catalog that the server prints.
const WORDS: &str = "SELECT string_agg(words, ' ' ORDER BY words) FROM (
  SELECT pg_get_viewdef(oid) FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace
  UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c'
  UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indpred IS NOT NULL OR indexprs IS NOT NULL
  UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT pg_get_expr(polqual, polrelid) || pg_get_expr(polwithcheck, polrelid) FROM pg_policy
  UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'is_open') AS all_of_them (words)";

#[test]
fn a_restored_dump_is_no_drift_on_17() {
    restored(17);
}

#[test]
fn a_restored_dump_is_no_drift_on_15() {
    restored(15);
}

#[test]
fn a_restored_dump_is_no_drift_on_18() {
    restored(18);
}

fn restored(major: u32) {
    let Some(server) = Server::start(major) else { return };
    let cache = tempfile::tempdir().unwrap();
    let (database, project) = (server.database(), project(&[(INIT, TABLES), (READERS, READERS_SQL)]));
    let status = || cached(&project, &database.url(), cache.path(), &STATUS, "");
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    let before = database.value(WORDS);
    database.run(RESTORED);
    assert_ne!(database.value(WORDS), before, "the server words it otherwise");
    let run = status();
    assert_eq!((run.code, &run.json()["drift"]), (Some(0), &serde_json::json!([])), "{}", run.both());

    // What differs in more than words is seen, one by one.
    for (change, back, named) in differences() {
        database.run(change);
        let run = status();
        let json = run.json();
        assert_eq!(run.code, Some(5), "{change}: {}", run.both());
        let drift = json["drift"].as_array().unwrap();
        assert!(drift.len() == 1 && drift[0].as_str().unwrap().contains(named), "{change}: {drift:?}");
        database.run(back);
        assert_eq!(status().code, Some(0), "{back}");
    }
    adopted(&project, &database);
}

fn differences() -> [(&'static str, &'static str, &'static str); 4] {
    [
        (
            "ALTER TABLE \"Order\" DROP CONSTRAINT of_status; ALTER TABLE \"Order\" ADD CONSTRAINT of_status CHECK (status IN ('open', 'paid', 'void'))",
            "ALTER TABLE \"Order\" DROP CONSTRAINT of_status; ALTER TABLE \"Order\" ADD CONSTRAINT of_status CHECK (status IN ('open', 'paid', 'it''s (void)'))",
            "constraint public.Order.of_status",
        ),
        (
            "CREATE OR REPLACE VIEW open_orders AS SELECT id, status NOT IN ('open', 'paid') AS closed FROM \"Order\" WHERE total BETWEEN 1 AND 10 OR id > 0",
            "CREATE OR REPLACE VIEW open_orders AS SELECT id, status NOT IN ('open', 'paid') AS closed FROM \"Order\" WHERE total BETWEEN 1 AND 10 AND id > 0",
            "view public.open_orders",
        ),
        (
            "ALTER POLICY seen ON \"Order\" USING (status NOT IN ('open', 'paid'))",
            "ALTER POLICY seen ON \"Order\" USING (status IN ('open', 'paid'))",
            "policy public.Order.seen",
        ),
        (
            "DROP INDEX \"Order_open\"; CREATE INDEX \"Order_open\" ON \"Order\" (total) WHERE status IN ('open')",
            "DROP INDEX \"Order_open\"; CREATE INDEX \"Order_open\" ON \"Order\" (total) WHERE status IN ('open', 'paid')",
            "index public.Order_open",
        ),
    ]
}

/// A way back makes views and checks again in the server's words.
fn adopted(project: &Project, database: &Database<'_>) {
    let column = "DROP VIEW open_orders;
ALTER TABLE \"Order\" DROP CONSTRAINT of_status;
DROP POLICY seen ON \"Order\";
DROP INDEX \"Order_open\";
ALTER TABLE \"Order\" DROP CONSTRAINT of_total;";
    add(project, MORE, column);
    let adopted = migrate(project, database, &["adopt", MORE]);
    assert!(
        adopted.code == Some(0) && adopted.stdout.contains("1 proven, 0 with the structure proven"),
        "{}",
        adopted.both()
    );
    assert!(migrate(project, database, &["deploy"]).code == Some(0));
    let back = migrate(project, database, &["rollback"]);
    assert_eq!(back.code, Some(0), "{}", back.both());
    let status = migrate(project, database, &["status", "--format", "json"]).json();
    assert_eq!(status["drift"], serde_json::json!([]), "{status}");
}
