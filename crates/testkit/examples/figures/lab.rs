//! Start of a lab, clones, and langfuse's history in the lab against one psql session that runs the same
//! files on the same server.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use pgsteward_lab::{Database, Lab, LabOptions, OWNER, ReplayOptions};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::History;

use crate::project;
use crate::table::{median, millis, row, row_with_limit};

const PROJECT: &str = "langfuse";
const STARTS: usize = 5;
const CLONES: usize = 10;
const REPLAYS: usize = 5;

pub(crate) async fn rows(corpus: &Path) -> Result<Vec<String>> {
    // Fetches binaries and prepares the data directory, once per machine.
    Lab::start(&LabOptions::default()).await?.stop().await?;
    let mut rows = vec![start().await?];
    let facts = project::collect(corpus, PROJECT, None).await?.facts;
    let history = facts.history.as_ref().context("the project has no history")?;
    let lab = Lab::start(&LabOptions::default()).await?;
    rows.extend(replays(&lab, &facts, history, corpus).await?);
    rows.push(clones(&lab, &facts, history).await?);
    lab.stop().await?;
    Ok(rows)
}

async fn start() -> Result<String> {
    let mut samples = Vec::new();
    for _ in 0..STARTS {
        let started = Instant::now();
        let lab = Lab::start(&LabOptions::default()).await?;
        samples.push(started.elapsed().as_secs_f64());
        lab.stop().await?;
    }
    let what = format!("lab from start to its first session, binaries cached, median of {STARTS}");
    Ok(row_with_limit(&what, median(samples), "s", 3, 0.5))
}

/// The three ways in turn, so that a busy moment of the machine meets each of them.
async fn replays(lab: &Lab, facts: &Facts, history: &History, corpus: &Path) -> Result<Vec<String>> {
    let files = migration_files(corpus)?;
    ensure!(files.len() == history.files.len(), "psql would run other files than the lab");
    let (mut plain, mut traced, mut psql) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..REPLAYS {
        plain.push(in_the_lab(lab, facts, history, false).await?);
        traced.push(in_the_lab(lab, facts, history, true).await?);
        psql.push(with_psql(lab, &files).await?);
    }
    let count = files.len();
    let (plain, traced, psql) = (median(plain), median(traced), median(psql));
    Ok(vec![
        row(
            &format!("replay of {PROJECT}'s {count} migrations, PostgreSQL {}", lab.version()),
            &seconds(plain),
            "",
        ),
        row("the same with locks and rewrites traced", &seconds(traced), ""),
        row("one psql session, the same files and server", &seconds(psql), ""),
        row_with_limit("replay / psql", plain / psql, "", 2, 1.3),
        row("traced replay / psql", &format!("{:.2}", traced / psql), ""),
    ])
}

fn seconds(value: f64) -> String {
    format!("{value:.2} s")
}

async fn in_the_lab(lab: &Lab, facts: &Facts, history: &History, trace: bool) -> Result<f64> {
    let database = lab.create_database().await?;
    let options = ReplayOptions { trace, ..Default::default() };
    let started = Instant::now();
    let replay = pgsteward_lab::replay(lab, &database, history, &facts.sources, &options).await?;
    let took = started.elapsed();
    ensure!(replay.failures.is_empty(), "the replay failed in {} files", replay.failures.len());
    lab.drop_database(database).await?;
    Ok(took.as_secs_f64())
}

async fn with_psql(lab: &Lab, files: &[PathBuf]) -> Result<f64> {
    let database = lab.create_database().await?;
    let mut command = psql(lab, &database);
    command.args(["--set", "ON_ERROR_STOP=1"]);
    for file in files {
        command.arg("--file").arg(file);
    }
    let started = Instant::now();
    let status = command.status().context("run psql, the measure of the replay")?;
    let took = started.elapsed();
    ensure!(status.success(), "psql failed on the migrations of {PROJECT}");
    lab.drop_database(database).await?;
    Ok(took.as_secs_f64())
}

/// A psql without anybody's settings, on the socket of the lab.
fn psql(lab: &Lab, database: &Database) -> Command {
    let mut command = Command::new("psql");
    command
        .args(["--no-psqlrc", "--quiet", "--no-password", "--port", "5432", "--username", OWNER])
        .arg("--host")
        .arg(lab.folder())
        .args(["--dbname", database.name()])
        .env("PGOPTIONS", "-c client_min_messages=warning")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

fn migration_files(corpus: &Path) -> Result<Vec<PathBuf>> {
    let folder = corpus.join(PROJECT).join("prisma/migrations");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
        let file = entry?.path().join("migration.sql");
        if file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

async fn clones(lab: &Lab, facts: &Facts, history: &History) -> Result<String> {
    let source = lab.create_database().await?;
    let options = ReplayOptions { trace: false, ..Default::default() };
    pgsteward_lab::replay(lab, &source, history, &facts.sources, &options).await?;
    let mut samples: Vec<Duration> = Vec::new();
    for _ in 0..CLONES {
        let started = Instant::now();
        let clone = lab.clone_database(&source).await?;
        samples.push(started.elapsed());
        lab.drop_database(clone).await?;
    }
    let middle = median(samples.into_iter().map(millis).collect());
    Ok(row(&format!("clone of {PROJECT}'s database, median of {CLONES}"), &format!("{middle:.0} ms"), ""))
}
