//! `doctor`: what was found and what is missing.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::doctor::{State, doctor};

use super::review_arguments::environment_url;
use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Folder of the repository.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Look at this database too: a PostgreSQL URL, or `env`.
    #[arg(long, value_name = "URL", env = "PGSTEWARD_URL", hide_env_values = true)]
    url: Option<String>,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let url = match arguments.url.as_deref() {
        Some("env") => Some(environment_url(Some(&arguments.path))?),
        other => other.map(str::to_owned),
    };
    let checks = doctor(&arguments.path, url.as_deref()).await;
    let mut text = String::new();
    for check in &checks {
        let mark = match check.state {
            State::Good => "ok     ",
            State::Note => "note   ",
            State::Missing => "missing",
        };
        text.push_str(&format!("{mark}  {:<13}  {}\n", check.what, check.detail));
        if let Some(hint) = &check.hint {
            text.push_str(&format!("{:24}hint: {hint}\n", ""));
        }
    }
    output::print(&text)?;
    Ok(ExitCode::from(u8::from(checks.iter().any(|check| check.state == State::Missing))))
}
