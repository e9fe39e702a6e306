//! Keys that one statement takes away and makes again with other columns. What the statement does beside goes apart from it, so that
//! the index of the new key can be built while all go on; and what the old one was over stays unique until no upsert names it.
//! Source: PostgreSQL documentation, "ALTER TABLE" (ADD table_constraint_using_index), "INSERT" (ON CONFLICT Clause).

use pgsteward_model::catalog::{Index, QName, Table};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::MigrationStatement;
use pgsteward_model::statement::{AlterAction, AlterTable, Statement};
use pgsteward_rules::migration::alter_parts;
use pgsteward_sql::{ddl, quote_qualified};

use super::deck::{Deck, unsettled};
use super::drops::upserts;
use super::exchange::short;
use super::pieces::{Piece, Stands, stands, twin};
use super::renewed::{altered, is_kept, key_columns, key_gone, key_made, moves};
use super::upserts::told_of_race;

/// One statement that exchanges a key and does more: the rest apart from it, what it needs before it and what needs it behind.
pub(super) fn apart(facts: &Facts, pieces: &[Piece], notes: &mut Vec<String>) -> Option<(usize, Vec<Piece>)> {
    for (at, piece, file) in unsettled(facts, pieces).filter(|(_, piece, _)| !piece.waits()) {
        for statement in &file.statements {
            let Some((alter, table)) = altered(statement) else { continue };
            let Some((out, back)) = exchange(alter, table) else { continue };
            let others: Vec<usize> =
                (0..alter.actions.len()).filter(|at| *at != out && *at != back).collect();
            let keys = [key_gone(table, &alter.actions[out]), key_made(&alter.actions[back])];
            let of_keys = |name: &str| {
                keys.iter()
                    .flatten()
                    .filter_map(|key| key_columns(key))
                    .flatten()
                    .any(|column| column == name)
            };
            let free = |at: &usize| role(&alter.actions[*at]).is_some() && twin(alter, *at).is_none();
            if others.is_empty() || !others.iter().all(free) || moves(facts, table, &of_keys) {
                continue;
            }
            let Some((head, texts)) = alter_parts(piece.slice(statement), alter.actions.len()) else {
                continue;
            };
            match stands(piece, file, statement, notes) {
                None => continue,
                Some(Stands::Among(parts)) => return Some((at, parts)),
                Some(Stands::Alone) => {}
            }
            let of = |role_of: Role| -> Option<Piece> {
                let own = others.iter().filter(|at| role(&alter.actions[**at]) == Some(role_of));
                let own: Vec<&str> = own.map(|at| texts[*at].as_str()).collect();
                (!own.is_empty()).then(|| piece.with(format!("{head} {};\n", own.join(",\n"))))
            };
            let exchange = piece.with(format!("{head} {},\n{};\n", texts[out], texts[back]));
            let parts = [of(Role::Before), Some(exchange), of(Role::Behind)];
            return Some((at, parts.into_iter().flatten().collect()));
        }
    }
    None
}

/// When something may be done that one statement does together with the exchange of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Before,
    Behind,
}

fn role(action: &AlterAction) -> Option<Role> {
    match action {
        AlterAction::AddColumn { .. } | AlterAction::SetNotNull { .. } | AlterAction::SetDefault { .. } => {
            Some(Role::Before)
        }
        AlterAction::DropColumn { .. }
        | AlterAction::DropNotNull { .. }
        | AlterAction::DropDefault { .. } => Some(Role::Behind),
        _ => None,
    }
}

/// The places of the actions that take a key away and make another one of the same name.
fn exchange(alter: &AlterTable, table: &Table) -> Option<(usize, usize)> {
    alter.actions.iter().enumerate().find_map(|(out, action)| {
        let old = key_gone(table, action)?;
        let back =
            alter.actions.iter().position(|other| key_made(other).is_some_and(|new| new.name == old.name))?;
        Some((out, back))
    })
}

/// Keys whose successor is built already and that are about to change places: upserts by what the old one is over want an index of
/// it until no version has them, and what stands behind in the migration wants the new key.
pub(super) fn outlive(deck: &Deck, pieces: &mut Vec<Piece>) {
    let facts = deck.facts(pieces);
    let files = facts.history.as_ref().map_or(&[][..], |history| &history.files);
    let last = deck.catalog_after(pieces, pieces.len());
    let kept = unsettled(&facts, pieces).filter_map(|(at, piece, file)| {
        let [statement] = file.statements.as_slice() else { return None };
        let (alter, table) = altered(statement)?;
        let built = alter.actions.iter().find_map(|action| match action {
            AlterAction::AddConstraint { using_index, .. } => using_index.as_ref(),
            _ => None,
        })?;
        let gone = alter.actions.iter().find_map(|action| key_gone(table, action))?;
        let old = table.index(&gone.name)?;
        let second = Index { name: short(&format!("{}_old", old.name)), constraint: None, comment: None, ..old.clone() };
        // No upsert goes by a key that is looked at later.
        let unseen = gone.deferrable || table.index(&second.name).is_some();
        if unseen || piece.waits() || is_kept(last.table(&table.name), old) {
            return None;
        }
        // The index goes with a column of its own, and that waits as well.
        let goes = |name: &&str| last.table(&table.name).is_some_and(|table| table.column(name).is_none());
        let lost = old.keys.iter().filter_map(|key| key.column.as_deref()).find(goes);
        let until = format!("drop_{}", lost.unwrap_or(&second.name));
        let why = format!(
            "Upserts by what the key was over (ON CONFLICT) need an index of it for as long as a version has them.\n{}",
            told_of_race(table, old, &until, &gone.name)
        );
        let build =
            Piece::settled(&format!("keep_{}", old.name), &why, &[ddl::index(&table.name, &second, true)]);
        let drop = lost.is_none().then(|| {
            let (after, why) = upserts(table, old);
            let name = QName::new(&table.name.namespace, &second.name);
            let drop = format!("DROP INDEX CONCURRENTLY {}", quote_qualified(&name));
            Piece { after: Some(after), ..Piece::settled(&until, &why, &[drop]) }
        });
        // Before the new one, so that it is told of both.
        let makes = |one: &MigrationStatement| matches!(&one.statement, Statement::CreateIndex(create) if create.index.name == *built);
        let first = files.iter().position(|file| file.statements.iter().any(makes));
        Some((first.unwrap_or(at), build, drop))
    });
    let mut kept: Vec<(usize, Piece, Option<Piece>)> = kept.collect();
    kept.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
    for (at, build, drop) in kept {
        pieces.insert(at, build);
        pieces.extend(drop);
    }
}
