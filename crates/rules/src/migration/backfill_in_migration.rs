//! An `UPDATE` or `DELETE` of many rows in the transaction of a migration. Said once per file.

use pgsteward_model::effect::Touch;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::Statement;

use super::around;
use super::shared::{self, Cost, Hit};

pub(super) static RULE: Rule = Rule {
    id: "backfill-in-migration",
    group: Group::Migration,
    severity: Severity::Info,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &["strong_migrations:backfilling", "pgfence:update-in-migration"],
    page: include_str!("backfill_in_migration.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in facts.history.iter().flat_map(|history| history.judged()) {
        findings.extend(file.statements.iter().find_map(|statement| backfill(facts, file, statement)));
    }
    findings
}

fn backfill(facts: &Facts, file: &MigrationFile, statement: &MigrationStatement) -> Option<Finding> {
    let (verb, table) = match &statement.statement {
        Statement::Update { table, .. } => ("UPDATE", table),
        Statement::Delete { table, .. } => ("DELETE", table),
        _ => return None,
    };
    let hit = Hit::on(facts, file, statement, table)?;
    let neighbours = shared::neighbours(file, statement);
    // Under a lock that an earlier statement took, the rule on such locks says it.
    let earlier = neighbours.iter().take_while(|other| other.span != statement.span);
    let locked = earlier.flat_map(|other| &other.effect.touches).any(|touch| stops_writers(facts, touch));
    let with_schema_change =
        neighbours.iter().any(|other| other.effect.touches.iter().any(|touch| stops_writers(facts, touch)));
    if locked || !with_schema_change || names_its_rows(around::text(facts, file, statement)) {
        return None;
    }
    let name = hit.table();
    // Only the size of a live server tells whether it matters.
    let severity = match shared::severity(facts, hit.touch, Cost::Work) {
        Severity::Error => Severity::Warning,
        _ => Severity::Info,
    };
    Some(
        hit.finding(
            &RULE,
            Cost::Work,
            hit.table_object(),
            format!("{verb} of the rows of \"{name}\" and changes of the schema are one transaction"),
            "Each row that it touches stays locked until the last statement of the migration is done, and if that fails, all \
             of it is done again.",
        )
        .severity(severity)
        .hint("fill the rows in batches, each a transaction of its own, before the migration that needs them"),
    )
}

fn stops_writers(facts: &Facts, touch: &Touch) -> bool {
    touch.lock.blocks_writes() && shared::populated(facts, touch)
}

/// The condition lists the rows: `WHERE "id" = 'a'`, `WHERE id IN ('a', 'b')`.
fn names_its_rows(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let Some((_, condition)) = lower.rsplit_once("where") else { return false };
    let bare: String = condition.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
    ["id='", "idin('", "id=1", "key='", "name='", "slug='"].iter().any(|start| bare.starts_with(start))
}
