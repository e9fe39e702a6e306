//! `migrate doctor`: what is there of a failed migration, and what to run. Exit code 1 where one failed.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::collect::LabWish;
use pgsteward_engine::migrate::doctor::{DoctorOptions, doctor};
use pgsteward_report::migrate::{doctor_text, migrate_json};

use super::{ProjectArguments, ReportFormat};
use crate::output;
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
    /// Never download PostgreSQL.
    #[arg(long, env = "PGSTEWARD_OFFLINE", value_parser = clap::builder::FalseyValueParser::new())]
    offline: bool,
    /// Output format.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let options = DoctorOptions {
        project: arguments.project.options(),
        url: arguments.url.clone(),
        target: arguments.target.clone(),
        migration: arguments.migration.clone(),
        lab: LabWish { none: false, major: None, offline: arguments.offline },
    };
    let spinner = Spinner::new(arguments.quiet);
    let report = doctor(&options, &spinner).await;
    spinner.finish();
    let report = report?;
    output::print(&match arguments.format {
        ReportFormat::Text => doctor_text(&report),
        ReportFormat::Json => migrate_json("migrate doctor", &report),
    })?;
    Ok(ExitCode::from(u8::from(report.migration.is_some())))
}
