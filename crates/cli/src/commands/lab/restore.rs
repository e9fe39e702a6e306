//! `lab restore`: bring a copy of the development database back.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::lab_server::restore;
use pgsteward_report::lab_server::swap_text;
use pgsteward_report::migrate::migrate_json;

use super::ProjectFolder;
use crate::commands::migrate::ReportFormat;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    folder: ProjectFolder,
    /// The snapshot; "previous" is what the last restore replaced [default: that of the git branch, after the
    /// database was kept for the branch it belongs to].
    name: Option<String>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let report = restore(&arguments.folder.project, arguments.name.as_deref()).await?;
    arguments.format.print(|| swap_text(&report), || migrate_json("lab restore", &report))?;
    Ok(ExitCode::SUCCESS)
}
