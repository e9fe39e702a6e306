//! The migrations on disk and the rows of the database, joined: what is pending, applied, failed, edited,
//! missing. Pure; how both were had is the callers' business.

use std::collections::BTreeMap;

use pgsteward_model::migrate::{MigrationState, Standing};
use pgsteward_pg::history::{HistoryRow, RowState};

use super::project::MigrationFolder;
use super::squash;

/// What the row of a statement-by-statement run says in `logs` until it is finished. Prisma leaves the column
/// empty while a migration runs, so this also tells whose unfinished row it is.
pub const RUNNING: &str = "pgsteward runs this migration statement by statement; applied_steps_count is the number of \
                           statements that are done";

/// What begins the logs of a row that failed in a run of statement by statement.
pub(crate) const PARTIAL: &str = "Statements of this migration that are applied and stay applied: ";

/// The joined history. Empty rows with `initialised` false: the table is absent.
#[derive(Clone, Debug, Default)]
pub struct Joined {
    pub initialised: bool,
    /// In the order of the disk, then what is only in the database in the order it was started.
    pub standings: Vec<Standing>,
}

impl Joined {
    pub fn new(folders: &[MigrationFolder], rows: Option<&[HistoryRow]>) -> Joined {
        let mut by_name: BTreeMap<&str, Vec<&HistoryRow>> = BTreeMap::new();
        for row in rows.unwrap_or_default() {
            by_name.entry(&row.name).or_default().push(row);
        }
        let mut standings = Vec::new();
        for folder in folders {
            let rows = by_name.remove(folder.name.as_str()).unwrap_or_default();
            standings.push(standing(&folder.name, Some(folder), &rows));
        }
        let joined_by = squash::joined(folders);
        for row in rows.unwrap_or_default() {
            if let Some(rows) = by_name.remove(row.name.as_str()) {
                let mut standing = standing(&row.name, None, &rows);
                standing.joined_by = joined_by.get(&row.name).cloned();
                standing.missing_on_disk &= standing.joined_by.is_none();
                standings.push(standing);
            }
        }
        Joined { initialised: rows.is_some(), standings }
    }

    pub fn of(&self, state: MigrationState) -> impl Iterator<Item = &Standing> {
        self.standings.iter().filter(move |standing| standing.state == state)
    }

    /// Names of the migrations that `deploy` would apply.
    pub fn pending(&self) -> Vec<&str> {
        self.of(MigrationState::Pending).map(|standing| standing.name.as_str()).collect()
    }

    /// The last migration that both know, where migrations are on either side only: pending ones here and unknown
    /// ones there. None where the histories do not diverge.
    pub fn diverged(&self) -> Option<Option<&str>> {
        let there_only = self.standings.iter().any(|standing| standing.missing_on_disk);
        let here_only = self.of(MigrationState::Pending).next().is_some();
        if !there_only || !here_only {
            return None;
        }
        let known = |standing: &&Standing| {
            standing.state == MigrationState::Applied
                && !standing.missing_on_disk
                && standing.joined_by.is_none()
        };
        Some(self.standings.iter().rfind(known).map(|standing| standing.name.as_str()))
    }
}

fn standing(name: &str, folder: Option<&MigrationFolder>, rows: &[&HistoryRow]) -> Standing {
    let latest = |state: RowState| rows.iter().rev().find(|row| row.state() == state);
    // A failed attempt stands in the way whatever else there is of that name, as with Prisma.
    let (state, row) = match (latest(RowState::Failed), latest(RowState::Applied)) {
        (Some(row), _) => (MigrationState::Failed, Some(row)),
        (None, Some(row)) => (MigrationState::Applied, Some(row)),
        (None, None) if folder.is_some() => (MigrationState::Pending, latest(RowState::RolledBack)),
        (None, None) => (MigrationState::RolledBack, latest(RowState::RolledBack)),
    };
    let applied = state == MigrationState::Applied;
    Standing {
        name: name.to_owned(),
        state,
        edited: applied && folder.zip(row).is_some_and(|(folder, row)| !folder.has_checksum(&row.checksum)),
        missing_on_disk: folder.is_none() && state != MigrationState::RolledBack,
        joined_by: None,
        rolled_back: latest(RowState::RolledBack).is_some(),
        started_at: row.map(|row| row.started_at.clone()),
        finished_at: row.and_then(|row| row.finished_at.clone()),
        logs: row.and_then(|row| row.logs.clone()).filter(|logs| !logs.is_empty()),
        statements_done: row.map_or(0, |row| u32::try_from(row.applied_steps_count).unwrap_or(0)),
    }
}
