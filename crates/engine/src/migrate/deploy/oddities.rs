//! What is odd about a history and stops no deploy, as with Prisma, and the one thing that does: a database that has run
//! other migrations only. Pure.

use pgsteward_model::migrate::{MigrationState, Standing};

use crate::migrate::error::MigrateError;
use crate::migrate::history::Joined;

/// Sentences for people.
pub(super) fn notes(joined: &Joined) -> Vec<String> {
    let mut notes = Vec::new();
    let mut say = |what: &str, found: Vec<&Standing>| {
        if !found.is_empty() {
            notes.push(format!("{what}: {} (`pgsteward migrate status` tells more)", named(&found)));
        }
    };
    let all = || joined.standings.iter();
    say("edited after they were applied, and not run again", all().filter(|one| one.edited).collect());
    say(
        "applied here and missing in the migrations folder",
        all().filter(|one| one.missing_on_disk).collect(),
    );
    // The standings begin with the folders, in their order.
    let last = joined.standings.iter().rposition(|one| {
        one.state == MigrationState::Applied && !one.missing_on_disk && one.joined_by.is_none()
    });
    let before = &joined.standings[..last.unwrap_or(0)];
    let late: Vec<&Standing> = before.iter().filter(|one| one.state == MigrationState::Pending).collect();
    if let Some(last) = last.filter(|_| !late.is_empty()) {
        notes.push(format!(
            "sorts before \"{}\", which is applied already, so a new database runs it in another order: {}",
            joined.standings[last].name,
            named(&late)
        ));
    }
    notes
}

/// A database that has applied migrations, none of which is on disk, is somebody else's, or the folder is.
pub(super) fn refuse_foreign(joined: &Joined) -> Result<(), MigrateError> {
    let applied: Vec<&Standing> = joined.of(MigrationState::Applied).collect();
    let pending = joined.of(MigrationState::Pending).next().is_some();
    if applied.is_empty() || !pending || !applied.iter().all(|one| one.missing_on_disk) {
        return Ok(());
    }
    Err(MigrateError::new(format!(
        "the database has applied {} migrations ({}), and none of them is in the migrations folder: it is another project's \
         database, or this is another folder; nothing was run",
        applied.len(),
        named(&applied)
    ))
    .with_hint(
        "correct the connection URL, or name the folder with --migrations; where both belong together (services that share a \
         history, old migrations that were archived), --accept-other-history applies what is pending; where changes of pending \
         ones are there already, mark these with `pgsteward migrate resolve --applied NAME` first",
    ))
}

fn named(found: &[&Standing]) -> String {
    let shown: Vec<String> = found.iter().take(3).map(|one| format!("\"{}\"", one.name)).collect();
    let more = found.len().saturating_sub(shown.len());
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}
