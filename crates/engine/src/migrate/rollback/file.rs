//! `down.sql`: the statements that undo the migration beside it, under a header that says what they are worth.
//!
//! The header is lines of `-- pgsteward-down: KEY VALUE`. It holds the digest of the migration and that of the
//! statements, so that an edit of either is noticed: what was proven then is not what would run now.

use std::path::{Path, PathBuf};

use pgsteward_model::migrate::rollback::{Down, Loss, Worth};

use super::statements::digest;
use crate::migrate::error::MigrateError;
use crate::migrate::plain_files::NO_TRANSACTION;
use crate::migrate::project::MigrationFolder;
use crate::plain::{self, Directions, Marks};

const MARK: &str = "-- pgsteward-down: ";

/// Stands where a way back has to be until one is made: runners take an empty one for done.
pub(in crate::migrate) const NOT_MADE: &str =
    "DO $$ BEGIN RAISE EXCEPTION 'no way back was made: pgsteward migrate adopt'; END $$;\n";

/// A `down.sql` as it is on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DownFile {
    /// What the header says; none where nobody proved the file.
    pub header: Option<Header>,
    /// Everything behind the header, byte for byte.
    pub body: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub migration: String,
    /// SHA-256 of the migration when this was proven.
    pub checksum: String,
    /// SHA-256 of the body when this was proven.
    pub body: String,
    pub worth: String,
    pub reason: Option<String>,
    pub server: Option<String>,
    pub lost: Vec<Loss>,
}

/// Where the file lies or would lie: beside the migration, where Prisma's tools pass over it, or in the migration's own
/// file where that holds both directions.
pub fn path_of(folder: &MigrationFolder) -> PathBuf {
    if folder.marks != Marks::None {
        return folder.file.clone();
    }
    if let Some(down) = &folder.down {
        return down.clone();
    }
    let parent = folder.file.parent().unwrap_or(Path::new(""));
    let name = folder.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match name.as_str() {
        "migration.sql" | "up.sql" => parent.join("down.sql"),
        _ => parent.join(format!("{}.down.sql", name.trim_end_matches(".sql").trim_end_matches(".up"))),
    }
}

/// What it is called in messages: `down.sql`, `001_init.down.sql`, or `way back in 001_init.sql`.
pub(super) fn called(folder: &MigrationFolder) -> String {
    let path = path_of(folder);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if folder.marks == Marks::None { name } else { format!("way back in {name}") }
}

/// The file beside a migration, or none. An empty one is none, because runners make pairs of empty files, and so is one that
/// only says that it was not made.
pub(super) fn read(folder: &MigrationFolder) -> Result<Option<DownFile>, MigrateError> {
    let path = path_of(folder);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let own = match folder.marks {
                Marks::None => text.as_str(),
                _ => Directions::of(&text).down,
            };
            let says = |file: &DownFile| !file.body.trim().is_empty() && !is_not_made(&file.body);
            Ok(Some(parse(own)).filter(|file| file.header.is_some() || says(file)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(MigrateError::new(format!("cannot read \"{}\": {error}", path.display()))
            .with_hint("make it readable, as UTF-8")),
    }
}

fn is_not_made(body: &str) -> bool {
    plain::without_marks(body).trim() == NOT_MADE.trim()
}

/// Writes the file, or the migration's part for it. What stands before that stays as it is.
pub(super) fn write(folder: &MigrationFolder, down: &Down) -> Result<(), MigrateError> {
    let path = path_of(folder);
    let mut down = down.clone();
    if folder.marks == Marks::Goose {
        down.sql = plain::whole_for_goose(&down.sql);
    }
    let down = &down;
    let written = match folder.marks {
        // What runs outside of a transaction there does so on the way back.
        Marks::None if folder.script().starts_with(NO_TRANSACTION) => {
            replace(&path, &format!("{NO_TRANSACTION}{}", render(down)))
        }
        Marks::None => replace(&path, &render(down)),
        marks => std::fs::read_to_string(&path).and_then(|text| {
            let there = Directions::of(&text);
            let before = match there.mark {
                "" => format!("{}\n\n{}", there.up.trim_end(), marks.down()),
                mark => format!("{}{}\n", there.up, mark.trim_end_matches(['\r', '\n'])),
            };
            replace(&path, &format!("{before}{}", render(down)))
        }),
    };
    written.map_err(|error| {
        MigrateError::new(format!("cannot write \"{}\": {error}", path.display()))
            .with_hint("check the permissions of the folder")
    })
}

/// A crash or a full disk leaves the old text or the new one. What a link leads to is replaced, and keeps its permissions.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = match path.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    let mut beside = path.clone();
    beside.as_mut_os_string().push(".pgsteward-new");
    let written = std::fs::File::create(&beside).and_then(|mut file| {
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        match std::fs::metadata(&path) {
            Ok(old) => file.set_permissions(old.permissions())?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        file.sync_all()?;
        std::fs::rename(&beside, &path)
    });
    if written.is_err() {
        // What was begun is of no use; that it cannot be removed changes nothing.
        drop(std::fs::remove_file(&beside));
    }
    written
}

/// Takes a text apart. A text without our header is all body.
pub(super) fn parse(text: &str) -> DownFile {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut header: Option<Header> = None;
    let mut rest = text.strip_prefix(NO_TRANSACTION).unwrap_or(text);
    while let Some(line) = rest.lines().next().filter(|line| line.starts_with("--")) {
        // Somebody's own comment belongs to the statements.
        let Some((key, value)) = line.strip_prefix(MARK).and_then(|line| line.split_once(' ')) else { break };
        let header = header.get_or_insert_with(Header::default);
        let value = value.trim_end().to_owned();
        match key {
            "undoes" => header.migration = value,
            "migration" => header.checksum = value.trim_start_matches("sha256 ").to_owned(),
            "statements" => header.body = value.trim_start_matches("sha256 ").to_owned(),
            "worth" => match value.split_once(": ") {
                Some((worth, reason)) => {
                    header.worth = worth.to_owned();
                    header.reason = Some(reason.to_owned());
                }
                None => header.worth = value,
            },
            "server" => header.server = Some(value.trim_start_matches("PostgreSQL ").to_owned()),
            "lost" => {
                let (what, why) = value.split_once(": ").unwrap_or((&value, ""));
                header.lost.push(Loss { what: what.to_owned(), why: why.to_owned() });
            }
            _ => {}
        }
        rest = rest.get(line.len()..).unwrap_or_default();
        rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).unwrap_or(rest);
    }
    DownFile { header, body: rest.to_owned() }
}

/// The whole text of a file with this body.
pub(in crate::migrate) fn render(down: &Down) -> String {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines = vec![
        format!("undoes {}", one_line(&down.migration)),
        format!("migration sha256 {}", down.checksum),
        format!("statements sha256 {}", digest(&down.sql)),
    ];
    lines.push(match down.worth.reason() {
        Some(reason) => format!("worth {}: {}", down.worth.word(), one_line(reason)),
        None => format!("worth {}", down.worth.word()),
    });
    if let Some(server) = &down.server {
        lines.push(format!("server PostgreSQL {server}"));
    }
    lines.extend(
        down.lost.iter().map(|loss| format!("lost {}: {}", one_line(&loss.what), one_line(&loss.why))),
    );
    let mut text: String = lines.iter().map(|line| format!("{MARK}{line}\n")).collect();
    text.push_str(&down.sql);
    text
}

/// Whether and how well a migration can be undone, from the files on disk alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversibility {
    pub verdict: Verdict,
    /// What does not come back.
    pub lost: Vec<Loss>,
    /// pgsteward made or proved a file for the migration.
    pub adopted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is no `down.sql`.
    Missing,
    /// The structure comes back; so do the rows, unless some are named as lost.
    Proven,
    Irreversible(String),
    /// The structure comes back, and only while its tables are empty. Why.
    OverEmptyTables(String),
    /// Somebody wrote it, or changed it or the migration since it was proven, or the proof failed. Why.
    Unproven(String),
}

impl Reversibility {
    pub fn is_proven(&self) -> bool {
        self.verdict == Verdict::Proven
    }
}

/// Reads the `down.sql` of a migration and holds it against the migration as it is now.
pub fn reversibility(folder: &MigrationFolder) -> Result<Reversibility, MigrateError> {
    Ok(judge(folder, read(folder)?.as_ref()))
}

/// Whether the migration was edited since its `down.sql` was made, and nobody touched that.
pub fn is_stale(folder: &MigrationFolder) -> Result<bool, MigrateError> {
    let Some(file) = read(folder)? else { return Ok(false) };
    let of_other_text =
        |header: &Header| digest(&file.body) == header.body && !folder.has_checksum(&header.checksum);
    Ok(file.header.as_ref().is_some_and(of_other_text))
}

pub(super) fn judge(folder: &MigrationFolder, file: Option<&DownFile>) -> Reversibility {
    let Some(file) = file else {
        return Reversibility { verdict: Verdict::Missing, lost: Vec::new(), adopted: false };
    };
    let Some(header) = &file.header else {
        let why = "nobody proved the down.sql yet".to_owned();
        return Reversibility { verdict: Verdict::Unproven(why), lost: Vec::new(), adopted: false };
    };
    let reason = || header.reason.clone().unwrap_or_default();
    let verdict = if !folder.has_checksum(&header.checksum) {
        Verdict::Unproven("the migration was edited after its down.sql was proven".to_owned())
    } else if digest(&file.body) != header.body {
        Verdict::Unproven("the down.sql was edited after it was proven".to_owned())
    } else if header.worth == Worth::Proven.word() || header.worth == Worth::StructureProven.word() {
        Verdict::Proven
    } else if header.worth == (Worth::Irreversible { reason: String::new() }).word() {
        Verdict::Irreversible(reason())
    } else if header.worth == (Worth::OverEmptyTables { reason: String::new() }).word() {
        Verdict::OverEmptyTables(reason())
    } else {
        Verdict::Unproven(format!("its down.sql did not stand the proof: {}", reason()))
    };
    Reversibility { verdict, lost: header.lost.clone(), adopted: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down(sql: &str, worth: Worth) -> Down {
        Down {
            migration: "1_a".into(),
            checksum: crate::migrate::project::checksum("SELECT 1;\n"),
            sql: sql.into(),
            worth,
            lost: vec![Loss {
                what: "values of \"T\".\"a: b\"".into(),
                why: "the migration\ndrops it".into(),
            }],
            changes_schema: true,
            server: Some("17.6".into()),
        }
    }

    fn folder() -> MigrationFolder {
        MigrationFolder::new("1_a", PathBuf::from("m/1_a/migration.sql"), "SELECT 1;\n".into(), None)
    }

    #[test]
    fn a_file_reads_as_it_was_written() {
        let written = down("DROP TABLE a;\n", Worth::StructureProven);
        let file = parse(&render(&written));
        assert_eq!(file.body, "DROP TABLE a;\n");
        let judged = judge(&folder(), Some(&file));
        assert_eq!(judged.verdict, Verdict::Proven);
        assert_eq!(judged.lost.len(), 1);
        assert_eq!(path_of(&folder()), PathBuf::from("m/1_a/down.sql"));
    }

    #[test]
    fn what_was_not_made_is_none() {
        assert!(is_not_made(NOT_MADE) && is_not_made(&plain::whole_for_goose(NOT_MADE)));
        assert!(!is_not_made("") && !is_not_made(&format!("{NOT_MADE}DROP TABLE a;\n")));
        let folder_of_it = tempfile::tempdir().unwrap();
        let file = folder_of_it.path().join("1_a.sql");
        let both = Marks::Dbmate.sections("SELECT 1;\n".into(), Some(NOT_MADE.into()), false).0;
        std::fs::write(&file, both).unwrap();
        let marked = MigrationFolder { marks: Marks::Dbmate, file, ..folder() };
        assert_eq!(reversibility(&marked).unwrap().verdict, Verdict::Missing);
    }

    #[test]
    fn edits_are_noticed() {
        let text = render(&down("DROP TABLE a;\n", Worth::Proven));
        let edited = parse(&text.replace("TABLE a", "TABLE b"));
        assert!(
            matches!(judge(&folder(), Some(&edited)).verdict, Verdict::Unproven(why) if why.contains("down.sql was edited"))
        );
        let other = MigrationFolder::new("1_a", PathBuf::from("m"), "SELECT 2;\n".into(), None);
        assert!(
            matches!(judge(&other, Some(&parse(&text))).verdict, Verdict::Unproven(why) if why.contains("migration was edited"))
        );
        let own = parse("-- mine\nDROP TABLE a;\n");
        assert_eq!(own.header, None);
        assert_eq!(own.body, "-- mine\nDROP TABLE a;\n");
        assert!(matches!(judge(&folder(), Some(&own)).verdict, Verdict::Unproven(_)));
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_or_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("001.sql");
        replace(&path, "one").unwrap();
        replace(&path, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing lies beside it");
        // The new text cannot be written.
        std::fs::create_dir(folder.path().join("001.sql.pgsteward-new")).unwrap();
        assert!(replace(&path, "three").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
    }

    #[test]
    fn what_cannot_be_undone_says_why() {
        let worth = Worth::Irreversible { reason: "it changes rows: UPDATE of \"a\"".into() };
        let file = parse(&render(&down("", worth)));
        let verdict = judge(&folder(), Some(&file)).verdict;
        assert_eq!(verdict, Verdict::Irreversible("it changes rows: UPDATE of \"a\"".into()));
        let worth = Worth::OverEmptyTables { reason: "the key of \"a\": gone".into() };
        let file = parse(&render(&down("ALTER TABLE a ADD id integer NOT NULL;\n", worth)));
        let verdict = judge(&folder(), Some(&file)).verdict;
        assert_eq!(verdict, Verdict::OverEmptyTables("the key of \"a\": gone".into()));
    }
}
