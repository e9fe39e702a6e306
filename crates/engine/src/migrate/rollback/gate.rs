//! What `deploy` asks before it runs anything: can this be undone, and what will not come back?

use super::file::{Reversibility, Verdict, reversibility};
use crate::migrate::error::MigrateError;
use crate::migrate::project::MigrationFolder;

/// Refuses migrations that were made or adopted by pgsteward and cannot be undone; with `require` every one whose
/// rollback is not proven. What does not come back after a rollback is returned, one line each.
pub fn refuse_irreversible(folders: &[&MigrationFolder], require: bool) -> Result<Vec<String>, MigrateError> {
    let mut notes = Vec::new();
    for folder in folders {
        let name = &folder.name;
        let Reversibility { verdict, lost, adopted } = reversibility(folder)?;
        let why = match &verdict {
            Verdict::Proven => None,
            Verdict::Irreversible(reason) if adopted || require => {
                Some(format!("cannot be undone: {reason}"))
            }
            Verdict::OverEmptyTables(reason) if adopted || require => {
                Some(format!("can be undone only while its tables are empty: {reason}"))
            }
            Verdict::Missing if require => Some("has no down.sql, and require_rollback is set".to_owned()),
            Verdict::Unproven(reason) if require => {
                Some(format!("has no proven down.sql, and require_rollback is set: {reason}"))
            }
            Verdict::Missing
            | Verdict::Unproven(_)
            | Verdict::Irreversible(_)
            | Verdict::OverEmptyTables(_) => None,
        };
        if let Some(why) = why {
            let way = match verdict {
                Verdict::OverEmptyTables(_) => format!(
                    "write into down.sql where the values come from, and prove it with `pgsteward migrate adopt {name}`"
                ),
                _ => format!("`pgsteward migrate adopt {name}` makes or proves a down.sql"),
            };
            return Err(MigrateError::new(format!("the migration \"{name}\" {why}; nothing was run"))
                .with_hint(format!("{way}; --accept-irreversible deploys it as it is")));
        }
        notes.extend(
            lost.iter()
                .map(|loss| format!("{name}: a rollback does not bring back {} ({})", loss.what, loss.why)),
        );
    }
    Ok(notes)
}
