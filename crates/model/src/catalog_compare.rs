//! Whether two catalogs are the same, and if not, where they differ.
//!
//! Object ids, file nodes, statistics and sizes never count, and neither does how often the server has read its own words
//! (see [`crate::printed`]). The order of columns counts unless the caller
//! says that it does not (a rollback that adds a dropped column back puts it last).

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use crate::catalog::{Catalog, Function, Index, Table, View};
use crate::catalog_words::{in_words_of, table_in_words_of};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// `table public.Order`, `index public.Order_vendorId_idx`.
    pub object: String,
    /// What is different: "only before", "only after", or both values.
    pub what: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.object, self.what)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnOrder {
    Matters,
    Ignored,
}

/// All differences, sorted by object. Empty means equal.
pub fn differences(before: &Catalog, after: &Catalog, order: ColumnOrder) -> Vec<Difference> {
    let after = &*in_words_of(before, after);
    let mut found = Vec::new();
    compare_maps("schema", &before.namespaces, &after.namespaces, &mut found);
    compare_maps("sequence", &without_values(before), &without_values(after), &mut found);
    compare_maps("enum", &before.enums, &after.enums, &mut found);
    compare_maps("domain", &before.domains, &after.domains, &mut found);
    compare_maps("type", &before.composites, &after.composites, &mut found);
    compare_maps("range", &before.ranges, &after.ranges, &mut found);
    compare_maps("statistics", &before.statistics_objects, &after.statistics_objects, &mut found);
    compare_maps("extension", &before.extensions, &after.extensions, &mut found);
    let functions = |catalog: &Catalog| -> BTreeMap<String, Function> {
        catalog
            .functions
            .iter()
            .map(|(id, function)| (format!("{}({})", id.name, id.arguments), function.clone()))
            .collect()
    };
    compare_maps("function", &functions(before), &functions(after), &mut found);
    let views = |catalog: &Catalog| -> BTreeMap<String, View> {
        catalog
            .views
            .iter()
            .map(|(name, view)| {
                let indexes = view.indexes.iter().map(plain_index).collect();
                (name.to_string(), View { indexes, ..view.clone() })
            })
            .collect()
    };
    compare_maps("view", &views(before), &views(after), &mut found);
    if before.default_privileges != after.default_privileges {
        found.push(Difference { object: "default privileges".into(), what: "differ".into() });
    }
    for (name, table) in &before.tables {
        match after.tables.get(name) {
            Some(other) => compare_tables(table, other, order, &mut found),
            None => found.push(Difference { object: format!("table {name}"), what: "only before".into() }),
        }
    }
    for name in after.tables.keys().filter(|name| !before.tables.contains_key(*name)) {
        found.push(Difference { object: format!("table {name}"), what: "only after".into() });
    }
    found.sort();
    found
}

/// Differences of one table, for callers that know what a change touched.
pub fn table_differences(before: &Table, after: &Table, order: ColumnOrder) -> Vec<Difference> {
    let after = &*table_in_words_of(before, after);
    let mut found = Vec::new();
    compare_tables(before, after, order, &mut found);
    found.sort();
    found
}

/// The catalog without what a copy in another server cannot have: owners, grants, versions of extensions. For
/// callers that ask whether the copy has the same schema.
pub fn schema_only(catalog: &Catalog) -> Catalog {
    let mut plain = catalog.clone();
    plain.default_privileges.clear();
    for namespace in plain.namespaces.values_mut() {
        namespace.owner = None;
        namespace.grants.clear();
    }
    for table in plain.tables.values_mut().map(Arc::make_mut) {
        table.owner = None;
        table.grants.clear();
        table.columns.iter_mut().for_each(|column| column.grants.clear());
    }
    for view in plain.views.values_mut() {
        view.owner = None;
        view.grants.clear();
    }
    for sequence in plain.sequences.values_mut() {
        sequence.grants.clear();
    }
    for function in plain.functions.values_mut() {
        function.owner = None;
        function.grants.clear();
    }
    for extension in plain.extensions.values_mut() {
        extension.version.clear();
    }
    plain
}

fn without_values(catalog: &Catalog) -> BTreeMap<String, crate::catalog::Sequence> {
    catalog
        .sequences
        .iter()
        .map(|(name, sequence)| {
            (name.to_string(), crate::catalog::Sequence { last_value: None, ..sequence.clone() })
        })
        .collect()
}

fn plain_index(index: &Index) -> Index {
    Index { statistics: None, ..index.clone() }
}

fn compare_tables(before: &Table, after: &Table, order: ColumnOrder, found: &mut Vec<Difference>) {
    let name = &before.name;
    let object = format!("table {name}");
    let columns = |table: &Table| -> BTreeMap<String, crate::catalog::Column> {
        table
            .columns
            .iter()
            .map(|column| {
                let plain = crate::catalog::Column { statistics: None, ..column.clone() };
                (format!("{name}.{}", column.name), plain)
            })
            .collect()
    };
    compare_maps("column", &columns(before), &columns(after), found);
    let names = |table: &Table| table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    let (old, new) = (names(before), names(after));
    let same_set = old.len() == new.len() && old.iter().all(|column| new.contains(column));
    if order == ColumnOrder::Matters && same_set && old != new {
        found.push(Difference {
            object: object.clone(),
            what: format!("column order was {}, is {}", old.join(", "), new.join(", ")),
        });
    }
    let by_name = |table: &Table| -> BTreeMap<String, Index> {
        table
            .indexes
            .iter()
            .map(|index| (format!("{}.{}", name.namespace, index.name), plain_index(index)))
            .collect()
    };
    compare_maps("index", &by_name(before), &by_name(after), found);
    macro_rules! parts {
        ($word:literal, $field:ident) => {
            let part = |table: &Table| -> BTreeMap<String, _> {
                table.$field.iter().map(|part| (format!("{name}.{}", part.name), part.clone())).collect()
            };
            compare_maps($word, &part(before), &part(after), found);
        };
    }
    parts!("constraint", constraints);
    parts!("trigger", triggers);
    parts!("policy", policies);
    let mut scalar = |what: &str, before: &dyn Debug, after: &dyn Debug| {
        let (before, after) = (format!("{before:?}"), format!("{after:?}"));
        if before != after {
            found.push(Difference {
                object: object.clone(),
                what: format!("{what} was {before}, is {after}"),
            });
        }
    };
    scalar("kind", &before.kind, &after.kind);
    scalar("persistence", &before.persistence, &after.persistence);
    scalar("row security", &before.row_security, &after.row_security);
    scalar("forced row security", &before.force_row_security, &after.force_row_security);
    scalar("partitioning", &before.partitioning, &after.partitioning);
    scalar("parent", &before.partition_of, &after.partition_of);
    scalar("inheritance", &before.inherits, &after.inherits);
    scalar("owner", &before.owner, &after.owner);
    scalar("grants", &sorted(&before.grants), &sorted(&after.grants));
    scalar("options", &sorted(&before.options), &sorted(&after.options));
    scalar("comment", &before.comment, &after.comment);
}

fn sorted<T: Ord + Clone>(items: &[T]) -> Vec<T> {
    let mut items = items.to_vec();
    items.sort();
    items
}

fn compare_maps<K: Ord + std::fmt::Display, V: PartialEq + Debug>(
    word: &str,
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
    found: &mut Vec<Difference>,
) {
    for (name, value) in before {
        match after.get(name) {
            Some(other) if other == value => {}
            Some(other) => found.push(Difference {
                object: format!("{word} {name}"),
                what: format!("was {value:?}, is {other:?}"),
            }),
            None => found.push(Difference { object: format!("{word} {name}"), what: "only before".into() }),
        }
    }
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        found.push(Difference { object: format!("{word} {name}"), what: "only after".into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, ColumnType, QName, TableStatistics};
    use crate::version::ServerVersion;

    fn catalog(change: impl FnOnce(&mut Table)) -> Catalog {
        let mut table = Table::new(QName::public("Order"));
        for name in ["id", "total"] {
            table.columns.push(Column {
                name: name.into(),
                ty: ColumnType::builtin("integer", &[]),
                not_null: true,
                default: None,
                identity: None,
                generated: None,
                collation: None,
                comment: None,
                grants: Vec::new(),
                statistics: None,
            });
        }
        change(&mut table);
        let mut catalog = Catalog::empty(ServerVersion::of_major(17));
        catalog.tables.insert(table.name.clone(), Arc::new(table));
        catalog
    }

    fn index(name: &str) -> Index {
        Index::btree(name, &["total"])
    }

    #[test]
    fn names_what_differs_and_ignores_statistics() {
        let plain = catalog(|_| {});
        assert_eq!(differences(&plain, &plain, ColumnOrder::Matters), []);
        let counted = catalog(|table| {
            table.statistics = Some(TableStatistics { rows: Some(3.0), ..TableStatistics::default() });
        });
        assert_eq!(differences(&plain, &counted, ColumnOrder::Matters), []);
        let indexed = catalog(|table| table.indexes.push(index("Order_total_idx")));
        let found = differences(&plain, &indexed, ColumnOrder::Matters);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to_string(), "index public.Order_total_idx: only after");
    }

    #[test]
    fn what_a_second_reading_words_otherwise_is_the_same() {
        let with = |words: &str| {
            let words = words.to_owned();
            catalog(|table| {
                table.constraints.push(crate::catalog::Constraint {
                    name: "of_total".into(),
                    kind: crate::catalog::ConstraintKind::Check {
                        expression: words.clone(),
                        columns: vec!["total".into()],
                        no_inherit: false,
                    },
                    validated: true,
                    deferrable: false,
                    initially_deferred: false,
                    comment: None,
                });
                table.indexes.push(Index { predicate: Some(words), ..index("Order_total_idx") });
            })
        };
        let printed = with("((total)::text = ANY ((ARRAY['a'::character varying])::text[]))");
        let again = with("((total)::text = ANY (ARRAY[('a'::character varying)::text]))");
        assert_eq!(differences(&printed, &again, ColumnOrder::Matters), []);
        assert_eq!(differences(&again, &printed, ColumnOrder::Matters), []);
        let other = with("((total)::text = ANY (ARRAY[('b'::character varying)::text]))");
        assert_eq!(differences(&printed, &other, ColumnOrder::Matters).len(), 2);
    }

    #[test]
    fn column_order_counts_only_when_asked() {
        let plain = catalog(|_| {});
        let swapped = catalog(|table| table.columns.reverse());
        assert_eq!(differences(&plain, &swapped, ColumnOrder::Matters).len(), 1);
        assert_eq!(differences(&plain, &swapped, ColumnOrder::Ignored), []);
    }

    #[test]
    fn a_missing_column_is_named() {
        let plain = catalog(|_| {});
        let less = catalog(|table| table.columns.truncate(1));
        let found = differences(&plain, &less, ColumnOrder::Matters);
        assert_eq!(found[0].to_string(), "column public.Order.total: only before");
    }
    #[test]
    fn privileges_are_no_part_of_the_schema() {
        let grant =
            crate::catalog::Grant { grantee: "app".into(), privilege: "SELECT".into(), grantable: false };
        let granted = catalog(|table| {
            table.owner = Some("app".into());
            table.columns[0].grants.push(grant.clone());
            table.grants.push(grant);
        });
        let plain = catalog(|_| {});
        assert_eq!(differences(&plain, &granted, ColumnOrder::Matters).len(), 3);
        assert_eq!(differences(&schema_only(&plain), &schema_only(&granted), ColumnOrder::Matters), []);
    }
}
