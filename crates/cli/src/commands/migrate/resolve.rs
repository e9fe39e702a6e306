//! `migrate resolve`: tell the history what was done by hand.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::migrate::resolve::{ResolveOptions, resolve};
use pgsteward_model::migrate::resolve::Resolved;
use pgsteward_report::migrate::{migrate_json, resolve_text};

use super::{ProjectArguments, ReportFormat, duration};
use crate::progress::Spinner;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The database to write to [default: as Prisma finds it].
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// Record this migration as applied, without running it.
    #[arg(
        long,
        value_name = "NAME",
        required_unless_present = "rolled_back",
        conflicts_with = "rolled_back"
    )]
    applied: Option<String>,
    /// Record this failed migration as rolled back, so that it runs again.
    #[arg(long, value_name = "NAME")]
    rolled_back: Option<String>,
    /// How long to wait for a migration that runs on the same database.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    wait: Duration,
    /// Output format.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (migration, to) = match (&arguments.applied, &arguments.rolled_back) {
        (Some(name), _) => (name, Resolved::Applied),
        (None, Some(name)) => (name, Resolved::RolledBack),
        (None, None) => anyhow::bail!("neither --applied nor --rolled-back names a migration"),
    };
    // A path is taken for the folder that it names, as tab completion writes it.
    let migration = migration.trim_end_matches('/').rsplit('/').next().unwrap_or(migration).to_owned();
    let options = ResolveOptions {
        project: arguments.project.options(),
        url: arguments.url.clone(),
        migration,
        to,
        lock_wait: arguments.wait,
    };
    let spinner = Spinner::new(false);
    let report = resolve(&options, &spinner).await;
    spinner.finish();
    let report = report?;
    arguments.format.print(|| resolve_text(&report), || migrate_json("migrate resolve", &report))?;
    Ok(ExitCode::SUCCESS)
}
