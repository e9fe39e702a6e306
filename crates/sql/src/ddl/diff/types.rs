//! Types, sequences and functions: what is made in place, what is exchanged, what goes.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, Domain, Enum, FunctionId, QName, Sequence};

use super::affected::{self, Affected};
use super::made::{self, Made};
use crate::ddl::object;
use crate::quote::{quote_ident, quote_literal, quote_qualified};

/// The name that a type has while its successor is made.
fn old_name(catalog: &Catalog, name: &QName) -> QName {
    let mut old = QName::new(name.namespace.clone(), format!("{}_pgsteward_old", shortened(&name.name)));
    while affected::is_type(catalog, &old) {
        old.name.push('_');
    }
    old
}

/// Names have at most 63 bytes.
fn shortened(name: &str) -> &str {
    let mut end = name.len().min(45);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

pub(super) fn make_room(from: &Catalog, affected: &Affected) -> Vec<String> {
    let rename = |name: &QName| {
        let old = quote_ident(&old_name(from, name).name);
        let word = if from.domains.contains_key(name) { "DOMAIN" } else { "TYPE" };
        format!("ALTER {word} {} RENAME TO {old}", quote_qualified(name))
    };
    affected.types.iter().map(rename).collect()
}

/// Types that are gone for good, and those that made room. One statement: they may be made of each other.
pub(super) fn drop(from: &Catalog, to: &Catalog, affected: &Affected) -> Option<String> {
    let all =
        from.enums.keys().chain(from.domains.keys()).chain(from.composites.keys()).chain(from.ranges.keys());
    let gone = all.filter(|name| !affected::is_type(to, name)).map(quote_qualified);
    let names: Vec<String> =
        gone.chain(affected.types.iter().map(|name| quote_qualified(&old_name(from, name)))).collect();
    (!names.is_empty()).then(|| format!("DROP TYPE {}", names.join(", ")))
}

/// Types that stay what they are and get or lose something.
pub(super) fn alter(from: &Catalog, to: &Catalog, affected: &Affected) -> Vec<String> {
    let stays = |name: &QName| !affected.types.contains(name);
    let mut sql = Vec::new();
    for new in to.enums.values().filter(|one| stays(&one.name)) {
        if let Some(old) = from.enums.get(&new.name) {
            sql.extend(new_labels(old, new));
        }
    }
    for new in to.domains.values().filter(|one| stays(&one.name)) {
        if let Some(old) = from.domains.get(&new.name) {
            sql.extend(domain(old, new));
        }
    }
    sql
}

fn new_labels(old: &Enum, new: &Enum) -> Vec<String> {
    let name = quote_qualified(&new.name);
    let mut has: BTreeSet<&String> = old.values.iter().collect();
    let mut sql = Vec::new();
    for (position, label) in new.values.iter().enumerate().filter(|(_, label)| !old.values.contains(label)) {
        let place = match position.checked_sub(1).and_then(|before| new.values.get(before)) {
            Some(before) if old.values.last() == Some(before) || !has.contains(before) => String::new(),
            Some(before) => format!(" AFTER {}", quote_literal(before)),
            None => {
                old.values.first().map_or(String::new(), |first| format!(" BEFORE {}", quote_literal(first)))
            }
        };
        has.insert(label);
        sql.push(format!("ALTER TYPE {name} ADD VALUE {}{place}", quote_literal(label)));
    }
    sql
}

fn domain(old: &Domain, new: &Domain) -> Vec<String> {
    let head = format!("ALTER DOMAIN {}", quote_qualified(&new.name));
    let mut sql = Vec::new();
    for (name, ..) in old.checks.iter().filter(|check| !new.checks.contains(check)) {
        sql.push(format!("{head} DROP CONSTRAINT {}", quote_ident(name)));
    }
    for (name, definition, _) in new.checks.iter().filter(|check| !old.checks.contains(check)) {
        sql.push(format!("{head} ADD CONSTRAINT {} {definition}", quote_ident(name)));
    }
    if old.default != new.default {
        sql.push(match &new.default {
            Some(default) => format!("{head} SET DEFAULT {default}"),
            None => format!("{head} DROP DEFAULT"),
        });
    }
    if old.not_null != new.not_null {
        sql.push(format!("{head} {} NOT NULL", if new.not_null { "SET" } else { "DROP" }));
    }
    sql
}

/// What is to be made of types, sequences, functions and tables; `views` are made later, on their own.
pub(super) fn to_make(
    from: &Catalog,
    to: &Catalog,
    affected: &Affected,
    carried: &BTreeSet<FunctionId>,
    made: &mut Made,
) -> Catalog {
    let mut make = Catalog { version: to.version, ..Catalog::empty(to.version) };
    make.namespaces.clear();
    macro_rules! types {
        ($($field:ident: $word:literal),*) => {$(
            for (name, one) in &to.$field {
                if !from.$field.contains_key(name) || affected.types.contains(name) {
                    made.insert(made::named($word, name));
                    make.$field.insert(name.clone(), one.clone());
                }
            }
        )*};
    }
    types!(enums: "TYPE", domains: "DOMAIN", composites: "TYPE", ranges: "TYPE");
    let is_new_table = |name: &QName| !from.tables.contains_key(name) || affected.tables.contains(name);
    for (name, table) in to.tables.iter().filter(|(name, _)| is_new_table(name)) {
        make.tables.insert(name.clone(), table.clone());
    }
    for sequence in to.sequences.values() {
        let with_table = sequence.owned_by.as_ref().is_some_and(|(table, _)| make.tables.contains_key(table));
        let is_new = !from.sequences.contains_key(&sequence.name)
            || goes_with_owner(from, to, affected, &sequence.name);
        let with_identity = object::comes_with_identity(to, sequence);
        if is_new && (!with_identity || with_table) {
            made.insert(made::named("SEQUENCE", &sequence.name));
            make.sequences.insert(sequence.name.clone(), sequence.clone());
        }
    }
    for (id, function) in to.functions.iter().filter(|(id, _)| !carried.contains(id)) {
        let same = from.functions.get(id).is_some_and(|old| affected::same_function(old, function));
        let again = affected.functions.contains(id);
        if same && !again {
            continue;
        }
        if again || !from.functions.contains_key(id) {
            made.insert(object::function_name(function));
        }
        make.functions.insert(id.clone(), function.clone());
    }
    make
}

/// Whether a sequence is dropped with the column or the table that owns it.
fn goes_with_owner(from: &Catalog, to: &Catalog, affected: &Affected, name: &QName) -> bool {
    let Some(sequence) = from.sequences.get(name) else { return false };
    // With DROP IDENTITY, or before ADD GENERATED.
    if affected.sequences.contains(name) && to.sequences.contains_key(name) {
        return true;
    }
    sequence.owned_by.as_ref().is_some_and(|(table, column)| {
        let key = (table.clone(), column.clone());
        affected.tables.contains(table) || affected.dropped.contains(&key) || affected.readded.contains(&key)
    })
}

/// Sequences whose name an identity column takes.
pub(super) fn make_room_for_identities(from: &Catalog, to: &Catalog, affected: &Affected) -> Vec<String> {
    let in_the_way = |sequence: &&Sequence| {
        affected.sequences.contains(&sequence.name)
            && to.sequences.contains_key(&sequence.name)
            && !object::comes_with_identity(from, sequence)
    };
    from.sequences
        .values()
        .filter(in_the_way)
        .map(|sequence| format!("DROP SEQUENCE {}", quote_qualified(&sequence.name)))
        .collect()
}

pub(super) fn drop_sequences(from: &Catalog, to: &Catalog, affected: &Affected) -> Vec<String> {
    let gone = |sequence: &&Sequence| {
        !to.sequences.contains_key(&sequence.name)
            && !goes_with_owner(from, to, affected, &sequence.name)
            && !object::comes_with_identity(from, sequence)
    };
    from.sequences
        .values()
        .filter(gone)
        .map(|sequence| format!("DROP SEQUENCE {}", quote_qualified(&sequence.name)))
        .collect()
}

/// Options and owners of sequences that stay.
pub(super) fn alter_sequences(from: &Catalog, to: &Catalog, affected: &Affected) -> Vec<String> {
    let mut sql = Vec::new();
    for new in to.sequences.values().filter(|one| !object::comes_with_identity(to, one)) {
        let old = from.sequences.get(&new.name).filter(|_| !goes_with_owner(from, to, affected, &new.name));
        let name = quote_qualified(&new.name);
        let options = object::sequence_options(new);
        if let Some(old) = old
            && (old.ty != new.ty || object::sequence_options(old) != options)
        {
            sql.push(format!("ALTER SEQUENCE {name} AS {}{options}", new.ty));
        }
        if old.is_none_or(|old| old.owned_by != new.owned_by) {
            match &new.owned_by {
                Some((table, column)) => sql.push(format!(
                    "ALTER SEQUENCE {name} OWNED BY {}.{}",
                    quote_qualified(table),
                    quote_ident(column)
                )),
                None if old.is_some() => sql.push(format!("ALTER SEQUENCE {name} OWNED BY NONE")),
                None => {}
            }
        }
    }
    sql
}

/// New texts of functions that the server brought back with the old ones.
pub(super) fn carried_to_replace(
    from: &Catalog,
    to: &Catalog,
    carried: &BTreeSet<FunctionId>,
) -> Vec<String> {
    let texts = carried.iter().filter_map(|id| {
        let (old, new) = (from.functions.get(id)?, to.functions.get(id)?);
        if affected::same_function(old, new) { None } else { object::function(new) }
    });
    texts.collect()
}

/// Functions that must be gone before others are made, then those that nothing uses any more at the end.
pub(super) fn drop_functions(
    from: &Catalog,
    to: &Catalog,
    affected: &Affected,
    carried: &BTreeSet<FunctionId>,
) -> (Vec<String>, Vec<String>) {
    let drop = |id: &FunctionId| {
        let function = from.functions.get(id).filter(|_| !carried.contains(id));
        function.map(|function| format!("DROP {}", object::function_name(function)))
    };
    let first = affected.functions.iter().filter_map(drop).collect();
    let last = from
        .functions
        .keys()
        .filter(|id| !to.functions.contains_key(id) && !affected.functions.contains(id))
        .filter_map(drop)
        .collect();
    (first, last)
}
