//! Pieces as folders: names that sort where the migration stood, and texts as they are written.

use pgsteward_model::migrate::plan::{PlannedFolder, PlannedLock};

use super::pieces::{FOLDER, Piece};
use crate::discover::{migrations::locale_key, relative};
use crate::fix::Write;
use crate::migrate::project::{LONGEST_NAME, MigrateProject, MigrationFolder};

/// Names the pieces: the first as the migration, the others with a number and what they do. The reason where
/// another migration would run between them.
pub(super) fn name(known: &[String], migration: &str, pieces: &mut [Piece]) -> Result<(), String> {
    let mut names: Vec<String> = Vec::new();
    let width = pieces.len().to_string().len().max(2);
    for (number, piece) in (1..).zip(pieces.iter_mut()) {
        let name =
            if number == 1 { migration.to_owned() } else { following(migration, number, width, &piece.slug) };
        call(piece, &name);
        names.push(name);
    }
    // Names that were cut at their longest may be equal, or no longer say which part comes first.
    if !names.is_sorted_by(|one, next| locale_key(one) < locale_key(next)) {
        return Err("its parts would not run in their order: give the migration a shorter name".into());
    }
    let (first, last) = (locale_key(migration), names.last().map(|name| locale_key(name)));
    let between = known.iter().filter(|name| *name != migration).find(|name| {
        let key = locale_key(name);
        key > first && Some(&key) <= last.as_ref()
    });
    match between {
        Some(other) => {
            Err(format!("the migration \"{other}\" would run between its parts: rename one of them"))
        }
        None => Ok(()),
    }
}

/// Gives a piece its name, also where its text has it.
pub(super) fn call(piece: &mut Piece, name: &str) {
    if piece.names_itself {
        piece.text = piece.text.replace(FOLDER, name);
    }
    name.clone_into(&mut piece.slug);
}

fn following(migration: &str, number: usize, width: usize, slug: &str) -> String {
    cut(&format!("{migration}_{number:0width$}_{}", safe(slug)))
}

/// What a piece does, as part of a name.
pub(super) fn safe(slug: &str) -> String {
    let safe: String = slug
        .chars()
        .map(|one| if one.is_ascii_alphanumeric() { one.to_ascii_lowercase() } else { '_' })
        .collect();
    if safe.is_empty() { "then".to_owned() } else { safe.trim_matches('_').to_owned() }
}

/// As much of a name as a migration may have.
pub(super) fn cut(name: &str) -> String {
    let end = (0..=name.len().min(LONGEST_NAME)).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    name.get(..end).unwrap_or(name).to_owned()
}

/// The named pieces with what they locked.
pub(super) fn folders(pieces: &[Piece], locks: Vec<Vec<PlannedLock>>) -> Vec<PlannedFolder> {
    let locks = locks.into_iter().chain(std::iter::repeat_with(Vec::new));
    let folder = |(piece, locks): (&Piece, Vec<PlannedLock>)| PlannedFolder {
        name: piece.slug.clone(),
        sql: piece.text.clone(),
        backfill: piece.backfill.as_ref().map(|definition| definition.render()),
        down: None,
        after: piece.after.clone(),
        locks,
    };
    pieces.iter().zip(locks).map(folder).collect()
}

/// The files of the named pieces.
pub(super) fn writes(project: &MigrateProject, migration: &MigrationFolder, pieces: &[Piece]) -> Vec<Write> {
    let mut writes = Vec::new();
    for piece in pieces {
        let at = relative(&project.root, &project.migrations_folder.join(&piece.slug));
        let before = (piece.slug == migration.name).then(|| migration.script().to_owned());
        writes.push(Write { path: format!("{at}/migration.sql"), before, after: piece.text.clone() });
        let mut beside = |name: &str, text: Option<String>| {
            let path = format!("{at}/{name}");
            writes.extend(text.map(|after| Write { path, before: None, after }));
        };
        beside("backfill.sql", piece.backfill.as_ref().map(|definition| definition.render()));
        beside("down.sql", piece.down.clone());
    }
    writes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_follow_the_migration_and_nothing_comes_between() {
        let mut pieces: Vec<Piece> = (0..12).map(|_| Piece::new("Index \"a\"", "SELECT 1;\n")).collect();
        let known = ["1_init".to_owned(), "2_add".to_owned(), "3_more".to_owned()];
        assert_eq!(name(&known, "2_add", &mut pieces), Ok(()));
        let names: Vec<&str> = pieces.iter().map(|piece| piece.slug.as_str()).collect();
        assert_eq!((names[0], names[1], names[11]), ("2_add", "2_add_02_index__a", "2_add_12_index__a"));
        let mut sorted = names.clone();
        sorted.sort_by_cached_key(|name| locale_key(name));
        assert_eq!(sorted, names);
        let known = ["2_add".to_owned(), "2_add_02_first".to_owned()];
        assert!(name(&known, "2_add", &mut pieces).unwrap_err().contains("2_add_02_first"));
    }

    #[test]
    fn a_hundred_folders_run_in_their_order() {
        let new = || -> Vec<Piece> { (0..100).map(|_| Piece::new("validate", "SELECT 1;\n")).collect() };
        let mut pieces = new();
        assert_eq!(name(&[], "2_add", &mut pieces), Ok(()));
        let names: Vec<&str> = pieces.iter().map(|piece| piece.slug.as_str()).collect();
        assert_eq!((names[1], names[99]), ("2_add_002_validate", "2_add_100_validate"));
        let mut sorted = names.clone();
        sorted.sort_by_cached_key(|name| locale_key(name));
        assert_eq!(sorted, names);
        let long = "2".repeat(LONGEST_NAME);
        assert!(name(&[], &long, &mut new()).unwrap_err().contains("shorter name"));
    }
}
