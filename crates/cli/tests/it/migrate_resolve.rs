//! `migrate resolve`: Prisma's four refusals, and the rows that it leaves.

use crate::migrate_support::{Row, Server, add, done, migrate, project};
use crate::support::Project;

const INIT: &str = "20260101000000_init";
const BAD: &str = "20260102000000_bad";

fn resolved(name: &str) -> Row {
    // Prisma's row of --applied: empty logs and no step.
    Row { logs: Some(String::new()), steps: 0, ..done(name) }
}

#[test]
fn of_every_kind() {
    let Some(server) = Server::start(17) else { return };
    let database = server.database();
    let project: Project = project(&[(INIT, "CREATE TABLE t (id int);"), (BAD, "SELECT nothing;")]);
    let resolve = |arguments: &[&str]| migrate(&project, &database, &[&["resolve"], arguments].concat());

    let run = resolve(&["--applied", "nothing"]);
    assert!(run.code == Some(1) && run.stderr.contains("P3017"), "{}", run.both());
    let run = resolve(&["--applied", "init"]);
    assert!(run.stderr.contains("P3017") && run.stderr.contains(INIT), "a part of a name: {}", run.stderr);
    let run = resolve(&["--rolled-back", INIT]);
    assert!(run.code == Some(1) && run.stderr.contains("P3011"), "{}", run.both());
    assert!(database.history().is_empty(), "nothing was written");

    // A database that has the tables and no history gets its baseline.
    database.run("CREATE TABLE t (id int)");
    let run = migrate(&project, &database, &["deploy"]);
    assert!(
        run.code == Some(1) && run.stderr.contains("P3005") && run.stderr.contains("\"public.t\""),
        "{}",
        run.both()
    );
    assert!(run.stderr.contains("resolve --applied"), "{}", run.stderr);
    assert_eq!(database.value("SELECT to_regclass('_prisma_migrations')"), "");
    let run = resolve(&["--applied", &format!("prisma/migrations/{INIT}/")]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stdout.contains(&format!("Migration {INIT} marked as applied.")), "{}", run.stdout);
    assert_eq!(database.history(), [resolved(INIT)]);
    assert_eq!(database.value("SELECT started_at = finished_at FROM _prisma_migrations"), "t");

    let run = resolve(&["--applied", INIT]);
    assert!(run.code == Some(1) && run.stderr.contains("P3008"), "{}", run.both());
    let run = resolve(&["--rolled-back", INIT]);
    assert!(run.code == Some(1) && run.stderr.contains("P3012"), "{}", run.both());

    // A failed one, each way.
    assert!(migrate(&project, &database, &["deploy"]).stderr.contains("P3018"));
    let run = resolve(&["--rolled-back", BAD]);
    assert!(run.stdout.contains(&format!("Migration {BAD} marked as rolled back.")), "{}", run.both());
    let row = database.history().pop().unwrap();
    assert!(row.rolled_back && !row.finished && row.logs.is_some(), "{row:?}");
    assert!(migrate(&project, &database, &["deploy"]).stderr.contains("P3018"));
    assert_eq!(resolve(&["--applied", BAD]).code, Some(0));
    let rows = database.history();
    assert_eq!(rows.len(), 4);
    assert!(rows[2].rolled_back && !rows[2].finished, "the failed attempt: {rows:?}");
    assert_eq!(rows[3], resolved(BAD));
    let run = migrate(&project, &database, &["deploy"]);
    assert!(run.stdout.contains("No pending migrations to apply."), "{}", run.both());

    // One flag, not none and not both.
    assert_eq!(resolve(&[]).code, Some(2));
    assert_eq!(resolve(&["--applied", INIT, "--rolled-back", INIT]).code, Some(2));
    add(&project, "20260103000000_last", "SELECT 1;");
    let json = resolve(&["--applied", "20260103000000_last", "--format", "json"]).json();
    assert_eq!(
        (json["command"].as_str(), json["resolved"].as_str()),
        (Some("migrate resolve"), Some("applied"))
    );
}
