//! Columns that come back after another one had their name or their values: what that one has beside its values goes along,
//! whoever gave it.

use pgsteward_model::catalog::{Catalog, Column, Grant, QName, Table, Trigger};
use pgsteward_model::identity::{Called, ObjectClass};
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};

use super::state::State;
use crate::migrate::belongings::columns::all_of;

pub(super) fn exchanged(after: &State, before: &State) -> Vec<String> {
    let columns = after.identities.objects.iter().filter(|(id, _)| id.class == ObjectClass::Column);
    let renamed = columns.filter_map(|(id, now)| {
        let was = before.identities.objects.get(id).filter(|was| was.name != now.name)?;
        let table = QName::new(&was.namespace, &was.inside);
        let back = before.catalog.table(&table)?.column(&now.name)?;
        // One that is there under another name has what was given on it, and is to get nothing of the other's.
        let place = Called { name: now.name.clone(), ..was.clone() };
        if !is_gone(after, before, &place) {
            return None;
        }
        let called = after.catalog.table(&QName::new(&now.namespace, &now.inside))?.column(&now.name)?;
        Some(given(after, before, &table, (&was.name, called), back))
    });
    let apart = before.catalog.tables.values().flat_map(|table| {
        let first = |first: &Column| {
            let place = Called {
                namespace: table.name.namespace.clone(),
                inside: table.name.name.clone(),
                name: first.name.clone(),
            };
            let now = after.catalog.table(&table.name)?;
            if now.column(&first.name).is_some() || !is_gone(after, before, &place) {
                return None;
            }
            let second = second(&before.catalog, table, now, &first.name)?;
            Some(given(after, before, &table.name, (&second.name, second), first))
        };
        table.columns.iter().filter_map(first).collect::<Vec<_>>()
    });
    renamed.chain(apart).flatten().collect()
}

/// Whether the column that was called so before is no more.
fn is_gone(after: &State, before: &State, place: &Called) -> bool {
    let mut all = before.identities.objects.iter();
    let found = all.find(|(id, called)| id.class == ObjectClass::Column && *called == place);
    found.is_some_and(|(id, _)| !after.identities.objects.contains_key(id))
}

/// All of it goes from one column to the other, but for what the migration gives and takes.
fn given(
    after: &State,
    before: &State,
    table: &QName,
    (from, had): (&str, &Column),
    back: &Column,
) -> Vec<String> {
    let mut sql = all_of(table, from, &back.name, had.ty == back.ty).to_vec();
    let said = |verb: &str, grant: &Grant, way: &str, option: &str| {
        let role = if grant.grantee.is_empty() { "PUBLIC".to_owned() } else { quote_ident(&grant.grantee) };
        let (column, on) = (quote_ident(&back.name), quote_qualified(table));
        format!("{verb} {} ({column}) ON {on} {way} {role}{option}", grant.privilege)
    };
    let gone = had.grants.iter().filter(|grant| !back.grants.contains(grant));
    sql.extend(gone.map(|grant| said("REVOKE", grant, "FROM", "")));
    let there = back.grants.iter().filter(|grant| !had.grants.contains(grant));
    sql.extend(
        there
            .map(|grant| said("GRANT", grant, "TO", if grant.grantable { " WITH GRANT OPTION" } else { "" })),
    );
    let place = |column: &str| format!("{}.{}", quote_qualified(table), quote_ident(column));
    if had.comment != back.comment {
        let comment = back.comment.as_deref().map_or_else(|| "NULL".to_owned(), quote_literal);
        sql.push(format!("COMMENT ON COLUMN {} IS {comment}", place(&back.name)));
    }
    for (what, aside) in &after.identities.asides {
        let Some(setting) = what.strip_suffix(&format!(" {}", place(&had.name))) else { continue };
        match before.identities.asides.get(&format!("{setting} {}", place(&back.name))) {
            Some(was) if was.value == aside.value => {}
            Some(was) => sql.push(was.set.clone()),
            None => {
                let of = |column: &str| format!(" ALTER COLUMN {} ", quote_ident(column));
                sql.push(aside.unset.replacen(&of(&had.name), &of(&back.name), 1));
            }
        }
    }
    sql
}

/// The column that a trigger of the plan's kept equal to one that went, each following the other, as it is after the migration.
fn second<'a>(before: &Catalog, table: &Table, now: &'a Table, first: &str) -> Option<&'a Column> {
    let is_gone = |trigger: &&Trigger| now.triggers.iter().all(|other| other.name != trigger.name);
    let synced = table.triggers.iter().filter(|trigger| trigger.name.ends_with("_sync")).filter(is_gone);
    synced.filter_map(|trigger| trigger.function.as_ref()).find_map(|name| {
        let body = &before.functions.values().find(|function| function.id.name == *name)?.body;
        let follows = |one: &str, other: &str| {
            body.contains(&format!("NEW.{} := NEW.{};", quote_ident(one), quote_ident(other)))
        };
        let there = |column: &&Column| table.column(&column.name).is_some();
        now.columns
            .iter()
            .filter(there)
            .find(|column| follows(&column.name, first) && follows(first, &column.name))
    })
}
