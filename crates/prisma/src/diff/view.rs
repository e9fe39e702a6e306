//! What the comparison sees of a catalog: which tables and indexes, in which order, and how their parts read as
//! SQL.

use std::collections::HashMap;

use pgsteward_model::catalog::{
    Catalog, Column, ColumnType, ConstraintKind, ForeignKey, Index, Persistence, QName, Table, TableKind,
    TypeClass,
};
use pgsteward_model::migration::OWN_TABLES;

use super::meaning::{self, Meaning};
use super::{DiffOptions, NewColumn, NewIndex, NewIndexKey, NewTable, SchemaHints, positions};

/// Tables that Prisma leaves alone: its own and those of PostGIS. So are ours.
const IGNORED: [&str; 6] = [
    "_prisma_migrations",
    "spatial_ref_sys",
    "geometry_columns",
    "geography_columns",
    "raster_columns",
    "raster_overviews",
];

/// One side of a comparison.
pub(crate) struct Side<'a> {
    pub(crate) catalog: &'a Catalog,
    /// Of the schema that the catalog was calculated from; none for a server's.
    pub(super) schema: Option<&'a SchemaHints>,
    tables: HashMap<&'a QName, usize>,
    enums: HashMap<&'a QName, usize>,
}

impl<'a> Side<'a> {
    pub(super) fn new(catalog: &'a Catalog, schema: Option<&'a SchemaHints>) -> Side<'a> {
        Side {
            catalog,
            schema,
            tables: positions(schema.into_iter().flat_map(|hints| &hints.tables), catalog.tables.keys()),
            enums: positions(schema.into_iter().flat_map(|hints| &hints.enums), catalog.enums.keys()),
        }
    }

    /// The place of a table: in the schema's text, or by name.
    pub(super) fn position(&self, table: &QName) -> usize {
        self.tables.get(table).copied().unwrap_or(usize::MAX)
    }

    /// Namespace and version of an extension, as far as they are known.
    pub(super) fn extension(&self, name: &str) -> (Option<String>, Option<String>) {
        match self.schema {
            Some(hints) => hints.extensions.get(name).cloned().unwrap_or_default(),
            None => self
                .catalog
                .extensions
                .get(name)
                .map_or((None, None), |one| (Some(one.namespace.clone()), Some(one.version.clone()))),
        }
    }

    pub(super) fn enum_position(&self, name: &QName) -> usize {
        self.enums.get(name).copied().unwrap_or(usize::MAX)
    }
}

/// Both sides, and what is asked.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) before: &'a Side<'a>,
    pub(crate) after: &'a Side<'a>,
    pub(crate) options: &'a DiffOptions,
}

impl<'a> View<'a> {
    pub(super) fn sees(self, table: &Table) -> bool {
        self.options.namespaces.contains(&table.name.namespace)
            && !IGNORED.iter().chain(&OWN_TABLES).any(|name| table.name.name.eq_ignore_ascii_case(name))
            && table.kind != TableKind::Foreign
            && table.partition_of.is_none()
            && table.persistence != Persistence::Temporary
    }

    /// The indexes that Prisma compares: over plain columns, without those of primary keys and exclusion
    /// constraints. `next` says whether the table is of the schema's side.
    pub(super) fn visible_indexes(self, table: &'a Table, next: bool) -> Vec<&'a Index> {
        let side = if next { self.after } else { self.before };
        // A schema that has some is compared with all it has, whatever the features of the other one.
        let of_schema = if next { !self.options.to_database } else { side.schema.is_some() };
        let unseen = !self.options.partial_indexes && !of_schema;
        let mut found = self.comparable_indexes(table);
        found.retain(|index| !(unseen && index.predicate.is_some()));
        if side.schema.is_none() {
            found.sort_by_key(|index| &index.name);
        }
        found
    }

    /// The partial indexes that are there and are not compared: an index of the schema over the same columns is
    /// taken for one of them.
    pub(super) fn unseen_indexes(self, table: &'a Table) -> Vec<&'a Index> {
        let unseen = !self.options.partial_indexes && self.before.schema.is_none();
        let mut found = self.comparable_indexes(table);
        found.retain(|index| unseen && index.predicate.is_some());
        found
    }

    fn comparable_indexes(self, table: &'a Table) -> Vec<&'a Index> {
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
                !hidden && index.is_plain()
            })
            .collect()
    }

    /// The type of a column; a domain counts as the type below it.
    pub(crate) fn column_type(self, column: &'a Column, next: bool) -> &'a ColumnType {
        let catalog = if next { self.after.catalog } else { self.before.catalog };
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

    pub(super) fn new_table(self, table: &Table) -> NewTable {
        NewTable {
            name: table.name.clone(),
            columns: table.columns.iter().map(|column| self.new_column(table, column)).collect(),
            primary_key: table
                .primary_key()
                .map(|(constraint, columns)| (constraint.name.clone(), columns.to_vec())),
        }
    }

    pub(super) fn new_column(self, table: &Table, column: &Column) -> NewColumn {
        NewColumn {
            name: column.name.clone(),
            ty: self.type_sql(table, column, is_autoincrement(column)),
            not_null: column.not_null && column.ty.array == 0,
            default: self.default_sql(table, column),
        }
    }

    pub(super) fn type_sql(self, table: &Table, column: &Column, autoincrement: bool) -> String {
        match self.options.hints.types.get(&(table.name.clone(), column.name.clone())) {
            Some(written) => written.clone(),
            None => {
                let mut ty = column.ty.clone();
                // Read from a server, a time without a precision is one of six digits.
                if self.options.to_database && ty.name.starts_with("time") && ty.modifiers.is_empty() {
                    ty.modifiers.push(6);
                }
                crate::render::column_type(&ty, autoincrement, self.options.style(self.after.catalog))
            }
        }
    }

    /// The argument of `dbgenerated`, where a schema gives the column such a default.
    pub(crate) fn written_default(
        self,
        table: &Table,
        column: &Column,
        next: bool,
    ) -> Option<&'a Option<String>> {
        let side = if next { self.after } else { self.before };
        side.schema?.defaults.get(&(table.name.clone(), column.name.clone()))
    }

    /// True where the schema spells the type otherwise than the catalog: with its arguments left out.
    pub(crate) fn has_written_type(self, table: &Table, column: &Column, next: bool) -> bool {
        let side = if next { self.after } else { self.before };
        let place = (table.name.clone(), column.name.clone());
        side.schema.is_some_and(|hints| hints.types.contains_key(&place))
    }

    pub(super) fn default_sql(self, table: &Table, column: &Column) -> Option<String> {
        if let Some(written) = self.written_default(table, column, true) {
            return written.clone();
        }
        let expression = column.default.as_deref()?;
        if column.ty.class != TypeClass::Enum && !super::types::is_known(self.column_type(column, true)) {
            let nothing =
                matches!(meaning::meaning(expression, &column.ty), Meaning::Null | Meaning::Sequence);
            return (!nothing).then(|| expression.to_owned());
        }
        let ty = self.type_sql(table, column, false);
        crate::render::default(&meaning::meaning(expression, &column.ty), expression, &ty)
    }

    pub(super) fn new_index(self, table: &Table, index: &Index) -> NewIndex {
        let written = self.options.hints.operator_classes.get(&(table.name.clone(), index.name.clone()));
        let ascending = self.options.hints.ascending.get(&(table.name.clone(), index.name.clone()));
        let keys = index.keys.iter().enumerate().map(|(at, key)| NewIndexKey {
            column: key.column.clone().unwrap_or_default(),
            operator_class: match written.and_then(|classes| classes.get(at)) {
                Some(class) => class.clone(),
                None => key.opclass.clone(),
            },
            descending: key.descending,
            ascending: !key.descending
                && index.method == "btree"
                && (self.options.to_database || ascending.is_some_and(|written| written[at])),
        });
        NewIndex {
            name: index.name.clone(),
            unique: index.unique,
            method: index.method.clone(),
            keys: keys.collect(),
            predicate: index.predicate.clone(),
            rebuilt: false,
        }
    }
}

/// True for `serial` and identity columns alike: Prisma does not tell them apart.
pub(super) fn is_autoincrement(column: &Column) -> bool {
    column.identity.is_some()
        || column
            .default
            .as_deref()
            .is_some_and(|default| meaning::meaning(default, &column.ty) == Meaning::Sequence)
}

/// The foreign keys of a table: in the schema's order, or by name.
pub(super) fn foreign_keys_in_order<'t>(side: &Side<'_>, table: &'t Table) -> Vec<(&'t str, &'t ForeignKey)> {
    let mut keys: Vec<_> =
        table.foreign_keys().map(|(constraint, key)| (constraint.name.as_str(), key)).collect();
    if side.schema.is_none() {
        keys.sort_by_key(|(name, _)| *name);
    }
    keys
}
