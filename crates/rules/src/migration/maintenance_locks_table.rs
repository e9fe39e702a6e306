//! `VACUUM FULL`, `CLUSTER`, `TRUNCATE` and `LOCK TABLE` in a migration.

use std::collections::BTreeSet;

use pgsteward_model::effect::Touch;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::Statement;

use super::shared::{self, Cost, Hit};

pub(super) static RULE: Rule = Rule {
    id: "maintenance-locks-table",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[
        "squawk:prefer-repack",
        "postgres-language-server:banVacuumFull",
        "postgres-language-server:banTruncate",
        "pgfence:vacuum-full",
        "pgfence:truncate",
    ],
    page: include_str!("maintenance_locks_table.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, statement) in shared::statements(facts) {
        let (what, why, hint) = match &statement.statement {
            Statement::Vacuum { full: true, .. } => (
                "VACUUM FULL",
                "writes the table and its indexes anew",
                "use pg_repack or pg_squeeze outside of migrations, or let autovacuum reuse the space",
            ),
            Statement::Cluster { .. } => (
                "CLUSTER",
                "writes the table and its indexes anew in the order of an index",
                "use pg_repack with --order-by outside of migrations",
            ),
            Statement::Truncate { .. } => (
                "TRUNCATE",
                "removes every row, and cannot run while anyone reads the table",
                "delete in batches, or create a new table and exchange the two",
            ),
            Statement::LockTable { .. } => (
                "LOCK TABLE",
                "keeps the lock until the transaction ends",
                "leave it out and take the weakest lock that the next statement needs, under a lock_timeout",
            ),
            _ => continue,
        };
        let mut reported = 0;
        for touch in &statement.effect.touches {
            let Some(hit) = Hit::new(facts, file, statement, touch) else { continue };
            // LOCK TABLE in a mode that stops nobody but other schema changes is a courtesy.
            if !touch.lock.blocks_writes() || reported > 0 || sets_an_order(file, statement, touch) {
                continue;
            }
            reported += 1;
            let table = hit.table();
            let against = if touch.lock.blocks_reads() { "readers and writers" } else { "writers" };
            findings.push(
                hit.finding(
                    &RULE,
                    Cost::Work,
                    hit.table_object(),
                    format!("{what} in a migration locks \"{table}\" against {against}"),
                    &format!("{what} {why}; {} is held meanwhile, and {}.", touch.lock, shared::waits(touch)),
                )
                .hint(hint),
            );
        }
    }
    findings
}

/// Takes a lock that the file needs anyway, to get those of several tables in an order in which nobody waits for it while it waits
/// for them.
fn sets_an_order(file: &MigrationFile, statement: &MigrationStatement, touch: &Touch) -> bool {
    let is_lock = |one: &&MigrationStatement| matches!(one.statement, Statement::LockTable { .. });
    if !is_lock(&statement) {
        return false;
    }
    let locked: BTreeSet<_> = file
        .statements
        .iter()
        .filter(is_lock)
        .flat_map(|one| one.effect.touches.iter().map(|touch| &touch.relation))
        .collect();
    let later = file.statements.iter().filter(|one| one.span.start > statement.span.start && !is_lock(one));
    let mut touches = later.flat_map(|one| &one.effect.touches);
    locked.len() > 1 && touches.any(|other| other.relation == touch.relation && other.lock >= touch.lock)
}
