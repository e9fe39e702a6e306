//! A server with a streaming replica: `deploy` and `backfill` wait for it or stop, and the replica itself is refused.

use std::process::Stdio;

use crate::migrate_support::{Database, Server, add, done, migrate, project, spawn_deploy};
use crate::postmaster::{CAUGHT_UP, Postmaster};
use crate::support::Project;

const INIT: &str = "20260101000000_init";
const MORE: &str = "20260102000000_more";
/// A session of ours that looks after the replicas, and a moment ago found that it must wait.
const WAITS: &str = "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'pgsteward migrate' \
    AND query LIKE '%pg_stat_replication%' AND state = 'idle'";

#[test]
fn on_17() {
    on(17);
}

#[test]
fn on_15() {
    on(15);
}

fn on(major: u32) {
    let Some(server) = Server::that_may_be_copied(major) else { return };
    let database = server.database();
    let replica = Postmaster::replica_of(&server);
    let standby = replica.absent(&database.name);
    read_only(&standby);
    deploy_waits(&standby, &database);
    deploy_stops(&standby, &database);
    backfill_waits(&standby, &database);
}

fn pause(standby: &Database<'_>) {
    standby.run("SELECT pg_wal_replay_pause()");
    standby.wait_until("SELECT pg_get_wal_replay_pause_state() = 'paused'");
}

fn resume(standby: &Database<'_>) {
    standby.run("SELECT pg_wal_replay_resume()");
}

fn read_only(standby: &Database<'_>) {
    let project = project(&[(INIT, "CREATE TABLE t (id int);")]);
    let run = project.run(&["migrate", "deploy", "--url", &standby.url()]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(run.stderr.contains("takes no writes: it is a replica"), "{}", run.stderr);
    assert!(run.stderr.contains("\nhint: name the primary in the connection URL"), "{}", run.stderr);
    let run = project.run(&["migrate", "status", "--no-lab", "--url", &standby.url()]);
    assert!(run.code == Some(1) && run.stdout.contains(INIT), "status reads: {}", run.both());
}

/// Before a file begins there is nothing to lose by waiting.
fn deploy_waits(standby: &Database<'_>, database: &Database<'_>) {
    let project = project(&[(INIT, "CREATE TABLE t (id int);")]);
    assert_eq!(migrate(&project, database, &["deploy", "--max-lag", "100000000"]).code, Some(0));
    add(&project, MORE, "CREATE TABLE m (id int);");
    database.wait_until(CAUGHT_UP);
    pause(standby);
    database.run("INSERT INTO t SELECT n FROM generate_series(1, 2000) n");
    let nothing_ran = || assert!(database.history() == [done(INIT)] && database.relations() == ["t"]);
    let run = migrate(&project, database, &["deploy", "--max-lag", "1000", "--wait", "300ms"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(run.stderr.contains("was not begun: a replica is"), "{}", run.stderr);
    assert!(run.stderr.contains("(--max-lag)") && run.stderr.contains("\nhint: "), "{}", run.stderr);
    nothing_ran();

    let child = spawn_deploy(&project, database, &["--max-lag", "1000", "--wait", "100s"]);
    database.wait_until(WAITS);
    nothing_ran();
    resume(standby);
    let run = project.of(&child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert_eq!(database.history(), [done(INIT), done(MORE)]);
}

/// A statement that is under way is cancelled, and takes its file back.
fn deploy_stops(standby: &Database<'_>, database: &Database<'_>) {
    let long = "CREATE TABLE long AS SELECT n FROM generate_series(1, 100000) n;\nSELECT pg_sleep(120);\n";
    let project = project(&[
        (INIT, "CREATE TABLE t (id int);"),
        (MORE, "CREATE TABLE m (id int);"),
        ("20260103000000_long", long),
    ]);
    database.wait_until(CAUGHT_UP);
    pause(standby);
    let run = migrate(&project, database, &["deploy", "--max-lag", "1000000"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(run.stderr.contains("stopped at the budget: a replica was"), "{}", run.stderr);
    assert_eq!(database.history(), [done(INIT), done(MORE)]);
    assert_eq!(database.relations(), ["m", "t"]);
    resume(standby);
}

fn backfill_waits(standby: &Database<'_>, database: &Database<'_>) {
    database.run(
        "CREATE TABLE filled (id int PRIMARY KEY, times int NOT NULL DEFAULT 0); \
                  INSERT INTO filled SELECT generate_series(1, 2000)",
    );
    database.wait_until(CAUGHT_UP);
    pause(standby);
    let project = Project::shop(&[]);
    let arguments =
        ["migrate", "backfill", "--table", "filled", "--set", "times = times + 1", "--batch-size", "10"];
    let mut command = project.command(&[&arguments[..], &["--max-lag", "1s", "--format", "json"]].concat());
    command.env("DATABASE_URL", database.url()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    // The session of the batches has been idle for long: the other one asks again and again.
    database.wait_until(
        "SELECT count(*) FILTER (WHERE query LIKE '%pg_stat_replication%') > 0 AND bool_or(state = 'idle' AND \
         query LIKE '%UPDATE filled%' AND state_change < clock_timestamp() - interval '1 s') \
         FROM pg_stat_activity WHERE application_name = 'pgsteward migrate'",
    );
    let filled = database.value("SELECT count(*) FROM filled WHERE times = 1").parse::<u32>().unwrap();
    assert!(filled > 0 && filled < 2000, "{filled} rows");
    resume(standby);
    let run = project.of(&child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.json()["lag_wait_ms"].as_u64().unwrap() > 0, "{}", run.stdout);
    assert_eq!(database.value("SELECT count(*) FROM filled WHERE times = 1"), "2000");
}
