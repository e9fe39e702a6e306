//! Whether a way back may be run, from its file and from what a proof just now showed. Knows no server.

use pgsteward_model::migrate::rollback::{Down, Worth};

use super::file::{self, Reversibility, Verdict};
use crate::migrate::error::MigrateError;
use crate::migrate::project::MigrationFolder;

/// What the way back is worth, or why it may not run.
pub(super) fn in_words(
    folder: &MigrationFolder,
    judged: &Reversibility,
    tried: Option<&Down>,
    accept_unproven: bool,
) -> Result<String, MigrateError> {
    let name = &folder.name;
    let runs = |worth: &Worth| worth.reason().is_none() || matches!(worth, Worth::OverEmptyTables { .. });
    if let Some(tried) = tried.filter(|tried| runs(&tried.worth)) {
        return Ok(tried.in_words());
    }
    match &judged.verdict {
        Verdict::Proven if judged.lost.is_empty() => Ok(Worth::Proven.word().to_owned()),
        Verdict::Proven => Ok(Worth::StructureProven.word().to_owned()),
        Verdict::OverEmptyTables(reason) => {
            Ok(Worth::OverEmptyTables { reason: reason.clone() }.word().to_owned())
        }
        Verdict::Irreversible(reason) => {
            Err(MigrateError::new(format!("the migration \"{name}\" cannot be undone: {reason}"))
                .with_hint("write a new migration, or a down.sql of your own beside it"))
        }
        Verdict::Missing => Err(missing(folder)),
        Verdict::Unproven(why) if accept_unproven => Ok(format!("unproven: {why}")),
        Verdict::Unproven(why) => {
            let why = tried.and_then(|down| down.worth.reason()).unwrap_or(why);
            Err(MigrateError::new(format!("the rollback of \"{name}\" is not proven: {why}")).with_hint(
                format!("`pgsteward migrate adopt {name}` proves it; --accept-unproven runs it as it is"),
            ))
        }
    }
}

pub(super) fn missing(folder: &MigrationFolder) -> MigrateError {
    let name = &folder.name;
    let message = format!("the migration \"{name}\" has no {}", file::called(folder));
    MigrateError::new(message).with_hint(format!("`pgsteward migrate adopt {name}` makes and proves it"))
}
