//! What is asked of the lab's server around a statement: its clock and log, rows read, and the files of relations. It
//! only reads.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_pg::LabSession;

/// Rows as the server prints them.
pub(super) type Rows = Vec<Vec<Option<String>>>;

/// The server's clock in microseconds, and how many bytes of WAL it wrote ever.
pub(super) const CLOCK: &str = "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8, \
     pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::int8";

pub(super) fn numbers(rows: &Rows) -> (u64, u64) {
    let number = |at: usize| -> u64 {
        let value = rows.first().and_then(|row| row.get(at)).and_then(Option::as_deref);
        value.and_then(|value| value.parse().ok()).unwrap_or_default()
    };
    (number(0), number(1))
}

/// Where rows read are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// For the transaction that is under way.
    Transaction,
    /// For all sessions; the server is told to count at once (15 and later).
    Server,
    Nowhere,
}

impl Counts {
    pub(super) fn of(session: &LabSession, in_transaction: bool) -> Counts {
        match (in_transaction, session.version().major() >= 15) {
            (true, _) => Counts::Transaction,
            (false, true) => Counts::Server,
            (false, false) => Counts::Nowhere,
        }
    }

    pub(super) fn sql(self) -> [&'static str; 2] {
        match self {
            Counts::Transaction => [
                "SELECT 1",
                "SELECT c.oid, n FROM pg_catalog.pg_class c, LATERAL (SELECT \
                   pg_catalog.pg_stat_get_xact_tuples_returned(c.oid) + pg_catalog.pg_stat_get_xact_tuples_fetched(c.oid)) \
                   AS s(n) WHERE c.oid >= 16384 AND c.relkind IN ('r', 'm') AND n > 0",
            ],
            Counts::Server => [
                "SELECT pg_catalog.pg_stat_force_next_flush()",
                "SELECT c.oid, n FROM pg_catalog.pg_class c, LATERAL (SELECT \
                   pg_catalog.pg_stat_get_tuples_returned(c.oid) + pg_catalog.pg_stat_get_tuples_fetched(c.oid)) \
                   AS s(n) WHERE c.oid >= 16384 AND c.relkind IN ('r', 'm') AND n > 0",
            ],
            Counts::Nowhere => ["SELECT 1", "SELECT NULL, NULL"],
        }
    }

    pub(super) fn read(self, rows: Rows) -> Option<BTreeMap<String, u64>> {
        if self == Counts::Nowhere {
            return None;
        }
        let count = |row: Vec<Option<String>>| match &row[..] {
            [Some(oid), Some(count)] => Some((oid.clone(), count.parse().ok()?)),
            _ => None,
        };
        Some(rows.into_iter().filter_map(count).collect())
    }
}

/// All relations of users: name as people write it, kind, file.
pub(super) const STATE: &str = "SELECT c.oid, CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname, \
     c.relkind, c.relfilenode FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'm', 'i', 'I') AND n.nspname NOT LIKE 'pg\\_%'";

pub(super) struct Relation {
    pub(super) name: String,
    index: bool,
    file: String,
}

pub(super) struct State(pub(super) BTreeMap<String, Relation>);

impl State {
    pub(super) fn read(rows: Rows) -> State {
        let one = |row: Vec<Option<String>>| {
            let [oid, name, kind, file] = <[Option<String>; 4]>::try_from(row).ok()?;
            let index = matches!(kind?.as_str(), "i" | "I");
            Some((oid?, Relation { name: name?, index, file: file? }))
        };
        State(rows.into_iter().filter_map(one).collect())
    }

    /// Tables that got a new file, and indexes that got one or are new on a table that was there. TRUNCATE gives new
    /// files too but writes no rows.
    pub(super) fn changes(&self, after: &State, sql: &str) -> (Vec<String>, Vec<String>) {
        if sql.trim_start().get(..8).is_some_and(|word| word.eq_ignore_ascii_case("truncate")) {
            return (Vec::new(), Vec::new());
        }
        let mut rewritten = BTreeSet::new();
        let mut built = BTreeSet::new();
        for (oid, new) in &after.0 {
            let changed = match self.0.get(oid) {
                Some(old) => old.file != new.file,
                None => new.index,
            };
            if changed {
                if new.index { &mut built } else { &mut rewritten }.insert(new.name.clone());
            }
        }
        (rewritten.into_iter().collect(), built.into_iter().collect())
    }

    pub(super) fn scanned(
        &self,
        before: &BTreeMap<String, u64>,
        after: &BTreeMap<String, u64>,
    ) -> BTreeMap<String, u64> {
        after
            .iter()
            .filter_map(|(oid, count)| {
                let rows = count.saturating_sub(before.get(oid).copied().unwrap_or(0));
                Some((self.0.get(oid)?.name.clone(), rows))
            })
            .filter(|(_, rows)| *rows > 0)
            .collect()
    }
}
