//! Settings that the catalog type does not hold.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, Column, QName};
use pgsteward_model::printed::alike;
use pgsteward_sql::{quote_ident, quote_qualified};

use super::exchanged::Exchanged;
use super::state::State;
use super::views::Views;

/// The statements that lead from those of one state to those of the other, beside what is seen to elsewhere.
pub(super) fn between(
    from: &State,
    to: &State,
    views: &Views,
    exchanged: &Exchanged<'_>,
    unsaid: &mut Vec<String>,
) -> Vec<String> {
    let (now, wanted) = (&from.identities.asides, &to.identities.asides);
    let retyped = retyped(&from.catalog, &to.catalog);
    let forgotten = |what: &str| of_type(what).is_some_and(|column| retyped.contains(column));
    let mut sql = Vec::new();
    let mut say = |statement: &str, what: &str| {
        if statement.is_empty() {
            unsaid.push(format!("{what}: no statement is written for it"));
        } else {
            sql.push(statement.to_owned());
        }
    };
    for (what, aside) in now.iter().filter(|(what, _)| !wanted.contains_key(*what)) {
        // What belongs to something that goes needs no statement, and would have none that runs.
        let went = views.went(what) || belongs_to_something_gone(what, from, to) || forgotten(what);
        if !went && !exchanged.says(what) {
            say(&aside.unset, what);
        }
    }
    for (what, aside) in wanted.iter().filter(|(what, _)| !views.says(what) && !exchanged.says(what)) {
        let stays = now.get(what).is_some_and(|old| alike(&old.value, &aside.value));
        if views.went(what) || forgotten(what) || !stays {
            say(&aside.set, what);
        }
    }
    sql
}

/// The same for one column, which has by now what the other one has on the server that runs it. `unset` makes of what takes a
/// setting from the other one what takes it from this one.
pub(super) fn of_column(
    from: &State,
    to: &State,
    (other, own): (&str, &str),
    same_type: bool,
    unset: impl Fn(&str) -> String,
) -> Vec<String> {
    let (now, wanted) = (&from.identities.asides, &to.identities.asides);
    let settings = |all: &State, place: &str| -> BTreeSet<String> {
        let names = all.identities.asides.keys();
        names.filter_map(|what| what.strip_suffix(&format!(" {place}")).map(str::to_owned)).collect()
    };
    let all = &settings(from, other) | &settings(to, own);
    let statement = |setting: &String| {
        let (is, was) = (now.get(&format!("{setting} {other}")), wanted.get(&format!("{setting} {own}")));
        let brought = same_type || of_type(&format!("{setting} {own}")).is_none();
        match (is, was) {
            (Some(is), Some(was)) if brought && alike(&is.value, &was.value) => None,
            (_, Some(was)) => Some(was.set.clone()),
            (Some(is), None) => brought.then(|| unset(&is.unset)),
            (None, None) => None,
        }
    };
    all.iter().filter_map(statement).collect()
}

/// The column of a setting that belongs to its type: another type has its own.
fn of_type(what: &str) -> Option<&str> {
    what.strip_prefix("storage of ").or_else(|| what.strip_prefix("compression of "))
}

/// Columns of both that have not one type.
fn retyped(from: &Catalog, to: &Catalog) -> BTreeSet<String> {
    let tables = from.tables.values().filter_map(|table| Some((table, to.table(&table.name)?)));
    let columns = tables.flat_map(|(table, other)| {
        let differs = |column: &&Column| {
            other
                .column(&column.name)
                .is_some_and(|wanted| wanted.ty != column.ty || wanted.collation != column.collation)
        };
        table.columns.iter().filter(differs).map(|column| place(&table.name, column))
    });
    columns.collect()
}

fn place(table: &QName, column: &Column) -> String {
    format!("{}.{}", quote_qualified(table), quote_ident(&column.name))
}

fn belongs_to_something_gone(what: &str, from: &State, to: &State) -> bool {
    let gone_tables = from.catalog.tables.values().filter(|table| to.catalog.table(&table.name).is_none());
    let tables = gone_tables.map(|table| quote_qualified(&table.name));
    let columns = from.catalog.tables.values().flat_map(|table| {
        let other = to.catalog.table(&table.name);
        let gone = table
            .columns
            .iter()
            .filter(move |column| other.is_some_and(|other| other.column(&column.name).is_none()));
        gone.map(|column| place(&table.name, column))
    });
    let views = from.catalog.views.keys().filter(|name| !to.catalog.views.contains_key(*name));
    let gone: Vec<String> = tables.chain(columns).chain(views.map(quote_qualified)).collect();
    gone.iter().any(|name| what.ends_with(&format!(" {name}")) || what.contains(&format!(" {name}.")))
}
