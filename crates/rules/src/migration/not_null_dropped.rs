//! `DROP NOT NULL`: readers of the old version meet a NULL that they do not expect.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::around;
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "not-null-dropped",
    group: Group::Migration,
    severity: Severity::Info,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["squawk:ban-drop-not-null"],
    page: include_str!("not_null_dropped.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for alteration in around::alterations(facts) {
        let columns: Vec<&str> = alteration
            .alter
            .actions
            .iter()
            .filter_map(|action| match action {
                AlterAction::DropNotNull { column } => Some(column.as_str()),
                _ => None,
            })
            .filter(|column| {
                let was = alteration.before().and_then(|table| table.column(column));
                was.is_none_or(|column| column.not_null)
                    && alteration.has_old_column(column)
                    && !alteration.goes(column)
            })
            .collect();
        let Some(first) = columns.first() else { continue };
        let table = alteration.table();
        findings.push(
            alteration
                .finding(
                    facts,
                    &RULE,
                    alteration.column(first),
                    format!("{} of \"{table}\" may become NULL, which the application that still runs does not expect", quoted_list(&columns)),
                )
                .detail(
                    "Prisma Client of the old version refuses a row that holds NULL in a required field (error P2032), as \
                     soon as the new version writes one.",
                )
                .hint("let no version write NULL before every running version reads it: make the column nullable in one deploy, and use that in the next"),
        );
    }
    findings
}
