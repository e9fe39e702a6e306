//! Columns whose type changes: each gets a second column that a trigger keeps equal, is filled in batches, and takes
//! the first one's place at the end, with the keys that stand on it.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::effect::{Age, Touch};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::statement::{AlterAction, AlterEnum, Statement};
use pgsteward_sql::{ddl, quote_name, type_as_written};

use super::built::Built;
use super::deck::{Deck, unsettled};
use super::exchange::{Exchange, Ways, second, ways_of};
use super::expand::touch_of;
use super::kept::Kept;
use super::obstacle::{obstacle, once, own_name};
use super::pieces::{Piece, apart, note, single_actions, state_before, twin, without_transaction};
use super::readers::{self, Aside, retypes, worded};
use super::returning::{drops, returns, single};
use super::swap::Swap;
use super::torn::torn_beside;
use super::{fired, keys};

/// A column of a table.
pub(super) type Place = (QName, String);

/// The first piece that changes types at a price, and what it becomes.
pub(super) fn next(
    deck: &Deck,
    facts: &Facts,
    pieces: &[Piece],
    notes: &mut Vec<String>,
) -> Option<(usize, Vec<Piece>)> {
    for (at, piece, file) in unsettled(facts, pieces) {
        let known = |place: &Place| deck.moving.as_ref().is_none_or(|moving| moving.contains(place));
        let moving: Vec<Place> =
            file.statements.iter().flat_map(|one| moving(file, one)).filter(known).collect();
        if moving.is_empty() {
            continue;
        }
        let catalog = deck.catalog_after(pieces, at);
        let mut free = |place: &Place| {
            let here = file.statements.iter().find(|one| retypes(one, place));
            here.is_none_or(|one| own_name(facts, (at, one), place, notes))
                && once(facts, place, notes)
                && allowed(deck, &catalog, file, place, notes)
        };
        let wanted: BTreeSet<Place> = moving.into_iter().filter(|place| free(place)).collect();
        if wanted.is_empty() {
            continue;
        }
        if let Some(reason) = broken(deck, &catalog, file, &wanted) {
            for (table, column) in &wanted {
                note(notes, format!("{}.{column} is left as it is written: {reason}", table.display()));
            }
            continue;
        }
        if let Some(parts) = parts(deck, &catalog, piece, file, &wanted, notes) {
            return Some((at, parts));
        }
    }
    None
}

/// Columns whose type the statement changes while it works on all rows under a lock.
pub(super) fn moving(file: &MigrationFile, statement: &MigrationStatement) -> Vec<Place> {
    let Statement::AlterTable(alter) = &statement.statement else { return Vec::new() };
    let Some(touch) = touch_of(statement, &alter.name).filter(|touch| works(touch)) else {
        return Vec::new();
    };
    let place = |action: &AlterAction| match action {
        // A type that only stands in for one of the same name is a change of the type.
        AlterAction::SetType { column, ty, .. } if !renamed(file, &ty.name) => {
            Some((touch.relation.clone(), column.clone()))
        }
        _ => None,
    };
    alter.actions.iter().filter_map(place).collect()
}

fn works(touch: &Touch) -> bool {
    matches!(touch.age, Age::Earlier | Age::Unknown)
        && (touch.rewrite.is_some() || touch.scan.is_some() || touch.builds_index)
}

fn renamed(file: &MigrationFile, ty: &str) -> bool {
    file.statements.iter().any(|one| {
        matches!(&one.statement, Statement::AlterEnum { name, action: AlterEnum::Rename { .. } } if name.name == ty)
    })
}

fn allowed(
    deck: &Deck,
    catalog: &Catalog,
    file: &MigrationFile,
    place: &Place,
    notes: &mut Vec<String>,
) -> bool {
    let (name, column) = place;
    let Some(table) = catalog.table(name) else { return false };
    let converted = file.statements.iter().any(|one| match &one.statement {
        Statement::AlterTable(alter) if alter.name.qualified() == *name => alter.actions.iter().any(
            |action| matches!(action, AlterAction::SetType { column: own, using: Some(_), .. } if own == column),
        ),
        _ => false,
    });
    let known = table.column(column);
    let back = known.is_some_and(|known| ways_of(table, known) == Ways::Back);
    let readers = || {
        let retype = file.statements.iter().find(|one| retypes(one, place))?;
        let before = state_before(catalog, file, retype);
        readers::lost(&deck.catalog, catalog, (name, column))
            .or_else(|| readers::reader(&before, before.table(name)?, column))
    };
    let reason = obstacle(catalog, table, column, Ways::Forth, false).or_else(readers).or_else(|| {
        let why = "its foreign key writes it, and USING converts one way only";
        (back && converted && !deck.read.kept.contains_key(place)).then(|| why.to_owned())
    });
    if let Some(reason) = reason {
        note(notes, format!("{}.{column} is left as it is written: {reason}", table.name.display()));
        return false;
    }
    true
}

/// Why the statements around the change cannot be taken from it.
fn broken(deck: &Deck, catalog: &Catalog, file: &MigrationFile, wanted: &BTreeSet<Place>) -> Option<String> {
    let aside = Aside::of(catalog, file, wanted);
    let first = file.statements.iter().position(|one| wanted.iter().any(|place| retypes(one, place)))?;
    let swapped = |one: &MigrationStatement| aside.role(&one.statement, "").is_some();
    let given = || file.statements.iter().find_map(|one| aside.shared(&one.statement));
    let built = || Built::all(deck, catalog, file, &aside, wanted).err();
    let shared = || aside.wanted_by_others(catalog, file, wanted);
    torn_beside(file, first, &swapped).or_else(given).or_else(shared).or_else(built)
}

/// A wider column does not widen its sequence, which Prisma leaves as it is.
fn tell_narrow_sequences(swap: &Swap<'_>, notes: &mut Vec<String>) {
    for one in swap.exchanges.iter().filter(|one| one.ty.eq_ignore_ascii_case("bigint")) {
        let Some(sequence) = swap.sequence_of(one).filter(|sequence| sequence.ty != "bigint") else {
            continue;
        };
        let identity = one.table.column(one.from).is_some_and(|column| column.identity.is_some());
        if !identity {
            let name = quote_name(&sequence.name);
            note(
                notes,
                format!(
                    "the sequence {name} still ends at {}, whatever the column holds: ALTER SEQUENCE {name} AS bigint changes \
                     its catalog row only",
                    sequence.max
                ),
            );
        }
    }
}

/// None where the piece cannot be taken apart.
fn parts(
    deck: &Deck,
    catalog: &Catalog,
    piece: &Piece,
    file: &MigrationFile,
    wanted: &BTreeSet<Place>,
    notes: &mut Vec<String>,
) -> Option<Vec<Piece>> {
    if let Some(plain) = plain(piece, file, wanted)? {
        return Some(vec![plain]);
    }
    let aside = Aside::of(catalog, file, wanted);
    let role = |one: &MigrationStatement| {
        let text = piece.slice(one);
        let reader = aside.role(&one.statement, text).or_else(|| deck.read.forgotten.role(text, wanted));
        reader.unwrap_or_else(|| role(catalog, file, one, wanted))
    };
    let roles: Vec<Role> = file.statements.iter().map(role).collect();
    let first = roles.iter().position(|role| *role == Role::Type)?;
    let of = |keep: &dyn Fn(usize) -> bool| {
        let texts = file.statements.iter().enumerate().filter(|(at, _)| keep(*at));
        let text: Vec<String> = texts.map(|(_, one)| format!("{};\n", piece.slice(one))).collect();
        (!text.is_empty()).then(|| piece.with(text.join("\n")))
    };
    // What comes before is a piece of its own, so that the columns are seen as they are after it.
    let ahead = |at: usize| {
        let early = at < first || aside.may_need(&file.statements[at].statement);
        roles[at] == Role::Other && early && !keys::waits(catalog, file, at, wanted)
    };
    if let Some(head) = of(&|at| ahead(at)) {
        return Some(vec![head, of(&|at| !ahead(at))?]);
    }
    let built = Built::all(deck, catalog, file, &aside, wanted).ok()?;
    let mut swap = swap(deck, catalog, piece, file, wanted)?;
    swap.beside.extend(built.iter().map(Built::piece));
    for (one, role) in file.statements.iter().zip(&roles) {
        let text = || worded(deck.after.as_ref(), &one.statement).unwrap_or(piece.slice(one).to_owned());
        match role {
            Role::Away => swap.ahead.push(text()),
            Role::Back => match built.iter().find(|built| built.is(&one.statement)) {
                Some(built) => swap.behind.extend(built.in_place()),
                None => swap.behind.push(text()),
            },
            _ => {}
        }
    }
    let demanded = swap.exchanges.iter().filter(|one| one.demands && catalog.version.major() >= 18);
    let named: Vec<String> = demanded.filter_map(Exchange::not_null_named).collect();
    swap.behind.extend(named);
    tell_narrow_sequences(&swap, notes);
    swap.exchanges.iter().for_each(|one| one.tell_settings(notes));
    swap.tables()
        .into_iter()
        .for_each(|table| fired::tell(catalog, table, "a change of type by itself", notes));
    let mut pieces = swap.pieces();
    // What the author takes out of the way may be what hands made.
    let keeps = !roles.contains(&Role::Away);
    pieces.iter_mut().for_each(|piece| piece.keeps_strangers = keeps);
    pieces.extend(of(&|at| roles[at] == Role::Other));
    Some(pieces)
}

/// The piece without transactions of its own, each action on a table of the group a statement. The inner none where
/// it is so already.
fn plain(piece: &Piece, file: &MigrationFile, wanted: &BTreeSet<Place>) -> Option<Option<Piece>> {
    let bare = without_transaction(&piece.text)?;
    if bare != piece.text {
        return Some(Some(piece.with(bare)));
    }
    for one in &file.statements {
        let Statement::AlterTable(alter) = &one.statement else { continue };
        let known = touch_of(one, &alter.name)
            .is_some_and(|touch| wanted.iter().any(|(table, _)| *table == touch.relation));
        let twins = (0..alter.actions.len()).filter(|at| twin(alter, *at).is_some()).count();
        if !known || alter.actions.len() - twins < 2 {
            continue;
        }
        let singles = single_actions(alter, piece.slice(one))?.join("\n");
        let parts = apart(piece, one.span);
        let own = |part: &Piece| part.text.contains(piece.slice(one));
        let text: Vec<String> =
            parts.iter().map(|part| if own(part) { singles.clone() } else { part.text.clone() }).collect();
        return Some(Some(piece.with(text.join("\n"))));
    }
    Some(None)
}

/// What a statement has to do with the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It changes a type.
    Type,
    /// The swap does what it does: it takes away what the change needs away, or brings it back.
    Absorbed,
    /// It takes away what reads the column, which goes on reading it until the swap.
    Away,
    /// It brings back what was taken away.
    Back,
    Other,
}

fn role(
    catalog: &Catalog,
    file: &MigrationFile,
    statement: &MigrationStatement,
    wanted: &BTreeSet<Place>,
) -> Role {
    let Statement::AlterTable(alter) = &statement.statement else { return Role::Other };
    let [action] = alter.actions.as_slice() else { return Role::Other };
    let table = alter.name.qualified();
    let own = |column: &String| wanted.contains(&(table.clone(), column.clone()));
    let absorbed = match action {
        AlterAction::SetType { column, .. } if own(column) => return Role::Type,
        AlterAction::SetDefault { column, .. } | AlterAction::DropDefault { column } => own(column),
        AlterAction::DropNotNull { column } => relaxes(file, &(table.clone(), column.clone())) && own(column),
        AlterAction::DropConstraint { name, .. } => {
            let back = file.statements.iter().filter(|other| other.span.start > statement.span.start);
            returns(catalog, &table, name, wanted, back)
        }
        AlterAction::AddConstraint { constraint, .. } => {
            let gone = file.statements.iter().any(|other| {
                other.span.end <= statement.span.start && drops(other, &table, &constraint.name)
            });
            gone && returns(catalog, &table, &constraint.name, wanted, std::iter::once(statement))
        }
        _ => false,
    };
    if absorbed { Role::Absorbed } else { Role::Other }
}

fn swap<'a>(
    deck: &Deck,
    catalog: &'a Catalog,
    piece: &Piece,
    file: &'a MigrationFile,
    wanted: &BTreeSet<Place>,
) -> Option<Swap<'a>> {
    let mut exchanges: Vec<Exchange<'a>> = Vec::new();
    for (statement, (alter, action)) in file.statements.iter().filter_map(|one| Some((one, single(one)?))) {
        let AlterAction::SetType { column, using, .. } = action else { continue };
        let place = (alter.name.qualified(), column.clone());
        let Some(table) = catalog.table(&place.0).filter(|_| wanted.contains(&place)) else { continue };
        let known = table.column(column)?;
        let (kept, through) = (deck.read.kept.get(&place), second(table, column));
        let back = |kept: &Kept| ddl::converted(&through, &kept.ty, &known.ty);
        exchanges.push(Exchange {
            table,
            from: column,
            back: kept.and_then(back),
            doubt: kept.and_then(|kept| kept.doubt.clone()),
            demands: kept.is_some_and(|kept| kept.demands),
            relaxes: relaxes(file, &place),
            through,
            to: column,
            ty: type_as_written(piece.slice(statement))?,
            using: using.clone(),
            ways: ways_of(table, known),
            default: default_after(file, &place).unwrap_or_else(|| known.default.clone()),
            refuses: false,
            behind: fired::last_before(catalog, table),
        });
    }
    let first = exchanges.first()?;
    let slug =
        format!("swap_{}", if exchanges.len() == 1 { first.to } else { first.table.name.name.as_str() });
    let (ahead, behind) = (Vec::new(), Vec::new());
    Some(Swap {
        catalog,
        exchanges,
        first: Vec::new(),
        types: Vec::new(),
        waits: None,
        slug,
        words: None,
        beside: Vec::new(),
        ahead,
        behind,
    })
}

/// Whether the file takes NOT NULL from the column. The swap does that: until then whoever writes it knows that it has a value.
fn relaxes(file: &MigrationFile, place: &Place) -> bool {
    let (table, column) = place;
    let changes = file.statements.iter().filter_map(|one| match &one.statement {
        Statement::AlterTable(alter) if alter.name.qualified() == *table => Some(&alter.actions),
        _ => None,
    });
    let changes = changes.flatten().filter_map(|action| match action {
        AlterAction::SetNotNull { column: name } if name == column => Some(false),
        AlterAction::DropNotNull { column: name } if name == column => Some(true),
        _ => None,
    });
    changes.reduce(|_, last| last).unwrap_or(false)
}

/// What the file makes of the column's default: the outer none where it leaves it.
pub(super) fn default_after(file: &MigrationFile, place: &Place) -> Option<Option<String>> {
    let (table, column) = place;
    let changes = file.statements.iter().filter_map(|one| match &one.statement {
        Statement::AlterTable(alter) if alter.name.qualified() == *table => Some(&alter.actions),
        _ => None,
    });
    let changes = changes.flatten().filter_map(|action| match action {
        AlterAction::SetDefault { column: name, expression } if name == column => {
            Some(Some(expression.clone()))
        }
        AlterAction::DropDefault { column: name } if name == column => Some(None),
        _ => None,
    });
    changes.reduce(|_, last| last)
}
