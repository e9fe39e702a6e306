//! The catalog as Prisma's introspection sees it: tables, views and enums of the namespaces asked for, in the order
//! of their names, with what Prisma has no eye for left out or flattened as it does (INCLUDE columns become key
//! columns, a domain is its base type, an identity is a sequence).
//!
//! Knows no Prisma schema. Source: what Prisma 7.10's schema engine reads (`sql-schema-describer`), held against its
//! output by `bench/conformance.py`.

use std::collections::{BTreeMap, HashMap};

use pgsteward_model::catalog::{
    Catalog, Column, Constraint, ConstraintKind, Index, QName, ReferentialAction, Table, TableKind,
};

use super::defaults::{self, Default};
use super::types::{self, Family, Native};

pub(super) struct Database<'a> {
    pub(super) tables: Vec<DbTable<'a>>,
    pub(super) views: Vec<DbView<'a>>,
    pub(super) enums: Vec<DbEnum<'a>>,
}

pub(super) struct DbEnum<'a> {
    pub(super) name: &'a QName,
    pub(super) values: &'a [String],
    pub(super) commented: bool,
}

pub(super) struct DbView<'a> {
    pub(super) name: &'a QName,
    pub(super) columns: Vec<DbColumn<'a>>,
    pub(super) definition: &'a str,
    pub(super) commented: bool,
}

pub(super) struct DbTable<'a> {
    pub(super) name: &'a QName,
    pub(super) columns: Vec<DbColumn<'a>>,
    pub(super) indexes: Vec<DbIndex<'a>>,
    pub(super) foreign_keys: Vec<DbForeignKey<'a>>,
    pub(super) checks: Vec<&'a str>,
    pub(super) exclusions: Vec<&'a str>,
    pub(super) expression_indexes: Vec<&'a str>,
    /// A partitioned table that has partitions.
    pub(super) partitioned: bool,
    pub(super) inherited: bool,
    pub(super) row_security: bool,
    pub(super) commented: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DbArity {
    Required,
    Nullable,
    List,
}

pub(super) struct DbColumn<'a> {
    pub(super) name: &'a str,
    pub(super) family: Family,
    pub(super) native: Option<Native>,
    pub(super) arity: DbArity,
    pub(super) default: Option<Default>,
    pub(super) commented: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DbIndexKind {
    Primary,
    Unique,
    Plain,
}

pub(super) struct DbIndex<'a> {
    pub(super) name: &'a str,
    pub(super) kind: DbIndexKind,
    pub(super) columns: Vec<DbIndexColumn<'a>>,
    pub(super) method: &'a str,
    /// As the server prints it with the default namespace on the search path.
    pub(super) predicate: Option<String>,
    pub(super) deferrable: bool,
}

impl DbIndex<'_> {
    pub(super) fn identifies(&self) -> bool {
        self.kind != DbIndexKind::Plain
    }
}

pub(super) struct DbIndexColumn<'a> {
    /// Position in the table's columns.
    pub(super) column: usize,
    pub(super) descending: bool,
    /// NULLS FIRST on an ascending key or NULLS LAST on a descending one.
    pub(super) odd_nulls: bool,
    pub(super) operator_class: Option<&'a str>,
}

pub(super) struct DbForeignKey<'a> {
    pub(super) name: &'a str,
    pub(super) columns: Vec<usize>,
    /// Position of the referenced table.
    pub(super) references: usize,
    pub(super) referenced_columns: Vec<usize>,
    pub(super) on_delete: ReferentialAction,
    pub(super) on_update: ReferentialAction,
    pub(super) deferrable: bool,
}

/// A foreign key to a namespace that was not asked for; Prisma refuses such a database (P4002).
pub(super) struct CrossReference {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) constraint: String,
    pub(super) namespace: String,
}

pub(super) fn read<'a>(
    catalog: &'a Catalog,
    namespaces: &[String],
    search_path: &str,
) -> Result<Database<'a>, CrossReference> {
    let reader = Reader { catalog, namespaces, search_path };
    let asked = |name: &QName| namespaces.contains(&name.namespace);
    let with_children = parents(catalog);
    // Partitions are parts of their parent; foreign tables are not introspected.
    let shown = |table: &&Table| {
        asked(&table.name)
            && match table.kind {
                TableKind::Ordinary => table.partition_of.is_none(),
                TableKind::Partitioned => true,
                TableKind::Foreign => false,
            }
            && !is_postgis(&table.name.name)
    };
    let shown: Vec<&Table> = catalog.tables.values().map(AsRef::as_ref).filter(shown).collect();
    let positions: HashMap<&QName, usize> =
        shown.iter().enumerate().map(|(at, table)| (&table.name, at)).collect();
    let mut tables = Vec::with_capacity(shown.len());
    for table in &shown {
        let mut found = reader.table(table, with_children.contains_key(&table.name));
        found.foreign_keys = reader.foreign_keys(table, &shown, &positions)?;
        tables.push(found);
    }
    let views = catalog
        .views
        .values()
        .filter(|view| !view.materialized && asked(&view.name) && view.name.name != "pg_buffercache")
        .map(|view| DbView {
            name: &view.name,
            columns: view
                .columns
                .iter()
                .map(|(name, ty)| {
                    let (family, native) = types::read(ty, catalog, namespaces);
                    let arity = if ty.array > 0 { DbArity::List } else { DbArity::Nullable };
                    DbColumn { name, family, native, arity, default: None, commented: false }
                })
                .collect(),
            definition: &view.definition,
            commented: view.comment.is_some(),
        })
        .collect();
    let enums = catalog.enums.values().filter(|one| asked(&one.name)).map(|one| DbEnum {
        name: &one.name,
        values: &one.values,
        commented: one.comment.is_some(),
    });
    Ok(Database { tables, views, enums: enums.collect() })
}

/// Tables that PostGIS makes and that migrations leave alone.
fn is_postgis(name: &str) -> bool {
    matches!(
        name,
        "spatial_ref_sys" | "geometry_columns" | "geography_columns" | "raster_columns" | "raster_overviews"
    )
}

/// Tables from which others inherit, by partition or by inheritance.
fn parents(catalog: &Catalog) -> BTreeMap<&QName, ()> {
    let mut found = BTreeMap::new();
    for table in catalog.tables.values() {
        found.extend(table.inherits.iter().map(|parent| (parent, ())));
        found.extend(table.partition_of.iter().map(|part| (&part.parent, ())));
    }
    found
}

struct Reader<'a, 'b> {
    catalog: &'a Catalog,
    namespaces: &'b [String],
    search_path: &'b str,
}

impl<'a> Reader<'a, '_> {
    fn table(&self, table: &'a Table, has_children: bool) -> DbTable<'a> {
        let named = |wanted: fn(&ConstraintKind) -> bool| -> Vec<&'a str> {
            let found = table.constraints.iter().filter(|one| wanted(&one.kind)).map(|one| one.name.as_str());
            let mut names: Vec<&str> = found.collect();
            names.sort_unstable();
            names
        };
        let mut indexes: Vec<&Index> = table.indexes.iter().collect();
        indexes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let exclusions = named(|kind| matches!(kind, ConstraintKind::Exclusion { .. }));
        let plain =
            indexes.iter().filter(|index| index.is_plain() && !exclusions.contains(&index.name.as_str()));
        let expressions = indexes.iter().filter(|index| !index.is_plain()).map(|index| index.name.as_str());
        DbTable {
            name: &table.name,
            columns: table.columns.iter().map(|column| self.column(column)).collect(),
            indexes: plain.filter_map(|index| self.index(table, index)).collect(),
            foreign_keys: Vec::new(),
            checks: named(|kind| matches!(kind, ConstraintKind::Check { .. })),
            expression_indexes: expressions.filter(|name| !exclusions.contains(name)).collect(),
            exclusions,
            partitioned: has_children && table.kind == TableKind::Partitioned,
            inherited: has_children && table.kind == TableKind::Ordinary,
            row_security: table.row_security,
            commented: table.comment.is_some(),
        }
    }

    fn column(&self, column: &'a Column) -> DbColumn<'a> {
        let (family, native) = types::read(&column.ty, self.catalog, self.namespaces);
        let arity = match (column.ty.array > 0, self.required(column)) {
            (true, _) => DbArity::List,
            (false, true) => DbArity::Required,
            (false, false) => DbArity::Nullable,
        };
        let expression = column
            .default
            .as_deref()
            .or_else(|| column.generated.as_ref().map(|generated| generated.expression.as_str()))
            .map(|text| unqualified(text, self.search_path));
        let default = if column.identity.is_some() {
            Some(Default::Autoincrement)
        } else {
            expression.and_then(|text| defaults::read(&text, &family, arity == DbArity::List))
        };
        DbColumn { name: &column.name, family, native, arity, default, commented: column.comment.is_some() }
    }

    /// A domain may forbid NULL on its own.
    fn required(&self, column: &Column) -> bool {
        let name = column.ty.namespace.as_ref().map(|namespace| QName::new(namespace, &column.ty.name));
        column.not_null
            || name.and_then(|name| self.catalog.domains.get(&name)).is_some_and(|one| one.not_null)
    }

    fn index(&self, table: &'a Table, index: &'a Index) -> Option<DbIndex<'a>> {
        let owner = index.constraint.as_deref().and_then(|name| table.constraint(name));
        let position = |name: &str| table.columns.iter().position(|column| column.name == name);
        let btree = index.method == "btree";
        let kind = match owner.map(|owner| &owner.kind) {
            Some(ConstraintKind::PrimaryKey { .. }) => DbIndexKind::Primary,
            _ if index.unique => DbIndexKind::Unique,
            _ => DbIndexKind::Plain,
        };
        let mut columns = Vec::new();
        for key in &index.keys {
            columns.push(DbIndexColumn {
                column: position(key.column.as_deref()?)?,
                descending: key.descending,
                odd_nulls: btree && kind != DbIndexKind::Primary && key.descending != key.nulls_first,
                operator_class: key.opclass.as_deref().filter(|_| !btree && index.method != "hash"),
            });
        }
        // Prisma reads the columns of INCLUDE as keys.
        for name in &index.include {
            let column = position(name)?;
            columns.push(DbIndexColumn { column, descending: false, odd_nulls: false, operator_class: None });
        }
        Some(DbIndex {
            name: &index.name,
            kind,
            columns,
            method: &index.method,
            predicate: index.predicate.as_deref().map(|text| unqualified(text, self.search_path)),
            deferrable: owner.is_some_and(|owner| owner.deferrable || owner.initially_deferred),
        })
    }

    fn foreign_keys(
        &self,
        table: &'a Table,
        shown: &[&'a Table],
        positions: &HashMap<&QName, usize>,
    ) -> Result<Vec<DbForeignKey<'a>>, CrossReference> {
        let mut keys: Vec<_> = table.foreign_keys().collect();
        keys.sort_unstable_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let mut found = Vec::new();
        for (constraint, key) in keys {
            let constraint: &'a Constraint = constraint;
            if !self.namespaces.contains(&key.references.namespace) {
                return Err(CrossReference {
                    from: format!("{}.{}", table.name.namespace, table.name.name),
                    to: format!("{}.{}", key.references.namespace, key.references.name),
                    constraint: constraint.name.clone(),
                    namespace: key.references.namespace.clone(),
                });
            }
            let Some(references) = positions.get(&key.references).copied() else { continue };
            let at = |table: &Table, names: &[String]| -> Option<Vec<usize>> {
                let position = |name: &String| table.columns.iter().position(|column| column.name == *name);
                names.iter().map(position).collect()
            };
            let target = shown.get(references).and_then(|target| at(target, &key.referenced_columns));
            let (Some(columns), Some(referenced_columns)) = (at(table, &key.columns), target) else {
                continue;
            };
            found.push(DbForeignKey {
                name: &constraint.name,
                columns,
                references,
                referenced_columns,
                on_delete: key.on_delete,
                on_update: key.on_update,
                deferrable: constraint.deferrable || constraint.initially_deferred,
            });
        }
        Ok(found)
    }
}

/// The catalog is read with nothing but `pg_catalog` on the search path; Prisma's connection has its namespace there,
/// for which the server leaves the qualification out. Strings are left alone.
pub(super) fn unqualified(text: &str, search_path: &str) -> String {
    let plain = format!("{search_path}.");
    let quoted = format!("\"{}\".", search_path.replace('"', "\"\""));
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let starts = !(before.is_alphanumeric() || matches!(before, '_' | '.' | '$' | '"'));
        let prefix = [&plain, &quoted].into_iter().find(|prefix| starts && rest.starts_with(prefix.as_str()));
        if let Some(prefix) = prefix {
            rest = &rest[prefix.len()..];
            before = '.';
            continue;
        }
        let length = match c {
            '\'' | '"' => 1 + rest[1..].find(c).map_or(rest.len() - 1, |end| end + 1),
            _ => c.len_utf8(),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::unqualified;

    #[test]
    fn the_namespace_goes_and_strings_stay() {
        let read = |text: &str| unqualified(text, "public");
        assert_eq!(read("'public.x'::public.\"Role\""), "'public.x'::\"Role\"");
        assert_eq!(read("(public.f(a) = 'it''s public.x')"), "(f(a) = 'it''s public.x')");
        assert_eq!(read("my_public.f(\"public.a\")"), "my_public.f(\"public.a\")");
        assert_eq!(unqualified("\"A b\".x", "A b"), "x");
    }
}
