//! `migrate doctor`: what is there of a failed migration, and what to run. Exit code 1 where one failed.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::collect::LabWish;
use pgsteward_engine::migrate::doctor::{DoctorOptions, doctor};
use pgsteward_report::migrate::{doctor_text, migrate_json};

use super::{Network, ProjectArguments, Shown};
use crate::progress::Spinner;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The failed migration [default: the first one].
    #[arg(value_name = "NAME")]
    migration: Option<String>,
    /// The database to look at [default: as Prisma finds it].
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// A target of pgsteward.toml.
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    target: Option<String>,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    shown: Shown,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let options = DoctorOptions {
        project: arguments.project.options(),
        url: arguments.url.clone(),
        target: arguments.target.clone(),
        migration: arguments.migration.clone(),
        lab: LabWish { none: false, major: None, offline: arguments.network.offline },
    };
    let spinner = Spinner::new(arguments.shown.quiet);
    let report = doctor(&options, &spinner).await;
    spinner.finish();
    let report = report?;
    arguments.shown.print(|| doctor_text(&report), || migrate_json("migrate doctor", &report))?;
    Ok(ExitCode::from(u8::from(report.migration.is_some())))
}
