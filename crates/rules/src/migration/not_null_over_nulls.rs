//! `SET NOT NULL` on a column in which the statistics of the live server saw NULL.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::Evidence;
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::{around, shared};

pub(super) static RULE: Rule = Rule {
    id: "not-null-over-nulls",
    group: Group::Migration,
    severity: Severity::Error,
    needs: &[Need::History, Need::Statistics],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["atlas:MF104", "prisma:MadeOptionalFieldRequired"],
    page: include_str!("not_null_over_nulls.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(catalog) = facts.catalog().filter(|_| facts.has(Need::Statistics)) else { return Vec::new() };
    let mut findings = Vec::new();
    for alteration in around::alterations(facts).filter(|found| shared::populated(facts, found.touch)) {
        let relation = &alteration.touch.relation;
        for action in &alteration.alter.actions {
            let AlterAction::SetNotNull { column } = action else { continue };
            let live = catalog.table(relation).and_then(|table| table.column(column));
            let Some(nulls) =
                live.and_then(|column| column.statistics.as_ref()).map(|seen| seen.null_fraction)
            else {
                continue;
            };
            let filled = around::updates(around::before(alteration.file, alteration.at), relation, column)
                || around::emptied(alteration.file, alteration.at, relation);
            if nulls <= 0.0 || filled || !alteration.has_old_column(column) {
                continue;
            }
            let finding = alteration
                .finding(
                    facts,
                    &RULE,
                    alteration.column(column),
                    format!("SET NOT NULL on \"{}.{column}\" fails, because rows hold NULL", alteration.table()),
                )
                .detail(format!(
                    "The statistics of the live server saw NULL in {:.1} % of the rows, and nothing in the file fills them: the \
                     server refuses the statement (error 23502, not_null_violation), and the deploy stops.",
                    nulls * 100.0
                ))
                .hint("fill the rows in batches first, and make the column required in a later migration")
                .evidence(Evidence::Share { what: "null_fraction".to_owned(), value: nulls });
            let finding = around::with_rows(facts, relation, finding);
            findings.push(shared::answered(facts, alteration.file, alteration.statement, "23502", finding));
        }
    }
    findings
}
