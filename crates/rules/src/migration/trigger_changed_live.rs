//! A trigger that is made, switched on or switched off on a table in use.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterAction, Statement};

use super::shared::{self, Cost, Hit};

pub(super) static RULE: Rule = Rule {
    id: "trigger-changed-live",
    group: Group::Migration,
    severity: Severity::Info,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[
        "squawk:ban-disable-trigger",
        "postgres-language-server:avoidCreateTrigger",
        "postgres-language-server:avoidEnableDisableTrigger",
    ],
    page: include_str!("trigger_changed_live.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, statement) in shared::statements(facts) {
        match &statement.statement {
            Statement::CreateTrigger { table, value, .. } => {
                let Some(hit) = Hit::on(facts, file, statement, table) else { continue };
                findings.push(
                    hit.finding(
                        &RULE,
                        Cost::Instant,
                        hit.part(ObjectKind::Trigger, &value.name),
                        format!("creating trigger \"{}\" waits for all writers of \"{}\"", value.name, hit.table()),
                        &format!(
                            "CREATE TRIGGER takes {}: it waits for running writes, new ones wait behind it, and from then \
                             on each write does the trigger's work as well.",
                            hit.touch.lock
                        ),
                    )
                    .hint("set a lock_timeout before it, and try again when it runs out"),
                );
            }
            Statement::AlterTable(alter) => {
                let Some(hit) = Hit::on(facts, file, statement, &alter.name) else { continue };
                findings.extend(alter.actions.iter().filter_map(|action| switched(hit, action)));
            }
            _ => {}
        }
    }
    findings
}

fn switched(hit: Hit<'_>, action: &AlterAction) -> Option<Finding> {
    let table = hit.table();
    let (name, on) = match action {
        AlterAction::DisableTrigger { name } => (name, false),
        AlterAction::EnableTrigger { name } => (name, true),
        _ => return None,
    };
    let which = name.as_ref().map_or("all triggers".to_owned(), |name| format!("trigger \"{name}\""));
    let object = match name {
        Some(name) => hit.part(ObjectKind::Trigger, name),
        None => hit.table_object(),
    };
    Some(if on {
        hit.finding(
            &RULE,
            Cost::Instant,
            object,
            format!("enabling {which} of \"{table}\" waits for all writers"),
            &format!(
                "ENABLE TRIGGER takes {}. What was written while it was off was not seen by it, and is not made up for.",
                hit.touch.lock
            ),
        )
        .hint("set a lock_timeout before it, and repair what the trigger missed")
    } else {
        hit.finding(
            &RULE,
            Cost::Instant,
            object,
            format!("disabling {which} of \"{table}\" lets writes of everybody pass it by"),
            &format!(
                "DISABLE TRIGGER takes {} and holds for all sessions, not only for the migration: foreign keys, audit \
                 logs and derived columns that triggers keep may become wrong without an error.",
                hit.touch.lock
            ),
        )
        .severity(Severity::Warning)
        .hint("use SET LOCAL session_replication_role = replica for the one session that must pass it by")
    })
}
