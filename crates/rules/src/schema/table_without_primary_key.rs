//! A table without a primary key.

use pgsteward_model::catalog::{Catalog, Index, Table, TableKind};
use pgsteward_model::change::{Change, Fix, PrismaEdit, Rollback, Safety, Step};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::{quote_ident, quote_name};

use super::shared;
use crate::shared::{fields_of, model_of, quoted_list, table_place};

pub(super) static RULE: Rule = Rule {
    id: "table-without-primary-key",
    group: Group::Schema,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[
        "splinter:0004",
        "schemalint:require-primary-key",
        "pg-index-health:tables_without_primary_key",
        "schemacrawler:LinterTableWithNoPrimaryKey",
    ],
    page: include_str!("table_without_primary_key.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(catalog) = facts.catalog() else { return Vec::new() };
    shared::tables(facts)
        .filter(|table| table.primary_key().is_none())
        .map(|table| finding(facts, catalog, table))
        .collect()
}

fn finding(facts: &Facts, catalog: &Catalog, table: &Table) -> Finding {
    let message = format!("\"{}\" has no primary key", table.name.display());
    let found = Finding::on_object(&RULE, table_place(facts, table), message);
    let key = candidate(table);
    let unique = key.map(|index| quoted_list(&index.leading_columns()));
    if shared::is_implicit_join(table) {
        let found = found.severity(Severity::Info).detail(
            "Prisma made it for an implicit many-to-many relation, before version 6, with a unique index where it makes a \
             primary key today. Logical replication refuses UPDATE and DELETE on it until it has a replica identity.",
        );
        // Prisma before 6 would see the key as drift and take it away again.
        let fits = facts.project.prisma_version.is_some_and(|(major, _)| major >= 6);
        let found = found.hint("let Prisma 6 or later make the key with its next migration");
        return match key.filter(|_| fits) {
            Some(index) => with_fix(found, facts, catalog, table, index, "_AB_pkey"),
            None => found,
        };
    }
    let found = found.detail(
        "Rows that are equal cannot be told apart, so nothing can point at one of them; logical replication refuses \
         UPDATE and DELETE without a replica identity, and most tools that copy, compare or page through rows need a key.",
    );
    match (key, unique) {
        (Some(index), Some(columns)) => with_fix(
            found.hint(format!("make the unique and NOT NULL {columns} the primary key")),
            facts,
            catalog,
            table,
            index,
            "_pkey",
        ),
        _ => found.hint(
            "make the columns that identify a row NOT NULL and the primary key, or add an identity column",
        ),
    }
}

fn with_fix(
    found: Finding,
    facts: &Facts,
    catalog: &Catalog,
    table: &Table,
    index: &Index,
    suffix: &str,
) -> Finding {
    match fix(facts, catalog, table, index, suffix) {
        Some(fix) => found.fix(fix),
        None => found,
    }
}

/// A unique index that could be the primary key as it is: complete, valid, plain, in the default order, over
/// columns that are NOT NULL. The one with the fewest columns.
fn candidate(table: &Table) -> Option<&Index> {
    table
        .indexes
        .iter()
        .filter(|index| {
            index.unique
                && index.valid
                && index.predicate.is_none()
                && index.method == "btree"
                && index.keys.iter().all(|key| {
                    let column = key.column.as_deref().and_then(|name| table.column(name));
                    column.is_some_and(|column| column.not_null)
                        && !key.descending
                        && !key.nulls_first
                        && key.opclass.is_none()
                        && key.collation.is_none()
                })
        })
        .min_by_key(|index| (index.keys.len(), index.constraint.is_some()))
}

/// `ADD PRIMARY KEY USING INDEX` renames the index to the constraint; the rollback builds it anew. None
/// where a unique constraint owns the index, a foreign key rests on it, or a model does not show it.
fn fix(facts: &Facts, catalog: &Catalog, table: &Table, index: &Index, suffix: &str) -> Option<Fix> {
    let columns: Vec<String> = index.leading_columns().into_iter().map(str::to_owned).collect();
    let free = index.constraint.is_none() && !shared::is_referenced(catalog, table, &columns);
    if !free || table.kind != TableKind::Ordinary || !index.options.is_empty() || index.comment.is_some() {
        return None;
    }
    let name = shared::constraint_name(table, &[], suffix)?;
    let relation = quote_name(&table.name);
    let mut steps = vec![Step::sql(format!(
        "ALTER TABLE {relation} ADD CONSTRAINT {} PRIMARY KEY USING INDEX {}",
        quote_ident(&name),
        quote_ident(&index.name)
    ))];
    if let Some(model) = model_of(facts, &table.name) {
        let fields = fields_of(model, &columns)?;
        let key = model.uniques.iter().find(|key| {
            key.fields.iter().map(|field| field.field.as_str()).eq(fields.iter().map(String::as_str))
        })?;
        steps.push(Step::Prisma(PrismaEdit::Remove { file: key.at.file.clone(), span: key.at.span }));
        steps.push(Step::Prisma(match fields.as_slice() {
            [field] if key.on_field => PrismaEdit::AddFieldAttribute {
                model: model.name.clone(),
                field: field.clone(),
                attribute: "@id".into(),
            },
            _ => PrismaEdit::AddBlockAttribute {
                model: model.name.clone(),
                attribute: format!("@@id([{}])", fields.join(", ")),
            },
        }));
    }
    let include = if index.include.is_empty() {
        String::new()
    } else {
        format!(" INCLUDE ({})", shared::sql_list(&index.include))
    };
    let rollback = vec![
        Step::sql(format!("ALTER TABLE {relation} DROP CONSTRAINT {}", quote_ident(&name))),
        Step::sql_alone(format!(
            "CREATE UNIQUE INDEX CONCURRENTLY {} ON {relation} ({}){include}",
            quote_ident(&index.name),
            shared::sql_list(&columns)
        )),
    ];
    Some(Fix {
        title: format!("make \"{}\" the primary key of \"{}\"", index.name, table.name.display()),
        safety: Safety::Review,
        change: Change { steps, rollback: Rollback::Steps(rollback) },
    })
}
