//! A foreign key whose columns have other types than the key they refer to.

use pgsteward_model::catalog::ColumnType;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared;
use crate::shared::foreign_key_place;

pub(super) static RULE: Rule = Rule {
    id: "foreign-key-type-mismatch",
    group: Group::Schema,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[
        "pg-index-health:foreign_keys_with_unmatched_column_type",
        "schemacrawler:LinterForeignKeyMismatch",
    ],
    page: include_str!("foreign_key_type_mismatch.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(catalog) = facts.catalog() else { return Vec::new() };
    let mut findings = Vec::new();
    for table in shared::tables(facts) {
        for (constraint, key) in table.foreign_keys() {
            let Some(parent) = catalog.table(&key.references) else { continue };
            let pairs = key.columns.iter().zip(&key.referenced_columns);
            let mismatch = pairs.into_iter().find_map(|(from, to)| {
                let (from, to) = (table.column(from)?, parent.column(to)?);
                (kind(&from.ty) != kind(&to.ty)).then_some((from, to))
            });
            let Some((from, to)) = mismatch else { continue };
            let (from_name, to_name) = (shared::column_name(table, from), shared::column_name(parent, to));
            let narrow = rank(&from.ty).zip(rank(&to.ty)).is_some_and(|(from, to)| from < to);
            let detail = if narrow {
                format!(
                    "\"{to_name}\" can hold values that \"{from_name}\" cannot: once the keys have grown that far, no row can \
                     refer to them."
                )
            } else {
                "Each check and each join compares two types: one side is cast, and where no operator class holds both, \
                 its index is not used."
                    .to_owned()
            };
            findings.push(
                Finding::on_object(
                    &RULE,
                    foreign_key_place(facts, table, constraint, &key.columns),
                    format!("foreign key \"{}\" compares {} with {}", constraint.name, from.ty, to.ty),
                )
                .detail(detail)
                .hint(format!("give \"{from_name}\" the type of \"{to_name}\", {}", to.ty))
                .evidence(Evidence::Sql { sql: format!("{from_name} {}, {to_name} {}", from.ty, to.ty) }),
            );
        }
    }
    findings
}

/// What must be equal: the type without its length. `text` and `varchar` are the same to comparisons.
fn kind(ty: &ColumnType) -> (Option<&str>, &str) {
    let name = if ty.is("character varying") { "text" } else { ty.name.as_str() };
    (ty.namespace.as_deref(), name)
}

/// The order of the integer types.
fn rank(ty: &ColumnType) -> Option<usize> {
    ["smallint", "integer", "bigint"].iter().position(|name| ty.is(name))
}
