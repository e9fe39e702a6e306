//! Why a second column cannot take the place of a column, but for what reads it (see `readers`).

use pgsteward_model::catalog::{Catalog, ConstraintKind, ReferentialAction, Table};
use pgsteward_sql::quote_ident;

use super::exchange::Ways;

/// None where nothing stands in the way. `bound` says that expressions over the column hold for its present type only.
pub(super) fn obstacle(
    catalog: &Catalog,
    table: &Table,
    column: &str,
    ways: Ways,
    bound: bool,
) -> Option<String> {
    let known = table.column(column)?;
    if let Some(reason) = family(catalog, table, column) {
        return Some(reason);
    }
    if known.generated.is_some() {
        return Some("the column is generated".into());
    }
    if !known.grants.is_empty() {
        return Some("it has privileges of its own".into());
    }
    if table.force_row_security {
        return Some(
            "row security holds for the table's owner too, from whom it may hide rows to fill".into(),
        );
    }
    let names = |text: &str| names(text, column);
    let generated = table
        .columns
        .iter()
        .find(|other| other.generated.as_ref().is_some_and(|generated| names(&generated.expression)));
    if let Some(other) = generated {
        return Some(format!("the generated column \"{}\" is made of it", other.name));
    }
    constraint(catalog, table, column, bound)
        .or_else(|| trigger(table, column, ways))
        .or_else(|| expression(table, column, bound))
}

/// The columns of a parent and its children are one to PostgreSQL, which the steps of an exchange change one by one.
fn family(catalog: &Catalog, table: &Table, column: &str) -> Option<String> {
    if let Some(partitioning) = &table.partitioning {
        let key = names(&partitioning.key, column);
        let what = if key { "the table is partitioned by it" } else { "the table is partitioned" };
        return Some(format!("{what} ({})", partitioning.key));
    }
    if let Some(parent) = table.partition_of.as_ref().map(|of| &of.parent).or(table.inherits.first()) {
        return Some(format!("the table has it from \"{}\"", parent.display()));
    }
    let child = catalog.tables.values().find(|other| other.inherits.contains(&table.name))?;
    Some(format!("\"{}\" inherits it", child.name.display()))
}

fn constraint(catalog: &Catalog, table: &Table, column: &str, bound: bool) -> Option<String> {
    for constraint in &table.constraints {
        match &constraint.kind {
            ConstraintKind::Exclusion { definition } if names(definition, column) => {
                return Some(format!("the exclusion constraint \"{}\" stands on it", constraint.name));
            }
            ConstraintKind::Check { expression, .. } if bound && names(expression, column) => {
                return Some(format!("the check constraint \"{}\" stands on it", constraint.name));
            }
            _ => {}
        }
    }
    let holds = |columns: &[String]| columns.iter().any(|name| name == column);
    catalog.tables.values().find_map(|other| {
        other.foreign_keys().find_map(|(constraint, key)| {
            let here = other.name == table.name && holds(&key.columns);
            let there = key.references == table.name && holds(&key.referenced_columns);
            // Before 18 a partitioned table has no key that is NOT VALID.
            if there && (other.partitioning.is_some() || other.partition_of.is_some()) {
                return Some(format!(
                    "the foreign key \"{}\" is that of a partitioned table",
                    constraint.name
                ));
            }
            let defaults = [key.on_delete, key.on_update].contains(&ReferentialAction::SetDefault);
            (here && defaults)
                .then(|| format!("the foreign key \"{}\" sets it to its default", constraint.name))
        })
    })
}

/// Triggers that run before ours see the first column and may write it: ours comes last and follows.
fn trigger(table: &Table, column: &str, ways: Ways) -> Option<String> {
    let trigger = table.triggers.iter().find(|trigger| match ways {
        Ways::Apart => true,
        Ways::Forth | Ways::Back => names(&trigger.definition, column),
    })?;
    Some(format!("the trigger \"{}\" of the table may write it", trigger.name))
}

fn expression(table: &Table, column: &str, bound: bool) -> Option<String> {
    let mentions = |text: &Option<String>| text.as_deref().is_some_and(|text| names(text, column));
    let index = table.indexes.iter().find(|index| {
        bound && (mentions(&index.predicate) || index.keys.iter().any(|key| mentions(&key.expression)))
    })?;
    Some(format!("an expression of the index \"{}\" names it", index.name))
}

/// Whether a text may speak of the column. Rather once too often.
fn names(text: &str, column: &str) -> bool {
    text.contains(column) || text.contains(&quote_ident(column))
}
