//! A table or column named by a reserved word.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::is_reserved;

use super::shared;
use crate::shared::table_place;

pub(super) static RULE: Rule = Rule {
    id: "reserved-word-identifier",
    group: Group::Schema,
    severity: Severity::Info,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &["pglinter:B010", "schemacrawler:LinterTableWithQuotedNames"],
    page: include_str!("reserved_word_identifier.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for table in shared::tables(facts) {
        if is_reserved(&table.name.name) {
            let name = table.name.display();
            let found = Finding::on_object(
                &RULE,
                table_place(facts, table),
                format!("table \"{name}\" is named by a reserved word"),
            );
            findings.push(explain(found, &table.name.name));
        }
        for column in table.columns.iter().filter(|column| is_reserved(&column.name)) {
            let name = shared::column_name(table, column);
            let message = format!("column \"{name}\" is named by a reserved word");
            findings.push(explain(shared::on_column(&RULE, facts, table, column, message), &column.name));
        }
    }
    findings
}

fn explain(found: Finding, word: &str) -> Finding {
    let detail = if matches!(word, "user" | "current_user" | "session_user" | "current_date" | "current_time")
    {
        // These are values by themselves: no error tells of the forgotten quotes.
        format!(
            "Without quotes {word} is no syntax error but a value of the session: SELECT {word} answers with that, not \
             with the column or table."
        )
    } else {
        format!(
            "Each statement that names it without quotes fails with a syntax error at or near \"{word}\"."
        )
    };
    found
        .detail(detail)
        .hint("choose another name for new objects; with @map or @@map the Prisma schema keeps its own")
}
