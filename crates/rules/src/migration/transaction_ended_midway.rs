//! `COMMIT` in the middle of a file that Prisma sends as one message: what stands before it is committed, whatever
//! happens to the rest.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::{MigrationFile, MigrationStatement, Regime};
use pgsteward_model::place::Place;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterEnum, Statement};

pub(super) static RULE: Rule = Rule {
    id: "transaction-ended-midway",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Project],
    since: "0.1.0",
    ancestors: &["squawk:transaction-nesting"],
    page: include_str!("transaction_ended_midway.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(history) = facts.history.as_ref().filter(|history| history.regime == Regime::OneMessage) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for file in history.judged() {
        let Some((at, end)) = file.statements.iter().enumerate().find(|(_, statement)| ends(statement))
        else {
            continue;
        };
        let rest = file.statements.get(at + 1..).unwrap_or(&[]);
        if !rest.iter().any(does_something) || recreates_enum(file, at) {
            continue;
        }
        findings.push(
            Finding::on_statement(
                &RULE,
                &file.name,
                &end.fingerprint,
                Place::file(facts.sources.range(&file.path, end.span)),
                "the migration is committed here, and what follows can fail by itself",
            )
            .detail(
                "Prisma up to 7.3 sends the file as one message, which is one transaction until a COMMIT or ROLLBACK ends \
                 it. If a later statement fails, the migration is recorded as failed although its first part is in the \
                 database, and a second run stumbles over it.",
            )
            .hint("leave out BEGIN and COMMIT, or move what follows into a migration of its own"),
        );
    }
    findings
}

fn ends(statement: &MigrationStatement) -> bool {
    matches!(statement.statement, Statement::Commit | Statement::Rollback)
}

fn does_something(statement: &MigrationStatement) -> bool {
    !matches!(
        statement.statement,
        Statement::Begin
            | Statement::Commit
            | Statement::Rollback
            | Statement::Set { .. }
            | Statement::Reset { .. }
            | Statement::Select { .. }
    )
}

/// Prisma writes BEGIN and COMMIT itself around the exchange of an enum type: not the user's doing.
fn recreates_enum(file: &MigrationFile, end: usize) -> bool {
    let before = file.statements.get(..end).unwrap_or(&[]);
    let begin = before.iter().rposition(|statement| matches!(statement.statement, Statement::Begin));
    let block = begin.and_then(|begin| before.get(begin..)).unwrap_or(&[]);
    let mut made = None;
    for statement in block {
        match &statement.statement {
            Statement::CreateEnum { name, .. } if name.name.ends_with("_new") => made = Some(&name.name),
            Statement::AlterEnum { name, action: AlterEnum::Rename { to } }
                if made == Some(&name.name) && name.name.strip_suffix("_new") == Some(to.as_str()) =>
            {
                return true;
            }
            _ => {}
        }
    }
    false
}
