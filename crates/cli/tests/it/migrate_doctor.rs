//! `migrate doctor` and `migrate status` of migrations that change rows: what is done of them, and what to run.

use crate::migrate_plan::{Server, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";
const INIT: &str = "CREATE TABLE item (id SERIAL PRIMARY KEY, value INTEGER);\n";

#[test]
fn a_fill_of_too_many_rows_says_what_to_run() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO item (value) SELECT generate_series(1, 10500)");
        planned(&server, &project, "ALTER TABLE item ALTER COLUMN value TYPE BIGINT;\n");
        let fill = folders(&project).into_iter().find(|name| name.contains("_fill_")).unwrap();
        let hint = format!("hint: run: pgsteward migrate backfill {fill}");
        let failed = server.run(&project, &["migrate", "deploy"]);
        assert!(failed.code == Some(1) && failed.both().contains("P3018"), "{}", failed.both());

        let status = server.run(&project, &["migrate", "status", "--no-lab"]);
        assert!(status.code == Some(1) && status.stdout.contains(&hint), "{}", status.both());
        let again = server.run(&project, &["migrate", "deploy"]);
        assert!(again.both().contains("P3009") && again.both().contains(&hint), "{}", again.both());

        let doctor = server.run(&project, &["migrate", "doctor"]);
        let command = format!(
            "  pgsteward migrate backfill {fill} && pgsteward migrate resolve --rolled-back {fill} && pgsteward migrate deploy\n"
        );
        for words in [
            "more than 10000 rows",
            &hint,
            "missing  line",
            "the server took all of the migration back when it failed",
            "Nothing of it is in the database.",
            &format!("note: `pgsteward migrate backfill {fill}` was not run yet"),
            &command,
        ] {
            assert!(doctor.code == Some(1) && doctor.stdout.contains(words), "{words}: {}", doctor.both());
        }
        // Half way: what is filled stays, and it goes on.
        server.rows("CREATE TABLE kept AS SELECT count(*) AS n FROM item");
        let half =
            server.run(&project, &["migrate", "backfill", &fill, "--batch-size", "1000", "--pause", "0"]);
        assert_eq!(half.code, Some(0), "{}", half.both());
        let doctor = server.run(&project, &["migrate", "doctor"]);
        let done = format!(
            "`pgsteward migrate backfill {fill}` has filled 10500 rows in 11 batches, and was finished"
        );
        assert!(doctor.stdout.contains(&done), "{}", doctor.both());
        server.rows("UPDATE pgsteward_backfills SET finished_at = NULL");
        let doctor = server.run(&project, &["migrate", "doctor"]);
        assert!(doctor.stdout.contains("is not finished: it goes on where it stopped"), "{}", doctor.both());
        // What it says, done.
        for arguments in [
            &["migrate", "backfill", &fill, "--pause", "0"][..],
            &["migrate", "resolve", "--rolled-back", &fill],
            &["migrate", "deploy"],
        ] {
            let run = server.run(&project, arguments);
            assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.both());
        }
        assert_eq!(server.value("SELECT count(*) FROM item WHERE value = id"), "10500");
    }
}

#[test]
fn rows_that_another_runner_changed_are_not_guessed() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let next = "UPDATE item SET value = 0;\nUPDATE item SET nothing = 1;\n";
        let project = project(&[(FIRST, INIT), (NEXT, next)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(1));
        let verdict = || {
            let doctor = server.run(&project, &["migrate", "doctor", "--format", "json"]);
            assert_eq!(doctor.code, Some(1), "{}", doctor.both());
            let json = doctor.json();
            (
                json["verdict"].as_str().unwrap().to_owned(),
                json["statements"][0]["presence"].as_str().unwrap().to_owned(),
            )
        };
        assert_eq!(verdict(), ("nothing".to_owned(), "absent".to_owned()));
        // Newer versions of Prisma send statements one by one, and count none.
        server.rows(&format!(
            "UPDATE _prisma_migrations SET logs = replace(logs, 'Position: line ', 'Position: ') WHERE migration_name = '{NEXT}'"
        ));
        assert_eq!(verdict(), ("unclear".to_owned(), "unclear".to_owned()));
    }
}
