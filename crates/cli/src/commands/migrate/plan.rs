//! `migrate plan --safe`: show or write migrations that take the place of dangerous ones. Exit code 1 where one
//! cannot be planned.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::migrate::plan::{PlanOptions, plan};
use pgsteward_model::migrate::plan::PlanVerdict;
use pgsteward_report::migrate::{migrate_json, plan_text};

use super::{ProjectArguments, Shown};
use crate::progress::Spinner;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// Names of migrations [default: all that are pending].
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Rewrite what would block into expand and contract; the only kind of plan there is.
    #[arg(long, required = true)]
    safe: bool,
    /// The database whose history says what is pending [default: as Prisma finds it].
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// Write them in place of the migrations, which no database may have applied.
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    shown: Shown,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let options = PlanOptions {
        project: arguments.project.options(),
        url: arguments.url.clone(),
        names: arguments.names.clone(),
        write: arguments.write,
    };
    let spinner = Spinner::new(arguments.shown.quiet);
    let report = plan(&options, &spinner).await;
    spinner.finish();
    let report = report?;
    arguments.shown.print(|| plan_text(&report), || migrate_json("migrate plan", &report))?;
    let fails =
        |verdict: &PlanVerdict| matches!(verdict, PlanVerdict::Refuted { .. } | PlanVerdict::Refused { .. });
    let failed = report.migrations.iter().any(|one| fails(&one.verdict));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
