//! One column on its way to another: what brings the second one, what fills it, and what makes it as sure as the
//! first. How it takes the first one's place is `swap`'s.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Column, QName, Table};
use pgsteward_sql::ddl::column_type;
use pgsteward_sql::{not_null_name, quote_ident, quote_qualified};

use super::look::missing;
use super::pieces::Piece;
use super::{filled, unknown};
use crate::migrate::belongings::of_column;
use crate::migrate::rollback::{Refill, refill_marker};

/// Which of the two columns follows the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ways {
    /// The second follows the first, which alone the application knows.
    Forth,
    /// The application names the two apart, so that each follows the other.
    Apart,
    /// As forth; but the actions of a foreign key write the second, and the first follows these.
    Back,
}

/// One column on its way to another.
pub(super) struct Exchange<'a> {
    pub(super) table: &'a Table,
    pub(super) from: &'a str,
    /// The name that the second column has meanwhile, and the one that it ends with.
    pub(super) through: String,
    pub(super) to: &'a str,
    /// Type of the second column, and its value from the first where that is no plain cast.
    pub(super) ty: String,
    pub(super) using: Option<String>,
    /// The text of the first column's value from the second, where a plain cast does not lead back.
    pub(super) back: Option<String>,
    pub(super) ways: Ways,
    /// The rows whose value nobody said how to convert and that reads otherwise in the second column.
    pub(super) doubt: Option<String>,
    /// The second column must have a value where the first need not.
    pub(super) demands: bool,
    /// The second column need not have a value where the first must.
    pub(super) relaxes: bool,
    /// What the column ends with.
    pub(super) default: Option<String>,
    /// Some values of the first column have none in the second.
    pub(super) refuses: bool,
    /// The trigger that runs last of those before a row, here or on a partition.
    pub(super) behind: Option<String>,
}

impl Exchange<'_> {
    pub(super) fn on(&self) -> String {
        quote_qualified(&self.table.name)
    }

    /// Whether the second column must have a value before it takes the place of the first.
    pub(super) fn required(&self) -> bool {
        self.demands || !self.relaxes && self.table.column(self.from).is_some_and(|column| column.not_null)
    }

    /// `ahead` runs first, in the same transaction.
    pub(super) fn expand(&self, ahead: &[String]) -> Piece {
        let (on, sync) = (self.on(), self.sync());
        let function = quote_qualified(&QName::new(&self.table.name.namespace, &sync));
        let mut statements = vec![unknown::subscribed(&self.table.name)];
        statements.extend_from_slice(ahead);
        let (through, sync) = (quote_ident(&self.through), quote_ident(&sync));
        statements.push(format!("ALTER TABLE {on} ADD COLUMN {through} {}", self.ty));
        // Apart from the column, which would give it to all rows that are there.
        statements.extend(
            self.kept_default()
                .map(|default| format!("ALTER TABLE {on} ALTER COLUMN {through} SET DEFAULT {default}")),
        );
        statements.extend([
            format!(
                "CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql{} AS $sync$\n{}\n$sync$",
                self.settings(),
                self.body()
            ),
            format!("CREATE TRIGGER {sync} BEFORE INSERT OR UPDATE ON {on} FOR EACH ROW EXECUTE FUNCTION {function}()"),
        ]);
        if self.ways == Ways::Apart {
            statements.extend(of_column(&self.table.name, self.from, &self.through));
        }
        Piece::settled(
            &self.expansion(),
            "A second column, which a trigger keeps equal from now on. Both versions of the application may run.",
            &statements,
        )
    }

    /// What the folder is called after that brings the second column.
    pub(super) fn expansion(&self) -> String {
        format!("expand_{}", self.through)
    }

    /// Without it each column is on its own.
    pub(super) fn alone(&self) -> [String; 2] {
        let (on, sync) = (self.on(), self.sync());
        let function = quote_qualified(&QName::new(&self.table.name.namespace, &sync));
        [format!("DROP TRIGGER {} ON {on}", quote_ident(&sync)), format!("DROP FUNCTION {function}()")]
    }

    pub(super) fn fill(&self) -> Piece {
        let which = "The rows that were there before the trigger.";
        filled::fill(self.table, &self.through, &self.assigned(""), self.unfilled(), which)
    }

    /// What fills the first column when the folder is undone in which it goes, for that folder's text. A conversion may not lead
    /// back, so what the trigger would make of it has to be what is there.
    pub(super) fn first_back(&self) -> String {
        let source = quote_ident(&self.through);
        let ty = self.table.column(self.from).map(|column| column_type(&column.ty)).unwrap_or_default();
        let value = match &self.using {
            None if self.ways == Ways::Apart => source,
            None => format!("{source}::{ty}"),
            Some(_) => match &self.back {
                Some(text) => format!("({text})::{ty}"),
                None => format!("{source}::text::{ty}"),
            },
        };
        // A text comes back from json as it was, and no server compares two values of that.
        let exact = self.back.is_some() && self.is_incomparable();
        let again = (self.ways != Ways::Apart && !exact).then(|| self.value(""));
        let (column, source) = (self.from.to_owned(), self.through.clone());
        refill_marker(&self.on(), &Refill { column, source, value, again })
    }

    /// The same of the second column, where that is the one that goes.
    pub(super) fn second_back(&self) -> String {
        let (column, source) = (self.through.clone(), self.from.to_owned());
        let value = quote_ident(self.from);
        refill_marker(&self.on(), &Refill { column, source, value, again: None })
    }

    /// NOT NULL without a scan under a lock: PostgreSQL takes a validated check for proof. Where some values have no
    /// successor, the same check is what refuses them.
    pub(super) fn require(&self) -> Vec<Piece> {
        let through = quote_ident(&self.through);
        let (condition, why) = match (self.required(), self.refuses) {
            (true, false) => (
                format!("{through} IS NOT NULL"),
                "New rows are checked from now on, old ones by the next migration.",
            ),
            (true, true) => (
                format!("{through} IS NOT NULL"),
                "Values that go are refused from now on; the next migration looks for rows that hold them.",
            ),
            (false, true) => (
                format!("({} IS NULL) = ({through} IS NULL)", quote_ident(self.from)),
                "Values that go are refused from now on; the next migration looks for rows that hold them.",
            ),
            (false, false) => return Vec::new(),
        };
        // Rows without a value may have been written since the first folder.
        let ahead = self.demands.then(|| missing(self));
        let mut pieces = filled::checked(self.table, &self.through, &condition, why, ahead);
        if self.required() {
            pieces.push(filled::required(self.table, &self.through, self.refuses));
        }
        pieces
    }

    /// Since 18 NOT NULL is a constraint, called after the column that it was made for: what gives that of the second column the
    /// first one's name. None where it has it already, because both are cut to the same.
    pub(super) fn not_null_named(&self) -> Option<String> {
        let table = &self.table.name.name;
        let own = |column: &str| not_null_name(table, column, |_| false);
        let others = self.table.columns.iter().filter(|one| one.not_null).map(|one| own(&one.name));
        let taken: BTreeSet<String> =
            others.chain(self.table.constraints.iter().map(|one| one.name.clone())).collect();
        let made = not_null_name(table, &self.through, |name| taken.contains(name));
        let wanted = own(self.from);
        let (on, names) = (self.on(), (quote_ident(&made), quote_ident(&wanted)));
        (made != wanted).then(|| format!("ALTER TABLE {on} RENAME CONSTRAINT {} TO {}", names.0, names.1))
    }

    /// Name of the check that [`Exchange::require`] adds.
    pub(super) fn check(&self) -> String {
        filled::check(self.table, &self.through)
    }
}

/// Whether the actions of a foreign key write the column.
pub(super) fn ways_of(table: &Table, column: &Column) -> Ways {
    use pgsteward_model::catalog::ReferentialAction::{NoAction, Restrict};

    let written = table.foreign_keys().any(|(_, key)| {
        let acts = [key.on_delete, key.on_update].iter().any(|action| !matches!(action, NoAction | Restrict));
        acts && key.columns.contains(&column.name)
    });
    if written { Ways::Back } else { Ways::Forth }
}

/// A name that no column of the table has.
fn free_name(table: &Table, wanted: &str) -> String {
    free(wanted, |name| table.column(name).is_some())
}

/// The name that a column's second one has until the swap.
pub(super) fn second(table: &Table, column: &str) -> String {
    free_name(table, &format!("{column}_new"))
}

/// The first of `wanted`, `wanted2` … that is not taken.
pub(super) fn free(wanted: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut name = short(wanted);
    let mut number = 2;
    while taken(&name) {
        name = short(&format!("{wanted}{number}"));
        number += 1;
    }
    name
}

/// PostgreSQL cuts names after 63 bytes.
pub(super) fn short(name: &str) -> String {
    const MOST: usize = 63;
    if name.len() <= MOST {
        return name.to_owned();
    }
    let digest = crate::migrate::project::checksum(name);
    let end = (0..=MOST - 9).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    format!("{}_{}", name.get(..end).unwrap_or(""), digest.get(..8).unwrap_or(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_stay_apart() {
        let (a, b) = (short(&"a".repeat(70)), short(&"a".repeat(71)));
        assert!(a.len() <= 63 && b.len() <= 63 && a != b);
        assert_eq!(short("b"), "b");
    }
}
