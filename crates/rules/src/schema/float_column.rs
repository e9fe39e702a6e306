//! A floating point column that is not money by its name.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::{money_in_float, shared};

pub(super) static RULE: Rule = Rule {
    id: "float-column",
    group: Group::Schema,
    severity: Severity::Info,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("float_column.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    shared::columns(facts)
        .filter(|(_, column)| money_in_float::is_float(&column.ty) && !money_in_float::names_money(&column.name))
        .map(|(table, column)| {
            let name = shared::column_name(table, column);
            shared::on_column(&RULE, facts, table, column, format!("\"{name}\" is an inexact {}", column.ty))
                .detail(format!(
                    "{} keeps the nearest binary fraction: equality and GROUP BY on it are unreliable, and sums depend \
                     on the order of the rows.",
                    column.ty
                ))
                .hint("use numeric where decimal values must come back as they were written; keep floats for measurements")
        })
        .collect()
}
