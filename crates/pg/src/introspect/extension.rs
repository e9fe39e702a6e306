//! Extensions (`pg_extension`).

use std::collections::BTreeMap;

use pgsteward_model::catalog::Extension;
use tokio_postgres::{Error, Row};

pub(super) const SQL: &str = include_str!("extension.sql");

pub(super) fn read(rows: &[Row]) -> Result<BTreeMap<String, Extension>, Error> {
    rows.iter()
        .map(|row| {
            let name: String = row.try_get(0)?;
            let extension =
                Extension { name: name.clone(), version: row.try_get(1)?, namespace: row.try_get(2)? };
            Ok((name, extension))
        })
        .collect()
}
