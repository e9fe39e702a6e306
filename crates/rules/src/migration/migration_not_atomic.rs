//! Prisma from 7.4 no longer applies a file as a whole. Said once per project, not once per file.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::{MigrationFile, Regime};
use pgsteward_model::place::Place;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::Statement;

pub(super) static RULE: Rule = Rule {
    id: "migration-not-atomic",
    group: Group::Migration,
    severity: Severity::Info,
    needs: &[Need::History],
    sharper_with: &[Need::Project],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("migration_not_atomic.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(history) = facts.history.as_ref().filter(|history| history.regime == Regime::PerStatement)
    else {
        return Vec::new();
    };
    let torn: Vec<&MigrationFile> = history.judged().filter(|file| is_torn(file)).collect();
    let Some((first, statement)) = torn.first().and_then(|file| Some((file, file.statements.first()?)))
    else {
        return Vec::new();
    };
    let judged = history.judged().count();
    let mut finding = Finding::in_file(
        &RULE,
        Place::file(facts.sources.range(&first.path, statement.span)),
        "",
        "a migration that fails halfway stays applied halfway",
    )
    .detail(format!(
        "Prisma from 7.4 sends each statement by itself, and each commits by itself; up to 7.3 a file was one transaction. \
         That holds for {} of {judged} judged migrations.",
        torn.len()
    ))
    .hint("put BEGIN and COMMIT around statements that belong together, or write them so that a second run does no harm");
    finding.identity = "project/transaction-regime".to_owned();
    vec![finding]
}

/// More than one statement changes something, and each commits by itself.
fn is_torn(file: &MigrationFile) -> bool {
    let changes = file.statements.iter().filter(|statement| {
        statement.own_transaction
            && !matches!(statement.statement, Statement::Set { .. } | Statement::Reset { .. })
    });
    changes.count() > 1
}
