//! `bench`: builds what the scoreboard of `bench/` measures, and runs it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// One build for all, so that the libraries they share are compiled once.
const BUILD: &[&str] = &[
    "build",
    "--release",
    "--package",
    "pgsteward",
    "--bin",
    "pgsteward",
    "--package",
    "pgsteward-testkit",
    "--example",
    "figures",
    "--package",
    "pgsteward-prisma",
    "--example",
    "lower",
    "--package",
    "pgsteward-engine",
    "--example",
    "migrate_diff",
    "--example",
    "code",
];

/// `arguments` are names of sections; all of them without any.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<()> {
    let built = Command::new("cargo").args(BUILD).current_dir(root).status().context("run cargo build")?;
    ensure!(built.success(), "the release build failed");
    let ran = Command::new("python3")
        .arg(root.join("bench/scoreboard.py"))
        .args(arguments)
        .current_dir(root)
        .status()
        .context("run python3 bench/scoreboard.py")?;
    ensure!(
        ran.success(),
        "the scoreboard found a difference from the truth, or could not finish; see above"
    );
    Ok(())
}
