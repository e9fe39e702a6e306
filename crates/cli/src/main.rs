//! The command line of pgsteward. It reads arguments, calls the engine, prints what a format makes of the
//! result and picks the exit code. It holds no logic of its own.
//!
//! Exit codes: 0 nothing at or above the threshold, 1 findings, 2 the tool failed or was used wrongly.

mod ask;
mod commands;
mod output;
mod progress;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A review makes and drops many small strings: with the system's allocator a fifth of a lint's CPU samples lay
/// in it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The database engineer for teams that run PostgreSQL and have no DBA.
///
/// Reviews a repository (Prisma schema, migrations) and a database, writes the fix for what is wrong, and
/// tries each fix on a throw-away PostgreSQL before you are asked to trust it.
#[derive(Parser)]
#[command(name = "pgsteward", version, propagate_version = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value_t = output::Color::Auto, env = "PGSTEWARD_COLOR")]
    color: output::Color,
}

#[derive(Subcommand)]
enum Command {
    /// Review a repository, a database, or one against the other.
    Check(Box<commands::check::Arguments>),
    /// Write fixes: edits of the schema and migration folders.
    Fix(Box<commands::fix::Arguments>),
    /// List every database call of the code with its SQL and its plan.
    Queries(commands::queries::Arguments),
    /// Print a rule's page: what is wrong, why, the right form, the proof.
    Explain(commands::explain::Arguments),
    /// List the rules.
    Rules(commands::rules::Arguments),
    /// Write a commented pgsteward.toml.
    Init(commands::init::Arguments),
    /// Apply, inspect and repair migrations: Prisma's files and history, without node.
    Migrate(commands::migrate::Arguments),
    /// Pull, push, seed, and run SQL, as `prisma db` does.
    Db(commands::db::Arguments),
    /// Lay out the Prisma schema as Prisma does.
    Format(commands::format::Arguments),
    /// Check whether Prisma would take the schema.
    Validate(commands::validate::Arguments),
    /// Run the project's development server: PostgreSQL with a snapshot for each git branch.
    Lab(commands::lab::Arguments),
    /// Write what is known of a database to a file: schema, settings, statistics.
    Facts(commands::facts::Arguments),
    /// Say what was found, what is missing, and how to get it.
    Doctor(commands::doctor::Arguments),
}

/// How long work that was told to end may go on by itself.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap knows which of its messages are help (stdout, 0) and which are errors (stderr, 2).
            let code = if error.use_stderr() { 2 } else { 0 };
            return match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::from(2),
            };
        }
    };
    let mut builder = match &arguments.command {
        // Every message to the server would wake a second thread, and its answer this one.
        Command::Migrate(arguments) if arguments.is_one_conversation() => {
            tokio::runtime::Builder::new_current_thread()
        }
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = match builder.worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&anyhow::Error::new(error).context("start the runtime"));
            return ExitCode::from(2);
        }
    };
    // While code is read, nothing below looks up from its work: then another thread ends it.
    runtime.spawn(async {
        let code = interrupted().await;
        tokio::time::sleep(PATIENCE).await;
        pgsteward_engine::stop_labs();
        std::process::exit(code.into());
    });
    let code = runtime.block_on(async {
        tokio::select! {
            code = run(arguments) => code,
            code = interrupted() => ExitCode::from(code),
        }
    });
    // A lab that is still running belongs to nobody any more.
    pgsteward_engine::stop_labs();
    code
}

async fn run(arguments: Arguments) -> ExitCode {
    let color = arguments.color;
    let result = match arguments.command {
        Command::Check(arguments) => commands::check::run(*arguments, color).await,
        Command::Fix(arguments) => commands::fix::run(*arguments).await,
        Command::Queries(arguments) => commands::queries::run(&arguments, color).await,
        Command::Explain(arguments) => commands::explain::run(&arguments, color),
        Command::Rules(arguments) => commands::rules::run(&arguments, color),
        Command::Init(arguments) => commands::init::run(&arguments),
        Command::Migrate(arguments) => commands::migrate::run(arguments).await,
        Command::Db(arguments) => commands::db::run(arguments).await,
        Command::Format(arguments) => commands::format::run(&arguments),
        Command::Validate(arguments) => commands::validate::run(&arguments),
        Command::Lab(arguments) => commands::lab::run(arguments).await,
        Command::Facts(arguments) => commands::facts::run(&arguments).await,
        Command::Doctor(arguments) => commands::doctor::run(&arguments).await,
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            ExitCode::from(2)
        }
    }
}

/// Ctrl-C or a polite kill: the lab goes with us. 130 is what a shell expects.
async fn interrupted() -> u8 {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(signal) => signal,
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => 130,
        _ = terminate.recv() => 143,
    }
}
