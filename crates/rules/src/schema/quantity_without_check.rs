//! A quantity that may be negative.

use pgsteward_model::catalog::{Column, ConstraintKind, Table, TableKind, TypeClass};
use pgsteward_model::change::{Change, Fix, Safety};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::quote_ident;

use super::shared;
use crate::shared::words;

pub(super) static RULE: Rule = Rule {
    id: "quantity-without-check",
    group: Group::Schema,
    severity: Severity::Info,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("quantity_without_check.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    shared::columns(facts)
        .filter(|(table, column)| is_quantity(column) && !is_checked(table, column))
        .map(|(table, column)| finding(facts, table, column))
        .collect()
}

/// What is counted, kept in stock or asked as a price. Amounts and balances are left out: refunds, credits
/// and corrections are negative by design; so are differences of any kind.
fn is_quantity(column: &Column) -> bool {
    const NUMBERS: &[&str] = &["smallint", "integer", "bigint", "numeric", "real", "double precision"];
    const SIGNED: &[&str] =
        &["delta", "change", "changed", "diff", "difference", "adjustment", "adjusted", "movement", "id"];
    let words = words(&column.name);
    let counted = words.iter().any(|word| matches!(word.as_str(), "quantity" | "qty" | "stock" | "price"));
    let signed = words.iter().any(|word| SIGNED.contains(&word.as_str()));
    let number = column.ty.class == TypeClass::Base && NUMBERS.iter().any(|name| column.ty.is(name));
    number && counted && !signed && column.generated.is_none()
}

fn is_checked(table: &Table, column: &Column) -> bool {
    table.constraints.iter().any(|constraint| {
        matches!(&constraint.kind, ConstraintKind::Check { expression, .. } if shared::mentions(expression, &column.name))
    })
}

fn finding(facts: &Facts, table: &Table, column: &Column) -> Finding {
    let name = shared::column_name(table, column);
    let expression = format!("{} >= 0", quote_ident(&column.name));
    let found = shared::on_column(&RULE, facts, table, column, format!("\"{name}\" may be negative"))
        .detail(
            "Two orders of the last piece at the same time, a wrong sign in an import: the database takes it, and the sum \
             is wrong from then on. With a CHECK the second order fails instead.",
        )
        .hint(format!("add CHECK ({expression}); Prisma does not show it and leaves it alone"));
    match shared::constraint_name(table, &[&column.name], "_check") {
        Some(constraint) if table.kind == TableKind::Ordinary => {
            let (steps, rollback) = shared::add_check(table, &constraint, &expression);
            found.fix(Fix {
                title: format!("check that \"{name}\" is not negative"),
                // Rows of today may break it.
                safety: Safety::Manual,
                change: Change { steps, rollback },
            })
        }
        _ => found,
    }
}
