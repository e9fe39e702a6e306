//! `facts export`: schema, settings and statistics of a database as a file, for those who may not connect to it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use pgsteward_engine::facts_export::{export, to_json};
use pgsteward_engine::migrate::ProjectOptions;

use crate::output;
use crate::progress::Spinner;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Write schema, settings and statistics of a database as JSON: no row, and no value of one without --with-values.
    Export(ExportArguments),
}

#[derive(Args)]
struct ExportArguments {
    /// The database to read [default: as Prisma finds it].
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// Where to write [default: standard output].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Add the most common values and the bounds of histograms, for a twin with the same values. These are data of the
    /// database: those of keys and of columns that look personal are left out, and the file is still to be kept as such.
    #[arg(long)]
    with_values: bool,
    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Verb::Export(arguments) = &arguments.verb;
    let spinner = Spinner::new(arguments.quiet);
    let read =
        export(&ProjectOptions::default(), arguments.url.as_deref(), arguments.with_values, &spinner).await;
    spinner.finish();
    let (facts, notes) = read?;
    for note in notes {
        output::talk(&format!("note: {note}"));
    }
    let json = to_json(&facts)?;
    match &arguments.output {
        Some(path) => {
            std::fs::write(path, json + "\n").with_context(|| format!("write {}", path.display()))?;
            output::talk(&format!("wrote {}", path.display()));
        }
        None => output::print(&json)?,
    }
    Ok(ExitCode::SUCCESS)
}
