//! `migrate plan --safe` of a column that hands made readers of, which go along with no column: the plan refuses them by name, and so
//! does the first folder, before anything changes, and the swap, where they came meanwhile.

use crate::migrate_plan::{Server, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";

const INIT: &str = "CREATE TABLE item (id SERIAL PRIMARY KEY, value INTEGER NOT NULL UNIQUE, n INTEGER NOT NULL DEFAULT 0);\n\
    CREATE TABLE other (id INTEGER PRIMARY KEY, item INTEGER REFERENCES item (value));\n\
    CREATE VIEW our_view AS SELECT id, n FROM item;\nALTER TABLE item ENABLE ROW LEVEL SECURITY;\n\
    CREATE POLICY our_policy ON item USING (n >= 0);\n\
    CREATE FUNCTION ours() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;\n";
const WIDER: &str = "ALTER TABLE item ALTER COLUMN value TYPE BIGINT;\n";

/// What hands make, by the name that it is refused under.
const READERS: [(&str, &str); 10] = [
    ("view w_view (DROP VIEW w_view)", "CREATE VIEW w_view AS SELECT value FROM item"),
    (
        "materialized view w_filled (DROP MATERIALIZED VIEW w_filled)",
        "CREATE MATERIALIZED VIEW w_filled AS SELECT sum(value) FROM item",
    ),
    (
        "rule w_rule on table other (DROP RULE w_rule ON other)",
        "CREATE RULE w_rule AS ON DELETE TO other DO ALSO DELETE FROM item WHERE value = OLD.id",
    ),
    (
        "policy w policy on table item (DROP POLICY \"w policy\" ON item)",
        "CREATE POLICY \"w policy\" ON item USING (value > 0)",
    ),
    (
        "policy w_other on table other (DROP POLICY w_other ON other)",
        "CREATE POLICY w_other ON other USING (id IN (SELECT value FROM item))",
    ),
    (
        "trigger w_trigger on table item (DROP TRIGGER w_trigger ON item)",
        "CREATE TRIGGER w_trigger AFTER UPDATE OF value ON item FOR EACH ROW EXECUTE FUNCTION ours()",
    ),
    (
        "constraint w_key on table other (ALTER TABLE other DROP CONSTRAINT w_key)",
        "ALTER TABLE other ADD CONSTRAINT w_key FOREIGN KEY (id) REFERENCES item (value)",
    ),
    (
        "function w_bound() (DROP FUNCTION w_bound())",
        "CREATE FUNCTION w_bound() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT sum(value) FROM item; END",
    ),
    (
        "publication of table item in publication w_rows (ALTER PUBLICATION w_rows DROP TABLE item)",
        "DROP PUBLICATION IF EXISTS w_rows; CREATE PUBLICATION w_rows FOR TABLE item WHERE (value > 0)",
    ),
    (
        "publication of table item in publication w_columns (ALTER PUBLICATION w_columns DROP TABLE item)",
        "DROP PUBLICATION IF EXISTS w_columns; CREATE PUBLICATION w_columns FOR TABLE item (id, value)",
    ),
];

/// Each of them is named, and nothing else; what stands in parentheses takes it away.
fn taken_away(server: &Server, said: &str) {
    let said = said.replace("public.", "").replace("\\\"", "\"");
    for (name, _) in READERS {
        assert!(said.contains(name), "{name}: {said}");
        let (_, statement) = name.split_once(" (").unwrap();
        server.rows(statement.strip_suffix(')').unwrap());
    }
    for ours in ["our_", "other_item_fkey", "item_value_key"] {
        assert!(!said.contains(&format!(" {ours}")), "{ours}: {said}");
    }
}

fn columns(server: &Server) -> String {
    server.value("SELECT string_agg(attname, ' ') FROM pg_attribute WHERE attrelid = 'item'::regclass AND attnum > 0 AND NOT attisdropped")
}

#[test]
fn what_hands_made_that_reads_a_column_is_named_before_anything_changes() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        let make = || READERS.iter().for_each(|(_, sql)| drop(server.rows(sql)));
        let deploy = |code| {
            let deployed = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(deployed.code, Some(code), "{}", deployed.both());
            deployed.both()
        };
        make();
        project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), WIDER);
        let refused = server.run(&project, &["migrate", "plan", "--safe", "--write"]);
        assert_eq!(refused.code, Some(1), "{}", refused.both());
        assert_eq!(folders(&project).len(), 2, "nothing is written");
        taken_away(&server, &refused.stdout);

        planned(&server, &project, WIDER);
        let names = folders(&project);
        make();
        let said = deploy(1);
        assert_eq!(columns(&server), "id value n", "nothing was begun");
        taken_away(&server, &said);
        let resolved = |name: &str| {
            let run = server.run(&project, &["migrate", "resolve", "--rolled-back", name]);
            assert_eq!(run.code, Some(0), "{}", run.both());
        };
        resolved(&names[1]);

        // What comes meanwhile is named by the last folder.
        let last = names.last().unwrap();
        let (here, apart) =
            (project.path().join("prisma/migrations").join(last), project.path().join("apart"));
        std::fs::rename(&here, &apart).unwrap();
        deploy(0);
        std::fs::rename(&apart, &here).unwrap();
        make();
        let said = deploy(1);
        assert_eq!(columns(&server), "id value n value_new");
        taken_away(&server, &said);
        resolved(last);
        deploy(0);
        assert_eq!(server.value("SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = 'item'::regclass AND attname = 'value'"), "bigint");
        make();
    }
}

/// A renamed column takes its readers along; the second one, which goes, does not.
#[test]
fn what_reads_the_second_name_of_a_column_is_named_before_that_goes() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("CREATE VIEW first AS SELECT value FROM item");
        planned(&server, &project, "ALTER TABLE item RENAME COLUMN value TO worth;\n");
        let last = folders(&project).pop().unwrap();
        let (here, apart) =
            (project.path().join("prisma/migrations").join(&last), project.path().join("apart"));
        std::fs::rename(&here, &apart).unwrap();
        let deploy = |code| {
            let deployed = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(deployed.code, Some(code), "{}", deployed.both());
            deployed.both()
        };
        deploy(0);
        std::fs::rename(&apart, &here).unwrap();
        server.rows("CREATE VIEW second AS SELECT worth FROM item");
        let said = deploy(1);
        assert!(said.contains("view second (DROP VIEW second)") && !said.contains("view first"), "{said}");
        server.rows("DROP VIEW second");
        assert_eq!(server.run(&project, &["migrate", "resolve", "--rolled-back", &last]).code, Some(0));
        deploy(0);
        assert_eq!(server.value("SELECT pg_get_viewdef('first'::regclass) LIKE '%worth AS value%'"), "t");
    }
}
