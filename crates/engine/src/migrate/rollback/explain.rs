//! Why a rollback stopped, and the next step.

use pgsteward_model::migrate::deploy::ServerMessages;
use pgsteward_model::migrate::rollback::{RollbackOutcome, RollbackStep};
use pgsteward_model::migration::ServerError;

use crate::migrate::error::{MigrateError, words};

/// What the server warned of while a step ran: what a way back leaves out stands there.
pub(super) fn warned(name: &str, said: &ServerMessages) -> Vec<String> {
    said.warnings().map(|warning| format!("{name}: {}", warning.message)).collect()
}

pub(super) fn explain(error: &ServerError, step: &RollbackStep) -> MigrateError {
    let name = &step.name;
    let what = words(error);
    if step.outcome == RollbackOutcome::Interrupted {
        let cause = own_hint(error).unwrap_or("mend the cause");
        return MigrateError::new(format!("the rollback of \"{name}\" stopped on its way: {what}"))
            .with_hint(format!("{cause}; run `pgsteward migrate rollback` again: it goes on from there"));
    }
    let failed = MigrateError::new(format!("the rollback of \"{name}\" failed and was taken back: {what}"));
    match error.sqlstate.as_str() {
        "55P03" => failed.with_hint("run it again when the table is less busy, or with a longer --lock-timeout"),
        "23502" => failed.with_hint(
            "rows have no value there: they were written without one since, or the column was dropped and came back without its \
             values; give them one or remove them, or edit down.sql",
        ),
        "23505" | "23503" | "23514" | "22P02" => failed.with_hint(
            "rows written since the migration do not fit the old schema: change or remove them, or edit down.sql",
        ),
        "2BP01" => failed.with_hint("something made since the migration rests on it: roll that back first"),
        _ if error.sqlstate.is_empty() || error.sqlstate.starts_with("08") || error.sqlstate.starts_with("57P") => {
            MigrateError::new(format!("the connection was lost while \"{name}\" was rolled back: {what}"))
                .with_hint("`pgsteward migrate status` shows whether it is still applied; nothing is half done")
        }
        _ => match own_hint(error) {
            Some(hint) => failed.with_hint(hint),
            None => failed.with_hint("edit down.sql, prove it with `pgsteward migrate adopt`, and run it again"),
        },
    }
}

/// Statements of ours that refuse to go on say what to do; the server's own hints are about a text that somebody wrote.
fn own_hint(error: &ServerError) -> Option<&str> {
    error.hint.as_deref().filter(|_| matches!(error.sqlstate.as_str(), "P0001" | "22000"))
}
