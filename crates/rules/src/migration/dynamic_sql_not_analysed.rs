//! SQL that is put together when the migration runs, so that nobody can review it before. Said once per file.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::Statement;

use super::around;

pub(super) static RULE: Rule = Rule {
    id: "dynamic-sql-not-analysed",
    group: Group::Migration,
    severity: Severity::Info,
    needs: &[Need::History],
    sharper_with: &[Need::Replay],
    since: "0.1.0",
    ancestors: &["strong_migrations:execute", "pg-schema-diff:HAS_UNTRACKABLE_DEPENDENCIES"],
    page: include_str!("dynamic_sql_not_analysed.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in facts.history.iter().flat_map(|history| history.judged()) {
        let found = file.statements.iter().find_map(|statement| {
            let what = match &statement.statement {
                Statement::Do { .. } if statement.effect.unknown => "a DO block",
                Statement::Call { .. } => "a procedure",
                _ => return None,
            };
            Some((statement, what))
        });
        let Some((statement, what)) = found else { continue };
        findings.push(
            around::finding_here(facts, &RULE, file, statement, format!("what {what} does here is decided when it runs"))
                .detail(
                    "Statements that are put together from texts, or stand in a procedure, are not judged: what they lock, drop \
                     or rewrite no rule can tell.",
                )
                .hint("write the statements out, with IF EXISTS and IF NOT EXISTS where the state may differ"),
        );
    }
    findings
}
