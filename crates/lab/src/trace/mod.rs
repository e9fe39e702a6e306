//! What DDL did to a server: locks, rewrites, objects. `events` reads what the event triggers of a replay
//! wrote down; `statement` runs one statement and looks at `pg_locks` itself.

pub(crate) mod events;
mod statement;
pub(crate) mod tag;

use std::collections::BTreeMap;

use pgsteward_model::lock::LockMode;

pub use statement::{StatementTrace, Tracer, trace_statement};

/// The strongest lock on each relation, from pairs of relation and `pg_locks.mode`.
pub(crate) fn strongest(pairs: impl IntoIterator<Item = (String, LockMode)>) -> BTreeMap<String, LockMode> {
    let mut strongest: BTreeMap<String, LockMode> = BTreeMap::new();
    for (relation, mode) in pairs {
        let known = strongest.entry(relation).or_insert(mode);
        *known = (*known).max(mode);
    }
    strongest
}
