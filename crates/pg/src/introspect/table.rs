//! Tables put together from what the other readers found.

use std::collections::{BTreeMap, HashMap};

use pgsteward_model::catalog::{Index, PartitionOf, Partitioning, QName, Table};
use pgsteward_model::version::ServerVersion;
use tokio_postgres::{Error, Row};

use super::acl::{self, AclKind};
use super::comment::PG_CLASS;
use super::names::Names;
use super::{column, constraint, index, inheritance, policy, trigger};

pub(super) struct TableRows<'a> {
    pub(super) columns: &'a [Row],
    pub(super) constraints: &'a [Row],
    pub(super) indexes: &'a [Row],
    pub(super) operator_classes: &'a [Row],
    pub(super) triggers: &'a [Row],
    pub(super) policies: &'a [Row],
    pub(super) parents: &'a [Row],
}

/// Indexes by relation id.
pub(super) type IndexesOf = HashMap<u32, Vec<Index>>;

/// All tables that no extension owns, and the indexes of what is no table (materialized views).
pub(super) fn tables(
    version: ServerVersion,
    names: &Names,
    rows: TableRows<'_>,
) -> Result<(BTreeMap<QName, Table>, IndexesOf), Error> {
    let mut columns = column::read(rows.columns, names, version)?;
    let nulls_not_distinct = index::nulls_not_distinct(rows.indexes)?;
    let mut constraints = constraint::read(rows.constraints, names, &nulls_not_distinct)?;
    let mut indexes = index::read(rows.indexes, rows.operator_classes, names, &constraints.of_index)?;
    let mut triggers = trigger::read(rows.triggers, names)?;
    let mut policies = policy::read(rows.policies, names)?;
    let mut parents = inheritance::read(rows.parents, names)?;
    let mut tables = BTreeMap::new();
    for (oid, relation) in &names.relations {
        let Some(kind) = relation.table_kind() else { continue };
        let mut parents = parents.remove(oid).unwrap_or_default();
        let partition_of = match &relation.partition_bound {
            Some(bound) if !parents.is_empty() => {
                Some(PartitionOf { parent: parents.remove(0), bound: bound.clone() })
            }
            _ => None,
        };
        let table = Table {
            name: relation.name.clone(),
            kind,
            persistence: relation.persistence,
            columns: columns.remove(oid).unwrap_or_default(),
            constraints: constraints.of_table.remove(oid).unwrap_or_default(),
            indexes: indexes.remove(oid).unwrap_or_default(),
            triggers: triggers.remove(oid).unwrap_or_default(),
            policies: policies.remove(oid).unwrap_or_default(),
            row_security: relation.row_security,
            force_row_security: relation.force_row_security,
            partitioning: relation.partition_key.clone().map(|key| Partitioning { key }),
            partition_of,
            inherits: parents,
            owner: Some(relation.owner.clone()),
            grants: acl::grants(relation.acl.as_deref(), AclKind::Table, &relation.owner, version),
            options: relation.options.clone(),
            comment: names.comments.of(PG_CLASS, *oid),
            statistics: None,
            unknown: false,
        };
        tables.insert(relation.name.clone(), table);
    }
    Ok((tables, indexes))
}
