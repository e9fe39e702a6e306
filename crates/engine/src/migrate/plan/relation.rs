//! A table that gets another name: for as long as an old version of the application runs, a view has the old one.
//! PostgreSQL takes inserts, updates and deletes of such a view for those of its table.

use pgsteward_model::catalog::{QName, Table, TableKind};
use pgsteward_model::effect::Touch;
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::MigrationStatement;
use pgsteward_model::statement::{AlterAction, Name, Statement};
use pgsteward_sql::{quote_ident, quote_literal};

use super::deck::unsettled;
use super::expand::{is_old, touch_of};
use super::pieces::{Piece, Stands, note, script, stands};
use crate::migrate::belongings::of_table;
use crate::migrate::unused;

/// The first piece that renames a table, and what it becomes.
pub(super) fn next(facts: &Facts, pieces: &[Piece], notes: &mut Vec<String>) -> Option<(usize, Vec<Piece>)> {
    for (at, piece, file) in unsettled(facts, pieces) {
        for statement in &file.statements {
            let Statement::AlterTable(alter) = &statement.statement else { continue };
            let [AlterAction::RenameTable { to }] = alter.actions.as_slice() else { continue };
            let Some(touch) = touch_of(statement, &alter.name).filter(|touch| is_old(touch)) else {
                continue;
            };
            let Some(table) = touch.before.as_deref() else { continue };
            if let Some(reason) = obstacle(table).or_else(|| retyped(facts, touch, to)) {
                note(notes, format!("{} is renamed as it is written: {reason}", table.name.display()));
                continue;
            }
            match stands(piece, file, statement, notes) {
                None => continue,
                Some(Stands::Among(parts)) => return Some((at, parts)),
                Some(Stands::Alone) => {}
            }
            let text = piece.slice(statement);
            return Some((at, parts(table, &alter.name, to, text)));
        }
    }
    None
}

fn parts(table: &Table, old: &Name, new: &str, rename: &str) -> Vec<Piece> {
    let named = |name: &str| match &old.namespace {
        Some(namespace) => format!("{}.{}", quote_ident(namespace), quote_ident(name)),
        None => quote_ident(name),
    };
    let (first, last) = (named(&old.name), named(new));
    let view = |columns: &str| {
        let mut sql = vec![format!("CREATE VIEW {first} AS SELECT {columns} FROM {last}")];
        sql.extend(of_table(&last, &first));
        sql
    };
    let mut statements = vec![without_row_security(&first), rename.to_owned()];
    statements.extend(view("*"));
    let columns: Vec<String> = table.columns.iter().map(|column| quote_ident(&column.name)).collect();
    let expand = Piece::settled(
        &format!("rename_{}", old.name),
        "The old name becomes a view of the table, which is read and written as before. Both versions of the application may run.",
        &statements,
    );
    let after = format!("no running version of the application names \"{}\" any more", old.name);
    let why = format!("Deploy it when {after}.\n{}", unused::marker(old.namespace.as_deref(), &[&old.name]));
    let drop = format!("DROP VIEW {first}");
    let contract = Piece {
        after: Some(after),
        renamed: Some((old.name.clone(), new.to_owned())),
        // The table may have got columns since, which the view has not.
        down: Some(script("The old name is a view of the table again.", &view(&columns.join(", ")))),
        ..Piece::settled(&format!("drop_view_{}", old.name), &why, &[drop])
    };
    vec![expand, contract]
}

/// Fails where hands switched row security on: it would ask nobody who reads the view.
fn without_row_security(table: &str) -> String {
    let on = quote_literal(table);
    format!(
        "DO $secured$\nBEGIN\n  IF (SELECT relrowsecurity FROM pg_catalog.pg_class WHERE oid = {on}::regclass) THEN\n    \
         RAISE EXCEPTION '% has row security, which a view of its old name would go past', {on}\n      \
         USING HINT = 'rename it in a migration of its own, as it was written, while no version of the application runs that names it';\n  \
         END IF;\nEND\n$secured$"
    )
}

/// What was taken out of the order because it waits knows the table by its old name, which is gone when it runs.
pub(super) fn follow(pieces: &mut [Piece]) {
    for at in 0..pieces.len() {
        let Some((old, new)) = pieces[at].renamed.clone() else { continue };
        let always = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        for piece in pieces[at + 1..].iter_mut().filter(|piece| piece.waits()) {
            for (old, new) in [(always(&old), always(&new)), (quote_ident(&old), quote_ident(&new))] {
                let statements = ["ALTER TABLE ", "ALTER TABLE public.", " ON ", " ON public."];
                let statements =
                    statements.iter().flat_map(|place| [" ", "\n", ";"].map(|end| (*place, end)));
                // A constant is a name only where it is cast to one.
                let constants = ["'", "'public."].map(|place| (place, "'::regclass"));
                for (place, end) in statements.chain(constants) {
                    let (from, to) = (format!("{place}{old}{end}"), format!("{place}{new}{end}"));
                    piece.text = piece.text.replace(&from, &to);
                }
            }
        }
    }
}

/// The table as it was before an earlier statement gave it its name.
pub(super) fn renamed<'a>(
    facts: &'a Facts,
    (at, statement): (usize, &MigrationStatement),
    table: &QName,
) -> Option<&'a Touch> {
    let files = facts.history.as_ref().map_or(&[][..], |history| &history.files);
    let mut earlier = files.iter().enumerate().take(at + 1).flat_map(|(place, file)| {
        file.statements.iter().filter(move |other| (place, other.span.start) < (at, statement.span.start))
    });
    earlier.find_map(|other| match &other.statement {
        Statement::AlterTable(alter) => touch_of(other, &alter.name).filter(|touch| {
            is_old(touch)
                && touch.relation.namespace == table.namespace
                && matches!(alter.actions.as_slice(), [AlterAction::RenameTable { to }] if *to == table.name)
        }),
        _ => None,
    })
}

/// Whether a view gets the old name of the table, with the columns as they are then.
pub(super) fn has_view(facts: &Facts, at: (usize, &MigrationStatement), table: &QName) -> bool {
    renamed(facts, at, table).is_some_and(|touch| {
        let before = touch.before.as_deref();
        before.and_then(obstacle).or_else(|| retyped(facts, touch, &table.name)).is_none()
    })
}

/// Why no view can stand for it beside the rest of the migration.
fn retyped(facts: &Facts, touch: &Touch, to: &str) -> Option<&'static str> {
    let files = facts.history.as_ref().map_or(&[][..], |history| &history.files);
    let of_type = |action: &AlterAction| matches!(action, AlterAction::SetType { .. });
    let changes = files.iter().flat_map(|file| &file.statements).any(|other| match &other.statement {
        Statement::AlterTable(alter) => {
            let named = touch_of(other, &alter.name).map(|touch| &touch.relation);
            named.is_some_and(|named| named.name == to && named.namespace == touch.relation.namespace)
                && alter.actions.iter().any(of_type)
        }
        _ => false,
    });
    changes.then_some("the type of one of its columns changes as well, which no view may read meanwhile")
}

/// Why a view cannot stand for the table.
fn obstacle(table: &Table) -> Option<&'static str> {
    if table.row_security || !table.policies.is_empty() {
        return Some("its policies would not know who asks through a view");
    }
    match table.kind {
        TableKind::Foreign => Some("its rows are on another server"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_and_constants_do_not() {
        let view = Piece {
            after: Some("nobody asks".into()),
            renamed: Some(("orders".into(), "purchases".into())),
            ..Piece::new("drop_view_orders", "DROP VIEW orders;\n")
        };
        let text = |name: &str| {
            format!(
                "-- pgsteward: back ON public.{name} [\"a\",\"b\",\"b\",null]\nALTER TABLE public.{name} DROP COLUMN a;\n\
                 SELECT 'public.{name}'::regclass;\n\
                 CREATE VIEW v AS SELECT 'orders of today' AS a, 'orders' AS b, 'orders;' AS c;\n"
            )
        };
        let waits = Piece { behind: true, ..Piece::new("drop_a", text("orders")) };
        let mut pieces = [view, waits];
        follow(&mut pieces);
        assert_eq!(pieces[1].text, text("purchases"));
    }
}
