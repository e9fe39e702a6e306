//! `BEGIN` without `COMMIT`: what the migration did is rolled back when its session ends.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::Statement;

use super::around;

pub(super) static RULE: Rule = Rule {
    id: "transaction-left-open",
    group: Group::Migration,
    severity: Severity::Error,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["squawk:ban-uncommitted-transaction"],
    page: include_str!("transaction_left_open.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in facts.history.iter().flat_map(|history| history.judged()) {
        let mut open = None;
        for statement in &file.statements {
            match &statement.statement {
                Statement::Begin => open = open.or(Some(statement)),
                Statement::Commit | Statement::Rollback => open = None,
                // What could not be read may be the end.
                Statement::Unparsed => open = None,
                _ => {}
            }
        }
        let Some(begin) = open else { continue };
        findings.push(
            around::finding_here(facts, &RULE, file, begin, "the transaction that begins here is never committed")
                .detail(
                    "The migration leaves its session inside the transaction. Whatever the runner does next happens in it too, \
                     and when the session ends without a COMMIT, all of it is rolled back.",
                )
                .hint("write COMMIT at the end of the file, or leave BEGIN out"),
        );
    }
    findings
}
