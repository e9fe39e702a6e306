//! A table or column named by a reserved word.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

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

/// Keywords that cannot name a table or column without quotes, sorted: "reserved" and "reserved (can be
/// function or type)" in appendix C of the PostgreSQL documentation, up to version 18.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];

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

fn is_reserved(name: &str) -> bool {
    RESERVED.binary_search(&name).is_ok()
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

#[cfg(test)]
mod tests {
    use super::RESERVED;

    #[test]
    fn words_can_be_found_by_halving() {
        assert!(RESERVED.is_sorted());
    }
}
