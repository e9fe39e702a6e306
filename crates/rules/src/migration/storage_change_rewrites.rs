//! `SET LOGGED`, `SET UNLOGGED`, `SET TABLESPACE` and `SET ACCESS METHOD`: the table is written anew.

use pgsteward_model::catalog::Persistence;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::shared::{self, Cost};

pub(super) static RULE: Rule = Rule {
    id: "storage-change-rewrites",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &["atlas:PG307"],
    page: include_str!("storage_change_rewrites.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (hit, _, _, action) in shared::actions(facts) {
        let persistence = hit.before().map(|table| table.persistence);
        let what = match action {
            AlterAction::SetLogged if persistence != Some(Persistence::Permanent) => "SET LOGGED",
            AlterAction::SetUnlogged if persistence != Some(Persistence::Unlogged) => "SET UNLOGGED",
            AlterAction::SetTablespace => "SET TABLESPACE",
            AlterAction::SetAccessMethod => "SET ACCESS METHOD",
            _ => continue,
        };
        let table = hit.table();
        let crash = match action {
            AlterAction::SetUnlogged => " An unlogged table is emptied after a crash and is not replicated.",
            _ => "",
        };
        findings.push(
            hit.finding(
                &RULE,
                Cost::Work,
                hit.table_object(),
                format!("{what} writes all of \"{table}\" anew while nobody can read or write"),
                &format!("{} is held on \"{table}\" until the copy is complete.{crash}", hit.touch.lock),
            )
            .hint("do it in a quiet hour under a lock_timeout, or create a new table and move the rows over in batches"),
        );
    }
    findings
}
