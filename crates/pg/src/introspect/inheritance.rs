//! Parents of tables (`pg_inherits`): of partitions and of the older inheritance.

use std::collections::HashMap;

use pgsteward_model::catalog::QName;
use tokio_postgres::{Error, Row};

use super::names::Names;

pub(super) const SQL: &str = include_str!("inheritance.sql");

/// Names of the parents by table id.
pub(super) fn read(rows: &[Row], names: &Names) -> Result<HashMap<u32, Vec<QName>>, Error> {
    let mut parents: HashMap<u32, Vec<QName>> = HashMap::new();
    for row in rows {
        if let Some(parent) = names.relation(row.try_get(1)?) {
            parents.entry(row.try_get(0)?).or_default().push(parent.name.clone());
        }
    }
    Ok(parents)
}
