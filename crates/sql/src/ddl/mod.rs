//! A catalog as the SQL that makes it again.
//!
//! The catalog must be one that introspection read: its expressions and definitions are then printed by the
//! server, with every name that is not the system's qualified. Owners and grants are not written: whoever
//! runs the statements owns everything. Pure text: whether a statement runs is for the caller to see, and a
//! definition of somebody's database is as hostile as a migration of somebody's.

mod column_type;
mod comment;
mod diff;
mod index;
mod object;
mod order;
mod rename;
mod statistics;
mod survival;
mod table;
mod unqualified;

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, Index, Persistence, QName, Table, TableKind};

use crate::quote::{quote_ident, quote_qualified};
pub use column_type::column_type;
pub use diff::{
    Attached, Carried, Diff, columns_made_anew, converted, diff, diff_around, set_not_null, types_made_anew,
};
pub use index::{index, index_of_parent};
pub use object::{settings_of, view, view_replaced};
pub use order::names;
pub use rename::rename;
pub use survival::{changed, is_cast};
pub use table::{deferral, foreign_key, policy_altered};
pub use unqualified::unqualified;

/// The statements that make a new database equal to `catalog`, in an order in which they run: each stands
/// alone and may be sent by itself. The first one is [`settings`], which all others need in their session.
///
/// Where objects need each other in a circle some statement comes too early: it runs when it is sent again
/// after the others. What no statement is written for is told by [`left_out`].
pub fn create(catalog: &Catalog) -> Vec<String> {
    let Parts { before_rows, after_rows } = parts(catalog);
    let mut sql = vec![settings(catalog)];
    sql.extend(before_rows);
    sql.extend(after_rows);
    sql
}

/// [`create`] without its settings, for callers that put rows into the tables: behind the first part nothing stands
/// in the way of rows in any order, and no trigger sees them.
pub fn parts(catalog: &Catalog) -> Parts {
    let mut before_rows = object::namespaces(catalog);
    before_rows.extend(object::extensions(catalog));
    before_rows.extend(order::objects(catalog));
    let tables: Vec<&Table> = tables(catalog).collect();
    let each =
        |part: fn(&Catalog, &Table) -> Vec<String>| tables.iter().flat_map(move |table| part(catalog, table));
    before_rows.extend(each(table::checks));
    before_rows.extend(each(table::indexes));
    before_rows.extend(object::view_indexes(catalog));
    let mut after_rows: Vec<String> = each(table::foreign_keys).collect();
    // Tables with everything on them are put together last: a parent takes over what its child has already,
    // so that the child keeps its own names and the order of its columns.
    after_rows.extend(each(table::parents));
    after_rows.extend(object::owned_sequences(catalog));
    after_rows.extend(object::unchecked_domain_constraints(catalog));
    after_rows.extend(each(table::triggers));
    after_rows.extend(each(table::row_security));
    after_rows.extend(statistics::all(catalog));
    after_rows.extend(comment::all(catalog));
    Parts { before_rows, after_rows }
}

/// The statements that make a catalog, around the rows of its tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    pub before_rows: Vec<String>,
    pub after_rows: Vec<String>,
}

/// What the session of the statements must be set to: names are found in any schema of the catalog, because
/// operator classes and collations are kept without theirs; bodies of functions are not looked into, because
/// what they use may come later.
pub fn settings(catalog: &Catalog) -> String {
    let mut path = vec!["public".to_owned()];
    let more =
        catalog.extensions.values().map(|extension| &extension.namespace).chain(catalog.namespaces.keys());
    for namespace in more {
        // The system's own comes first where it is not named, and that is where printed names point.
        if namespace != "pg_catalog" && !path.contains(namespace) {
            path.push(namespace.clone());
        }
    }
    let path: Vec<String> = path.iter().map(|namespace| quote_ident(namespace)).collect();
    format!("SET search_path = {}; SET check_function_bodies = off", path.join(", "))
}

/// What [`create`] makes no statement for, and why.
pub fn left_out(catalog: &Catalog) -> Vec<(String, String)> {
    let foreign = catalog.tables.values().filter(|table| table.kind == TableKind::Foreign).map(|table| {
        let why = "its rows are on another server".to_owned();
        (format!("foreign table {}", quote_qualified(&table.name)), why)
    });
    let without_body = catalog
        .functions
        .values()
        .filter(|function| object::function(function).is_none())
        .map(|function| (object::function_name(function), "its definition was not read".to_owned()));
    foreign.chain(without_body).collect()
}

/// The indexes that are invalid. [`create`] makes them valid, because only a failed build makes an invalid one.
pub fn invalid_indexes(catalog: &Catalog) -> Vec<QName> {
    let of_tables = catalog.tables.values().map(|table| (&table.name, &table.indexes));
    let of_views = catalog.views.values().map(|view| (&view.name, &view.indexes));
    let invalid = |(relation, indexes): (&QName, &Vec<Index>)| -> Vec<QName> {
        let invalid = indexes.iter().filter(|index| !index.valid);
        invalid.map(|index| QName::new(relation.namespace.clone(), index.name.clone())).collect()
    };
    of_tables.chain(of_views).flat_map(invalid).collect()
}

/// The roles that policies name, which must be there before the statements run.
pub fn roles(catalog: &Catalog) -> BTreeSet<&str> {
    let policies = catalog.tables.values().flat_map(|table| &table.policies);
    policies.flat_map(|policy| &policy.roles).map(String::as_str).collect()
}

fn tables(catalog: &Catalog) -> impl Iterator<Item = &Table> {
    let made =
        |table: &&Table| table.kind != TableKind::Foreign && table.persistence != Persistence::Temporary;
    catalog.tables.values().map(AsRef::as_ref).filter(made)
}

/// `(a, b)` of names.
fn column_list<S: AsRef<str>>(columns: &[S]) -> String {
    let columns: Vec<String> = columns.iter().map(|column| quote_ident(column.as_ref())).collect();
    format!("({})", columns.join(", "))
}

/// Storage parameters in the form of a `WITH` clause with a space before it; nothing where there are none.
pub fn with_options(options: &[String]) -> String {
    if options.is_empty() {
        return String::new();
    }
    let is_word = |value: &str| {
        value.starts_with(|first: char| first.is_ascii_lowercase())
            && value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let is_number = |value: &str| {
        value.starts_with(|first: char| first.is_ascii_digit() || first == '-')
            && value.parse::<f64>().is_ok()
    };
    let is_plain = |value: &str| is_word(value) || is_number(value);
    let written: Vec<String> = options
        .iter()
        .map(|option| match option.split_once('=') {
            Some((name, value)) if is_plain(value) => {
                format!("{}={value}", quote_ident(name))
            }
            Some((name, value)) => format!("{}={}", quote_ident(name), crate::quote_literal(value)),
            None => quote_ident(option),
        })
        .collect();
    format!(" WITH ({})", written.join(", "))
}

#[cfg(test)]
mod tests;
