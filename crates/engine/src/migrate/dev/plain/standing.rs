//! How a development database stands to a history of plain SQL, and what to do where the two do not agree.

use pgsteward_pg::history::RowState;

use super::super::opening::Live;
use super::super::script;
use super::Verb;
use crate::migrate::diagnosis::{Diagnosis, diagnose};
use crate::migrate::drift::{self, comparable};
use crate::migrate::error::MigrateError;
use crate::migrate::project::MigrationFolder;
use crate::migrate::shadow::{Replayed, Script};
use crate::migrate::squash;

/// How the database stands to its history.
pub(super) struct Standing {
    pub(super) diagnosis: Diagnosis,
    /// What all migrations on disk make.
    pub(super) history: Replayed,
    pub(super) drifted: bool,
    /// The database is what all of them make, also those that are not recorded.
    pub(super) has_all: bool,
    /// What the lab left out of the applied migrations: nobody knows then what they make.
    pub(super) lacks: Option<String>,
}

impl Verb<'_> {
    /// Replays first what is applied, then the rest, and holds both against the database.
    pub(super) async fn standing(&self, live: &Live) -> Result<Standing, MigrateError> {
        let names: Vec<&str> = self.folders.iter().map(|folder| folder.name.as_str()).collect();
        let mut diagnosis =
            diagnose(&names, live.rows.as_deref(), &|at, stored| self.folders[at].has_checksum(stored));
        // The words for a first time point to Prisma's pages; `ways` has ours.
        diagnosis.has_table = true;
        let is_applied = |folder: &MigrationFolder| {
            let rows = live.rows.iter().flatten();
            rows.into_iter().any(|row| row.name == folder.name && row.state() == RowState::Applied)
        };
        let scripts: Vec<Script<'_>> = self.folders.iter().map(script).collect();
        let applied: Vec<Script<'_>> =
            self.folders.iter().filter(|one| is_applied(one)).map(script).collect();
        let before = self.shadow.replay(&applied, self.progress).await?;
        let lacks = drift::left_out(&before.notes).map(str::to_owned);
        let actual = comparable(&live.catalog, &self.namespaces);
        let drift = drift::lines(&comparable(&before.catalog, &self.namespaces), &actual);
        let in_order = self.folders.iter().take(applied.len()).all(is_applied);
        let history = match in_order {
            true => self.shadow.go_on(before, &scripts[applied.len()..]).await?,
            false => self.shadow.replay(&scripts, self.progress).await?,
        };
        let has_all = drift::left_out(&history.notes).is_none()
            && drift::lines(&comparable(&history.catalog, &self.namespaces), &actual).is_empty();
        let drifted = lacks.is_none() && !drift.is_empty();
        diagnosis.drift =
            drifted.then(|| drift.iter().map(|line| format!("\n  - {line}")).collect::<String>() + "\n");
        Ok(Standing { diagnosis, history, drifted, has_all, lacks })
    }
}

impl Standing {
    /// Nothing stands in the way but that the database was changed by hand.
    pub(super) fn is_only_drift(&self) -> bool {
        let Diagnosis { failed, edited, missing_on_disk, .. } = &self.diagnosis;
        self.drifted && failed.is_empty() && edited.is_empty() && missing_on_disk.is_empty()
    }

    pub(super) fn ways(&self, folders: &[MigrationFolder]) -> Vec<String> {
        let mut ways = Vec::new();
        let Diagnosis { failed, edited, missing_on_disk, .. } = &self.diagnosis;
        if !failed.is_empty() {
            ways.push("`pgsteward migrate doctor` says how to mend what failed".to_owned());
        }
        if !edited.is_empty() || !missing_on_disk.is_empty() {
            ways.push("bring the files back from version control as they were applied".to_owned());
        }
        if self.is_only_drift() {
            ways.push(self.way_of_drift(folders));
        }
        ways
    }

    /// How to keep what was changed by hand.
    fn way_of_drift(&self, folders: &[MigrationFolder]) -> String {
        let pending = pending(&self.diagnosis, folders);
        match (self.has_all, pending.is_empty()) {
            (true, _) => match written_rows(&pending) {
                Some(written) => format!(
                    "the database has what the pending migrations make already, but {written}, and nothing shows whether it \
                     has these: see to the rows by hand, then `pgsteward migrate resolve --applied NAME` for each"
                ),
                None => "the database is what the pending migrations make already: `pgsteward migrate dev \
                         --from-database` records them and runs nothing"
                    .to_owned(),
            },
            (false, true) => "to keep what was changed: `pgsteward migrate dev --from-database --name NAME` writes it as the \
                              next migration"
                .to_owned(),
            (false, false) => "to keep what was changed: `pgsteward migrate deploy` applies what is pending, and `pgsteward \
                               migrate dev --from-database --name NAME` then writes the rest as the next migration"
                .to_owned(),
        }
    }
}

/// The migrations that are not recorded.
pub(super) fn pending<'a>(diagnosis: &Diagnosis, folders: &'a [MigrationFolder]) -> Vec<&'a MigrationFolder> {
    diagnosis.pending.iter().map(|(at, _)| &folders[*at]).collect()
}

/// The first statement of them that writes rows, and how many more there are.
fn written_rows(pending: &[&MigrationFolder]) -> Option<String> {
    let pending: Vec<MigrationFolder> = pending.iter().map(|folder| (*folder).clone()).collect();
    let writes = squash::data_statements(&pending);
    let first = writes.first()?;
    let more = match writes.len() {
        1 => String::new(),
        all => format!(" (and {} more)", all - 1),
    };
    Some(format!("line {} of \"{}\" writes rows ({}){more}", first.line, first.migration, first.what))
}

/// The catalog of a database does not tell whether statements that write rows ran.
pub(super) fn refuse_rows(pending: &[&MigrationFolder]) -> Result<(), MigrateError> {
    let Some(written) = written_rows(pending) else { return Ok(()) };
    Err(MigrateError::new(format!(
        "{written}, and nothing shows whether this database has them; nothing was recorded"
    ))
    .with_hint(
        "see to the rows by hand, then record each migration with `pgsteward migrate resolve --applied NAME`; or take back \
         what was changed by hand and let `pgsteward migrate dev` run them",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_writes_rows_is_not_recorded_unseen() {
        let folder = |name: &str, text: &str| {
            let file = format!("db/migrations/{name}.sql").into();
            MigrationFolder::new(name, file, text.to_owned(), None)
        };
        let table = folder("001_a", "CREATE TABLE a (id int);\n");
        let rows =
            folder("002_b", "CREATE TABLE b (id int);\n\nINSERT INTO a VALUES (1);\nUPDATE a SET id = 2;\n");
        assert_eq!(refuse_rows(&[&table]), Ok(()));
        let error = refuse_rows(&[&table, &rows]).unwrap_err();
        let told = "line 3 of \"002_b\" writes rows (INSERT into \"a\") (and 1 more)";
        assert!(error.message.starts_with(told), "{}", error.message);
    }
}
