//! What people have to know of a migration before it runs, and no statement says. `plan --safe` writes it into the migration, as
//! a comment `-- pgsteward: note …`; deploy says it of what is pending.

use super::project::MigrationFolder;

const MARKER: &str = "-- pgsteward: note ";

/// The comment that says it.
pub(super) fn marker(sentence: &str) -> String {
    format!("{MARKER}{}", sentence.replace('\n', " "))
}

/// What a text says so.
pub(super) fn of_text(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.trim().strip_prefix(MARKER))
}

/// What the migrations say, each with its name.
pub(super) fn of_migrations(folders: &[&MigrationFolder]) -> Vec<String> {
    let own = |folder: &&MigrationFolder| {
        let said = of_text(folder.script()).map(|said| format!("{}: {said}", folder.name));
        said.collect::<Vec<_>>()
    };
    folders.iter().flat_map(own).collect()
}
