//! A column whose values the server made and no longer makes, or no longer lets others give.

use pgsteward_model::catalog::Identity;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::around::{self, Alteration};

pub(super) static RULE: Rule = Rule {
    id: "generated-values-changed",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[
        "squawk:ban-alter-identity",
        "squawk:ban-alter-generated-expression",
        "squawk:ban-drop-generated-expression",
    ],
    page: include_str!("generated_values_changed.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for alteration in around::alterations(facts) {
        for action in &alteration.alter.actions {
            let Some((column, what, why)) = change(&alteration, action) else { continue };
            if !alteration.has_old_column(column) || alteration.goes(column) {
                continue;
            }
            findings.push(
                alteration
                    .finding(
                        facts,
                        &RULE,
                        alteration.column(column),
                        format!("\"{}.{column}\" {what}", alteration.table()),
                    )
                    .detail(why)
                    .hint("deploy an application that works with either first, and change the column in a later deploy"),
            );
        }
    }
    findings
}

fn change<'a>(
    alteration: &Alteration<'_>,
    action: &'a AlterAction,
) -> Option<(&'a str, &'static str, &'static str)> {
    match action {
        AlterAction::DropIdentity { column } => {
            let rest = around::from(alteration.file, alteration.at);
            let replaced = around::actions_on(rest, &alteration.touch.relation).any(|action| match action {
                AlterAction::SetDefault { column: other, .. }
                | AlterAction::AddIdentity { column: other, .. } => other == column,
                _ => false,
            });
            (!replaced).then_some((
                column.as_str(),
                "no longer numbers its rows",
                "Inserts that leave the column out are refused, because it stays NOT NULL (error 23502, not_null_violation).",
            ))
        }
        AlterAction::AddIdentity { column, identity: Identity::Always } => Some((
            column.as_str(),
            "no longer takes values from the application",
            "GENERATED ALWAYS refuses an INSERT that gives the column a value (error 428C9, generated_always). BY DEFAULT \
             accepts it.",
        )),
        AlterAction::DropExpression { column } => Some((
            column.as_str(),
            "is no longer computed",
            "The values that are there stay, and grow stale: no version that runs writes the column, because it could not.",
        )),
        AlterAction::SetExpression { column, .. } => Some((
            column.as_str(),
            "is computed in another way",
            "All rows get the new values at once; readers of the old version take them for the old ones.",
        )),
        _ => None,
    }
}
