//! `migrate squash`: join applied migrations into one.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::migrate::squash::{SquashOptions, squash};
use pgsteward_model::migrate::squash::SquashOutcome;
use pgsteward_report::migrate::{migrate_json, squash_text};

use super::{LabArguments, ProjectArguments, Shown};
use crate::ask::Terminal;
use crate::progress::Spinner;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The database whose history says what is applied [default: as Prisma finds it].
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// The last migration to join; without --url no database is asked then [default: the last applied one].
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
    /// What the new migration is called behind its number [default: squashed_migrations].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Put the files together as they are, in place of writing down what they make.
    #[arg(long)]
    keep_statements: bool,
    /// Write nothing; -v shows the text.
    #[arg(long)]
    dry_run: bool,
    /// Remove the old folders without asking.
    #[arg(long, short)]
    yes: bool,
    /// Remove them although git does not have them as they are.
    #[arg(long)]
    allow_dirty: bool,
    #[command(flatten)]
    lab: LabArguments,
    /// Show the text of the new migration.
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    shown: Shown,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let options = SquashOptions {
        project: arguments.project.options(),
        url: arguments.url.clone(),
        to: arguments.to.clone(),
        name: arguments.name.clone(),
        keep_statements: arguments.keep_statements,
        dry_run: arguments.dry_run,
        yes: arguments.yes,
        allow_dirty: arguments.allow_dirty,
        wish: arguments.lab.wish(),
    };
    let spinner = Spinner::new(arguments.shown.quiet);
    let report = squash(&options, &Terminal::new(&spinner), &spinner).await;
    spinner.finish();
    let report = report?;
    arguments
        .shown
        .print(|| squash_text(&report, arguments.verbose), || migrate_json("migrate squash", &report))?;
    Ok(if report.outcome == SquashOutcome::Cancelled { ExitCode::from(130) } else { ExitCode::SUCCESS })
}
