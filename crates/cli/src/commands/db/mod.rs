//! `db`: one file a subcommand. Exit codes are Prisma's: 0 done, 1 for every error of a verb, 2 for wrong usage.

mod execute;
mod pull;
mod push;
mod seed;

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
    /// Write the database's schema into the Prisma schema.
    Pull(pull::Arguments),
    /// Make the database what the schema says, without a migration.
    Push(push::Arguments),
    /// Run the project's seed command.
    Seed(seed::Arguments),
    /// Run a SQL script.
    Execute(execute::Arguments),
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let result = match arguments.verb {
        Verb::Pull(arguments) => pull::run(&arguments).await,
        Verb::Push(arguments) => push::run(&arguments).await,
        Verb::Seed(arguments) => seed::run(&arguments).await,
        Verb::Execute(arguments) => execute::run(&arguments).await,
    };
    Ok(super::ended(result))
}
