//! Start, databases, clones, stop.

use std::time::Instant;

use pgsteward_lab::{Lab, LabError, LabOptions, ReplayOptions, replay, stop_all, trace_statement};

use crate::support::{history, lab, majors};

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_starts_clones_and_leaves_nothing() {
    for major in majors() {
        let Some(warm) = lab(major).await else { continue };
        warm.stop().await.unwrap();
        let begun = Instant::now();
        let lab = lab(major).await.unwrap();
        eprintln!("{major} ready in {:?}", begun.elapsed());
        let begun = Instant::now();
        let first = lab.create_database().await.unwrap();
        eprintln!("created in {:?}", begun.elapsed());
        let session = first.session().await.unwrap();
        session.simple("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1), (2)").await.unwrap();
        session.close().await;
        let begun = Instant::now();
        let second = lab.clone_database(&first).await.unwrap();
        eprintln!("cloned in {:?}", begun.elapsed());
        let session = second.session().await.unwrap();
        let rows = session.rows("SELECT count(*), current_user FROM a").await.unwrap();
        assert_eq!(rows, [[Some("2".to_owned()), Some("postgres".to_owned())]]);
        session.close().await;
        lab.drop_database(second).await.unwrap();
        let begun = Instant::now();
        lab.stop().await.unwrap();
        eprintln!("stopped in {:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_major_that_cannot_be_had_is_said() {
    let options = LabOptions { major: Some(99), offline: true, ..LabOptions::default() };
    match Lab::start(&options).await {
        Ok(lab) => {
            let note = lab.note().unwrap();
            assert!(
                note.contains(&format!("runs PostgreSQL {} where 99 was wanted", lab.version())),
                "{note}"
            );
        }
        Err(error) => {
            assert!(matches!(error, LabError::NoBinaries { .. }), "{error}");
            assert!(error.hint().contains("install PostgreSQL") && error.hint().contains("download"));
        }
    }
}

/// The engine proves in several tasks at once, so all of this must be able to move between threads.
#[tokio::test(flavor = "multi_thread")]
async fn work_can_be_spawned() {
    let Some(lab) = lab(15).await else { return };
    let lab = std::sync::Arc::new(lab);
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let lab = lab.clone();
            tokio::spawn(async move {
                let database = lab.create_database().await.unwrap();
                let (history, sources) = history(&[("1_a", "CREATE TABLE a (id int)")]);
                let options = ReplayOptions::default();
                let result = replay(&lab, &database, &history, &sources, &options).await.unwrap();
                let session = database.session().await.unwrap();
                let sql = "CREATE INDEX CONCURRENTLY ON a (id)";
                let trace = trace_statement(&database, &session, sql, false).await.unwrap().unwrap();
                (result.traces.len(), trace.locks.len())
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), (1, 1));
    }
}

/// In a process of its own, since it ends the labs of all tests.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_stops_all() {
    if std::env::var_os("PGSTEWARD_TEST_STOP").is_none() {
        return;
    }
    let Some(lab) = lab(15).await else { return };
    let folder = lab.folder().to_owned();
    assert!(folder.is_dir());
    tokio::task::spawn_blocking(stop_all).await.unwrap();
    assert!(!folder.exists());
    assert!(matches!(lab.create_database().await, Err(LabError::ServerGone { .. })));
}

#[test]
fn ctrl_c_ends_every_lab_of_the_process() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["lifecycle::child_that_stops_all", "--exact"])
        .env("PGSTEWARD_TEST_STOP", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
