//! A file whose statements commit one by one, may stop halfway, and cannot be run again. Said once per file.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::{MigrationFile, MigrationStatement, Regime};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterAction, Statement};

use super::{around, shared};

pub(super) static RULE: Rule = Rule {
    id: "migration-not-rerunnable",
    group: Group::Migration,
    severity: Severity::Info,
    needs: &[Need::History],
    sharper_with: &[Need::Project],
    since: "0.1.0",
    ancestors: &[
        "squawk:prefer-robust-stmts",
        "pgfence:prefer-robust-create-table",
        "pgfence:prefer-robust-create-index",
        "pgfence:prefer-robust-drop-table",
        "pgfence:prefer-robust-drop-index",
    ],
    page: include_str!("migration_not_rerunnable.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(history) = facts.history.as_ref().filter(|history| history.regime != Regime::OneMessage) else {
        return findings;
    };
    for file in history.judged() {
        let Some((done, at)) = stops_halfway(facts, file) else { continue };
        let line = facts.sources.range(&file.path, done.span).start.line;
        findings.push(
            around::finding_here(facts, &RULE, file, at, format!("if this statement fails, a second run stops at line {line} already"))
                .detail(
                    "Each statement commits by itself, and whether this one succeeds depends on the rows of the live server. What \
                     stands before it stays, and a second run stumbles over it.",
                )
                .hint("write what stands before with IF EXISTS and IF NOT EXISTS, or move this statement into a migration of its own")
                .also(pgsteward_model::place::Place::file(facts.sources.range(&file.path, done.span))),
        );
    }
    findings
}

/// The first statement that fails when it runs twice, and one behind it that may fail on data.
fn stops_halfway<'a>(
    facts: &Facts,
    file: &'a MigrationFile,
) -> Option<(&'a MigrationStatement, &'a MigrationStatement)> {
    let mut alone = file.statements.iter().enumerate().filter(|(_, statement)| statement.own_transaction);
    let (at, done) = alone.find(|(_, statement)| fails_twice(&statement.statement))?;
    let rest = file.statements.get(at + 1..)?;
    let risky = rest.iter().find(|statement| depends_on_rows(facts, statement))?;
    Some((done, risky))
}

fn fails_twice(statement: &Statement) -> bool {
    match statement {
        Statement::CreateTable(create) => !create.if_not_exists && !create.temporary,
        Statement::CreateIndex(create) => !create.if_not_exists,
        Statement::CreateEnum { .. } | Statement::CreateDomain { .. } | Statement::Rename { .. } => true,
        Statement::Drop { if_exists, .. } => !if_exists,
        Statement::AlterTable(alter) => alter.actions.iter().any(|action| match action {
            AlterAction::AddColumn { if_not_exists, .. } => !if_not_exists,
            AlterAction::DropColumn { if_exists, .. } | AlterAction::DropConstraint { if_exists, .. } => {
                !if_exists
            }
            AlterAction::AddConstraint { .. }
            | AlterAction::RenameColumn { .. }
            | AlterAction::RenameTable { .. }
            | AlterAction::RenameConstraint { .. } => true,
            _ => false,
        }),
        _ => false,
    }
}

/// It checks or converts rows that are there, or builds a unique index over them.
fn depends_on_rows(facts: &Facts, statement: &MigrationStatement) -> bool {
    let unique = match &statement.statement {
        Statement::CreateIndex(create) => create.index.unique || create.concurrently,
        _ => false,
    };
    let converts = match &statement.statement {
        Statement::AlterTable(alter) => {
            alter.actions.iter().any(|action| matches!(action, AlterAction::SetType { .. }))
        }
        _ => false,
    };
    statement.effect.touches.iter().any(|touch| {
        shared::populated(facts, touch)
            && (touch.scan.is_some() || unique || (converts && touch.rewrite.is_some()))
    })
}
