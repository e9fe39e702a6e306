//! An amount of money in a binary floating point column or in `money`.

use pgsteward_model::catalog::{Column, ColumnType, Table};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared as schema;
use crate::shared;

pub(super) static RULE: Rule = Rule {
    id: "money-in-float",
    group: Group::Schema,
    severity: Severity::Error,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &["pg-index-health:columns_with_money_type"],
    page: include_str!("money_in_float.md"),
    check,
};

/// Words that name an amount by themselves.
const AMOUNTS: &[&str] = &[
    "price",
    "amount",
    "balance",
    "cost",
    "costs",
    "fee",
    "fees",
    "salary",
    "payout",
    "refund",
    "revenue",
    "budget",
    "subtotal",
    "surcharge",
    "deposit",
    "cents",
    "money",
    "invoice",
    "tax",
    "vat",
    "discount",
    "commission",
    "earnings",
];

/// Words that turn an amount into a number of another kind: a rate, a share, a count, a unit of usage.
const NOT_MONEY: &[&str] = &[
    "rate",
    "percent",
    "percentage",
    "ratio",
    "factor",
    "score",
    "count",
    "weight",
    "pct",
    "share",
    "multiplier",
    "index",
];

fn check(facts: &Facts) -> Vec<Finding> {
    schema::columns(facts).filter_map(|(table, column)| check_column(facts, table, column)).collect()
}

fn check_column(facts: &Facts, table: &Table, column: &Column) -> Option<Finding> {
    let ty = &column.ty;
    let float = is_float(ty);
    if !(ty.is("money") || float && names_money(&column.name)) {
        return None;
    }
    let name = format!("{}.{}", table.name.display(), column.name);
    let (detail, severity) = if float {
        (
            format!(
                "{ty} keeps binary fractions: 0.1 + 0.2 is 0.30000000000000004, sums drift by the order of their rows, \
                 and equality fails."
            ),
            Severity::Error,
        )
    } else {
        (
            "money has no currency, its scale follows lc_monetary of the server, and a dump read under another \
             locale changes the values."
                .to_owned(),
            Severity::Warning,
        )
    };
    Some(
        Finding::on_object(
            &RULE,
            shared::column_place(facts, table, &column.name),
            format!("\"{name}\" keeps money in {ty}"),
        )
        .severity(severity)
        .detail(detail)
        .hint("store integer minor units (cents) in bigint, or numeric with a fixed scale")
        .evidence(Evidence::Sql { sql: format!("{} {ty}", column.name) }),
    )
}

pub(super) fn is_float(ty: &ColumnType) -> bool {
    ty.is("double precision") || ty.is("real")
}

/// The name speaks of an amount of money, and not of a rate, a share or a count.
pub(super) fn names_money(name: &str) -> bool {
    let words = shared::words(name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    // "total" alone is a count as often as a sum; "orderTotal" or "totalPrice" is money.
    let total = words.iter().any(|word| word == "total")
        && words.iter().any(|word| word == "order" || word == "grand");
    (has(AMOUNTS) || total) && !has(NOT_MONEY)
}
