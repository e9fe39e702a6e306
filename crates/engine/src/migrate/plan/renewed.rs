//! Indexes and keys that go and are made again under the same name, with another order, another condition or other columns. As it
//! is written, nobody has the old one nor the new one until that is built. So the new one is built beside the old one, under a second
//! name, and they change places in one transaction.

use pgsteward_model::catalog::{Constraint, ConstraintKind, Index, Table, TableKind};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::statement::{AlterAction, AlterTable, Statement};
use pgsteward_rules::migration::alter_parts;
use pgsteward_sql::{quote_ident, quote_qualified};

use super::deck::Deck;
use super::drops::{as_unique, upserts};
use super::expand::{is_old, touch_of};
use super::pieces::{Piece, Stands, stands, twin};
use super::readers::speaks;
use super::rekeyed;
use super::returning::single;
use super::several::uses;
use super::swap::temporary;
use super::upserts::told_of_race;

/// A place among the pieces, and the statement there.
type At<'a> = (usize, &'a MigrationStatement);

/// What goes and what takes its name.
struct Renewed<'a> {
    table: &'a Table,
    old: &'a Index,
    gone: At<'a>,
    made: At<'a>,
    new: New<'a>,
}

enum New<'a> {
    Index(&'a Index),
    Key(&'a Constraint),
}

/// Makes of the first such pair what it is to become, or takes it apart from what stands around it. Whether there was one.
pub(super) fn renew(deck: &Deck, pieces: &mut Vec<Piece>, notes: &mut Vec<String>) -> bool {
    let facts = deck.facts(pieces);
    if let Some((at, parts)) = rekeyed::apart(&facts, pieces, notes) {
        pieces.splice(at..=at, parts);
        return true;
    }
    let files = files(&facts);
    let found: Vec<Renewed<'_>> =
        statements(&facts).filter_map(|gone| Renewed::of(&facts, pieces, gone)).collect();
    for renewed in found {
        for (at, statement) in [renewed.made, renewed.gone] {
            match stands(&pieces[at], &files[at], statement, notes) {
                None => break,
                Some(Stands::Among(parts)) => {
                    pieces.splice(at..=at, parts);
                    return true;
                }
                Some(Stands::Alone) if at == renewed.gone.0 => {
                    let Some((own, last)) = renewed.parts(deck, pieces) else { break };
                    let (from, to) = (renewed.gone.0, renewed.made.0);
                    pieces[to] = own;
                    pieces.extend(last);
                    pieces.remove(from);
                    return true;
                }
                Some(Stands::Alone) => {}
            }
        }
    }
    false
}

fn files(facts: &Facts) -> &[MigrationFile] {
    facts.history.as_ref().map_or(&[], |history| &history.files)
}

fn statements(facts: &Facts) -> impl Iterator<Item = At<'_>> {
    files(facts).iter().enumerate().flat_map(|(at, file)| file.statements.iter().map(move |one| (at, one)))
}

/// The old table that a statement alters.
pub(super) fn altered(statement: &MigrationStatement) -> Option<(&AlterTable, &Table)> {
    let Statement::AlterTable(alter) = &statement.statement else { return None };
    let touch = touch_of(statement, &alter.name).filter(|touch| is_old(touch))?;
    Some((alter, touch.before.as_deref()?))
}

/// The columns of a key.
pub(super) fn key_columns(constraint: &Constraint) -> Option<&[String]> {
    match &constraint.kind {
        ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns, .. } => Some(columns),
        _ => None,
    }
}

/// The key that an action takes away.
pub(super) fn key_gone<'a>(table: &'a Table, action: &AlterAction) -> Option<&'a Constraint> {
    match action {
        AlterAction::DropConstraint { name, cascade: false, .. } => {
            table.constraint(name).filter(|one| key_columns(one).is_some())
        }
        _ => None,
    }
}

/// The key that an action makes, index and all.
pub(super) fn key_made(action: &AlterAction) -> Option<&Constraint> {
    match action {
        AlterAction::AddConstraint { constraint, using_index: None, .. } => {
            key_columns(constraint).map(|_| constraint)
        }
        _ => None,
    }
}

/// Whether a migration changes a column so that an index over it follows it, or goes with it.
pub(super) fn moves(facts: &Facts, table: &Table, named: &dyn Fn(&str) -> bool) -> bool {
    statements(facts).any(|(_, statement)| match &statement.statement {
        Statement::AlterTable(alter) => {
            let own = touch_of(statement, &alter.name).is_some_and(|touch| touch.relation == table.name);
            let moved = |(at, action): (usize, &AlterAction)| match action {
                AlterAction::SetType { column, .. } => named(column),
                AlterAction::RenameColumn { from, to } => named(from) || named(to),
                AlterAction::DropColumn { name, .. } => named(name) && twin(alter, at).is_some(),
                AlterAction::RenameTable { .. } | AlterAction::SetSchema { .. } => true,
                _ => false,
            };
            own && alter.actions.iter().enumerate().any(moved)
        }
        Statement::AlterEnum { name, .. } => {
            table.columns.iter().any(|column| column.ty.name == name.name && named(&column.name))
        }
        _ => false,
    })
}

impl<'a> Renewed<'a> {
    /// `gone` is the statement that takes something away. None where it cannot stay until its successor is built.
    fn of(facts: &'a Facts, pieces: &[Piece], gone: At<'a>) -> Option<Renewed<'a>> {
        let (table, old) = index_gone(gone.1)?;
        let later = |(at, other): &At<'_>| (*at, other.span.start) > (gone.0, gone.1.span.start);
        let (made, new) =
            statements(facts).filter(later).find_map(|made| Some((made, new_of(made.1, table, old)?)))?;
        let renewed = Renewed { table, old, gone, made, new };
        let free = table.kind == TableKind::Ordinary
            && !pieces[gone.0].settled
            && !pieces[gone.0].waits()
            && !pieces[made.0].settled
            && !moves(facts, table, &|column| renewed.is_over(column))
            && !statements(facts).any(|one| renewed.is_needed_by(pieces, one));
        free.then_some(renewed)
    }

    fn is_over(&self, column: &str) -> bool {
        let of_new = match &self.new {
            New::Index(index) => uses(index, column),
            New::Key(key) => {
                key_columns(key).is_some_and(|columns| columns.iter().any(|name| name == column))
            }
        };
        of_new || uses(self.old, column)
    }

    /// Whether a statement wants the old one gone, or its successor there under its name.
    fn is_needed_by(&self, pieces: &[Piece], (at, statement): At<'_>) -> bool {
        let same = |(place, other): At<'_>| place == at && other.span == statement.span;
        if same(self.gone) || same(self.made) {
            return false;
        }
        let place = (at, statement.span.start);
        let between =
            place > (self.gone.0, self.gone.1.span.start) && place < (self.made.0, self.made.1.span.start);
        // What keeps rows apart may be in the way of what is written meanwhile.
        let writes = matches!(
            &statement.statement,
            Statement::Insert { .. }
                | Statement::Update { .. }
                | Statement::Delete { .. }
                | Statement::Merge { .. }
                | Statement::Copy { .. }
                | Statement::Truncate { .. }
                | Statement::Do { .. }
                | Statement::Call { .. }
                | Statement::Select { .. }
        );
        let drops = |alter: &AlterTable| {
            let gone = |action: &AlterAction| matches!(action, AlterAction::DropColumn { name, .. } if uses(self.old, name));
            touch_of(statement, &alter.name).is_some_and(|touch| touch.relation == self.table.name)
                && matches!(self.new, New::Index(_))
                && alter.actions.iter().any(gone)
        };
        let altered = matches!(&statement.statement, Statement::AlterTable(alter) if drops(alter));
        altered
            || self.old.unique && (between && writes || refers_to(statement, self.table))
            || speaks(pieces[at].slice(statement), &self.old.name)
    }

    /// What the statement that makes the successor becomes, and what the two change places by.
    fn parts(&self, deck: &Deck, pieces: &[Piece]) -> Option<(Piece, Option<Piece>)> {
        let (to, statement) = self.made;
        let text = pieces[to].slice(statement);
        let new = match self.new {
            New::Index(new) => new,
            New::Key(_) => {
                let gone = pieces[self.gone.0].slice(self.gone.1);
                let ((_, gone), (head, made)) = (alter_parts(gone, 1)?, alter_parts(text, 1)?);
                return Some((
                    pieces[to].with(format!("{head} {},\n{};\n", gone.first()?, made.first()?)),
                    None,
                ));
            }
        };
        let second = temporary(&new.name);
        if self.table.index(&second).is_some() {
            return None;
        }
        let mut whole = pieces[to].text.clone();
        whole.replace_range(statement.span.start..statement.span.end, &under_name(text, new, &second)?);
        let of = |name: &str| {
            quote_qualified(&pgsteward_model::catalog::QName::new(&self.table.name.namespace, name))
        };
        let swap = [
            format!("DROP INDEX {}", of(&self.old.name)),
            format!("ALTER INDEX {} RENAME TO {}", of(&second), quote_ident(&new.name)),
        ];
        let slug = format!("swap_{}", new.name);
        if self.old.unique && new.unique {
            whole = format!("{}\n{whole}", told_of_race(self.table, self.old, &slug, &second));
        }
        let last = deck.catalog_after(pieces, pieces.len());
        let apart = !self.old.unique || is_kept(last.table(&self.table.name), self.old);
        let last = if apart {
            let why = "The new index takes the name of the old one, which served queries until now.";
            Piece { late: true, ..Piece::settled(&slug, why, &swap) }
        } else {
            let (after, why) = upserts(self.table, self.old);
            Piece { after: Some(after), ..Piece::settled(&slug, &why, &swap) }
        };
        Some((pieces[to].with(whole), Some(last)))
    }
}

/// Whether a unique index of the table keeps the same rows apart.
pub(super) fn is_kept(table: Option<&Table>, old: &Index) -> bool {
    table.is_some_and(|table| table.indexes.iter().any(|other| as_unique(other, old)))
}

/// The index that a statement takes away and nothing else, alone or with the key that it is of.
fn index_gone(statement: &MigrationStatement) -> Option<(&Table, &Index)> {
    match &statement.statement {
        Statement::Drop { kind: ObjectKind::Index, names, cascade: false, .. } => {
            let [name] = names.as_slice() else { return None };
            let mut touches = statement.effect.touches.iter().filter(|touch| is_old(touch));
            touches.find_map(|touch| {
                let table = touch.before.as_deref()?;
                Some((table, table.index(&name.name)?))
            })
        }
        Statement::AlterTable(_) => {
            let (table, (_, action)) = (altered(statement)?.1, single(statement)?);
            Some((table, table.index(&key_gone(table, action)?.name)?))
        }
        _ => None,
    }
}

/// What a statement makes under the name of the index that went, of the same kind.
fn new_of<'a>(statement: &'a MigrationStatement, table: &Table, old: &Index) -> Option<New<'a>> {
    match &statement.statement {
        Statement::CreateIndex(create) => {
            let own = touch_of(statement, &create.table).is_some_and(|touch| touch.relation == table.name);
            let plain = !create.if_not_exists && !create.only && old.constraint.is_none();
            (own && plain && create.index.name == old.name).then_some(New::Index(&create.index))
        }
        Statement::AlterTable(alter) => {
            let own = touch_of(statement, &alter.name).is_some_and(|touch| touch.relation == table.name);
            let key = key_made(single(statement)?.1)?;
            (own && old.constraint.is_some() && key.name == old.name).then_some(New::Key(key))
        }
        _ => None,
    }
}

/// Whether the statement makes a foreign key to the table, which may stand on either index.
fn refers_to(statement: &MigrationStatement, table: &Table) -> bool {
    let refers = |one: &Constraint| matches!(&one.kind, ConstraintKind::ForeignKey(key) if key.references == table.name);
    match &statement.statement {
        Statement::AlterTable(alter) => alter.actions.iter().any(|action| match action {
            AlterAction::AddConstraint { constraint, .. } => refers(constraint),
            AlterAction::AddColumn { column, .. } => column.constraints.iter().any(refers),
            _ => false,
        }),
        Statement::CreateTable(create) => create.table.constraints.iter().any(refers),
        _ => false,
    }
}

/// The statement with another name for its index; none where what comes out is not the same but for that.
fn under_name(text: &str, index: &Index, second: &str) -> Option<String> {
    let always = format!("\"{}\"", index.name.replace('"', "\"\""));
    let renamed = [always, quote_ident(&index.name)].into_iter().find_map(|written| {
        let at = text.find(&written)?;
        let mut renamed = text.to_owned();
        renamed.replace_range(at..at + written.len(), &quote_ident(second));
        Some(renamed)
    })?;
    let parsed = pgsteward_sql::parse(&renamed);
    let wanted = Index { name: second.to_owned(), ..index.clone() };
    match parsed.statements.as_slice() {
        [one] => match &one.statement {
            Statement::CreateIndex(create) if create.index == wanted => Some(renamed),
            _ => None,
        },
        _ => None,
    }
}
