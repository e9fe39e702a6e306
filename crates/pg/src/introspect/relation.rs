//! What `pg_class` says about tables, views, sequences and composite types.

use std::collections::{BTreeMap, HashMap};

use pgsteward_model::catalog::{Persistence, QName, TableKind};
use tokio_postgres::{Error, Row};

pub(super) const SQL: &str = include_str!("relation.sql");

/// A row of `pg_class` in a namespace of people.
pub(crate) struct Relation {
    pub(crate) name: QName,
    pub(crate) kind: RelationKind,
    pub(super) persistence: Persistence,
    pub(super) owner: String,
    pub(super) acl: Option<Vec<String>>,
    pub(super) row_security: bool,
    pub(super) force_row_security: bool,
    pub(super) partition_bound: Option<String>,
    pub(super) partition_key: Option<String>,
    pub(super) options: Vec<String>,
    pub(super) populated: bool,
    pub(super) view_definition: Option<String>,
    pub(crate) of_extension: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RelationKind {
    Table(TableKind),
    View,
    MaterializedView,
    Sequence,
    Composite,
}

impl Relation {
    /// The kind, if the relation is a table that no extension owns.
    pub(crate) fn table_kind(&self) -> Option<TableKind> {
        match self.kind {
            RelationKind::Table(kind) if !self.of_extension => Some(kind),
            _ => None,
        }
    }
}

pub(super) fn read(
    rows: &[Row],
    namespaces: &HashMap<u32, String>,
) -> Result<BTreeMap<u32, Relation>, Error> {
    let mut relations = BTreeMap::new();
    for row in rows {
        let namespace: u32 = row.try_get(2)?;
        let Some(namespace) = namespaces.get(&namespace) else { continue };
        let kind: &str = row.try_get(3)?;
        let kind = match kind {
            "p" => RelationKind::Table(TableKind::Partitioned),
            "f" => RelationKind::Table(TableKind::Foreign),
            "v" => RelationKind::View,
            "m" => RelationKind::MaterializedView,
            "S" => RelationKind::Sequence,
            "c" => RelationKind::Composite,
            _ => RelationKind::Table(TableKind::Ordinary),
        };
        let persistence: &str = row.try_get(4)?;
        let relation = Relation {
            name: QName::new(namespace.clone(), row.try_get::<_, String>(1)?),
            kind,
            persistence: match persistence {
                "u" => Persistence::Unlogged,
                "t" => Persistence::Temporary,
                _ => Persistence::Permanent,
            },
            owner: row.try_get(5)?,
            acl: row.try_get(6)?,
            row_security: row.try_get(7)?,
            force_row_security: row.try_get(8)?,
            partition_bound: row.try_get(9)?,
            partition_key: row.try_get(10)?,
            options: row.try_get::<_, Option<Vec<String>>>(11)?.unwrap_or_default(),
            populated: row.try_get(12)?,
            view_definition: row.try_get(13)?,
            of_extension: row.try_get(14)?,
        };
        relations.insert(row.try_get(0)?, relation);
    }
    Ok(relations)
}
