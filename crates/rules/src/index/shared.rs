//! What index rules ask of a table's indexes: what covers columns, and what one index does for another.

use pgsteward_model::catalog::{Catalog, Index, IndexKey, Table, TableKind};
use pgsteward_model::change::{Change, Fix, Safety};
use pgsteward_model::facts::Facts;
use pgsteward_model::finding::{Evidence, Finding};
use pgsteward_model::rule::Rule;
use pgsteward_sql::ddl;

use crate::shared;

/// Tables whose indexes a rule judges one by one. A partition's indexes are its parent's.
pub(super) fn tables(catalog: &Catalog) -> impl Iterator<Item = &Table> {
    catalog.user_tables().filter(|table| table.partition_of.is_none() && table.kind != TableKind::Foreign)
}

/// The columns, in any order, lead a valid, complete b-tree or hash index.
pub(super) fn covered(table: &Table, columns: &[String]) -> bool {
    table.indexes.iter().any(|index| covers(index, columns))
}

pub(super) fn covers(index: &Index, columns: &[String]) -> bool {
    let leading: Vec<&str> = index.leading_columns().into_iter().take(columns.len()).collect();
    index.valid
        && index.predicate.is_none()
        && matches!(index.method.as_str(), "btree" | "hash")
        && leading.len() == columns.len()
        && columns.iter().all(|column| leading.contains(&column.as_str()))
}

/// True where a foreign key of the table has no index but this one.
pub(super) fn only_cover_of_a_foreign_key(table: &Table, index: &Index) -> bool {
    table.foreign_keys().any(|(_, key)| {
        covers(index, &key.columns)
            && !table.indexes.iter().any(|other| other.name != index.name && covers(other, &key.columns))
    })
}

/// An index that may go without breaking a promise: it enforces nothing and answers queries only.
pub(super) fn serves_queries_only(index: &Index) -> bool {
    index.valid && !index.unique && index.constraint.is_none()
}

/// How the keys of one index stand to the first keys of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    Same,
    /// The same columns, but this one has the operator class for patterns (`text_pattern_ops`), which the
    /// other lacks.
    OtherPatternClass,
}

/// Whether `other` can do what `index` does: its first keys are all keys of `index`, in the same order and
/// the same direction (or all in the opposite one: a b-tree is read both ways), over the same rows, with at
/// least the same columns at hand.
pub(super) fn stands_in(index: &Index, other: &Index) -> Option<Keys> {
    let fits = index.name != other.name
        && index.method == other.method
        && other.valid
        && index.predicate == other.predicate
        && index.keys.len() <= other.keys.len()
        && (index.method == "btree" || index.keys.len() == other.keys.len());
    let at_hand = |column: &String| {
        other.include.contains(column) || other.keys.iter().any(|key| key.column.as_ref() == Some(column))
    };
    if !fits || !index.include.iter().all(at_hand) {
        return None;
    }
    let pairs = || index.keys.iter().zip(&other.keys);
    let forward = pairs().all(|(a, b)| (a.descending, a.nulls_first) == (b.descending, b.nulls_first));
    let backward = index.method == "btree"
        && pairs().all(|(a, b)| (a.descending, a.nulls_first) == (!b.descending, !b.nulls_first));
    let same_values = pairs()
        .all(|(a, b)| a.column == b.column && a.expression == b.expression && a.collation == b.collation);
    if !same_values || !(forward || backward) {
        return None;
    }
    if pairs().all(|(a, b)| a.opclass == b.opclass) {
        return Some(Keys::Same);
    }
    let pattern = |key: &IndexKey| key.opclass.as_deref().is_some_and(|name| name.ends_with("_pattern_ops"));
    pairs()
        .all(|(a, b)| a.opclass == b.opclass || (pattern(a) && b.opclass.is_none()))
        .then_some(Keys::OtherPatternClass)
}

/// Whether another index of the table does the work of this one, so that the rules about redundant and
/// duplicate indexes already speak of it.
pub(super) fn is_superfluous(table: &Table, index: &Index) -> bool {
    serves_queries_only(index)
        && table.indexes.iter().any(|other| stands_in(index, other) == Some(Keys::Same))
}

/// The same keys, rows and columns at hand both ways.
pub(super) fn is_twin(index: &Index, other: &Index) -> bool {
    index.keys.len() == other.keys.len()
        && stands_in(index, other) == Some(Keys::Same)
        && (other.unique || stands_in(other, index) == Some(Keys::Same))
}

/// A finding on an index whose work another one does: what stays, what it costs, and the way to drop it.
pub(super) fn superfluous(
    rule: &Rule,
    facts: &Facts,
    table: &Table,
    (candidate, kept): (&Index, &Index),
    message: String,
) -> Finding {
    let name = &candidate.name;
    let mut finding = Finding::on_object(rule, shared::index_place(facts, table, candidate), message)
        .also(shared::index_place(facts, table, kept))
        .hint(format!("drop \"{name}\""))
        .evidence(Evidence::Sql { sql: ddl::index(&table.name, kept, false) });
    if let Some(statistics) = &candidate.statistics {
        finding = finding.evidence(Evidence::Size { relation: name.clone(), bytes: statistics.bytes });
    }
    if let Some((steps, rollback)) = shared::drop_index(facts, table, candidate) {
        finding = finding.fix(Fix {
            title: format!("drop index \"{name}\""),
            safety: Safety::Review,
            change: Change { steps, rollback },
        });
    }
    finding
}

/// How many rows a table has, where statistics say so.
pub(super) fn rows(table: &Table) -> Option<f64> {
    table.statistics.as_ref().and_then(|statistics| statistics.rows)
}

/// Bytes as people read them: `1.5 GB`, in powers of 1024 as `pg_size_pretty` counts.
pub(super) fn pretty_bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "bytes";
    for next in ["kB", "MB", "GB", "TB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "bytes" || value >= 10.0 { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_stands_behind_a_longer_index_only() {
        let short = Index::btree("a", &["x"]);
        let long = Index::btree("b", &["x", "y"]);
        assert_eq!(stands_in(&short, &long), Some(Keys::Same));
        assert_eq!(stands_in(&long, &short), None);
        assert_eq!(stands_in(&short, &Index::btree("c", &["y", "x"])), None);
    }

    #[test]
    fn direction_matters_unless_all_of_it_is_turned() {
        let turned = |mut index: Index, at: &[usize]| {
            for key in at {
                index.keys[*key].descending = true;
                index.keys[*key].nulls_first = true;
            }
            index
        };
        let ascending = Index::btree("a", &["x", "y"]);
        assert_eq!(stands_in(&ascending, &turned(Index::btree("b", &["x", "y"]), &[0, 1])), Some(Keys::Same));
        assert_eq!(stands_in(&ascending, &turned(Index::btree("b", &["x", "y"]), &[1])), None);
        assert_eq!(
            stands_in(&Index::btree("a", &["x"]), &turned(Index::btree("b", &["x", "y"]), &[1])),
            Some(Keys::Same)
        );
    }

    #[test]
    fn predicates_methods_classes_and_included_columns_matter() {
        let plain = Index::btree("a", &["x"]);
        let partial = Index { predicate: Some("y > 0".into()), ..Index::btree("b", &["x", "y"]) };
        assert_eq!(stands_in(&plain, &partial), None);
        assert_eq!(
            stands_in(&partial, &Index::btree("c", &["x", "y"])),
            None,
            "the smaller one may be wanted"
        );
        let hash = Index { method: "hash".into(), ..Index::btree("d", &["x"]) };
        assert_eq!(stands_in(&plain, &hash), None);
        let mut pattern = Index::btree("e", &["x"]);
        pattern.keys[0].opclass = Some("text_pattern_ops".into());
        assert_eq!(stands_in(&pattern, &plain), Some(Keys::OtherPatternClass));
        assert_eq!(stands_in(&plain, &pattern), None, "patterns do not sort");
        let including = Index { include: vec!["z".into()], ..Index::btree("f", &["x"]) };
        assert_eq!(stands_in(&including, &plain), None);
        assert_eq!(stands_in(&including, &Index::btree("g", &["x", "z"])), Some(Keys::Same));
        let invalid = Index { valid: false, ..Index::btree("h", &["x", "y"]) };
        assert_eq!(stands_in(&plain, &invalid), None);
    }

    #[test]
    fn bytes_are_pretty() {
        assert_eq!(pretty_bytes(512), "512 bytes");
        assert_eq!(pretty_bytes(1536), "1.5 kB");
        assert_eq!(pretty_bytes(10 * 1024 * 1024 * 1024), "10 GB");
    }
}
