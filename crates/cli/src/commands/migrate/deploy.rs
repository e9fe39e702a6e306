//! `migrate deploy`: apply what is pending.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::migrate::Limits;
use pgsteward_engine::migrate::deploy::{DeployOptions, deploy};
use pgsteward_report::migrate::{deploy_text, migrate_json};

use super::{ProjectArguments, ReportFormat, duration};
use crate::output;
use crate::progress::Spinner;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The database to deploy to [default: as Prisma finds it].
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// How long a statement waits for a lock before the file is tried again; 0 waits for ever.
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = duration)]
    lock_timeout: Duration,
    /// How often to try again after a lock was not granted.
    #[arg(long, value_name = "TIMES", default_value_t = 8)]
    lock_retries: u32,
    /// How long a statement that blocks others may take: 60 s where it should be over at once, an hour where it
    /// rewrites, scans or builds; this sets both, 0 takes the limit away.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    statement_timeout: Option<Duration>,
    /// How long to wait for another migration that runs on the same database.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    wait: Duration,
    /// Apply migrations that cannot be undone.
    #[arg(long)]
    accept_irreversible: bool,
    /// Output format.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
    /// List every statement.
    #[arg(long, short)]
    verbose: bool,
    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let some = |limit: Duration| (!limit.is_zero()).then_some(limit);
    let defaults = Limits::default();
    let limits = Limits {
        lock_timeout: some(arguments.lock_timeout),
        lock_retries: arguments.lock_retries,
        instant: arguments.statement_timeout.map_or(defaults.instant, some),
        blocking: arguments.statement_timeout.map_or(defaults.blocking, some),
    };
    let options = DeployOptions {
        project: arguments.project.options(),
        url: arguments.url.clone(),
        limits,
        lock_wait: arguments.wait,
        accept_irreversible: arguments.accept_irreversible,
    };
    let spinner = Spinner::new(arguments.quiet);
    let deployed = deploy(&options, &spinner).await;
    spinner.finish();
    let deployed = deployed?;
    output::print(&match arguments.format {
        ReportFormat::Text => deploy_text(&deployed.report, arguments.verbose),
        ReportFormat::Json => migrate_json("migrate deploy", &deployed.report),
    })?;
    match deployed.error {
        None => Ok(ExitCode::SUCCESS),
        Some(error) => Err(error.into()),
    }
}
