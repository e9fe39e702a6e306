//! `UPDATE` without `WHERE` overwrites what every row holds.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::Statement;

use super::{around, shared};
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "update-without-where",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &["postgres-language-server:banUpdateWithoutWhere"],
    page: include_str!("update_without_where.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, at, statement) in around::numbered(facts) {
        let Statement::Update { table, columns, has_where: false, .. } = &statement.statement else {
            continue;
        };
        let Some(touch) = shared::touch_of(statement, table).filter(|touch| shared::populated(facts, touch))
        else {
            continue;
        };
        // To fill a column that the file adds is what a backfill does.
        let earlier = around::before(file, at);
        let old: Vec<&str> = columns
            .iter()
            .map(String::as_str)
            .filter(|column| !around::made(earlier, &around::column_object(&touch.relation, column)))
            .collect();
        let Some(first) = old.first() else { continue };
        let name = touch.relation.display();
        let finding = around::finding(
            facts,
            &RULE,
            file,
            statement,
            around::column_object(&touch.relation, first),
            format!("UPDATE without WHERE overwrites {} in every row of \"{name}\"", quoted_list(&old)),
        )
        .detail(
            "What the rows held is gone, and no rollback of the application brings it back. Each row is written anew, locked \
             until the transaction ends, and leaves a dead copy behind.",
        )
        .hint("say in a WHERE which rows are meant, if only those that hold another value");
        findings.push(around::with_rows(facts, &touch.relation, finding));
    }
    findings
}
