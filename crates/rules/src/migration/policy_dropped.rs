//! `DROP POLICY` without one that takes its place.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::MigrationStatement;
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::Statement;

use super::{around, shared};

pub(super) static RULE: Rule = Rule {
    id: "policy-dropped",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[
        "squawk:ban-drop-policy",
        "squawk:ban-alter-policy-condition",
        "squawk:ban-alter-policy-roles",
    ],
    page: include_str!("policy_dropped.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, at, statement) in around::numbered(facts) {
        let Statement::Drop { kind: ObjectKind::Policy, names, on: Some(on), .. } = &statement.statement
        else {
            continue;
        };
        let Some(touch) = shared::touch_of(statement, on).filter(|touch| around::in_use(touch)) else {
            continue;
        };
        let Some(name) = names.first() else { continue };
        let object = shared::part(&touch.relation, ObjectKind::Policy, &name.name);
        let policy = touch
            .before
            .as_deref()
            .and_then(|table| table.policies.iter().find(|policy| policy.name == name.name));
        let table_goes = around::drops(&file.statements, &shared::table_object(&touch.relation));
        let replaced = file.statements.iter().any(|other| makes_policy_on(other, touch));
        if table_goes || replaced || around::made(around::before(file, at), &object) {
            continue;
        }
        let (what, why) = match policy {
            Some(policy) if !policy.permissive => (
                "lets roles reach rows that it kept from them",
                "A restrictive policy narrows what the others allow; without it they allow all they say.",
            ),
            Some(_) => (
                "takes rows away from those it let in",
                "A permissive policy lets rows through; without it a role sees fewer rows, without an error, and its writes \
                 are refused (error 42501).",
            ),
            // Not there as far as the history knows: IF EXISTS does nothing.
            None => continue,
        };
        findings.push(
            around::finding(
                facts,
                &RULE,
                file,
                statement,
                object,
                format!("dropping policy \"{}\" of \"{}\" {what}", name.name, touch.relation.display()),
            )
            .detail(why)
            .hint("change it with ALTER POLICY, or drop it and create its successor in one transaction"),
        );
    }
    findings
}

fn makes_policy_on(statement: &MigrationStatement, touch: &pgsteward_model::effect::Touch) -> bool {
    match &statement.statement {
        Statement::CreatePolicy { table, .. } => {
            shared::touch_of(statement, table).is_some_and(|other| other.relation == touch.relation)
        }
        _ => false,
    }
}
