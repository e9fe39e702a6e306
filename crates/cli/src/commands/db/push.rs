//! `db push`: make the database what the schema says.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::migrate::place::Place;
use pgsteward_engine::migrate::push::{PushRequest, push};
use pgsteward_report::migrate::{migrate_json, push_text};

use crate::ask::Terminal;
use crate::commands::migrate::{ProductionArguments, ProjectArguments, Shown};
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
    #[command(flatten)]
    production: ProductionArguments,
    /// Do not run the project's generators afterwards (with Prisma 7 they are not run anyway).
    #[arg(long)]
    skip_generate: bool,
    #[command(flatten)]
    shown: Shown,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let request = PushRequest {
        place: Place { project: arguments.project.options(), url: arguments.url.clone() },
        accept_data_loss: arguments.accept_data_loss,
        force_reset: arguments.force_reset,
        skip_generate: arguments.skip_generate,
        consent: arguments.production.consent(),
    };
    let spinner = Spinner::new(arguments.shown.quiet);
    let report = push(&request, &Terminal::new(&spinner), &spinner).await;
    spinner.finish();
    let Some(report) = report? else {
        output::talk("Push cancelled.");
        return Ok(ExitCode::from(130));
    };
    arguments.shown.print(|| push_text(&report), || migrate_json("db push", &report))?;
    Ok(ExitCode::SUCCESS)
}
