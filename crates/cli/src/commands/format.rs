//! `format`: the Prisma schema as Prisma lays it out.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::migrate::schema::format;

use super::migrate::ProjectArguments;
use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// Write nothing; end with 1 where a file is not formatted.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let began = Instant::now();
    let formatted = match format(&arguments.project.options(), arguments.check) {
        Ok(formatted) => formatted,
        Err(error) => {
            output::error(&error.into());
            return Ok(ExitCode::FAILURE);
        }
    };
    if !arguments.check {
        let milliseconds = began.elapsed().as_millis();
        output::print(&format!("Formatted {} in {milliseconds}ms", formatted.schema))?;
    } else if formatted.changed.is_empty() {
        output::print("All files are formatted correctly!")?;
    } else {
        let files = formatted.changed.join(", ");
        let error = anyhow::anyhow!("not formatted: {files}\nhint: run `pgsteward format`");
        output::error(&error);
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
