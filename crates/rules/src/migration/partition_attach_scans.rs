//! `ATTACH PARTITION` that must read every row of the table it attaches.

use pgsteward_model::catalog::ConstraintKind;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterAction, Statement};

use super::shared::{self, Cost, Hit};

pub(super) static RULE: Rule = Rule {
    id: "partition-attach-scans",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &["postgres-language-server:avoidAttachingPartition"],
    page: include_str!("partition_attach_scans.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, statement) in shared::statements(facts) {
        let Statement::AlterTable(alter) = &statement.statement else { continue };
        for action in &alter.actions {
            let AlterAction::AttachPartition { child, bound } = action else { continue };
            let Some(hit) = Hit::on(facts, file, statement, child) else { continue };
            if has_check(&hit) {
                continue;
            }
            let table = hit.table();
            findings.push(
                hit.finding(
                    &RULE,
                    Cost::Work,
                    hit.table_object(),
                    format!("attaching \"{table}\" to \"{}\" reads all of its rows under a lock", alter.name.name),
                    &format!(
                        "ATTACH PARTITION holds {} on \"{table}\" while it checks that each row lies within {bound}.",
                        hit.touch.lock
                    ),
                )
                .hint(format!(
                    "first add a CHECK constraint with the bound's condition and IS NOT NULL to \"{table}\" as NOT VALID, \
                     VALIDATE it in a later migration, then attach, then drop it"
                )),
            );
        }
    }
    findings
}

/// A validated CHECK can prove the bound, and then PostgreSQL skips the scan. Whether it does prove it, is the
/// server's judgement: one that someone wrote is taken as meant for this.
fn has_check(hit: &Hit<'_>) -> bool {
    hit.before().is_some_and(|table| {
        table
            .constraints
            .iter()
            .any(|constraint| constraint.validated && matches!(constraint.kind, ConstraintKind::Check { .. }))
    })
}
