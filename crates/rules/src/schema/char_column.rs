//! A `char(n)` column: values are padded with blanks.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared;

pub(super) static RULE: Rule = Rule {
    id: "char-column",
    group: Group::Schema,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &["squawk:ban-char-field", "pg-index-health:columns_with_char_type"],
    page: include_str!("char_column.md"),
    check,
};

/// Codes of two or three characters (countries, currencies, languages) always fill their column.
const LONGEST_CODE: i32 = 3;

fn check(facts: &Facts) -> Vec<Finding> {
    shared::columns(facts)
        .filter_map(|(table, column)| {
            // char(1) pads nothing but the empty string.
            let length = *column.ty.modifiers.first().filter(|length| **length > 1)?;
            column.ty.is("character").then(|| {
                let name = shared::column_name(table, column);
                let severity = if length <= LONGEST_CODE { Severity::Info } else { RULE.severity };
                shared::on_column(&RULE, facts, table, column, format!("\"{name}\" pads its values to {length} characters"))
                    .severity(severity)
                    .detail(format!(
                        "char({length}) stores shorter values with blanks at the end, takes the space of the full length, and \
                         is no faster than text. The blanks come back in some comparisons and vanish in others: LIKE sees \
                         them, = and length() do not."
                    ))
                    .hint(format!(
                        "use text, with CHECK (char_length(…) = {length}) where the length is a rule"
                    ))
            })
        })
        .collect()
}
