//! How the migrations of a project lie in the tree of a revision: which path is one, what of its text runs, and in which
//! order. Pure.

use std::cmp::Ordering;

use pgsteward_model::migration::Layout;

use crate::discover::migrations::{name_of_plain, number_order};
use crate::plain::{Directions, number_of};

pub(super) struct Shape {
    layout: Layout,
    /// Relative to the root of the repository; empty where it is the root.
    pub(super) folder: String,
}

impl Shape {
    pub(super) fn new(layout: Layout, folder: String) -> Shape {
        Shape { layout, folder }
    }

    /// The migration whose text the file at the path holds.
    pub(super) fn name_of(&self, path: &str) -> Option<String> {
        if self.layout == Layout::Prisma {
            let folder = path.strip_suffix("/migration.sql")?;
            return Some(folder.rsplit('/').next()?.to_owned());
        }
        let below = match self.folder.as_str() {
            "" => path,
            folder => path.strip_prefix(folder)?.strip_prefix('/')?,
        };
        name_of_plain(self.layout, below).map(str::to_owned)
    }

    /// What of a file's text the history counts: without the way back.
    pub(super) fn text(&self, text: String) -> String {
        match self.layout {
            Layout::Files => Directions::of(&text).text().to_owned(),
            Layout::Prisma | Layout::UpDown => text,
        }
    }

    pub(super) fn order(&self, one: &str, other: &str) -> Ordering {
        match self.layout {
            Layout::Prisma => one.cmp(other),
            Layout::Files | Layout::UpDown => number_order(one, other),
        }
    }

    pub(super) fn is_before(&self, one: &str, other: &str) -> bool {
        self.order(one, other).is_lt()
    }

    /// The number that two migrations of plain SQL share: most runners refuse the second.
    pub(super) fn shared_number(&self, one: &str, other: &str) -> Option<u64> {
        let plain = self.layout != Layout::Prisma && one != other;
        number_of(one).filter(|number| plain && number_of(other) == Some(*number))
    }

    /// What is to be done with a migration that stands at the wrong place.
    pub(super) fn later(&self) -> &'static str {
        match self.layout {
            Layout::Prisma => "rename its folder with a later time",
            Layout::Files | Layout::UpDown => "give it a higher number",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_found_by_their_paths() {
        let of = |layout, path: &str| Shape::new(layout, "db/migrations".into()).name_of(path);
        for (layout, path, name) in [
            (Layout::Files, "db/migrations/001_a.sql", Some("001_a")),
            (Layout::Files, "db/migrations/001_a.down.sql", None),
            (Layout::Files, "db/migrations/001_a.checks.sql", None),
            (Layout::Files, "db/migrations/seed.sql", None),
            (Layout::Files, "db/migrations/old/001_a.sql", None),
            (Layout::UpDown, "db/migrations/001_a.up.sql", Some("001_a")),
            (Layout::UpDown, "db/migrations/001_a.down.sql", None),
            (Layout::UpDown, "db/migrations/2026-01-01-000000_a/up.sql", Some("2026-01-01-000000_a")),
            (Layout::UpDown, "other/001_a.up.sql", None),
            (Layout::Prisma, "db/migrations/1_a/migration.sql", Some("1_a")),
        ] {
            assert_eq!(of(layout, path).as_deref(), name, "{path}");
        }
        assert_eq!(Shape::new(Layout::Files, String::new()).name_of("1_a.sql").as_deref(), Some("1_a"));
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let plain = Shape::new(Layout::Files, String::new());
        assert!(plain.is_before("9_a", "10_a"));
        assert_eq!(plain.shared_number("010_a", "10_b"), Some(10));
        assert_eq!([plain.shared_number("10_a", "10_a"), plain.shared_number("a", "b")], [None, None]);
        assert_eq!(Shape::new(Layout::Prisma, String::new()).shared_number("1_a", "1_b"), None);
    }
}
