//! A new column with a default that each row has a value of its own of: it comes without, gets the default for new rows, is
//! filled in batches, and is NOT NULL at the end. Written at once, all of the table would be written anew under a lock.

use pgsteward_model::catalog::{Catalog, Table, TableKind, TypeClass};
use pgsteward_model::facts::Facts;
use pgsteward_model::statement::{AddColumn, AlterAction, Statement};
use pgsteward_sql::ddl::column_type;
use pgsteward_sql::{Births, quote_ident, quote_qualified};

use super::deck::{Deck, unsettled};
use super::expand::{is_old, touch_of};
use super::family::partitions;
use super::pieces::{Piece, Stands, note, single_actions, stands, state_before};
use super::{filled, fired};

/// The first piece with such a column, and what it becomes.
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
            let Some(table) = touch.before.as_deref().filter(|_| touch.rewrite.is_some()) else { continue };
            let mut after = state_before(&deck.catalog_after(pieces, at), file, statement);
            pgsteward_sql::apply(&mut after, &statement.statement, &mut Births::default());
            let added = alter.actions.iter().find_map(|action| match action {
                AlterAction::AddColumn { column, if_not_exists }
                    if filled_by_server(column) && table.column(&column.column.name).is_none() =>
                {
                    Some((column, *if_not_exists))
                }
                _ => None,
            });
            let Some((added, if_not_exists)) = added else { continue };
            let reason = match if_not_exists {
                true => Some("IF NOT EXISTS leaves open whether it is there, and with which rows".to_owned()),
                false => obstacle(&after, table, added),
            };
            if let Some(reason) = reason {
                let name = table.name.display();
                note(notes, format!("{name}.{} is added as it is written: {reason}", added.column.name));
                continue;
            }
            match stands(piece, file, statement, notes) {
                None => continue,
                Some(Stands::Among(parts)) => return Some((at, parts)),
                Some(Stands::Alone) => {}
            }
            if let Some(mut singles) = single_actions(alter, piece.slice(statement)) {
                // A key that goes in the same statement goes behind what is filled by it.
                singles.sort_by_key(|text| !adds_filled(text));
                return Some((at, singles.into_iter().map(|text| piece.with(text)).collect()));
            }
            tell(&after, table, added, notes);
            return Some((at, parts(&after, table, added)?));
        }
    }
    None
}

fn filled_by_server(added: &AddColumn) -> bool {
    let column = &added.column;
    column.default.is_some() && column.identity.is_none() && column.generated.is_none()
}

/// Whether the statement adds such a column, and nothing else.
fn adds_filled(text: &str) -> bool {
    let parsed = pgsteward_sql::parse(text);
    parsed.statements.iter().any(|one| match &one.statement {
        Statement::AlterTable(alter) => {
            matches!(alter.actions.as_slice(), [AlterAction::AddColumn { column, .. }] if filled_by_server(column))
        }
        _ => false,
    })
}

/// Why the column cannot come in steps. `after` has it.
fn obstacle(after: &Catalog, table: &Table, added: &AddColumn) -> Option<String> {
    let family = || std::iter::once(table).chain(partitions(after, table));
    let resolved = after.table(&table.name).and_then(|table| table.column(&added.column.name))?;
    if let Some(own) = added.constraints.first() {
        return Some(format!(
            "the constraint \"{}\" stands in its own words: write it as a statement behind, ALTER TABLE … ADD CONSTRAINT",
            own.name
        ));
    }
    if !filled::has_key(table) {
        return Some("no primary key and no unique index over columns that are never NULL tells its rows apart for a fill in batches".into());
    }
    if resolved.ty.class == TypeClass::Domain {
        return Some("it is of a domain, which each row is held to as soon as it has the column".into());
    }
    if let Some(own) = family().find(|one| one.force_row_security) {
        let name = own.name.display();
        return Some(format!(
            "row security holds for the owner of \"{name}\" too, from whom it may hide rows to fill"
        ));
    }
    let foreign = family().find(|one| one.kind == TableKind::Foreign)?;
    Some(format!("the rows of \"{}\" are on another server", foreign.name.display()))
}

fn parts(after: &Catalog, table: &Table, added: &AddColumn) -> Option<Vec<Piece>> {
    let column = after.table(&table.name)?.column(&added.column.name)?;
    let (on, name) = (quote_qualified(&table.name), quote_ident(&column.name));
    let default = column.default.as_deref()?;
    let collation = column.collation.as_deref().map(|name| format!(" COLLATE {}", quote_ident(name)));
    let add = format!(
        "ALTER TABLE {on} ADD COLUMN {name} {}{}",
        column_type(&column.ty),
        collation.unwrap_or_default()
    );
    let set = format!("ALTER TABLE {on} ALTER COLUMN {name} SET DEFAULT {default}");
    let own = after.sequences.values().find(|sequence| {
        let owner = sequence.owned_by.as_ref();
        added.serial && owner.is_some_and(|(owner, of)| *owner == table.name && *of == column.name)
    });
    let statements = match own {
        Some(sequence) => {
            let (own, ty) = (quote_qualified(&sequence.name), &sequence.ty);
            let make = format!("CREATE SEQUENCE {own} AS {ty}");
            vec![make, add, set, format!("ALTER SEQUENCE {own} OWNED BY {on}.{name}")]
        }
        None if added.serial => return None,
        None => vec![add, set],
    };
    let why = "A default that comes behind its column writes no row that is there. Both versions of the application may run.";
    let mut pieces = vec![Piece::settled(&format!("expand_{}", column.name), why, &statements)];
    let which = "The rows that were there before the default.";
    pieces.push(filled::fill(table, &column.name, default, format!("{name} IS NULL"), which));
    if column.not_null {
        let why = "New rows are checked from now on, old ones by the next migration.";
        pieces.extend(filled::checked(table, &column.name, &format!("{name} IS NOT NULL"), why, None));
        pieces.push(filled::required(table, &column.name, false));
    }
    Some(pieces)
}

/// What differs from the column that comes at once.
fn tell(after: &Catalog, table: &Table, added: &AddColumn, notes: &mut Vec<String>) {
    let place = format!("{}.{}", table.name.display(), added.column.name);
    if added.serial {
        note(
            notes,
            format!(
                "{place} numbers the rows that are there in the order in which they are filled, and new rows between them"
            ),
        );
    }
    if !added.column.not_null {
        note(
            notes,
            format!(
                "a row that says NULL for {place} before the fill is deployed gets a value of the default, too"
            ),
        );
    }
    fired::tell(after, table, "the migration by itself", notes);
}
