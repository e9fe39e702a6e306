//! The runs of one migration put together: one line for each statement. Pure.

use std::collections::BTreeMap;

use pgsteward_model::lock::LockMode;
use pgsteward_model::migrate::deploy::FileRegime;
use pgsteward_model::migrate::rehearsal::{
    Estimate, HeldLock, RehearsedMigration, RehearsedStatement, Scanned, Verdict, Waits,
};

use super::broken;
use super::pass::{Around, Seen, StatementSeen};
use super::predict::{Measured, expect, quantile};
use crate::migrate::regime::FilePlan;

/// Rows by relation, as people write it.
pub(super) type Rows = BTreeMap<String, f64>;

/// How large everything is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes<'a> {
    pub(super) small: &'a Rows,
    pub(super) large: &'a Rows,
    /// Empty where nothing is known.
    pub(super) production: &'a Rows,
}

/// All runs of one file.
pub(super) struct Runs<'a> {
    pub(super) small: Vec<&'a Seen>,
    pub(super) large: Vec<&'a Seen>,
    pub(super) loaded: &'a Seen,
}

/// The statements that ran, with their indices in the file.
pub(super) fn migration(
    name: &str,
    plan: &FilePlan,
    runs: &Runs<'_>,
    sizes: Sizes<'_>,
) -> (RehearsedMigration, Vec<usize>) {
    let mut statements = Vec::new();
    let mut at = Vec::new();
    for seen in &runs.loaded.statements {
        at.push(seen.at);
        statements.push(statement(plan, runs, sizes, seen));
    }
    let expected: Vec<Option<Estimate>> =
        statements.iter().map(|one: &RehearsedStatement| one.expected).collect();
    for (position, one) in statements.iter_mut().enumerate() {
        one.locks = locks(plan, runs.loaded, position, &at, &expected);
    }
    if let Some(around) = &runs.loaded.around {
        waits(&mut statements, runs.loaded, around);
    }
    let mut migration = RehearsedMigration {
        name: name.to_owned(),
        verdict: Verdict::Safe,
        reasons: Vec::new(),
        settings: Vec::new(),
        rewrites: Vec::new(),
        accepted: Vec::new(),
        regime: plan.regime,
        because: plan.because.clone(),
        statements,
        checks: runs.loaded.checks.clone(),
        broken: Vec::new(),
        deadlocks: Vec::new(),
        let_go: runs.loaded.let_go,
        failure: None,
    };
    broken::add(&mut migration, plan, runs.loaded, &at);
    (migration, at)
}

fn statement(plan: &FilePlan, runs: &Runs<'_>, sizes: Sizes<'_>, seen: &StatementSeen) -> RehearsedStatement {
    let planned = &plan.statements[seen.at];
    let of = |runs: &[&Seen]| -> Vec<StatementSeen> {
        runs.iter().filter_map(|run| run.statements.iter().find(|one| one.at == seen.at)).cloned().collect()
    };
    let (small, large) = (of(&runs.small), of(&runs.large));
    // A statement outside of a transaction is counted together with the load, so that run does not count.
    let alone = !in_transaction(plan, seen.at);
    let most = |seen: &[StatementSeen]| -> Option<BTreeMap<String, u64>> {
        let mut most: Option<BTreeMap<String, u64>> = None;
        for scanned in seen.iter().filter_map(|one| one.scanned.as_ref()) {
            let known = most.get_or_insert_default();
            for (relation, rows) in scanned {
                let known = known.entry(relation.clone()).or_default();
                *known = (*known).max(*rows);
            }
        }
        most
    };
    let with_load =
        if alone { large.clone() } else { [large.as_slice(), std::slice::from_ref(seen)].concat() };
    let read_large = most(&with_load).unwrap_or_else(|| presumed(plan, seen.at, sizes.large));
    let ratio = |relation: &str| -> Option<f64> {
        let here = sizes.large.get(relation).copied().filter(|rows| *rows > 0.0)?;
        Some(sizes.production.get(relation)? / here)
    };
    // Workers in parallel count elsewhere, so the smaller twin is taken to read what its size says.
    let shrink = |relation: &str| -> f64 {
        let (small, large) = (sizes.small.get(relation), sizes.large.get(relation));
        small.zip(large).filter(|(_, large)| **large > 0.0).map_or(1.0, |(small, large)| small / large)
    };
    let sum = |factor: &dyn Fn(&str) -> Option<f64>| -> Option<f64> {
        read_large.iter().map(|(relation, rows)| Some(as_float(*rows) * factor(relation)?)).sum()
    };
    let rows_large = sum(&|_| Some(1.0)).unwrap_or_default();
    let rows_small = sum(&|relation| Some(shrink(relation))).unwrap_or_default();
    let rows_there = sum(&ratio);
    let times =
        |seen: &[StatementSeen]| seen.iter().map(|one| as_float(one.micros) / 1000.0).collect::<Vec<f64>>();
    let sorts = !seen.built.is_empty();
    let measured_small = Measured { rows: rows_small, ms: times(&small) };
    let measured_large = Measured { rows: rows_large, ms: times(&large) };
    // What works on rows was not seen at work where the twin has none.
    let unseen = !planned.work.is_empty()
        && planned.predicted.iter().any(|lock| {
            let rows = |rows: &Rows| rows.get(&lock.relation).copied();
            rows(sizes.production) > Some(0.0) && rows(sizes.large).is_none_or(|rows| rows < 1.0)
        });
    let expected = match rows_there.filter(|_| !unseen) {
        Some(rows) => expect(&measured_small, &measured_large, rows, sorts),
        None => None,
    };
    let wal = large.first().map_or(seen.wal, |one| one.wal);
    let growth = rows_there.filter(|_| rows_large >= 1.0).map_or(1.0, |rows| rows / rows_large);
    let mut elapsed = times(&large);
    RehearsedStatement {
        line: planned.line,
        text: planned.run().text,
        elapsed_ms: quantile(&mut elapsed, 0.5),
        expected,
        locks: Vec::new(),
        scanned: read_large
            .iter()
            .map(|(relation, rows)| Scanned {
                relation: relation.clone(),
                rows: *rows,
                expected_rows: ratio(relation).map(|ratio| whole(as_float(*rows) * ratio)),
            })
            .collect(),
        rewrites: seen.rewritten.clone(),
        built: seen.built.clone(),
        wal_bytes: wal,
        expected_wal_bytes: rows_there.map(|_| whole(as_float(wal) * growth)),
        waits: None,
    }
}

/// Rows of the tables that reading the statement says it works on, where the server does not count.
fn presumed(plan: &FilePlan, at: usize, rows: &Rows) -> BTreeMap<String, u64> {
    let planned = &plan.statements[at];
    if planned.work.is_empty() {
        return BTreeMap::new();
    }
    let of = |relation: &String| Some((relation.clone(), whole(*rows.get(relation)?)));
    planned.predicted.iter().filter_map(|lock| of(&lock.relation)).collect()
}

/// Index behind the last statement that is committed together with the one at `at`.
pub(super) fn end_of_unit(plan: &FilePlan, at: usize) -> usize {
    match plan.regime {
        FileRegime::Atomic => plan.statements.len(),
        FileRegime::ByStatement => {
            plan.units.iter().map(|unit| unit.end()).find(|end| at < *end).unwrap_or(at + 1)
        }
    }
}

fn in_transaction(plan: &FilePlan, at: usize) -> bool {
    use crate::migrate::regime::Unit;
    plan.regime == FileRegime::Atomic || !plan.units.contains(&Unit::Alone(at))
}

/// The locks that a statement added, on relations that were there before the file: the strongest for each.
fn locks(
    plan: &FilePlan,
    seen: &Seen,
    position: usize,
    at: &[usize],
    expected: &[Option<Estimate>],
) -> Vec<HeldLock> {
    let one = &seen.statements[position];
    let samples = seen.around.as_ref().map(|around| &around.samples);
    let mut added: BTreeMap<&str, LockMode> = BTreeMap::new();
    let mut add = |oid: &'_ str, mode: LockMode| {
        if let Some(name) = seen.names.get(oid) {
            let known = added.entry(name.as_str()).or_insert(mode);
            *known = (*known).max(mode);
        }
    };
    if in_transaction(plan, one.at) {
        let same_unit = |other: &StatementSeen| {
            end_of_unit(plan, other.at) == end_of_unit(plan, one.at) && other.at < one.at
        };
        let before: Vec<&(String, LockMode)> =
            seen.statements.iter().filter(|other| same_unit(other)).flat_map(|other| &other.locks).collect();
        let covered =
            |oid: &str, mode: LockMode| before.iter().any(|(other, held)| other == oid && *held >= mode);
        for (oid, mode) in one.locks.iter().filter(|(oid, mode)| !covered(oid, *mode)) {
            add(oid, *mode);
        }
    } else {
        for ((oid, mode), (first, _)) in samples.into_iter().flat_map(|samples| &samples.locks) {
            if *first >= one.from && *first <= one.released {
                add(oid, *mode);
            }
        }
    }
    let end = end_of_unit(plan, one.at);
    let until = |position: usize| (position..at.len()).filter(|other| at[*other] < end);
    let expected_held = until(position).map(|other| expected[other]).sum_of();
    added
        .into_iter()
        .map(|(relation, mode)| {
            let when = samples.and_then(|samples| {
                let of = |oid: &String| seen.names.get(oid).is_some_and(|name| name == relation);
                let times = samples.locks.iter().filter(|((oid, held), _)| of(oid) && *held == mode);
                times.map(|(_, times)| *times).find(|(first, _)| *first >= one.from && *first <= one.released)
            });
            let (first, last) = match (when, in_transaction(plan, one.at)) {
                (Some((first, _)), true) => (first, one.released),
                (Some(times), false) => times,
                (None, _) => (one.from, one.released),
            };
            HeldLock {
                relation: relation.to_owned(),
                mode: mode.to_string(),
                blocks_reads: mode.blocks_reads(),
                blocks_writes: mode.blocks_writes(),
                held_ms: last.saturating_duration_since(first).as_secs_f64() * 1000.0,
                expected_held,
            }
        })
        .collect()
}

/// Estimates one after the other; none where one of them is missing.
trait SumOf {
    fn sum_of(self) -> Option<Estimate>;
}

impl<I: Iterator<Item = Option<Estimate>>> SumOf for I {
    fn sum_of(mut self) -> Option<Estimate> {
        self.try_fold(Estimate::default(), |sum, one| {
            let one = one?;
            Some(Estimate {
                ms: sum.ms + one.ms,
                low_ms: sum.low_ms + one.low_ms,
                high_ms: sum.high_ms + one.high_ms,
            })
        })
    }
}

/// Requests that were seen waiting belong to the statement that ran when they were first seen so.
fn waits(statements: &mut [RehearsedStatement], seen: &Seen, around: &Around) {
    let mut of_statement: BTreeMap<usize, (usize, usize, Vec<f64>)> = BTreeMap::new();
    for request in &around.requests {
        let waited = around
            .samples
            .waiting
            .iter()
            .filter(|(pid, at)| *pid == request.pid && *at >= request.from && *at <= request.to);
        let Some(first) = waited.map(|(_, at)| *at).min() else { continue };
        let Some(position) = seen.statements.iter().rposition(|one| one.from <= first) else { continue };
        let (reads, writes, times) = of_statement.entry(position).or_default();
        *if request.writes() { writes } else { reads } += 1;
        times.push(request.to.saturating_duration_since(request.from).as_secs_f64() * 1000.0);
    }
    for (position, (reads, writes, mut times)) in of_statement {
        statements[position].waits = Some(Waits {
            reads,
            writes,
            median_ms: quantile(&mut times, 0.5),
            p99_ms: quantile(&mut times, 0.99),
            longest_ms: quantile(&mut times, 1.0),
        });
    }
}

/// `12 ms`, `3.4 s`, `5 min`.
pub(super) fn span(ms: f64) -> String {
    match ms {
        ms if ms < 1.0 => "less than 1 ms".to_owned(),
        ms if ms < 1000.0 => format!("{ms:.0} ms"),
        ms if ms < 120_000.0 => format!("{:.1} s", ms / 1000.0),
        ms if ms < 7_200_000.0 => format!("{:.0} min", ms / 60_000.0),
        ms => format!("{:.1} h", ms / 3_600_000.0),
    }
}

pub(super) fn as_float(number: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "numbers of rows and bytes for people")]
    let float = number as f64;
    float
}

pub(super) fn whole(number: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of rows or bytes, clamped to what both types hold"
    )]
    let whole = number.round().clamp(0.0, 9e15) as u64;
    whole
}
