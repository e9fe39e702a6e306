//! What a rehearsal means: who waits, for how long, and how to write it so that nobody does. Pure.

use pgsteward_model::migrate::deploy::{CheckOutcome, DataCheck};
use pgsteward_model::migrate::rehearsal::{
    Accepted, Estimate, HeldLock, RehearsedMigration, RehearsedStatement, Remedy, Verdict,
};
use pgsteward_model::statement::Statement;

use super::assemble::span;
use super::remedy::{breaks, remedies_of};
use crate::migrate::regime::FilePlan;

/// By what a migration is judged.
pub(super) struct Terms<'a> {
    /// How long others may be kept waiting.
    pub(super) max_block_ms: f64,
    pub(super) lock_timeout_ms: u128,
    /// The table has no rows in production.
    pub(super) is_empty: &'a dyn Fn(&str) -> bool,
    /// Where somebody accepted what a remedy is for.
    pub(super) accepted: &'a dyn Fn(&Remedy) -> Option<String>,
}

/// Judges a migration that ran. `at`: the index in the file of each of its statements.
pub(super) fn judge(migration: &mut RehearsedMigration, plan: &FilePlan, at: &[usize], terms: &Terms<'_>) {
    let mut said = Said::default();
    for (position, one) in migration.statements.iter().enumerate() {
        for lock in &one.locks {
            said.lock(migration, plan, at, terms, (position, lock));
        }
    }
    if said.window > 0.0 {
        said.settings.push(format!("a time of little traffic: up to {} is possible", span(said.window)));
    }
    for reason in migration.checks.iter().filter_map(unmet) {
        said.hazard(terms, reason, Vec::new());
    }
    said.broken(migration, plan, at, terms);
    said.deadlocks(migration, terms);
    if said.verdict == Verdict::Safe && said.reasons.is_empty() {
        said.reasons
            .push("no lock of it stands in the way of reads or writes of rows that are there".to_owned());
    }
    migration.verdict = said.verdict;
    migration.reasons = said.reasons;
    migration.settings = said.settings;
    migration.rewrites = said.remedies;
    migration.accepted = said.accepted;
}

struct Said {
    verdict: Verdict,
    reasons: Vec<String>,
    settings: Vec<String>,
    remedies: Vec<Remedy>,
    accepted: Vec<Accepted>,
    /// Longest wait that is possible though not expected, in milliseconds.
    window: f64,
}

impl Default for Said {
    fn default() -> Said {
        Said {
            verdict: Verdict::Safe,
            reasons: Vec::new(),
            settings: Vec::new(),
            remedies: Vec::new(),
            accepted: Vec::new(),
            window: 0.0,
        }
    }
}

impl Said {
    /// Something that makes the migration unsafe, unless all that it takes to avoid it was accepted.
    fn hazard(&mut self, terms: &Terms<'_>, reason: String, remedies: Vec<Remedy>) {
        let by: Option<Vec<String>> = remedies.iter().map(terms.accepted).collect();
        if let Some(mut by) = by.filter(|by| !by.is_empty()) {
            let mut rules: Vec<String> = remedies.into_iter().map(|one| one.rule).collect();
            rules.dedup();
            by.dedup();
            self.accepted.push(Accepted { what: reason, rules, by: by.join("; ") });
            self.verdict = self.verdict.max(Verdict::Accepted);
            return;
        }
        self.verdict = self.verdict.max(Verdict::Unsafe);
        self.reasons.push(reason);
        for remedy in remedies {
            if !self.remedies.contains(&remedy) {
                self.remedies.push(remedy);
            }
        }
    }

    fn lock(
        &mut self,
        migration: &RehearsedMigration,
        plan: &FilePlan,
        at: &[usize],
        terms: &Terms<'_>,
        (position, lock): (usize, &HeldLock),
    ) {
        let one = &migration.statements[position];
        let of_rows = changes_rows(&plan.statements[at[position]].statement) && lock.mode == "ROW EXCLUSIVE";
        if !(lock.blocks_reads || lock.blocks_writes || of_rows) || (terms.is_empty)(&lock.relation) {
            return;
        }
        let who = match (lock.blocks_reads, of_rows) {
            (true, _) => "readers and writers",
            (false, false) => "writers",
            (false, true) => "writers of the changed rows",
        };
        let reason = match lock.expected_held {
            Some(held) if held.ms <= terms.max_block_ms => {
                if !of_rows {
                    self.moment(plan, terms, one, lock, who, held);
                }
                return;
            }
            Some(held) => format!(
                "line {}: {} on \"{}\" keeps {who} waiting for about {} ({})",
                one.line,
                lock.mode,
                lock.relation,
                span(held.ms),
                bounds(held)
            ),
            None => format!(
                "line {}: {} on \"{}\" keeps {who} waiting for as long as the work takes, and how long that is in production \
                 could not be told",
                one.line, lock.mode, lock.relation
            ),
        };
        let accepted = self.accepted.len();
        self.hazard(terms, reason, remedies_of(migration, plan, at, position));
        if self.accepted.len() > accepted && !of_rows {
            self.lock_timeout(plan, terms);
        }
    }

    /// Others wait, and not for long.
    fn moment(
        &mut self,
        plan: &FilePlan,
        terms: &Terms<'_>,
        one: &RehearsedStatement,
        lock: &HeldLock,
        who: &str,
        held: Estimate,
    ) {
        self.verdict = self.verdict.max(Verdict::SafeWithSettings);
        self.lock_timeout(plan, terms);
        if held.high_ms > terms.max_block_ms {
            self.window = self.window.max(held.high_ms);
        }
        self.reasons.push(format!(
            "line {}: {} on \"{}\" stops {who} for about {} once it has the lock, and queues them behind it until then",
            one.line,
            lock.mode,
            lock.relation,
            span(held.ms)
        ));
    }

    fn lock_timeout(&mut self, plan: &FilePlan, terms: &Terms<'_>) {
        let timeout = format!("lock_timeout = '{}ms'", terms.lock_timeout_ms);
        if !plan.sets_lock_timeout && !self.settings.contains(&timeout) {
            self.settings.push(timeout);
        }
    }

    fn broken(&mut self, migration: &RehearsedMigration, plan: &FilePlan, at: &[usize], terms: &Terms<'_>) {
        for one in &migration.broken {
            let by = one.line.map_or(String::new(), |line| format!("line {line}: "));
            let reason = format!(
                "{by}the running application breaks at this statement: its {} of \"{}\" fails from then on: {}",
                one.request, one.relation, one.error
            );
            let statement =
                (0..at.len()).find(|position| one.line == Some(migration.statements[*position].line));
            let statement = statement.map(|position| &plan.statements[at[position]].statement);
            let (rule, text) = breaks(statement);
            let line = one.line.unwrap_or_else(|| first_line(migration));
            self.hazard(terms, reason, vec![Remedy { line, rule: rule.to_owned(), text }]);
        }
    }

    fn deadlocks(&mut self, migration: &RehearsedMigration, terms: &Terms<'_>) {
        if migration.let_go > 0 {
            let times =
                if migration.let_go == 1 { "once".to_owned() } else { format!("{} times", migration.let_go) };
            self.reasons.push(format!(
                "the application held a lock that it needed next and asked for one that it had: it let go {times}, so that nothing of the \
                 application ends, and began again, as deploy does"
            ));
        }
        for one in &migration.deadlocks {
            let times = if one.times == 1 { "once".to_owned() } else { format!("{} times", one.times) };
            let reason = match (&one.request, one.line) {
                (Some(request), _) => {
                    format!(
                        "it and the application's {request} waited for each other, and the server ended the latter {times}"
                    )
                }
                (None, line) => format!(
                    "line {}: it and the application waited for each other, and the server ended the migration {times}",
                    line.unwrap_or(1)
                ),
            };
            let remedy = Remedy {
                line: one.line.unwrap_or_else(|| first_line(migration)),
                rule: "lock-held-during-work".to_owned(),
                text: "lock one table in a migration and the next in another: an application that asks both in the other order \
                       waits for the first while it holds the second"
                    .to_owned(),
            };
            self.hazard(terms, reason, vec![remedy]);
        }
    }
}

fn first_line(migration: &RehearsedMigration) -> u32 {
    migration.statements.first().map_or(1, |one| one.line)
}

/// What a query of `checks.sql` says against the migration.
fn unmet(check: &DataCheck) -> Option<String> {
    let said = match &check.outcome {
        CheckOutcome::Passed => return None,
        CheckOutcome::Violated { rows, keys } => {
            format!("{rows} row{} ({})", if *rows == 1 { "" } else { "s" }, keys.join(", "))
        }
        CheckOutcome::Unknown { why } => format!("it fails: {why}"),
    };
    Some(format!("line {} of checks.sql does not hold on the twin: {}: {said}", check.line, check.what))
}

fn bounds(estimate: Estimate) -> String {
    format!("{} to {}", span(estimate.low_ms), span(estimate.high_ms))
}

fn changes_rows(statement: &Statement) -> bool {
    matches!(statement, Statement::Update { .. } | Statement::Delete { .. } | Statement::Merge { .. })
}
