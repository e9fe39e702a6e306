//! What undoes the migrations of a development: made for each new one, and anew for a draft that was written on.

use super::Verb;
use crate::migrate::diagnosis::Diagnosis;
use crate::migrate::error::MigrateError;
use crate::migrate::project::MigrationFolder;
use crate::migrate::rollback;
use crate::migrate::shadow::Shadow;

impl Verb<'_> {
    /// Makes and proves what undoes the new migration. In words; a migration without it is a migration all the same.
    pub(super) async fn write_down(&self, shadow: &Shadow) -> String {
        let Some(created) = &self.report.created else { return String::new() };
        self.progress.phase("make and prove its down.sql");
        let down = match self.project.migrations() {
            Ok(folders) => rollback::write_down(shadow.lab(), self.project, &folders, &created.name).await,
            Err(error) => Err(error),
        };
        match down {
            Ok(down) => format!("down.sql: {}", down.in_words()),
            Err(error) => format!("no down.sql was made: {error}"),
        }
    }

    /// A draft that was written on since has a `down.sql` of what it was. In words, where there was one.
    pub(super) async fn renew_downs(
        &self,
        shadow: &Shadow,
        folders: &[MigrationFolder],
        diagnosis: &Diagnosis,
    ) -> Option<String> {
        let pending = diagnosis.pending.iter().map(|(at, _)| &folders[*at]);
        let stale: Result<Vec<&str>, MigrateError> = pending
            .filter_map(|folder| match rollback::is_stale(folder) {
                Ok(is_stale) => is_stale.then_some(Ok(folder.name.as_str())),
                Err(error) => Some(Err(error)),
            })
            .collect();
        let made = match stale {
            Ok(names) if names.is_empty() => return None,
            Ok(names) => rollback::write_downs(shadow.lab(), self.project, folders, &names).await,
            Err(error) => Err(error),
        };
        Some(match made {
            Ok(downs) => {
                let told = downs.iter().map(|down| format!("{}: {}", down.migration, down.in_words()));
                format!("down.sql made anew for what was edited: {}", told.collect::<Vec<_>>().join("; "))
            }
            Err(error) => format!("no down.sql was made anew: {error}"),
        })
    }
}
