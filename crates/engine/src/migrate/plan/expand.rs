//! A column whose name changes gets a second column under the new one, which a trigger keeps equal both ways; it is
//! filled in batches; at the end the old one, with all that stands on it, takes the new name.

use pgsteward_model::catalog::Table;
use pgsteward_model::effect::{Age, Touch};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::MigrationStatement;
use pgsteward_model::statement::{AlterAction, Name, Statement};
use pgsteward_sql::{ddl, quote_ident};

use super::deck::{Deck, Named, unsettled};
use super::drops::given_anew;
use super::exchange::{Exchange, Ways};
use super::obstacle::{beside, obstacle};
use super::pieces::{Piece, Stands, note, single_actions, stand, state_before};
use super::readers;
use super::several::together;
use super::swap::Swap;
use super::unknown::between;
use super::{filled, fired, relation};
use crate::migrate::belongings::of_column;

/// The first piece that renames a column, and what it becomes.
pub(super) fn next(
    deck: &Deck,
    facts: &Facts,
    pieces: &[Piece],
    notes: &mut Vec<String>,
) -> Option<(usize, Vec<Piece>)> {
    for (at, piece, file) in unsettled(facts, pieces) {
        for (place, statement) in file.statements.iter().enumerate() {
            let Statement::AlterTable(alter) = &statement.statement else { continue };
            let Some(touch) = touch_of(statement, &alter.name).filter(|touch| is_old(touch)) else {
                continue;
            };
            let Some(table) = touch.before.as_deref() else { continue };
            if !alter.actions.iter().any(|action| matches!(action, AlterAction::RenameColumn { .. })) {
                continue;
            }
            if relation::has_view(facts, (at, statement), &table.name) {
                let name = table.name.display();
                note(
                    notes,
                    format!(
                        "columns of {name} are renamed as it is written: the view of its old name keeps theirs"
                    ),
                );
                return match stand(piece, file, place..place + 1, notes) {
                    None => continue,
                    Some(Stands::Among(parts)) => Some((at, parts)),
                    Some(Stands::Alone) => Some((at, vec![Piece { settled: true, ..piece.clone() }])),
                };
            }
            let catalog = deck.catalog_after(pieces, at);
            let renames = together(table, file, place);
            let run = place..place + renames.len();
            // Where more is to be made of a new name, the second column is what it is made of, and stays.
            let end = file.statements.get(run.end - 1).map_or(0, |last| last.span.end);
            let rest = piece.text.get(end..).unwrap_or("");
            let later: Vec<&str> =
                pieces.iter().skip(at + 1).map(|piece| piece.text.as_str()).chain([rest]).collect();
            let named = renames.iter().find(|(_, to)| later.iter().any(|text| readers::speaks(text, to)));
            let before = state_before(&catalog, file, statement);
            let looked = |from: &str| {
                if let Some(other) = given_anew(facts, (at, statement), &table.name, Some(from)) {
                    return Err(format!("a later statement gives its name to {other}"));
                }
                let renamed = Named::Column(table.name.clone(), from.to_owned());
                let reason = beside(&catalog, table, from, Ways::Apart)
                    .or_else(|| readers::lost(&deck.catalog, &catalog, (&table.name, from)))
                    // A cut that is made is not unmade, so what goes in the piece itself is asked before.
                    .or_else(|| readers::lost(&deck.catalog, &before, (&table.name, from)));
                match (reason, named) {
                    (Some(reason), _) => Err(reason),
                    (None, Some((_, new))) => obstacle(&catalog, table, from, Ways::Apart, false)
                        .map_or_else(|| readers::turned(&catalog, deck.after(&renamed), table, from), Err)
                        .map_err(|reason| {
                            format!("{reason}, and a later statement of the migration names \"{new}\"")
                        }),
                    (None, None) => Ok(Vec::new()),
                }
            };
            let mut readers = Vec::new();
            let mut refused = false;
            for (from, _) in &renames {
                match looked(from) {
                    Ok(own) => readers
                        .extend(own.into_iter().filter(|one| !readers.contains(one)).collect::<Vec<_>>()),
                    Err(reason) => {
                        let name = table.name.display();
                        note(notes, format!("{name}.{from} is left as it is written: {reason}"));
                        refused = true;
                    }
                }
            }
            if refused {
                continue;
            }
            match stand(piece, file, run, notes) {
                None => continue,
                Some(Stands::Among(parts)) => return Some((at, parts)),
                Some(Stands::Alone) => {}
            }
            if let Some(singles) = single_actions(alter, piece.slice(statement)) {
                return Some((at, singles.into_iter().map(|text| piece.with(text)).collect()));
            }
            let behind = fired::last_before(&catalog, table);
            let exchanges: Option<Vec<Exchange<'_>>> =
                renames.iter().map(|(from, to)| renamed(table, from, to, behind.clone())).collect();
            let exchanges = exchanges?;
            for one in exchanges.iter().filter(|one| one.hides_null()) {
                let why = format!(
                    "an INSERT that says NULL for \"{}\" of \"{}\" gets the default of \"{}\", which each row has its own of, until \
                     the last folder is deployed",
                    one.to,
                    table.name.display(),
                    one.from
                );
                note(notes, why);
            }
            let names: Vec<String> = renames.iter().map(|(from, _)| format!("\"{from}\"")).collect();
            let waits = format!(
                "no running version of the application names {} of \"{}\" any more",
                either(&names),
                table.name.display()
            );
            let first: Vec<&str> = renames.iter().map(|(from, _)| from.as_str()).collect();
            let swap = Swap {
                catalog: &catalog,
                exchanges,
                first: Vec::new(),
                types: Vec::new(),
                waits: Some(waits),
                slug: format!("drop_{}", first.join("_")),
                words: None,
                beside: Vec::new(),
                ahead: readers,
                behind: Vec::new(),
            };
            return Some((at, if named.is_some() { swap.pieces() } else { beside_until(&swap) }));
        }
    }
    None
}

fn either(names: &[String]) -> String {
    match names {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

fn renamed<'a>(table: &'a Table, from: &'a str, to: &'a str, behind: Option<String>) -> Option<Exchange<'a>> {
    let column = table.column(from)?;
    Some(Exchange {
        table,
        from,
        through: to.to_owned(),
        to,
        ty: ddl::column_type(&column.ty),
        using: None,
        back: None,
        ways: Ways::Apart,
        default: column.default.clone(),
        doubt: None,
        demands: false,
        relaxes: false,
        refuses: false,
        behind,
    })
}

/// The second column, with indexes of its own, is there for whoever knows the new name, until the first one gets it. All that
/// stands on the first stays as it is.
fn beside_until(swap: &Swap<'_>) -> Vec<Piece> {
    let steps = |one: &Exchange<'_>| {
        let guards: Vec<String> =
            std::iter::once(between(one)).chain(filled::without_batches(one.table)).collect();
        [one.expand(&guards), one.fill()]
    };
    let mut pieces: Vec<Piece> = swap.exchanges.iter().flat_map(steps).collect();
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
