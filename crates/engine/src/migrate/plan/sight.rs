//! What only the server can word: views and policies before a migration, and what it makes of them.

use anyhow::Result;
use pgsteward_lab::{Database, Lab};
use pgsteward_model::catalog::Catalog;
use pgsteward_model::statement::{AlterAction, AlterEnum, Statement};
use pgsteward_sql::{quote_ident, quote_qualified};

use super::deck::Deck;
use super::exchange::second;
use super::prove::run_original;
use crate::collect::introspect;

/// Looks at the lab just before a migration and, in a copy, just after it. `database` is left as it is.
pub(super) async fn look(deck: &mut Deck, lab: &Lab, database: &Database, text: &str) -> Result<()> {
    (deck.after, deck.meanwhile) = (None, None);
    if !wanted(deck, text) {
        return Ok(());
    }
    deck.take_words(&introspect(database).await?);
    // That it fails is said by the proof.
    let (after, ran) = run_original(lab, database, text).await?;
    if ran.is_ok() {
        deck.after = Some(introspect(&after).await?);
        deck.meanwhile = meanwhile(deck, &after, text).await?;
    }
    Ok(lab.finish_database(after).await?)
}

/// How the server words what reads columns of a changed type when they have the names of second ones. None where that is
/// not wanted, or where the columns are gone.
async fn meanwhile(deck: &Deck, after: &Database, text: &str) -> Result<Option<Catalog>> {
    let makes = |one: &Statement| matches!(one, Statement::CreateView { materialized: true, .. });
    let parsed = pgsteward_sql::parse(text).statements;
    if !parsed.iter().any(|one| makes(&one.statement)) {
        return Ok(None);
    }
    let renames = parsed.iter().filter_map(|one| match &one.statement {
        Statement::AlterTable(alter) => Some((deck.catalog.table(&alter.name.qualified())?, &alter.actions)),
        _ => None,
    });
    let renames = renames.flat_map(|(table, actions)| {
        let columns = actions.iter().filter_map(|action| match action {
            AlterAction::SetType { column, .. } => Some(column),
            _ => None,
        });
        columns.map(|column| {
            let (on, through) = (quote_qualified(&table.name), quote_ident(&second(table, column)));
            format!("ALTER TABLE {on} RENAME COLUMN {} TO {through}", quote_ident(column))
        })
    });
    let renames: Vec<String> = renames.collect();
    let session = after.session().await?;
    let ran = session.simple(&renames.join(";\n")).await;
    session.close().await;
    // Whoever needs the words says that there are none.
    Ok(if ran.is_ok() { Some(introspect(after).await?) } else { None })
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
