//! `NOT VALID` and `VALIDATE` in one transaction: the strong lock lasts through the scan after all.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::MigrationStatement;
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterAction, Name, Statement};

use super::rewrite::{Folder, Rewrite};
use super::shared::{self, Cost};
use super::text::Alter;
use super::undo;

pub(super) static RULE: Rule = Rule {
    id: "validated-in-same-transaction",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[
        "squawk:constraint-missing-not-valid",
        "strong_migrations:validate_foreign_key",
        "strong_migrations:validate_check_constraint",
        "postgres-language-server:requireSeparateConstraintValidation",
        "pgfence:not-valid-validate-same-tx",
    ],
    page: include_str!("validated_in_same_transaction.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (hit, alter, at, action) in shared::actions(facts) {
        let AlterAction::ValidateConstraint { name } = action else { continue };
        let before = shared::neighbours(hit.file, hit.statement)
            .iter()
            .take_while(|other| other.span.start <= hit.statement.span.start);
        if !before.into_iter().any(|other| adds_not_valid(other, &alter.name, name)) {
            continue;
        }
        let table = hit.table();
        let mut finding = hit
            .finding(
                &RULE,
                Cost::Work,
                hit.part(ObjectKind::CheckConstraint, name),
                format!(
                    "validating \"{name}\" in the transaction that adds it holds the lock on \"{table}\" through the scan"
                ),
                &format!(
                    "VALIDATE CONSTRAINT alone lets reads and writes of \"{table}\" go on. Here the lock of the ADD \
                     CONSTRAINT … NOT VALID before it is kept until the transaction ends."
                ),
            )
            .hint("validate in a later migration");
        if let Some(rewrite) = Rewrite::of(facts, hit.file, hit.statement, &[name])
            && let Some(parts) = Alter::parse(rewrite.text(), alter.actions.len())
            // The statement that both adds and validates keeps its other actions.
            && !(rewrite.alone() && alter.actions.len() == 1)
        {
            let validate = format!("{} {}", parts.head(), parts.action(at));
            let folder = Folder::new(&format!("validate_{name}"), [validate]);
            let title = format!("validate \"{name}\" in a migration of its own");
            finding = finding.fix(rewrite.fix(title, parts.without(at), vec![folder], undo::nothing()));
        }
        findings.push(finding);
    }
    findings
}

fn adds_not_valid(statement: &MigrationStatement, table: &Name, constraint: &str) -> bool {
    let Statement::AlterTable(alter) = &statement.statement else { return false };
    let adds = |action: &AlterAction| match action {
        AlterAction::AddConstraint { constraint: added, .. } => !added.validated && added.name == constraint,
        _ => false,
    };
    alter.name.qualified() == table.qualified() && alter.actions.iter().any(adds)
}
