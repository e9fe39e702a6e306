//! `lab snapshot`: keep a copy of the development database, or list the copies.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::lab_server::{snapshot, snapshots};
use pgsteward_model::lab_server::SwapReport;
use pgsteward_report::lab_server::{snapshots_text, swap_text};
use pgsteward_report::migrate::migrate_json;

use super::ProjectFolder;
use crate::commands::migrate::ReportFormat;
use crate::output;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    folder: ProjectFolder,
    /// Its name [default: the git branch].
    name: Option<String>,
    /// Take the place of an older one of that name.
    #[arg(long)]
    replace: bool,
    /// List the snapshots and take none.
    #[arg(long, conflicts_with_all = ["name", "replace"])]
    list: bool,
    /// Output format.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let folder = &arguments.folder.project;
    let report = match arguments.list {
        true => SwapReport { snapshots: snapshots(folder).await?, ..SwapReport::default() },
        false => snapshot(folder, arguments.name.as_deref(), arguments.replace).await?,
    };
    output::print(&match arguments.format {
        ReportFormat::Text if arguments.list => snapshots_text(&report.snapshots),
        ReportFormat::Text => swap_text(&report),
        ReportFormat::Json => migrate_json("lab snapshot", &report),
    })?;
    Ok(ExitCode::SUCCESS)
}
