//! `REPLICA IDENTITY`: subscribers get another key, or none.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::{around, shared};

pub(super) static RULE: Rule = Rule {
    id: "replica-identity-changed",
    group: Group::Migration,
    severity: Severity::Info,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["squawk:ban-replica-identity"],
    page: include_str!("replica_identity_changed.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for alteration in around::alterations(facts) {
        if !alteration.alter.actions.contains(&AlterAction::ReplicaIdentity) {
            continue;
        }
        findings.push(
            alteration
                .finding(
                    facts,
                    &RULE,
                    shared::table_object(&alteration.touch.relation),
                    format!("subscribers to \"{}\" get another key for its changes", alteration.table()),
                )
                .detail(
                    "Logical replication finds rows by the replica identity. FULL writes the whole old row to the WAL for each \
                     change; NOTHING makes UPDATE and DELETE fail on a published table (error 55000).",
                )
                .hint("check every publication and change-data-capture reader of the table before"),
        );
    }
    findings
}
