//! `migrate deploy`: apply what is pending.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use pgsteward_engine::migrate::deploy::{DeployOptions, deploy};
use pgsteward_engine::migrate::{Budget, Limits};
use pgsteward_model::migrate::deploy::DeployReport;
use pgsteward_report::migrate::{deploy_text, migrate_json};

use super::{ProjectArguments, ReportFormat, Shown, duration};
use crate::output;
use crate::progress::Spinner;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The database to deploy to [default: as Prisma finds it].
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// Deploy to a target of pgsteward.toml: what has not passed on the target before it is refused.
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    target: Option<String>,
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
    /// How long to wait for another migration that runs on the same database, and for replicas (see --max-lag).
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    wait: Duration,
    /// Apply migrations that cannot be undone.
    #[arg(long)]
    accept_irreversible: bool,
    /// Apply what is pending where none of the migrations that the database has applied is in the folder: services share a
    /// history, or old migrations were archived.
    #[arg(long)]
    accept_other_history: bool,
    /// Stop when another session has waited this long for the migration; 0 lets it wait.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    max_blocked: Duration,
    /// Stop when a replica is this many bytes of WAL behind; before a file begins, wait for it as long as --wait says.
    #[arg(long, value_name = "BYTES")]
    max_lag: Option<u64>,
    /// Stop when the server takes longer than this to answer a small query [default: as long as it takes].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    max_latency: Option<Duration>,
    /// Do not look at the data before a statement that depends on it, nor at who still names what goes.
    #[arg(long)]
    no_data_checks: bool,
    /// How long no query may name what a migration of `plan --safe` takes away before it runs; 0 does not look.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    unused_for: Duration,
    /// Leave the planner's statistics of changed tables to autovacuum.
    #[arg(long)]
    no_analyze: bool,
    /// Write the JSON report to a file, whatever the outcome.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// When the deploy fails: run this with `sh -c`, the JSON report on its standard input.
    #[arg(long, value_name = "COMMAND")]
    on_failure: Option<String>,
    /// List every statement.
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    shown: Shown,
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
        target: arguments.target.clone(),
        limits,
        lock_wait: arguments.wait,
        accept_irreversible: arguments.accept_irreversible,
        accept_other_history: arguments.accept_other_history,
        budget: Budget {
            longest_wait: some(arguments.max_blocked),
            largest_lag: arguments.max_lag,
            slowest_answer: arguments.max_latency.and_then(some),
        },
        check_data: !arguments.no_data_checks,
        unused_for: arguments.unused_for,
        analyze: !arguments.no_analyze,
    };
    let spinner = Spinner::new(arguments.shown.quiet);
    let deployed = deploy(&options, &spinner).await;
    spinner.finish();
    let (report, error) = match deployed {
        Ok(deployed) => (deployed.report, deployed.error),
        // Nothing began: the report says why.
        Err(error) => {
            (DeployReport { failure: Some(error.failure()), ..DeployReport::default() }, Some(error))
        }
    };
    let json = migrate_json("migrate deploy", &report);
    if let Some(path) = &arguments.report {
        std::fs::write(path, &json).with_context(|| format!("write the report to {}", path.display()))?;
    }
    match arguments.shown.format {
        ReportFormat::Json => output::print(&json)?,
        ReportFormat::Text if report.history_table.is_empty() => {}
        ReportFormat::Text => output::print(&deploy_text(&report, arguments.verbose))?,
    }
    let Some(error) = error else { return Ok(ExitCode::SUCCESS) };
    if let Some(command) = &arguments.on_failure
        && let Err(problem) = hand_over(command, &json)
    {
        output::talk(&format!("warning: --on-failure: {problem:#}"));
    }
    Err(error.into())
}

/// Runs the command with the report on its standard input. Only the command line can name it: a repository's
/// configuration cannot.
fn hand_over(command: &str, json: &str) -> Result<()> {
    let mut child =
        Command::new("sh").arg("-c").arg(command).stdin(Stdio::piped()).spawn().context("start sh")?;
    if let Some(mut input) = child.stdin.take() {
        match input.write_all(json.as_bytes()) {
            // A command need not read what it is given.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error.into()),
            _ => {}
        }
    }
    let status = child.wait()?;
    anyhow::ensure!(status.success(), "the command ended with {status}");
    Ok(())
}
