//! A history for those who only read it: squashed migrations count as applied where the next deploy would record them
//! and run nothing.

use pgsteward_pg::history::HistoryRow;

use super::members::{held, members};
use super::settle::to_record;
use crate::migrate::error::MigrateError;
use crate::migrate::project::MigrationFolder;

/// The rows with one more for each squashed migration that the database holds and does not know. An error where it
/// holds a part of one, as for `deploy`.
pub fn as_recorded(
    folders: &[MigrationFolder],
    mut rows: Vec<HistoryRow>,
) -> Result<Vec<HistoryRow>, MigrateError> {
    let held: Vec<HistoryRow> = to_record(folders, &rows)?.into_iter().map(applied).collect();
    rows.extend(held);
    Ok(rows)
}

/// What a squashed migration means for databases that have applied other migrations and no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// It joins nothing: an ordinary migration.
    Ordinary,
    /// They have all that it joins.
    Held,
    /// They have none of it.
    New,
    /// They would be refused, because of these.
    Lacking(Vec<String>),
    /// They have these with another text.
    OtherText(Vec<String>),
}

/// How databases that have applied `earlier`, with these texts, meet a migration.
pub fn meeting(folder: &MigrationFolder, earlier: &[MigrationFolder]) -> Meeting {
    let joined = members(folder);
    if joined.is_empty() {
        return Meeting::Ordinary;
    }
    let rows: Vec<HistoryRow> = earlier.iter().map(applied).collect();
    let held = held(&joined, &rows);
    if held.is_all() {
        Meeting::Held
    } else if held.is_nothing() {
        Meeting::New
    } else if held.missing.is_empty() {
        Meeting::OtherText(held.other_text)
    } else {
        Meeting::Lacking(held.missing)
    }
}

/// The row that a finished migration has. Only name, text and state are looked at.
fn applied(folder: &MigrationFolder) -> HistoryRow {
    HistoryRow {
        id: String::new(),
        checksum: folder.checksum.clone(),
        finished_at: Some(String::new()),
        name: folder.name.clone(),
        logs: None,
        rolled_back_at: None,
        started_at: String::new(),
        applied_steps_count: 1,
    }
}
