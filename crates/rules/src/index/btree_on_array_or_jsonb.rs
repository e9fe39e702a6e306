//! A b-tree on a whole array or document.

use pgsteward_model::catalog::{ColumnType, Index, Table};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::{ddl, quote_ident};

use super::shared as index;
use crate::shared;

pub(super) static RULE: Rule = Rule {
    id: "btree-on-array-or-jsonb",
    group: Group::Index,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &["pg-index-health:btree_indexes_on_array_columns"],
    page: include_str!("btree_on_array_or_jsonb.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(catalog) = facts.catalog() else { return Vec::new() };
    let mut findings = Vec::new();
    for table in index::tables(catalog) {
        for candidate in &table.indexes {
            if candidate.method != "btree" || !index::serves_queries_only(candidate) {
                continue;
            }
            let columns = candidate.keys.iter().filter_map(|key| table.column(key.column.as_deref()?));
            for column in columns.filter(|column| is_container(&column.ty)).take(1) {
                findings.push(finding(facts, table, candidate, &column.name, &column.ty));
            }
        }
    }
    findings
}

fn is_container(ty: &ColumnType) -> bool {
    ty.array > 0 || ty.is("jsonb")
}

fn finding(facts: &Facts, table: &Table, candidate: &Index, column: &str, ty: &ColumnType) -> Finding {
    let name = &candidate.name;
    Finding::on_object(
        &RULE,
        shared::index_place(facts, table, candidate),
        format!("index \"{name}\" is a b-tree on \"{}.{column}\", which is {ty}", table.name.display()),
    )
    .detail(
        "It finds rows whose whole value is equal, never those that contain something (@>, &&, ?, Prisma's has and \
         array_contains), and a value of more than about 2,700 bytes makes the INSERT fail.",
    )
    .hint(format!("index what is in it with USING gin ({})", quote_ident(column)))
    .evidence(Evidence::Sql { sql: ddl::index(&table.name, candidate, false) })
}
