//! What a column has beside its definition and loses where a migration drops it and adds it again: extended statistics that it is
//! part of, the target of its own, options. A change of type keeps them, so what is read as one takes them away. Only what
//! earlier migrations made: nobody here knows what hands did.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use pgsteward_lab::Database;
use pgsteward_model::catalog::{Catalog, QName, StatisticsObject, Table};
use pgsteward_sql::{quote_ident, quote_qualified};

use super::change::{Place, Role};
use super::deck::Deck;
use super::family::partitions;
use super::readers::speaks;
use crate::migrate::rollback::state;

/// The settings of a column that belong neither to its type nor to its definition, as [`state`] calls them.
const SETTINGS: [&str; 2] = ["statistics target", "options"];

/// Statements that take such things away.
#[derive(Clone, Debug, Default)]
pub(super) struct Forgotten {
    /// What the column takes along where it goes, and the columns that do.
    with_columns: BTreeMap<String, BTreeSet<Place>>,
    /// What the second column was given.
    settings: BTreeSet<String>,
}

impl Forgotten {
    /// What a statement has to do with a swap of the columns; none where it is another's.
    pub(super) fn role(&self, text: &str, wanted: &BTreeSet<Place>) -> Option<Role> {
        let goes = self.with_columns.get(text).is_some_and(|of| !of.is_disjoint(wanted));
        goes.then_some(Role::Absorbed).or_else(|| self.settings.contains(text).then_some(Role::Back))
    }

    /// What takes away what a column has.
    pub(super) fn add(&mut self, place: &Place, statistics: &[String], settings: &[String]) {
        for sql in statistics {
            self.with_columns.entry(sql.clone()).or_default().insert(place.clone());
        }
        self.settings.extend(settings.iter().cloned());
    }
}

/// Asks the lab, which is just before the migration: no reading of statements knows all of it.
pub(super) async fn look(deck: &mut Deck, database: &Database) -> Result<()> {
    deck.catalog.statistics_objects.clear();
    deck.settings.clear();
    if deck.read.kept.is_empty() {
        return Ok(());
    }
    let known = state::read(database).await?;
    let of_kept = |one: &StatisticsObject| {
        deck.read.kept.keys().any(|(table, column)| {
            deck.catalog.table(table).is_some_and(|table| is_of(&deck.catalog, table, column, one))
        })
    };
    let objects: BTreeMap<QName, StatisticsObject> =
        known.catalog.statistics_objects.into_iter().filter(|(_, one)| of_kept(one)).collect();
    deck.catalog.statistics_objects = objects;
    let set = known.identities.asides.into_iter().filter(|(_, aside)| !aside.unset.is_empty());
    deck.settings = set.map(|(what, aside)| (what, aside.unset)).collect();
    Ok(())
}

/// What a column has beside its definition.
pub(super) struct Beside<'a> {
    table: &'a Table,
    column: &'a str,
    /// The extended statistics that it is part of, on the table or on a partition.
    pub(super) statistics: Vec<&'a StatisticsObject>,
    /// The actions that take back what was set: `SET STATISTICS -1`.
    pub(super) unset: Vec<&'a str>,
}

impl<'a> Beside<'a> {
    /// `settings` are what [`look`] found.
    pub(super) fn of(
        catalog: &'a Catalog,
        settings: &'a BTreeMap<String, String>,
        table: &'a Table,
        column: &'a str,
    ) -> Beside<'a> {
        let all = catalog.statistics_objects.values();
        let statistics = all.filter(|one| is_of(catalog, table, column, one)).collect();
        let (on, name) = (quote_qualified(&table.name), quote_ident(column));
        let start = format!("ALTER TABLE {on} ALTER COLUMN {name} ");
        let back =
            |what: &&str| settings.get(&format!("{what} of {on}.{name}"))?.strip_prefix(start.as_str());
        let unset = SETTINGS.iter().filter_map(back).collect();
        Beside { table, column, statistics, unset }
    }

    /// What people are told, where there is something.
    pub(super) fn told(&self) -> Option<String> {
        let statistics = self.statistics.iter().map(|one| format!("the statistics \"{}\"", one.name.name));
        let set = self.unset.iter().map(|action| format!("what `{action}` takes back"));
        let all: Vec<String> = statistics.chain(set).collect();
        (!all.is_empty()).then(|| {
            format!(
                "{}.{} loses {}, as by the migration itself: where that is still wanted, make it again behind the change",
                self.table.name.display(),
                self.column,
                all.join(", ")
            )
        })
    }
}

fn is_of(catalog: &Catalog, table: &Table, column: &str, one: &StatisticsObject) -> bool {
    let on = one.on == table.name || partitions(catalog, table).iter().any(|part| part.name == one.on);
    // Their own name and the table's may be the column's.
    let parts = one.definition.rsplit_once(" FROM ").and_then(|(made, _)| made.split_once(" ON "));
    on && speaks(parts.map_or(one.definition.as_str(), |(_, columns)| columns), column)
}
