//! `validate`: whether Prisma would take the schema.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::migrate::schema::validate;

use super::migrate::ProjectArguments;
use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    match validate(&arguments.project.options()) {
        Ok((path, 1)) => output::print(&format!("The schema at {path} is valid"))?,
        Ok((path, _)) => output::print(&format!("The schemas at {path} are valid"))?,
        Err(error) => {
            output::error(&error.into());
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
