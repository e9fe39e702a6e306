//! A strong lock that the transaction keeps while it goes on to scan, rewrite, build or change data.

use pgsteward_model::effect::Touch;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::lock::LockMode;
use pgsteward_model::migration::MigrationStatement;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::Statement;

use super::shared::{self, Cost, Hit};
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "lock-held-during-work",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[
        "eugene:E4",
        "postgres-language-server:runningStatementWhileHoldingAccessExclusive",
        "postgres-language-server:avoidWideLockWindow",
        "pgfence:statement-after-access-exclusive",
    ],
    page: include_str!("lock_held_during_work.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(history) = &facts.history else { return findings };
    for file in history.judged() {
        for transaction in shared::transactions(file) {
            // Locks on tables in use, the first and strongest of each, and what happened under them.
            let mut held: Vec<&Touch> = Vec::new();
            for statement in transaction {
                if let Some(work) = work(facts, statement)
                    && let Some(worst) = worst(&held)
                    && let Some(hit) = Hit::new(facts, file, statement, worst)
                {
                    findings.push(report(hit, &held, work));
                    break;
                }
                for touch in &statement.effect.touches {
                    if touch.lock.blocks_writes() && shared::populated(facts, touch) {
                        match held.iter_mut().find(|other| other.relation == touch.relation) {
                            Some(other) if other.lock < touch.lock => *other = touch,
                            Some(_) => {}
                            None => held.push(touch),
                        }
                    }
                }
            }
        }
    }
    findings
}

/// The lock that hurts most: one that stops readers, or one of several that stop writers.
fn worst<'a>(held: &[&'a Touch]) -> Option<&'a Touch> {
    let strongest = held.iter().copied().rev().max_by_key(|touch| touch.lock)?;
    (strongest.lock.blocks_reads() || held.len() > 1).then_some(strongest)
}

/// The table in use that a statement works on at length: the one that it changes or, where that is new, one that it
/// reads.
fn work<'a>(facts: &Facts, statement: &'a MigrationStatement) -> Option<&'a Touch> {
    let of_rows = match &statement.statement {
        Statement::Update { .. } | Statement::Delete { .. } | Statement::Merge { .. } => true,
        Statement::Insert { from_select, .. } => *from_select,
        _ => false,
    };
    let mut touches = statement.effect.touches.iter();
    touches.find(|touch| (of_rows || shared::works(touch)) && shared::populated(facts, touch))
}

/// `"a" is`, `"a" and "b" are`, `"a", "b" and 5 more tables are`.
fn held_list(tables: &[String]) -> String {
    match tables {
        [_] => format!("{} is", quoted_list(tables)),
        [first, second, rest @ ..] if rest.len() > 1 => {
            format!("\"{first}\", \"{second}\" and {} more tables are", rest.len())
        }
        _ => format!("{} are", quoted_list(tables)),
    }
}

fn report(hit: Hit<'_>, held: &[&Touch], work: &Touch) -> Finding {
    let reads = hit.touch.lock.blocks_reads();
    let of = |touch: &&&Touch| touch.lock.blocks_reads() == reads;
    let tables: Vec<String> = held.iter().filter(of).map(|touch| touch.relation.display()).collect();
    let verb = shared::verb(&hit.statement.statement);
    let on = if work.lock == LockMode::AccessShare { "from" } else { "on" };
    let against = if reads { "against readers and writers" } else { "against writers" };
    let mut finding = hit
        .finding(
            &RULE,
            Cost::Work,
            shared::table_object(&work.relation),
            format!("{verb} {on} \"{}\" runs while {} locked {against}", work.relation.display(), held_list(&tables)),
            &format!(
                "An earlier statement of the same transaction took {} on \"{}\", and a lock is kept until the transaction \
                 ends: for {}, {}.",
                hit.touch.lock,
                hit.table(),
                if tables.len() > 1 { "as long as the rest takes" } else { "the whole of this statement" },
                shared::waits(hit.touch)
            ),
        )
        .hint("put the statement that takes the strong lock into a migration of its own, and let one migration lock one table");
    if !reads {
        finding = finding.severity(Severity::Info);
    }
    let others = held.iter().filter(|touch| touch.relation != hit.touch.relation);
    finding.evidence.extend(others.map(|touch| shared::lock_evidence(touch)));
    finding
}
