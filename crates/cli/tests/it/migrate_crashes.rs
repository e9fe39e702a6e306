//! The server falls while `deploy`, `rollback` or `backfill` runs: what it recovers to is what the history says, and the
//! next run ends the work. A few points by default; PGSTEWARD_FAULTS=200 for more.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::migrate_faults::{history_is_true, ladder, points};
use crate::migrate_rollback::{ADD, INDEX, INIT, NAMES};
use crate::migrate_support::{Database, Server, migrate, project};
use crate::postmaster::{FALLS, Postmaster};
use crate::support::{Project, Run};

fn count() -> usize {
    std::env::var("PGSTEWARD_FAULTS").ok().and_then(|count| count.parse().ok()).unwrap_or(FALLS.len())
}

fn spawn(project: &Project, database: &Database<'_>, arguments: &[&str]) -> Child {
    let mut command = project.command(&[&["migrate"], arguments].concat());
    command.env("DATABASE_URL", database.url()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Microseconds of an undisturbed run, which must succeed.
fn whole(project: &Project, database: &Database<'_>, arguments: &[&str]) -> u64 {
    let began = Instant::now();
    let run = migrate(project, database, arguments);
    assert_eq!(run.code, Some(0), "{}", run.both());
    u64::try_from(began.elapsed().as_micros()).unwrap()
}

/// Runs the verb while the server falls after so many microseconds, and lets it come back.
fn disturbed(
    server: &mut Postmaster<'_>,
    project: &Project,
    database: &Database<'_>,
    arguments: &[&str],
    (round, point): (usize, u64),
) -> Run {
    let child = spawn(project, database, arguments);
    std::thread::sleep(Duration::from_micros(point));
    server.fall(FALLS[round % FALLS.len()]);
    let run = project.of(&child.wait_with_output().unwrap());
    assert!(matches!(run.code, Some(0 | 1)), "{}", run.both());
    if run.code == Some(1) {
        assert!(run.stderr.contains("error: ") && run.stderr.contains("hint: "), "{}", run.both());
    }
    run
}

fn empty(database: &Database<'_>) {
    database.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
}

#[test]
fn of_a_deploy() {
    let Some(origin) = Server::that_may_be_copied(15) else { return };
    let name = origin.database().name;
    let mut server = Postmaster::copy_of(&origin);
    let database = server.absent(&name);
    let project = ladder();
    let whole = whole(&project, &database, &["deploy"]);
    let mut stopped = 0;
    for (round, point) in points(0xdead, count(), whole).into_iter().enumerate() {
        empty(&database);
        let run = disturbed(&mut server, &project, &database, &["deploy", "--wait", "20s"], (round, point));
        stopped += u32::from(run.code == Some(1));
        history_is_true(&database);
        let again = migrate(&project, &database, &["deploy"]);
        assert_eq!(again.code, Some(0), "after {point} µs: {}\n{}", run.both(), again.both());
        history_is_true(&database);
        assert_eq!(database.history().iter().filter(|row| row.finished).count(), 6, "after {point} µs");
    }
    eprintln!("{stopped} of {} deploys stopped", count());
}

#[test]
fn of_a_rollback() {
    let Some(origin) = Server::that_may_be_copied(17) else { return };
    let name = origin.database().name;
    let mut server = Postmaster::copy_of(&origin);
    let database = server.absent(&name);
    let project = project(&[(NAMES[0], INIT), (NAMES[1], ADD), (NAMES[2], INDEX)]);
    let adopted = migrate(&project, &database, &["adopt"]);
    assert_eq!(adopted.code, Some(0), "{}", adopted.both());
    let undo = ["rollback", "--to", NAMES[0], "--accept-data-loss", "--quiet"];
    let fill = || {
        empty(&database);
        let deployed = migrate(&project, &database, &["deploy"]);
        assert_eq!(deployed.code, Some(0), "{}", deployed.both());
        database.run("INSERT INTO \"Order\" (note) SELECT 'x' || i FROM generate_series(1, 2000) i");
    };
    fill();
    let whole = whole(&project, &database, &undo);
    let (mut stopped, mut under_way) = (0, 0);
    for (round, point) in points(0xbac4, count(), whole).into_iter().enumerate() {
        fill();
        let run = disturbed(&mut server, &project, &database, &undo, (round, point));
        stopped += u32::from(run.code == Some(1));
        under_way += u32::from(rollback_is_true(&database, point));
        let again = migrate(&project, &database, &undo);
        assert_eq!(again.code, Some(0), "after {point} µs: {}\n{}", run.both(), again.both());
        assert!(!rollback_is_true(&database, point));
        let applied: Vec<String> =
            database.history().into_iter().filter(|row| !row.rolled_back).map(|row| row.name).collect();
        assert_eq!(applied, NAMES[..1], "after {point} µs");
        assert_eq!(database.value("SELECT count(*) FROM \"Order\""), "2000", "what is older stays");
    }
    eprintln!("{stopped} of {} rollbacks stopped, {under_way} of them half way", count());
}

/// Holds what the history says of both migrations against what is there. True where one says that it is being rolled
/// back.
fn rollback_is_true(database: &Database<'_>, point: u64) -> bool {
    let rows = database.history();
    let column = "SELECT count(*) FROM pg_attribute WHERE attrelid = '\"Order\"'::regclass AND attname = 'vendorId' AND \
                  NOT attisdropped";
    let column = database.value(column) == "1";
    let index = database.relations().contains(&"Order_note_idx".to_owned());
    let mine = |name: &str| rows.iter().find(|row| row.name == name && !row.rolled_back);
    assert_eq!(mine(NAMES[1]).is_some_and(|row| row.finished), column, "after {point} µs: {rows:?}");
    match mine(NAMES[2]) {
        Some(row) if row.finished => assert!(index, "after {point} µs: {rows:?}"),
        None => assert!(!index, "after {point} µs: {rows:?}"),
        Some(_) => return true,
    }
    false
}

#[test]
fn of_a_backfill() {
    let Some(origin) = Server::that_may_be_copied(17) else { return };
    let name = origin.database().name;
    let mut server = Postmaster::copy_of(&origin);
    let database = server.absent(&name);
    let project = project(&[(INIT_NAME, "SELECT 1;\n")]);
    project.write(
        &format!("prisma/migrations/{INIT_NAME}/backfill.sql"),
        "UPDATE filled SET times = times + 1;\n",
    );
    let fill = || {
        empty(&database);
        database.run(
            "CREATE TABLE filled (id int PRIMARY KEY, times int NOT NULL DEFAULT 0); \
             INSERT INTO filled SELECT generate_series(1, 600)",
        );
    };
    fill();
    let verb = ["backfill", INIT_NAME, "--batch-size", "10", "--pause", "1ms"];
    let whole = whole(&project, &database, &verb);
    let mut stopped = 0;
    for (round, point) in points(0xf111, count(), whole).into_iter().enumerate() {
        fill();
        let run = disturbed(&mut server, &project, &database, &verb, (round, point));
        stopped += u32::from(run.code == Some(1));
        let known = !database.value("SELECT to_regclass('pgsteward_backfills')").is_empty();
        let counted = match known {
            true => database.value("SELECT coalesce(sum(rows_changed), 0) FROM pgsteward_backfills"),
            false => "0".to_owned(),
        };
        assert_eq!(database.value("SELECT sum(times) FROM filled"), counted, "after {point} µs");
        let again = migrate(&project, &database, &verb);
        assert_eq!(again.code, Some(0), "after {point} µs: {}\n{}", run.both(), again.both());
        assert_eq!(database.value("SELECT count(*) FROM filled WHERE times = 1"), "600", "after {point} µs");
    }
    eprintln!("{stopped} of {} backfills stopped", count());
}

const INIT_NAME: &str = "20260101000000_fill";
