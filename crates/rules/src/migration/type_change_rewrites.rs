//! `ALTER COLUMN … TYPE` that writes the table anew, reads all of it, or builds its indexes again.

use std::cell::OnceCell;

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::enum_value_removed;
use super::shared::{self, Cost};
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "type-change-rewrites",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[
        "squawk:changing-column-type",
        "strong_migrations:change_column",
        "strong_migrations:change_column_constraint",
        "atlas:PG301",
        "eugene:E5",
        "eugene:E10",
        "pgfence:alter-column-type",
    ],
    page: include_str!("type_change_rewrites.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let exchanges = OnceCell::new();
    for (hit, alter) in shared::alters(facts) {
        let changed: Vec<&str> = alter
            .actions
            .iter()
            .filter_map(|action| match action {
                AlterAction::SetType { column, ty, .. } => {
                    let same =
                        hit.before().and_then(|table| table.column(column)).is_some_and(|was| was.ty == *ty);
                    let told = || {
                        let exchanges = exchanges.get_or_init(|| enum_value_removed::exchanges(facts));
                        exchanges.iter().any(|exchange| exchange.converts(hit.file, hit.statement, column))
                    };
                    (!same && !told()).then_some(column.as_str())
                }
                _ => None,
            })
            .collect();
        let Some(first) = changed.first().filter(|_| shared::works(hit.touch)) else { continue };
        let table = hit.table();
        let (cost, why) = match (&hit.touch.rewrite, &hit.touch.scan) {
            (Some(work), _) => ("writes all of it anew", Some(&work.why)),
            (None, Some(work)) => ("reads all of it", Some(&work.why)),
            (None, None) => ("builds its indexes again", None),
        };
        let columns = quoted_list(&changed);
        let detail = match why {
            Some(why) => format!("{} is held on \"{table}\" meanwhile: {why}.", hit.touch.lock),
            None => format!("{} is held on \"{table}\" meanwhile.", hit.touch.lock),
        };
        findings.push(
            hit.finding(
                &RULE,
                Cost::Work,
                hit.column(first),
                format!("changing the type of {columns} of \"{table}\" {cost} while nobody can read or write"),
                &detail,
            )
            .hint(
                "add a column of the new type, write both, fill the old rows in batches, then let the application move over",
            ),
        );
    }
    findings
}
