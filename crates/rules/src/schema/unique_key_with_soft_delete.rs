//! A unique key that deleted rows go on to occupy.

use pgsteward_model::catalog::{Column, Index, Table, TableKind};
use pgsteward_model::change::{Change, Fix, PrismaEdit, Rollback, Safety, Step};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::prisma::{DefaultValue, Model};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::{quote_ident, quote_name};

use super::shared;
use crate::shared::{default_index_name, fields_of, index_place, model_of, quoted_list, words};

pub(super) static RULE: Rule = Rule {
    id: "unique-key-with-soft-delete",
    group: Group::Schema,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("unique_key_with_soft_delete.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for table in shared::tables(facts) {
        let Some(marker) = table.columns.iter().find(|column| is_soft_delete(column)) else { continue };
        for index in table.indexes.iter().filter(|index| is_hit(facts, table, index, marker)) {
            findings.push(finding(facts, table, index, marker));
        }
    }
    findings
}

/// `deleted_at` that may be NULL, or a boolean `is_deleted`.
pub(super) fn is_soft_delete(column: &Column) -> bool {
    let words = words(&column.name);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let time = column.ty.name.starts_with("timestamp") || column.ty.is("date");
    match words.as_slice() {
        ["deleted"] | ["is", "deleted"] if column.ty.is("boolean") => true,
        ["deleted"] | ["deleted", "at" | "on" | "date" | "time"] | ["date", "deleted"] => {
            time && !column.not_null
        }
        _ => false,
    }
}

/// A complete unique key over values that a person would want to use again. Keys over columns that nobody
/// types (generated ids, hashes, tokens) stay unique for ever on purpose.
fn is_hit(facts: &Facts, table: &Table, index: &Index, marker: &Column) -> bool {
    let primary = table
        .primary_key()
        .is_some_and(|(constraint, _)| index.constraint.as_ref() == Some(&constraint.name));
    let columns = index.leading_columns();
    index.unique
        && index.valid
        && !primary
        && index.predicate.is_none()
        && index.is_plain()
        && !columns.contains(&marker.name.as_str())
        && !columns.iter().any(|name| is_machine_made(facts, table, name))
        && columns.iter().any(|name| !ends_with_id(name) || is_foreign_key(table, name))
}

fn is_machine_made(facts: &Facts, table: &Table, name: &str) -> bool {
    const MADE: &[&str] = &[
        "hash",
        "token",
        "secret",
        "digest",
        "uuid",
        "guid",
        "nonce",
        "checksum",
        "fingerprint",
        "ref",
        "version",
        "number",
        "sequence",
        "position",
        "index",
    ];
    let words = words(name);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let by_name = words.iter().any(|word| MADE.contains(word))
        || words.ends_with(&["key"])
        || words.ends_with(&["access", "code"]);
    let by_server = table.column(name).is_some_and(|column| {
        column.identity.is_some()
            || column.ty.is("uuid") && column.default.is_some()
            || shared::takes_from_sequence(column)
    });
    let field = model_of(facts, &table.name).and_then(|model| model.field_of_column(name));
    let by_client = field
        .and_then(|field| field.default.as_ref())
        .is_some_and(|default| matches!(default.value, DefaultValue::Client { .. }));
    let in_primary_key = table.primary_key().is_some_and(|(_, columns)| columns == [name.to_owned()]);
    by_name || by_server || by_client || in_primary_key
}

fn ends_with_id(name: &str) -> bool {
    words(name).last().is_some_and(|word| word == "id")
}

fn is_foreign_key(table: &Table, column: &str) -> bool {
    table.foreign_keys().any(|(_, key)| key.columns.iter().any(|name| name == column))
}

fn finding(facts: &Facts, table: &Table, index: &Index, marker: &Column) -> Finding {
    let columns = quoted_list(&index.leading_columns());
    let found = Finding::on_object(
        &RULE,
        index_place(facts, table, index),
        format!(
            "unique key \"{}\" of \"{}\" still holds for deleted rows",
            index.name,
            table.name.display()
        ),
    )
    .detail(format!(
        "A row with \"{}\" set keeps its value of {columns}: whoever deletes a row and makes it again gets a unique \
         violation from a row that nobody can see.",
        marker.name
    ));
    let found = if model_of(facts, &table.name).is_some() {
        found.hint(format!(
            "replace it by a unique index WHERE {}; a Prisma schema shows none (but for the preview feature partialIndexes), so \
             @unique goes from the model and findUnique becomes findFirst",
            live(marker)
        ))
    } else {
        found.hint(format!("replace it by a unique index WHERE {}", live(marker)))
    };
    match fix(facts, table, index, marker) {
        Some(fix) => found.fix(fix),
        None => found,
    }
}

/// The predicate of rows that are not deleted.
fn live(marker: &Column) -> String {
    let name = quote_ident(&marker.name);
    match (marker.ty.is("boolean"), marker.not_null) {
        (true, true) => format!("NOT {name}"),
        (true, false) => format!("{name} IS NOT TRUE"),
        (false, _) => format!("{name} IS NULL"),
    }
}

fn fix(facts: &Facts, table: &Table, index: &Index, marker: &Column) -> Option<Fix> {
    let catalog = facts.catalog()?;
    let columns: Vec<String> = index.leading_columns().into_iter().map(str::to_owned).collect();
    let ordinary = index.method == "btree"
        && index.include.is_empty()
        && index.options.is_empty()
        && index.comment.is_none()
        && !index.nulls_not_distinct
        && index.keys.iter().all(|key| {
            !key.descending && !key.nulls_first && key.opclass.is_none() && key.collation.is_none()
        });
    let deferrable = index
        .constraint
        .as_ref()
        .and_then(|name| table.constraint(name))
        .is_some_and(|constraint| constraint.deferrable || constraint.comment.is_some());
    let name = default_index_name(&table.name.name, &columns, "_live_key");
    if !ordinary
        || deferrable
        || table.kind != TableKind::Ordinary
        || shared::is_referenced(catalog, table, &columns)
        || table.index(&name).is_some()
    {
        return None;
    }
    let edit = match model_of(facts, &table.name) {
        Some(model) => Some(remove_key(facts, model, &columns)?),
        None => None,
    };
    let relation = quote_name(&table.name);
    let list = shared::sql_list(&columns);
    let old = quote_name(&shared::beside(table, &index.name));
    let create = |name: &str, predicate: &str| {
        Step::sql_alone(format!(
            "CREATE UNIQUE INDEX CONCURRENTLY {} ON {relation} ({list}){predicate}",
            quote_ident(name)
        ))
    };
    let drop_old = match &index.constraint {
        Some(constraint) => {
            Step::sql(format!("ALTER TABLE {relation} DROP CONSTRAINT {}", quote_ident(constraint)))
        }
        None => Step::sql_alone(format!("DROP INDEX CONCURRENTLY {old}")),
    };
    let mut rollback = vec![create(&index.name, "")];
    if let Some(constraint) = &index.constraint {
        rollback.push(Step::sql(format!(
            "ALTER TABLE {relation} ADD CONSTRAINT {} UNIQUE USING INDEX {}",
            quote_ident(constraint),
            quote_ident(&index.name)
        )));
    }
    rollback.push(Step::sql_alone(format!(
        "DROP INDEX CONCURRENTLY {}",
        quote_name(&shared::beside(table, &name))
    )));
    let mut steps = vec![create(&name, &format!(" WHERE {}", live(marker))), drop_old];
    steps.extend(edit.map(Step::Prisma));
    Some(Fix {
        title: format!("hold \"{}\" for live rows only", index.name),
        safety: Safety::Manual,
        change: Change { steps, rollback: Rollback::Steps(rollback) },
    })
}

/// The edit that takes the key out of the model, where Prisma then neither misses it (a relation to one row,
/// a model without another key) nor sees the partial index as drift.
fn remove_key(facts: &Facts, model: &Model, columns: &[String]) -> Option<PrismaEdit> {
    let fields = fields_of(model, columns)?;
    let key = model.uniques.iter().find(|key| {
        key.fields.iter().map(|field| field.field.as_str()).eq(fields.iter().map(String::as_str))
    })?;
    let sees_partial = facts
        .prisma
        .as_ref()?
        .generators
        .iter()
        .any(|generator| generator.preview_features.iter().any(|feature| feature == "partialIndexes"));
    let in_relation = model
        .fields
        .iter()
        .filter_map(|field| field.relation.as_ref())
        .any(|relation| relation.fields == fields);
    if sees_partial || in_relation || model.primary_key.is_none() {
        return None;
    }
    Some(PrismaEdit::Remove { file: key.at.file.clone(), span: key.at.span })
}
