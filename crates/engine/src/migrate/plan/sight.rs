//! What only the server can word: views and policies before a migration, and what it makes of them.

use anyhow::Result;
use pgsteward_lab::{Database, Lab};
use pgsteward_model::statement::{AlterEnum, Statement};

use super::deck::Deck;
use super::prove::run_original;
use crate::collect::introspect;

/// Looks at the lab just before a migration and, in a copy, just after it. `database` is left as it is.
pub(super) async fn look(deck: &mut Deck, lab: &Lab, database: &Database, text: &str) -> Result<()> {
    deck.after = None;
    if !wanted(deck, text) {
        return Ok(());
    }
    deck.take_words(&introspect(database).await?);
    // That it fails is said by the proof.
    let (after, ran) = run_original(lab, database, text).await?;
    if ran.is_ok() {
        deck.after = Some(introspect(&after).await?);
    }
    Ok(lab.finish_database(after).await?)
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
