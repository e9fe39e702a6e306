//! Extended statistics (`pg_statistic_ext`).

use std::collections::BTreeMap;

use pgsteward_model::catalog::{QName, StatisticsObject};
use tokio_postgres::{Error, Row};

use super::comment::PG_STATISTIC_EXT;
use super::names::Names;

pub(super) const SQL: &str = include_str!("statistics_object.sql");

pub(super) fn read(rows: &[Row], names: &Names) -> Result<BTreeMap<QName, StatisticsObject>, Error> {
    let mut found = BTreeMap::new();
    for row in rows {
        // Of a table that was not asked for, or is an extension's.
        let Some(on) = names.relation(row.try_get(3)?).filter(|relation| !relation.of_extension) else {
            continue;
        };
        let Some(name) = names.qualified(row.try_get(2)?, row.try_get(1)?) else { continue };
        let one = StatisticsObject {
            name: name.clone(),
            on: on.name.clone(),
            definition: row.try_get(4)?,
            target: row.try_get(5)?,
            comment: names.comments.of(PG_STATISTIC_EXT, row.try_get(0)?),
        };
        found.insert(name, one);
    }
    Ok(found)
}
