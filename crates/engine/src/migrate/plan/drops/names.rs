//! Indexes whose names a migration gives anew while the table or column that they go with waits: as it is written they are gone by
//! then. So they get out of the way under another name first, which no query says.

use pgsteward_model::catalog::{Index, QName, Table};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::MigrationStatement;
use pgsteward_model::place::ObjectKind;
use pgsteward_model::statement::{AlterAction, Statement};
use pgsteward_sql::{Births, quote_ident, quote_qualified};

use super::super::deck::Deck;
use super::super::exchange::short;
use super::super::expand::touch_of;
use super::super::pieces::{Piece, script};
use super::super::renewed::key_columns;
use super::super::several::uses;

/// Gives the first such index another name. Whether there was one.
pub(in super::super) fn clear(deck: &Deck, pieces: &mut Vec<Piece>) -> bool {
    let facts = deck.facts(pieces);
    let Some((at, piece)) = first(deck, &facts, pieces) else { return false };
    pieces.insert(at, piece);
    true
}

fn first(deck: &Deck, facts: &Facts, pieces: &[Piece]) -> Option<(usize, Piece)> {
    let files = facts.history.as_ref().map_or(&[][..], |history| &history.files);
    let waiting = pieces.iter().zip(files).filter(|(piece, _)| piece.waits());
    let waiting: Vec<&MigrationStatement> = waiting.flat_map(|(_, file)| &file.statements).collect();
    let last = deck.catalog_after(pieces, pieces.len());
    for (at, file) in files.iter().enumerate() {
        let mut before = deck.catalog_after(pieces, at);
        for statement in &file.statements {
            for name in made(statement) {
                let known = before.index(&name).filter(|_| deck.catalog.index(&name).is_some());
                let Some((table, index)) = known else { continue };
                let second = QName::new(&name.namespace, short(&format!("{}_old", index.name)));
                let free = before.index(&second).is_none() && last.index(&second).is_none();
                if free && waiting.iter().any(|other| goes_with(other, table, index)) {
                    return Some((at, aside(table, index, &second.name)));
                }
            }
            // What goes before it in the same piece has left its name.
            pgsteward_sql::apply(&mut before, &statement.statement, &mut Births::default());
        }
    }
    None
}

/// The names of the indexes that a statement makes, alone or with a key.
fn made(statement: &MigrationStatement) -> Vec<QName> {
    let of = |namespace: &str, name: &str| QName::new(namespace, name);
    match &statement.statement {
        Statement::CreateIndex(create) => {
            let on = touch_of(statement, &create.table).map(|touch| touch.relation.namespace.as_str());
            on.map(|namespace| of(namespace, &create.index.name)).into_iter().collect()
        }
        Statement::CreateTable(create) => {
            let namespace = &create.table.name.namespace;
            create.table.indexes.iter().map(|index| of(namespace, &index.name)).collect()
        }
        Statement::AlterTable(alter) => {
            let Some(touch) = touch_of(statement, &alter.name) else { return Vec::new() };
            let goes = |wanted: &str| {
                alter.actions.iter().any(
                    |action| matches!(action, AlterAction::DropConstraint { name, .. } if name == wanted),
                )
            };
            let key = |action: &AlterAction| match action {
                // One that the same statement takes away has left it as well.
                AlterAction::AddConstraint { constraint, .. } if !goes(&constraint.name) => {
                    key_columns(constraint).map(|_| of(&touch.relation.namespace, &constraint.name))
                }
                _ => None,
            };
            alter.actions.iter().filter_map(key).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether the index is gone when the statement ran, which does not name it.
fn goes_with(statement: &MigrationStatement, table: &Table, index: &Index) -> bool {
    let own = |relation: &QName| *relation == table.name;
    match &statement.statement {
        Statement::Drop { kind: ObjectKind::Table, names, .. } => {
            names.iter().filter_map(|name| touch_of(statement, name)).any(|touch| own(&touch.relation))
        }
        Statement::AlterTable(alter) => {
            touch_of(statement, &alter.name).is_some_and(|touch| own(&touch.relation))
                && alter
                    .actions
                    .iter()
                    .any(|action| matches!(action, AlterAction::DropColumn { name, .. } if uses(index, name)))
        }
        _ => false,
    }
}

fn aside(table: &Table, index: &Index, second: &str) -> Piece {
    let rename = |from: &str, to: &str| {
        let from = quote_qualified(&QName::new(&table.name.namespace, from));
        format!("ALTER INDEX {from} RENAME TO {}", quote_ident(to))
    };
    let why = "The name is given anew behind this, while what the index goes with waits.";
    Piece {
        keeps_strangers: true,
        down: Some(script("The index gets its name again.", &[rename(second, &index.name)])),
        ..Piece::settled(&format!("rename_{}", index.name), why, &[rename(&index.name, second)])
    }
}
