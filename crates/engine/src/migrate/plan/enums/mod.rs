//! Enum types that change more than by a new value: PostgreSQL can neither take a value away nor move one, and a value
//! with a new name is one that the old version of the application does not know. The new type is made beside the old
//! one, columns of it follow those of the old, and both change places at the end.

mod functions;
mod obstacle;
mod read;
mod strangers;

use std::collections::BTreeMap;

use pgsteward_model::catalog::{Catalog, Enum, QName, Table};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::MigrationFile;
use pgsteward_model::statement::{AlterEnum, Statement};
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};

use super::deck::{Deck, unsettled};
use super::exchange::{Exchange, Ways, free, second, ways_of};
use super::fired;
use super::pieces::{Piece, Stands, note, single_actions, stands, without_transaction};
use super::remade::Remade;
use super::swap::{Swap, Words};
use super::torn::torn;
use crate::migrate::belongings::types;
pub(super) use read::is;
use read::{made_anew, renamed, users};

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
        let after = deck.after.as_ref().filter(|_| !change.labels.is_empty());
        if let Some(reason) = change.obstacle(&catalog, file, after) {
            note(notes, format!("the enum {} is changed as it is written: {reason}", change.name.display()));
            continue;
        }
        if let Some(reason) = change.own.iter().min().and_then(|first| torn(file, *first)) {
            note(notes, format!("the enum {} is changed as it is written: {reason}", change.name.display()));
            continue;
        }
        if let Some(parts) = change.parts((&deck.catalog, &catalog), piece, file, after) {
            change.places().into_iter().for_each(|(table, _)| fired::tell(&catalog, table, notes));
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

    /// `start` is the database before the migration, `catalog` before the piece.
    fn parts(
        &self,
        (start, catalog): (&Catalog, &Catalog),
        piece: &Piece,
        file: &MigrationFile,
        after: Option<&Catalog>,
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
        let mut pieces = self.swap(start, catalog, after).pieces();
        pieces.extend(of(&|at| !self.own.contains(&at)));
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

    fn swap<'b>(&'b self, start: &Catalog, catalog: &'b Catalog, after: Option<&'b Catalog>) -> Swap<'b> {
        let namespace = &self.name.namespace;
        let taken = |name: &str| {
            let name = QName::new(namespace, name);
            catalog.enums.contains_key(&name) || catalog.tables.contains_key(&name)
        };
        let made = QName::new(namespace, free(&format!("{}_new", self.name.name), taken));
        let aside = QName::new(namespace, free(&format!("{}_old", self.name.name), taken));
        let own = quote_qualified(&self.name);
        let mut renames = vec![
            format!("ALTER TYPE {own} RENAME TO {}", quote_ident(&aside.name)),
            format!("ALTER TYPE {} RENAME TO {}", quote_qualified(&made), quote_ident(&self.name.name)),
        ];
        renames.extend(self.turned_composites(catalog));
        renames.push(format!("DROP TYPE {}", quote_qualified(&aside)));
        if let Some(comment) = &self.old.comment {
            renames.push(format!("COMMENT ON TYPE {own} IS {}", quote_literal(comment)));
        }
        let readers = after.map(|after| Remade::of(catalog, after, &self.places(), &self.name));
        let remade = readers.and_then(Result::ok).unwrap_or_default();
        // A function may return rows of a view: it goes before the view, and comes back behind it.
        let (gone, back) = self.functions();
        let name = || std::iter::once(&self.name);
        let belongs = types::kept(name(), name());
        let behind = remade.behind.into_iter().chain(back).chain([types::given_back()]).collect();
        let exchange = |user: &'b User<'b>| {
            let known = user.table.column(user.column);
            let array = known.is_some_and(|column| column.ty.array > 0);
            let through = second(user.table, user.column);
            Exchange {
                table: user.table,
                from: user.column,
                back: user.using.is_none().then(|| self.old_text(&through, array)).flatten(),
                through,
                to: user.column,
                ty: format!("{}{}", quote_qualified(&made), if array { "[]" } else { "" }),
                using: Some(user.using.clone().unwrap_or_else(|| self.value(user.column, array, &made))),
                ways: known.map_or(Ways::Forth, |column| ways_of(user.table, column)),
                default: user.default.clone(),
                refuses: user.using.is_none() && !self.removed().is_empty(),
                behind: fired::last_before(catalog, user.table),
            }
        };
        let exchanges: Vec<Exchange<'b>> = self.columns.iter().map(exchange).collect();
        let guard = self.guard(catalog, &remade.views, &exchanges);
        let mut first = self.first(&made, &guard);
        if let Some(piece) = first.first_mut() {
            piece.asks = Some(self.asks(start, catalog, &remade.views, &exchanges));
        }
        let ahead = [guard, belongs].into_iter().chain(gone).chain(remade.ahead).collect();
        Swap {
            catalog,
            exchanges,
            first,
            types: renames,
            waits: self.waits(),
            slug: format!("swap_{}", self.name.name),
            words: after.map(|after| Words { after, name: &self.name.name, meanwhile: made.name.clone() }),
            beside: Vec::new(),
            ahead,
            behind,
        }
    }

    /// What comes before the columns; the guard before all.
    fn first(&self, made: &QName, guard: &str) -> Vec<Piece> {
        let values: Vec<String> = self.new.iter().map(|value| quote_literal(value)).collect();
        let mut steps = Vec::new();
        let added = self.added();
        if !added.is_empty() {
            let why = "The new version of the application may write it from now on; let the old one know it before that.";
            steps.push((format!("add_value_{}", self.name.name), why, added));
        }
        let made_of = format!("CREATE TYPE {} AS ENUM ({})", quote_qualified(made), values.join(", "));
        let why = "The type with its new values, beside the one that the application knows.";
        steps.push((format!("type_{}", made.name), why, vec![made_of]));
        if let Some((.., statements)) = steps.first_mut() {
            statements.insert(0, guard.to_owned());
        }
        steps.iter().map(|(slug, why, statements)| Piece::settled(slug, why, statements)).collect()
    }

    /// New values, which the old type gets as well: the new version of the application writes them at once.
    fn added(&self) -> Vec<String> {
        let mut known: Vec<&String> = self.old.values.iter().collect();
        let mut statements = Vec::new();
        for (at, value) in self.new.iter().enumerate().filter(|(_, value)| !self.old.values.contains(value)) {
            let before =
                at.checked_sub(1).and_then(|at| self.new.get(at)).filter(|value| known.contains(value));
            let place = match before {
                Some(before) => format!(" AFTER {}", quote_literal(before)),
                None => {
                    known.first().map(|first| format!(" BEFORE {}", quote_literal(first))).unwrap_or_default()
                }
            };
            statements.push(format!(
                "ALTER TYPE {} ADD VALUE {}{place}",
                quote_qualified(&self.name),
                quote_literal(value)
            ));
            known.push(value);
        }
        statements
    }

    /// The text of the first column's value from the second one's: values have their old names again, which alone an old version of
    /// the application knows.
    fn old_text(&self, through: &str, array: bool) -> Option<String> {
        let column = quote_ident(through);
        let literals = self.labels.iter().map(|(from, to)| (quote_literal(from), quote_literal(to)));
        if self.labels.is_empty() {
            return None;
        }
        if array {
            let text = format!("{column}::text[]");
            return Some(
                literals
                    .fold(text, |text, (from, to)| format!("pg_catalog.array_replace({text}, {to}, {from})")),
            );
        }
        let cases: Vec<String> = literals.map(|(from, to)| format!("WHEN {to} THEN {from}")).collect();
        Some(format!("CASE {column}::text {} ELSE {column}::text END", cases.join(" ")))
    }

    /// The value of the second column: a value that goes without a successor becomes NULL.
    fn value(&self, column: &str, array: bool, made: &QName) -> String {
        let (column, ty) = (format!("\"{}\"", column.replace('"', "\"\"")), quote_qualified(made));
        let removed: Vec<String> = self.removed().iter().map(|value| quote_literal(value)).collect();
        if array {
            let mut text = format!("{column}::text[]");
            for (from, to) in &self.labels {
                text = format!(
                    "pg_catalog.array_replace({text}, {}, {})",
                    quote_literal(from),
                    quote_literal(to)
                );
            }
            if !removed.is_empty() {
                let list = removed.join(", ");
                text = format!("CASE WHEN {column}::text[] && ARRAY[{list}] THEN NULL ELSE {text} END");
            }
            return format!("({text})::{ty}[]");
        }
        if removed.is_empty() && self.labels.is_empty() {
            return format!("{column}::text::{ty}");
        }
        let mut cases: Vec<String> = removed.iter().map(|value| format!("WHEN {value} THEN NULL")).collect();
        cases.extend(
            self.labels
                .iter()
                .map(|(from, to)| format!("WHEN {} THEN {}", quote_literal(from), quote_literal(to))),
        );
        format!("(CASE {column}::text {} ELSE {column}::text END)::{ty}", cases.join(" "))
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
