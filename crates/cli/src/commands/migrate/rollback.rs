//! `migrate rollback`: undo the migrations that were applied last.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::migrate::rollback::{RollbackOptions, rollback};
use pgsteward_report::migrate::{migrate_json, rollback_text};

use super::{ProjectArguments, Shown, duration};
use crate::progress::Spinner;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The database to roll back [default: as Prisma finds it].
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// How many of the last applied migrations to undo.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, conflicts_with = "to")]
    steps: usize,
    /// Undo everything that was applied after this migration.
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
    /// Show what would run and what would go, and run nothing.
    #[arg(long)]
    dry_run: bool,
    /// Remove rows and values that the rollback removes, without asking.
    #[arg(long)]
    accept_data_loss: bool,
    /// Run a down.sql that is not proven as it is.
    #[arg(long)]
    accept_unproven: bool,
    /// How long a statement waits for a lock before it is tried again; 0 waits for ever.
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = duration)]
    lock_timeout: Duration,
    /// How often to try again after a lock was not granted.
    #[arg(long, value_name = "TIMES", default_value_t = 8)]
    lock_retries: u32,
    /// How long to wait for another migration that runs on the same database.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    wait: Duration,
    /// Show the statements.
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    shown: Shown,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut options = RollbackOptions {
        project: arguments.project.options(),
        url: arguments.url.clone(),
        steps: arguments.steps,
        to: arguments.to.clone(),
        dry_run: arguments.dry_run,
        accept_data_loss: arguments.accept_data_loss,
        accept_unproven: arguments.accept_unproven,
        lock_timeout: (!arguments.lock_timeout.is_zero()).then_some(arguments.lock_timeout),
        lock_retries: arguments.lock_retries,
        lock_wait: arguments.wait,
    };
    if !options.dry_run && !options.accept_data_loss && people_are_there() {
        options.accept_data_loss = asked(&options, arguments.shown.quiet).await?;
    }
    let spinner = Spinner::new(arguments.shown.quiet);
    let rolled_back = rollback(&options, &spinner).await;
    spinner.finish();
    let rolled_back = rolled_back?;
    let report = &rolled_back.report;
    arguments
        .shown
        .print(|| rollback_text(report, arguments.verbose), || migrate_json("migrate rollback", report))?;
    match rolled_back.error {
        None => Ok(ExitCode::SUCCESS),
        Some(error) => Err(error.into()),
    }
}

fn people_are_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Shows what would go and asks; without an answer of yes the rollback itself refuses.
async fn asked(options: &RollbackOptions, quiet: bool) -> Result<bool> {
    let spinner = Spinner::new(quiet);
    let plan = RollbackOptions { dry_run: true, ..options.clone() };
    let planned = rollback(&plan, &spinner).await;
    spinner.finish();
    let report = planned?.report;
    if report.steps.iter().all(|step| step.goes.is_empty()) {
        return Ok(false);
    }
    let mut out = std::io::stderr();
    out.write_all(rollback_text(&report, false).as_bytes())?;
    out.write_all(b"Remove these rows and values? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
