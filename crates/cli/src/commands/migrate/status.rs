//! `migrate status`: how the database and its history stand. Exit code 0 when all is well, 1 for what Prisma exits
//! 1 for, 3 to 7 for what Prisma does not look at.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::collect::LabWish;
use pgsteward_engine::migrate::status::{StatusOptions, status};
use pgsteward_report::migrate::{migrate_json, status_text};

use super::{Network, ProjectArguments, Shown};
use crate::progress::Spinner;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The database to look at [default: as Prisma finds it].
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// Start no lab server: do not look for drift.
    #[arg(long)]
    no_lab: bool,
    #[command(flatten)]
    network: Network,
    /// Look at a target of pgsteward.toml, and compare it with the target before it.
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    target: Option<String>,
    #[command(flatten)]
    shown: Shown,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let lab = LabWish { none: arguments.no_lab, major: None, offline: arguments.network.offline };
    let options = StatusOptions {
        project: arguments.project.options(),
        url: arguments.url.clone(),
        target: arguments.target.clone(),
        lab,
    };
    let spinner = Spinner::new(arguments.shown.quiet);
    let report = status(&options, &spinner).await;
    spinner.finish();
    let report = report?;
    arguments.shown.print(|| status_text(&report), || migrate_json("migrate status", &report))?;
    Ok(ExitCode::from(report.exit_code))
}
