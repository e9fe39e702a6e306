//! Indexes and unique constraints that go. Until what takes their place is built, queries still want them; and what keeps rows
//! apart is named by upserts of the version that runs (`ON CONFLICT (columns)` fails with 42P10 where no unique index is over
//! them), so it waits until no such version runs.
//! Source: PostgreSQL documentation, "INSERT" (ON CONFLICT Clause).

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Column, ConstraintKind, Index, QName, Table};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::statement::{AlterAction, AlterTable, Statement};
use pgsteward_sql::quote_qualified;

use super::super::deck::{Deck, unsettled};
use super::super::expand::{is_old, touch_of};
use super::super::pieces::{Piece, Stands, remark, single_actions, stands, twin};
use super::super::readers::speaks;
use super::super::several::uses;

/// Types that no b-tree orders, so that no second column of theirs has such an index.
const WITHOUT_ORDER: [&str; 9] = ["json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle"];

/// What a statement takes away.
struct Gone<'a> {
    table: &'a Table,
    index: &'a Index,
    /// Schema-qualified only where the statement has it so.
    sql: String,
}

/// The first piece with such a drop, and what it becomes.
pub(in super::super) fn next(
    deck: &Deck,
    facts: &Facts,
    pieces: &[Piece],
    notes: &mut Vec<String>,
) -> Option<(usize, Vec<Piece>)> {
    for (at, piece, file) in unsettled(facts, pieces).filter(|(_, piece, _)| !piece.late && !piece.waits()) {
        for statement in &file.statements {
            let gone = gone(statement, piece);
            if gone.is_empty() || gone.iter().any(|one| stays(facts, pieces, (at, statement), one)) {
                continue;
            }
            match stands(piece, file, statement, notes) {
                None => continue,
                Some(Stands::Among(parts)) => return Some((at, parts)),
                Some(Stands::Alone) => {}
            }
            if let Statement::AlterTable(alter) = &statement.statement
                && let Some(singles) = single_actions(alter, piece.slice(statement))
            {
                return Some((at, singles.into_iter().map(|text| piece.with(text)).collect()));
            }
            let last = deck.catalog_after(pieces, pieces.len());
            let apart = |one: &Gone<'_>| match last.table(&one.table.name) {
                Some(table) => table.indexes.iter().any(|other| as_unique(other, one.index)),
                None => false,
            };
            let part = |one: &Gone<'_>| match is_renamed(facts, (at, statement), one) {
                true => one.behind(piece),
                false => one.piece(piece, apart(one)),
            };
            return Some((at, gone.iter().map(part).collect()));
        }
    }
    None
}

/// The indexes that a statement drops and that were there before this deploy; none where one of them is not known.
fn gone<'a>(statement: &'a MigrationStatement, piece: &Piece) -> Vec<Gone<'a>> {
    let text = format!("{};\n", piece.slice(statement).trim());
    match &statement.statement {
        Statement::Drop { kind: ObjectKind::Index, names, cascade: false, .. } => {
            let known = names.iter().map(|name| {
                let mut touches = statement.effect.touches.iter().filter(|touch| is_old(touch));
                let (table, index) = touches.find_map(|touch| {
                    let table = touch.before.as_deref()?;
                    Some((table, table.index(&name.name)?))
                })?;
                let one = || {
                    format!(
                        "DROP INDEX {};\n",
                        quote_qualified(&QName::new(&table.name.namespace, &index.name))
                    )
                };
                Some(Gone { table, index, sql: if names.len() == 1 { text.clone() } else { one() } })
            });
            known.collect::<Option<Vec<_>>>().unwrap_or_default()
        }
        Statement::AlterTable(alter) => {
            let Some(table) = touch_of(statement, &alter.name).filter(|touch| is_old(touch)) else {
                return Vec::new();
            };
            let Some(table) = table.before.as_deref() else { return Vec::new() };
            // One that comes back in the same statement changes places with its successor.
            let back = |wanted: &str| {
                alter.actions.iter().any(
                    |action| matches!(action, AlterAction::AddConstraint { constraint, .. } if constraint.name == wanted),
                )
            };
            let unique = |action: &AlterAction| match action {
                AlterAction::DropConstraint { name, cascade: false, .. } if !back(name) => table
                    .constraint(name)
                    .filter(|constraint| matches!(constraint.kind, ConstraintKind::Unique { .. }))
                    .and_then(|_| table.index(name)),
                _ => None,
            };
            let index = alter.actions.iter().find_map(unique);
            index.map(|index| Gone { table, index, sql: text }).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Whether the drop is needed where it is written: its name is given anew, or no second column can have its like.
fn stays(
    facts: &Facts,
    pieces: &[Piece],
    (at, statement): (usize, &MigrationStatement),
    one: &Gone<'_>,
) -> bool {
    let rest = pieces[at].text.get(statement.span.end..).unwrap_or("");
    let mut later = pieces.iter().skip(at + 1).map(|piece| piece.text.as_str()).chain([rest]);
    if later.any(|text| speaks(text, &one.index.name)) {
        return true;
    }
    let files: &[MigrationFile] = facts.history.as_ref().map_or(&[], |history| &history.files);
    files.iter().flat_map(|file| &file.statements).any(|other| match &other.statement {
        // A longer name is cut where it is read, not in the text.
        Statement::CreateIndex(create) => create.index.name == one.index.name,
        Statement::AlterTable(alter) => {
            touch_of(other, &alter.name).is_some_and(|touch| touch.relation == one.table.name)
                && (0..alter.actions.len()).any(|place| one.goes_with(alter, place))
        }
        Statement::AlterEnum { name, .. } => {
            let of_type = |column: &&Column| column.ty.namespace.is_some() && column.ty.name == name.name;
            !one.index.unique
                && one.table.columns.iter().filter(of_type).any(|column| one.names(&column.name))
        }
        _ => false,
    })
}

/// Whether an earlier statement gives one of its columns the name that it knows it by: what it is over has both names for as long
/// as the old one is used.
fn is_renamed(facts: &Facts, (at, statement): (usize, &MigrationStatement), one: &Gone<'_>) -> bool {
    let files: &[MigrationFile] = facts.history.as_ref().map_or(&[], |history| &history.files);
    let mut earlier = files.iter().enumerate().take(at + 1).flat_map(|(place, file)| {
        file.statements.iter().filter(move |other| (place, other.span.start) < (at, statement.span.start))
    });
    earlier.any(|other| match &other.statement {
        Statement::AlterTable(alter) => {
            let renames = |action: &AlterAction| matches!(action, AlterAction::RenameColumn { to, .. } if one.names(to));
            touch_of(other, &alter.name).is_some_and(|touch| is_old(touch) && touch.relation == one.table.name)
                && alter.actions.iter().any(renames)
        }
        _ => false,
    })
}

/// Whether rows that the one keeps apart the other does as well.
pub(in super::super) fn as_unique(other: &Index, one: &Index) -> bool {
    let keys = |index: &Index| -> Option<BTreeSet<String>> {
        index.keys.iter().map(|key| key.column.clone().or_else(|| key.expression.clone())).collect()
    };
    other.unique && other.valid && other.predicate == one.predicate && keys(other) == keys(one)
}

/// What the application has to be done with before a unique index goes, and what the folder says in which it does.
pub(in super::super) fn upserts(table: &Table, index: &Index) -> (String, String) {
    let keys = index.keys.iter().filter_map(|key| key.column.as_deref());
    let keys: Vec<String> = keys.map(|name| format!("\"{name}\"")).collect();
    let what = if is_plain(index) { keys.join(", ") } else { format!("what \"{}\" is over", index.name) };
    let after = format!(
        "no running version of the application counts on {what} being unique in \"{}\" (an upsert by it, ON CONFLICT)",
        table.name.display()
    );
    let why = format!(
        "Deploy it when {after}. Until then a second row of such values fails, of the new version as well (23505)."
    );
    (after, why)
}

fn is_plain(index: &Index) -> bool {
    index.predicate.is_none() && index.keys.iter().all(|key| key.column.is_some())
}

impl Gone<'_> {
    /// Whether a second column would need an index like it, and has none or needs none, or the column is lost with it.
    fn goes_with(&self, alter: &AlterTable, at: usize) -> bool {
        match &alter.actions[at] {
            AlterAction::SetType { column, ty, .. } => {
                let ordered = !WITHOUT_ORDER.contains(&ty.name.as_str()) && self.index.method == "btree";
                self.names(column) && !(self.index.unique && ordered && is_plain(self.index))
            }
            AlterAction::RenameColumn { from, .. } => !self.index.unique && self.names(from),
            AlterAction::DropColumn { name, .. } => self.names(name) && twin(alter, at).is_some(),
            _ => false,
        }
    }

    fn names(&self, column: &str) -> bool {
        uses(self.index, column)
    }

    /// Goes when the old name of its column has gone.
    fn behind(&self, piece: &Piece) -> Piece {
        let slug = format!("drop_{}", self.index.name);
        let why = "Deploy it when the folders before it are: until then the index serves the old name of its column, too.";
        Piece { slug, behind: true, late: true, ..piece.with(format!("{}{}", remark(why), self.sql)) }
    }

    /// `kept`: another one keeps the same rows apart.
    fn piece(&self, piece: &Piece, kept: bool) -> Piece {
        if !self.index.unique || kept {
            return Piece { late: true, ..piece.with(self.sql.clone()) };
        }
        let (after, why) = upserts(self.table, self.index);
        let text = format!("{}{}", remark(&why), self.sql);
        Piece { slug: format!("drop_{}", self.index.name), after: Some(after), ..piece.with(text) }
    }
}
