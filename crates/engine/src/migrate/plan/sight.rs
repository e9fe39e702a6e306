//! What only the server can word: views and policies before a migration, and what it makes of them.

use std::collections::BTreeSet;

use anyhow::Result;
use pgsteward_lab::{Database, Lab};
use pgsteward_model::catalog::Catalog;
use pgsteward_model::statement::{AlterAction, AlterEnum, Statement};
use pgsteward_sql::{quote_ident, quote_qualified};

use super::change::{Place, moving};
use super::deck::{Deck, Named};
use super::exchange::second;
use super::pieces::{Piece, single_actions, without_transaction};
use super::prove::run_original;
use crate::collect::introspect;

/// Looks at the lab just before a migration and, in a copy, just after it. `database` is left as it is. `read` is the migration as
/// the plan reads it.
pub(super) async fn look(
    deck: &mut Deck,
    lab: &Lab,
    database: &Database,
    text: &str,
    read: &str,
) -> Result<()> {
    (deck.after, deck.meanwhile, deck.moving) = (None, None, None);
    deck.along.clear();
    if !wanted(deck, text) {
        return Ok(());
    }
    deck.take_words(&introspect(database).await?);
    deck.moving = Some(moved(deck, read));
    // That it fails is said by the proof.
    let (after, ran) = run_original(lab, database, text).await?;
    if ran.is_ok() {
        deck.after = Some(introspect(&after).await?);
        deck.meanwhile = meanwhile(deck, &after, text).await?;
    }
    lab.finish_database(after).await?;
    if deck.after.is_some() {
        deck.along = along(lab, database, text).await?;
    }
    Ok(())
}

/// How the server words all just after each statement that gives a value of an enum or a column another name. One such change
/// alone is worded by the whole migration.
async fn along(lab: &Lab, database: &Database, text: &str) -> Result<Vec<(Named, Catalog)>> {
    // A message that ends within a transaction of its own leaves nothing to look at.
    let Some(text) = without_transaction(text) else { return Ok(Vec::new()) };
    let names = |statement: &Statement| match statement {
        Statement::AlterEnum { name, action: AlterEnum::RenameValue { .. } } => {
            Some(Named::Value(name.qualified()))
        }
        Statement::AlterTable(alter) => alter.actions.iter().find_map(|action| match action {
            AlterAction::RenameColumn { from, .. } => {
                Some(Named::Column(alter.name.qualified(), from.clone()))
            }
            _ => None,
        }),
        _ => None,
    };
    let parsed = pgsteward_sql::parse(&text).statements;
    let steps: Vec<(Named, usize)> =
        parsed.iter().filter_map(|one| Some((names(&one.statement)?, one.span.end))).collect();
    let (mut values, mut columns) = (0, 0);
    for (named, _) in &steps {
        match named {
            Named::Value(_) => values += 1,
            Named::Column(..) => columns += 1,
        }
    }
    let mut along = Vec::new();
    if values == 0 || columns == 0 {
        return Ok(along);
    }
    for (named, end) in steps {
        let (made, ran) = run_original(lab, database, text.get(..end).unwrap_or(&text)).await?;
        if ran.is_ok() {
            along.push((named, introspect(&made).await?));
        }
        lab.finish_database(made).await?;
    }
    Ok(along)
}

/// How the server words what reads columns of a changed type when they have the names of second ones. None where that is
/// not wanted, or where the columns are gone.
async fn meanwhile(deck: &Deck, after: &Database, text: &str) -> Result<Option<Catalog>> {
    let makes = |one: &Statement| matches!(one, Statement::CreateView { materialized: true, .. });
    let parsed = pgsteward_sql::parse(text).statements;
    if !parsed.iter().any(|one| makes(&one.statement)) {
        return Ok(None);
    }
    let renames = deck.moving.iter().flatten().filter_map(|(name, column)| {
        let table = deck.catalog.table(name)?;
        let (on, through) = (quote_qualified(&table.name), quote_ident(&second(table, column)));
        Some(format!("ALTER TABLE {on} RENAME COLUMN {} TO {through}", quote_ident(column)))
    });
    let renames: Vec<String> = renames.collect();
    let session = after.session().await?;
    let ran = session.simple(&renames.join(";\n")).await;
    session.close().await;
    // Whoever needs the words says that there are none.
    Ok(if ran.is_ok() { Some(introspect(after).await?) } else { None })
}

/// Columns whose type a migration changes while it works on all rows, each for itself: one action of a statement says nothing
/// of the others.
fn moved(deck: &Deck, text: &str) -> BTreeSet<Place> {
    let mut single = String::new();
    for one in pgsteward_sql::parse(text).statements {
        let own = text.get(one.span.start..one.span.end).unwrap_or("");
        let actions = match &one.statement {
            Statement::AlterTable(alter) => single_actions(alter, own),
            _ => None,
        };
        single += &actions.map_or_else(|| format!("{own};\n"), |actions| actions.concat());
    }
    let facts = deck.facts(&[Piece::new("", single)]);
    let files = facts.history.iter().flat_map(|history| &history.files);
    files.flat_map(|file| file.statements.iter().flat_map(|one| moving(file, one))).collect()
}

/// Reading alone does where nothing reads the columns of tables, and no value of an enum changes its name.
fn wanted(deck: &Deck, text: &str) -> bool {
    let renames = |statement: &Statement| {
        matches!(statement, Statement::AlterEnum { action: AlterEnum::RenameValue { .. }, .. })
    };
    !deck.catalog.views.is_empty()
        || deck.catalog.tables.values().any(|table| !table.policies.is_empty())
        || pgsteward_sql::parse(text).statements.iter().any(|one| renames(&one.statement))
}

/// Whether the statements give something to a role, or away.
pub(super) fn names_roles(text: &str) -> bool {
    pgsteward_sql::parse(text).statements.iter().any(|one| {
        matches!(
            one.statement,
            Statement::Grant { .. }
                | Statement::CreatePolicy { .. }
                | Statement::AlterPolicy { .. }
                | Statement::AlterDefaultPrivileges
        )
    })
}
