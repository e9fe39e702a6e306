//! What is no table: schemas, extensions, types, sequences, functions, views.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{
    Catalog, Column, CompositeType, Domain, Enum, Function, FunctionKind, RangeType, Sequence, Table, View,
};

use super::column_type::column_type;
use super::{index, with_options};
use crate::quote::{quote_ident, quote_literal, quote_qualified};

/// A new database has the schema `public`, which this one may not.
pub(super) fn namespaces(catalog: &Catalog) -> Vec<String> {
    let drop =
        (!catalog.namespaces.contains_key("public")).then(|| "DROP SCHEMA IF EXISTS public".to_owned());
    let make = |name: &String| format!("CREATE SCHEMA IF NOT EXISTS {}", quote_ident(name));
    drop.into_iter().chain(catalog.namespaces.keys().map(make)).collect()
}

/// Without a version: whoever runs this has the one that is installed.
pub(super) fn extensions(catalog: &Catalog) -> Vec<String> {
    let make = |name: &String, namespace: &String| {
        format!("CREATE EXTENSION IF NOT EXISTS {} SCHEMA {}", quote_ident(name), quote_ident(namespace))
    };
    catalog.extensions.values().map(|extension| make(&extension.name, &extension.namespace)).collect()
}

pub(super) fn enumeration(value: &Enum) -> String {
    let labels: Vec<String> = value.values.iter().map(|label| quote_literal(label)).collect();
    format!("CREATE TYPE {} AS ENUM ({})", quote_qualified(&value.name), labels.join(", "))
}

pub(super) fn domain(domain: &Domain) -> String {
    let mut sql = format!("CREATE DOMAIN {} AS {}", quote_qualified(&domain.name), column_type(&domain.base));
    if let Some(default) = &domain.default {
        sql += &format!(" DEFAULT {default}");
    }
    if domain.not_null {
        sql += " NOT NULL";
    }
    for (name, definition, _) in domain.checks.iter().filter(|(.., validated)| *validated) {
        sql += &format!(" CONSTRAINT {} {definition}", quote_ident(name));
    }
    sql
}

/// Where CREATE DOMAIN has them, they would count as checked. The definition ends in NOT VALID.
pub(super) fn unchecked_domain_constraints(catalog: &Catalog) -> Vec<String> {
    let of = |domain: &Domain| -> Vec<String> {
        let unchecked = domain.checks.iter().filter(|(.., validated)| !validated);
        let name = quote_qualified(&domain.name);
        let add = |check: &str, definition: &str| {
            format!("ALTER DOMAIN {name} ADD CONSTRAINT {} {definition}", quote_ident(check))
        };
        unchecked.map(|(check, definition, _)| add(check, definition)).collect()
    };
    catalog.domains.values().flat_map(of).collect()
}

pub(super) fn composite(composite: &CompositeType) -> String {
    let attributes = composite.attributes.iter();
    let attributes: Vec<String> =
        attributes.map(|(name, ty)| format!("{} {}", quote_ident(name), column_type(ty))).collect();
    format!("CREATE TYPE {} AS ({})", quote_qualified(&composite.name), attributes.join(", "))
}

pub(super) fn range(range: &RangeType) -> String {
    format!("CREATE TYPE {} AS RANGE ({})", quote_qualified(&range.name), range.definition)
}

/// The sequence behind an identity column.
pub(super) fn identity_sequence<'a>(
    catalog: &'a Catalog,
    table: &Table,
    column: &Column,
) -> Option<&'a Sequence> {
    let owns = |sequence: &&Sequence| {
        sequence.owned_by.as_ref().is_some_and(|(owner, name)| *owner == table.name && *name == column.name)
    };
    column.identity.and_then(|_| catalog.sequences.values().find(owns))
}

/// Whether the sequence comes with an identity column.
pub(super) fn comes_with_identity(catalog: &Catalog, sequence: &Sequence) -> bool {
    let Some((table, column)) = &sequence.owned_by else { return false };
    let Some(table) = catalog.table(table) else { return false };
    let made = table.column(column).and_then(|column| identity_sequence(catalog, table, column));
    made.is_some_and(|made| made.name == sequence.name)
}

/// Sequences that do not come with an identity column.
pub(super) fn sequences(catalog: &Catalog) -> impl Iterator<Item = &Sequence> {
    catalog.sequences.values().filter(|sequence| !comes_with_identity(catalog, sequence))
}

pub(super) fn sequence(sequence: &Sequence) -> String {
    let name = quote_qualified(&sequence.name);
    format!("CREATE SEQUENCE {name} AS {}{}", sequence.ty, sequence_options(sequence))
}

/// What CREATE SEQUENCE and identity columns have in common, with a space before it.
pub(super) fn sequence_options(sequence: &Sequence) -> String {
    let Sequence { increment, min, max, start, .. } = sequence;
    let cycle = if sequence.cycle { "CYCLE" } else { "NO CYCLE" };
    format!(" INCREMENT BY {increment} MINVALUE {min} MAXVALUE {max} START WITH {start} {cycle}")
}

pub(super) fn owned_sequences(catalog: &Catalog) -> Vec<String> {
    let owned = |sequence: &Sequence| {
        let (table, column) = sequence.owned_by.as_ref()?;
        let (name, table) = (quote_qualified(&sequence.name), quote_qualified(table));
        Some(format!("ALTER SEQUENCE {name} OWNED BY {table}.{}", quote_ident(column)))
    };
    sequences(catalog).filter_map(owned).collect()
}

/// None where the catalog does not hold the definition.
pub(super) fn function(function: &Function) -> Option<String> {
    if function.kind == FunctionKind::Aggregate {
        let name = quote_qualified(&function.id.name);
        let arguments = if function.id.arguments.is_empty() { "*" } else { &function.id.arguments };
        return Some(format!("CREATE AGGREGATE {name}({arguments}) ({})", function.body));
    }
    Some(function.definition.as_ref()?.trim_end().to_owned())
}

/// The word for its kind and its name with arguments, as COMMENT ON wants them.
pub(super) fn function_name(function: &Function) -> String {
    let word = match function.kind {
        FunctionKind::Procedure => "PROCEDURE",
        FunctionKind::Aggregate => "AGGREGATE",
        FunctionKind::Function | FunctionKind::Window => "FUNCTION",
    };
    let all = function.kind == FunctionKind::Aggregate && function.id.arguments.is_empty();
    let arguments = if all { "*" } else { &function.id.arguments };
    format!("{word} {}({arguments})", quote_qualified(&function.id.name))
}

/// What gives a function of an introspected catalog those of its settings that are named.
pub fn settings_of(function: &Function, names: &BTreeSet<String>) -> Vec<String> {
    let definition = function.definition.as_deref().unwrap_or_default();
    let head = definition.split("\nAS ").next().unwrap_or_default();
    let lines = head.lines().filter_map(|line| line.strip_prefix(" SET "));
    let named = lines.filter(|line| {
        // A name with capitals is quoted.
        line.split_once(" TO ").is_some_and(|(name, _)| names.contains(name.trim_matches('"')))
    });
    named.map(|line| format!("ALTER {} SET {line}", function_name(function))).collect()
}

/// A view of an introspected catalog.
pub fn view(view: &View) -> String {
    make_view("CREATE", view)
}

/// The same in place of the view that is there, which keeps its owner, grants and comment. PostgreSQL takes it where the
/// names and types of its columns stay.
pub fn view_replaced(view: &View) -> String {
    make_view("CREATE OR REPLACE", view)
}

fn make_view(create: &str, view: &View) -> String {
    let word = if view.materialized { "MATERIALIZED VIEW" } else { "VIEW" };
    let definition = view.definition.trim().trim_end_matches(';');
    let data = if view.materialized && !view.populated { " WITH NO DATA" } else { "" };
    format!(
        "{create} {word} {}{} AS {definition}{data}",
        quote_qualified(&view.name),
        with_options(&view.options)
    )
}

pub(super) fn view_indexes(catalog: &Catalog) -> Vec<String> {
    let of = |view: &View| -> Vec<String> {
        let name = quote_qualified(&view.name);
        view.indexes.iter().map(|one| index::create_on(&name, one, false)).collect()
    };
    catalog.views.values().flat_map(of).collect()
}
