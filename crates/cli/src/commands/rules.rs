//! `rules`: the list of rules.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::output::{self, Color};

#[derive(Args)]
pub(crate) struct Arguments {
    #[arg(long, short, value_enum, default_value_t = ListFormat::Terminal)]
    format: ListFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    Terminal,
    Json,
}

pub(crate) fn run(arguments: &Arguments, color: Color) -> Result<ExitCode> {
    let rules = pgsteward_engine::rules();
    let json = arguments.format == ListFormat::Json;
    output::print(&pgsteward_report::render_rules_table(&rules, json, &output::options(color, false)))?;
    Ok(ExitCode::SUCCESS)
}
