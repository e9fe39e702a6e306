//! The database and the schema before, matched: which model stands for which table, and the names that follow.

use std::collections::HashMap;

use pgsteward_model::catalog::QName;

use super::database::Database;
use super::names::{self, Named};
use super::previous::{OldEnum, OldModel, Previous};

pub(super) struct Matching<'a> {
    pub(super) database: &'a Database<'a>,
    pub(super) tables: Vec<Option<OldModel<'a>>>,
    pub(super) views: Vec<Option<OldModel<'a>>>,
    pub(super) enums: Vec<Option<OldEnum<'a>>>,
    /// Names of old models and views that the database no longer has.
    pub(super) gone: Vec<&'a str>,
    /// How often each name is wanted at the top of the schema.
    wanted: HashMap<String, usize>,
    positions: HashMap<&'a QName, usize>,
}

impl<'a> Matching<'a> {
    pub(super) fn new(
        database: &'a Database<'a>,
        previous: &'a Previous,
        joins: &[usize],
        with_views: bool,
    ) -> Matching<'a> {
        let mut matching = Matching {
            database,
            tables: vec![None; database.tables.len()],
            views: vec![None; database.views.len()],
            enums: vec![None; database.enums.len()],
            gone: Vec::new(),
            wanted: HashMap::new(),
            positions: database.enums.iter().enumerate().map(|(at, one)| (one.name, at)).collect(),
        };
        for old in previous.models() {
            let fits = |name: &QName| {
                name.name == old.model.db_name
                    && old.model.namespace.as_ref().is_none_or(|namespace| *namespace == name.namespace)
            };
            let slot = if old.model.view {
                let at = database.views.iter().position(|view| fits(view.name));
                at.map(|at| &mut matching.views[at])
            } else {
                let at = database.tables.iter().position(|table| fits(table.name));
                at.map(|at| &mut matching.tables[at])
            };
            match slot {
                Some(slot) => *slot = Some(old),
                None => matching.gone.push(&old.model.name),
            }
        }
        for old in previous.enums() {
            let definition = old.definition;
            let at = database.enums.iter().position(|one| {
                one.name.name == definition.db_name
                    && definition.namespace.as_ref().is_none_or(|namespace| *namespace == one.name.namespace)
            });
            if let Some(at) = at {
                matching.enums[at] = Some(old);
            }
        }
        let tables = database.tables.iter().enumerate().filter(|(at, _)| !joins.contains(at));
        let tables = tables.map(|(at, table)| (matching.tables[at].map(|old| &old.model.name), table.name));
        let enums = database.enums.iter().enumerate();
        let enums = enums.map(|(at, one)| (matching.enums[at].map(|old| &old.definition.name), one.name));
        let views = database.views.iter().enumerate().filter(|_| with_views);
        let views = views.map(|(at, view)| (matching.views[at].map(|old| &old.model.name), view.name));
        let mut wanted = HashMap::new();
        for (old, name) in tables.chain(enums).chain(views) {
            let name = old.cloned().unwrap_or_else(|| names::cleaned(&name.name).into_owned());
            *wanted.entry(name).or_default() += 1;
        }
        matching.wanted = wanted;
        matching
    }

    pub(super) fn is_unique(&self, name: &str) -> bool {
        self.wanted.get(names::cleaned(name).as_ref()).is_none_or(|count| *count <= 1)
    }

    fn fresh(&self, name: &QName) -> Named {
        names::top_level(&name.name, &name.namespace, self.is_unique(&name.name))
    }

    pub(super) fn table_name(&self, at: usize) -> Named {
        self.tables[at].map_or_else(|| self.fresh(self.database.tables[at].name), |old| old.named())
    }

    pub(super) fn view_name(&self, at: usize) -> Named {
        self.views[at].map_or_else(|| self.fresh(self.database.views[at].name), |old| old.named())
    }

    pub(super) fn enum_name(&self, at: usize) -> Named {
        self.enums[at].map_or_else(|| self.fresh(self.database.enums[at].name), |old| old.named())
    }

    pub(super) fn enum_position(&self, name: &QName) -> Option<usize> {
        self.positions.get(name).copied()
    }

    pub(super) fn enum_value(&self, at: usize, value: &str) -> Named {
        let old = self.enums[at].and_then(|old| old.value(value));
        old.map_or_else(|| names::enum_value(value), |(named, _)| named)
    }

    /// The field of a table's column.
    pub(super) fn column_name(&self, table: usize, column: usize) -> Named {
        let name = self.database.tables[table].columns[column].name;
        self.tables[table]
            .and_then(|old| old.column(name))
            .map_or_else(|| names::column(name), |old| old.named())
    }

    pub(super) fn view_column_name(&self, view: usize, column: usize) -> Named {
        let name = self.database.views[view].columns[column].name;
        self.views[view]
            .and_then(|old| old.column(name))
            .map_or_else(|| names::column(name), |old| old.named())
    }
}
