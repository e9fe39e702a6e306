//! Which columns the versions of the application name that run around a migration, and what became of the twin's
//! columns since it was filled. Pure.
//!
//! A second column that a plan added, and that one of its triggers fills, is known to no version until it has the name
//! of the first; where the two are names of one thing, the version of before names the first and that of behind the
//! second. What a migration is marked to take away is named by none: `deploy` looks for those that still do.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::{Catalog, Column, QName, Table};
use pgsteward_model::statement::{AlterAction, Statement};

use super::pass::Ready;
use crate::migrate::plan::{Synced, synced};
use crate::migrate::unused;

/// One version of the application, as far as one table goes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Version {
    /// The columns that it names.
    pub(super) columns: Vec<Column>,
    /// Those of the primary key, as it calls them; empty without one.
    pub(super) key: Vec<String>,
    /// Second columns that it names, by the first.
    calls: BTreeMap<String, String>,
}

/// The versions that run while a file is deployed whose text this is, the oldest first; none where the table is on its
/// way out.
pub(super) fn versions(catalog: &Catalog, table: &Table, text: &str) -> Vec<Version> {
    if unused::names_table(text, &table.name) {
        return Vec::new();
    }
    let gone = unused::columns_of(text, &table.name);
    let pairs: Vec<Synced> = pairs(catalog, table).collect();
    let is_over = |pair: &Synced| pair.first.as_ref().is_some_and(|first| gone.contains(first));
    let of = |newest: bool| {
        let mut without: BTreeSet<&str> = gone.iter().map(String::as_str).collect();
        let mut calls = BTreeMap::new();
        for pair in &pairs {
            let first = pair.first.as_deref();
            if pair.apart && (newest || is_over(pair)) {
                without.extend(first);
                calls.extend(first.map(|first| (first.to_owned(), pair.second.clone())));
            } else {
                without.insert(&pair.second);
            }
        }
        let columns = table.columns.iter().filter(|column| !without.contains(column.name.as_str()));
        let key = table.primary_key().map(|(_, columns)| columns.to_vec()).unwrap_or_default();
        let key: Option<Vec<String>> = key
            .into_iter()
            .map(|name| match without.contains(name.as_str()) {
                true => calls.get(&name).cloned(),
                false => Some(name),
            })
            .collect();
        Version { columns: columns.cloned().collect(), key: key.unwrap_or_default(), calls }
    };
    let mut versions = vec![of(false), of(true)];
    versions.dedup();
    versions
}

/// What triggers of plans keep equal in the table.
fn pairs<'a>(catalog: &'a Catalog, table: &'a Table) -> impl Iterator<Item = Synced> + 'a {
    table.triggers.iter().filter_map(|trigger| trigger.function.as_ref()).filter_map(|name| {
        let mut functions = catalog.functions.values().filter(|function| function.id.name == *name);
        functions.find_map(|function| synced(&function.body))
    })
}

/// What became of the twin's tables and columns since it was filled.
#[derive(Clone, Debug, Default)]
pub(super) struct Since {
    /// What a table was called then, by the name of now.
    tables: BTreeMap<QName, QName>,
    /// What a column is called now, by the names of then.
    columns: BTreeMap<(QName, String), String>,
}

impl Since {
    /// What the table was called when the twin was filled.
    pub(super) fn origin<'a>(&'a self, table: &'a QName) -> &'a QName {
        self.tables.get(table).unwrap_or(table)
    }

    /// Where the values of the twin's columns go that a version of the application writes.
    pub(super) fn becomes<'a>(
        &self,
        version: &Version,
        table: &QName,
        columns: impl Iterator<Item = &'a str>,
    ) -> BTreeMap<String, String> {
        let origin = self.origin(table);
        let known = |name: &str| version.columns.iter().find(|one| one.name == name);
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        // A column that has the name of one that went comes before that one.
        let (renamed, others): (Vec<&str>, Vec<&str>) =
            columns.partition(|name| self.columns.contains_key(&(origin.clone(), (*name).to_owned())));
        for column in renamed.into_iter().chain(others) {
            let name = self.columns.get(&(origin.clone(), column.to_owned())).map_or(column, String::as_str);
            let Some(now) = known(name).or_else(|| known(version.calls.get(name)?)) else { continue };
            if !found.values().any(|other| *other == now.name) {
                found.insert(column.to_owned(), now.name.clone());
            }
        }
        found
    }

    /// Takes note of what a file renames.
    pub(super) fn pass(&mut self, before: &Catalog, file: &Ready) {
        for table in before.tables.values() {
            let gone = unused::columns_of(&file.source, &table.name);
            for pair in pairs(before, table).filter(|pair| pair.apart) {
                if let Some(first) = pair.first.filter(|first| gone.contains(first)) {
                    self.column(&table.name, &first, &pair.second);
                }
            }
        }
        for planned in &file.plan.statements {
            let Statement::AlterTable(alter) = &planned.statement else { continue };
            let is_it = |name: &&QName| {
                let namespace = alter.name.namespace.as_ref();
                name.name == alter.name.name && namespace.is_none_or(|own| *own == name.namespace)
            };
            let table = before.tables.keys().find(is_it).cloned().unwrap_or_else(|| alter.name.qualified());
            for action in &alter.actions {
                match action {
                    AlterAction::RenameColumn { from, to } => self.column(&table, from, to),
                    AlterAction::RenameTable { to } => {
                        let origin = self.origin(&table).clone();
                        self.tables.insert(QName::new(table.namespace.clone(), to.clone()), origin);
                    }
                    _ => {}
                }
            }
        }
    }

    fn column(&mut self, table: &QName, from: &str, to: &str) {
        let table = self.origin(table).clone();
        let mut known = self.columns.iter_mut().filter(|((place, _), _)| *place == table);
        if let Some((_, now)) = known.find(|(_, now)| *now == from) {
            to.clone_into(now);
            return;
        }
        self.columns.insert((table, from.to_owned()), to.to_owned());
    }
}
