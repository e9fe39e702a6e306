//! A unique email address that is unique only as it was typed.

use pgsteward_model::catalog::{Catalog, Column, ConstraintKind, Index, Table};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared;
use crate::shared::{index_place, words};

pub(super) static RULE: Rule = Rule {
    id: "case-sensitive-email",
    group: Group::Schema,
    severity: Severity::Info,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("case_sensitive_email.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for table in shared::tables(facts) {
        for column in table.columns.iter().filter(|column| is_address(column)) {
            let key = table.indexes.iter().find(|index| is_key(index, column));
            if let Some(index) = key.filter(|_| !is_folded(table, column)) {
                findings.push(finding(facts, table, index, column));
            }
        }
    }
    findings
}

/// An email address in a type that compares letter by letter: no citext, no domain, no collation of its own.
fn is_address(column: &Column) -> bool {
    let words = words(&column.name);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let named = words.ends_with(&["email"]) || words.ends_with(&["email", "address"]);
    let changed = words
        .iter()
        .any(|word| matches!(*word, "normalized" | "lower" | "lowercase" | "canonical" | "hashed"));
    let text = column.ty.is("text") || column.ty.is("character varying");
    named && !changed && text && column.collation.is_none()
}

fn is_key(index: &Index, column: &Column) -> bool {
    index.unique && index.keys.iter().any(|key| key.column.as_ref() == Some(&column.name))
}

/// A unique index on an expression of the column (`lower(email)`), a CHECK on it, or a trigger that may
/// change it.
fn is_folded(table: &Table, column: &Column) -> bool {
    let fold = |sql: &str| {
        let sql = sql.to_lowercase();
        (sql.contains("lower(") || sql.contains("upper(") || sql.contains("citext"))
            && shared::mentions(&sql, &column.name.to_lowercase())
    };
    let indexed = table
        .indexes
        .iter()
        .any(|index| index.unique && index.keys.iter().filter_map(|key| key.expression.as_deref()).any(fold));
    let checked = table.constraints.iter().any(
        |constraint| matches!(&constraint.kind, ConstraintKind::Check { expression, .. } if fold(expression)),
    );
    indexed || checked
}

fn finding(facts: &Facts, table: &Table, index: &Index, column: &Column) -> Finding {
    let name = shared::column_name(table, column);
    let citext = facts.catalog().is_some_and(|catalog: &Catalog| catalog.extensions.contains_key("citext"));
    let hint = if citext {
        "make the column citext (@db.Citext): the extension is there already; look for duplicates first"
    } else {
        "write addresses in lower case and hold that with CHECK (email = lower(email)), or add a unique index on lower(…), \
         or use citext; look for duplicates first"
    };
    Finding::on_object(
        &RULE,
        index_place(facts, table, index),
        format!("unique key \"{}\" takes \"{name}\" in each spelling", index.name),
    )
    .detail(
        "Ann@example.com and ann@example.com are two rows: two accounts of one person, a sign-in that does not find the \
         account, an invitation that is accepted twice.",
    )
    .hint(hint)
}
