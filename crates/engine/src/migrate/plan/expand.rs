//! A column whose name changes gets a second column under the new one, which a trigger keeps equal both ways; it is
//! filled in batches, and the old one goes at the end.

use pgsteward_model::effect::{Age, Touch};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::MigrationStatement;
use pgsteward_model::statement::{AlterAction, Name, Statement};
use pgsteward_sql::ddl;

use super::deck::{Deck, unsettled};
use super::exchange::{Exchange, Ways};
use super::obstacle::obstacle;
use super::pieces::{Piece, Stands, note, single_actions, stands, state_before};
use super::readers;
use super::swap::Swap;

/// The first piece that renames a column, and what it becomes.
pub(super) fn next(
    deck: &Deck,
    facts: &Facts,
    pieces: &[Piece],
    notes: &mut Vec<String>,
) -> Option<(usize, Vec<Piece>)> {
    for (at, piece, file) in unsettled(facts, pieces) {
        for statement in &file.statements {
            let Statement::AlterTable(alter) = &statement.statement else { continue };
            let Some(touch) = touch_of(statement, &alter.name).filter(|touch| is_old(touch)) else {
                continue;
            };
            let Some(table) = touch.before.as_deref() else { continue };
            let renames = alter.actions.iter().find_map(|action| match action {
                AlterAction::RenameColumn { from, to } => Some((from, to)),
                _ => None,
            });
            let Some((from, to)) = renames else { continue };
            let catalog = deck.catalog_after(pieces, at);
            let readers = obstacle(&catalog, table, from, Ways::Apart, false)
                .or_else(|| readers::lost(&deck.catalog, &catalog, (&table.name, from)))
                // A cut that is made is not unmade, so what goes in the piece itself is asked before.
                .or_else(|| {
                    let before = state_before(&catalog, file, statement);
                    readers::lost(&deck.catalog, &before, (&table.name, from))
                })
                .map_or_else(|| readers::turned(&catalog, deck.after.as_ref(), table, from), Err);
            let readers = match readers {
                Ok(readers) => readers,
                Err(reason) => {
                    let name = table.name.display();
                    note(notes, format!("{name}.{from} is left as it is written: {reason}"));
                    continue;
                }
            };
            match stands(piece, file, statement, notes) {
                None => continue,
                Some(Stands::Among(parts)) => return Some((at, parts)),
                Some(Stands::Alone) => {}
            }
            if let Some(singles) = single_actions(alter, piece.slice(statement)) {
                return Some((at, singles.into_iter().map(|text| piece.with(text)).collect()));
            }
            let column = table.column(from)?;
            let exchange = Exchange {
                table,
                from,
                through: to.clone(),
                to,
                ty: ddl::column_type(&column.ty),
                using: None,
                ways: Ways::Apart,
                default: column.default.clone(),
                refuses: false,
            };
            let waits = format!(
                "no running version of the application names \"{from}\" of \"{}\" any more",
                table.name.display()
            );
            let swap = Swap {
                catalog: &catalog,
                exchanges: vec![exchange],
                first: Vec::new(),
                types: Vec::new(),
                waits: Some(waits),
                slug: format!("drop_{from}"),
                words: None,
                ahead: readers,
                behind: Vec::new(),
            };
            return Some((at, swap.pieces()));
        }
    }
    None
}

/// The table was there before this deploy.
pub(super) fn is_old(touch: &Touch) -> bool {
    matches!(touch.age, Age::Earlier | Age::Unknown)
}

pub(super) fn touch_of<'a>(statement: &'a MigrationStatement, name: &Name) -> Option<&'a Touch> {
    let touches = &statement.effect.touches;
    touches
        .iter()
        .find(|touch| touch.relation == name.qualified())
        .or_else(|| touches.iter().find(|touch| name.namespace.is_none() && touch.relation.name == name.name))
}
