//! A four or two byte key that a sequence fills.

use pgsteward_model::catalog::{Catalog, Column, Sequence, Table};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared;
use crate::shared::{column_place, quoted_list};

pub(super) static RULE: Rule = Rule {
    id: "integer-key-overflow",
    group: Group::Schema,
    severity: Severity::Info,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma, Need::Statistics],
    since: "0.1.0",
    ancestors: &[
        "squawk:prefer-bigint-over-int",
        "squawk:prefer-bigint-over-smallint",
        "pg-index-health:sequence_overflow",
    ],
    page: include_str!("integer_key_overflow.md"),
    check,
};

/// Above this share of its range a key is an emergency, above [`CLOSE`] a plan is due.
const NEARLY_FULL: f64 = 0.75;
const CLOSE: f64 = 0.5;

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(catalog) = facts.catalog() else { return Vec::new() };
    shared::columns(facts)
        .filter_map(|(table, column)| {
            let type_max = largest(column)?;
            let sequence = sequence_of(catalog, table, column);
            let generated = column.identity.is_some() || shared::takes_from_sequence(column);
            let grows = sequence.is_none_or(|sequence| sequence.increment > 0 && !sequence.cycle);
            (generated && grows).then(|| finding(facts, catalog, table, column, sequence, type_max))
        })
        .collect()
}

/// The largest value of the type, for the types that a busy table fills.
fn largest(column: &Column) -> Option<i64> {
    if column.ty.is("integer") {
        Some(i64::from(i32::MAX))
    } else if column.ty.is("smallint") {
        Some(i64::from(i16::MAX))
    } else {
        None
    }
}

fn sequence_of<'a>(catalog: &'a Catalog, table: &Table, column: &Column) -> Option<&'a Sequence> {
    catalog.sequences.values().find(|sequence| {
        sequence.owned_by.as_ref().is_some_and(|(owner, name)| *owner == table.name && *name == column.name)
    })
}

fn finding(
    facts: &Facts,
    catalog: &Catalog,
    table: &Table,
    column: &Column,
    sequence: Option<&Sequence>,
    type_max: i64,
) -> Finding {
    let name = shared::column_name(table, column);
    let followers = followers(catalog, table, column);
    let limit = sequence.map_or(type_max, |sequence| sequence.max.min(type_max));
    let used =
        sequence.and_then(|sequence| sequence.last_value).map(|last| (last, last as f64 / limit as f64));
    let message = match used {
        Some((_, share)) if share >= 0.01 => {
            format!("\"{name}\" has used {:.0} % of {}", (share * 100.0).floor(), column.ty)
        }
        _ => format!("\"{name}\" is numbered in {}, which ends at {}", column.ty, thousands(limit)),
    };
    let mut detail = match used {
        Some((last, _)) => format!(
            "{} of {} values are used; after the last one each INSERT fails with \"integer out of range\" or \"reached \
             maximum value of sequence\".",
            thousands(last),
            thousands(limit)
        ),
        None => format!(
            "After {} values, those of rolled back and deleted rows included, each INSERT fails.",
            thousands(limit)
        ),
    };
    if !followers.is_empty() {
        let names: Vec<String> = followers.iter().map(|(_, name)| name.clone()).collect();
        detail.push_str(&format!(" It must grow together with {}, which refer to it.", quoted_list(&names)));
    }
    let mut found = shared::on_column(&RULE, facts, table, column, message)
        .severity(match used {
            Some((_, share)) if share > NEARLY_FULL => Severity::Error,
            Some((_, share)) if share > CLOSE => Severity::Warning,
            _ => Severity::Info,
        })
        .detail(detail)
        .hint(
            "make it bigint (BigInt in Prisma): on a small table ALTER COLUMN … TYPE rewrites it in a moment, on a big one \
             add a bigint column, fill it in batches with a trigger in place, and switch",
        );
    if let Some((_, share)) = used {
        found = found.evidence(Evidence::Share { what: "used".into(), value: share });
    }
    for ((other, from), _) in followers {
        found = found.also(column_place(facts, other, from));
    }
    found
}

/// Integer columns whose foreign key refers to this column: they overflow with it.
fn followers<'a>(
    catalog: &'a Catalog,
    table: &Table,
    column: &Column,
) -> Vec<((&'a Table, &'a str), String)> {
    let mut found = Vec::new();
    for other in catalog.user_tables().filter(|other| other.partition_of.is_none()) {
        for (_, key) in other.foreign_keys().filter(|(_, key)| key.references == table.name) {
            for (from, to) in key.columns.iter().zip(&key.referenced_columns) {
                let narrow = other.column(from).is_some_and(|column| largest(column).is_some());
                if *to == column.name && narrow {
                    found.push(((other, from.as_str()), format!("{}.{from}", other.name.display())));
                }
            }
        }
    }
    found
}

/// `2147483647` as `2,147,483,647`.
fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if number < 0 { format!("-{out}") } else { out }
}
