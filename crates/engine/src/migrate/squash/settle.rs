//! A database that meets a squashed migration: one that has all of the joined ones gets a row for it and runs
//! nothing; one that has none runs it; one that has some is refused, because nothing on disk would bring the rest.

use pgsteward_pg::WriteSession;
use pgsteward_pg::history::{self, HistoryRow, HistoryTable, RowState};

use super::members::{Held, Member, held, joined, members};
use crate::Progress;
use crate::migrate::error::MigrateError;
use crate::migrate::project::MigrationFolder;
use crate::migrate::server;

/// A development database meets squashed migrations: they are recorded where it holds them, before anybody looks for
/// what is missing. Notes for people.
pub async fn meet(
    session: &WriteSession,
    table: &HistoryTable,
    folders: &[MigrationFolder],
    progress: &dyn Progress,
) -> Result<Vec<String>, MigrateError> {
    if joined(folders).is_empty() {
        return Ok(Vec::new());
    }
    server::lock(session, server::LOCK_WAIT, progress).await?;
    let rows = session.history(table).await?.unwrap_or_default();
    let recorded = settle(session, table, folders, &rows).await?;
    let told =
        |name: String| format!("recorded {name} without running it: the database has all that it joins");
    let mut notes: Vec<String> = recorded.into_iter().map(told).collect();
    // Only Prisma's own command line looks for their folders.
    if *table == HistoryTable::plain(&table.namespace) {
        return Ok(notes);
    }
    let rows = session.history(table).await?.unwrap_or_default();
    match retire(session, table, folders, &rows).await? {
        0 => {}
        retired => notes.push(format!(
            "{retired} joined migrations are rolled back in the history, though nothing is undone: so Prisma's own migrate \
             dev goes on, too"
        )),
    }
    Ok(notes)
}

/// Records what needs no run, in the order of the disk, and returns the names. The caller holds the lock, and reads
/// the rows anew where there are names.
pub async fn settle(
    session: &WriteSession,
    table: &HistoryTable,
    folders: &[MigrationFolder],
    rows: &[HistoryRow],
) -> Result<Vec<String>, MigrateError> {
    let recorded = to_record(folders, rows)?;
    let texts: Vec<String> = recorded
        .iter()
        .map(|folder| history::mark_applied(table, &history::new_id(), &folder.checksum, &folder.name))
        .collect();
    if !texts.is_empty() {
        session
            .simple(&texts.join(";\n"))
            .await
            .map_err(|error| MigrateError::server("record the squashed migration", &error))?;
    }
    Ok(recorded.into_iter().map(|folder| folder.name.clone()).collect())
}

/// The squashed migrations that the database holds without knowing it. An error where it holds a part of one.
pub(super) fn to_record<'a>(
    folders: &'a [MigrationFolder],
    rows: &[HistoryRow],
) -> Result<Vec<&'a MigrationFolder>, MigrateError> {
    let mut found = Vec::new();
    for folder in folders {
        let joined = members(folder);
        let known = rows.iter().any(|row| row.name == folder.name && row.state() != RowState::RolledBack);
        if joined.is_empty() || known {
            continue;
        }
        refuse_unfinished(folder, &joined, folders)?;
        let held = held(&joined, rows);
        if held.is_all() {
            found.push(folder);
        } else if !held.is_nothing() {
            return Err(refused(folder, &joined, &held));
        }
    }
    Ok(found)
}

/// Two histories of one thing are on disk while a squash was interrupted: an empty database would run both.
fn refuse_unfinished(
    folder: &MigrationFolder,
    joined: &[Member],
    folders: &[MigrationFolder],
) -> Result<(), MigrateError> {
    let there = |name: &str| folders.iter().any(|folder| folder.name == name);
    let Some(member) = joined.iter().find(|member| there(&member.name)) else { return Ok(()) };
    Err(MigrateError::new(format!(
        "the migration \"{}\" joins \"{}\", which is still there: a squash was interrupted",
        folder.name, member.name
    ))
    .with_hint(format!("`pgsteward migrate squash` goes on with it; to undo it, remove \"{}\"", folder.name)))
}

fn refused(folder: &MigrationFolder, joined: &[Member], held: &Held) -> MigrateError {
    let some = |names: &[String]| {
        let shown: Vec<String> = names.iter().take(5).map(|name| format!("\"{name}\"")).collect();
        let more = names.len().saturating_sub(shown.len());
        if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
    };
    let head = format!("\"{}\" joins {} migrations", folder.name, joined.len());
    if held.missing.is_empty() {
        let message = format!(
            "{head}, and the database has applied {} with another text; nothing was run",
            some(&held.other_text)
        );
        return MigrateError::new(message).with_hint(format!(
            "compare the database with it (`pgsteward migrate diff --from-migrations … --to-config-datasource`); where they \
             are the same: `pgsteward migrate resolve --applied {}`",
            folder.name
        ));
    }
    let message = format!(
        "{head}, and the database has applied only {} of them, not {}; nothing was run",
        held.has,
        some(&held.missing)
    );
    MigrateError::new(message).with_hint(
        "deploy the missing ones first, from the last commit that has them; this one is then recorded without running",
    )
}

/// Takes the rows of joined migrations out of the history of a development database, where the squashed one is
/// applied: as rolled back, with the reason, because Prisma's own `migrate dev` asks for a reset where an applied
/// migration has no folder. Returns how many. Others keep them: they say what ran.
async fn retire(
    session: &WriteSession,
    table: &HistoryTable,
    folders: &[MigrationFolder],
    rows: &[HistoryRow],
) -> Result<usize, MigrateError> {
    let joined = joined(folders);
    let applied = |row: &&HistoryRow| row.state() == RowState::Applied;
    let is_applied = |name: &String| rows.iter().filter(applied).any(|row| row.name == *name);
    let texts: Vec<String> = rows
        .iter()
        .filter(applied)
        .filter_map(|row| {
            let by = joined.get(&row.name).filter(|by| is_applied(by))?;
            let why = format!("Not undone: \"{by}\" joins it.");
            Some(format!("{};\n{}", history::fail(table, &row.id, &why), history::roll_back(table, &row.id)))
        })
        .collect();
    if !texts.is_empty() {
        session
            .simple(&texts.join(";\n"))
            .await
            .map_err(|error| MigrateError::server("take joined migrations out of the history", &error))?;
    }
    Ok(texts.len())
}

/// The squashed migrations on disk that the database holds and does not know.
pub fn unrecorded<'a>(folders: &'a [MigrationFolder], rows: &[HistoryRow]) -> Vec<&'a MigrationFolder> {
    let lacks_row = |folder: &&MigrationFolder| {
        !rows.iter().any(|row| row.name == folder.name && row.state() != RowState::RolledBack)
    };
    let holds = |folder: &&MigrationFolder| {
        let joined = members(folder);
        !joined.is_empty() && held(&joined, rows).is_all()
    };
    folders.iter().filter(lacks_row).filter(holds).collect()
}

/// What a status says of squashed migrations that are not recorded.
pub fn told(folders: &[MigrationFolder], rows: &[HistoryRow]) -> Vec<String> {
    match to_record(folders, rows) {
        Ok(found) => found
            .into_iter()
            .map(|folder| {
                format!(
                    "the database has all that \"{}\" joins: `pgsteward migrate deploy` records it and runs nothing",
                    folder.name
                )
            })
            .collect(),
        Err(error) => vec![error.message],
    }
}

/// The rows without those of migrations that a squashed one on disk joins: no folder is missing for them.
pub fn without_members(folders: &[MigrationFolder], rows: Vec<HistoryRow>) -> Vec<HistoryRow> {
    let joined = joined(folders);
    rows.into_iter().filter(|row| !joined.contains_key(&row.name)).collect()
}
