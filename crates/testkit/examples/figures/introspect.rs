//! Time to read the whole catalog, and one table of it, of two lab databases.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use pgsteward_lab::{Lab, LabOptions};
use pgsteward_model::catalog::QName;
use pgsteward_pg::CatalogOptions;

use crate::project;
use crate::table::{median, millis, row};

const PROJECTS: [&str; 2] = ["langfuse", "trigger.dev"];
const RUNS: usize = 10;

pub(crate) async fn rows(corpus: &Path) -> Result<Vec<String>> {
    let lab = Arc::new(Lab::start(&LabOptions::default()).await?);
    let mut rows = Vec::new();
    for name in PROJECTS {
        let collected = project::collect(corpus, name, Some(&lab)).await?;
        let database = collected.database.context("the project has no lab database")?.database;
        let session = database.session().await?;
        let (mut full, mut one) = (Vec::new(), Vec::new());
        let mut tables: Vec<QName> = Vec::new();
        for _ in 0..RUNS {
            let started = Instant::now();
            let (catalog, _) = session.catalog(&CatalogOptions::default()).await?;
            full.push(millis(started.elapsed()));
            tables = catalog.user_tables().map(|table| table.name.clone()).collect();
        }
        for table in &tables {
            let started = Instant::now();
            let read = session.catalog_of(std::slice::from_ref(table)).await?;
            one.push(millis(started.elapsed()));
            ensure!(read.len() == 1, "{} is in the catalog and cannot be read by itself", table.display());
        }
        session.close().await;
        let what = format!("catalog of {name}, {} tables", tables.len());
        rows.push(row(&what, &format!("{:.0} ms", median(full)), ""));
        rows.push(row(
            &format!("one table of {name}, median over all"),
            &format!("{:.1} ms", median(one)),
            "",
        ));
    }
    Ok(rows)
}
