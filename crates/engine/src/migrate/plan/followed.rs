//! What the fill of a plan changes that its own way back leaves changed: for verbs that say what does not come back.

use pgsteward_model::catalog::{Catalog, Column, QName, Table, Trigger, TriggerEvent};
use pgsteward_sql::quote_ident;

use super::family::partitions;
use super::filled::{self, Filling};
use super::readers::speaks;
use super::sync::{MARK, synced};

/// A block that is the fill of a plan.
pub(in crate::migrate) struct Fill {
    pub(in crate::migrate) table: QName,
    /// What stays changed, as the end of a sentence about the fill; empty where nothing does that was there before.
    pub(in crate::migrate) changes: Vec<String>,
}

/// Reads the body of a block; none where it is no such fill. `before` is what the migration starts from.
pub(in crate::migrate) fn fill(before: &Catalog, body: &str) -> Option<Fill> {
    let filling = filled::read(body)?;
    let table = before.table(&filling.table.qualified())?;
    let mut changes = Vec::new();
    let column = &filling.column;
    if !is_second(before, table, &filling) {
        let rows = match filling.condition == format!("{} IS NULL", quote_ident(column)) {
            true => "where it is NULL",
            false => "in rows that hold another one",
        };
        changes.push(format!("gives \"{column}\" a value {rows}"));
    }
    let others = others(before, table, column);
    if !others.is_empty() {
        changes.push(format!("makes {} run", others.join(", ")));
    }
    Some(Fill { table: table.name.clone(), changes })
}

/// Whether it is the second column of a plan, and the fill gives it what the trigger gives it that keeps it equal to the first.
/// A value that somebody wrote is in both columns then, or in the first alone, and the second goes with the folder that brought it.
fn is_second(before: &Catalog, table: &Table, filling: &Filling) -> bool {
    let column = &filling.column;
    let generated = |one: &Column| one.generated.is_some() && quote_ident(&one.name) == filling.value;
    let keeps = |body: &str| {
        let Some(pair) = synced(body).filter(|pair| pair.second == *column) else { return false };
        // What is generated is not there yet when the trigger runs, which calculates it.
        let made = pair.first.is_none() && table.columns.iter().any(generated);
        made || body.replace("NEW.", "").contains(&format!("{} := {};", quote_ident(column), filling.value))
    };
    let of_row = |trigger: &&Trigger| trigger.enabled && trigger.before && trigger.row;
    table.triggers.iter().filter(of_row).flat_map(|trigger| bodies(before, trigger)).any(keeps)
}

/// Triggers that run for the rows or for the statement and keep no columns of a plan equal.
fn others(before: &Catalog, table: &Table, column: &str) -> Vec<String> {
    let runs = |trigger: &&Trigger| {
        let of_others = trigger.definition.to_ascii_uppercase().contains("UPDATE OF ")
            && !speaks(&trigger.definition, column);
        let keeps = bodies(before, trigger).any(|body| body.contains(MARK));
        trigger.enabled && trigger.events.contains(&TriggerEvent::Update) && !of_others && !keeps
    };
    let family = std::iter::once(table).chain(partitions(before, table));
    let mut names: Vec<String> = family
        .flat_map(|one| one.triggers.iter().filter(runs))
        .map(|trigger| format!("the trigger \"{}\"", trigger.name))
        .collect();
    names.sort();
    names.dedup();
    names
}

fn bodies<'a>(catalog: &'a Catalog, trigger: &'a Trigger) -> impl Iterator<Item = &'a str> {
    let own =
        catalog.functions.values().filter(|function| trigger.function.as_ref() == Some(&function.id.name));
    own.map(|function| function.body.as_str())
}
