//! How long a transaction that holds locks waits for further ones: less than the server lets two sessions wait for each other
//! before it ends one of them, so that it is never a statement of the application that ends. It sends nothing itself.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use pgsteward_model::lock::LockMode;
use pgsteward_model::statement::Statement;

use super::regime::{FilePlan, Planned};

/// Where in a transaction the shorter patience begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    /// The statement from which on it may wait while it holds locks.
    pub(super) from: usize,
    /// How often it is known to wait so.
    waits: usize,
}

impl Patience {
    /// Of statements of which nobody knows what they lock.
    pub(super) const BEHIND_THE_FIRST: Patience = Patience { from: 1, waits: 1 };

    /// Of the statements of one transaction; none where they never wait while they hold what others need.
    pub(super) fn of(plan: &FilePlan, range: Range<usize>) -> Option<Patience> {
        let mut held: BTreeMap<&str, LockMode> = BTreeMap::new();
        let mut found: Option<Patience> = None;
        for at in range {
            let planned = &plan.statements[at];
            let unknown = !held.is_empty() && is_unknown(planned);
            let mut wanted = 0;
            // The first lock of all is waited for with nothing in hand.
            let mut empty_handed = held.is_empty();
            for (relation, mode) in locks(planned) {
                let has = held.get(relation).copied();
                let settled = has.is_some_and(|has| {
                    has == LockMode::AccessExclusive || (has >= mode && mode > LockMode::RowExclusive)
                });
                wanted += usize::from(!settled && !std::mem::take(&mut empty_handed));
                held.entry(relation).and_modify(|has| *has = mode.max(*has)).or_insert(mode);
            }
            if wanted > 0 || unknown {
                found.get_or_insert(Patience { from: at, waits: 0 }).waits += wanted;
            }
        }
        found
    }

    /// What gives up in time: up to nineteen such waits together are shorter than `deadlock_timeout`, after which the server looks
    /// who waits for whom. Work between two locks is not counted: after long work somebody may have waited that long already.
    /// Never longer than `limit`.
    pub(super) fn setting(self, limit: Duration) -> String {
        // More of them would leave each too little to be granted anything.
        let share = self.waits.clamp(1, 19) + 1;
        format!(
            "SELECT pg_catalog.set_config('lock_timeout', LEAST({}, GREATEST(10, (pg_catalog.date_part('epoch', \
             pg_catalog.current_setting('deadlock_timeout')::pg_catalog.interval) OPERATOR(pg_catalog.*) {})\
             ::pg_catalog.int4))::pg_catalog.text, true)",
            limit.as_millis(),
            1000 / share
        )
    }
}

/// Locks that others could wait for, or that wait for others.
fn locks(planned: &Planned) -> impl Iterator<Item = (&str, LockMode)> {
    planned.predicted.iter().filter_map(|lock| {
        let mode = LockMode::from_words(&lock.mode)?;
        (mode > LockMode::AccessShare).then_some((lock.relation.as_str(), mode))
    })
}

/// What it locks, only the server knows.
fn is_unknown(planned: &Planned) -> bool {
    matches!(
        planned.statement,
        Statement::Do { .. } | Statement::Call { .. } | Statement::Unparsed | Statement::Other { .. }
    )
}

#[cfg(test)]
mod tests {
    use pgsteward_model::migrate::deploy::{FileRegime, Lock};

    use super::*;
    use crate::migrate::regime::Kind;

    const WHOLE: LockMode = LockMode::AccessExclusive;
    const ROWS: LockMode = LockMode::RowExclusive;

    /// Statements by the locks that they take.
    fn of(statements: &[&[(&str, LockMode)]]) -> Option<Patience> {
        let planned = |locks: &&[(&str, LockMode)]| Planned {
            sql: String::new(),
            line: 1,
            statement: if locks.is_empty() { Statement::Unparsed } else { Statement::Commit },
            kind: Kind::Instant,
            predicted: locks
                .iter()
                .map(|(relation, mode)| Lock { relation: (*relation).to_owned(), mode: mode.to_string() })
                .collect(),
            work: Vec::new(),
        };
        let plan = FilePlan {
            regime: FileRegime::Atomic,
            because: None,
            units: Vec::new(),
            statements: statements.iter().map(planned).collect(),
            sets_lock_timeout: false,
            sets_statement_timeout: false,
            settings: Vec::new(),
            changes_role: false,
            created: Vec::new(),
        };
        Patience::of(&plan, 0..statements.len())
    }

    #[test]
    fn begins_where_something_is_held() {
        let (a, b, c) = (("a", WHOLE), ("b", WHOLE), ("c", WHOLE));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[&[], &[a], &[a]]), None, "one table, and nobody has a lock on it any more");
        assert_eq!(of(&[&[], &[a], &[b], &[], &[a], &[c]]), Some(Patience { from: 2, waits: 2 }));
        assert_eq!(of(&[&[a], &[]]), Some(Patience { from: 1, waits: 0 }), "what it locks, nobody knows");
        assert_eq!(of(&[&[a, b]]), Some(Patience { from: 0, waits: 1 }), "one statement waits twice");
        assert_eq!(of(&[&[("a", LockMode::AccessShare)], &[b]]), None, "who only reads is in nobody's way");
        assert_eq!(of(&[&[("a", ROWS)], &[a]]), Some(Patience { from: 1, waits: 1 }), "a stronger lock");
        assert_eq!(of(&[&[("a", ROWS)], &[("a", ROWS)]]), Some(Patience { from: 1, waits: 1 }), "other rows");
    }

    #[test]
    fn all_waits_together_are_shorter_than_the_server_is_patient() {
        let milliseconds = |waits| {
            let text = Patience { from: 0, waits }.setting(Duration::from_secs(3));
            let share = text.split("OPERATOR(pg_catalog.*) ").nth(1).unwrap();
            share.split(')').next().unwrap().parse::<usize>().unwrap()
        };
        for waits in 0..10 {
            assert!(
                milliseconds(waits) * waits < 1000 && milliseconds(waits) <= 500,
                "{waits} times {} of 1000",
                milliseconds(waits)
            );
        }
    }
}
