//! What the load was refused, and by which statement's doing: the application that runs today would be refused the
//! same. Pure.

use std::collections::BTreeMap;
use std::time::Instant;

use pgsteward_model::migrate::rehearsal::{Broken, Deadlock, RehearsedMigration};
use pgsteward_model::migration::ServerError;

use super::assemble::end_of_unit;
use super::pass::Seen;
use crate::migrate::regime::FilePlan;

/// SQLSTATE `deadlock_detected`.
pub(super) const DEADLOCK: &str = "40P01";
/// SQLSTATE `lock_not_available`.
pub(super) const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Adds what the requests were refused. `at`: the index in the file of each statement of the migration.
pub(super) fn add(migration: &mut RehearsedMigration, plan: &FilePlan, seen: &Seen, at: &[usize]) {
    let Some(around) = &seen.around else { return };
    let mut found: BTreeMap<(&str, &str, String), (usize, Instant, &ServerError)> = BTreeMap::new();
    let mut deadlocks: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for request in &around.requests {
        let Some(error) = &request.error else { continue };
        if error.sqlstate == DEADLOCK {
            *deadlocks.entry((&request.relation, request.kind)).or_default() += 1;
            continue;
        }
        let one = found.entry((&request.relation, request.kind, in_words(error)));
        let (times, first, _) = one.or_insert((0, request.to, error));
        *times += 1;
        *first = (*first).min(request.to);
    }
    for ((relation, kind, text), (times, first, error)) in found {
        let by = by(migration, plan, seen, at, relation, error, first);
        let statement = by.map(|position| &migration.statements[position]);
        let broken = Broken {
            relation: relation.to_owned(),
            request: kind.to_owned(),
            error: text,
            times,
            line: statement.map(|one| one.line),
            statement: statement.map(|one| one.text.clone()),
        };
        migration.broken.push(broken);
    }
    migration.deadlocks = deadlocks
        .into_iter()
        .map(|((relation, kind), times)| Deadlock {
            request: Some(format!("{kind} of \"{relation}\"")),
            line: None,
            times,
        })
        .collect();
    let mut own: BTreeMap<u32, usize> = BTreeMap::new();
    for statement in &seen.deadlocked {
        *own.entry(plan.statements.get(*statement).map_or(1, |one| one.line)).or_default() += 1;
    }
    migration.deadlocks.extend(own.into_iter().map(|(line, times)| Deadlock {
        request: None,
        line: Some(line),
        times,
    }));
}

fn in_words(error: &ServerError) -> String {
    format!("{} (SQLSTATE {})", error.message, error.sqlstate)
}

/// The position of the statement that is to blame for an error that a request first had at this moment: of those that
/// ran by then the last that names what the error names, else the last with a lock on the relation that others feel.
fn by(
    migration: &RehearsedMigration,
    plan: &FilePlan,
    seen: &Seen,
    at: &[usize],
    relation: &str,
    error: &ServerError,
    first: Instant,
) -> Option<usize> {
    let ran: Vec<usize> = (0..at.len()).filter(|position| seen.statements[*position].from <= first).collect();
    // What is not committed yet is not felt yet, and units are committed one after the other.
    let last = ran.iter().map(|position| end_of_unit(plan, at[*position])).max()?;
    let names: Vec<&str> = error.message.split('"').skip(1).step_by(2).collect();
    let blame = |position: &usize| {
        let one = &migration.statements[*position];
        let text = &plan.statements[at[*position]].sql;
        let named = names.iter().filter(|name| text.contains(**name)).count();
        let mut locks = one.locks.iter().filter(|lock| lock.blocks_reads || lock.blocks_writes);
        let locked = named == 0 && locks.any(|lock| lock.relation == relation);
        (named, locked, end_of_unit(plan, at[*position]) == last, *position)
    };
    ran.into_iter().filter(|position| blame(position).0 > 0 || blame(position).1).max_by_key(|one| blame(one))
}
