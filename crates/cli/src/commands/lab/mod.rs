//! `lab`: the project's development server, one file a subcommand. Exit code 1 for every error of a verb.

mod down;
mod psql;
mod restore;
mod snapshot;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Start the project's development server (and make it, the first time) and print its URL.
    Up(up::Arguments),
    /// Stop it. Its data stays.
    Down(down::Arguments),
    /// Open psql on its database.
    Psql(psql::Arguments),
    /// Keep a copy of its database, by default under the name of the git branch.
    Snapshot(snapshot::Arguments),
    /// Bring a copy back; without a name, follow the git branch.
    Restore(restore::Arguments),
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let result = match arguments.verb {
        Verb::Up(arguments) => up::run(&arguments).await,
        Verb::Down(arguments) => down::run(&arguments).await,
        Verb::Psql(arguments) => psql::run(&arguments).await,
        Verb::Snapshot(arguments) => snapshot::run(&arguments).await,
        Verb::Restore(arguments) => restore::run(&arguments).await,
    };
    Ok(super::ended(result))
}

/// What every verb takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct ProjectFolder {
    /// A folder of the project.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub(crate) project: PathBuf,
}
