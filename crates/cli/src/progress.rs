//! A spinner on a terminal, silence elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use pgsteward_engine::Progress;

use crate::output;

pub(crate) struct Spinner {
    bar: ProgressBar,
    quiet: bool,
}

impl Spinner {
    /// Nothing is drawn in the first moments of a short run, in a pipe, or with `--quiet`.
    pub(crate) fn new(quiet: bool) -> Spinner {
        if quiet || !std::io::stderr().is_terminal() {
            return Spinner { bar: ProgressBar::hidden(), quiet };
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg} {wide_bar:.dim} {pos}/{len}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Spinner { bar, quiet }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Makes room for a question; the next phase draws again.
    pub(crate) fn pause(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Spinner {
    fn phase(&self, text: &str) {
        if self.bar.is_hidden() {
            return;
        }
        if self.bar.is_finished() {
            self.bar.reset();
            self.bar.enable_steady_tick(Duration::from_millis(120));
        }
        if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg} {elapsed:.dim}") {
            self.bar.set_style(style);
        }
        self.bar.set_message(text.to_owned());
    }

    fn step(&self, done: usize, total: usize) {
        if self.bar.is_hidden() {
            return;
        }
        if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg} {wide_bar:.dim} {pos}/{len}") {
            self.bar.set_style(style);
        }
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
    }

    fn note(&self, text: &str) {
        if !self.quiet {
            self.pause();
            output::talk(&format!("note: {text}"));
        }
    }
}
