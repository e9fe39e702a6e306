//! `migrate backfill`: one UPDATE in batches. Exit code 1 where rows are left that match its condition.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::migrate::MigrateError;
use pgsteward_engine::migrate::backfill::{BackfillOptions, Definition, Source, backfill};
use pgsteward_model::migrate::backfill::BackfillOutcome;
use pgsteward_report::migrate::{backfill_text, migrate_json};

use super::{ProjectArguments, Shown, duration};
use crate::ask::Terminal;
use crate::progress::Spinner;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The migration that has a backfill: a folder with backfill.sql, or a file of plain SQL.
    #[arg(value_name = "NAME", conflicts_with_all = ["table", "set", "condition"], required_unless_present = "table")]
    name: Option<String>,
    /// The table as SQL has it: "Order" with its quotes.
    #[arg(long, value_name = "TABLE", requires = "set")]
    table: Option<String>,
    /// What is set: `total_new = total::bigint`.
    #[arg(long, value_name = "SQL", requires = "table")]
    set: Option<String>,
    /// Which rows; false for rows that are done.
    #[arg(long = "where", id = "condition", value_name = "SQL", requires = "table")]
    condition: Option<String>,
    /// The database to fill [default: as Prisma finds it].
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// Most rows of a batch; fewer where others wait.
    #[arg(long, value_name = "ROWS", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: u32,
    /// Rest after each batch.
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = duration)]
    pause: Duration,
    /// Wait while a replica is further behind; 0 looks at none.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    max_lag: Duration,
    /// Show the first batch and run nothing.
    #[arg(long)]
    dry_run: bool,
    /// Begin anew what was begun or finished.
    #[arg(long)]
    again: bool,
    /// How long to wait for another run of the same backfill.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    wait: Duration,
    #[command(flatten)]
    shown: Shown,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let options = BackfillOptions {
        project: arguments.project.options(),
        url: arguments.url.clone(),
        source: source(arguments)?,
        batch_size: arguments.batch_size,
        pause: arguments.pause,
        max_lag: (!arguments.max_lag.is_zero()).then_some(arguments.max_lag),
        dry_run: arguments.dry_run,
        again: arguments.again,
        wait: arguments.wait,
    };
    let spinner = Spinner::new(arguments.shown.quiet);
    let report = backfill(&options, &Terminal::new(&spinner), &spinner).await;
    spinner.finish();
    let report = report?;
    arguments.shown.print(|| backfill_text(&report), || migrate_json("migrate backfill", &report))?;
    let left = report.outcome != BackfillOutcome::Planned && report.rows_left == Some(true);
    Ok(if left { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn source(arguments: &Arguments) -> Result<Source, MigrateError> {
    match (&arguments.name, &arguments.table, &arguments.set) {
        (Some(name), _, _) => Ok(Source::Folder(name.clone())),
        (None, Some(table), Some(set)) => Ok(Source::Flags(Definition {
            table: table.clone(),
            set: set.clone(),
            condition: arguments.condition.clone(),
        })),
        // The parser of arguments lets nothing else through.
        _ => Err(MigrateError::new("nothing says what to fill")
            .with_hint("name a migration that has a backfill, or pass --table and --set")),
    }
}
