//! `DISABLE ROW LEVEL SECURITY` or `NO FORCE`: policies stop to hold.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::{around, shared};

pub(super) static RULE: Rule = Rule {
    id: "row-security-disabled",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["squawk:ban-alter-row-level-security", "pg-schema-diff:AUTHZ_UPDATE"],
    page: include_str!("row_security_disabled.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for alteration in around::alterations(facts) {
        let table = alteration.table();
        let later = around::from(alteration.file, alteration.at);
        for action in &alteration.alter.actions {
            let (back, whom) = match action {
                AlterAction::DisableRowSecurity => {
                    (AlterAction::EnableRowSecurity, "every role that may read or write the table")
                }
                AlterAction::NoForceRowSecurity => (AlterAction::ForceRowSecurity, "the table's owner"),
                _ => continue,
            };
            // A switch that is turned back in the file was for a statement between.
            let mut again = around::actions_on(later, &alteration.touch.relation);
            let was_off = alteration.before().is_some_and(|table| match action {
                AlterAction::DisableRowSecurity => !table.row_security && !table.unknown,
                _ => !table.force_row_security && !table.unknown,
            });
            if was_off || again.any(|action| *action == back) {
                continue;
            }
            findings.push(
                alteration
                    .finding(
                        facts,
                        &RULE,
                        shared::table_object(&alteration.touch.relation),
                        format!("the policies of \"{table}\" no longer hold for {whom}"),
                    )
                    .detail("Rows that the policies kept from a role are from here on in its reach: those of other tenants or users, say.")
                    .hint("write a policy that allows what is missing, rather than switching all of them off"),
            );
        }
    }
    findings
}
