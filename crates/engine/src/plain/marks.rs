//! Files that hold the way there and the way back, under comments that say which is which.

use super::goose;

/// Whose comments they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marks {
    /// The whole file is the way there.
    #[default]
    None,
    /// `-- +goose Up` and `-- +goose Down`.
    Goose,
    /// `-- migrate:up` and `-- migrate:down`.
    Dbmate,
    /// `-- Up Migration` and `-- Down Migration`.
    NodePgMigrate,
}

/// A text, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directions<'a> {
    pub marks: Marks,
    /// From the start of the file, so that line numbers hold.
    pub up: &'a str,
    /// The line that begins the way back, with its end. Empty where there is no way back.
    pub mark: &'a str,
    /// Everything behind that line.
    pub down: &'a str,
    /// The way back stands before the way there, which no runner reads that way.
    pub reversed: bool,
}

impl<'a> Directions<'a> {
    pub fn of(text: &'a str) -> Directions<'a> {
        let (mut up, mut offset) = (None, 0);
        for line in text.split_inclusive('\n') {
            match mark_of(line) {
                Some((marks, true)) => up = up.or(Some(marks)),
                // A comment of prose may begin with the words of node-pg-migrate.
                Some((Marks::NodePgMigrate, false)) if up.is_none() && !has_up(&text[offset..]) => {}
                Some((marks, false)) => {
                    let (before, rest) = text.split_at(offset);
                    let (mark, down) = rest.split_at(line.len());
                    let reversed = up.is_none() && has_up(down);
                    return Directions { marks, up: before, mark, down, reversed };
                }
                None => {}
            }
            offset += line.len();
        }
        Directions { marks: up.unwrap_or_default(), up: text, mark: "", down: "", reversed: false }
    }
}

impl Directions<'_> {
    /// What the history takes for the migration's text: the whole of a file that holds nothing else; else the way there
    /// without white space at its end, so that a way back may be written behind it.
    pub fn text(&self) -> &str {
        if self.marks == Marks::None { self.up } else { self.up.trim_end() }
    }
}

impl Marks {
    /// The text of a file, and the text of what undoes it where that is no part of it.
    pub fn sections(
        self,
        up: String,
        down: Option<String>,
        in_transaction: bool,
    ) -> (String, Option<String>) {
        let back = || down.clone().unwrap_or_default();
        match self {
            Marks::None => (up, down),
            Marks::Goose => {
                let head = if in_transaction { "" } else { "-- +goose NO TRANSACTION\n" };
                let (up, back) = (goose::whole(&up), goose::whole(&back()));
                (format!("{head}-- +goose Up\n{up}\n{}{back}", self.down()), None)
            }
            Marks::Dbmate => {
                let option = if in_transaction { "" } else { " transaction:false" };
                (format!("-- migrate:up{option}\n{up}\n-- migrate:down{option}\n{}", back()), None)
            }
            Marks::NodePgMigrate => (format!("-- Up Migration\n{up}\n{}{}", self.down(), back()), None),
        }
    }

    /// The line that begins the way back.
    pub fn down(self) -> &'static str {
        match self {
            Marks::None => "",
            Marks::Goose => "-- +goose Down\n",
            Marks::Dbmate => "-- migrate:down\n",
            Marks::NodePgMigrate => "-- Down Migration\n",
        }
    }
}

/// A text without the lines that separate directions, and without what else goose is told by comments.
pub fn without_marks(text: &str) -> String {
    let told = |line: &&str| mark_of(line).is_none() && !goose::is_told(line);
    text.split_inclusive('\n').filter(told).collect()
}

fn has_up(text: &str) -> bool {
    text.lines().any(|line| matches!(mark_of(line), Some((_, true))))
}

/// Whose mark a line is, and whether it is that of the way there.
fn mark_of(line: &str) -> Option<(Marks, bool)> {
    let comment = line.trim_start_matches('\u{feff}').trim().strip_prefix("--")?.to_ascii_lowercase();
    let words: Vec<&str> = comment
        .trim_start_matches(|next: char| next == '-' || next.is_whitespace())
        .split_whitespace()
        .collect();
    match words.as_slice() {
        ["+goose", "up"] => Some((Marks::Goose, true)),
        ["+goose", "down"] => Some((Marks::Goose, false)),
        ["migrate:up", ..] => Some((Marks::Dbmate, true)),
        ["migrate:down", ..] => Some((Marks::Dbmate, false)),
        ["up", word, ..] if word.starts_with("migration") => Some((Marks::NodePgMigrate, true)),
        ["down", word, ..] if word.starts_with("migration") => Some((Marks::NodePgMigrate, false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_runner_marks_its_way_back() {
        for (up, down, marks) in [
            ("-- +goose Up\n", "-- +goose Down\n", Marks::Goose),
            ("-- +goose NO TRANSACTION\n-- +goose up\n", "-- +GOOSE DOWN\n", Marks::Goose),
            ("-- migrate:up transaction:false\n", "-- migrate:down transaction:false\r\n", Marks::Dbmate),
            ("--migrate:up\n", "--migrate:down", Marks::Dbmate),
            ("-- Up Migration\n", "-- Down Migration\n", Marks::NodePgMigrate),
            ("---- up migration: tables\n", "---- down migration\n", Marks::NodePgMigrate),
        ] {
            let text = format!("{up}CREATE TABLE a ();\n{down}DROP TABLE a;\n");
            let text = if down.ends_with('\n') { text } else { format!("{up}CREATE TABLE a ();\n{down}") };
            let found = Directions::of(&text);
            assert_eq!((found.marks, found.reversed, found.mark), (marks, false, down), "{text}");
            assert_eq!(found.up, format!("{up}CREATE TABLE a ();\n"));
            assert_eq!([found.up, found.mark, found.down].concat(), text);
        }
    }

    #[test]
    fn what_is_no_mark_is_run() {
        for text in [
            "SELECT 1;\n",
            "-- there is no down migration for this\nSELECT 1;\n",
            "-- down migration: see the wiki\nSELECT 1;\n",
            "-- the one up, migrate:down\nSELECT 1;\n",
            "-- +goose Up\nSELECT 1;\n",
        ] {
            assert_eq!(Directions::of(text).up, text);
        }
        assert!(Directions::of("-- migrate:down\nSELECT 1;\n-- migrate:up\nSELECT 2;\n").reversed);
        assert!(Directions::of("-- Down Migration\nSELECT 1;\n-- Up Migration\nSELECT 2;\n").reversed);
    }

    #[test]
    fn sections_read_as_they_were_written() {
        for marks in [Marks::Goose, Marks::Dbmate, Marks::NodePgMigrate] {
            let (text, apart) =
                marks.sections("CREATE TABLE a ();\n".into(), Some("DROP TABLE a;\n".into()), false);
            let read = Directions::of(&text);
            assert_eq!((read.marks, read.down, apart), (marks, "DROP TABLE a;\n", None), "{text}");
            assert!(read.up.ends_with("CREATE TABLE a ();\n\n"), "{text}");
        }
    }
}
