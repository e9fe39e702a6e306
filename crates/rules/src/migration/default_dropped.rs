//! `DROP DEFAULT` of a required column: inserts that leave the column out fail.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::around;
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "default-dropped",
    group: Group::Migration,
    severity: Severity::Info,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["squawk:ban-drop-default", "strong_migrations:change_column_default"],
    page: include_str!("default_dropped.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for alteration in around::alterations(facts) {
        let relation = &alteration.touch.relation;
        let columns: Vec<&str> = alteration
            .alter
            .actions
            .iter()
            .filter_map(|action| match action {
                AlterAction::DropDefault { column } => Some(column.as_str()),
                _ => None,
            })
            .filter(|column| {
                let was = alteration.before().and_then(|table| table.column(column));
                was.is_some_and(|column| column.not_null && column.default.is_some())
                    && alteration.has_old_column(column)
                    && !alteration.goes(column)
                    && !has_another(around::from(alteration.file, alteration.at), relation, column)
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
                    format!("inserts that rely on the default of {} of \"{table}\" fail", quoted_list(&columns)),
                )
                .detail(
                    "The column is NOT NULL: without a default an INSERT that leaves it out is refused (error 23502, \
                     not_null_violation). The old version may count on it, and so may jobs, scripts and triggers.",
                )
                .hint("deploy writers that name the column first, and drop the default in a later deploy"),
        );
    }
    findings
}

/// The file gives the column another source of values, or lets it be NULL.
fn has_another(
    rest: &[pgsteward_model::migration::MigrationStatement],
    relation: &pgsteward_model::catalog::QName,
    name: &str,
) -> bool {
    around::actions_on(rest, relation).any(|action| match action {
        AlterAction::SetDefault { column, .. }
        | AlterAction::AddIdentity { column, .. }
        | AlterAction::DropNotNull { column } => column == name,
        _ => false,
    })
}
