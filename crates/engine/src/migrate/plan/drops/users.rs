//! Types, functions, sequences, namespaces and extensions that go together with the columns and tables that use them: for as long as
//! those wait, these have users and have to wait with them.

use std::sync::Arc;

use pgsteward_model::catalog::{Catalog, Table};
use pgsteward_model::facts::Facts;
use pgsteward_model::place::ObjectKind;
use pgsteward_model::statement::{Name, Statement};
use pgsteward_sql::ddl;

use super::super::deck::{Deck, unsettled};
use super::super::pieces::{Piece, Stands, remark, stands, state_before};
use super::super::readers::speaks;

/// The first piece that takes away what something that waits is made of, and what it becomes.
pub(in super::super) fn next(
    deck: &Deck,
    facts: &Facts,
    pieces: &[Piece],
    notes: &mut Vec<String>,
) -> Option<(usize, Vec<Piece>)> {
    if !pieces.iter().any(Piece::waits) {
        return None;
    }
    let last = deck.catalog_after(pieces, pieces.len());
    for (at, piece, file) in unsettled(facts, pieces).filter(|(_, piece, _)| !piece.waits()) {
        for statement in &file.statements {
            let Statement::Drop { kind, names, .. } = &statement.statement else { continue };
            let before = state_before(&deck.catalog_after(pieces, at), file, statement);
            // Those that wait still have it, and lose it with what they wait for.
            let lose: Vec<&Table> = before
                .tables
                .values()
                .map(Arc::as_ref)
                .filter(|table| last.table(&table.name) != Some(table))
                .collect();
            if !names.iter().any(|name| lose.iter().any(|table| uses(&before, table, *kind, name))) {
                continue;
            }
            let rest = piece.text.get(statement.span.end..).unwrap_or("");
            let others =
                pieces.iter().skip(at + 1).filter(|piece| !piece.waits()).map(|piece| piece.text.as_str());
            if others.chain([rest]).any(|text| names.iter().any(|name| speaks(text, &name.name))) {
                continue;
            }
            match stands(piece, file, statement, notes) {
                None => continue,
                Some(Stands::Among(parts)) => return Some((at, parts)),
                Some(Stands::Alone) => {}
            }
            let slug = format!("drop_{}", names.first().map_or("", |name| &name.name));
            let why = "Deploy it when the folders before it are: what they take away still uses it.";
            let text = format!("{}{}", remark(why), piece.text);
            return Some((at, vec![Piece { slug, behind: true, late: true, ..piece.with(text) }]));
        }
    }
    None
}

/// Whether the table cannot be without it. Rather once too often: it waits with others then.
fn uses(catalog: &Catalog, table: &Table, kind: ObjectKind, name: &Name) -> bool {
    match kind {
        ObjectKind::Schema => table.name.namespace == name.name,
        // What a type, an operator class or a function belongs to no table says.
        ObjectKind::Extension => true,
        ObjectKind::Enum
        | ObjectKind::Domain
        | ObjectKind::CompositeType
        | ObjectKind::Function
        | ObjectKind::Sequence => {
            let mut alone = Catalog::empty(catalog.version);
            alone.tables.insert(table.name.clone(), Arc::new(table.clone()));
            ddl::create(&alone).iter().any(|sql| speaks(sql, &name.name))
        }
        _ => false,
    }
}
