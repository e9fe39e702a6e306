//! A foreign key that goes because another one over the same columns takes its place: other actions, another name. Between the two
//! nobody would look for rows that refer to nothing, and none would be deleted with what they refer to, so the one goes in the
//! transaction in which the other comes.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, ConstraintKind, ForeignKey, QName};
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::statement::{AlterAction, Statement};

use super::change::Place;
use super::deck::Deck;
use super::pieces::{Piece, script, state_before, taken_out};
use super::returning::single;

/// A foreign key that a statement takes away or makes.
struct Turn {
    table: QName,
    key: ForeignKey,
}

impl Turn {
    /// `before` is the database just before the statement.
    fn gone(before: &Catalog, statement: &MigrationStatement) -> Option<Turn> {
        let (alter, AlterAction::DropConstraint { name, .. }) = single(statement)? else { return None };
        let table = alter.name.qualified();
        match &before.table(&table)?.constraint(name)?.kind {
            ConstraintKind::ForeignKey(key) => Some(Turn { key: key.clone(), table }),
            _ => None,
        }
    }

    fn made(statement: &MigrationStatement) -> Option<(Turn, bool)> {
        let (alter, AlterAction::AddConstraint { constraint, .. }) = single(statement)? else { return None };
        match &constraint.kind {
            ConstraintKind::ForeignKey(key) => {
                Some((Turn { table: alter.name.qualified(), key: key.clone() }, constraint.validated))
            }
            _ => None,
        }
    }

    fn gives_way_to(&self, other: &Turn) -> bool {
        self.table == other.table && self.key.columns == other.key.columns
    }
}

/// Whether the statement takes a key away that a later one takes the place of, and that can stay until the columns have changed
/// places: both of its ends change, or none does.
pub(super) fn waits(catalog: &Catalog, file: &MigrationFile, at: usize, wanted: &BTreeSet<Place>) -> bool {
    let gone = |statement: &MigrationStatement| {
        let gone = Turn::gone(catalog, statement)?;
        let moves = |table: &QName, column: &String| wanted.contains(&(table.clone(), column.clone()));
        let mut ends = gone.key.columns.iter().zip(&gone.key.referenced_columns);
        let whole = ends.all(|(own, other)| moves(&gone.table, own) == moves(&gone.key.references, other));
        whole.then_some(gone)
    };
    let later = file.statements.get(at + 1..).unwrap_or_default();
    file.statements
        .get(at)
        .and_then(gone)
        .is_some_and(|gone| later.iter().filter_map(Turn::made).any(|(made, _)| gone.gives_way_to(&made)))
}

/// Each such key goes in the transaction of its successor, where nothing between needs it gone.
pub(super) fn together(deck: &Deck, pieces: &mut Vec<Piece>) {
    while let Some((from, to, next)) = next(deck, pieces) {
        pieces[to] = next;
        if let Some(rest) = from.1 {
            pieces[from.0] = rest;
        } else {
            pieces.remove(from.0);
        }
    }
}

type Found = ((usize, Option<Piece>), usize, Piece);

/// The piece that takes one away with what is left of it, and the one that makes its successor with what it becomes.
fn next(deck: &Deck, pieces: &[Piece]) -> Option<Found> {
    let facts = deck.facts(pieces);
    let files = &facts.history.as_ref()?.files;
    files.iter().enumerate().find_map(|(to, file)| {
        let [statement] = file.statements.as_slice() else { return None };
        let (made, validated) = Turn::made(statement)?;
        if validated {
            return None;
        }
        (0..to).rev().find_map(|from| {
            let own = &files[from];
            let before = deck.catalog_after(pieces, from);
            let at = own.statements.iter().position(|one| {
                let gone = Turn::gone(&state_before(&before, own, one), one);
                gone.is_some_and(|gone| gone.gives_way_to(&made))
            })?;
            let between = own.statements.iter().skip(at + 1);
            let mut between = between.chain(files[from + 1..to].iter().flat_map(|file| &file.statements));
            if pieces[from].settled || !between.all(|one| lets_it_stand(&before, one)) {
                return None;
            }
            let gone = &own.statements[at];
            let statements = [pieces[from].slice(gone).to_owned(), pieces[to].slice(statement).to_owned()];
            let why = "The key goes as its successor comes: no row is written without one.";
            let successor = Piece { settled: true, ..pieces[to].with(script(why, &statements)) };
            Some(((from, left(&pieces[from], own, gone)), to, successor))
        })
    })
}

/// The piece without one of its statements.
fn left(piece: &Piece, file: &MigrationFile, statement: &MigrationStatement) -> Option<Piece> {
    let (_, rest) = taken_out(piece, statement.span);
    let rest: Vec<&str> = rest.iter().map(|part| part.text.as_str()).collect();
    (file.statements.len() > 1 && !rest.is_empty()).then(|| piece.with(rest.join("\n")))
}

/// Whether a foreign key may stand while the statement runs.
fn lets_it_stand(before: &Catalog, statement: &MigrationStatement) -> bool {
    // What one refers to cannot go.
    let holds_none = |table: &QName, name: &str| {
        before.table(table).and_then(|table| table.constraint(name)).is_none_or(|one| {
            matches!(one.kind, ConstraintKind::ForeignKey(_) | ConstraintKind::Check { .. })
        })
    };
    match &statement.statement {
        Statement::Begin | Statement::Commit | Statement::CreateIndex(_) | Statement::CreateTable(_) => true,
        Statement::AlterTable(alter) => alter.actions.iter().all(|action| match action {
            AlterAction::DropConstraint { name, .. } => holds_none(&alter.name.qualified(), name),
            AlterAction::AddConstraint { .. }
            | AlterAction::ValidateConstraint { .. }
            | AlterAction::AddColumn { .. }
            | AlterAction::SetDefault { .. }
            | AlterAction::DropDefault { .. }
            | AlterAction::SetNotNull { .. }
            | AlterAction::DropNotNull { .. } => true,
            _ => false,
        }),
        _ => false,
    }
}
