//! An enum that gets another name: for as long as an old version of the application runs, a type of the same values has the
//! old one. Its values become those of the enum wherever they are stored, and operators compare the two, which the planner
//! sees through to those of the enum. A domain would not do: an operator that compares the enum with a domain over it is taken
//! for comparisons within the enum too, and keeps these from its indexes.

use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::MigrationFile;
use pgsteward_model::place::ObjectKind;
use pgsteward_model::statement::{AlterEnum, Statement};
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};

use super::deck::{Deck, unsettled};
use super::enums::is;
use super::exchange::short;
use super::pieces::{Piece, Stands, note, script, stands};
use crate::migrate::unused;

/// Operators over values of the two types.
const OPERATORS: [(&str, &str); 6] =
    [("eq", "="), ("ne", "<>"), ("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">=")];

/// Those over arrays of them.
const OF_ARRAYS: [(&str, &str); 5] =
    [("eq", "="), ("ne", "<>"), ("contains", "@>"), ("contained", "<@"), ("overlaps", "&&")];

/// The first piece that renames an enum in use, and what it becomes.
pub(super) fn next(
    deck: &Deck,
    facts: &Facts,
    pieces: &[Piece],
    notes: &mut Vec<String>,
) -> Option<(usize, Vec<Piece>)> {
    for (at, piece, file) in unsettled(facts, pieces) {
        for statement in &file.statements {
            let Statement::AlterEnum { name, action: AlterEnum::Rename { to } } = &statement.statement else {
                continue;
            };
            let old = name.qualified();
            let new = QName::new(old.namespace.clone(), to.clone());
            // What was not there before this migration is nothing that anybody names.
            if !deck.catalog.enums.contains_key(&old) || exchanged(file, &old, &new) {
                continue;
            }
            let catalog = deck.catalog_after(pieces, at);
            let Some(arrays) = users(&catalog, &old) else { continue };
            if let Some(reason) = obstacle(&catalog, &old, arrays) {
                note(notes, format!("the enum {} is renamed as it is written: {reason}", old.display()));
                continue;
            }
            match stands(piece, file, statement, notes) {
                None => continue,
                Some(Stands::Among(parts)) => return Some((at, parts)),
                Some(Stands::Alone) => {
                    return Some((at, parts(&catalog, (&old, &new), arrays, piece.slice(statement))));
                }
            }
        }
    }
    None
}

/// Why old queries would not go on with a type that has the old name.
fn obstacle(catalog: &Catalog, name: &QName, arrays: bool) -> Option<&'static str> {
    // Nobody names the namespace of an operator.
    if name.namespace != "public" {
        return Some(
            "operators over two types are found in the namespaces of the search_path only, and this one is not in public",
        );
    }
    // Before 14 `||` and the functions of arrays take two of one type only.
    (arrays && catalog.version.major() < 14)
        .then_some("a column holds arrays of it, and this server is older than PostgreSQL 14")
}

/// The type gives way to another one of its name, or goes: that is no rename.
fn exchanged(file: &MigrationFile, old: &QName, new: &QName) -> bool {
    file.statements.iter().any(|one| match &one.statement {
        Statement::CreateEnum { name, .. } => name.qualified() == *old || name.qualified() == *new,
        Statement::AlterEnum { name, action: AlterEnum::Rename { to } } => {
            *to == old.name && name.qualified().namespace == old.namespace
        }
        Statement::Drop { kind: ObjectKind::Enum, names, .. } => {
            names.iter().any(|name| name.qualified() == *new)
        }
        _ => false,
    })
}

/// Whether columns hold arrays of the type; none where no column has it.
fn users(catalog: &Catalog, name: &QName) -> Option<bool> {
    let columns = catalog.tables.values().flat_map(|table| &table.columns);
    let arrays: Vec<bool> =
        columns.filter(|column| is(&column.ty, name)).map(|column| column.ty.array > 0).collect();
    (!arrays.is_empty()).then(|| arrays.contains(&true))
}

fn parts(catalog: &Catalog, (old, new): (&QName, &QName), arrays: bool, rename: &str) -> Vec<Piece> {
    let (alias, own) = (quote_qualified(old), quote_qualified(new));
    let values = catalog.enums.get(old).map(|known| known.values.as_slice()).unwrap_or_default();
    let values: Vec<String> = values.iter().map(|value| quote_literal(value)).collect();
    let mut make = vec![
        format!("CREATE TYPE {alias} AS ENUM ({})", values.join(", ")),
        format!("CREATE CAST ({alias} AS {own}) WITH INOUT AS IMPLICIT"),
    ];
    let mut drop = Vec::new();
    for Comparison { word, bare, left, right, of_arrays } in comparisons(arrays) {
        let brackets = if of_arrays { "[]" } else { "" };
        let ty = |side| format!("{}{brackets}", if side == Side::Own { &own } else { &alias });
        let value = |place: &str, side| match side {
            Side::Own => place.to_owned(),
            Side::Alias => format!("{place}::text{brackets}::{own}{brackets}"),
        };
        let (values, left, right) = ((value("$1", left), value("$2", right)), ty(left), ty(right));
        let function = quote_qualified(&QName::new(&old.namespace, short(&format!("{}_{word}", old.name))));
        let operator = format!("{}.{bare}", quote_ident(&old.namespace));
        make.push(format!(
            "CREATE FUNCTION {function}({left}, {right}) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS {}",
            quote_literal(&format!("SELECT {} OPERATOR(pg_catalog.{bare}) {}", values.0, values.1))
        ));
        make.push(format!(
            "CREATE OPERATOR {operator} (LEFTARG = {left}, RIGHTARG = {right}, PROCEDURE = {function})"
        ));
        drop.push(format!("DROP OPERATOR {operator} ({left}, {right})"));
        drop.push(format!("DROP FUNCTION {function}({left}, {right})"));
    }
    drop.push(format!("DROP CAST ({alias} AS {own})"));
    drop.push(format!("DROP TYPE {alias}"));
    let there: Vec<String> = std::iter::once(rename.to_owned()).chain(make.clone()).collect();
    let back = format!("ALTER TYPE {own} RENAME TO {}", quote_ident(&old.name));
    let back: Vec<String> = drop.iter().cloned().chain([back]).collect();
    let expand = Piece {
        down: Some(script("The other type goes, this one has its name again.", &back)),
        ..Piece::settled(
            &format!("rename_type_{}", old.name),
            "The old name becomes that of a type whose values turn into those of this one: queries may go on to name it. Both versions of the application may run.",
            &there,
        )
    };
    let after = format!("no running version of the application names the type \"{}\" any more", old.name);
    // A table or column of the same name is named all the time.
    let alone = catalog.tables.values().all(|table| {
        table.name.name != old.name && table.columns.iter().all(|column| column.name != old.name)
    });
    let marker = if alone { format!("\n{}", unused::marker(None, &[&old.name])) } else { String::new() };
    let why = format!("Deploy it when {after}.{marker}");
    let contract = Piece {
        after: Some(after),
        down: Some(script("The old name is that of a type again.", &make)),
        ..Piece::settled(&format!("drop_type_{}", old.name), &why, &drop)
    };
    vec![expand, contract]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Own,
    Alias,
}

struct Comparison {
    word: &'static str,
    bare: &'static str,
    left: Side,
    right: Side,
    of_arrays: bool,
}

/// What old queries compare. Queries over arrays have the column on either side (`= ANY`, `<@`); then two values of the old
/// type need operators of their own, because two others would fit them equally well.
fn comparisons(arrays: bool) -> Vec<Comparison> {
    use Side::{Alias, Own};

    let of = |(word, bare): &(&'static str, &'static str), left, right, of_arrays| Comparison {
        word,
        bare,
        left,
        right,
        of_arrays,
    };
    let mut found: Vec<Comparison> = OPERATORS.iter().map(|one| of(one, Own, Alias, false)).collect();
    for (left, right) in [(Own, Alias), (Alias, Own), (Alias, Alias)].into_iter().filter(|_| arrays) {
        if left == Alias {
            found.extend(OPERATORS.iter().map(|one| of(one, left, right, false)));
        }
        found.extend(OF_ARRAYS.iter().map(|one| of(one, left, right, true)));
    }
    found
}

#[cfg(test)]
mod tests {
    use pgsteward_model::version::ServerVersion;

    use super::*;

    #[test]
    fn what_old_queries_would_not_find_is_named() {
        let of = |major: u32, namespace: &str, arrays: bool| {
            let catalog = Catalog::empty(ServerVersion::of_major(major));
            obstacle(&catalog, &QName::new(namespace, "Status"), arrays)
        };
        assert_eq!(of(13, "public", false).or(of(14, "public", true)), None);
        assert!(of(13, "public", true).unwrap().contains("arrays"));
        assert!(of(17, "app", false).unwrap().contains("search_path"));
    }
}
