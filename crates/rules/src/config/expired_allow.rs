//! An allow whose day is past.

use pgsteward_model::facts::Facts;
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::rule::{Group, Rule};

pub(super) static RULE: Rule = Rule {
    id: "expired-allow",
    group: Group::Config,
    severity: Severity::Warning,
    needs: &[],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("expired_allow.md"),
    check,
};

/// Allows are no facts: whoever applies them calls [`finding`].
fn check(_: &Facts) -> Vec<Finding> {
    Vec::new()
}

/// A finding at the allow of `rule` that held until `until` (`2026-12-31`).
pub fn finding(place: Place, rule: &str, until: &str) -> Finding {
    Finding::in_file(&RULE, place, rule, format!("the allow of \"{rule}\" held until {until}"))
        .detail("Its day is past, so what it allowed is reported again.")
        .hint("do what was put off, or give the allow a new day with a new reason")
}
