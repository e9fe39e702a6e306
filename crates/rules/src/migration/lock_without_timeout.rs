//! A migration that waits for strong locks without a limit. Said once per file, and only where no other finding about
//! a lock of the file says it already.

use pgsteward_model::effect::Touch;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::MigrationStatement;
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterAction, Statement};

use super::shared::{self, Cost, Hit};
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "lock-without-timeout",
    group: Group::Migration,
    severity: Severity::Info,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics, Need::Cluster],
    since: "0.1.0",
    ancestors: &[
        "squawk:require-lock-timeout",
        "squawk:require-statement-timeout",
        "eugene:E9",
        "postgres-language-server:lockTimeoutWarning",
        "pgfence:missing-lock-timeout",
        "pgfence:missing-statement-timeout",
    ],
    page: include_str!("lock_without_timeout.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(history) = &facts.history else { return findings };
    let set_on_server = facts
        .cluster
        .as_ref()
        .and_then(|cluster| cluster.settings.get("lock_timeout"))
        .is_some_and(|setting| setting.value != "0");
    if set_on_server {
        return findings;
    }
    for file in history.judged() {
        if file.statements.iter().any(|statement| said_elsewhere(facts, statement)) {
            continue;
        }
        let locks: Vec<(&MigrationStatement, &Touch)> = file
            .statements
            .iter()
            .filter(|statement| statement.lock_timeout_ms.is_none_or(|timeout| timeout == 0))
            .flat_map(|statement| statement.effect.touches.iter().map(move |touch| (statement, touch)))
            .filter(|(_, touch)| touch.lock.blocks_reads() && shared::populated(facts, touch))
            .collect();
        let Some((statement, touch)) = locks.first() else { continue };
        let Some(hit) = Hit::new(facts, file, statement, touch) else { continue };
        let mut tables: Vec<String> = Vec::new();
        for (_, touch) in &locks {
            let table = touch.relation.display();
            if !tables.contains(&table) {
                tables.push(table);
            }
        }
        let detail = format!(
            "{} is held for an instant only, but it has to wait for every running query on the table first.",
            touch.lock
        );
        findings.push(
            hit.finding(
                &RULE,
                Cost::Instant,
                hit.table_object(),
                format!("the migration locks {} against readers and writers without a lock_timeout", quoted_list(&tables)),
                &detail,
            )
            .hint(
                "set lock_timeout (and statement_timeout) for the role that migrates: ALTER ROLE … SET lock_timeout = '5s', \
                 and run the migration again when it runs out",
            ),
        );
    }
    findings
}

/// Other rules report the statement, and their findings speak of the missing timeout.
fn said_elsewhere(facts: &Facts, statement: &MigrationStatement) -> bool {
    let reported = match &statement.statement {
        Statement::Drop { kind: ObjectKind::Index, concurrently, .. } => !concurrently,
        Statement::CreateTrigger { .. } | Statement::Truncate { .. } | Statement::LockTable { .. } => true,
        Statement::AlterTable(alter) => alter.actions.iter().any(|action| {
            matches!(
                action,
                AlterAction::DetachPartition { .. }
                    | AlterAction::EnableTrigger { .. }
                    | AlterAction::DisableTrigger { .. }
            )
        }),
        _ => false,
    };
    statement.effect.touches.iter().any(|touch| {
        touch.lock.blocks_writes() && shared::populated(facts, touch) && (reported || shared::works(touch))
    })
}
