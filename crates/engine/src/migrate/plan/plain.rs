//! Pieces as files of plain SQL: each with a number of its own, as runners want it, laid out as the migration is, with
//! what its runner has to be told.

use std::path::Path;

use pgsteward_model::migration::{Layout, MigrationFile};

use super::name::{call, cut, safe};
use super::pieces::{Piece, without_own_transaction};
use super::renumber;
use crate::discover::relative;
use crate::fix::Write;
use crate::migrate::error::MigrateError;
use crate::migrate::plain_files::{Body, DIESEL, NO_TRANSACTION, laid_out};
use crate::migrate::project::{MigrateProject, MigrationFolder, read_utf8};
use crate::migrate::{name as given, rollback};
use crate::plain::{Marks, Names, number_of, without_marks, words_of};

/// What no file of node-pg-migrate can say.
const ALWAYS_IN_TRANSACTION: &str = "node-pg-migrate runs files of SQL in a transaction, which a statement with CONCURRENTLY refuses: \
                                     deploy its file with `pgsteward migrate deploy`";

/// What a bare file cannot know of its runner.
const OWN_TRANSACTIONS: &str = "files of several statements hold a transaction of their own, for runners that begin none: where yours \
                                begins one around each file, take BEGIN and COMMIT out of them";

/// Names the pieces: the first as the migration, the others with the numbers that follow its own. Gives the old and new
/// names of migrations that have these numbers; the reason where one of them keeps its name.
pub(super) fn name(
    known: &[String],
    migration: &str,
    pieces: &mut [Piece],
    may_move: &dyn Fn(&str) -> bool,
) -> Result<Vec<(String, String)>, String> {
    let [first, rest @ ..] = pieces else { return Ok(Vec::new()) };
    call(first, migration);
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let Some(mut numbers) = Names::after(migration, given::now()) else {
        return Err("its name begins with no number that those of its parts could follow".into());
    };
    let words = words_of(migration);
    let mut last = 0;
    for piece in rest {
        let does = safe(&piece.slug);
        let slug = if words.is_empty() { does } else { format!("{words}_{does}") };
        let name = cut(&numbers.next(&slug));
        last = number_of(&name).unwrap_or(u64::MAX);
        call(piece, &name);
    }
    renumber::behind(known, migration, last, &mut numbers, may_move)
}

/// The way there without what runners are told: the parts say that anew.
pub(super) fn script(migration: &MigrationFolder) -> String {
    let text = migration.script();
    match migration.marks {
        Marks::None => text.strip_prefix(NO_TRANSACTION).unwrap_or(text).to_owned(),
        _ => without_marks(text),
    }
}

/// The texts as the runners of such files want them, with what `migrate backfill` reads. What begins transactions of its
/// own runs files without a second one inside; a bare file may be sent by anything, and is atomic by itself.
pub(super) fn settle(layout: Layout, migration: &MigrationFolder, pieces: &mut [Piece]) {
    let around = migration.file.parent().unwrap_or(Path::new(""));
    let in_transaction = migration.marks != Marks::None || layout == Layout::UpDown || is_of_sqlx(around);
    for piece in pieces {
        if piece.settled && in_transaction {
            piece.text = without_own_transaction(&piece.text);
        }
        if let Some(definition) = &piece.backfill {
            piece.text = format!("{}{}", definition.comment(), piece.text);
        }
    }
}

/// Whether migrations of the project come with what undoes them. Runners of bare files that know no way back would take
/// a file of it for a migration.
pub(super) fn keeps_ways_back(project: &MigrateProject, folders: &[MigrationFolder]) -> bool {
    let keeps = |folder: &MigrationFolder| folder.marks != Marks::None || folder.down.is_some();
    project.layout != Layout::Files || folders.iter().any(keeps)
}

/// The files of the named pieces, of which the first has the name that the migration gets. `files` are what reading says of
/// them.
pub(super) fn writes(
    project: &MigrateProject,
    migration: &MigrationFolder,
    name: &str,
    pieces: &[Piece],
    files: &[MigrationFile],
    ways_back: bool,
) -> Result<Vec<Write>, MigrateError> {
    let mut writes = Vec::new();
    let told = is_told_alone(migration);
    let around = &project.migrations_folder;
    for (piece, file) in pieces.iter().zip(files) {
        let body = Body {
            up: piece.text.clone(),
            down: ways_back.then(|| piece.down.clone().unwrap_or_else(|| rollback::NOT_MADE.to_owned())),
            alone: is_alone(file) || (told && !piece.settled),
        };
        let alone = body.alone;
        let mut new = laid_out(around, project.layout, Some(migration), &piece.slug, body).files;
        let is_first = piece.slug == name;
        let metadata = migration.file.with_file_name(DIESEL.0);
        if is_first && told && metadata.is_file() {
            let beside = around.join(name).join(DIESEL.0);
            new.retain(|(path, _)| *path != beside);
            if !alone {
                new.insert(0, (beside, in_transaction(&read_utf8(&metadata)?)));
            }
        }
        for (path, after) in new {
            // Where the migration is now that gets another name.
            let now = renumber::moved(&path, around, name, &migration.name);
            let is_there = is_first && now.is_file();
            let before = is_there.then(|| read_utf8(&now)).transpose()?;
            let before = before.map(|text| text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text));
            if before.as_ref() != Some(&after) || now != path {
                writes.push(Write { path: relative(&project.root, &path), before, after });
            }
        }
    }
    Ok(writes)
}

/// What diesel is told of a part that runs in its transaction, where it was told otherwise of the whole migration.
fn in_transaction(metadata: &str) -> String {
    let told = |line: &str| match says_alone(line) {
        true => "run_in_transaction = true".to_owned(),
        false => line.to_owned(),
    };
    metadata.lines().map(|line| format!("{}\n", told(line))).collect()
}

fn says_alone(line: &str) -> bool {
    line.replace(char::is_whitespace, "").starts_with("run_in_transaction=false")
}

/// A statement of it refuses to run in a transaction.
fn is_alone(file: &MigrationFile) -> bool {
    file.statements.iter().any(|one| one.effect.needs_no_transaction)
}

/// The author told the runner to begin no transaction: a procedure or a DO may end its own.
fn is_told_alone(migration: &MigrationFolder) -> bool {
    let says = |line: &str| {
        let line = line.trim_start_matches('\u{feff}').trim().to_ascii_lowercase();
        let Some(comment) = line.strip_prefix("--") else { return false };
        let words: Vec<&str> = comment.split_whitespace().collect();
        match migration.marks {
            Marks::Goose => words == ["+goose", "no", "transaction"],
            Marks::Dbmate => words.first() == Some(&"migrate:up") && words.contains(&"transaction:false"),
            Marks::NodePgMigrate | Marks::None => false,
        }
    };
    let diesel = || {
        let beside = std::fs::read_to_string(migration.file.with_file_name(DIESEL.0));
        beside.is_ok_and(|text| text.lines().any(says_alone))
    };
    match migration.marks {
        Marks::None if migration.file.file_name().is_some_and(|name| name == "up.sql") => diesel(),
        // As sqlx reads it: the first thing in the file, whatever follows on the line.
        Marks::None => migration.script().starts_with(NO_TRANSACTION.trim_end()),
        _ => migration.text.lines().any(says),
    }
}

/// Whether sqlx runs bare files of the folder, each in a transaction: a Cargo.toml above it names it, or its cache lies there.
fn is_of_sqlx(folder: &Path) -> bool {
    let names = |line: &str| {
        let line = line.trim();
        let key: String =
            line.chars().take_while(|next| next.is_alphanumeric() || "-_".contains(*next)).collect();
        key == "sqlx" || (line.starts_with('[') && line.ends_with("dependencies.sqlx]"))
    };
    for around in folder.ancestors() {
        let cargo = std::fs::read_to_string(around.join("Cargo.toml"));
        if around.join(".sqlx").is_dir() || cargo.is_ok_and(|text| text.lines().any(names)) {
            return true;
        }
        // What is above a repository is another's.
        if around.join(".git").exists() {
            break;
        }
    }
    false
}

/// What people have to know of these files.
pub(super) fn notes(
    migration: &MigrationFolder,
    pieces: &[Piece],
    files: &[MigrationFile],
) -> Result<Vec<String>, MigrateError> {
    let mut notes = Vec::new();
    let begins = |piece: &Piece| piece.settled && without_own_transaction(&piece.text) != piece.text;
    if pieces.iter().any(begins) {
        notes.push(OWN_TRANSACTIONS.to_owned());
    }
    if migration.marks == Marks::NodePgMigrate && files.iter().any(is_alone) {
        notes.push(ALWAYS_IN_TRANSACTION.to_owned());
    }
    if rollback::reversibility(migration)?.verdict != rollback::Verdict::Missing {
        notes
            .push("its way back, which undid the whole, is replaced by one for each of its parts".to_owned());
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(known: &[&str], migration: &str, count: usize) -> Result<Vec<String>, String> {
        let known: Vec<String> = known.iter().map(|name| (*name).to_owned()).collect();
        let mut pieces: Vec<Piece> = (0..count).map(|_| Piece::new("Index \"a\"", "SELECT 1;\n")).collect();
        let moved = name(&known, migration, &mut pieces, &|name| !name.ends_with("_kept"))?;
        assert!(moved.is_empty(), "{moved:?}");
        Ok(pieces.into_iter().map(|piece| piece.slug).collect())
    }

    #[test]
    fn each_part_has_a_number_that_nobody_else_has() {
        let known = ["001_init", "009_next", "014_kept"];
        assert_eq!(
            named(&known, "009_next", 3).unwrap(),
            ["009_next", "010_next_index__a", "011_next_index__a"]
        );
        assert!(named(&known, "009_next", 6).unwrap_err().contains("\"014_kept\" stands where"));
        assert!(named(&["009_a", "009_kept"], "009_a", 2).unwrap_err().contains("keeps its name"));
        assert_eq!(named(&["009_a", "009_next"], "009_next", 2).unwrap().len(), 2);
        assert_eq!(named(&["009_next", "009_other"], "009_next", 1).unwrap(), ["009_next"]);
        assert!(named(&["next"], "next", 2).unwrap_err().contains("no number"));
        assert_eq!(named(&["V1__a"], "V1__a", 2).unwrap()[1], "V2__a_index__a");
        let long = format!("1_{}", "a".repeat(300));
        assert!(named(&[], &long, 2).unwrap()[1].starts_with("2_aaa"));
    }

    #[test]
    fn transactions_are_the_runners() {
        let settled = || {
            let statements = ["ALTER TABLE a DROP COLUMN b".to_owned(), "DROP FUNCTION f()".to_owned()];
            vec![Piece::settled("swap", "Why.", &statements)]
        };
        let of = |marks| MigrationFolder {
            marks,
            ..MigrationFolder::new("1_a", "1_a.sql".into(), String::new(), None)
        };
        let mut pieces = settled();
        settle(Layout::Files, &of(Marks::Dbmate), &mut pieces);
        assert_eq!(pieces[0].text, "-- Why.\nALTER TABLE a DROP COLUMN b;\n\nDROP FUNCTION f();\n");
        let mut pieces = settled();
        settle(Layout::Files, &of(Marks::None), &mut pieces);
        assert!(pieces[0].text.contains("BEGIN;") && pieces[0].text.ends_with("COMMIT;\n"));
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("migrations")).unwrap();
        std::fs::write(folder.path().join("Cargo.toml"), "[dependencies]\nsqlx = \"0.8\"\n").unwrap();
        let file = folder.path().join("migrations/1_a.sql");
        let mut pieces = settled();
        settle(Layout::Files, &MigrationFolder { file, ..of(Marks::None) }, &mut pieces);
        assert!(!pieces[0].text.contains("BEGIN;") && !pieces[0].text.contains("COMMIT;"));
        let told = |text: &str, marks| script(&MigrationFolder { text: text.to_owned(), ..of(marks) });
        assert_eq!(told("-- no-transaction\nSELECT 1;\n", Marks::None), "SELECT 1;\n");
        assert_eq!(told("-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1;", Marks::Goose), "SELECT 1;");
    }

    #[test]
    fn what_the_author_told_the_runner_stays() {
        let of = |text: &str, marks| {
            let migration = MigrationFolder::new("1_a", "1_a.sql".into(), text.into(), None);
            is_told_alone(&MigrationFolder { marks, ..migration })
        };
        assert!(of("-- +goose NO TRANSACTION\n-- +goose Up\nCALL p();\n", Marks::Goose));
        assert!(of("-- migrate:up transaction:false\nCALL p();\n", Marks::Dbmate));
        assert!(of("-- no-transaction\nCALL p();\n", Marks::None));
        assert!(!of("-- migrate:up\nSELECT 'transaction:false';\n", Marks::Dbmate));
        assert!(!of("CALL p();\n-- no-transaction\n", Marks::None));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("metadata.toml"), "run_in_transaction = false\n").unwrap();
        let migration = MigrationFolder::new("1_a", folder.path().join("up.sql"), String::new(), None);
        assert!(is_told_alone(&migration));
    }
}
