//! Chores of the repository. `cargo xtask help` lists them.

mod bench;
mod new;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask tidy               hold the repository to its own rules
cargo xtask new rule GROUP/ID  write the two files of a rule and its lines in mod.rs
cargo xtask bench              run the scoreboard and print it as Markdown
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            write_line(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<()> {
    match words {
        ["tidy"] => tidy::run(&root()),
        ["new", "rule", name] => new::rule(&root(), name),
        ["bench", rest @ ..] => bench::run(&root(), rest),
        ["help"] | [] => {
            write_line(HELP);
            Ok(())
        }
        other => bail!("there is no chore `{}`\n{HELP}", other.join(" ")),
    }
}

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf()
}

#[expect(clippy::print_stderr, reason = "a chore talks to the person who runs it")]
fn write_line(text: &str) {
    eprintln!("{text}");
}
