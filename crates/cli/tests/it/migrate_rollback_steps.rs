//! Ways back of several steps: what stops one of them is said before the first runs, with the step that is right.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";
const INIT: &str = "CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, total INTEGER NOT NULL DEFAULT 0);\n";
const WIDER: &str = "ALTER TABLE \"Order\" ALTER COLUMN total SET DATA TYPE BIGINT;\n";

#[test]
fn what_was_proven_stays_so_when_it_is_proven_again() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" (total) SELECT n FROM generate_series(1, 20) n");
        planned(&server, &project, WIDER);
        let downs = || -> Vec<String> {
            let worth = |name: &String| {
                let text = project.read(&format!("prisma/migrations/{name}/down.sql"));
                text.lines().find(|line| line.contains("worth")).unwrap().to_owned()
            };
            folders(&project).iter().filter(|name| *name != FIRST).map(worth).collect()
        };
        let before = downs();
        let again = server.run(&project, &["migrate", "adopt", "--again"]);
        assert_eq!(again.code, Some(0), "{}", again.both());
        assert_eq!(downs(), before, "{}", again.both());
        deployed_one_by_one(&server, &project, &mut |_| {});
        let undone = server.run(&project, &["migrate", "rollback", "--to", FIRST, "--accept-data-loss"]);
        assert_eq!(undone.code, Some(0), "{}", undone.both());
        assert_eq!(server.value("SELECT sum(total) FROM \"Order\""), "210");
    }
}

#[test]
fn too_many_rows_to_fill_are_said_before_anything_is_undone() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        planned(&server, &project, WIDER);
        deployed_one_by_one(&server, &project, &mut |_| {});
        server.rows("INSERT INTO \"Order\" (total) SELECT n FROM generate_series(1, 10001) n");
        let applied = "SELECT count(*) FROM _prisma_migrations WHERE rolled_back_at IS NULL";
        let before = server.value(applied);
        for more in [&["--dry-run"][..], &[]] {
            let arguments = [&["migrate", "rollback", "--to", FIRST, "--accept-data-loss"], more].concat();
            let run = server.run(&project, &arguments);
            assert_eq!(run.code, Some(1), "{}", run.both());
            assert!(run.stderr.contains("would be filled in more than 10000 rows"), "{}", run.both());
            assert!(run.stderr.contains("pgsteward migrate backfill"), "{}", run.both());
            assert_eq!(server.value(applied), before, "{}", run.both());
        }
        server.rows("DELETE FROM \"Order\" WHERE id % 2 = 0");
        let undone = server.run(&project, &["migrate", "rollback", "--to", FIRST, "--accept-data-loss"]);
        assert_eq!(undone.code, Some(0), "{}", undone.both());
    }
}

#[test]
fn a_fill_that_is_too_large_to_deploy_says_what_fills_it() {
    let Some(server) = Server::start(17) else { return };
    let project = project(&[(FIRST, INIT)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    server.rows("INSERT INTO \"Order\" (total) SELECT n FROM generate_series(1, 10001) n");
    planned(&server, &project, WIDER);
    let fill = folders(&project).into_iter().find(|name| name.contains("_fill_")).unwrap();
    let run = server.run(&project, &["migrate", "deploy"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    let hint = format!(
        "run: pgsteward migrate backfill {fill}; then `pgsteward migrate resolve --rolled-back {fill}`"
    );
    assert!(run.stderr.contains(&hint), "{}", run.both());
    assert!(!run.stderr.contains("correct the file"), "{}", run.both());
    for arguments in [&["migrate", "backfill", &fill][..], &["migrate", "resolve", "--rolled-back", &fill]] {
        let run = server.run(&project, arguments);
        assert_eq!(run.code, Some(0), "{}", run.both());
    }
}

#[test]
fn a_column_that_came_back_without_values_is_named_before_it_must_have_some() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let (relax, drop) = ("20260102000000_relax", "20260103000000_drop");
        let project = project(&[
            (FIRST, INIT),
            (
                relax,
                "ALTER TABLE \"Order\" ALTER COLUMN total DROP NOT NULL, ALTER COLUMN total DROP DEFAULT;\n",
            ),
            (drop, "ALTER TABLE \"Order\" DROP COLUMN total;\n"),
        ]);
        assert_eq!(server.run(&project, &["migrate", "adopt"]).code, Some(0));
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" DEFAULT VALUES");
        let both = ["migrate", "rollback", "--steps", "2", "--accept-data-loss"];
        let run = server.run(&project, &both);
        assert_eq!(run.code, Some(1), "{}", run.both());
        assert!(
            run.stderr.contains("its column \"total\" came back without values a step before"),
            "{}",
            run.both()
        );
        assert!(run.stderr.contains("nothing was run"), "{}", run.both());
        let one = server.run(&project, &["migrate", "rollback"]);
        assert_eq!(one.code, Some(0), "{}", one.both());
        let next = server.run(&project, &["migrate", "rollback"]);
        assert!(
            next.both().contains("the column was dropped and came back without its values"),
            "{}",
            next.both()
        );
        server.rows("UPDATE \"Order\" SET total = 1");
        let next = server.run(&project, &["migrate", "rollback"]);
        assert_eq!(next.code, Some(0), "{}", next.both());
    }
}
