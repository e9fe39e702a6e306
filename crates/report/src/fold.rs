//! Findings of one rule and severity as one block, and the fixes to do first. Orders nothing itself: the
//! review's order stands.

use std::collections::BTreeSet;

use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::proof::Verdict;
use pgsteward_model::review::Review;

use crate::{text, words};

/// More findings of one rule and severity than this become one block.
pub(crate) const FOLD_ABOVE: usize = 3;

pub(crate) struct Group<'a> {
    pub(crate) rule: &'static str,
    pub(crate) severity: Severity,
    /// At least one.
    pub(crate) findings: Vec<&'a Finding>,
}

/// The groups in the order of their first findings.
pub(crate) fn groups(review: &Review) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut by_rule = std::collections::HashMap::new();
    for finding in &review.findings {
        let at = *by_rule.entry((finding.rule, finding.severity)).or_insert_with(|| {
            groups.push(Group { rule: finding.rule, severity: finding.severity, findings: Vec::new() });
            groups.len() - 1
        });
        groups[at].findings.push(finding);
    }
    groups
}

impl Group<'_> {
    /// `84 findings in 36 tables`, or in files where no relation is known; the bare count where all are in
    /// one place of that kind or the places are of neither kind.
    pub(crate) fn extent(&self) -> String {
        let count = text::count(self.findings.len(), "finding");
        let relations: BTreeSet<(Option<&str>, &str)> =
            self.findings.iter().filter_map(|finding| relation(&finding.at)).collect();
        if !relations.is_empty() && self.findings.iter().all(|finding| relation(&finding.at).is_some()) {
            return format!("{count} in {}", text::count(relations.len(), "table"));
        }
        let files: BTreeSet<&str> =
            self.findings.iter().filter_map(|finding| finding.at.file.as_ref()).map(|at| &*at.file).collect();
        match files.len() {
            0 => count,
            files => format!("{count} in {}", text::count(files, "file")),
        }
    }
}

fn relation(place: &Place) -> Option<(Option<&str>, &str)> {
    let object = place.object.as_ref()?;
    Some((object.namespace.as_deref(), object.relation.as_deref()?))
}

/// A rule whose findings have fixes that are proven to work.
pub(crate) struct Proven<'a> {
    pub(crate) first: &'a Finding,
    /// Findings of the rule with a proven fix.
    pub(crate) count: usize,
}

/// The most valuable fixes: proven ones, one for each rule, of the most severe findings first and then of
/// the rules with the most of them.
pub(crate) fn first_fixes(review: &Review, most: usize) -> Vec<Proven<'_>> {
    let mut proven: Vec<Proven<'_>> = Vec::new();
    for finding in &review.findings {
        let works = matches!(&finding.proof, Some(proof) if proof.verdict == Verdict::Proven);
        if !works || words::offered_fix(finding).is_none() {
            continue;
        }
        match proven.iter_mut().find(|other| other.first.rule == finding.rule) {
            Some(other) => {
                other.count += 1;
                if finding.severity > other.first.severity {
                    other.first = finding;
                }
            }
            None => proven.push(Proven { first: finding, count: 1 }),
        }
    }
    proven.sort_by_key(|fix| std::cmp::Reverse((fix.first.severity, fix.count)));
    proven.truncate(most);
    proven
}
