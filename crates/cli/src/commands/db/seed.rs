//! `db seed`: run the project's own seed command.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::migrate::MigrateProject;
use pgsteward_engine::migrate::seed;

use crate::commands::migrate::ProjectArguments;
use crate::output;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// Arguments for the seed command, after --.
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let project = MigrateProject::find(&arguments.project.options())?;
    let command = seed::find(&project)?;
    output::talk(&format!("Running seed command `{}` of {} ...", command.text, command.origin));
    Ok(match seed::run(&project, &command, &arguments.arguments, seed::Output::Own).await? {
        true => {
            output::talk("The seed command has been executed.");
            ExitCode::SUCCESS
        }
        false => {
            output::talk("error: the seed command failed");
            ExitCode::FAILURE
        }
    })
}
