//! `DROP TABLE` while an application that knows the table is still running.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::Statement;

use super::{around, shared};
use crate::readers;
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "table-dropped",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics, Need::Code],
    since: "0.1.0",
    ancestors: &["squawk:ban-drop-table", "atlas:DS102", "pgfence:drop-table", "pg-schema-diff:DELETES_DATA"],
    page: include_str!("table_dropped.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, at, statement) in around::numbered(facts) {
        let Statement::Drop { kind: ObjectKind::Table, names, .. } = &statement.statement else { continue };
        let (mut gone, mut emptied) = (Vec::new(), Vec::new());
        for name in names {
            let Some(touch) = shared::touch_of(statement, name).filter(|touch| around::in_use(touch)) else {
                continue;
            };
            let object = shared::table_object(&touch.relation);
            let later = around::from(file, at);
            if around::made(later, &object) {
                // What was copied out before is not lost, and the table is there again.
                if shared::populated(facts, touch)
                    && !around::emptied(file, at, &touch.relation)
                    && !around::copied(facts, file, at, &[&name.name])
                {
                    emptied.push(touch);
                }
            } else if !around::filled(later, &object) {
                gone.push(touch);
            }
        }
        for touch in emptied {
            let table = touch.relation.display();
            let finding = around::finding(
                facts,
                &RULE,
                file,
                statement,
                shared::table_object(&touch.relation),
                format!("table \"{table}\" is dropped and created again, and all its rows are lost"),
            )
            .severity(Severity::Error)
            .detail("The new table has the name of the old one and none of its rows, and nothing in the file saves them first.")
            .hint("change the table with ALTER TABLE, or copy its rows before it is dropped");
            findings.push(around::with_rows(facts, &touch.relation, finding));
        }
        let Some(first) = gone.first() else { continue };
        let tables: Vec<String> = gone.iter().map(|touch| touch.relation.display()).collect();
        let noun = if gone.len() == 1 { "table" } else { "tables" };
        let finding = around::finding(
            facts,
            &RULE,
            file,
            statement,
            shared::table_object(&first.relation),
            format!("dropping {noun} {} loses its rows and breaks the application that still runs", quoted_list(&tables)),
        )
        .detail(
            "All rows are lost, and each query of the old version on it fails (error 42P01, undefined_table) from here \
             until the last old process is gone.",
        )
        .hint(
            "deploy an application that no longer uses it first; in a later deploy rename it, and drop it when nobody has \
             missed it for a while",
        );
        let readers = readers::of_table(facts, &first.relation).filter(|_| gone.len() == 1);
        let finding = match readers {
            Some(readers) => readers.tell(finding, "The code still uses it"),
            None => finding,
        };
        findings.push(around::with_rows(facts, &first.relation, finding));
    }
    findings
}
