//! `init`: a commented configuration file.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Folder to write it into.
    #[arg(default_value = ".")]
    path: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let path = pgsteward_engine::init::init(&arguments.path)?;
    output::talk(&format!("wrote {}", path.display()));
    Ok(ExitCode::SUCCESS)
}
