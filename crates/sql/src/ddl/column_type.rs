//! Types of columns as SQL.

use pgsteward_model::catalog::{Catalog, ColumnType, TypeClass};

use crate::quote::quote_ident;

/// The type as it must be written, a user's one always with its namespace.
pub fn column_type(ty: &ColumnType) -> String {
    let list: Vec<String> = ty.modifiers.iter().map(i32::to_string).collect();
    let modifiers = if list.is_empty() { String::new() } else { format!("({})", list.join(",")) };
    let brackets = "[]".repeat(ty.array as usize);
    let Some(namespace) = &ty.namespace else {
        // The keyword alone would be BIT(1).
        if ty.name == "bit" && ty.modifiers.is_empty() {
            return format!("\"bit\"{brackets}");
        }
        return ty.to_string();
    };
    // Modifiers that are no numbers stand in the name: geometry(Point,4326).
    let (name, words) = match ty.name.split_once('(') {
        Some((name, _)) if ty.class == TypeClass::Unknown && ty.name.ends_with(')') => {
            (name, &ty.name[name.len()..])
        }
        _ => (ty.name.as_str(), ""),
    };
    format!("{}.{}{words}{modifiers}{brackets}", quote_ident(namespace), quote_ident(name))
}

/// A collation as introspection names it: with its namespace unless that is the system's. Names of the
/// system's collations have dots in them, too (`en_US.utf8`).
pub(super) fn collation(catalog: &Catalog, name: &str) -> String {
    match name.split_once('.') {
        Some((namespace, rest)) if catalog.namespaces.contains_key(namespace) => {
            format!("{}.{}", quote_ident(namespace), quote_ident(rest))
        }
        _ => quote_ident(name),
    }
}
