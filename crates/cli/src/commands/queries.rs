//! `queries`: what the code asks of the database, where, and how the planner would answer.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::collect::LabWish;
use pgsteward_engine::queries::{QueriesOptions, StatesOptions, queries, states};
use pgsteward_report::{QueriesFormat, render_queries, render_states};

use super::review_arguments::environment_url;
use crate::output::{self, Color};
use crate::progress::Spinner;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Folder of the repository.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Output format: table, json, sql or markdown.
    #[arg(long, short, default_value = "table")]
    format: QueriesFormat,
    /// Only calls that touch this table or model.
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// List the indexes that no call can use.
    #[arg(long)]
    unused_index: bool,
    /// Draw the ways that the code takes between the states of its status columns, with the trigger that holds them:
    /// of all, of a model, or of one column.
    #[arg(long, value_name = "MODEL.FIELD", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["table", "unused_index"])]
    states: Option<String>,
    /// Map the statements that this server counted (pg_stat_statements) to calls: a PostgreSQL URL, or `env`.
    #[arg(long, value_name = "URL", env = "PGSTEWARD_URL", hide_env_values = true)]
    url: Option<String>,
    /// Start no lab server: print the SQL without plans.
    #[arg(long)]
    no_lab: bool,
    /// Major version of PostgreSQL for the lab [default: 17].
    #[arg(long, value_name = "MAJOR", env = "PGSTEWARD_PG_MAJOR", value_parser = clap::value_parser!(u32).range(12..=18))]
    pg_major: Option<u32>,
    /// Never download PostgreSQL.
    #[arg(long, env = "PGSTEWARD_OFFLINE", value_parser = clap::builder::FalseyValueParser::new())]
    offline: bool,
    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) async fn run(arguments: &Arguments, color: Color) -> Result<ExitCode> {
    let lab = LabWish { none: arguments.no_lab, major: arguments.pg_major, offline: arguments.offline };
    let spinner = Spinner::new(arguments.quiet);
    let rendering = output::options(color, true);
    if let Some(of) = &arguments.states {
        let of = Some(of.clone()).filter(|of| !of.is_empty());
        let found = states(&StatesOptions { path: arguments.path.clone(), of, lab }, &spinner).await;
        spinner.finish();
        output::print(&render_states(&found?, arguments.format, &rendering))?;
        return Ok(ExitCode::SUCCESS);
    }
    let url = match arguments.url.as_deref() {
        Some("env") => Some(environment_url(Some(&arguments.path))?),
        other => other.map(str::to_owned),
    };
    let options = QueriesOptions {
        url,
        path: arguments.path.clone(),
        table: arguments.table.clone(),
        unused_index: arguments.unused_index,
        lab,
    };
    let found = queries(&options, &spinner).await;
    spinner.finish();
    output::print(&render_queries(&found?, arguments.format, &rendering))?;
    Ok(ExitCode::SUCCESS)
}
