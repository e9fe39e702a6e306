//! What stands on columns of a partitioned table while others take their place. No server builds an index concurrently on
//! the parent, so each partition gets its own, and the parents take them over in the swap, which then reads no row.

use pgsteward_model::catalog::{
    Catalog, Constraint, ConstraintKind, ForeignKey, Index, QName, Table, TableKind,
};
use pgsteward_sql::{ddl, quote_ident, quote_literal, quote_qualified};

use super::guard;
use super::partition::{key_of, validated};
use super::pieces::Piece;
use super::swap::{Swap, in_comment, temporary};

/// An index or a foreign key of a partitioned table, with those of its partitions that belong to it.
struct Whole<'a, T> {
    root: &'a Table,
    old: &'a T,
    /// All below the table; parents stand before their partitions.
    parts: Vec<(&'a Table, &'a T)>,
}

/// All that are below a table, at any depth; parents stand before their partitions.
pub(super) fn partitions<'a>(catalog: &'a Catalog, root: &'a Table) -> Vec<&'a Table> {
    let mut found: Vec<&Table> = Vec::new();
    let mut open = vec![&root.name];
    while let Some(parent) = open.pop() {
        let of = |table: &&Table| table.partition_of.as_ref().is_some_and(|of| of.parent == *parent);
        let below: Vec<&Table> = catalog.tables.values().map(std::sync::Arc::as_ref).filter(of).collect();
        open.extend(below.iter().map(|table| &table.name));
        found.extend(below);
    }
    found
}

/// The table that a partition is one of, at whatever depth.
fn root_of<'a>(catalog: &'a Catalog, table: &'a Table) -> &'a Table {
    let mut root = table;
    while let Some(parent) = root.partition_of.as_ref().and_then(|of| catalog.table(&of.parent)) {
        root = parent;
    }
    root
}

/// Why what stands on the column of a partitioned table cannot be built anew: a partition has more or less than the others.
pub(super) fn obstacle(catalog: &Catalog, root: &Table, column: &str) -> Option<String> {
    let is = |other: &String| other == column;
    let names = |text: &Option<String>| text.as_deref().is_some_and(|text| text.contains(column));
    let over = |index: &Index| {
        index.keys.iter().any(|key| key.column.as_ref().is_some_and(is) || names(&key.expression))
            || index.include.iter().any(is)
            || names(&index.predicate)
    };
    let family: Vec<&Table> = std::iter::once(root).chain(partitions(catalog, root)).collect();
    let referring = catalog.tables.values().find_map(|other| {
        let mut keys = other.foreign_keys();
        keys.find(|(_, key)| {
            family.iter().any(|one| one.name == key.references) && key.referenced_columns.iter().any(is)
        })
    });
    if let Some((key, _)) = referring {
        return Some(format!(
            "the foreign key \"{}\" refers to it, and no server gives a partitioned table a second key over an index that is there: \
             drop the key before and add it again after it, in migrations of their own (no row is checked meanwhile)",
            key.name
        ));
    }
    let of_column = |key: &ForeignKey| key.columns.iter().any(is);
    indexes(catalog, root, &over).err().or_else(|| keys(catalog, root, &of_column).err())
}

/// Why a foreign key of a partitioned table to the column cannot be built anew.
pub(super) fn obstacle_of_key(
    catalog: &Catalog,
    table: &Table,
    stands: &dyn Fn(&ForeignKey) -> bool,
) -> Option<String> {
    keys(catalog, root_of(catalog, table), stands).err()
}

fn indexes<'a>(
    catalog: &'a Catalog,
    root: &'a Table,
    stands: &dyn Fn(&Index) -> bool,
) -> Result<Vec<Whole<'a, Index>>, String> {
    let shape = |index: &Index| Index {
        name: String::new(),
        valid: true,
        constraint: index.constraint.as_ref().map(|_| String::new()),
        comment: None,
        statistics: None,
        ..index.clone()
    };
    wholes(
        catalog,
        root,
        &|table| table.indexes.iter().filter(|index| stands(index)).collect(),
        &|one, other| shape(one) == shape(other),
        &|index| format!("the index \"{}\"", index.name),
    )
}

fn keys<'a>(
    catalog: &'a Catalog,
    root: &'a Table,
    stands: &dyn Fn(&ForeignKey) -> bool,
) -> Result<Vec<Whole<'a, Constraint>>, String> {
    let shape = |one: &Constraint| (one.kind.clone(), one.deferrable, one.initially_deferred);
    wholes(
        catalog,
        root,
        &|table| table.foreign_keys().filter(|(_, key)| stands(key)).map(|(one, _)| one).collect(),
        &|one, other| shape(one) == shape(other),
        &|constraint| format!("the foreign key \"{}\"", constraint.name),
    )
}

/// Which of the partitions belong to which of the whole table. An error where one has more or less than the table.
fn wholes<'a, T>(
    catalog: &'a Catalog,
    root: &'a Table,
    of: &dyn Fn(&'a Table) -> Vec<&'a T>,
    alike: &dyn Fn(&T, &T) -> bool,
    called: &dyn Fn(&T) -> String,
) -> Result<Vec<Whole<'a, T>>, String> {
    let mut found: Vec<Whole<'a, T>> =
        of(root).into_iter().map(|old| Whole { root, old, parts: Vec::new() }).collect();
    for table in partitions(catalog, root) {
        let mut own = of(table);
        for whole in &mut found {
            let at = own.iter().position(|one| alike(one, whole.old)).ok_or_else(|| {
                format!("its partition \"{}\" has none like {}", table.name.display(), called(whole.old))
            })?;
            whole.parts.push((table, own.remove(at)));
        }
        if let Some(more) = own.first() {
            return Err(format!(
                "{} of its partition \"{}\" alone stands on it",
                called(more),
                table.name.display()
            ));
        }
    }
    Ok(found)
}

impl<'a, T> Whole<'a, T> {
    /// What stands above one of the parts.
    fn above(&self, table: &Table) -> Option<&'a T> {
        let parent = &table.partition_of.as_ref()?.parent;
        let found = self.parts.iter().find(|(part, _)| part.name == *parent);
        Some(found.map_or(self.old, |(_, one)| one))
    }

    fn leaves(&self) -> impl Iterator<Item = &(&'a Table, &'a T)> {
        self.parts.iter().filter(|(table, _)| table.kind != TableKind::Partitioned)
    }

    fn parents(&self) -> impl Iterator<Item = (&'a Table, &'a T)> {
        let below = self.parts.iter().copied().filter(|(table, _)| table.kind == TableKind::Partitioned);
        std::iter::once((self.root, self.old)).chain(below)
    }
}

impl Swap<'_> {
    /// Indexes of partitioned tables over the columns, each with what it is meanwhile and at the end.
    fn whole_indexes(&self) -> Vec<(Whole<'_, Index>, Index, Index)> {
        let mut found = Vec::new();
        for root in self.tables().into_iter().filter(|table| table.partitioning.is_some()) {
            let stands = |index: &Index| self.mapped_index(root, index).is_some();
            // Where partitions differ, only a column that keeps its place comes here: the one beside it does without.
            for whole in indexes(self.catalog, root, &stands).unwrap_or_default() {
                let Some(new) = self.mapped_index(root, whole.old) else { continue };
                let last = match self.renames(root) {
                    true => new.clone(),
                    false => self
                        .worded(root)
                        .and_then(|table| table.index(&whole.old.name))
                        .unwrap_or(whole.old)
                        .clone(),
                };
                found.push((whole, new, last));
            }
        }
        found
    }

    /// Whether the columns of the table change their names, and not their types.
    fn renames(&self, table: &Table) -> bool {
        self.exchanges.iter().any(|one| one.table.name == table.name && one.through == one.to)
    }

    /// Foreign keys of partitioned tables over the columns or to them, each with what it becomes.
    fn whole_keys(&self) -> Vec<(Whole<'_, Constraint>, ForeignKey)> {
        let mut found = Vec::new();
        let roots = self.catalog.tables.values().map(std::sync::Arc::as_ref);
        for root in roots.filter(|table| table.partitioning.is_some() && table.partition_of.is_none()) {
            let stands = |key: &ForeignKey| self.mapped_key(root, key).is_some();
            for whole in keys(self.catalog, root, &stands).unwrap_or_default() {
                let ConstraintKind::ForeignKey(key) = &whole.old.kind else { continue };
                found.extend(self.mapped_key(root, key).map(|next| (whole, next)));
            }
        }
        found
    }

    /// The indexes of the partitions, one by one.
    pub(super) fn indexes_of_partitions(&self) -> Vec<Piece> {
        let all = self.whole_indexes();
        let of = |(whole, new, _): &(Whole<'_, Index>, Index, Index)| {
            let built = whole.leaves().map(|(table, old)| {
                let index = Index { name: temporary(&old.name), constraint: None, ..new.clone() };
                Piece::settled(
                    &format!("index_{}", old.name),
                    "The index of the new column in one partition, built while all go on.",
                    &[ddl::index(&table.name, &index, true)],
                )
            });
            built.collect::<Vec<_>>()
        };
        all.iter().flat_map(of).collect()
    }

    /// The foreign keys of the partitions NOT VALID, their validation, and those of the parents, which take them over
    /// without a look at a row. From 18 on the parent's may be NOT VALID.
    pub(super) fn keys_of_partitions(&self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for (whole, next) in self.whole_keys() {
            let name = &whole.old.name;
            let made = |table: &Table, old: &Constraint, validated: bool| {
                let kind = ConstraintKind::ForeignKey(next.clone());
                let one =
                    Constraint { name: temporary(&old.name), kind, validated, comment: None, ..old.clone() };
                (ddl::foreign_key(table, &one, &next), one)
            };
            let why = "New rows are checked from now on, old ones by the next migration.";
            if self.catalog.version.major() >= 18 {
                let (add, one) = made(whole.root, whole.old, false);
                pieces.push(Piece::settled(&format!("constraint_{name}"), why, &[add]));
                pieces.extend(whole.old.validated.then(|| validated(whole.root, &one)));
                continue;
            }
            let own: Vec<_> = whole.leaves().map(|(table, old)| (table, made(table, old, false))).collect();
            let adds: Vec<String> = own.iter().map(|(_, (add, _))| add.clone()).collect();
            if !adds.is_empty() {
                pieces.push(Piece::settled(&format!("keys_{name}"), why, &adds));
            }
            pieces.extend(own.iter().map(|(table, (_, one))| validated(table, one)));
            let (add, one) = made(whole.root, whole.old, true);
            pieces.push(Piece::settled(
                &format!("key_{name}"),
                "The parent takes over the keys of its partitions, which must be there and valid.",
                &[guard::have_keys(&whole.root.name, &one.name, &next), add],
            ));
        }
        pieces
    }

    /// What has to go before the first columns can, and what has to be remembered of them.
    pub(super) fn freed_of_partitions(&self) -> Vec<String> {
        let drop = |(whole, _): (Whole<'_, Constraint>, ForeignKey)| {
            let on = quote_qualified(&whole.root.name);
            format!("ALTER TABLE {on} DROP CONSTRAINT {}", quote_ident(&whole.old.name))
        };
        self.identified()
            .map(|tables| guard::identity(&tables))
            .into_iter()
            .chain(self.whole_keys().into_iter().map(drop))
            .collect()
    }

    /// The tables with an index over a column that goes, which may be their replica identity or one that they are clustered on;
    /// none where no table has one.
    fn identified(&self) -> Option<Vec<&QName>> {
        let may_be =
            |table: &&Table| table.indexes.iter().any(|index| self.mapped_index(table, index).is_some());
        let found: Vec<&QName> = self.tables().into_iter().filter(may_be).map(|table| &table.name).collect();
        (!found.is_empty()).then_some(found)
    }

    /// Indexes and keys get their names, and the parents take over those of their partitions; replica identities are those that
    /// have the names then.
    pub(super) fn partitions_in_place(&self) -> Vec<String> {
        let mut sql = Vec::new();
        for (whole, new, last) in self.whole_indexes() {
            // Until 16 a change of type gives the comment of the parent's index to those of the partitions.
            let copied = self.catalog.version.major() < 17 && !self.renames(whole.root);
            sql.extend(in_place(&whole, &new, &last, copied));
        }
        for (whole, _) in self.whole_keys() {
            let all = std::iter::once((whole.root, whole.old)).chain(whole.parts.iter().copied());
            for (table, old) in all {
                // The parents' keys are made by the server, which calls them as that of the whole table.
                let made = match table.kind == TableKind::Partitioned || self.catalog.version.major() >= 18 {
                    true => temporary(&whole.old.name),
                    false => temporary(&old.name),
                };
                let (on, name) = (quote_qualified(&table.name), quote_ident(&old.name));
                sql.push(format!("ALTER TABLE {on} RENAME CONSTRAINT {} TO {name}", quote_ident(&made)));
                sql.extend(old.comment.as_deref().map(|comment| {
                    format!("COMMENT ON CONSTRAINT {name} ON {on} IS {}", quote_literal(comment))
                }));
            }
        }
        sql.extend(self.identified().map(|_| guard::IDENTITY_BACK.to_owned()));
        sql
    }
}

fn in_place(whole: &Whole<'_, Index>, new: &Index, last: &Index, copied: bool) -> Vec<String> {
    let called = |name: &str| Index { name: name.to_owned(), ..last.clone() };
    let owner = |table: &Table, index: &Index| {
        index.constraint.as_deref().and_then(|name| table.constraint(name)).cloned()
    };
    let mut sql = Vec::new();
    for (table, old) in whole.parents() {
        sql.extend(match owner(table, old) {
            Some(key) => key_of(table, "ONLY ", &key, &called(&old.name), None),
            None => Some(ddl::index_of_parent(&table.name, &called(&old.name))),
        });
    }
    for (table, old) in whole.leaves() {
        let made = temporary(&old.name);
        sql.extend(match owner(table, old) {
            Some(key) => key_of(table, "", &key, last, Some(&made)),
            None => {
                let index = quote_qualified(&QName::new(&table.name.namespace, &made));
                Some(format!("ALTER INDEX {index} RENAME TO {}", quote_ident(&old.name)))
            }
        });
    }
    let index = |table: &Table, name: &str| quote_qualified(&QName::new(&table.name.namespace, name));
    // From below, so that a parent is whole before it is attached itself.
    for (table, old) in whole.parts.iter().rev() {
        let Some(above) = whole.above(table) else { continue };
        let Some(of) = &table.partition_of else { continue };
        let parent = quote_qualified(&QName::new(&of.parent.namespace, &above.name));
        sql.push(format!("ALTER INDEX {parent} ATTACH PARTITION {}", index(table, &old.name)));
    }
    sql.extend(in_comment(whole.root, whole.old));
    for (table, old) in &whole.parts {
        let comment = whole.old.comment.as_ref().filter(|_| copied && old.constraint.is_none());
        let comment = comment.or(old.comment.as_ref()).cloned();
        sql.extend(in_comment(table, &Index { comment, ..(*old).clone() }));
    }
    sql.extend(guard::take_rest(
        &whole.root.name,
        &QName::new(&whole.root.name.namespace, &whole.old.name),
        owner(whole.root, whole.old).as_ref(),
        new,
    ));
    sql
}
