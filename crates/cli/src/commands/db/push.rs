//! `db push`: make the database what the schema says.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::migrate::place::Place;
use pgsteward_engine::migrate::production::Consent;
use pgsteward_engine::migrate::push::{PushRequest, push};
use pgsteward_report::migrate::{migrate_json, push_text};

use crate::ask::Terminal;
use crate::commands::migrate::{ProjectArguments, ReportFormat};
use crate::output;
use crate::progress::Spinner;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The database to push to [default: as Prisma finds it].
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// Go on where data may be lost.
    #[arg(long)]
    accept_data_loss: bool,
    /// Empty the database first: all data is lost.
    #[arg(long)]
    force_reset: bool,
    /// Go on even where the database looks like production.
    #[arg(long)]
    force: bool,
    /// The name of the database, typed: confirms the loss in one that looks like production.
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// Do not run the project's generators afterwards (with Prisma 7 they are not run anyway).
    #[arg(long)]
    skip_generate: bool,
    /// Output format.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let request = PushRequest {
        place: Place { project: arguments.project.options(), url: arguments.url.clone() },
        accept_data_loss: arguments.accept_data_loss,
        force_reset: arguments.force_reset,
        skip_generate: arguments.skip_generate,
        consent: Consent { force: arguments.force, typed: arguments.database.clone() },
    };
    let spinner = Spinner::new(arguments.quiet);
    let report = push(&request, &Terminal::new(&spinner), &spinner).await;
    spinner.finish();
    let Some(report) = report? else {
        output::talk("Push cancelled.");
        return Ok(ExitCode::from(130));
    };
    output::print(&match arguments.format {
        ReportFormat::Text => push_text(&report),
        ReportFormat::Json => migrate_json("db push", &report),
    })?;
    Ok(ExitCode::SUCCESS)
}
