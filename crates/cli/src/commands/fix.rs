//! `fix`: write the edits and migration folders of chosen fixes.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use pgsteward_engine::check::check;
use pgsteward_engine::fix::{self, Choice};
use pgsteward_engine::migrate::name::now;

use super::review_arguments::ReviewArguments;
use crate::output;
use crate::progress::Spinner;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Keys of findings, as `check --format agent` or json shows them.
    #[arg(value_name = "KEY", required_unless_present = "rule")]
    keys: Vec<String>,
    /// Fix every finding of a rule or group that has a safe or reviewable fix.
    #[arg(long, value_name = "RULE", conflicts_with = "keys")]
    rule: Option<String>,
    /// Folder of the repository [default: the current folder].
    #[arg(long, value_name = "PATH")]
    path: Option<std::path::PathBuf>,
    /// A migration folder for each statement that must run alone, however many.
    #[arg(long)]
    separate: bool,
    /// Show the files as a diff and write nothing.
    #[arg(long)]
    diff: bool,
    #[command(flatten)]
    review: FixReview,
}

/// The review's arguments without its positional path, whose place the keys take.
#[derive(Args)]
struct FixReview {
    #[arg(long, value_name = "URL", env = "PGSTEWARD_URL", hide_env_values = true)]
    url: Option<String>,
    /// Judge every migration, each as a deploy of its own.
    #[arg(long)]
    all_migrations: bool,
    /// Start no lab server: write fixes untried.
    #[arg(long)]
    no_lab: bool,
    /// Never download PostgreSQL.
    #[arg(long, env = "PGSTEWARD_OFFLINE", value_parser = clap::builder::FalseyValueParser::new())]
    offline: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let review = ReviewArguments::for_fix(
        arguments.path.clone(),
        arguments.review.url.clone(),
        arguments.review.all_migrations,
        arguments.review.no_lab,
        arguments.review.offline,
    );
    let spinner = Spinner::new(false);
    let checked = check(&review.options(None)?, &spinner).await;
    spinner.finish();
    let checked = checked?;
    let choice = match arguments.rule {
        Some(rule) => Choice::Rule(rule),
        None => Choice::Keys(arguments.keys),
    };
    let plan = fix::plan(&checked, &choice, arguments.separate, now())?;
    if plan.titles.is_empty() {
        for note in &plan.notes {
            output::talk(&format!("note: {note}"));
        }
        bail!(
            "no finding has a fix that could be written\nhint: `pgsteward check --format agent` lists findings with their fixes and keys"
        );
    }
    if arguments.diff {
        output::print(&plan.diff())?;
    } else {
        plan.write(&checked.root)?;
        for write in &plan.writes {
            output::talk(&format!(
                "{} {}",
                if write.before.is_some() { "edited" } else { "wrote" },
                write.path
            ));
        }
    }
    for note in &plan.notes {
        output::talk(&format!("note: {note}"));
    }
    Ok(ExitCode::SUCCESS)
}
