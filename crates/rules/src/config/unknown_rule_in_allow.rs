//! An allow of a rule that does not exist.

use pgsteward_model::facts::Facts;
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::rule::{Group, Rule};

pub(super) static RULE: Rule = Rule {
    id: "unknown-rule-in-allow",
    group: Group::Config,
    severity: Severity::Warning,
    needs: &[],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("unknown_rule_in_allow.md"),
    check,
};

/// Allows are no facts: whoever applies them calls [`finding`].
fn check(_: &Facts) -> Vec<Finding> {
    Vec::new()
}

/// A finding at the allow of `rule`, with the id that was probably meant.
pub fn finding(place: Place, rule: &str) -> Finding {
    let hint = match nearest(rule) {
        Some(known) => format!("write \"{known}\", or take the allow away"),
        None => "look for the id with \"pgsteward rules\", or take the allow away".to_owned(),
    };
    Finding::in_file(&RULE, place, rule, format!("there is no rule \"{rule}\" to allow"))
        .detail("An allow of an id that no rule has allows nothing.")
        .hint(hint)
}

/// The rule's id that differs in the fewest characters, if it is near enough to be a slip.
fn nearest(wrong: &str) -> Option<&'static str> {
    crate::all()
        .iter()
        .map(|rule| (distance(wrong, rule.id), rule.id))
        .min()
        .filter(|(distance, id)| *distance <= 2.max(id.len() / 4))
        .map(|(_, id)| id)
}

/// Levenshtein's distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, left) in a.chars().enumerate() {
        let mut diagonal = line;
        row[0] = line + 1;
        for (column, right) in b.iter().enumerate() {
            let exchanged = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = exchanged.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_seen_and_other_words_are_not() {
        assert_eq!(nearest("foreign-key-without-indx"), Some("foreign-key-without-index"));
        assert_eq!(nearest("redundant-indexes"), Some("redundant-index"));
        assert_eq!(nearest("no-console"), None);
    }

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
