//! The trace that event triggers write while a history is replayed (`walls.sql`). They belong to the
//! superuser: the migrating role can neither switch them off nor touch what they wrote.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use pgsteward_model::lock::LockMode;
use pgsteward_model::migration::{MigrationStatement, ServerError, Trace};
use pgsteward_pg::LabSession;

use super::{strongest, tag};

const TRIGGERS: [&str; 3] = ["pg_lab_command", "pg_lab_drop", "pg_lab_rewrite"];

/// Switches the triggers on and forgets earlier traces.
pub(crate) async fn begin(superuser: &LabSession) -> Result<(), ServerError> {
    let enable: String =
        TRIGGERS.iter().map(|name| format!("ALTER EVENT TRIGGER {name} ENABLE ALWAYS;")).collect();
    superuser.simple(&format!("BEGIN; TRUNCATE pg_lab.trace; {enable} COMMIT")).await
}

/// Switches the triggers off, so that later sessions do not pay for them.
pub(crate) async fn end(superuser: &LabSession) -> Result<(), ServerError> {
    let disable: String =
        TRIGGERS.iter().map(|name| format!("ALTER EVENT TRIGGER {name} DISABLE;")).collect();
    superuser.simple(&format!("BEGIN; {disable} COMMIT")).await
}

/// A file that was sent: when (microseconds since 1970, as the clock that server and lab share showed), and
/// what stands in it.
pub(crate) struct Sent<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
    pub(crate) statements: &'a [MigrationStatement],
    pub(crate) window: RangeInclusive<i64>,
}

/// Reads the trace and gives each file its part. A command belongs to the file whose message was on its way
/// when the command's message arrived (`statement_timestamp()`, which SQL cannot set).
pub(crate) async fn read(
    superuser: &LabSession,
    sent: &[Sent<'_>],
) -> Result<BTreeMap<String, Vec<Trace>>, ServerError> {
    let rows = superuser
        .rows(
            "SELECT (extract(epoch FROM sent) * 1000000)::bigint, event, tag, \
             array_to_json(objects)::text, array_to_json(locks)::text FROM pg_lab.trace ORDER BY id",
        )
        .await?;
    let mut traces: BTreeMap<String, Vec<Trace>> = BTreeMap::new();
    let mut rows = rows.into_iter().filter_map(Event::read).peekable();
    for file in sent {
        while rows.next_if(|event| event.sent < *file.window.start()).is_some() {}
        let mut events = Vec::new();
        while let Some(event) = rows.next_if(|event| file.window.contains(&event.sent)) {
            events.push(event);
        }
        if !events.is_empty() {
            let mut of_file = commands(events);
            tag::align(&mut of_file, file.text, file.statements);
            traces.insert(file.file.to_owned(), of_file);
        }
    }
    Ok(traces)
}

struct Event {
    sent: i64,
    event: String,
    tag: String,
    objects: Vec<String>,
    locks: Vec<(String, LockMode)>,
}

impl Event {
    fn read(row: Vec<Option<String>>) -> Option<Event> {
        let [sent, event, tag, objects, locks] = <[Option<String>; 5]>::try_from(row).ok()?;
        let list = |text: Option<String>| -> Vec<String> {
            text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
        };
        let locks = list(locks).into_iter().filter_map(|lock| {
            let (mode, relation) = lock.split_once(' ')?;
            Some((relation.to_owned(), LockMode::from_catalog_name(mode)?))
        });
        Some(Event {
            sent: sent?.parse().ok()?,
            event: event?,
            tag: tag?,
            objects: list(objects),
            locks: locks.collect(),
        })
    }
}

/// One trace for each command: what was dropped and rewritten on its way belongs to it. Locks are those that
/// the command added to what its message held already; where the message committed in between (CREATE INDEX
/// CONCURRENTLY, COMMIT) locks that went are forgotten.
fn commands(events: Vec<Event>) -> Vec<Trace> {
    let mut traces = Vec::new();
    let (mut dropped, mut rewrites) = (Vec::new(), Vec::new());
    let (mut held, mut message) = (BTreeMap::new(), 0);
    for event in events {
        match event.event.as_str() {
            "drop" => dropped.extend(event.objects),
            "rewrite" => rewrites.extend(event.objects),
            _ => {
                if event.sent != message {
                    held.clear();
                    message = event.sent;
                }
                let now = strongest(event.locks);
                let added = now.iter().filter(|(relation, mode)| held.get(*relation) < Some(*mode));
                let locks = added.map(|(relation, mode)| (relation.clone(), *mode)).collect();
                let mut objects = event.objects;
                objects.append(&mut dropped);
                objects.dedup();
                traces.push(Trace {
                    tag: event.tag,
                    objects,
                    rewrites: std::mem::take(&mut rewrites),
                    locks,
                    ..Trace::default()
                });
                held = now;
            }
        }
    }
    traces
}
