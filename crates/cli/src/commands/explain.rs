//! `explain`: a rule's page.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use crate::output::{self, Color};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Id of a rule, as findings and `pgsteward rules` show it.
    rule: String,
}

pub(crate) fn run(arguments: &Arguments, color: Color) -> Result<ExitCode> {
    pgsteward_engine::config::check_name(&arguments.rule)?;
    let Some(rule) = pgsteward_engine::rules().into_iter().find(|rule| rule.id == arguments.rule) else {
        bail!("`{}` is a group of rules\nhint: `pgsteward rules` lists its rules", arguments.rule);
    };
    output::print(&pgsteward_report::render_explain(rule, &output::options(color, true)))?;
    Ok(ExitCode::SUCCESS)
}
