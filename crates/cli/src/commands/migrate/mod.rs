//! `migrate`: one file a subcommand. Exit codes are Prisma's: 0 done, 1 for every error of a verb, 2 for wrong
//! usage.

mod adopt;
mod backfill;
mod conflicts;
mod deploy;
mod dev;
mod diff;
mod doctor;
mod plan;
mod rehearse;
mod reset;
mod resolve;
mod rollback;
mod squash;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use pgsteward_engine::collect::LabWish;
use pgsteward_engine::migrate::ProjectOptions;
use pgsteward_engine::migrate::production::Consent;

use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Write the next migration from the schema, and apply it to the development database.
    Dev(Box<dev::Arguments>),
    /// Apply pending migrations to the database.
    Deploy(Box<deploy::Arguments>),
    /// Show how the database and its history of migrations stand.
    Status(status::Arguments),
    /// Run pending migrations on a twin of production and say what they would do to it.
    Rehearse(rehearse::Arguments),
    /// Tell the history what was done by hand.
    Resolve(resolve::Arguments),
    /// Undo the migrations that were applied last, with their proven down.sql.
    Rollback(rollback::Arguments),
    /// Make and prove the down.sql of migrations that are there already.
    Adopt(adopt::Arguments),
    /// Compare the migrations of open branches before they are merged.
    Conflicts(conflicts::Arguments),
    /// Join applied migrations into one.
    Squash(squash::Arguments),
    /// Explain a failed migration statement by statement, and what to run.
    Doctor(doctor::Arguments),
    /// Compare two schemas: files, folders of migrations, databases.
    Diff(Box<diff::Arguments>),
    /// Empty the database and apply every migration again; all data is lost.
    Reset(reset::Arguments),
    /// Write pending migrations as several that stop nobody.
    Plan(plan::Arguments),
    /// Fill a column in batches that nobody has to wait for.
    Backfill(Box<backfill::Arguments>),
}

impl Arguments {
    /// Nearly all of the time goes into one session with one server.
    pub(crate) fn is_one_conversation(&self) -> bool {
        matches!(self.verb, Verb::Deploy(_) | Verb::Status(_) | Verb::Resolve(_))
    }
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let result = match arguments.verb {
        Verb::Dev(arguments) => dev::run(&arguments).await,
        Verb::Deploy(arguments) => deploy::run(&arguments).await,
        Verb::Status(arguments) => status::run(&arguments).await,
        Verb::Rehearse(arguments) => rehearse::run(&arguments).await,
        Verb::Resolve(arguments) => resolve::run(&arguments).await,
        Verb::Rollback(arguments) => rollback::run(&arguments).await,
        Verb::Adopt(arguments) => adopt::run(&arguments).await,
        Verb::Conflicts(arguments) => conflicts::run(&arguments).await,
        Verb::Squash(arguments) => squash::run(&arguments).await,
        Verb::Doctor(arguments) => doctor::run(&arguments).await,
        Verb::Diff(arguments) => diff::run(&arguments).await,
        Verb::Reset(arguments) => reset::run(&arguments).await,
        Verb::Plan(arguments) => plan::run(&arguments).await,
        Verb::Backfill(arguments) => backfill::run(&arguments).await,
    };
    Ok(super::ended(result))
}

/// What every verb takes: where the project is.
#[derive(Args, Clone, Debug)]
pub(crate) struct ProjectArguments {
    /// The Prisma schema: a file, or a folder of files.
    #[arg(long, value_name = "PATH")]
    pub(crate) schema: Option<PathBuf>,
    /// The configuration file (prisma.config.ts); it is read, never run.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The folder of the migrations [default: as Prisma finds it].
    #[arg(long, value_name = "FOLDER")]
    pub(crate) migrations: Option<PathBuf>,
}

impl ProjectArguments {
    pub(crate) fn options(&self) -> ProjectOptions {
        ProjectOptions {
            folder: None,
            schema: self.schema.clone(),
            config: self.config.clone(),
            migrations: self.migrations.clone(),
        }
    }
}

/// What every verb takes that may fetch PostgreSQL.
#[derive(Args, Clone, Debug)]
pub(crate) struct Network {
    /// Never download PostgreSQL.
    #[arg(long, env = "PGSTEWARD_OFFLINE", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) offline: bool,
}

/// What every verb takes that may destroy data of a database.
#[derive(Args, Clone, Debug)]
pub(crate) struct ProductionArguments {
    /// Ask nothing, and go on even where the database looks like production.
    #[arg(long)]
    force: bool,
    /// The name of the database, typed: confirms the loss in one that looks like production.
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
}

impl ProductionArguments {
    pub(crate) fn consent(&self) -> Consent {
        Consent { force: self.force, typed: self.database.clone() }
    }
}

/// What every verb takes that needs the lab.
#[derive(Args, Clone, Debug)]
pub(crate) struct LabArguments {
    /// Major version of PostgreSQL for the lab [default: the database's, else 17].
    #[arg(long, value_name = "MAJOR", env = "PGSTEWARD_PG_MAJOR", value_parser = clap::value_parser!(u32).range(12..=18))]
    pub(crate) pg_major: Option<u32>,
    #[command(flatten)]
    pub(crate) network: Network,
}

impl LabArguments {
    pub(crate) fn wish(&self) -> LabWish {
        LabWish { none: false, major: self.pg_major, offline: self.network.offline }
    }
}

/// What every verb takes: how it speaks.
#[derive(Args, Clone, Debug)]
pub(crate) struct Shown {
    /// Output format.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) format: ReportFormat,
    /// Show no progress.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

impl Shown {
    /// Prints a verb's report as lines or as one object.
    pub(crate) fn print(&self, text: impl FnOnce() -> String, json: impl FnOnce() -> String) -> Result<()> {
        self.format.print(text, json)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Lines for people.
    Text,
    /// One object, with a version.
    Json,
}

impl ReportFormat {
    pub(crate) fn print(self, text: impl FnOnce() -> String, json: impl FnOnce() -> String) -> Result<()> {
        output::print(&match self {
            ReportFormat::Text => text(),
            ReportFormat::Json => json(),
        })
    }
}

/// `500ms`, `3s`, `2min`, `1h`; a plain number is seconds. `0` means no limit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|next: char| !next.is_ascii_digit() && next != '.').unwrap_or(text.len());
    let number: f64 =
        text[..digits].parse().map_err(|_| format!("\"{text}\" is no duration: write 500ms, 3s or 2min"))?;
    let seconds = match text[digits..].trim() {
        "ms" => number / 1000.0,
        "" | "s" => number,
        "min" | "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(format!("\"{text}\" is no duration: write 500ms, 3s or 2min")),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("\"{text}\" is too long"))
}
