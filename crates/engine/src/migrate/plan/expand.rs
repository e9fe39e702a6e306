//! A column whose name changes gets a second column under the new one, which a trigger keeps equal both ways; it is
//! filled in batches; at the end the old one, with all that stands on it, takes the new name.

use pgsteward_model::effect::{Age, Touch};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::MigrationStatement;
use pgsteward_model::statement::{AlterAction, Name, Statement};
use pgsteward_sql::{ddl, quote_ident};

use super::deck::{Deck, Named, unsettled};
use super::exchange::{Exchange, Ways};
use super::fired;
use super::obstacle::{beside, obstacle};
use super::pieces::{Piece, Stands, note, single_actions, stands, state_before};
use super::readers;
use super::swap::Swap;
use super::unknown::between;
use crate::migrate::belongings::of_column;

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
            let renamed = Named::Column(table.name.clone(), from.clone());
            // Where more is to be made of the new name, the second column is what it is made of, and stays.
            let rest = piece.text.get(statement.span.end..).unwrap_or("");
            let mut later = pieces.iter().skip(at + 1).map(|piece| piece.text.as_str()).chain([rest]);
            let named = later.any(|text| readers::speaks(text, to));
            let reason = beside(&catalog, table, from, Ways::Apart)
                .or_else(|| readers::lost(&deck.catalog, &catalog, (&table.name, from)))
                // A cut that is made is not unmade, so what goes in the piece itself is asked before.
                .or_else(|| {
                    let before = state_before(&catalog, file, statement);
                    readers::lost(&deck.catalog, &before, (&table.name, from))
                });
            let readers = match reason {
                Some(reason) => Err(reason),
                None if named => obstacle(&catalog, table, from, Ways::Apart, false)
                    .map_or_else(|| readers::turned(&catalog, deck.after(&renamed), table, from), Err)
                    .map_err(|reason| {
                        format!("{reason}, and a later statement of the migration names \"{to}\"")
                    }),
                None => Ok(Vec::new()),
            };
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
                back: None,
                ways: Ways::Apart,
                default: column.default.clone(),
                doubt: None,
                demands: false,
                refuses: false,
                behind: fired::last_before(&catalog, table),
            };
            if exchange.hides_null() {
                let why = format!(
                    "an INSERT that says NULL for \"{to}\" of \"{}\" gets the default of \"{from}\", which each row has its own of, until \
                     the last folder is deployed",
                    table.name.display()
                );
                note(notes, why);
            }
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
                beside: Vec::new(),
                ahead: readers,
                behind: Vec::new(),
            };
            return Some((at, if named { swap.pieces() } else { beside_until(&swap) }));
        }
    }
    None
}

/// The second column, with indexes of its own, is there for whoever knows the new name, until the first one gets it. All that
/// stands on the first stays as it is.
fn beside_until(swap: &Swap<'_>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> =
        swap.exchanges.iter().flat_map(|one| [one.expand(&[between(one)]), one.fill()]).collect();
    let (first, last) = swap.indexed();
    pieces.extend(first.into_iter().chain(last));
    let mut sql = Vec::new();
    for one in &swap.exchanges {
        let (on, from, through) = (one.on(), quote_ident(one.from), quote_ident(&one.through));
        sql.extend(one.alone());
        sql.extend([swap.refused_second(one), swap.read_second(one)]);
        sql.extend(of_column(&one.table.name, &one.through, one.from));
        sql.push(format!("ALTER TABLE {on} DROP COLUMN {through}"));
        sql.push(format!("ALTER TABLE {on} RENAME COLUMN {from} TO {}", quote_ident(one.to)));
    }
    let after = swap.waits.as_deref().unwrap_or_default();
    let back: String = swap.exchanges.iter().map(|one| format!("\n{}", one.second_back())).collect();
    let why = format!("Deploy it when {after}.{}{back}", swap.markers());
    let last = Piece::settled(&swap.slug, &why, &sql);
    pieces.push(Piece { after: swap.waits.clone(), ..last });
    pieces.iter_mut().for_each(|piece| piece.keeps_strangers = true);
    pieces
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
