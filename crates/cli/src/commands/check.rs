//! `check`: review, print, and on request apply safe fixes or write a baseline.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use pgsteward_engine::check::check;
use pgsteward_engine::migrate::name::now;
use pgsteward_engine::{baseline, fix};
use pgsteward_model::finding::Severity;
use pgsteward_report::Format;

use super::review_arguments::ReviewArguments;
use crate::output::{self, Color};
use crate::progress::Spinner;

const BASELINE: &str = "pgsteward-baseline.json";

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    review: ReviewArguments,
    /// Output format: terminal, json, sarif, markdown, github or agent.
    #[arg(long, short, default_value = "terminal", env = "PGSTEWARD_FORMAT")]
    format: Format,
    /// Apply the fixes that are safe: edits of files that change no database.
    #[arg(long)]
    fix: bool,
    /// With --fix: show the edits as a diff and write nothing.
    #[arg(long, requires = "fix")]
    diff: bool,
    /// Leave out findings whose keys are in this file.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Accept all findings of today: write their keys to a file.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = BASELINE, conflicts_with = "baseline")]
    write_baseline: Option<PathBuf>,
    /// Lowest severity that makes the exit code 1 [default: error].
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<FailOn>,
    /// Exit with 2 if anything could not be checked.
    #[arg(long)]
    strict: bool,
    /// Show every finding in full.
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FailOn {
    Error,
    Warning,
    Info,
}

impl FailOn {
    fn severity(self) -> Severity {
        match self {
            FailOn::Error => Severity::Error,
            FailOn::Warning => Severity::Warning,
            FailOn::Info => Severity::Info,
        }
    }
}

pub(crate) async fn run(arguments: Arguments, color: Color) -> Result<ExitCode> {
    let mut options = arguments.review.options(arguments.baseline.clone())?;
    if arguments.write_baseline.is_some() {
        // A baseline holds keys, which no proof changes.
        options.prove = pgsteward_engine::prove::ProveMode::None;
        // What was accepted before is accepted again.
        options.ignore_baseline = true;
    }
    let spinner = Spinner::new(arguments.review.quiet);
    let checked = check(&options, &spinner).await;
    spinner.finish();
    let mut checked = checked?;
    if let Some(path) = &arguments.write_baseline {
        baseline::write(path, &checked.review.findings)?;
        output::talk(&format!("wrote {} findings to {}", checked.review.findings.len(), path.display()));
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.fix {
        let plan = fix::plan(&checked, &fix::Choice::Safe, false, now())?;
        if arguments.diff {
            output::print(&plan.diff())?;
        } else {
            plan.write(&checked.root)?;
            for write in &plan.writes {
                output::talk(&format!("edited {}", write.path));
            }
            // What was mended is no finding any more.
            checked.review.findings.retain(|finding| !plan.keys.contains(&finding.key));
        }
        for note in &plan.notes {
            output::talk(&format!("note: {note}"));
        }
        if plan.is_empty() {
            output::talk("no finding has a safe fix");
        }
        if arguments.diff {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let text = pgsteward_report::render(
        &checked.review,
        arguments.format,
        &output::options(color, arguments.verbose),
    );
    output::print(&text)?;
    let configured = checked.loaded.config.check.fail_on.map(|level| level.severity());
    let threshold = arguments.fail_on.map(FailOn::severity).or(configured).unwrap_or(Severity::Error);
    if arguments.strict && !checked.review.gaps.is_empty() {
        output::talk(&format!("error: --strict: {} things could not be checked", checked.review.gaps.len()));
        return Ok(ExitCode::from(2));
    }
    let failed = checked.review.findings.iter().any(|finding| finding.severity >= threshold);
    // The process ends here: what it knows goes with it, faster than piece by piece.
    std::mem::forget(checked);
    Ok(ExitCode::from(u8::from(failed)))
}
