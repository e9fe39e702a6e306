//! Where text goes: data to stdout, talk to stderr.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result};
use pgsteward_report::RenderOptions;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// `NO_COLOR` and a pipe switch colours off, `CLICOLOR_FORCE` switches them on, a flag beats both.
    fn resolve(self) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if set("NO_COLOR") => false,
            Color::Auto if set("CLICOLOR_FORCE") => true,
            Color::Auto => std::io::stdout().is_terminal(),
        }
    }
}

pub(crate) fn options(color: Color, verbose: bool) -> RenderOptions {
    let width = terminal_size::terminal_size()
        .map_or(100, |(terminal_size::Width(width), _)| usize::from(width).clamp(60, 140));
    let color = color.resolve();
    RenderOptions { color, verbose, width, hyperlinks: false }
}

/// Writes to stdout. A reader that has seen enough (`| head`) is no error.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| if text.ends_with('\n') || text.is_empty() { Ok(()) } else { stdout.write_all(b"\n") })
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("write to standard output"),
    }
}

/// Writes a line to stderr. When even that fails there is nobody left to tell.
pub(crate) fn talk(text: &str) {
    let mut stderr = std::io::stderr().lock();
    if writeln!(stderr, "{text}").is_err() {
        // Nothing can be said and nothing depends on it.
    }
}

/// An error with its causes, the hint on a line of its own.
pub(crate) fn error(error: &anyhow::Error) {
    let mut hints = Vec::new();
    let mut parts = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let (message, hint) = match text.split_once("\nhint: ") {
            Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
            None => (text, None),
        };
        if !parts.contains(&message) {
            parts.push(message);
        }
        hints.extend(hint);
        hints.extend(pgsteward_engine::hint_of(cause));
    }
    hints.dedup();
    talk(&format!("error: {}", harmless(&parts.join(": "))));
    for hint in hints {
        talk(&format!("hint: {}", harmless(&hint)));
    }
}

/// Names of files and words of servers end up in errors: what could command a terminal is written out.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => out.push(character),
            _ if character.is_control() => out.extend(character.escape_default()),
            _ => out.push(character),
        }
    }
    out
}
