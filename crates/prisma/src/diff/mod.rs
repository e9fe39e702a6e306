//! The steps that lead from one catalog to another, as Prisma Migrate takes them: what it compares, what it
//! does not see, and its order.
//!
//! Not seen: check constraints, triggers, policies, row security, functions, views, comments, grants, storage
//! parameters, INCLUDE columns, the order of NULLs, NULLS NOT DISTINCT, expression indexes, exclusion
//! constraints, partitions, Prisma's own table and PostGIS's. Sources: Prisma's documentation and its schema
//! engine's behaviour, observed step by step.

use std::collections::HashMap;
use std::sync::Arc;

use pgsteward_model::catalog::{Catalog, Column, ColumnType, Enum, QName, Table, TableKind, TypeClass};

pub(crate) mod meaning;
pub(crate) mod operator_classes;
mod options;
mod step;
mod table;
mod types;

pub use options::{DiffOptions, SchemaHints};
pub use step::{
    AlterEnum, ColumnChange, EnumColumn, EnumDefault, NewColumn, NewIndex, NewIndexKey, NewTable, SchemaStep,
    TableChange,
};

use table::TablePair;

/// Tables that Prisma leaves alone: its own and those of PostGIS.
const IGNORED: [&str; 6] = [
    "_prisma_migrations",
    "spatial_ref_sys",
    "geometry_columns",
    "geography_columns",
    "raster_columns",
    "raster_overviews",
];

/// The steps from `from` (a server's catalog, or that of a replayed history) to `to` (a calculated one), in
/// the order in which Prisma runs them. Empty where Prisma sees no difference.
pub fn diff(from: &Catalog, to: &Catalog, options: &DiffOptions) -> Vec<SchemaStep> {
    let differ = Differ::new(from, to, options);
    let mut steps = Steps::default();
    differ.namespaces_and_extensions(&mut steps);
    differ.enums(&mut steps);
    for (pair, next) in &differ.pairs {
        pair.push(*next, &mut steps);
    }
    for table in &differ.dropped {
        for (constraint, _) in sorted_foreign_keys(table) {
            let (table, name) = (table.name.clone(), constraint.to_owned());
            steps.drop_foreign_keys.push(SchemaStep::DropForeignKey { table, name });
        }
        steps.drop_tables.push(SchemaStep::DropTable { table: table.name.clone() });
    }
    for (position, table) in &differ.created {
        steps.create_tables.push(SchemaStep::CreateTable(differ.view.new_table(table)));
        for index in differ.view.visible_indexes(table, true) {
            let index = differ.view.new_index(table, index);
            steps.create_indexes.push(SchemaStep::CreateIndex { table: table.name.clone(), index });
        }
        for (constraint, key) in table.foreign_keys() {
            let step = SchemaStep::AddForeignKey {
                table: table.name.clone(),
                name: constraint.name.clone(),
                key: key.clone(),
            };
            steps.add_foreign_keys.push((*position, step));
        }
    }
    steps.in_order()
}

/// The steps by kind. Within a kind they are pushed in Prisma's order.
#[derive(Default)]
pub(crate) struct Steps {
    first: Vec<SchemaStep>,
    create_enums: Vec<SchemaStep>,
    alter_enums: Vec<SchemaStep>,
    drop_foreign_keys: Vec<SchemaStep>,
    drop_indexes: Vec<SchemaStep>,
    alter_tables: Vec<SchemaStep>,
    drop_tables: Vec<SchemaStep>,
    drop_enums: Vec<SchemaStep>,
    create_tables: Vec<SchemaStep>,
    /// Of new tables.
    create_indexes: Vec<SchemaStep>,
    /// Of tables that were there.
    create_more_indexes: Vec<SchemaStep>,
    rename_foreign_keys: Vec<SchemaStep>,
    /// With the position of their table in the schema.
    add_foreign_keys: Vec<(usize, SchemaStep)>,
    rename_indexes: Vec<SchemaStep>,
    /// Unique indexes that a new primary key on the same columns replaces: they go after it.
    replaced: Vec<(QName, String)>,
}

impl Steps {
    fn in_order(mut self) -> Vec<SchemaStep> {
        let object = |step: &SchemaStep| step.object().identity();
        self.drop_foreign_keys.sort_by_key(object);
        self.drop_indexes.sort_by_key(object);
        self.add_foreign_keys.sort_by_key(|(position, _)| *position);
        let mut out = self.first;
        out.append(&mut self.create_enums);
        out.append(&mut self.alter_enums);
        out.append(&mut self.drop_foreign_keys);
        let (later, now): (Vec<_>, Vec<_>) = self.drop_indexes.into_iter().partition(|step| match step {
            SchemaStep::DropIndex { table, name } => {
                self.replaced.iter().any(|(of, replaced)| of == table && replaced == name)
            }
            _ => false,
        });
        out.extend(now);
        for step in self.alter_tables {
            let altered = step.object();
            out.push(step);
            let here = later.iter().filter(|drop| {
                let dropped = drop.object();
                dropped.namespace == altered.namespace && dropped.relation == altered.relation
            });
            out.extend(here.cloned());
        }
        out.append(&mut self.drop_tables);
        out.append(&mut self.drop_enums);
        out.append(&mut self.create_tables);
        out.append(&mut self.create_indexes);
        out.append(&mut self.create_more_indexes);
        out.append(&mut self.rename_foreign_keys);
        out.extend(self.add_foreign_keys.into_iter().map(|(_, step)| step));
        out.append(&mut self.rename_indexes);
        out
    }
}

/// What both sides' objects are read with.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    from: &'a Catalog,
    to: &'a Catalog,
    options: &'a DiffOptions,
}

struct Differ<'a> {
    view: View<'a>,
    /// Tables of both sides, in the order of their names, with their position on the new side.
    pairs: Vec<(TablePair<'a>, usize)>,
    dropped: Vec<&'a Table>,
    /// In the order of the schema, with their position in it.
    created: Vec<(usize, &'a Table)>,
}

impl<'a> Differ<'a> {
    fn new(from: &'a Catalog, to: &'a Catalog, options: &'a DiffOptions) -> Differ<'a> {
        let view = View { from, to, options };
        let positions: HashMap<&QName, usize> =
            options.hints.tables.iter().enumerate().map(|(at, name)| (name, at)).collect();
        let position = |name: &QName| positions.get(name).copied().unwrap_or(positions.len());
        let seen = |table: &&'a Arc<Table>| view.sees(table);
        let mut created: Vec<(usize, &Table)> = Vec::new();
        let mut pairs = Vec::new();
        for table in to.tables.values().filter(seen) {
            let at = position(&table.name);
            match from.tables.get(&table.name).filter(seen) {
                Some(before) => pairs.push((TablePair::new(view, before, table), at)),
                None => created.push((at, table)),
            }
        }
        created.sort_by_key(|(at, _)| *at);
        let dropped = from
            .tables
            .values()
            .filter(seen)
            .filter(|table| !to.tables.get(&table.name).is_some_and(|table| view.sees(table)))
            .map(Arc::as_ref)
            .collect();
        Differ { view, pairs, dropped, created }
    }

    fn namespaces_and_extensions(&self, steps: &mut Steps) {
        let View { from, to, options } = self.view;
        for name in options.namespaces.iter().filter(|name| to.namespaces.contains_key(*name)) {
            if !from.namespaces.contains_key(name) {
                steps.first.push(SchemaStep::CreateSchema { name: name.clone() });
            }
        }
        if options.extensions {
            let missing = to.extensions.keys().filter(|name| !from.extensions.contains_key(*name));
            steps.first.extend(missing.map(|name| SchemaStep::CreateExtension { name: name.clone() }));
        }
    }

    fn enums(&self, steps: &mut Steps) {
        let View { from, to, options } = self.view;
        let compared = |name: &QName| options.namespaces.contains(&name.namespace);
        let mut created: Vec<&Enum> = to
            .enums
            .values()
            .filter(|one| compared(&one.name) && !from.enums.contains_key(&one.name))
            .collect();
        let order = &options.hints.enums;
        created.sort_by_key(|one| order.iter().position(|name| *name == one.name).unwrap_or(order.len()));
        for one in created {
            let (name, values) = (one.name.clone(), one.values.clone());
            steps.create_enums.push(SchemaStep::CreateEnum { name, values });
        }
        for before in from.enums.values().filter(|one| compared(&one.name)) {
            let Some(after) = to.enums.get(&before.name) else {
                steps.drop_enums.push(SchemaStep::DropEnum { name: before.name.clone() });
                continue;
            };
            let missing = |here: &Enum, there: &Enum| -> Vec<String> {
                here.values.iter().filter(|value| !there.values.contains(value)).cloned().collect()
            };
            let (added, dropped) = (missing(after, before), missing(before, after));
            if !(added.is_empty() && dropped.is_empty()) {
                let change = self.alter_enum(after, added, dropped);
                steps.alter_enums.push(SchemaStep::AlterEnum(change));
            }
        }
    }

    fn alter_enum(&self, after: &Enum, added: Vec<String>, dropped: Vec<String>) -> AlterEnum {
        let of_enum = |column: &&Column| {
            column.ty.class == TypeClass::Enum
                && column.ty.name == after.name.name
                && column.ty.namespace.as_deref() == Some(after.name.namespace.as_str())
        };
        let with_default = |column: &&Column| of_enum(column) && column.default.is_some();
        let mut defaults = Vec::new();
        let mut push = |table: &Table, column: &Column, next: Option<String>| {
            let (table, column) = (table.name.clone(), column.name.clone());
            defaults.push(EnumDefault { table, column, next });
        };
        for table in &self.dropped {
            for column in table.columns.iter().filter(with_default) {
                push(table, column, None);
            }
        }
        for (pair, _) in &self.pairs {
            let mut columns: Vec<&Column> = pair.before.columns.iter().filter(with_default).collect();
            columns.sort_by_key(|column| (pair.after.column(&column.name).is_some(), &column.name));
            for column in columns {
                let next = pair.after.column(&column.name).filter(with_default);
                push(pair.before, column, next.and_then(|next| self.view.default_sql(pair.after, next)));
            }
        }
        let mut tables: Vec<(usize, &Table)> = self.created.clone();
        tables.extend(self.pairs.iter().map(|(pair, at)| (*at, pair.after)));
        tables.sort_by_key(|(at, _)| *at);
        let columns = tables
            .into_iter()
            .flat_map(|(_, table)| table.columns.iter().filter(of_enum).map(move |column| (table, column)))
            .map(|(table, column)| EnumColumn {
                table: table.name.clone(),
                column: column.name.clone(),
                list: column.ty.array > 0,
            })
            .collect();
        AlterEnum {
            name: after.name.clone(),
            added,
            dropped,
            values: after.values.clone(),
            columns,
            defaults,
        }
    }
}

impl<'a> View<'a> {
    fn sees(self, table: &Table) -> bool {
        self.options.namespaces.contains(&table.name.namespace)
            && !IGNORED.iter().any(|name| table.name.name.eq_ignore_ascii_case(name))
            && table.kind != TableKind::Foreign
            && table.partition_of.is_none()
            && table.persistence != pgsteward_model::catalog::Persistence::Temporary
    }

    /// The indexes that Prisma compares: over plain columns, without those of primary keys and exclusion
    /// constraints. `next` says whether the table is of the schema's side.
    fn visible_indexes(self, table: &'a Table, next: bool) -> Vec<&'a pgsteward_model::catalog::Index> {
        use pgsteward_model::catalog::ConstraintKind;
        table
            .indexes
            .iter()
            .filter(|index| {
                let hidden = index.constraint.as_deref().and_then(|name| table.constraint(name)).is_some_and(
                    |constraint| {
                        matches!(
                            constraint.kind,
                            ConstraintKind::PrimaryKey { .. } | ConstraintKind::Exclusion { .. }
                        )
                    },
                );
                let partial = index.predicate.is_some() && !self.options.partial_indexes && !next;
                !hidden && !partial && index.is_plain()
            })
            .collect()
    }

    /// The type of a column; a domain counts as the type below it.
    fn column_type(self, column: &'a Column, next: bool) -> &'a ColumnType {
        let catalog = if next { self.to } else { self.from };
        let mut ty = &column.ty;
        for _ in 0..8 {
            if ty.class != TypeClass::Domain {
                break;
            }
            let name = QName::new(ty.namespace.as_deref().unwrap_or("public"), &ty.name);
            match catalog.domains.get(&name) {
                Some(domain) => ty = &domain.base,
                None => break,
            }
        }
        ty
    }

    fn new_table(self, table: &Table) -> NewTable {
        NewTable {
            name: table.name.clone(),
            columns: table.columns.iter().map(|column| self.new_column(table, column)).collect(),
            primary_key: table
                .primary_key()
                .map(|(constraint, columns)| (constraint.name.clone(), columns.to_vec())),
        }
    }

    fn new_column(self, table: &Table, column: &Column) -> NewColumn {
        NewColumn {
            name: column.name.clone(),
            ty: self.type_sql(table, column, is_autoincrement(column)),
            not_null: column.not_null && column.ty.array == 0,
            default: self.default_sql(table, column),
        }
    }

    fn type_sql(self, table: &Table, column: &Column, autoincrement: bool) -> String {
        match self.options.hints.types.get(&(table.name.clone(), column.name.clone())) {
            Some(written) => written.clone(),
            None => crate::render::column_type(&column.ty, autoincrement),
        }
    }

    fn default_sql(self, table: &Table, column: &Column) -> Option<String> {
        if let Some(written) = self.options.hints.defaults.get(&(table.name.clone(), column.name.clone())) {
            return Some(written.clone());
        }
        let expression = column.default.as_deref()?;
        let ty = self.type_sql(table, column, false);
        crate::render::default(&meaning::meaning(expression, &column.ty), expression, &ty)
    }

    fn new_index(self, table: &Table, index: &pgsteward_model::catalog::Index) -> NewIndex {
        let written = self.options.hints.operator_classes.get(&(table.name.clone(), index.name.clone()));
        let keys = index.keys.iter().enumerate().map(|(at, key)| NewIndexKey {
            column: key.column.clone().unwrap_or_default(),
            operator_class: match written.and_then(|classes| classes.get(at)) {
                Some(class) => class.clone(),
                None => key.opclass.clone(),
            },
            descending: key.descending,
        });
        NewIndex {
            name: index.name.clone(),
            unique: index.unique,
            method: index.method.clone(),
            keys: keys.collect(),
            predicate: index.predicate.clone(),
        }
    }
}

/// True for `serial` and identity columns alike: Prisma does not tell them apart.
fn is_autoincrement(column: &Column) -> bool {
    column.identity.is_some()
        || column
            .default
            .as_deref()
            .is_some_and(|default| meaning::meaning(default, &column.ty) == meaning::Meaning::Sequence)
}

/// The foreign keys of a table by name.
fn sorted_foreign_keys(table: &Table) -> Vec<(&str, &pgsteward_model::catalog::ForeignKey)> {
    let mut keys: Vec<_> =
        table.foreign_keys().map(|(constraint, key)| (constraint.name.as_str(), key)).collect();
    keys.sort_by_key(|(name, _)| *name);
    keys
}
