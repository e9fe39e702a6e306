//! Several `ALTER TABLE` on one table, each of which reads or writes all of it.

use pgsteward_model::catalog::{ConstraintKind, QName};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterAction, Statement};

use super::shared::{Cost, Hit};

pub(super) static RULE: Rule = Rule {
    id: "table-scanned-repeatedly",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &["eugene:W12", "postgres-language-server:multipleAlterTable"],
    page: include_str!("table_scanned_repeatedly.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(history) = &facts.history else { return findings };
    for file in history.judged() {
        let mut seen: Vec<(&QName, usize)> = Vec::new();
        for statement in &file.statements {
            let Statement::AlterTable(alter) = &statement.statement else { continue };
            let Some(hit) = Hit::on(facts, file, statement, &alter.name) else { continue };
            if !alter.actions.iter().any(merges) || (hit.touch.rewrite.is_none() && hit.touch.scan.is_none())
            {
                continue;
            }
            let times = match seen.iter_mut().find(|(relation, _)| *relation == &hit.touch.relation) {
                Some((_, times)) => {
                    *times += 1;
                    *times
                }
                None => {
                    seen.push((&hit.touch.relation, 1));
                    1
                }
            };
            // The second says it; a third would only repeat it.
            if times != 2 {
                continue;
            }
            let table = hit.table();
            findings.push(
                hit.finding(
                    &RULE,
                    Cost::Work,
                    hit.table_object(),
                    format!("\"{table}\" is read or rewritten a second time in one migration"),
                    &format!(
                        "An earlier ALTER TABLE of this file goes through all of \"{table}\" already. One ALTER TABLE with \
                         all actions does the checks and the rewrite in one pass."
                    ),
                )
                .hint(format!("merge the ALTER TABLE statements on \"{table}\" into one")),
            );
        }
    }
    findings
}

/// Actions whose scan or rewrite PostgreSQL shares within one statement. Foreign keys are checked by a query each.
fn merges(action: &AlterAction) -> bool {
    match action {
        AlterAction::AddColumn { .. } | AlterAction::SetType { .. } | AlterAction::SetNotNull { .. } => true,
        AlterAction::SetLogged | AlterAction::SetUnlogged | AlterAction::SetAccessMethod => true,
        AlterAction::SetExpression { .. } => true,
        AlterAction::AddConstraint { constraint, .. } => {
            constraint.validated && matches!(constraint.kind, ConstraintKind::Check { .. })
        }
        _ => false,
    }
}
