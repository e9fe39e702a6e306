//! An allow that allows nothing.

use pgsteward_model::facts::Facts;
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::rule::{Group, Rule};

pub(super) static RULE: Rule = Rule {
    id: "unused-allow",
    group: Group::Config,
    severity: Severity::Warning,
    needs: &[],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["squawk:unused-ignore"],
    page: include_str!("unused_allow.md"),
    check,
};

/// Allows are no facts: whoever applies them calls [`finding`].
fn check(_: &Facts) -> Vec<Finding> {
    Vec::new()
}

/// A finding at the allow of `rule`.
pub fn finding(place: Place, rule: &str) -> Finding {
    Finding::in_file(&RULE, place, rule, format!("nothing here needs the allow of \"{rule}\""))
        .detail("No finding of that rule is where the allow stands: it was fixed, or it moved.")
        .hint("take the allow away, before it hides the next finding")
}
