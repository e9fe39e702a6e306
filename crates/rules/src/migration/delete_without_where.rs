//! `DELETE` without `WHERE` removes every row.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::Statement;

use super::{around, shared};

pub(super) static RULE: Rule = Rule {
    id: "delete-without-where",
    group: Group::Migration,
    severity: Severity::Error,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &["postgres-language-server:banDeleteWithoutWhere", "pgfence:delete-without-where"],
    page: include_str!("delete_without_where.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, at, statement) in around::numbered(facts) {
        let Statement::Delete { table, has_where: false, .. } = &statement.statement else { continue };
        let Some(touch) = shared::touch_of(statement, table).filter(|touch| shared::populated(facts, touch))
        else {
            continue;
        };
        let object = shared::table_object(&touch.relation);
        if around::drops(around::from(file, at), &object) {
            continue;
        }
        let name = touch.relation.display();
        // Rows that were copied before are moved rather than lost.
        let (severity, why) = if around::copied(facts, file, at, &[&touch.relation.name]) {
            (
                Severity::Warning,
                "An earlier statement of the file copies rows of it; those of tables with ON DELETE CASCADE to this one go as well.",
            )
        } else {
            (
                Severity::Error,
                "All rows are lost, those of tables with ON DELETE CASCADE to this one included.",
            )
        };
        let message = format!("DELETE without WHERE removes every row of \"{name}\"");
        let finding = around::finding(facts, &RULE, file, statement, object, message)
            .severity(severity)
            .detail(why)
            .hint("say in a WHERE which rows are meant; if all are, take a backup and say so in an allow comment");
        findings.push(around::with_rows(facts, &touch.relation, finding));
    }
    findings
}
