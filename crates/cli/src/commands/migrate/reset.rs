//! `migrate reset`: empty the database and apply every migration again.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::migrate::place::Place;
use pgsteward_engine::migrate::reset::{Skip, reset};
use pgsteward_report::migrate::{migrate_json, reset_text};

use super::{ProductionArguments, ProjectArguments, Shown};
use crate::ask::Terminal;
use crate::output;
use crate::progress::Spinner;

#[derive(Args)]
// The letter is Prisma's.
#[command(mut_arg("force", |force| force.short('f')))]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The database to reset [default: as Prisma finds it].
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    #[command(flatten)]
    production: ProductionArguments,
    /// Do not run the seed command afterwards (with Prisma 7 it is not run anyway).
    #[arg(long)]
    skip_seed: bool,
    /// Do not run the project's generators afterwards (with Prisma 7 they are not run anyway).
    #[arg(long)]
    skip_generate: bool,
    #[command(flatten)]
    shown: Shown,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let place = Place { project: arguments.project.options(), url: arguments.url.clone() };
    let consent = arguments.production.consent();
    let skip = Skip { generate: arguments.skip_generate, seed: arguments.skip_seed };
    let spinner = Spinner::new(arguments.shown.quiet);
    let report = reset(&place, &consent, skip, &Terminal::new(&spinner), &spinner).await;
    spinner.finish();
    let Some(report) = report? else {
        output::talk("Reset cancelled.");
        return Ok(ExitCode::from(130));
    };
    arguments.shown.print(|| reset_text(&report), || migrate_json("migrate reset", &report))?;
    Ok(ExitCode::SUCCESS)
}
