//! Columns of one index of which a migration changes several: of second columns that came one after the other, each would want an
//! index with the other. Names that belong together are given together, and names behind types, since what becomes of a type is over
//! before the application has anything to do.

use pgsteward_model::catalog::{Index, IndexKey, Table};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::source::Span;
use pgsteward_model::statement::{AlterAction, Statement};

use super::deck::{Deck, unsettled};
use super::expand::{is_old, touch_of};
use super::pieces::{Piece, Stands, stand, taken_out};
use super::readers;

/// The first piece that gives columns names while a later one changes the type of others that an index has beside them: what becomes
/// of the types is over before the application has anything to do, so the names come behind it.
pub(super) fn behind_types(
    facts: &Facts,
    pieces: &[Piece],
    notes: &mut Vec<String>,
) -> Option<(usize, Vec<Piece>)> {
    let files = facts.history.as_ref().map_or(&[][..], |history| &history.files);
    for (at, piece, file) in unsettled(facts, pieces).filter(|(_, piece, _)| !piece.late) {
        for (place, statement) in file.statements.iter().enumerate() {
            let Statement::AlterTable(alter) = &statement.statement else { continue };
            let touch = touch_of(statement, &alter.name).filter(|touch| is_old(touch));
            let Some(table) = touch.and_then(|touch| touch.before.as_deref()) else { continue };
            let [AlterAction::RenameColumn { .. }] = alter.actions.as_slice() else { continue };
            let renames = together(table, file, place);
            let run = place..place + renames.len();
            let of_file = file.statements[run.end..].iter();
            let mut later = of_file.chain(files[at + 1..].iter().flat_map(|file| &file.statements));
            let beside = |column: &str| {
                let both =
                    |index: &Index| uses(index, column) && renames.iter().any(|(from, _)| uses(index, from));
                table.indexes.iter().any(both)
            };
            let changes = later.any(|other| match &other.statement {
                Statement::AlterTable(alter) => {
                    let same = touch_of(other, &alter.name).is_some_and(|touch| touch.relation == table.name);
                    let typed = |action: &AlterAction| matches!(action, AlterAction::SetType { column, .. } if beside(column));
                    same && alter.actions.iter().any(typed)
                }
                _ => false,
            });
            let end = file.statements.get(run.end - 1).map_or(0, |last| last.span.end);
            let rest = piece.text.get(end..).unwrap_or("");
            let mut texts = pieces.iter().skip(at + 1).map(|piece| piece.text.as_str()).chain([rest]);
            let named = |text: &str| {
                renames.iter().any(|(from, to)| readers::speaks(text, from) || readers::speaks(text, to))
            };
            if !changes || texts.any(named) {
                continue;
            }
            return match stand(piece, file, run, notes) {
                None => continue,
                Some(Stands::Among(parts)) => Some((at, parts)),
                Some(Stands::Alone) => Some((at, vec![Piece { late: true, ..piece.clone() }])),
            };
        }
    }
    None
}

/// Puts a later name of a column beside the one that an index has it with, where nothing between the two speaks of it. Whether there
/// was one.
pub(super) fn gather(deck: &Deck, pieces: &mut Vec<Piece>) -> bool {
    let facts = deck.facts(pieces);
    let Some((at, mut end, from, span)) = scattered(&facts, pieces) else { return false };
    if at == from {
        // What is cut off a piece has no space before it.
        end -= pieces[at].text.len() - pieces[at].text.trim_start().len();
    }
    let (moved, rest) = taken_out(&pieces[from], span);
    pieces.splice(from..=from, rest);
    let text = &pieces[at].text;
    let (before, after) = (text.get(..end).unwrap_or("").trim_end(), text.get(end..).unwrap_or(""));
    let after = after.trim_start().strip_prefix(';').unwrap_or(after);
    let text = format!("{before};\n{}\n{}", moved.text.trim(), after.trim_start());
    pieces[at] = pieces[at].with(text);
    true
}

/// Piece and end of the names that are given together, and piece and place of the one that may join them.
fn scattered(facts: &Facts, pieces: &[Piece]) -> Option<(usize, usize, usize, Span)> {
    let files = facts.history.as_ref().map_or(&[][..], |history| &history.files);
    for (at, piece, file) in unsettled(facts, pieces) {
        for (place, statement) in file.statements.iter().enumerate() {
            let Some((table, ..)) = rename(statement) else { continue };
            let renames = together(table, file, place);
            let run = place + renames.len();
            let end = file.statements.get(run - 1)?.span.end;
            for (from, later) in pieces.iter().enumerate().skip(at).filter(|(_, later)| !later.settled) {
                let Some(others) = files.get(from).map(|file| &file.statements) else { continue };
                // The one right behind is taken anyway.
                for other in others.iter().skip(if from == at { run + 1 } else { 0 }) {
                    let Some((_, old, new)) = rename(other).filter(|(on, ..)| on.name == table.name) else {
                        continue;
                    };
                    let free = table.column(old).is_some() && table.column(new).is_none();
                    let shares =
                        |index: &Index| uses(index, old) && renames.iter().any(|(from, _)| uses(index, from));
                    if !free || !table.indexes.iter().any(shares) {
                        continue;
                    }
                    let begin = if from == at { end } else { 0 };
                    let near = later.text.get(begin..other.span.start).unwrap_or("");
                    let own = if from == at { "" } else { piece.text.get(end..).unwrap_or("") };
                    let between =
                        pieces.get(at + 1..from).unwrap_or_default().iter().map(|piece| piece.text.as_str());
                    let speaks = |text: &str| readers::speaks(text, old) || readers::speaks(text, new);
                    if !between.chain([own, near]).any(speaks) {
                        return Some((at, end, from, other.span));
                    }
                }
            }
        }
    }
    None
}

/// The table, the old name and the new one, where a statement gives a column of an older table another name and nothing else.
fn rename(statement: &MigrationStatement) -> Option<(&Table, &str, &str)> {
    let Statement::AlterTable(alter) = &statement.statement else { return None };
    let touch = touch_of(statement, &alter.name).filter(|touch| is_old(touch))?;
    match alter.actions.as_slice() {
        [AlterAction::RenameColumn { from, to }] => Some((touch.before.as_deref()?, from, to)),
        _ => None,
    }
}

/// The new and old names of the column that a statement renames, and of those that the statements right behind it rename, up to the
/// last one that is in an index with one before it: of two second columns, one after the other, each would want an index with the
/// other.
pub(super) fn together(table: &Table, file: &MigrationFile, place: usize) -> Vec<(String, String)> {
    let mut renames: Vec<(String, String)> = Vec::new();
    for statement in &file.statements[place..] {
        let Statement::AlterTable(alter) = &statement.statement else { break };
        let Some(touch) = touch_of(statement, &alter.name) else { break };
        let rename = alter.actions.iter().find_map(|action| match action {
            AlterAction::RenameColumn { from, to } => Some((from.clone(), to.clone())),
            _ => None,
        });
        let Some((from, to)) = rename else { break };
        let apart = alter.actions.len() == 1 && touch.relation == table.name;
        let new = table.column(&from).is_some() && table.column(&to).is_none();
        let joins = apart && new;
        if !(joins || renames.is_empty()) {
            break;
        }
        renames.push((from, to));
    }
    let shared = |index: &Index, at: usize| {
        uses(index, &renames[at].0) && renames[..at].iter().any(|(from, _)| uses(index, from))
    };
    let last = (1..renames.len()).rfind(|at| table.indexes.iter().any(|index| shared(index, *at)));
    renames.truncate(last.map_or(1, |last| last + 1));
    renames
}

/// Whether the index stands on the column.
pub(super) fn uses(index: &Index, column: &str) -> bool {
    let key = |key: &IndexKey| {
        let known = key.column.as_deref() == Some(column);
        known || key.expression.as_deref().is_some_and(|text| readers::speaks(text, column))
    };
    index.keys.iter().any(key)
        || index.include.iter().any(|name| name == column)
        || index.predicate.as_deref().is_some_and(|text| readers::speaks(text, column))
}
