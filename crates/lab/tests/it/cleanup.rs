//! Nothing outlives a lab: neither after its end nor after the sudden death of its owner.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pgsteward_lab::{Lab, LabOptions};

use crate::support::lab;

const CHILD: &str = "PGSTEWARD_TEST_CHILD";

/// Process ids of servers that work in the lab's folder.
fn servers_in(folder: &Path) -> Vec<u32> {
    let processes = Command::new("ps").args(["-eo", "pid=,args="]).output().unwrap();
    String::from_utf8_lossy(&processes.stdout)
        .lines()
        .filter(|line| line.contains(&*folder.to_string_lossy()))
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_and_stopping_leave_nothing() {
    for stop in [true, false] {
        let Some(lab) = lab(15).await else { return };
        let folder = lab.folder().to_owned();
        assert!(!servers_in(&folder).is_empty());
        if stop {
            lab.stop().await.unwrap();
        } else {
            drop(lab);
        }
        assert!(!folder.exists());
        assert!(servers_in(&folder).is_empty());
    }
}

/// Not a test of its own: the part of the next one that runs in a process which is then killed.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_is_killed() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let lab = lab(15).await.unwrap();
    let database = lab.create_database().await.unwrap();
    let session = database.session().await.unwrap();
    println!("folder={}", lab.folder().display());
    // A busy server process does not notice by itself that its owner is gone.
    drop(session.simple("DO $$ BEGIN LOOP END LOOP; END $$").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_start_removes_what_a_killed_owner_left() {
    if lab(15).await.is_none() {
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["cleanup::child_that_is_killed", "--exact", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(child.stdout.take().unwrap());
    let folder = std::io::BufRead::lines(output)
        .map(Result::unwrap)
        .find_map(|line| line.split_once("folder=").map(|(_, folder)| PathBuf::from(folder)))
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(folder.is_dir() && !servers_in(&folder).is_empty(), "the server outlives its killed owner");
    let next = Lab::start(&LabOptions { major: Some(15), ..LabOptions::default() }).await.unwrap();
    assert!(!folder.exists());
    let patience = Instant::now() + Duration::from_secs(30);
    while !servers_in(&folder).is_empty() {
        assert!(Instant::now() < patience, "{:?}", servers_in(&folder));
        std::thread::sleep(Duration::from_millis(20));
    }
    // The lab of a living owner is let alone.
    let other = Lab::start(&LabOptions { major: Some(15), ..LabOptions::default() }).await.unwrap();
    next.create_database().await.unwrap();
    other.create_database().await.unwrap();
}
