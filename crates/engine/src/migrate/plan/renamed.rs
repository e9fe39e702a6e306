//! A column that a migration gives another name, and a type, default or NOT NULL besides: the name comes last, as if it were a
//! migration of its own. The other way round a trigger would stand between two columns of different types or defaults for as long
//! as an old version runs.

use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::statement::{AlterAction, Statement};
use pgsteward_sql::rename_column_in_expression;

use super::deck::Deck;
use super::expand::{is_old, touch_of};
use super::pieces::Piece;
use super::readers::speaks;
use super::recreated::after;
use super::reworded::Reworded;

/// The migration with what else changes of renamed columns ahead of their names, and what the report says of it. None where
/// there is none.
pub(super) fn name_last(deck: &Deck, script: &str) -> Option<(String, Vec<String>)> {
    let (mut text, mut notes) = (script.to_owned(), Vec::new());
    while let Some((next, told)) = next(deck, &text) {
        text = next;
        notes.push(told);
    }
    (!notes.is_empty()).then_some((text, notes))
}

fn next(deck: &Deck, script: &str) -> Option<(String, String)> {
    let facts = deck.facts(&[Piece::new("", script)]);
    let file = facts.history.as_ref()?.files.first()?;
    file.statements.iter().enumerate().find_map(|(at, statement)| {
        let Statement::AlterTable(alter) = &statement.statement else { return None };
        let [AlterAction::RenameColumn { from, to }] = alter.actions.as_slice() else { return None };
        let touch = touch_of(statement, &alter.name).filter(|touch| is_old(touch))?;
        let table = touch.before.as_deref()?;
        table.column(from)?;
        let later = file.statements.get(at + 1..)?;
        let own = |one: &MigrationStatement| matches!(&one.statement, Statement::AlterTable(other) if other.name == alter.name);
        let slice = |one: &MigrationStatement| script.get(one.span.start..one.span.end).unwrap_or("");
        let last = later.iter().rposition(|one| own(one) && changes(one, to).next().is_some())?;
        let between = later.get(..=last)?;
        let mut text = Reworded::new(script);
        text.leave_out(statement);
        for (place, one) in between.iter().enumerate() {
            let on_table = match &one.statement {
                Statement::CreateIndex(create) => create.table == alter.name,
                _ => own(one),
            };
            if speaks(slice(one), from) || !on_table && speaks(slice(one), to) {
                return None;
            }
            let mut sql = vec![rename_column_in_expression(slice(one), to, from).into_owned()];
            sql.extend((place == last).then(|| slice(statement).to_owned()));
            text.replace(one, &sql);
        }
        let text = text.done();
        // What else has one of the names would be another statement now.
        if !same_end(deck, file, &text) {
            return None;
        }
        let shown = table.name.display();
        let mut changes = between.iter().filter(|one| own(one)).flat_map(|one| changes(one, to));
        let retyped = changes.any(|one| matches!(one, AlterAction::SetType { .. }));
        // A default of the parent is not that of its partitions here, and without a type the two columns stay alike.
        if table.partitioning.is_some() && !retyped {
            return None;
        }
        let meanwhile = match retyped {
            true => format!(
                ": from its swap to the fill of \"{to}\" a version of the application has to know the new type under the old name"
            ),
            false => String::new(),
        };
        let told = format!("{shown}.{from} is changed first and gets the name \"{to}\" then{meanwhile}");
        Some((text, told))
    })
}

/// What the statement changes of the column.
fn changes<'a>(statement: &'a MigrationStatement, name: &'a str) -> impl Iterator<Item = &'a AlterAction> {
    let actions = match &statement.statement {
        Statement::AlterTable(alter) => alter.actions.as_slice(),
        _ => &[],
    };
    actions.iter().filter(move |action| match action {
        AlterAction::SetType { column, .. }
        | AlterAction::SetDefault { column, .. }
        | AlterAction::DropDefault { column }
        | AlterAction::SetNotNull { column }
        | AlterAction::DropNotNull { column } => column == name,
        _ => false,
    })
}

/// Whether the text ends where the file does.
fn same_end(deck: &Deck, file: &MigrationFile, text: &str) -> bool {
    let facts = deck.facts(&[Piece::new("", text)]);
    let Some(other) = facts.history.as_ref().and_then(|history| history.files.first()) else { return false };
    let end = |file: &MigrationFile| after(deck.catalog.clone(), &file.statements).tables;
    other.errors.is_empty() && end(file) == end(other)
}
