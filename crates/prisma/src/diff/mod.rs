//! The steps that lead from one catalog to another, as Prisma Migrate takes them: what it compares, what it
//! does not see, and its order.
//!
//! Not seen: check constraints, triggers, policies, row security, functions, views, comments, grants, storage
//! parameters, INCLUDE columns, the order of NULLs, NULLS NOT DISTINCT, expression indexes, exclusion
//! constraints, partitions, Prisma's own table and PostGIS's. Sources: Prisma's documentation and its schema
//! engine's behaviour, observed step by step.

use std::collections::HashMap;
use std::sync::Arc;

use pgsteward_model::catalog::{Catalog, QName, Table};

mod enums;
pub(crate) mod meaning;
pub(crate) mod operator_classes;
mod options;
mod order;
mod step;
mod table;
mod types;
mod view;

pub use options::{DiffOptions, SchemaHints};
pub use step::{
    AlterEnum, ColumnChange, EnumColumn, EnumDefault, NewColumn, NewIndex, NewIndexKey, NewTable, SchemaStep,
    TableChange,
};

use order::Steps;
pub(crate) use table::{TablePair, meaning_of, sequence_in};
pub(crate) use types::TypeChange;
pub(crate) use view::View;
use view::{Side, foreign_keys_in_order};

/// The steps from `from` to `to`, in the order in which Prisma runs them. Empty where Prisma sees no
/// difference. Without `options.before`, `from` is what a server or a replayed history holds; unless
/// `options.to_database` says otherwise, `to` is calculated from a schema.
pub fn diff(from: &Catalog, to: &Catalog, options: &DiffOptions) -> Vec<SchemaStep> {
    with_view(from, to, options, steps_of)
}

pub(crate) fn with_view<T>(
    from: &Catalog,
    to: &Catalog,
    options: &DiffOptions,
    work: impl FnOnce(View<'_>) -> T,
) -> T {
    work(View {
        before: &Side::new(from, options.before.as_ref()),
        after: &Side::new(to, (!options.to_database).then_some(&options.hints)),
        options,
    })
}

fn steps_of(view: View<'_>) -> Vec<SchemaStep> {
    let differ = Differ::new(view);
    let mut steps = Steps::default();
    differ.namespaces_and_extensions(&mut steps);
    differ.enums(&mut steps);
    for pair in &differ.pairs {
        pair.push(&mut steps);
    }
    for table in &differ.dropped {
        differ.drop_table(table, &mut steps);
    }
    for table in &differ.created {
        differ.create_table(table, &mut steps);
    }
    steps.in_order()
}

struct Differ<'a> {
    view: View<'a>,
    /// Tables of both sides, in the order of their names.
    pairs: Vec<TablePair<'a>>,
    dropped: Vec<&'a Table>,
    created: Vec<&'a Table>,
}

impl<'a> Differ<'a> {
    fn new(view: View<'a>) -> Differ<'a> {
        let (from, to) = (view.before.catalog, view.after.catalog);
        let seen = |table: &&'a Arc<Table>| view.sees(table);
        let (mut created, mut pairs): (Vec<&Table>, _) = (Vec::new(), Vec::new());
        for table in to.tables.values().filter(seen) {
            match from.tables.get(&table.name).filter(seen) {
                Some(before) => pairs.push(TablePair::new(view, before, table)),
                None => created.push(table),
            }
        }
        let dropped = from
            .tables
            .values()
            .filter(seen)
            .filter(|table| !to.tables.get(&table.name).is_some_and(|table| view.sees(table)))
            .map(Arc::as_ref)
            .collect();
        Differ { view, pairs, dropped, created }
    }

    fn drop_table(&self, table: &Table, steps: &mut Steps) {
        let position = self.view.before.position(&table.name);
        for (at, (name, _)) in foreign_keys_in_order(self.view.before, table).into_iter().enumerate() {
            let step = SchemaStep::DropForeignKey { table: table.name.clone(), name: name.to_owned() };
            steps.push([position, at, 0], step);
        }
        steps.push([position, 0, 0], SchemaStep::DropTable { table: table.name.clone() });
    }

    fn create_table(&self, table: &Table, steps: &mut Steps) {
        let position = self.view.after.position(&table.name);
        steps.push([position, 0, 0], SchemaStep::CreateTable(self.view.new_table(table)));
        for (at, index) in self.view.visible_indexes(table, true).into_iter().enumerate() {
            let index = self.view.new_index(table, index);
            let step = SchemaStep::CreateIndex { table: table.name.clone(), index };
            steps.push([0, position, at], step);
        }
        for (at, (name, key)) in foreign_keys_in_order(self.view.after, table).into_iter().enumerate() {
            let (name, key) = (name.to_owned(), key.clone());
            let step = SchemaStep::AddForeignKey { table: table.name.clone(), name, key };
            steps.push([position, at, 0], step);
        }
    }

    fn namespaces_and_extensions(&self, steps: &mut Steps) {
        let View { before, after, options } = self.view;
        let (from, to) = (before.catalog, after.catalog);
        for (at, name) in to.namespaces.keys().enumerate() {
            let lives_here = |one: &&QName| one.namespace == *name;
            // One that nothing lives in is not made.
            let used = to.tables.keys().chain(to.enums.keys()).any(|one| lives_here(&one));
            if used && options.namespaces.contains(name) && !from.namespaces.contains_key(name) {
                steps.push([at, 0, 0], SchemaStep::CreateSchema { name: name.clone() });
            }
        }
        if !options.extensions {
            return;
        }
        for (at, name) in to.extensions.keys().enumerate() {
            let (namespace, version) = after.extension(name);
            let place = [at, 0, 0];
            let name = name.clone();
            if !from.extensions.contains_key(&name) {
                steps.push(place, SchemaStep::CreateExtension { name, namespace, version });
                continue;
            }
            let (own_namespace, own_version) = before.extension(&name);
            let changed = |own: &Option<String>, next: &Option<String>| {
                next.clone().filter(|next| own.as_ref().is_some_and(|own| own != next))
            };
            let moved = (changed(&own_namespace, &namespace), changed(&own_version, &version));
            match moved {
                (None, None) => {}
                // What a schema says of an extension does not tell whether it can be moved.
                _ if options.before.is_some() => {
                    steps.push(place, SchemaStep::DropExtension { name: name.clone() });
                    steps.push(place, SchemaStep::CreateExtension { name, namespace, version });
                }
                (namespace, version) => {
                    steps.push(place, SchemaStep::AlterExtension { name, namespace, version });
                }
            }
        }
    }
}

/// Positions by name: first those of `order`, then the others.
fn positions<'a>(
    order: impl Iterator<Item = &'a QName>,
    others: impl Iterator<Item = &'a QName>,
) -> HashMap<&'a QName, usize> {
    let mut out = HashMap::new();
    for name in order.chain(others) {
        let next = out.len();
        out.entry(name).or_insert(next);
    }
    out
}
