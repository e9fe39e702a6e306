//! Triggers that a fill runs: no migration made them, so only the server can name them.

use crate::migrate_plan::{Server, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";
const INIT: &str =
    "CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, total INTEGER NOT NULL DEFAULT 0, note TEXT);\n";
const WHAT_TO_DO: &str =
    "let it return early while current_setting('application_name') is 'pgsteward migrate'";

/// Triggers of each kind by hand; those of `runs` run for a fill of the column.
fn by_hand(server: &Server, column: &str) {
    server.rows(
        "CREATE TABLE log (what TEXT); CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN INSERT INTO log VALUES (TG_NAME); RETURN NEW; END'",
    );
    let made = |name: &str, when: &str, each: &str| {
        server.rows(&format!(
            "CREATE TRIGGER {name} {when} ON \"Order\" FOR EACH {each} EXECUTE FUNCTION noted()"
        ));
    };
    made("\"Audit\"", "AFTER INSERT OR UPDATE", "ROW");
    made("own_column", &format!("AFTER UPDATE OF {column}"), "ROW");
    made("by_batch", "AFTER UPDATE", "STATEMENT");
    made("of_note", "AFTER UPDATE OF note", "ROW");
    made("of_insert", "AFTER INSERT", "ROW");
    made("switched_off", "AFTER UPDATE", "ROW");
    server.rows("ALTER TABLE \"Order\" DISABLE TRIGGER switched_off");
}

#[test]
fn a_fill_names_the_triggers_that_it_runs() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        server.rows(INIT);
        server.rows("INSERT INTO \"Order\" (total) SELECT generate_series(1, 5)");
        let project = project(&[(FIRST, "SELECT 1;\n")]);
        let fill = |more: &[&str]| {
            let arguments = ["migrate", "backfill", "--table", "\"Order\"", "--set", "total = 7"];
            let run = server.run(&project, &[&arguments[..], more].concat());
            assert_eq!(run.code, Some(0), "{}", run.both());
            run
        };
        let quiet = fill(&["--where", "id = 1 AND total <> 7"]);
        assert!(!quiet.both().contains("trigger"), "{}", quiet.both());
        by_hand(&server, "total");
        let said = "the triggers \"Audit\", \"own_column\" run for each row of \"Order\" that is filled, and the trigger \
                    \"by_batch\" runs for each statement of the fill: an audit gets a line for each";
        let shown = fill(&["--dry-run"]);
        assert!(shown.stdout.contains(said), "{}", shown.both());
        assert_eq!(server.value("SELECT count(*) FROM log"), "0");
        let run = fill(&[]);
        assert!(run.stderr.contains(said) && run.stderr.contains(WHAT_TO_DO), "{}", run.both());
        let ran = "SELECT string_agg(DISTINCT what, ' ' ORDER BY what) FROM log";
        assert_eq!(server.value(ran), "Audit by_batch own_column", "what was said is what ran");
        // What it says to do is enough.
        server.rows(
            "CREATE OR REPLACE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF \
             current_setting(''application_name'') = ''pgsteward migrate'' THEN RETURN NEW; END IF; \
             INSERT INTO log VALUES (TG_NAME); RETURN NEW; END'; TRUNCATE log",
        );
        fill(&["--again"]);
        assert_eq!(server.value("SELECT count(*) FROM log"), "0");
    }
}

#[test]
fn a_migration_that_fills_the_last_rows_says_what_it_ran() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" (total) SELECT generate_series(1, 5)");
        planned(&server, &project, "ALTER TABLE \"Order\" ALTER COLUMN total TYPE BIGINT;\n");
        by_hand(&server, "note");
        let run = server.run(&project, &["migrate", "deploy", "--format", "json"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        let said = "the trigger \"Audit\" runs for each row of public.\"Order\" that is filled";
        let json = run.json();
        let noting: Vec<&str> = json["files"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|file| file["notes"].to_string().contains(&said.replace('"', "\\\"")))
            .filter_map(|file| file["name"].as_str())
            .collect();
        let fill = folders(&project).into_iter().find(|name| name.contains("_fill_")).unwrap();
        assert_eq!(noting, [fill.as_str()], "{json:#}");
        assert_eq!(server.value("SELECT count(*) FROM log WHERE what = 'Audit'"), "5");
    }
}
