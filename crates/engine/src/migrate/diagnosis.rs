//! Why a development database must be reset before `migrate dev` can go on, in Prisma's words: people search for
//! them, and wrappers match them. Pure.
//!
//! One deliberate difference: rows that were rolled back are no part of the history here. Prisma takes a
//! rolled-back attempt that was corrected since for an edited migration.

use pgsteward_pg::history::{HistoryRow, RowState};

/// What speaks for a reset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    pub failed: Vec<String>,
    pub edited: Vec<String>,
    /// Applied, and without a folder.
    pub missing_on_disk: Vec<String>,
    /// Folders without a row, with their place in the order of all folders.
    pub pending: Vec<(usize, String)>,
    /// The last folder before the first pending one.
    pub last_common: Option<String>,
    pub has_table: bool,
    /// The summary of what differs between history and database.
    pub drift: Option<String>,
}

/// Joins folders and rows. `same_text` says whether a row's checksum is that of the folder with this place.
pub fn diagnose(
    folders: &[&str],
    rows: Option<&[HistoryRow]>,
    same_text: &dyn Fn(usize, &str) -> bool,
) -> Diagnosis {
    let mut out = Diagnosis { has_table: rows.is_some(), ..Diagnosis::default() };
    let rows: Vec<&HistoryRow> =
        rows.unwrap_or_default().iter().filter(|row| row.state() != RowState::RolledBack).collect();
    for (at, name) in folders.iter().enumerate() {
        match rows.iter().find(|row| row.name == *name) {
            Some(row) if !same_text(at, &row.checksum) => out.edited.push((*name).to_owned()),
            Some(_) => {}
            None => out.pending.push((at, (*name).to_owned())),
        }
    }
    for row in rows {
        if row.state() == RowState::Failed {
            out.failed.push(row.name.clone());
        }
        if !folders.contains(&row.name.as_str()) {
            out.missing_on_disk.push(row.name.clone());
        }
    }
    let first = out.pending.first().map(|(at, _)| *at);
    out.last_common = first.and_then(|at| at.checked_sub(1)).map(|at| folders[at].to_owned());
    out
}

impl Diagnosis {
    /// The reason for a reset, or none where there is nothing to reset for. Several reasons are a list.
    pub fn reset_reason(&self) -> Option<String> {
        let mut reasons = Vec::new();
        reasons.extend(self.failed.iter().map(|name| format!("The migration `{name}` failed.")));
        reasons.extend(
            self.edited
                .iter()
                .map(|name| format!("The migration `{name}` was modified after it was applied.")),
        );
        if let Some(summary) = &self.drift {
            reasons.push(format!(
                "Drift detected: Your database schema is not in sync with your migration history.\n\n\
                 The following is a summary of the differences between the expected database schema given your \
                 migrations files, and the actual schema of the database.\n\n\
                 It should be understood as the set of changes to get from the expected schema to the actual \
                 schema.\n{}{summary}",
                if self.has_table { "" } else { FIRST_TIME }
            ));
        }
        let missing = self.missing_on_disk.join(", ");
        match (self.pending.is_empty(), self.missing_on_disk.is_empty()) {
            (_, true) => {}
            (true, false) => reasons.push(format!(
                "The following migration(s) are applied to the database but missing from the local migrations \
                 directory: {missing}"
            )),
            (false, false) => {
                let details = self.last_common.as_ref().map_or_else(String::new, |name| {
                    format!(
                        " Last common migration: `{name}`. Migrations applied to the database but absent from \
                         the migrations directory are: {missing}"
                    )
                });
                reasons.push(format!(
                    "The migrations recorded in the database diverge from the local migrations directory.{details}"
                ));
            }
        }
        match reasons.len() {
            0 => None,
            1 => reasons.pop(),
            _ => Some(reasons.iter().map(|reason| format!("- {reason}\n")).collect()),
        }
    }
}

const FIRST_TIME: &str = "\nIf you are running this the first time on an existing database, please make sure to read \
    this documentation page:\n\
    https://www.prisma.io/docs/guides/database/developing-with-prisma-migrate/troubleshooting-development\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, checksum: &str, state: RowState) -> HistoryRow {
        let time = || Some("2026-01-01 00:00:00.000000".to_owned());
        HistoryRow {
            id: name.to_owned(),
            checksum: checksum.to_owned(),
            finished_at: (state == RowState::Applied).then(time).flatten(),
            name: name.to_owned(),
            logs: None,
            rolled_back_at: (state == RowState::RolledBack).then(time).flatten(),
            started_at: time().unwrap_or_default(),
            applied_steps_count: 1,
        }
    }

    fn of(folders: &[&str], rows: &[HistoryRow]) -> Diagnosis {
        diagnose(folders, Some(rows), &|at, checksum| checksum == folders[at])
    }

    #[test]
    fn a_database_that_is_behind_needs_no_reset() {
        let found = of(&["a", "b"], &[row("a", "a", RowState::Applied)]);
        assert_eq!(found.pending, [(1, "b".to_owned())]);
        assert_eq!(found.reset_reason(), None);
        // A failed attempt that was rolled back and corrected is pending, and no edited migration.
        let found = of(&["a"], &[row("a", "old", RowState::RolledBack)]);
        assert_eq!((found.reset_reason(), found.pending.len()), (None, 1));
    }

    #[test]
    fn each_reason_has_prismas_words() {
        let applied = |name| row(name, name, RowState::Applied);
        let reason = |folders: &[&str], rows: &[HistoryRow]| of(folders, rows).reset_reason().unwrap();
        assert_eq!(reason(&["a"], &[row("a", "a", RowState::Failed)]), "The migration `a` failed.");
        assert_eq!(
            reason(&["a"], &[row("a", "other", RowState::Applied)]),
            "The migration `a` was modified after it was applied."
        );
        assert_eq!(
            reason(&["a"], &[applied("a"), applied("x"), applied("y")]),
            "The following migration(s) are applied to the database but missing from the local migrations \
             directory: x, y"
        );
        assert_eq!(
            reason(&["a", "b"], &[applied("a"), applied("x")]),
            "The migrations recorded in the database diverge from the local migrations directory. Last common \
             migration: `a`. Migrations applied to the database but absent from the migrations directory are: x"
        );
        assert_eq!(
            reason(&["b"], &[applied("x")]),
            "The migrations recorded in the database diverge from the local migrations directory."
        );
        let both = reason(&["a"], &[row("a", "other", RowState::Failed)]);
        assert_eq!(
            both,
            "- The migration `a` failed.\n- The migration `a` was modified after it was applied.\n"
        );
    }

    #[test]
    fn drift_is_told_with_its_summary() {
        let drifted = Diagnosis {
            has_table: true,
            drift: Some("\n[+] Added tables\n  - x\n".to_owned()),
            ..Diagnosis::default()
        };
        let reason = drifted.reset_reason().unwrap();
        assert!(reason.starts_with("Drift detected: Your database schema is not in sync"), "{reason}");
        assert!(reason.ends_with("to the actual schema.\n\n[+] Added tables\n  - x\n"), "{reason}");
        let first = Diagnosis { has_table: false, ..drifted }.reset_reason().unwrap();
        assert!(first.contains("If you are running this the first time"), "{first}");
    }
}
