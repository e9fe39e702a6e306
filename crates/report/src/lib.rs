//! One file per output format, and the versioned JSON that pgsteward promises.
//!
//! Everything here turns a finished [`Review`] into text. This crate does no I/O, reads no clock, decides
//! nothing about findings and never looks at a rule's id: a new rule changes no line of it.
//!
//! Names, messages and source text come from repositories and databases that may be hostile, so every format
//! passes them through [`text`] first: no control character, no line break and no change of reading
//! direction reaches a terminal, a workflow log or an agent, and passwords inside of URLs are masked.

mod agent;
mod explain;
mod fold;
mod github;
mod hunk;
pub mod lab_server;
mod markdown;
pub mod migrate;
mod queries;
mod rules_table;
mod sarif;
mod states;
mod terminal;
mod text;
mod transitions;
pub mod wire;
mod words;

use std::fmt;
use std::str::FromStr;

use pgsteward_model::review::Review;

pub use explain::render_explain;
pub use queries::{QueriesFormat, render_queries};
pub use rules_table::render_rules_table;
pub use states::render_states;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Code frames for people, at any width from 40 columns.
    Terminal,
    /// The contract of [`wire`].
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// A report to read or to post on a pull request.
    Markdown,
    /// Workflow commands that GitHub Actions turns into annotations.
    Github,
    /// One line per finding, for AI agents.
    Agent,
}

impl Format {
    pub const ALL: [Format; 6] =
        [Format::Terminal, Format::Json, Format::Sarif, Format::Markdown, Format::Github, Format::Agent];

    /// The names that [`Format::from_str`] takes, in the order of [`Format::ALL`].
    pub const NAMES: [&'static str; 6] = ["terminal", "json", "sarif", "markdown", "github", "agent"];

    pub fn name(self) -> &'static str {
        match self {
            Format::Terminal => "terminal",
            Format::Json => "json",
            Format::Sarif => "sarif",
            Format::Markdown => "markdown",
            Format::Github => "github",
            Format::Agent => "agent",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// A name that is no format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFormat(pub String);

impl fmt::Display for UnknownFormat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "unknown format \"{}\"; use one of {}", text::line(&self.0), Format::NAMES.join(", "))
    }
}

impl std::error::Error for UnknownFormat {}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Format, UnknownFormat> {
        Format::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// How to render; only the terminal formats look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderOptions {
    pub color: bool,
    /// Show every finding in full rather than folding those of one rule.
    pub verbose: bool,
    /// Columns of the terminal; anything below 40 counts as 40, and above 120, where lines are hard to read,
    /// as 120.
    pub width: usize,
    /// The terminal understands OSC 8 links.
    pub hyperlinks: bool,
}

impl Default for RenderOptions {
    fn default() -> RenderOptions {
        RenderOptions { color: false, verbose: false, width: 80, hyperlinks: false }
    }
}

impl RenderOptions {
    pub(crate) fn columns(&self) -> usize {
        self.width.clamp(40, 120)
    }
}

/// The whole review in one format. The text ends with a line break unless it is empty.
pub fn render(review: &Review, format: Format, options: &RenderOptions) -> String {
    match format {
        Format::Terminal => terminal::render(review, options),
        Format::Json => wire::render(review),
        Format::Sarif => sarif::render(review),
        Format::Markdown => markdown::render(review),
        Format::Github => github::render(review),
        Format::Agent => agent::render(review),
    }
}
