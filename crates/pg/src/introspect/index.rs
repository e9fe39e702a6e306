//! Indexes (`pg_index`) of tables and materialized views.

use std::collections::{HashMap, HashSet};

use pgsteward_model::catalog::{Index, IndexKey};
use tokio_postgres::{Error, Row};

use super::comment::PG_CLASS;
use super::names::Names;

pub(super) const SQL: &str = include_str!("index.sql");
pub(super) const OPERATOR_CLASS_SQL: &str = include_str!("operator_class.sql");

/// Id of the collation that stands for the database's own (`pg_collation.dat`).
const DEFAULT_COLLATION: u32 = 100;

/// Bits of `pg_index.indoption`.
const DESCENDING: i16 = 1;
const NULLS_FIRST: i16 = 2;

/// Ids of the indexes that treat NULLs as equal.
pub(super) fn nulls_not_distinct(rows: &[Row]) -> Result<HashSet<u32>, Error> {
    let mut found = HashSet::new();
    for row in rows {
        if row.try_get(5)? {
            found.insert(row.try_get(0)?);
        }
    }
    Ok(found)
}

/// Indexes by relation id, in the order of their names. `owners` are the constraints that own one.
pub(super) fn read(
    rows: &[Row],
    operator_classes: &[Row],
    names: &Names,
    owners: &HashMap<u32, String>,
) -> Result<HashMap<u32, Vec<Index>>, Error> {
    let operator_classes = operator_classes
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<HashMap<u32, String>, Error>>()?;
    let mut indexes: HashMap<u32, Vec<Index>> = HashMap::new();
    for row in rows {
        let oid: u32 = row.try_get(0)?;
        let relation: u32 = row.try_get(1)?;
        let key_count: i16 = row.try_get(7)?;
        let numbers: Vec<i16> = row.try_get(8)?;
        let options: Vec<i16> = row.try_get(9)?;
        let classes: Vec<u32> = row.try_get(10)?;
        let collations: Vec<u32> = row.try_get(11)?;
        let expressions: Option<Vec<Option<String>>> = row.try_get(12)?;
        let collation_names: Option<Vec<Option<String>>> = row.try_get(13)?;
        let (key_numbers, included) =
            numbers.split_at(numbers.len().min(usize::from(key_count.unsigned_abs())));
        let keys = key_numbers.iter().enumerate().map(|(position, number)| {
            let option = options.get(position).copied().unwrap_or_default();
            let collation = collations.get(position).copied().unwrap_or_default();
            let expected = names.column_collation(relation, *number).unwrap_or(DEFAULT_COLLATION);
            let collation_name = || match &collation_names {
                Some(list) => list.get(position).cloned().flatten(),
                None => Some("default".to_owned()),
            };
            IndexKey {
                column: names.column(relation, *number),
                expression: expressions.as_ref().and_then(|list| list.get(position).cloned().flatten()),
                opclass: classes.get(position).and_then(|class| operator_classes.get(class).cloned()),
                collation: if collation == 0 || collation == expected { None } else { collation_name() },
                descending: option & DESCENDING != 0,
                nulls_first: option & NULLS_FIRST != 0,
            }
        });
        let index = Index {
            name: row.try_get(2)?,
            method: row.try_get(3)?,
            keys: keys.collect(),
            include: names.columns(relation, included),
            unique: row.try_get(4)?,
            nulls_not_distinct: row.try_get(5)?,
            predicate: row.try_get(14)?,
            valid: row.try_get(6)?,
            constraint: owners.get(&oid).cloned(),
            options: row.try_get::<_, Option<Vec<String>>>(15)?.unwrap_or_default(),
            comment: names.comments.of(PG_CLASS, oid),
            statistics: None,
        };
        indexes.entry(relation).or_default().push(index);
    }
    Ok(indexes)
}
