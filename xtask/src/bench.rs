//! `bench`: builds the release binary and runs the scoreboard of `bench/`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<()> {
    let built = Command::new("cargo")
        .args(["build", "--release", "--package", "pgsteward"])
        .current_dir(root)
        .status()
        .context("run cargo build")?;
    ensure!(built.success(), "the release build failed");
    let ran = Command::new("python3")
        .arg(root.join("bench/scoreboard.py"))
        .args(arguments)
        .current_dir(root)
        .status()
        .context("run python3 bench/scoreboard.py")?;
    ensure!(ran.success(), "the scoreboard failed");
    Ok(())
}
