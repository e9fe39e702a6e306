//! A lab database at one point of a history: its catalog, which object is which, and what the catalog type does
//! not hold.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use pgsteward_lab::Database;
use pgsteward_model::catalog::Catalog;
use pgsteward_model::catalog_compare::{ColumnOrder, differences};
use pgsteward_model::identity::{Identities, TablePart};
use pgsteward_model::printed::alike;
use pgsteward_pg::CatalogOptions;

#[derive(Clone)]
pub(in crate::migrate) struct State {
    pub(in crate::migrate) catalog: Catalog,
    pub(in crate::migrate) identities: Identities,
}

/// Reads it; the session is closed afterwards, so that the database can be cloned.
pub(in crate::migrate) async fn read(database: &Database) -> Result<State> {
    let session = database.session().await.context("connect to the lab")?;
    let catalog = session.catalog(&CatalogOptions::default()).await;
    let identities = session.identities().await;
    session.close().await;
    let (catalog, _) = catalog.context("introspect the lab database")?;
    let identities =
        identities.map_err(|error| anyhow::anyhow!("read object ids in the lab: {}", error.message))?;
    Ok(State { catalog, identities })
}

impl State {
    /// Where two states are not the same, for people; empty where they are. Positions of columns do not count:
    /// a column that was added back comes last.
    pub(in crate::migrate) fn differences(&self, other: &State) -> Vec<String> {
        let mut found: Vec<String> = differences(&self.catalog, &other.catalog, ColumnOrder::Ignored)
            .into_iter()
            .map(|difference| difference.to_string())
            .collect();
        let (before, after) = (&self.identities.asides, &other.identities.asides);
        for (what, aside) in before {
            match after.get(what) {
                Some(now) if alike(&now.value, &aside.value) => {}
                Some(now) => found.push(format!("{what}: was {}, is {}", aside.value, now.value)),
                None => found.push(format!("{what}: only before")),
            }
        }
        let (was, now) = (&self.identities.attached, &other.identities.attached);
        let parts: BTreeSet<&TablePart> = was.keys().chain(now.keys()).collect();
        for part in parts.into_iter().filter(|part| was.get(*part) != now.get(*part)) {
            let of = |all: &BTreeMap<TablePart, TablePart>| {
                all.get(part).map_or("by itself".to_owned(), |whole| format!("a part of \"{}\"", whole.name))
            };
            let (name, table) = (&part.name, &part.table);
            found.push(format!("\"{name}\" of {table}: was {}, is {}", of(was), of(now)));
        }
        found.extend(
            after.keys().filter(|what| !before.contains_key(*what)).map(|what| format!("{what}: only after")),
        );
        found
    }

    /// Takes no notice of what a way back fills though it was empty `before`: it was full `after`, and where somebody filled it
    /// by hand it is full again.
    pub(super) fn unfilled(&mut self, before: &State, after: &State) {
        for (name, view) in &mut self.catalog.views {
            let empty = before.catalog.views.get(name).is_some_and(|was| !was.populated);
            let full = after.catalog.views.get(name).is_some_and(|now| now.populated);
            view.populated &= !(empty && full);
        }
    }

    /// Also that each object has its name: two that are alike may have exchanged theirs.
    pub(in crate::migrate) fn is_same(&self, other: &State) -> bool {
        let objects = &other.identities.objects;
        let renamed =
            self.identities.objects.iter().any(|(id, was)| objects.get(id).is_some_and(|now| now != was));
        !renamed && self.differences(other).is_empty()
    }
}
