//! `DROP COLUMN` while an application that knows the column is still running.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::around;
use super::column_recreated;
use crate::readers;
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "column-dropped",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics, Need::Code],
    since: "0.1.0",
    ancestors: &[
        "squawk:ban-drop-column",
        "strong_migrations:remove_column",
        "atlas:DS103",
        "pgfence:drop-column",
        "pg-schema-diff:DELETES_DATA",
    ],
    page: include_str!("column_dropped.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for alteration in around::alterations(facts) {
        let relation = &alteration.touch.relation;
        let rest = around::from(alteration.file, alteration.at);
        if around::drops(rest, &super::shared::table_object(relation)) {
            continue;
        }
        let dropped: Vec<&str> = alteration
            .alter
            .actions
            .iter()
            .filter_map(|action| match action {
                AlterAction::DropColumn { name, .. } => Some(name.as_str()),
                _ => None,
            })
            .filter(|column| {
                let object = alteration.column(column);
                let known = alteration.before().is_some();
                (!known || alteration.statement.effect.dropped.contains(&object))
                    && alteration.has_old_column(column)
                    && !column_recreated::is_recreated(&alteration, column)
            })
            .collect();
        let Some(first) = dropped.first() else { continue };
        let table = alteration.table();
        let (noun, all) = if dropped.len() == 1 {
            ("column", "All values of the column are lost.")
        } else {
            ("columns", "All values of the columns are lost.")
        };
        let (who, hint) = match facts.prisma {
            Some(_) => (
                format!(
                    "Prisma Client names every column of a model in its queries, so each query of the old version on \"{table}\""
                ),
                "deploy an application that no longer knows the column first (take the field out of the Prisma schema, or \
                 mark it @ignore), and drop the column in a later deploy",
            ),
            None => (
                format!("Each query of the old version on \"{table}\" that names it"),
                "deploy an application that no longer names the column first, and drop the column in a later deploy",
            ),
        };
        let finding = alteration
            .finding(
                facts,
                &RULE,
                alteration.column(first),
                format!("dropping {noun} {} of \"{table}\" breaks the application that still runs", quoted_list(&dropped)),
            )
            .detail(format!(
                "{all} {who} fails (error 42703, undefined_column) from here until the last old process is gone."
            ))
            .hint(hint);
        let finding = match readers::of_columns(facts, relation, &dropped) {
            Some(readers) => readers.tell(finding, "The code still reads it"),
            None => finding,
        };
        findings.push(around::with_rows(facts, relation, finding));
    }
    findings
}
