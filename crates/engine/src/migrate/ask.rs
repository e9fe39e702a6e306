//! Questions to a person. The engine asks; who answers, and whether anybody is there, is the caller's business.

use std::future::Future;
use std::pin::Pin;

/// An answer that is still to come; none where nobody answered (the input ended, or the person gave up).
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Option<T>> + Send + 'a>>;

/// Someone at a terminal, or nobody.
pub trait Ask: Sync {
    /// False where nobody can answer (no terminal, a CI job): then nothing is asked.
    fn interactive(&self) -> bool;

    /// Shows text before a question.
    fn tell(&self, text: &str);

    /// A line of text.
    fn text<'a>(&'a self, question: &'a str) -> Answer<'a, String>;

    /// Yes or no; "no" is what an empty line means.
    fn confirm<'a>(&'a self, question: &'a str) -> Answer<'a, bool> {
        Box::pin(async move {
            let answer = self.text(&format!("{question} [y/N]")).await?;
            Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
        })
    }
}

/// Nobody: for scripts and tests.
pub struct Nobody;

impl Ask for Nobody {
    fn interactive(&self) -> bool {
        false
    }

    fn tell(&self, _: &str) {}

    fn text<'a>(&'a self, _: &'a str) -> Answer<'a, String> {
        Box::pin(std::future::ready(None))
    }
}
