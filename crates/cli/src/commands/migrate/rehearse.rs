//! `migrate rehearse`: pending migrations on a twin of production. Exit code 0 where every migration is safe, with
//! settings or without, or accepted; 3 where one is unsafe; 1 where one does not run, and for errors.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::migrate::rehearse::{RehearseOptions, rehearse};
use pgsteward_model::migrate::rehearsal::Verdict;
use pgsteward_report::migrate::{migrate_json, rehearsal_text};

use super::{ProjectArguments, Shown, duration};
use crate::progress::Spinner;

#[derive(Args)]
pub(super) struct Arguments {
    /// The migrations to rehearse [default: those that are pending].
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    project: ProjectArguments,
    /// The database whose schema, statistics and settings the twin gets; it is only read [default: as Prisma finds it].
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// A file of `pgsteward facts export`, in place of a database.
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    facts: Option<PathBuf>,
    /// Share of the rows in the twin, with bounds for very small and very large tables: 0.01 or 1%.
    #[arg(long, value_name = "SHARE", default_value = "1%", value_parser = share)]
    scale: f64,
    /// How long others may be kept waiting before a migration is unsafe.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    max_block: Duration,
    /// How long a lock is waited for, as deploy would be told.
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = duration)]
    lock_timeout: Duration,
    /// How long one statement may take in the lab.
    #[arg(long, value_name = "TIME", default_value = "5min", value_parser = duration)]
    limit: Duration,
    /// A rule, or a group of rules, whose hazards you take on, as an allow does in the migration or in pgsteward.toml;
    /// several with commas.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    accept: Vec<String>,
    /// Major version of the lab's PostgreSQL [default: the database's].
    #[arg(long, value_name = "MAJOR")]
    pg: Option<u32>,
    /// Never download anything.
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    shown: Shown,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let options = RehearseOptions {
        project: arguments.project.options(),
        names: arguments.names.clone(),
        url: arguments.url.clone(),
        facts: arguments.facts.clone(),
        scale: arguments.scale,
        max_block: arguments.max_block,
        lock_timeout: arguments.lock_timeout,
        limit: arguments.limit,
        major: arguments.pg,
        offline: arguments.offline,
        accept: arguments.accept.clone(),
    };
    let spinner = Spinner::new(arguments.shown.quiet);
    let report = rehearse(&options, &spinner).await;
    spinner.finish();
    let report = report?;
    arguments.shown.print(|| rehearsal_text(&report), || migrate_json("migrate rehearse", &report))?;
    let worst = report.migrations.iter().map(|one| one.verdict).max();
    Ok(match worst {
        None | Some(Verdict::Safe | Verdict::SafeWithSettings | Verdict::Accepted) => ExitCode::SUCCESS,
        Some(Verdict::Unsafe) => ExitCode::from(3),
        Some(Verdict::Fails | Verdict::NotTried) => ExitCode::FAILURE,
    })
}

/// `0.01` or `1%`.
fn share(text: &str) -> Result<f64, String> {
    let (number, unit) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let share = number.trim().parse::<f64>().map(|number| number / unit);
    share
        .ok()
        .filter(|share| *share > 0.0 && *share <= 1.0)
        .ok_or_else(|| format!("\"{text}\" is no share: write 0.01 or 1%"))
}
