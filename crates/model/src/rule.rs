//! The shape of a rule. Rules themselves live in the `rules` crate.

use crate::facts::{Facts, Need};
use crate::finding::{Finding, Severity};

/// A plain function from facts to findings, with its page.
pub struct Rule {
    /// Kebab-case; names the wrong thing and reads well after "allow".
    pub id: &'static str,
    pub group: Group,
    /// Severity of a finding unless the rule knows better.
    pub severity: Severity,
    /// Without all of these the rule is skipped, and the gap says so.
    pub needs: &'static [Need],
    /// With these its findings are more exact.
    pub sharper_with: &'static [Need],
    /// Version of pgsteward that brought it.
    pub since: &'static str,
    /// Names of the same idea in other tools: `squawk:…`, `splinter:…`.
    pub ancestors: &'static [&'static str],
    /// The Markdown page: documentation and test.
    pub page: &'static str,
    /// Same facts, same findings, same order.
    pub check: fn(&Facts) -> Vec<Finding>,
}

impl Rule {
    /// The page's first paragraph after its title: one sentence.
    pub fn summary(&self) -> &'static str {
        self.page.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or("")
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Rule({})", self.id)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    Migration,
    Schema,
    Index,
    Drift,
    Config,
    Code,
}

impl Group {
    pub fn word(self) -> &'static str {
        match self {
            Group::Migration => "migration",
            Group::Schema => "schema",
            Group::Index => "index",
            Group::Drift => "drift",
            Group::Config => "config",
            Group::Code => "code",
        }
    }
}
