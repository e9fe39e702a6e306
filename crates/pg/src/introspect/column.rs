//! Columns (`pg_attribute`) of tables, views and composite types.

use std::collections::HashMap;

use pgsteward_model::catalog::{Column, Generated, Identity};
use pgsteward_model::version::ServerVersion;
use tokio_postgres::{Error, Row};

use super::acl::{self, AclKind};
use super::names::Names;

pub(super) const SQL: &str = include_str!("column.sql");

/// Columns by relation id, in the order of their positions.
pub(super) type ColumnsOf = HashMap<u32, Vec<Column>>;

pub(super) fn read(rows: &[Row], names: &Names, version: ServerVersion) -> Result<ColumnsOf, Error> {
    let mut columns = ColumnsOf::new();
    for row in rows {
        let relation: u32 = row.try_get(0)?;
        let Some(owner) = names.relation(relation).map(|relation| relation.owner.as_str()) else { continue };
        let number: i16 = row.try_get(1)?;
        let expression: Option<String> = row.try_get(7)?;
        let identity: &str = row.try_get(8)?;
        let generated: &str = row.try_get(9)?;
        let acl: Option<Vec<String>> = row.try_get(12)?;
        let (default, generated) = match (generated, expression) {
            ("" | " ", default) => (default, None),
            (kind, Some(expression)) => (None, Some(Generated { expression, stored: kind == "s" })),
            (_, None) => (None, None),
        };
        columns.entry(relation).or_default().push(Column {
            name: row.try_get(2)?,
            ty: names.column_type(row.try_get(3)?, row.try_get(4)?, row.try_get(5)?),
            not_null: row.try_get(6)?,
            default,
            identity: match identity {
                "a" => Some(Identity::Always),
                "d" => Some(Identity::ByDefault),
                _ => None,
            },
            generated,
            collation: row.try_get(11)?,
            comment: names.comments.of_column(relation, number),
            grants: acl::grants(acl.as_deref(), AclKind::Column, owner, version),
            statistics: None,
        });
    }
    Ok(columns)
}
