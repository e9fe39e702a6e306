//! A start and an end that nothing keeps in order.

use pgsteward_model::catalog::{Column, ConstraintKind, Table, TableKind};
use pgsteward_model::change::{Change, Fix, Safety};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::quote_ident;

use super::shared;
use crate::shared::{column_place, words};

pub(super) static RULE: Rule = Rule {
    id: "range-without-check",
    group: Group::Schema,
    severity: Severity::Info,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("range_without_check.md"),
    check,
};

/// Words of a beginning and of its end. Times at which something happened (`started_at`, `finished_at`) are
/// left out: two clocks wrote them, and a check would refuse the row over a millisecond.
const PAIRS: &[(&str, &[&str])] = &[
    ("start", &["end", "stop"]),
    ("starts", &["ends"]),
    ("begin", &["end"]),
    ("begins", &["ends"]),
    ("from", &["to", "until", "till"]),
    ("min", &["max"]),
    ("minimum", &["maximum"]),
    ("lower", &["upper"]),
];

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for table in shared::tables(facts) {
        for start in &table.columns {
            if let Some(end) = end_of(table, start).filter(|end| !is_checked(table, start, end)) {
                findings.push(finding(facts, table, start, end));
            }
        }
    }
    findings
}

/// The column that differs from the start in one word, of the same ordered type.
fn end_of<'a>(table: &'a Table, start: &Column) -> Option<&'a Column> {
    const ORDERED: &[&str] = &[
        "timestamp with",
        "timestamp without",
        "date",
        "time with",
        "integer",
        "bigint",
        "smallint",
        "numeric",
        "real",
        "double precision",
    ];
    let ordered = start.ty.array == 0
        && start.ty.namespace.is_none()
        && ORDERED.iter().any(|name| start.ty.name.starts_with(name));
    // The hours of a night shift go over midnight.
    if !ordered || start.generated.is_some() || start.ty.name.starts_with("time without") {
        return None;
    }
    let start_words = words(&start.name);
    let ends: Vec<Vec<String>> = start_words
        .iter()
        .enumerate()
        .flat_map(|(at, word)| {
            let ends = PAIRS.iter().find(|(first, _)| first == word).map_or(&[][..], |(_, ends)| *ends);
            let start_words = &start_words;
            ends.iter().map(move |end| {
                let mut words = start_words.clone();
                words[at] = (*end).to_owned();
                words
            })
        })
        .collect();
    table.columns.iter().find(|column| {
        column.ty.name == start.ty.name && column.generated.is_none() && ends.contains(&words(&column.name))
    })
}

/// A CHECK or an exclusion constraint names both.
fn is_checked(table: &Table, start: &Column, end: &Column) -> bool {
    table.constraints.iter().any(|constraint| match &constraint.kind {
        ConstraintKind::Check { expression, .. } => {
            shared::mentions(expression, &start.name) && shared::mentions(expression, &end.name)
        }
        ConstraintKind::Exclusion { definition } => {
            shared::mentions(definition, &start.name) && shared::mentions(definition, &end.name)
        }
        _ => false,
    })
}

fn finding(facts: &Facts, table: &Table, start: &Column, end: &Column) -> Finding {
    let message = format!("nothing keeps \"{}\" before \"{}\"", shared::column_name(table, start), end.name);
    let expression = format!("{} <= {}", quote_ident(&start.name), quote_ident(&end.name));
    let found = shared::on_column(&RULE, facts, table, start, message)
        .also(column_place(facts, table, &end.name))
        .detail(
            "A row whose end is before its start is found by no query that looks for overlaps, and makes durations negative. \
             A form's validation does not see the update of one of the two columns.",
        )
        .hint(format!("add CHECK ({expression}); Prisma does not show it and leaves it alone"));
    match shared::constraint_name(table, &[&start.name, &end.name], "_check") {
        Some(name) if table.kind == TableKind::Ordinary => {
            let (steps, rollback) = shared::add_check(table, &name, &expression);
            found.fix(Fix {
                title: format!("check that \"{}\" is not after \"{}\"", start.name, end.name),
                // Rows of today may break it, and whether equal ends are allowed is a question of meaning.
                safety: Safety::Manual,
                change: Change { steps, rollback },
            })
        }
        _ => found,
    }
}
