//! `lab up`: start the development server and print its URL, with the password: this is where it is to be had.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::lab_server::{UpOptions, up};
use pgsteward_report::lab_server::up_talk;
use pgsteward_report::migrate::migrate_json;

use super::ProjectFolder;
use crate::commands::migrate::ReportFormat;
use crate::output;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    folder: ProjectFolder,
    /// Major version of PostgreSQL, for the first start [default: that of --url, of pgsteward.toml, 17].
    #[arg(long, value_name = "MAJOR")]
    major: Option<u32>,
    /// Be like this server: its version and its extensions. It is only read.
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
    /// Print the URL and nothing else.
    #[arg(long, short)]
    quiet: bool,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let options = UpOptions {
        folder: arguments.folder.project.clone(),
        major: arguments.major,
        url: arguments.url.clone(),
    };
    let quiet = arguments.quiet;
    let report = up(
        &options,
        Arc::new(move |text: &str| {
            if !quiet {
                output::talk(text);
            }
        }),
    )
    .await?;
    match arguments.format {
        ReportFormat::Text => {
            if !quiet {
                output::talk(up_talk(&report).trim_end());
            }
            output::print(&report.url)?;
        }
        ReportFormat::Json => output::print(&migrate_json("lab up", &report))?,
    }
    Ok(ExitCode::SUCCESS)
}
