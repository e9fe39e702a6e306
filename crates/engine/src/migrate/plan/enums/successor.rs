//! The type that takes the place of an enum: how it is made beside the old one, what its columns make of each value, and what the
//! swap does to the types themselves.

use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};

use super::strangers::Upon;
use super::{Change, Seen, User};
use crate::migrate::belongings::types;
use crate::migrate::plan::exchange::{Exchange, Ways, free, second, ways_of};
use crate::migrate::plan::fired;
use crate::migrate::plan::pieces::Piece;
use crate::migrate::plan::readers::speaks;
use crate::migrate::plan::remade::Remade;
use crate::migrate::plan::swap::{Swap, Words};

impl Change<'_> {
    /// `beside` is what else the migration does, which need not wait for it.
    pub(super) fn swap<'b>(&'b self, seen: Seen<'b>, beside: &[String]) -> Swap<'b> {
        let Seen { start, catalog, after, .. } = seen;
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
        // A migration that makes the type anew leaves what was said of it behind.
        let said = self.old.comment.as_ref().filter(|_| !self.labels.is_empty());
        if let Some(comment) = said {
            renames.push(format!("COMMENT ON TYPE {own} IS {}", quote_literal(comment)));
        }
        let readers = after.map(|after| Remade::of(catalog, after, &self.places(), &self.name));
        let remade = readers.and_then(Result::ok).unwrap_or_default();
        // A function may return rows of a view: it goes before the view, and comes back behind it.
        let (gone, back) = self.functions();
        let name = || std::iter::once(&self.name);
        let remarks = name().filter(|_| said.is_some() || self.old.comment.is_none());
        let belongs = types::kept(name(), remarks);
        let behind = remade.behind.iter().cloned().chain(back).chain([types::given_back()]).collect();
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
                default: after
                    .and_then(|after| self.default_in(after, user))
                    .or_else(|| user.default.clone()),
                doubt: None,
                demands: false,
                relaxes: false,
                refuses: user.using.is_none() && !self.removed().is_empty(),
                behind: fired::last_before(catalog, user.table),
            }
        };
        let exchanges: Vec<Exchange<'b>> = self.columns.iter().map(exchange).collect();
        let upon = Upon {
            start,
            catalog,
            renamed_before: seen.renamed_before,
            remade: &remade,
            exchanges: &exchanges,
            ty: &self.name,
            keeps_defaults: !self.labels.is_empty(),
        };
        let mut first = self.first(&made, &self.guard(&upon, &[]));
        if let Some(piece) = first.first_mut() {
            piece.asks = Some(self.asks(&upon));
        }
        let ahead = [self.guard(&upon, beside), belongs]
            .into_iter()
            .chain(gone)
            .chain(remade.ahead.iter().cloned())
            .collect();
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

    /// The default as the server words it when values have their new names, in a list of them too.
    fn default_in(&self, after: &Catalog, user: &User<'_>) -> Option<String> {
        user.default.as_ref()?;
        let default = after.table(&user.table.name)?.column(user.column)?.default.clone()?;
        speaks(&default, &self.name.name).then_some(default)
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
