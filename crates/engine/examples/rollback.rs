//! Proves what undoes each migration of a folder, in order: `cargo run --example rollback -- FOLDER [FIRST LAST]`.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use pgsteward_engine::migrate::rollback::Chain;
use pgsteward_lab::{Lab, LabOptions};
use pgsteward_model::migration::Regime;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = Path::new(arguments.first().context("name a folder of migrations")?);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path().join("migration.sql");
        if let Ok(text) = std::fs::read_to_string(&path) {
            let name = path.parent().and_then(Path::file_name).context("a folder has a name")?;
            files.push((name.to_string_lossy().into_owned(), text));
        }
    }
    files.sort();
    let number = |index: usize| arguments.get(index).and_then(|text| text.parse::<usize>().ok());
    let last = number(2).unwrap_or(files.len()).min(files.len());
    let lab = Lab::start(&LabOptions::default()).await?;
    let mut chain = Chain::new(&lab, &files, Regime::OneMessage).await?;
    chain.walk_to(number(1).unwrap_or(0)).await?;
    let mut out = std::io::stdout().lock();
    while chain.done() < last {
        let started = std::time::Instant::now();
        let down = chain.next(None).await?;
        let reason = down.worth.reason().unwrap_or_default();
        writeln!(
            out,
            "{}\t{}\t{}\t{} ms\t{reason}",
            down.migration,
            down.changes_schema,
            down.worth.word(),
            started.elapsed().as_millis()
        )?;
        for loss in &down.lost {
            writeln!(out, "    lost: {}: {}", loss.what, loss.why)?;
        }
        if arguments.iter().any(|argument| argument == "--sql") {
            writeln!(out, "{}", down.sql)?;
        }
    }
    chain.finish().await?;
    lab.stop().await?;
    Ok(())
}
