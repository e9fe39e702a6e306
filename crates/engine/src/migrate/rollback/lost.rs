//! What a migration takes away that its way back does not bring: read from the states around it and from rows that were tried.

use std::collections::BTreeSet;

use pgsteward_model::catalog::QName;
use pgsteward_model::identity::ObjectClass;
use pgsteward_model::migrate::rollback::Loss;
use pgsteward_model::migration::MigrationFile;

use super::refill::Refilled;
use super::rows::{self, quoted};
use super::state::State;
use super::twin::Seen;

/// Tables that were there before and are not the same afterwards, or get other rows.
pub(super) fn touched(before: &State, after: &State, file: &MigrationFile) -> BTreeSet<QName> {
    let mut touched: BTreeSet<QName> = before
        .catalog
        .tables
        .iter()
        .filter(|(name, table)| after.catalog.tables.get(*name) != Some(table))
        .map(|(name, _)| name.clone())
        .collect();
    touched.extend(rows::written(file, before));
    touched.extend(gone(before, after));
    // A type with other labels under its name changes all columns of it.
    let changed = before.catalog.enums.values().filter(|one| after.catalog.enums.get(&one.name) != Some(one));
    let changed: BTreeSet<&QName> = changed.map(|one| &one.name).collect();
    if !changed.is_empty() {
        touched.extend(before.catalog.tables.values().filter_map(|table| {
            let uses = table.columns.iter().any(|column| {
                let namespace = column.ty.namespace.as_deref().unwrap_or_default();
                changed.contains(&QName::new(namespace, column.ty.name.as_str()))
            });
            uses.then(|| table.name.clone())
        }));
    }
    touched
}

/// Tables that were dropped or lost a column, whether or not there is one like it now.
pub(super) fn gone(before: &State, after: &State) -> BTreeSet<QName> {
    let gone = before.identities.objects.iter().filter(|(id, _)| !after.identities.objects.contains_key(id));
    gone.filter_map(|(id, called)| match id.class {
        ObjectClass::Table => Some(QName::new(called.namespace.as_str(), called.name.as_str())),
        ObjectClass::Column => Some(QName::new(called.namespace.as_str(), called.inside.as_str())),
        _ => None,
    })
    .collect()
}

/// What the migration drops, as far as the rows did not show that it is back, and what the rows say.
pub(super) fn losses(before: &State, after: &State, seen: &Seen, made: &Refilled) -> Vec<Loss> {
    let mut losses = Vec::new();
    let mut lost_tables = BTreeSet::new();
    for (id, called) in &before.identities.objects {
        let is_gone = !after.identities.objects.contains_key(id);
        if id.class == ObjectClass::Table && is_gone {
            let name = QName::new(called.namespace.as_str(), called.name.as_str());
            losses.push(Loss {
                what: format!("rows of {}", quoted(&name)),
                why: "the migration drops the table".into(),
            });
            lost_tables.insert(name);
        }
    }
    for (id, called) in &before.identities.objects {
        if id.class != ObjectClass::Column || after.identities.objects.contains_key(id) {
            continue;
        }
        let table = QName::new(called.namespace.as_str(), called.inside.as_str());
        // A column that is only added back gets values of its own, which may look like the old ones.
        let replaced = after.identities.objects.iter().any(|(other, now)| {
            other.class == ObjectClass::Column && other.oid == id.oid && now.name == called.name
        });
        let filled = is_filled(before, made, &table, &called.name);
        let is_back = (replaced || filled)
            && seen.tried.contains(&table)
            && !seen.bare.contains(&(table.clone(), called.name.clone()))
            && !seen.changed.contains(&(table.clone(), Some(called.name.clone())))
            && !seen.changed.contains(&(table.clone(), None));
        let known = before.catalog.table(&table);
        let generated = known
            .and_then(|table| table.column(&called.name))
            .is_some_and(|column| column.generated.is_some());
        if lost_tables.contains(&table) || is_back || generated {
            continue;
        }
        let nullable = made.without_values.contains(&(table.clone(), called.name.clone()));
        let more = match nullable {
            true => "; it stays nullable where the table has rows",
            false if filled => "; it comes back with what the column that stays makes of them",
            false if known.is_some_and(|table| rows::is_bare_key(table, &called.name)) => {
                "; as part of the primary key it comes back only while the table is empty"
            }
            false => "",
        };
        losses.push(Loss {
            what: format!("values of {}.\"{}\"", quoted(&table), called.name),
            why: format!("the migration drops the column{more}"),
        });
    }
    for (table, column) in &seen.changed {
        if lost_tables.contains(table) {
            continue;
        }
        let what = match column {
            Some(column) => format!("values of {}.\"{column}\"", quoted(table)),
            None => format!("rows of {}", quoted(table)),
        };
        if !losses.iter().any(|loss| loss.what == what) {
            losses.push(Loss { what, why: "they differ after up and down".into() });
        }
    }
    losses.extend(seen.cut.iter().map(|(table, column)| Loss {
        what: format!("values of {}.\"{column}\"", quoted(table)),
        why: "those that were written after the migration are changed without a word".into(),
    }));
    losses
}

/// Partitions are filled with the table that they are of.
fn is_filled(before: &State, made: &Refilled, table: &QName, column: &str) -> bool {
    let of = |name: &QName| {
        before
            .catalog
            .table(name)
            .and_then(|table| table.partition_of.as_ref())
            .map(|part| part.parent.clone())
    };
    std::iter::successors(Some(table.clone()), of)
        .any(|table| made.columns.contains(&(table, column.to_owned())))
}
