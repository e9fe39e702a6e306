//! What a change that failed or was not finished left in the catalog, without reading the rest of it.

use pgsteward_model::catalog::QName;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use super::in_transaction;
use crate::error::ReadError;

/// Tables with the names of what is invalid there, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invalid {
    /// Indexes that a concurrent build left (`indisvalid` is false).
    pub indexes: Vec<(QName, String)>,
    /// Checks, foreign keys and NOT NULLs that were never validated (`convalidated` is false).
    pub constraints: Vec<(QName, String)>,
}

pub(crate) async fn invalid(client: &Client, namespaces: &[String]) -> Result<Invalid, ReadError> {
    let failed = ReadError::server("look for invalid indexes and constraints");
    let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&namespaces, Type::TEXT_ARRAY)];
    let rows = in_transaction(client, &[include_str!("invalid.sql")], &parameters).await.map_err(&failed)?;
    let mut found = Invalid::default();
    let mut read = |row: &Row| -> Result<(), Error> {
        let table = QName::new(row.try_get::<_, String>(1)?, row.try_get::<_, String>(2)?);
        let kind = if row.try_get(0)? { &mut found.indexes } else { &mut found.constraints };
        kind.push((table, row.try_get(3)?));
        Ok(())
    };
    rows.iter().flatten().try_for_each(&mut read).map_err(&failed)?;
    Ok(found)
}
