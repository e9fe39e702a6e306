//! Triggers on tables (`pg_trigger`).

use std::collections::HashMap;

use pgsteward_model::catalog::{QName, Trigger, TriggerEvent};
use tokio_postgres::{Error, Row};

use super::comment::PG_TRIGGER;
use super::names::Names;

pub(super) const SQL: &str = include_str!("trigger.sql");

// Bits of `pg_trigger.tgtype` (`src/include/catalog/pg_trigger.h`).
const ROW: i16 = 1;
const BEFORE: i16 = 1 << 1;
const EVENTS: [(i16, TriggerEvent); 4] = [
    (1 << 2, TriggerEvent::Insert),
    (1 << 4, TriggerEvent::Update),
    (1 << 3, TriggerEvent::Delete),
    (1 << 5, TriggerEvent::Truncate),
];

/// Triggers by table id, in the order of their names.
pub(super) fn read(rows: &[Row], names: &Names) -> Result<HashMap<u32, Vec<Trigger>>, Error> {
    let mut triggers: HashMap<u32, Vec<Trigger>> = HashMap::new();
    for row in rows {
        let bits: i16 = row.try_get(6)?;
        let enabled: &str = row.try_get(7)?;
        let trigger = Trigger {
            name: row.try_get(2)?,
            definition: row.try_get(3)?,
            function: Some(QName::new(row.try_get::<_, String>(5)?, row.try_get::<_, String>(4)?)),
            before: bits & BEFORE != 0,
            row: bits & ROW != 0,
            events: EVENTS.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, event)| *event).collect(),
            enabled: enabled != "D",
            comment: names.comments.of(PG_TRIGGER, row.try_get(0)?),
        };
        triggers.entry(row.try_get(1)?).or_default().push(trigger);
    }
    Ok(triggers)
}
