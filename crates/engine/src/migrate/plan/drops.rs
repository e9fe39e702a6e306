//! Columns, tables and indexes that go: each in a folder of its own, after everything else, marked with what it waits for.

mod index;
mod names;
mod users;

use pgsteward_model::catalog::{ConstraintKind, QName};
use pgsteward_model::effect::Touch;
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::MigrationStatement;
use pgsteward_model::place::ObjectKind;
use pgsteward_model::source::Span;
use pgsteward_model::statement::{AlterAction, AlterTable, Name, Statement};
use pgsteward_sql::{quote_ident, quote_qualified};

pub(super) use index::{as_unique, upserts};
pub(super) use names::clear;
pub(super) use users::next as with_users;

use super::deck::{Deck, unsettled};
use super::expand::{is_old, touch_of};
use super::pieces::{Piece, Stands, note, single_actions, stands, twin};
use crate::migrate::unused;

/// The rules that know who still asks for what is dropped.
const RULES: [&str; 2] = ["column-dropped", "table-dropped"];

/// The first piece with a drop that has to wait, and what it becomes.
pub(super) fn next(
    deck: &Deck,
    facts: &Facts,
    pieces: &[Piece],
    notes: &mut Vec<String>,
) -> Option<(usize, Vec<Piece>)> {
    relations(facts, pieces, notes).or_else(|| index::next(deck, facts, pieces, notes))
}

fn relations(facts: &Facts, pieces: &[Piece], notes: &mut Vec<String>) -> Option<(usize, Vec<Piece>)> {
    for (at, piece, file) in unsettled(facts, pieces) {
        for statement in &file.statements {
            let Some((what, touch, column)) = dropped(statement) else { continue };
            if let Some(name) = given_anew(facts, (at, statement), &touch.relation, column) {
                let table = touch.relation.display();
                let owner = column.map_or_else(|| table.clone(), |column| format!("{table}.{column}"));
                note(
                    notes,
                    format!(
                        "{owner} is dropped as it is written: a later statement gives its name to {name}"
                    ),
                );
                continue;
            }
            match stands(piece, file, statement, notes) {
                None => continue,
                Some(Stands::Among(parts)) => return Some((at, parts)),
                Some(Stands::Alone) => {}
            }
            let text = piece.slice(statement);
            if let Statement::AlterTable(alter) = &statement.statement
                && let Some(singles) = single_actions(alter, text)
            {
                return Some((at, singles.into_iter().map(|text| piece.with(text)).collect()));
            }
            let slug = format!("drop_{}", column.unwrap_or(&touch.relation.name));
            let after = format!("no running version of the application names {what} any more");
            let who = told(facts, &file.path, statement.span);
            let why = format!("Deploy it when {after}.{who}{}", markers(statement, touch, column));
            let drop = Piece { after: Some(after), ..Piece::settled(&slug, &why, &[text.to_owned()]) };
            let mut parts: Vec<Piece> = column.and_then(|column| relax(touch, column)).into_iter().collect();
            parts.push(drop);
            return Some((at, parts));
        }
    }
    None
}

/// What a statement drops that was there before this deploy: for people, the table, the column.
fn dropped(statement: &MigrationStatement) -> Option<(String, &Touch, Option<&str>)> {
    let old = |touch: &&Touch| is_old(touch) && touch.before.is_some();
    match &statement.statement {
        Statement::AlterTable(alter) => {
            let touch = touch_of(statement, &alter.name).filter(old)?;
            alter.actions.iter().enumerate().find_map(|(at, action)| match action {
                AlterAction::DropColumn { name, .. } if twin(alter, at).is_none() => {
                    let what = format!("\"{name}\" of \"{}\"", touch.relation.display());
                    Some((what, touch, Some(name.as_str())))
                }
                _ => None,
            })
        }
        Statement::Drop { kind: ObjectKind::Table, names, .. } => {
            let touch = names.iter().find_map(|name| touch_of(statement, name).filter(old))?;
            let names: Vec<String> = names.iter().map(|name| format!("\"{}\"", name.name)).collect();
            Some((names.join(", "), touch, None))
        }
        _ => None,
    }
}

/// What a later statement gives the name of a table or column to.
pub(super) fn given_anew(
    facts: &Facts,
    (at, statement): (usize, &MigrationStatement),
    relation: &QName,
    column: Option<&str>,
) -> Option<String> {
    let files = facts.history.as_ref().map_or(&[][..], |history| &history.files);
    let mut later = files.iter().enumerate().skip(at).flat_map(|(place, file)| {
        file.statements.iter().filter(move |other| (place, other.span.start) > (at, statement.span.start))
    });
    let same = |name: &Name| {
        name.name == relation.name && name.namespace.as_ref().is_none_or(|own| *own == relation.namespace)
    };
    let taken = |alter: &AlterTable, action: &AlterAction| match (action, column) {
        (AlterAction::RenameTable { to }, None) if *to == relation.name => {
            Some(format!("\"{}\"", alter.name.name))
        }
        (AlterAction::RenameColumn { from, to }, Some(column)) if same(&alter.name) && to == column => {
            Some(format!("\"{from}\""))
        }
        (AlterAction::AddColumn { column: added, .. }, Some(column)) => {
            (same(&alter.name) && added.column.name == column).then(|| "another column".to_owned())
        }
        _ => None,
    };
    later.find_map(|other| match (&other.statement, column) {
        (Statement::CreateTable(create), None) => same(&create.name).then(|| "another table".to_owned()),
        (Statement::CreateView { name, .. }, None) => same(name).then(|| "a view".to_owned()),
        (Statement::AlterTable(alter), _) => alter.actions.iter().find_map(|action| taken(alter, action)),
        _ => None,
    })
}

/// What deploy looks for before it runs the drop.
fn markers(statement: &MigrationStatement, touch: &Touch, column: Option<&str>) -> String {
    if let (Statement::Drop { names, .. }, None) = (&statement.statement, column) {
        let marker =
            |name: &Name| format!("\n{}", unused::marker(name.namespace.as_deref(), &[name.name.as_str()]));
        return names.iter().map(marker).collect();
    }
    let names: Vec<&str> = std::iter::once(touch.relation.name.as_str()).chain(column).collect();
    format!("\n{}", unused::marker(None, &names))
}

/// A version of the application that knows the column no more writes none, which must not fail meanwhile.
fn relax(touch: &Touch, column: &str) -> Option<Piece> {
    let table = touch.before.as_deref()?;
    let known = table.column(column)?;
    let of_key = table.constraints.iter().any(|constraint| match &constraint.kind {
        ConstraintKind::PrimaryKey { columns } => columns.iter().any(|name| name == column),
        _ => false,
    });
    let written_by_itself = known.default.is_some() || known.identity.is_some() || known.generated.is_some();
    if !known.not_null || written_by_itself || of_key {
        return None;
    }
    let statement = format!(
        "ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL",
        quote_qualified(&table.name),
        quote_ident(column)
    );
    let why = "Deploy it before the application that knows the column no more: its rows have no value there.";
    Some(Piece::settled(&format!("relax_{column}"), why, &[statement]))
}

/// What the code of this checkout says of it, as a sentence.
fn told(facts: &Facts, file: &str, span: Span) -> String {
    let findings =
        RULES.iter().filter_map(|id| pgsteward_rules::find(id)).flat_map(|rule| (rule.check)(facts));
    let mut about = findings.filter(|finding| {
        finding
            .at
            .file
            .as_ref()
            .is_some_and(|at| *at.file == *file && at.span.start <= span.end && span.start <= at.span.end)
    });
    let detail = about.next().map(|finding| finding.detail).unwrap_or_default();
    if detail.is_empty() { detail } else { format!("\n-- {}", detail.replace('\n', " ")) }
}
