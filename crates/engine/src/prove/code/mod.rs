//! Findings about calls, shown on generated rows: the statements run with values that exist, as they are and as
//! the hint would have them, and the server says what that costs.
//!
//! The rows are made once for a project, and only where a finding can be shown on them. An index that the
//! planner does not use is refuted; a finding that generated rows do not show is not proven, and stays.

mod checked;
mod deadlock;
mod event;
mod index;
mod memory;
mod missing;
mod outbox;
mod pattern;
mod repeated;
mod rewrite;
mod transitions;
mod twin;
mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use anyhow::Result;
use pgsteward_model::catalog::QName;
use pgsteward_model::change::Step;
use pgsteward_model::code::{Call, Code, Query};
use pgsteward_model::facts::{Facts, Gap};
use pgsteward_model::finding::{Evidence, Finding};
use pgsteward_model::proof::{Observation, Proof, Verdict};
use pgsteward_model::version::ServerVersion;

use super::Benches;
use crate::Progress;
use twin::{AROUND, LOOKED_AT, SEARCHED};
pub(crate) use twin::{EVERYWHERE, Twin, make};

/// What is shown of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Show {
    /// The plan before and after the index of the fix.
    Index,
    /// Rows that the server sends against rows that the call returns.
    Memory,
    /// Many statements against one.
    Repeated,
    /// A row that is found and is not equal.
    Pattern,
    /// How many rows a statement reaches without its filter.
    Missing,
    /// Two sessions that wait for each other.
    Deadlock,
    /// Ways of a status that the fix refuses and lets pass.
    Transitions,
    /// The same event twice.
    Event,
    /// A row that comes and goes with its write.
    Outbox,
    /// Values that a constraint takes and refuses.
    Checked,
}

/// What a rule is about cannot be read from its findings where they have no fix, so it stands here.
const SHOWN: [(&str, Show); 13] = [
    ("cursor-without-unique-order", Show::Memory),
    ("distinct-in-memory", Show::Memory),
    ("nested-take-in-memory", Show::Memory),
    ("query-in-loop", Show::Repeated),
    ("write-in-loop", Show::Repeated),
    ("insensitive-equals-is-pattern", Show::Pattern),
    ("undefined-filter", Show::Missing),
    ("transactions-lock-in-different-order", Show::Deadlock),
    ("status-updated-blindly", Show::Transitions),
    ("webhook-without-idempotency-key", Show::Event),
    ("write-and-effect-can-disagree", Show::Outbox),
    ("external-call-in-transaction", Show::Outbox),
    ("checked-only-in-code", Show::Checked),
];

fn shown_by(finding: &Finding) -> Option<Show> {
    let makes_table = finding
        .fix
        .iter()
        .flat_map(|fix| &fix.change.steps)
        .any(|step| matches!(step, Step::Sql(step) if step.sql.starts_with("CREATE TABLE")));
    let makes_index = !makes_table && finding.fix.iter().flat_map(|fix| &fix.change.steps).any(
        |step| matches!(step, Step::Sql(step) if step.sql.starts_with("CREATE INDEX") || step.sql.starts_with("CREATE UNIQUE INDEX")),
    );
    if makes_index {
        return Some(Show::Index);
    }
    let show = SHOWN.iter().find(|(rule, _)| *rule == finding.rule).map(|(_, show)| *show)?;
    if show == Show::Outbox && !makes_table {
        return None;
    }
    // These show what a fix does, and nothing where there is none.
    let of_fix = matches!(show, Show::Transitions | Show::Event | Show::Checked);
    (finding.fix.is_some() || !of_fix).then_some(show)
}

/// What all proofs of a run need.
struct Bench<'a> {
    facts: &'a Facts,
    code: &'a Code,
    twin: &'a Twin,
}

/// What was seen, and what follows from it.
type Seen = (Vec<Observation>, Verdict);

fn not_shown(reason: impl Into<String>) -> Seen {
    (Vec::new(), Verdict::Unprovable { reason: reason.into() })
}

/// What generated rows showed.
#[derive(Default)]
pub(super) struct Shown {
    /// By the index of their finding.
    seen: Vec<(usize, Show, Seen)>,
    version: Option<ServerVersion>,
    /// Findings that there was no time for.
    late: Vec<usize>,
    pub(super) gaps: Vec<Gap>,
}

impl Shown {
    /// Adds what was seen to what is known, and returns how many findings there was no time for. What was refuted
    /// meanwhile has lost its fix, or will: rows say nothing about it.
    pub(super) fn add_to(self, findings: &mut [Finding]) -> usize {
        for (index, show, seen) in self.seen {
            if !is_refuted(&findings[index]) {
                add(&mut findings[index], show, seen, self.version);
            }
        }
        self.late.iter().filter(|index| !is_refuted(&findings[**index])).count()
    }
}

fn is_refuted(finding: &Finding) -> bool {
    matches!(&finding.proof, Some(Proof { verdict: Verdict::Refuted { .. }, .. }))
}

/// Shows findings about code, the most severe first, but for those whose fix is known to be `refuted`.
pub(super) async fn prove(
    findings: &[Finding],
    facts: &Facts,
    benches: Benches<'_>,
    limit: usize,
    refuted: &BTreeSet<usize>,
    until: Instant,
    progress: &dyn Progress,
) -> Result<Shown> {
    let mut shown = Shown::default();
    let Some(code) = &facts.code else { return Ok(shown) };
    let cases: Vec<(usize, Show)> = findings
        .iter()
        .enumerate()
        .filter_map(|(index, finding)| {
            finding.at.file.as_ref()?;
            let show = shown_by(finding).filter(|_| !is_refuted(finding) && !refuted.contains(&index))?;
            (matches!(show, Show::Deadlock | Show::Checked) || call_of(code, finding).is_some())
                .then_some((index, show))
        })
        .take(limit)
        .collect();
    let (Some(made), false) = (benches.live.or(benches.history), cases.is_empty()) else { return Ok(shown) };
    progress.phase("make rows for proofs of code");
    let wanted = tables(&cases, findings, code);
    let (twin, gaps) = make(benches.lab, made, facts, &wanted, AROUND, until).await?;
    (shown.version, shown.gaps) = (Some(twin.version), gaps);
    let rows: u64 = twin.filled.rows.values().sum();
    progress.phase(&format!(
        "run calls on {rows} rows in {} tables, made in {} ms",
        twin.filled.rows.len(),
        twin.filled.elapsed.as_millis()
    ));
    let bench = Bench { facts, code, twin: &twin };
    for (done, (index, show)) in cases.iter().enumerate() {
        progress.step(done, cases.len());
        if Instant::now() >= until {
            shown.late = cases[done..].iter().map(|(index, _)| *index).collect();
            break;
        }
        let finding = &findings[*index];
        let seen = match (show, call_of(code, finding)) {
            (Show::Deadlock, _) => deadlock::show(&bench, benches.lab, finding).await?,
            (Show::Checked, _) => checked::show(&bench, finding).await,
            (Show::Index, Some(call)) => index::show(&bench, finding, call).await,
            (Show::Memory, Some(call)) => memory::show(&bench, finding, call).await,
            (Show::Repeated, Some(call)) => repeated::show(&bench, finding, call).await,
            (Show::Pattern, Some(call)) => pattern::show(&bench, finding, call).await,
            (Show::Missing, Some(call)) => missing::show(&bench, finding, call).await,
            (Show::Transitions, Some(call)) => transitions::show(&bench, finding, call).await,
            (Show::Event, Some(call)) => event::show(&bench, finding, call).await,
            (Show::Outbox, Some(call)) => outbox::show(&bench, finding, call).await,
            (_, None) => continue,
        };
        shown.seen.push((*index, *show, seen));
    }
    twin.close(benches.lab).await?;
    Ok(shown)
}

/// Adds what was seen to what is known. A fix that was proven otherwise and is not shown on rows stays proven; an
/// index that could not be tried where it is wanted is not proven by rows either.
fn add(finding: &mut Finding, show: Show, (observations, verdict): Seen, version: Option<ServerVersion>) {
    let Some(proof) = &mut finding.proof else {
        let subject = match &finding.fix {
            Some(fix) => fix.title.clone(),
            None => "what the call costs on generated rows".to_owned(),
        };
        finding.proof = Some(Proof { subject, server: version, observations, verdict });
        return;
    };
    proof.server = version;
    proof.observations.extend(observations);
    let known = match (&proof.verdict, &verdict) {
        (Verdict::Refuted { .. }, _) => true,
        (Verdict::Unprovable { .. }, Verdict::Proven) => show == Show::Index,
        (_, Verdict::Unprovable { .. }) => true,
        _ => false,
    };
    if !known {
        proof.verdict = verdict;
    }
}

/// The call that a finding stands at: the innermost one around its place.
fn call_of<'a>(code: &'a Code, finding: &Finding) -> Option<&'a Call> {
    let at = |range: &pgsteward_model::source::FileRange| {
        let around =
            |call: &&Call| *call.site.at.file == *range.file && call.site.at.span.contains(range.span);
        code.calls.iter().filter(around).min_by_key(|call| call.site.at.span.end - call.site.at.span.start)
    };
    let range = finding.at.file.as_ref()?;
    at(range).or_else(|| finding.also.iter().filter_map(|place| place.file.as_ref()).find_map(at))
}

/// The statement that a finding shows, else the call's first.
fn query_of<'a>(finding: &Finding, call: &'a Call) -> Option<&'a Query> {
    let shown = finding.evidence.iter().find_map(|evidence| match evidence {
        Evidence::Sql { sql } => call.lowered.queries().find(|query| *query.sql == **sql),
        _ => None,
    });
    shown.or_else(|| call.lowered.queries().next())
}

/// Tables that must be large enough for an index to be worth its reading, and for what memory is filled with to show.
fn tables(cases: &[(usize, Show)], findings: &[Finding], code: &Code) -> BTreeMap<QName, u64> {
    let mut found: BTreeMap<QName, u64> = BTreeMap::new();
    for (index, show) in cases {
        // Other tables keep the size that their place among the others gives them.
        if !matches!(show, Show::Index | Show::Memory) {
            continue;
        }
        let Some(call) = call_of(code, &findings[*index]) else { continue };
        let Some(query) = query_of(&findings[*index], call) else { continue };
        let searched = findings[*index]
            .fix
            .iter()
            .flat_map(|fix| &fix.change.steps)
            .any(|step| matches!(step, Step::Sql(step) if step.sql.contains(" USING gin ")));
        for access in query.accesses.iter().take(1) {
            let rows = found.entry(QName::new(access.namespace.clone(), access.table.clone())).or_default();
            *rows = (*rows).max(if searched { SEARCHED } else { LOOKED_AT });
        }
    }
    found
}
