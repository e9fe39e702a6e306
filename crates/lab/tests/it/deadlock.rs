//! Two transactions that lock the same rows in different orders, with limits of time that run meanwhile.

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use pgsteward_lab::{Clash, clash};
use pgsteward_pg::LabSession;

use crate::support::{lab, majors};

const BEGUN: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'BEGIN; SET LOCAL%'";
const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
    AND backend_type = 'client backend' AND pid <> pg_backend_pid()";

async fn count(session: &LabSession, sql: &str) -> u32 {
    session.rows(sql).await.unwrap()[0][0].as_ref().unwrap().parse().unwrap()
}

/// Waits on a thread of its own until only the caller's session is in the database.
fn wait_until_both_are_gone(folder: &Path, database: &str) -> bool {
    let (folder, database) = (folder.to_owned(), database.to_owned());
    let waiting = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let session = LabSession::connect_socket(&folder, 5432, "pgsteward", &database).await.unwrap();
            let until = Instant::now() + Duration::from_secs(60);
            let mut gone = false;
            while !gone && Instant::now() < until {
                gone = count(&session, OTHERS).await == 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            session.close().await;
            gone
        })
    });
    waiting.join().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_with_other_work_keeps_no_transaction_waiting() {
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        let database = lab.create_database().await.unwrap();
        let session = database.session().await.unwrap();
        session
            .simple("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 0), (2, 0)")
            .await
            .unwrap();
        let update = |id: u32| format!("UPDATE t SET n = n + 1 WHERE id = {id}");
        let (one, other) = ([update(1), update(2)], [update(2), update(1)]);
        let done = Cell::new(false);
        let clashing = async {
            let clash = clash(&lab, &database, &one, &other).await;
            done.set(true);
            clash
        };
        // Once the first has begun, the task that asked for it does nothing else until both are over.
        let busy = async {
            while !done.get() && count(&session, BEGUN).await == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            done.get() || wait_until_both_are_gone(lab.folder(), database.name())
        };
        let (clash, gone) = tokio::join!(clashing, busy);
        assert!(gone, "on {major} they wait for whoever asked");
        assert!(matches!(clash.unwrap(), Clash::Deadlock(_)));
        assert_eq!(session.rows("SELECT sum(n) FROM t").await.unwrap()[0][0].as_deref(), Some("0"));
        session.close().await;
        lab.stop().await.unwrap();
    }
}
