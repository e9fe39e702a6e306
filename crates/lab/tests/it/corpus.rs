//! Every migration of the six real projects, on both versions.

use std::time::Instant;

use pgsteward_lab::{ReplayOptions, replay};

use crate::support::{corpus, corpus_history, lab, majors};

#[tokio::test(flavor = "multi_thread")]
async fn every_real_migration_replays() {
    let Some(corpus) = corpus() else { return };
    for major in majors() {
        let Some(lab) = lab(major).await else { continue };
        let mut projects: Vec<_> = std::fs::read_dir(&corpus)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .collect();
        projects.sort();
        for project in projects {
            let (history, sources) = corpus_history(&project);
            assert!(!history.files.is_empty(), "{}", project.display());
            let mut elapsed = Vec::new();
            for trace in [false, true] {
                let database = lab.create_database().await.unwrap();
                let begun = Instant::now();
                let options = ReplayOptions { trace, ..ReplayOptions::default() };
                let replay = replay(&lab, &database, &history, &sources, &options).await.unwrap();
                elapsed.push(begun.elapsed());
                assert_eq!(replay.failures, [].into(), "{}", project.display());
                assert_eq!(replay.server_version, Some(lab.version()));
                eprintln!("{:?}", replay.skipped);
                assert_eq!(replay.traces.is_empty(), !trace);
                let placed: usize =
                    replay.traces.values().flatten().filter(|one| one.statement.is_some()).count();
                let all = replay.traces.values().flatten().count();
                eprintln!("{placed} of {all} commands traced to a statement");
                // A database without sessions can be cloned at once.
                let copy = lab.clone_database(&database).await.unwrap();
                lab.drop_database(copy).await.unwrap();
                lab.drop_database(database).await.unwrap();
            }
            let name = project.file_name().unwrap().to_string_lossy();
            eprintln!("{major} {name}: {} files, plain and traced {elapsed:?}", history.files.len());
        }
        lab.stop().await.unwrap();
    }
}
