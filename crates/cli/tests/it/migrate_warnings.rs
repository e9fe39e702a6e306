//! What a migration says with RAISE reaches whoever deploys it.

use crate::migrate_support::{Server, add, deploy_json, migrate, project};

const INIT: &str = "20260101000000_init";
const MORE: &str = "20260102000000_more";
const LAST: &str = "20260103000000_last";

const SAYS: &str = "CREATE TABLE t (id int);
DO $$ BEGIN
  RAISE NOTICE 'so far %', 1;
  RAISE WARNING 'two rows were left' USING DETAIL = 'ids 3 and 4', HINT = 'look at them';
END $$;
CREATE TABLE IF NOT EXISTS t (id int);
";

#[test]
fn warnings_are_shown_and_notices_reported() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let (database, project) = (server.database(), project(&[(INIT, SAYS)]));
        let run = migrate(&project, &database, &["deploy"]);
        let shown = "  warning: two rows were left\n    detail: ids 3 and 4\n    hint: look at them\n";
        assert!(run.code == Some(0) && run.stdout.contains(shown), "{}", run.both());
        assert!(!run.both().contains("so far 1"), "{}", run.both());

        // One that is sent statement by statement, and one that fails: what was said until then.
        add(
            &project,
            MORE,
            &SAYS
                .replace(" t (", " u (")
                .replace("CREATE TABLE IF", "CREATE INDEX CONCURRENTLY u_id ON u (id);\nCREATE TABLE IF"),
        );
        add(&project, LAST, "DO $$ BEGIN RAISE WARNING 'about to fail'; END $$;\nSELECT nothing;\n");
        let (run, json) = deploy_json(&project, &database, &[]);
        assert_eq!(run.code, Some(1), "{}", run.both());
        let said = |at: usize| -> Vec<String> {
            let list = json["files"][at]["server_messages"]["list"].as_array().unwrap();
            list.iter()
                .map(|one| {
                    format!("{} {}", one["severity"].as_str().unwrap(), one["message"].as_str().unwrap())
                })
                .collect()
        };
        assert_eq!(json["files"][0]["regime"], "by_statement", "{json:#}");
        assert_eq!(
            said(0),
            [
                "NOTICE so far 1",
                "WARNING two rows were left",
                "NOTICE relation \"u\" already exists, skipping"
            ]
        );
        let warning = &json["files"][0]["server_messages"]["list"][1];
        assert_eq!(
            (warning["hint"].as_str(), warning["sqlstate"].as_str()),
            (Some("look at them"), Some("01000"))
        );
        assert_eq!(said(1), ["WARNING about to fail"]);
    }
}

#[test]
fn a_loop_that_warns_is_cut_short() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let loops = "DO $$ BEGIN FOR n IN 1 .. 1000 LOOP RAISE NOTICE 'row %', n; RAISE WARNING 'row %', n; END LOOP; END $$;\n";
        let (database, project) =
            (server.database(), project(&[(INIT, loops), (MORE, "CREATE TABLE t (id int);")]));
        let (run, json) = deploy_json(&project, &database, &[]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        let messages = &json["files"][0]["server_messages"];
        assert_eq!(
            (messages["list"].as_array().unwrap().len(), messages["left_out"].as_u64()),
            (400, Some(1600))
        );
        assert_eq!(json["files"][1]["server_messages"]["left_out"], 0, "the next file begins anew");
    }
}
