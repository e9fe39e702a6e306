//! Which migrations a squashed one joins: lines at the end of its file, with the checksums that their rows may have.
//! They are part of the text, so the history's own checksum guards them.
//!
//! A joined migration may be a squashed one itself; its lines then follow with one more `>`, because a database
//! may have what it joined instead.

use std::collections::BTreeMap;

use pgsteward_pg::history::{HistoryRow, RowState};

use crate::migrate::project::{MigrationFolder, checksum};

const MARK: &str = "-- pgsteward-squashed: ";

/// One joined migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    /// Of its text, with either kind of line ends.
    checksums: Vec<String>,
    /// What it joined itself.
    pub(super) members: Vec<Member>,
}

impl Member {
    fn new(folder: &MigrationFolder) -> Member {
        let unix = folder.text.replace("\r\n", "\n");
        let mut checksums =
            vec![folder.checksum.clone(), checksum(&unix), checksum(&unix.replace('\n', "\r\n"))];
        checksums.sort();
        checksums.dedup();
        Member { name: folder.name.clone(), checksums, members: members(folder) }
    }

    /// Whether a row's checksum is of this text. Old versions of Prisma wrote bytes below 16 as one digit.
    pub(super) fn has_checksum(&self, stored: &str) -> bool {
        let short = |sum: &String| -> String {
            let byte = |at: usize| sum.get(at..at + 2).unwrap_or_default();
            (0..sum.len() / 2)
                .map(|at| byte(at * 2))
                .map(|byte| byte.strip_prefix('0').unwrap_or(byte))
                .collect()
        };
        self.checksums.iter().any(|sum| sum == stored || (stored.len() != 64 && short(sum) == stored))
    }

    fn render(&self, depth: usize, out: &mut String) {
        let depth_mark = "> ".repeat(depth);
        out.push_str(&format!("{MARK}{depth_mark}{} {}\n", self.checksums.join(","), self.name));
        for member in &self.members {
            member.render(depth + 1, out);
        }
    }

    fn held(&self, rows: &[HistoryRow], out: &mut Held) {
        let mine = rows.iter().filter(|row| row.name == self.name && row.state() == RowState::Applied);
        let mine: Vec<&HistoryRow> = mine.collect();
        if mine.iter().any(|row| self.has_checksum(&row.checksum)) {
            out.has += 1;
            return;
        }
        let mut inside = Held::default();
        self.members.iter().for_each(|member| member.held(rows, &mut inside));
        if !self.members.is_empty() && inside.is_all() {
            out.has += 1;
        } else if mine.is_empty() {
            out.has_some |= inside.has > 0 || inside.has_some;
            out.missing.push(self.name.clone());
        } else {
            out.other_text.push(self.name.clone());
        }
    }
}

/// What a database has of the joined migrations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) has: usize,
    /// Of one that is missing it has a part.
    has_some: bool,
    pub(super) missing: Vec<String>,
    /// Applied, with a text that is not the joined one.
    pub(super) other_text: Vec<String>,
}

impl Held {
    pub(super) fn is_all(&self) -> bool {
        self.missing.is_empty() && self.other_text.is_empty()
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.has == 0 && !self.has_some && self.other_text.is_empty()
    }
}

/// The joined migrations of a squashed one; none of any other.
pub(super) fn members(folder: &MigrationFolder) -> Vec<Member> {
    // The lines are looked for in every migration of every command.
    let Some(start) = folder.text.find(MARK) else { return Vec::new() };
    let mut roots: Vec<Member> = Vec::new();
    for line in folder.text.get(start..).unwrap_or_default().lines() {
        let Some(mut rest) = line.strip_prefix(MARK) else { continue };
        let mut depth = 0;
        while let Some(deeper) = rest.strip_prefix("> ") {
            (rest, depth) = (deeper, depth + 1);
        }
        let Some((sums, name)) = rest.trim_end().split_once(' ') else { continue };
        let checksums = sums.split(',').map(str::to_owned).collect();
        let member = Member { name: name.to_owned(), checksums, members: Vec::new() };
        let mut place = &mut roots;
        for _ in 0..depth {
            // A line that nothing stands above of is no deeper than it can be.
            if place.is_empty() {
                break;
            }
            let last = place.len() - 1;
            place = &mut place[last].members;
        }
        place.push(member);
    }
    roots
}

/// The lines that end the file of a migration that joins these.
pub(super) fn render(folders: &[MigrationFolder]) -> String {
    let mut out = String::new();
    folders.iter().for_each(|folder| Member::new(folder).render(0, &mut out));
    out
}

/// A text without these lines.
pub(super) fn without(text: &str) -> String {
    let kept = text.split_inclusive('\n').filter(|line| !line.starts_with(MARK));
    kept.collect()
}

pub(super) fn held(members: &[Member], rows: &[HistoryRow]) -> Held {
    let mut out = Held::default();
    members.iter().for_each(|member| member.held(rows, &mut out));
    out
}

/// Every joined migration, at any depth, with the name of the migration on disk that joins it.
pub fn joined(folders: &[MigrationFolder]) -> BTreeMap<String, String> {
    fn add(members: Vec<Member>, by: &str, all: &mut BTreeMap<String, String>) {
        for member in members {
            add(member.members, by, all);
            all.insert(member.name, by.to_owned());
        }
    }
    let mut all = BTreeMap::new();
    folders.iter().for_each(|folder| add(members(folder), &folder.name, &mut all));
    all
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn folder(name: &str, text: &str) -> MigrationFolder {
        MigrationFolder::new(name, PathBuf::from(name), text.to_owned(), None)
    }

    fn row(name: &str, checksum: &str, applied: bool) -> HistoryRow {
        HistoryRow {
            id: name.into(),
            checksum: checksum.into(),
            finished_at: Some("2026-01-01".into()),
            name: name.into(),
            logs: None,
            rolled_back_at: (!applied).then(|| "2026-01-02".into()),
            started_at: "2026-01-01".into(),
            applied_steps_count: 1,
        }
    }

    #[test]
    fn members_read_as_they_were_written() {
        let (one, two) = (folder("1_a copy", "SELECT 1;\n"), folder("2_b", "SELECT 2;\r\n"));
        let first = folder("2_squashed", &format!("SELECT 1;\n{}", render(&[one.clone(), two.clone()])));
        let three = folder("3_c", "SELECT 3;\n");
        let second = folder("3_squashed", &format!("SELECT 3;\n{}", render(&[first.clone(), three.clone()])));
        let read = members(&second);
        assert_eq!(read.len(), 2);
        assert_eq!(
            read[0].members.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
            ["1_a copy", "2_b"]
        );
        assert!(read[0].members[1].has_checksum(&checksum("SELECT 2;\n")), "line ends are forgiven");
        assert_eq!(members(&three), []);
        let all = joined(&[second]);
        assert_eq!(all["1_a copy"], "3_squashed");
        assert_eq!(all.into_keys().collect::<Vec<_>>(), ["1_a copy", "2_b", "2_squashed", "3_c"]);
    }

    #[test]
    fn a_database_has_all_or_some_or_none() {
        let folders = [folder("1_a", "SELECT 1;\n"), folder("2_b", "SELECT 2;\n")];
        let first = folder("2_squashed", &render(&folders));
        let rows = [row("1_a", &folders[0].checksum, true), row("2_b", &folders[1].checksum, true)];
        assert!(held(&members(&first), &rows).is_all());
        assert!(held(&members(&first), &[]).is_nothing());
        let some = held(&members(&first), &[rows[0].clone(), row("2_b", &folders[1].checksum, false)]);
        assert!(!some.is_all() && !some.is_nothing());
        assert_eq!(some.missing, ["2_b"]);
        let other = held(&members(&first), &[rows[0].clone(), row("2_b", "0000", true)]);
        assert_eq!(other.other_text, ["2_b"]);
        // What the first squash joined stands for it in the second.
        let third = folder("3_c", "SELECT 3;\n");
        let second = folder("3_squashed", &render(&[first.clone(), third.clone()]));
        let after = row("3_c", &third.checksum, true);
        let old = [rows[0].clone(), rows[1].clone(), after.clone()];
        assert!(held(&members(&second), &old).is_all());
        assert!(held(&members(&second), &[row("2_squashed", &first.checksum, true), after.clone()]).is_all());
        let part = held(&members(&second), &[rows[0].clone()]);
        assert!(!part.is_nothing() && part.missing == ["2_squashed", "3_c"], "{part:?}");
    }
}
