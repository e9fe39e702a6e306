//! `lab psql`: this process becomes psql.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Result, anyhow};
use clap::Args;
use pgsteward_engine::lab_server::psql;

use super::ProjectFolder;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    folder: ProjectFolder,
    /// Arguments for psql, after `--`.
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (program, leading) = psql(&arguments.folder.project).await?;
    let error = Command::new(&program).args(leading).args(&arguments.arguments).exec();
    Err(anyhow!("{} cannot be started: {error}", program.display()))
}
