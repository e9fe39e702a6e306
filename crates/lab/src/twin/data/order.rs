//! Which tables are filled, how many rows they get, and in which order: parents before children.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::{Catalog, ForeignKey, Persistence, QName, Table, TableKind};

use super::DataOptions;

/// Rows of a table that others refer to and that refers to none, where nobody says more.
const ROOT: u64 = 2_000;
/// Of one between parents and children.
const MIDDLE: u64 = 10_000;
/// Of one that nothing refers to.
const LEAF: u64 = 20_000;
/// Of any table with statistics, at most and at least.
const MOST: f64 = 50_000.0;
const LEAST: f64 = 100.0;

/// One foreign key of a table, from the catalog or by the caller's knowledge.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reference {
    pub(super) key: ForeignKey,
    /// False for a relation that only the application knows: the server does not hold it.
    pub(super) enforced: bool,
}

/// The tables that rows go into. A partition gets its rows through its parent.
pub(super) fn candidates(catalog: &Catalog) -> BTreeMap<&QName, &Table> {
    catalog
        .user_tables()
        .filter(|table| table.kind != TableKind::Foreign && table.persistence != Persistence::Temporary)
        .filter(|table| table.partition_of.is_none())
        .map(|table| (&table.name, table))
        .collect()
}

pub(super) fn references(table: &Table, options: &DataOptions) -> Vec<Reference> {
    let enforced = table
        .foreign_keys()
        .map(|(_, key)| Reference { key: key.clone(), enforced: true })
        .collect::<Vec<_>>();
    let known = |key: &ForeignKey| enforced.iter().any(|other| other.key.columns == key.columns);
    let implied: Vec<Reference> = options
        .references
        .get(&table.name)
        .into_iter()
        .flatten()
        .filter(|key| !known(key))
        .filter(|key| key.columns.iter().all(|name| table.column(name).is_some()))
        .map(|key| Reference { key: key.clone(), enforced: false })
        .collect();
    enforced.into_iter().chain(implied).collect()
}

/// Rows for each table: by the caller's wish, by the statistics, else by its place among the others; all
/// together within the budget.
pub(super) fn row_counts(tables: &BTreeMap<&QName, &Table>, options: &DataOptions) -> BTreeMap<QName, u64> {
    let mut referred: BTreeSet<QName> = BTreeSet::new();
    let mut refers: BTreeSet<&QName> = BTreeSet::new();
    for (name, table) in tables {
        for reference in references(table, options) {
            if reference.key.references != **name {
                referred.insert(reference.key.references.clone());
                refers.insert(name);
            }
        }
    }
    let wanted = |name: &QName, table: &Table| -> u64 {
        if let Some(rows) = options.rows.get(name) {
            return *rows;
        }
        if let Some(rows) = table.statistics.as_ref().and_then(|statistics| statistics.rows) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to small positive numbers"
            )]
            let rows = rows.clamp(LEAST, MOST) as u64;
            return rows;
        }
        match (referred.contains(name), refers.contains(name)) {
            (true, false) => ROOT,
            (true, true) => MIDDLE,
            (false, _) => LEAF,
        }
    };
    let counts: BTreeMap<QName, u64> =
        tables.iter().map(|(name, table)| ((*name).clone(), wanted(name, table))).collect();
    let fixed: u64 =
        counts.iter().filter(|(name, _)| options.rows.contains_key(name)).map(|(_, rows)| rows).sum();
    let total: u64 = counts.values().sum::<u64>() - fixed;
    let left = options.budget.max(1);
    if total <= left {
        return counts;
    }
    let scaled = |rows: u64| (rows.saturating_mul(left) / total).max(50).min(rows);
    let shrunk = |(name, rows): (QName, u64)| {
        let rows = if options.rows.contains_key(&name) { rows } else { scaled(rows) };
        (name, rows)
    };
    counts.into_iter().map(shrunk).collect()
}

/// A table with the foreign keys that have to wait until the rows of their parents are there.
pub(super) struct Turn<'a> {
    pub(super) table: &'a Table,
    /// Indices into the table's [`references`].
    pub(super) later: BTreeSet<usize>,
}

/// Parents first. A circle is opened at a key that may be NULL; what stands in one that cannot be opened is
/// returned beside.
pub(super) fn turns<'a>(
    tables: &BTreeMap<&'a QName, &'a Table>,
    options: &DataOptions,
) -> (Vec<Turn<'a>>, Vec<&'a QName>) {
    struct Waiting<'a> {
        table: &'a Table,
        /// Index, parent, whether it may be NULL.
        needs: Vec<(usize, QName, bool)>,
    }
    let mut waiting: BTreeMap<&QName, Waiting<'a>> = tables
        .iter()
        .map(|(name, table)| {
            let needs = references(table, options)
                .into_iter()
                .enumerate()
                .filter(|(_, reference)| reference.key.references != **name)
                .filter(|(_, reference)| tables.contains_key(&reference.key.references))
                .map(|(index, reference)| {
                    let optional = !reference.enforced || may_be_null(table, &reference.key);
                    (index, reference.key.references, optional)
                })
                .collect();
            (*name, Waiting { table, needs })
        })
        .collect();
    let mut turns = Vec::new();
    while !waiting.is_empty() {
        let open = |waiting: &BTreeMap<&QName, Waiting<'a>>, one: &Waiting<'a>, optional: bool| {
            one.needs.iter().filter(|need| need.2 == optional && waiting.contains_key(&need.1)).count()
        };
        let ready: Vec<&QName> = waiting
            .iter()
            .filter(|(_, one)| open(&waiting, one, false) == 0 && open(&waiting, one, true) == 0)
            .map(|(name, _)| *name)
            .collect();
        let next = if ready.is_empty() {
            waiting
                .iter()
                .filter(|(_, one)| open(&waiting, one, false) == 0)
                .min_by_key(|(_, one)| open(&waiting, one, true))
                .map(|(name, _)| vec![*name])
                .unwrap_or_default()
        } else {
            ready
        };
        if next.is_empty() {
            break;
        }
        let names: BTreeSet<&QName> = next.iter().copied().collect();
        for name in next {
            let later = waiting.get(name).map(|one| {
                let still = one.needs.iter().filter(|need| waiting.contains_key(&need.1));
                (one.table, still.map(|need| need.0).collect::<BTreeSet<usize>>())
            });
            turns.extend(later.map(|(table, later)| Turn { table, later }));
        }
        waiting.retain(|name, _| !names.contains(name));
    }
    let stuck: BTreeSet<QName> = waiting.keys().map(|name| (*name).clone()).collect();
    (turns, tables.keys().copied().filter(|name| stuck.contains(name)).collect())
}

/// Whether some column of the key may be NULL, so that the key asks for nothing.
pub(super) fn may_be_null(table: &Table, key: &ForeignKey) -> bool {
    let primary = table.primary_key().map(|(_, columns)| columns).unwrap_or_default();
    key.columns.iter().any(|name| {
        table.column(name).is_some_and(|column| !column.not_null && column.generated.is_none())
            && !primary.contains(name)
    })
}
