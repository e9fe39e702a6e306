//! Migrations of plain SQL that have the numbers which the parts of an earlier one need: those that the database has not
//! applied get numbers behind them, in their order.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pgsteward_model::migrate::plan::PlannedMigration;

use super::name::cut;
use super::pieces::Piece;
use crate::discover::migrations::number_order;
use crate::discover::relative;
use crate::fix::{Move, Plan as Changes, Write};
use crate::migrate::error::MigrateError;
use crate::migrate::plain_files::entries;
use crate::migrate::project::{MigrateProject, MigrationFolder, read_utf8};
use crate::plain::{Names, number_of, words_of};

/// Old and new names of the migrations behind one whose parts end at the number `last`. The reason where one of them has to
/// keep its name.
pub(super) fn behind(
    known: &[String],
    migration: &str,
    last: u64,
    numbers: &mut Names,
    may_move: &dyn Fn(&str) -> bool,
) -> Result<Vec<(String, String)>, String> {
    let mut later: Vec<&String> = known
        .iter()
        .filter(|name| number_order(migration, name).is_lt() && number_of(name).is_some())
        .collect();
    later.sort_by(|one, other| number_order(one, other));
    let (mut moves, mut last) = (Vec::new(), last);
    for name in later {
        if number_of(name).is_some_and(|number| number > last) {
            break;
        }
        if !may_move(name) {
            return Err(format!(
                "the migration \"{name}\" stands where its parts have to, and keeps its name because the database has it: \
                 give this one a number above that of all that the database has"
            ));
        }
        let next = cut(&numbers.next(words_of(name)));
        last = number_of(&next).unwrap_or(u64::MAX);
        moves.push((name.clone(), next));
    }
    Ok(moves)
}

/// The reason where something in the folder has a number that the parts or those behind them get, and is no migration of these:
/// another runner may take it for one (goose and node-pg-migrate run programs too), and would run it at another place than
/// before.
pub(super) fn free(
    project: &MigrateProject,
    folders: &[MigrationFolder],
    migration: &str,
    pieces: &[Piece],
    moves: &[(String, String)],
) -> Result<(), String> {
    let new = pieces.iter().map(|piece| &piece.slug).chain(moves.iter().map(|(_, new)| new));
    let (first, last) = (number_of(migration), new.filter_map(|name| number_of(name)).max());
    let known: BTreeSet<String> = folders.iter().flat_map(entries).collect();
    let there = std::fs::read_dir(&project.migrations_folder).into_iter().flatten().flatten();
    let names = there.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let within = |name: &String| {
        let number = number_of(name);
        number.is_some() && number > first && number <= last
    };
    match names.filter(|name| !known.contains(name)).filter(within).min() {
        Some(found) => Err(format!(
            "\"{found}\" is no migration that is read here, and has a number that its parts or those behind them need: give this one \
             a number above it"
        )),
        None => Ok(()),
    }
}

/// The rename of a migration that got another name, and, where it was not planned, the text that says it. The report of the
/// one that needed its number shows both.
pub(super) fn carry(
    project: &MigrateProject,
    folder: &MigrationFolder,
    name: &str,
    mover: &mut PlannedMigration,
    changes: &mut Changes,
) -> Result<(), MigrateError> {
    let (moves, mut writes) = files(project, folder, name)?;
    writes.retain(|write| !changes.writes.iter().any(|one| one.path == write.path));
    mover.notes.push(note(&folder.name, name));
    mover.diff += &Changes { moves: moves.clone(), writes: writes.clone(), ..Changes::default() }.diff();
    changes.moves.extend(moves);
    changes.writes.extend(writes);
    Ok(())
}

fn note(old: &str, new: &str) -> String {
    format!(
        "\"{old}\" becomes \"{new}\": the parts need the numbers before it. Where another database has applied it, record that there \
         with `pgsteward migrate resolve --applied {new}`"
    )
}

/// Where a file of a migration is as long as this has its old name.
pub(super) fn moved(path: &Path, around: &Path, new: &str, old: &str) -> PathBuf {
    let inside = path.strip_prefix(around).ok().and_then(Path::to_str);
    match inside.and_then(|inside| inside.strip_prefix(new)) {
        Some(rest) => around.join(format!("{old}{rest}")),
        None => path.to_owned(),
    }
}

/// The renames of the files of one migration, and what changes in a text that says its name.
fn files(
    project: &MigrateProject,
    migration: &MigrationFolder,
    new: &str,
) -> Result<(Vec<Move>, Vec<Write>), MigrateError> {
    let (old, around) = (migration.name.as_str(), &project.migrations_folder);
    let moves = entries(migration).into_iter().filter_map(|entry| {
        let rest = entry.strip_prefix(old)?;
        let path = |name: &str| relative(&project.root, &around.join(format!("{name}{rest}")));
        Some(Move { from: path(old), to: path(new) })
    });
    let text = read_utf8(&migration.file)?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    let after = match words_of(old) {
        "" => text.clone(),
        _ => said_anew(&text, old, new),
    };
    let says_its_name = after != text;
    let file = migration.file.strip_prefix(around).ok().and_then(Path::to_str);
    let file = file.and_then(|file| file.strip_prefix(old)).unwrap_or_default();
    let path = relative(&project.root, &around.join(format!("{new}{file}")));
    let writes = says_its_name.then_some(Write { path, before: Some(text), after });
    Ok((moves.collect(), writes.into_iter().collect()))
}

/// The text with another name in the comments at its top, above all statements: what is behind them may be SQL, whatever it
/// looks like. Comments that say something to us are left.
fn said_anew(text: &str, old: &str, new: &str) -> String {
    let is_top = |line: &&str| line.trim().is_empty() || line.trim_start().starts_with("--");
    let mut top = String::new();
    for line in text.split_inclusive('\n').take_while(is_top) {
        let is_ours = line.contains("pgsteward");
        top += &if is_ours { line.to_owned() } else { renamed(line, old, new) };
    }
    let length: usize = text.split_inclusive('\n').take_while(is_top).map(str::len).sum();
    top + text.get(length..).unwrap_or_default()
}

/// The line with one name in the place of another, where that is not a part of a longer one.
fn renamed(line: &str, old: &str, new: &str) -> String {
    let inside = |next: Option<char>| next.is_some_and(|next| next.is_alphanumeric() || "_-/".contains(next));
    let (mut out, mut rest) = (String::new(), line);
    while let Some(at) = rest.find(old) {
        let (before, behind) = (&rest[..at], &rest[at + old.len()..]);
        let whole =
            !inside(before.chars().next_back().or(out.chars().next_back())) && !inside(behind.chars().next());
        out.push_str(before);
        out.push_str(if whole { new } else { old });
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_comments_above_all_statements_say_the_new_name() {
        let (old, new) = ("2_address", "4_address");
        let text = "-- +goose Up\n\n-- 2_address: line2_address, 2_address_more, seeds/2_address.csv, 2_address\n\
                    -- pgsteward-backfill: UPDATE \"2_address\" SET a = 1\n\
                    ALTER TABLE a ADD COLUMN line2_address text DEFAULT '2_address';\n-- 2_address\n\
                    DO $$BEGIN\n-- 2_address\nEND$$;\n";
        let wanted = text.replacen("-- 2_address:", "-- 4_address:", 1).replacen(
            ".csv, 2_address",
            ".csv, 4_address",
            1,
        );
        assert_eq!(said_anew(text, old, new), wanted);
        assert_eq!(said_anew("SELECT '2_address'", old, new), "SELECT '2_address'");
        assert_eq!(said_anew("-- 2_address", old, new), "-- 4_address");
    }

    #[test]
    fn what_has_the_numbers_goes_behind_the_parts() {
        let known: Vec<String> = ["001_init", "002_next", "003_more", "004_kept", "009_far"]
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        let moves = |last: u64, kept: &str| {
            let mut numbers = Names::after("002_next", 0).unwrap();
            for _ in 2..last {
                numbers.next("part");
            }
            behind(&known, "002_next", last, &mut numbers, &|name| name != kept)
        };
        let of = |moves: &[(&str, &str)]| -> Vec<(String, String)> {
            moves.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect()
        };
        assert_eq!(moves(2, "").unwrap(), []);
        assert_eq!(moves(3, "").unwrap(), of(&[("003_more", "004_more"), ("004_kept", "005_kept")]));
        assert_eq!(
            moves(8, "").unwrap(),
            of(&[("003_more", "009_more"), ("004_kept", "010_kept"), ("009_far", "011_far")])
        );
        assert!(moves(3, "004_kept").unwrap_err().contains("\"004_kept\" stands where"));
    }
}
