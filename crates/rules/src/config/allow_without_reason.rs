//! An allow that does not say why.

use pgsteward_model::facts::Facts;
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::rule::{Group, Rule};

pub(super) static RULE: Rule = Rule {
    id: "allow-without-reason",
    group: Group::Config,
    severity: Severity::Warning,
    needs: &[],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("allow_without_reason.md"),
    check,
};

/// Allows are no facts: whoever applies them calls [`finding`].
fn check(_: &Facts) -> Vec<Finding> {
    Vec::new()
}

/// A finding at the allow of `rule`.
pub fn finding(place: Place, rule: &str) -> Finding {
    Finding::in_file(&RULE, place, rule, format!("the allow of \"{rule}\" gives no reason"))
        .detail("Whoever reads it next cannot tell whether it still holds.")
        .hint("write the reason after the parenthesis, or as reason = \"…\" in pgsteward.toml")
}
