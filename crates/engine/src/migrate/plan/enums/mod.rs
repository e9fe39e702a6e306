//! Enum types that change more than by a new value: PostgreSQL can neither take a value away nor move one, and a value
//! with a new name is one that the old version of the application does not know. The new type is made beside the old
//! one, columns of it follow those of the old, and both change places at the end.

mod functions;
mod obstacle;
mod read;
mod strangers;
mod successor;
mod words;

use std::collections::BTreeMap;

use pgsteward_model::catalog::{Catalog, Enum, QName, Table};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::MigrationFile;
use pgsteward_model::statement::{AlterEnum, Statement};

use super::deck::{Deck, Named, unsettled};
use super::fired;
use super::pieces::{Piece, Stands, note, single_actions, stands, without_transaction};
use super::torn::torn;
pub(super) use read::is;
use read::{made_anew, renamed, users};
pub(super) use strangers::{FULL_NAMES, OWN_NAMES};

/// The first piece that changes an enum, and what it becomes.
pub(super) fn next(
    deck: &Deck,
    facts: &Facts,
    pieces: &[Piece],
    notes: &mut Vec<String>,
) -> Option<(usize, Vec<Piece>)> {
    let alters = |file: &MigrationFile| {
        file.statements.iter().any(|one| matches!(one.statement, Statement::AlterEnum { .. }))
    };
    for (at, piece, file) in unsettled(facts, pieces).filter(|(_, _, file)| alters(file)) {
        let catalog = deck.catalog_after(pieces, at);
        if let Some(parts) = value_added(&catalog, piece, file, notes) {
            return Some((at, parts));
        }
        let change = renamed(&catalog, file).or_else(|| made_anew(&catalog, file));
        let Some(change) = change else { continue };
        if change.columns.is_empty() {
            // Its values may be in columns of types that are made of it.
            if let Some(reason) = change.obstacle_of_types(&catalog) {
                let name = change.name.display();
                note(notes, format!("the enum {name} is changed as it is written: {reason}"));
            }
            continue;
        }
        // Who makes a type anew has taken what reads it out of the way; a value's new name is one that all of them follow.
        let after = deck.after(&Named::Value(change.name.clone())).filter(|_| !change.labels.is_empty());
        if let Some(reason) = change.obstacle(&catalog, file, after) {
            note(notes, format!("the enum {} is changed as it is written: {reason}", change.name.display()));
            continue;
        }
        if let Some(reason) = change.own.iter().min().and_then(|first| torn(file, *first)) {
            note(notes, format!("the enum {} is changed as it is written: {reason}", change.name.display()));
            continue;
        }
        let renamed_before =
            pieces.iter().take(at).any(|one| !one.keeps_strangers && gives_another_name(&one.text));
        let seen = Seen { start: &deck.catalog, catalog: &catalog, after, renamed_before };
        let later = pieces.iter().skip(at + 1).map(|one| one.text.clone()).collect();
        if let Some(parts) = change.parts(seen, piece, file, later) {
            let by_itself = "a change of type by itself";
            change.places().into_iter().for_each(|(table, _)| fired::tell(&catalog, table, by_itself, notes));
            if !change.labels.is_empty() {
                note(notes, change.cheaper());
                for function in change.outdated(&catalog) {
                    note(notes, change.told(&function));
                }
            }
            return Some((at, parts));
        }
    }
    None
}

/// Whether a statement may give something another name: reading alone follows it into no view and no policy.
fn gives_another_name(statement: &str) -> bool {
    let upper = statement.to_ascii_uppercase();
    upper.contains("RENAME") || upper.contains("SET SCHEMA")
}

/// A new value cannot be used before it is committed: it gets a folder of its own.
fn value_added(
    catalog: &Catalog,
    piece: &Piece,
    file: &MigrationFile,
    notes: &mut Vec<String>,
) -> Option<Vec<Piece>> {
    let statement = file.statements.iter().find(|one| {
        matches!(&one.statement, Statement::AlterEnum { name, action: AlterEnum::AddValue { .. } }
            if catalog.enums.contains_key(&name.qualified()))
    })?;
    match stands(piece, file, statement, notes)? {
        Stands::Among(parts) => Some(parts),
        Stands::Alone => {
            Some(vec![Piece { settled: true, slug: slug_of(piece, "add_value"), ..piece.clone() }])
        }
    }
}

fn slug_of(piece: &Piece, slug: &str) -> String {
    if piece.slug.is_empty() { slug.to_owned() } else { piece.slug.clone() }
}

/// A column of the enum.
struct User<'a> {
    table: &'a Table,
    column: &'a str,
    /// How the migration converts it, where it does more than keep the value.
    using: Option<String>,
    default: Option<String>,
}

/// The texts apart.
fn statements(texts: &[String]) -> Vec<String> {
    let all = texts.iter().flat_map(|text| {
        let parsed = pgsteward_sql::parse(text).statements.into_iter();
        parsed.map(move |one| text.get(one.span.start..one.span.end).unwrap_or(text).to_owned())
    });
    all.collect()
}

/// What is known of the database on the way to a change.
#[derive(Clone, Copy)]
struct Seen<'a> {
    /// Before the migration.
    start: &'a Catalog,
    /// Before the piece.
    catalog: &'a Catalog,
    /// What the server makes of the migration, where its word is needed.
    after: Option<&'a Catalog>,
    /// A statement before the piece gave something another name, which reading alone may not follow into views and policies.
    renamed_before: bool,
}

/// An enum on its way to other values.
struct Change<'a> {
    name: QName,
    old: &'a Enum,
    new: Vec<String>,
    /// Values with a new name, by the old one.
    labels: BTreeMap<String, String>,
    columns: Vec<User<'a>>,
    /// Statements that do it, by their place in the file.
    own: Vec<usize>,
}

impl Change<'_> {
    fn removed(&self) -> Vec<&String> {
        self.old
            .values
            .iter()
            .filter(|value| !self.new.contains(value) && !self.labels.contains_key(*value))
            .collect()
    }

    /// A removed value that the migration does not turn into another one.
    fn refuses(&self) -> bool {
        !self.removed().is_empty() && self.columns.iter().any(|user| user.using.is_none())
    }

    fn waits(&self) -> Option<String> {
        let enumeration = self.name.display();
        if !self.labels.is_empty() {
            let (old, new): (Vec<String>, Vec<String>) =
                self.labels.iter().map(|(from, to)| (format!("\"{from}\""), format!("\"{to}\""))).unzip();
            let (old, new) = (old.join(", "), new.join(", "));
            return Some(format!(
                "every running version of the application knows {new} of \"{enumeration}\" and none names {old} any more"
            ));
        }
        let removed: Vec<String> = self.removed().iter().map(|value| format!("\"{value}\"")).collect();
        if removed.is_empty() {
            return None;
        }
        let rows = if self.refuses() { " and no row holds it" } else { "" };
        Some(format!(
            "no running version of the application writes {} of \"{enumeration}\" any more{rows}",
            removed.join(", ")
        ))
    }

    fn cheaper(&self) -> String {
        let maps: Vec<String> =
            self.labels.iter().map(|(from, to)| format!("{to} @map(\"{from}\")")).collect();
        format!(
            "to rename a value of {} in the Prisma schema only costs nothing: {}",
            self.name.display(),
            maps.join(", ")
        )
    }

    fn told(&self, function: &str) -> String {
        format!(
            "the text of the function \"{function}\" says a value of {} by its old name: where it means that, replace it by one that \
             knows both before the swap",
            self.name.display()
        )
    }

    fn places(&self) -> Vec<(&Table, &str)> {
        self.columns.iter().map(|user| (user.table, user.column)).collect()
    }

    /// `later` is what comes behind the piece.
    fn parts(
        &self,
        seen: Seen<'_>,
        piece: &Piece,
        file: &MigrationFile,
        later: Vec<String>,
    ) -> Option<Vec<Piece>> {
        if let Some(plain) = self.plain(piece, file)? {
            return Some(vec![plain]);
        }
        let first = *self.own.iter().min()?;
        let of = |keep: &dyn Fn(usize) -> bool| {
            let texts = file.statements.iter().enumerate().filter(|(at, _)| keep(*at));
            let text: Vec<String> = texts.map(|(_, one)| format!("{};\n", piece.slice(one))).collect();
            (!text.is_empty()).then(|| piece.with(text.join("\n")))
        };
        // What comes before is a piece of its own, so that the columns are seen as they are after it.
        if let Some(head) = of(&|at| at < first) {
            return Some(vec![head, of(&|at| at >= first)?]);
        }
        let rest = of(&|at| !self.own.contains(&at));
        let beside: Vec<String> = rest.iter().map(|rest| rest.text.clone()).chain(later).collect();
        let mut pieces = self.swap(seen, &statements(&beside)).pieces();
        pieces.extend(rest);
        Some(pieces)
    }

    /// The piece without transactions of its own, each action on a column of the type a statement; the inner none where
    /// it is so already.
    fn plain(&self, piece: &Piece, file: &MigrationFile) -> Option<Option<Piece>> {
        let bare = without_transaction(&piece.text)?;
        if bare != piece.text {
            return Some(Some(piece.with(bare)));
        }
        let mut text = String::new();
        let mut split = false;
        for one in &file.statements {
            let singles = match &one.statement {
                Statement::AlterTable(alter)
                    if self.columns.iter().any(|user| user.table.name == alter.name.qualified()) =>
                {
                    single_actions(alter, piece.slice(one))
                }
                _ => None,
            };
            split |= singles.is_some();
            text += &singles.map_or_else(|| format!("{};\n", piece.slice(one)), |singles| singles.concat());
        }
        Some(split.then(|| piece.with(text)))
    }
}

#[cfg(test)]
mod tests {
    use pgsteward_model::migration::Regime;
    use pgsteward_model::version::ServerVersion;
    use pgsteward_sql::Births;

    use super::*;

    #[test]
    fn values_that_take_names_from_each_other_stay_as_written() {
        let init = "CREATE TYPE mood AS ENUM ('A', 'B'); CREATE TABLE t (id INTEGER PRIMARY KEY, mood mood);";
        let mut deck = Deck::new(Facts::default(), ServerVersion::of_major(15));
        pgsteward_sql::analyze_file(init, &mut deck.catalog, &mut Births::default(), Regime::OneMessage);
        let planned = |renames: &[(&str, &str)]| {
            let text = renames
                .iter()
                .map(|(from, to)| format!("ALTER TYPE mood RENAME VALUE '{from}' TO '{to}';\n"));
            let pieces = [Piece::new("", text.collect::<String>())];
            let mut notes = Vec::new();
            let next = next(&deck, &deck.facts(&pieces), &pieces, &mut notes);
            (next.is_some(), notes.concat())
        };
        for renames in [
            &[("B", "C"), ("A", "B")][..],
            &[("A", "tmp"), ("B", "A"), ("tmp", "B")],
            &[("A", "tmp"), ("tmp", "C")],
        ] {
            let (next, notes) = planned(renames);
            assert!(!next && notes.contains("take names from each other"), "{renames:?}: {notes}");
        }
        let (next, notes) = planned(&[("A", "C"), ("B", "D")]);
        assert!(next && !notes.contains("take names from each other"), "{notes}");
    }
}
