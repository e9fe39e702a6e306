//! `db`: one file a subcommand. Exit codes are Prisma's: 0 done, 1 for every error of a verb, 2 for wrong usage.

mod pull;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Write the database's schema into the Prisma schema.
    Pull(pull::Arguments),
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let result = match arguments.verb {
        Verb::Pull(arguments) => pull::run(&arguments).await,
    };
    Ok(result.unwrap_or_else(|error| {
        output::error(&error);
        ExitCode::FAILURE
    }))
}
