//! `migrate dev`: write the next migration from the schema, and apply it; with plain SQL, apply what is pending. Exit code 130 where the database must be
//! reset first or the person said no, as Prisma has it.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::migrate::dev::{DevRequest, dev};
use pgsteward_engine::migrate::place::Place;
use pgsteward_engine::migrate::rename::Wish;
use pgsteward_model::migrate::dev::DevOutcome;
use pgsteward_report::migrate::{dev_text, migrate_json};

use super::{LabArguments, ProjectArguments, Shown};
use crate::ask::Terminal;
use crate::progress::Spinner;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The development database [default: as Prisma finds it].
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// Name of the migration.
    #[arg(long, short, value_name = "NAME")]
    name: Option<String>,
    /// Write the migration and do not apply it; it is empty where the schema did not change.
    #[arg(long)]
    create_only: bool,
    /// Plain SQL only: write what was changed in the database by hand as the next migration, and record it.
    #[arg(long)]
    from_database: bool,
    /// Rename instead of dropping and creating: Old=New for a model or an enum, Model.old=new for a field. Repeatable.
    #[arg(long, value_name = "OLD=NEW", value_parser = wish)]
    rename: Vec<Wish>,
    /// Do not run the project's generators afterwards (with Prisma 7 they are not run anyway).
    #[arg(long)]
    skip_generate: bool,
    /// Accepted for Prisma's sake: no seed is run here.
    #[arg(long, hide = true)]
    skip_seed: bool,
    #[command(flatten)]
    lab: LabArguments,
    #[command(flatten)]
    shown: Shown,
}

fn wish(text: &str) -> Result<Wish, String> {
    Wish::parse(text).map_err(|error| error.hint.unwrap_or(error.message))
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let request = DevRequest {
        place: Place { project: arguments.project.options(), url: arguments.url.clone() },
        name: arguments.name.clone(),
        create_only: arguments.create_only,
        from_database: arguments.from_database,
        renames: arguments.rename.clone(),
        skip_generate: arguments.skip_generate,
        wish: arguments.lab.wish(),
    };
    let spinner = Spinner::new(arguments.shown.quiet);
    let report = dev(&request, &Terminal::new(&spinner), &spinner).await;
    spinner.finish();
    let report = report?;
    arguments.shown.print(|| dev_text(&report), || migrate_json("migrate dev", &report))?;
    Ok(match report.outcome {
        DevOutcome::InSync | DevOutcome::Applied | DevOutcome::Created | DevOutcome::Recorded => {
            ExitCode::SUCCESS
        }
        DevOutcome::ResetNeeded | DevOutcome::Cancelled => ExitCode::from(130),
    })
}
