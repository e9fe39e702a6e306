//! Start, databases, clones, stop.

use std::time::Instant;

use crate::support::{MAJORS, lab};

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_starts_clones_and_leaves_nothing() {
    for major in MAJORS {
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
