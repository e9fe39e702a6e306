//! `db execute`: run a SQL script of the user's.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{ArgGroup, Args};
use pgsteward_engine::migrate::execute::{execute, read_script};
use pgsteward_engine::migrate::place::Place;

use crate::commands::migrate::ProjectArguments;
use crate::output;

#[derive(Args)]
#[command(group = ArgGroup::new("script").required(true))]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The database to run it on [default: as Prisma finds it].
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// The script.
    #[arg(long, value_name = "FILE", group = "script")]
    file: Option<PathBuf>,
    /// Read the script from standard input.
    #[arg(long, group = "script")]
    stdin: bool,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let script = match &arguments.file {
        Some(path) => read_script(path)?,
        None => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("read the script from standard input")?;
            text
        }
    };
    let place = Place { project: arguments.project.options(), url: arguments.url.clone() };
    execute(&place, &script).await?;
    output::print("Script executed successfully.\n")?;
    Ok(ExitCode::SUCCESS)
}
