//! Views and materialized views.

use std::collections::{BTreeMap, HashMap};

use pgsteward_model::catalog::{QName, View};
use pgsteward_model::version::ServerVersion;
use tokio_postgres::Row;

use super::acl::{self, AclKind};
use super::column::ColumnsOf;
use super::comment::PG_CLASS;
use super::names::Names;
use super::relation::RelationKind;
use super::table::IndexesOf;

pub(super) const SQL: &str = include_str!("view.sql");

/// Views by name; `rows` are the relations that each one reads.
pub(super) fn read(
    rows: &[Row],
    names: &Names,
    columns: &ColumnsOf,
    indexes: &mut IndexesOf,
    version: ServerVersion,
) -> Result<BTreeMap<QName, View>, tokio_postgres::Error> {
    let mut reads: HashMap<u32, Vec<QName>> = HashMap::new();
    for row in rows {
        if let Some(read) = names.relation(row.try_get(1)?) {
            reads.entry(row.try_get(0)?).or_default().push(read.name.clone());
        }
    }
    let mut views = BTreeMap::new();
    for (oid, relation) in &names.relations {
        let is_view = matches!(relation.kind, RelationKind::View | RelationKind::MaterializedView);
        if !is_view || relation.of_extension {
            continue;
        }
        let mut reads = reads.remove(oid).unwrap_or_default();
        reads.sort();
        let columns = columns.get(oid).map(Vec::as_slice).unwrap_or_default();
        let view = View {
            name: relation.name.clone(),
            materialized: relation.kind == RelationKind::MaterializedView,
            definition: relation.view_definition.clone().unwrap_or_default(),
            columns: columns.iter().map(|column| (column.name.clone(), column.ty.clone())).collect(),
            reads,
            options: relation.options.clone(),
            indexes: indexes.remove(oid).unwrap_or_default(),
            populated: relation.populated,
            owner: Some(relation.owner.clone()),
            grants: acl::grants(relation.acl.as_deref(), AclKind::Table, &relation.owner, version),
            comment: names.comments.of(PG_CLASS, *oid),
        };
        views.insert(relation.name.clone(), view);
    }
    Ok(views)
}
