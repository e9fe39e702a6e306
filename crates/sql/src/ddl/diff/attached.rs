//! Indexes and keys of partitions that belong to one of the parent, as the server says it: such a part goes with the parent's, also
//! where it is to stay, and comes with the parent's where that is made on all partitions.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::{ConstraintKind, QName, Table};
use pgsteward_model::identity::TablePart;

use super::part::{Exchange, Parts};
use super::{Attached, Kept};
use crate::ddl::table::is_apart;

pub(super) fn follow(kept: &[Kept<'_>], exchanges: &mut [Exchange], attached: &Attached) {
    let positions: BTreeMap<&QName, usize> =
        kept.iter().enumerate().map(|(position, kept)| (&kept.to.name, position)).collect();
    // A part goes only with the one that it belongs to.
    loop {
        let gone = all(kept, exchanges, |exchange| &exchange.old);
        let held = gone.iter().filter_map(|part| attached.from.get(part)).find_map(|whole| {
            let at = *positions.get(&whole.table)?;
            (!gone.contains(whole)).then_some((at, whole))
        });
        let Some((at, whole)) = held else { break };
        add(&mut exchanges[at].old, kept[at].from, whole);
        add(&mut exchanges[at].new, kept[at].to, whole);
        if !all(kept, exchanges, |exchange| &exchange.old).contains(whole) {
            break;
        }
    }
    let mut gone = all(kept, exchanges, |exchange| &exchange.old);
    loop {
        let more = attached.from.iter().find(|(part, whole)| gone.contains(whole) && !gone.contains(part));
        let Some((part, _)) = more else { break };
        gone.insert(part.clone());
        if let Some(at) = positions.get(&part.table) {
            add(&mut exchanges[*at].new, kept[*at].to, part);
        }
    }
    for (part, whole) in &attached.from {
        if let Some(at) = positions.get(&part.table).filter(|_| gone.contains(whole)) {
            remove(&mut exchanges[*at].old, part);
        }
    }
    let made = all(kept, exchanges, |exchange| &exchange.new);
    for (part, whole) in &attached.to {
        let Some(at) = positions.get(&part.table) else { continue };
        let parent = kept[*at].parents.iter().find(|(_, to)| to.name == whole.table);
        let apart = |table: &Table| {
            table.indexes.iter().any(|index| index.name == whole.name && is_apart(table, index))
        };
        if made.contains(whole) && parent.is_some_and(|(_, to)| whole.foreign || !apart(to)) {
            remove(&mut exchanges[*at].new, part);
        }
    }
}

/// The indexes and keys on one side of all tables.
fn all(kept: &[Kept<'_>], exchanges: &[Exchange], side: fn(&Exchange) -> &Parts) -> BTreeSet<TablePart> {
    let mut parts = BTreeSet::new();
    for (kept, exchange) in kept.iter().zip(exchanges) {
        let part =
            |name: &String, foreign| TablePart { table: kept.to.name.clone(), name: name.clone(), foreign };
        let Parts { constraints, indexes, .. } = side(exchange);
        parts.extend(indexes.iter().map(|one| part(&one.name, false)));
        let keys = constraints.iter().filter_map(|one| Some(part(&one.name, is_foreign(&one.kind)?)));
        parts.extend(keys);
    }
    parts
}

/// None for what is neither a key nor has an index.
fn is_foreign(kind: &ConstraintKind) -> Option<bool> {
    match kind {
        ConstraintKind::ForeignKey(_) => Some(true),
        ConstraintKind::PrimaryKey { .. } | ConstraintKind::Unique { .. } => Some(false),
        ConstraintKind::Exclusion { .. } => Some(false),
        ConstraintKind::Check { .. } | ConstraintKind::NotNull { .. } => None,
    }
}

/// Adds the part as the table has it, where it has it and it is not there yet.
fn add(parts: &mut Parts, table: &Table, part: &TablePart) {
    let key = table
        .constraints
        .iter()
        .find(|one| one.name == part.name && is_foreign(&one.kind) == Some(part.foreign));
    if let Some(key) = key {
        if !parts.constraints.iter().any(|one| one.name == key.name) {
            parts.constraints.push(key.clone());
        }
        return;
    }
    let index = table.indexes.iter().find(|one| one.name == part.name && one.constraint.is_none());
    if let Some(index) =
        index.filter(|index| !part.foreign && !parts.indexes.iter().any(|one| one.name == index.name))
    {
        parts.indexes.push(index.clone());
    }
}

fn remove(parts: &mut Parts, part: &TablePart) {
    parts.constraints.retain(|one| one.name != part.name || is_foreign(&one.kind) != Some(part.foreign));
    parts.indexes.retain(|one| part.foreign || one.name != part.name);
}
