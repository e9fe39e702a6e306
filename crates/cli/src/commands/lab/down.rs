//! `lab down`: stop the development server.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::lab_server::down;
use pgsteward_report::lab_server::down_text;
use pgsteward_report::migrate::migrate_json;

use super::ProjectFolder;
use crate::commands::migrate::ReportFormat;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    folder: ProjectFolder,
    /// Delete its data and all its snapshots too.
    #[arg(long)]
    remove: bool,
    /// Output format.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let report = down(&arguments.folder.project, arguments.remove).await?;
    arguments.format.print(|| down_text(&report), || migrate_json("lab down", &report))?;
    Ok(ExitCode::SUCCESS)
}
