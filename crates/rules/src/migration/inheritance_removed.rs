//! `NO INHERIT`: the rows of a child leave every query on its parent.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::{around, shared};

pub(super) static RULE: Rule = Rule {
    id: "inheritance-removed",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["squawk:ban-detach-inheritance"],
    page: include_str!("inheritance_removed.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for alteration in around::alterations(facts) {
        for action in &alteration.alter.actions {
            let AlterAction::NoInherit { parent } = action else { continue };
            let relation = &alteration.touch.relation;
            if around::drops(&alteration.file.statements, &shared::table_object(relation)) {
                continue;
            }
            findings.push(
                alteration
                    .finding(
                        facts,
                        &RULE,
                        shared::table_object(relation),
                        format!("the rows of \"{}\" disappear from queries on \"{}\"", alteration.table(), parent.name),
                    )
                    .detail("NO INHERIT keeps the rows and takes them out of the parent: queries of the old version find fewer rows, without an error.")
                    .hint("deploy readers that ask the child by its name first"),
            );
        }
    }
    findings
}
