//! `DETACH PARTITION` that locks the whole partitioned table.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::shared::{self, Cost};

pub(super) static RULE: Rule = Rule {
    id: "partition-detach-not-concurrent",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[
        "squawk:require-concurrent-partition-detach",
        "postgres-language-server:requireConcurrentDetachPartition",
    ],
    page: include_str!("partition_detach_not_concurrent.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (hit, _, _, action) in shared::actions(facts) {
        let AlterAction::DetachPartition { child, concurrently: false } = action else { continue };
        let parent = hit.table();
        // The lock is short, but it stands before everything: a partitioned table is a busy one.
        let finding = hit
            .finding(
                &RULE,
                Cost::Instant,
                shared::table_object(&child.qualified()),
                format!("detaching \"{}\" locks all of \"{parent}\" against readers and writers", child.name),
                &format!(
                    "DETACH PARTITION takes {} on \"{parent}\": it waits for every running query on any partition, and \
                     all new ones wait behind it.",
                    hit.touch.lock
                ),
            )
            .severity(Severity::Warning)
            .hint(
                "use DETACH PARTITION … CONCURRENTLY (PostgreSQL 14 and later, no default partition), alone in a \
                 migration of its own; it leaves a CHECK constraint on the detached table",
            );
        findings.push(finding);
    }
    findings
}
