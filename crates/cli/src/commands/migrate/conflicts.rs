//! `migrate conflicts`: compare the migrations of open branches. Exit code 1 where there is a conflict.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::collect::LabWish;
use pgsteward_engine::migrate::conflicts::{ConflictsOptions, conflicts};
use pgsteward_report::migrate::{conflicts_text, migrate_json};

use super::{Network, ProjectArguments, Shown};
use crate::progress::Spinner;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// Branches to compare [default: all that are not merged].
    #[arg(value_name = "BRANCH")]
    branches: Vec<String>,
    /// The branch that they are to be merged into [default: the repository's default branch].
    #[arg(long, value_name = "BRANCH")]
    base: Option<String>,
    /// Start no lab server: do not try the migrations after each other.
    #[arg(long)]
    no_lab: bool,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    shown: Shown,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let options = ConflictsOptions {
        project: arguments.project.options(),
        branches: arguments.branches.clone(),
        base: arguments.base.clone(),
        lab: LabWish { none: arguments.no_lab, major: None, offline: arguments.network.offline },
    };
    let spinner = Spinner::new(arguments.shown.quiet);
    let report = conflicts(&options, &spinner).await;
    spinner.finish();
    let report = report?;
    arguments.shown.print(|| conflicts_text(&report), || migrate_json("migrate conflicts", &report))?;
    Ok(ExitCode::from(u8::from(!report.conflicts.is_empty())))
}
