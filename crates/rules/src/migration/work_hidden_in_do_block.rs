//! A `DO` block that scans, rewrites or indexes a table under lock.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::Statement;

use super::shared::{self, Cost, Hit};

pub(super) static RULE: Rule = Rule {
    id: "work-hidden-in-do-block",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("work_hidden_in_do_block.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, statement) in shared::statements(facts) {
        if !matches!(statement.statement, Statement::Do { .. }) {
            continue;
        }
        for touch in &statement.effect.touches {
            let work = match (&touch.rewrite, &touch.scan, touch.builds_index) {
                (Some(work), _, _) => format!("writes \"{}\" anew: {}", touch.relation.display(), work.why),
                (None, Some(work), _) => {
                    format!("reads all of \"{}\": {}", touch.relation.display(), work.why)
                }
                (None, None, true) => format!("builds an index on \"{}\"", touch.relation.display()),
                (None, None, false) => continue,
            };
            let Some(hit) =
                Hit::new(facts, file, statement, touch).filter(|hit| hit.touch.lock.blocks_writes())
            else {
                continue;
            };
            let message = format!("the DO block locks \"{}\" while it works on it", hit.table());
            let detail = format!(
                "The block {work}. It holds {} meanwhile, and on all other tables that it locks, to its end.",
                touch.lock
            );
            findings.push(hit.finding(&RULE, Cost::Work, hit.table_object(), message, &detail).hint(
                "take the statement out of the block and write its online form: CREATE INDEX CONCURRENTLY IF NOT \
                 EXISTS alone in a migration, or NOT VALID and VALIDATE in two",
            ));
        }
    }
    findings
}
