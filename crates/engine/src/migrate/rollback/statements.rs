//! What undoes a migration as text and as statements, and how these run in the lab.

use anyhow::{Context, Result};
use pgsteward_lab::Database;
use pgsteward_model::migration::ServerError;
use pgsteward_model::statement::{AlterAction, Statement};
use sha2::{Digest, Sha256};

use crate::hexadecimal::hexadecimal;

/// Lower-case hexadecimal SHA-256, as `_prisma_migrations.checksum` holds it.
pub(super) fn digest(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

/// The statements as a text of theirs.
pub(super) fn text_of(statements: &[String]) -> String {
    statements.iter().map(|sql| format!("{sql};\n")).collect::<Vec<_>>().join("\n")
}

/// A text as its statements; as it is where it cannot be read.
pub(super) fn split(text: &str) -> Vec<String> {
    let parsed = pgsteward_sql::parse(text);
    if !parsed.errors.is_empty() {
        return vec![text.to_owned()];
    }
    let written =
        |one: &pgsteward_sql::ParsedStatement| text.get(one.span.start..one.span.end).map(str::to_owned);
    parsed.statements.iter().filter_map(written).collect()
}

/// Whether PostgreSQL runs the statements in one transaction of ours.
pub(super) fn is_atomic(statements: &[String]) -> bool {
    let refuses = |statement: &Statement| match statement {
        Statement::CreateIndex(create) => create.concurrently,
        Statement::Drop { concurrently, .. } | Statement::Reindex { concurrently, .. } => *concurrently,
        Statement::AlterTable(alter) => alter
            .actions
            .iter()
            .any(|action| matches!(action, AlterAction::DetachPartition { concurrently: true, .. })),
        Statement::Begin
        | Statement::Commit
        | Statement::Rollback
        | Statement::Vacuum { .. }
        | Statement::AlterSystem
        | Statement::CreateDatabase { .. }
        | Statement::DropDatabase { .. } => true,
        _ => false,
    };
    !statements
        .iter()
        .any(|sql| pgsteward_sql::parse(sql).statements.iter().any(|one| refuses(&one.statement)))
}

/// Runs what undoes a migration: in one transaction where that is possible.
pub(super) async fn run(database: &Database, statements: &[String]) -> Result<Result<(), ServerError>> {
    let session = database.session().await.context("connect to the lab")?;
    let mut outcome = Ok(());
    if is_atomic(statements) {
        outcome = session.simple(&format!("BEGIN;\n{};\nCOMMIT", statements.join(";\n"))).await;
    } else {
        for sql in statements {
            outcome = session.simple(sql).await;
            if outcome.is_err() {
                break;
            }
        }
    }
    session.close().await;
    Ok(outcome)
}
