//! A boolean that has three values.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared;

pub(super) static RULE: Rule = Rule {
    id: "nullable-boolean",
    group: Group::Schema,
    severity: Severity::Info,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("nullable_boolean.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    shared::columns(facts)
        .filter(|(_, column)| column.ty.is("boolean") && !column.not_null && column.generated.is_none())
        .map(|(table, column)| {
            let name = shared::column_name(table, column);
            let detail = match column.default.as_deref() {
                Some(default) => format!(
                    "New rows get {default}, but NULL can still be written, and rows that are older than the default may \
                     hold it: both WHERE {0} and WHERE NOT {0} leave them out.",
                    column.name
                ),
                None => format!(
                    "Rows with NULL are in neither half: both WHERE {0} and WHERE NOT {0} leave them out, and \
                     {{ {0}: false }} in Prisma does not find them.",
                    column.name
                ),
            };
            shared::on_column(&RULE, facts, table, column, format!("\"{name}\" is true, false or NULL"))
                .detail(detail)
                .hint("make it NOT NULL with a default; where unknown is a third answer, an enum says so")
        })
        .collect()
}
