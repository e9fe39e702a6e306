//! Migrations of plain SQL that have the numbers which the parts of an earlier one need: those that the database has not
//! applied get numbers behind them, in their order.

use std::path::{Path, PathBuf};

use super::name::cut;
use crate::discover::migrations::number_order;
use crate::discover::relative;
use crate::fix::{Move, Write};
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

/// What the report says of them.
pub(super) fn note((old, new): &(String, String)) -> String {
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
pub(super) fn files(
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
    let after = text.replace(old, new);
    let says_its_name = !words_of(old).is_empty() && after != text;
    let file = migration.file.strip_prefix(around).ok().and_then(Path::to_str);
    let file = file.and_then(|file| file.strip_prefix(old)).unwrap_or_default();
    let path = relative(&project.root, &around.join(format!("{new}{file}")));
    let writes = says_its_name.then_some(Write { path, before: Some(text), after });
    Ok((moves.collect(), writes.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
