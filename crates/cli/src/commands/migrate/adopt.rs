//! `migrate adopt`: make and prove the down.sql of migrations. Exit code 1 where one cannot be undone or is not
//! proven.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::migrate::rollback::{AdoptOptions, adopt};
use pgsteward_model::migrate::rollback::Worth;
use pgsteward_report::migrate::{adopt_text, migrate_json};

use super::{LabArguments, ProjectArguments, Shown};
use crate::progress::Spinner;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The database that they are for; only its version is asked [default: as Prisma finds it].
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// Names of migrations [default: all].
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Make down.sql anew, also where somebody wrote or edited it.
    #[arg(long)]
    force: bool,
    /// Prove again what was proven before.
    #[arg(long)]
    again: bool,
    /// Write no file.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    lab: LabArguments,
    #[command(flatten)]
    shown: Shown,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let options = AdoptOptions {
        project: arguments.project.options(),
        url: arguments.url.clone(),
        wish: arguments.lab.wish(),
        names: arguments.names.clone(),
        force: arguments.force,
        again: arguments.again,
        dry_run: arguments.dry_run,
    };
    let spinner = Spinner::new(arguments.shown.quiet);
    let report = adopt(&options, &spinner).await;
    spinner.finish();
    let report = report?;
    arguments
        .shown
        .print(|| adopt_text(&report, arguments.dry_run), || migrate_json("migrate adopt", &report))?;
    let holds = |worth: &Worth| matches!(worth, Worth::Proven | Worth::StructureProven);
    let all = report.migrations.iter().all(|one| holds(&one.down.worth));
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
