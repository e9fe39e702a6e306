//! Comments (`pg_description`).

use std::collections::HashMap;

use tokio_postgres::{Error, Row};

pub(super) const SQL: &str = include_str!("comment.sql");

// Ids of system catalogs never change: they are part of the server's source (`src/include/catalog`).
pub(super) const PG_TYPE: u32 = 1247;
pub(super) const PG_PROC: u32 = 1255;
pub(super) const PG_CLASS: u32 = 1259;
pub(super) const PG_CONSTRAINT: u32 = 2606;
pub(super) const PG_NAMESPACE: u32 = 2615;
pub(super) const PG_TRIGGER: u32 = 2620;
pub(super) const PG_POLICY: u32 = 3256;
pub(super) const PG_STATISTIC_EXT: u32 = 3381;

/// By catalog, object and column number; number 0 is the object itself.
pub(super) struct Comments(HashMap<(u32, u32, i32), String>);

impl Comments {
    pub(super) fn read(rows: &[Row]) -> Result<Comments, Error> {
        let comments = rows
            .iter()
            .map(|row| Ok(((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?), row.try_get(3)?)))
            .collect::<Result<_, Error>>()?;
        Ok(Comments(comments))
    }

    pub(super) fn of(&self, catalog: u32, object: u32) -> Option<String> {
        self.0.get(&(catalog, object, 0)).cloned()
    }

    pub(super) fn of_column(&self, relation: u32, number: i16) -> Option<String> {
        self.0.get(&(PG_CLASS, relation, i32::from(number))).cloned()
    }
}
