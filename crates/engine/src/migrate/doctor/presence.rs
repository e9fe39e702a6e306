//! Which statements of a migration are in a database, from catalogs and the history alone. Knows no server.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::Catalog;
use pgsteward_model::catalog_compare::{ColumnOrder, differences};
use pgsteward_model::migrate::doctor::{Presence, StatementState, Verdict};
use pgsteward_model::source::SourceFile;
use pgsteward_model::statement::Statement;
use pgsteward_pg::history::HistoryRow;

use crate::migrate::error::MigrateError;
use crate::migrate::history::{PARTIAL, RUNNING};
use crate::migrate::messages::PLACE;
use crate::migrate::project::MigrationFolder;

/// A statement of the migration.
pub(super) struct Piece {
    pub(super) sql: String,
    pub(super) line: u32,
}

/// The statements that do something; those that only begin and end transactions are left out.
pub(super) fn pieces(folder: &MigrationFolder) -> Result<Vec<Piece>, MigrateError> {
    let parsed = pgsteward_sql::parse(folder.script());
    let source = SourceFile::new(folder.name.as_str(), folder.script());
    if let Some(error) = parsed.errors.first() {
        let line = source.position(error.span.start).line;
        return Err(MigrateError::new(format!(
            "line {line} of the migration \"{}\" is not valid SQL, so the lab cannot run it ({})",
            folder.name, error.message
        ))
        .with_hint(
            "correct it, then `pgsteward migrate doctor` again: it finds out what stands before it in the database; nothing \
             behind it can have run",
        ));
    }
    let acts = |statement: &Statement| {
        !matches!(statement, Statement::Begin | Statement::Commit | Statement::Rollback)
    };
    Ok(parsed
        .statements
        .iter()
        .filter(|one| acts(&one.statement))
        .map(|one| Piece {
            sql: source.slice(one.span).trim_end().trim_end_matches(';').to_owned(),
            line: source.position(one.span.start).line,
        })
        .collect())
}

/// What the catalogs alone say of each statement. `states[0]` is before the first, `states[i + 1]` after the i-th.
pub(super) fn statements(pieces: &[Piece], states: &[Catalog], live: &Catalog) -> Vec<StatementState> {
    let objects = |one: &Catalog, other: &Catalog| -> BTreeSet<String> {
        differences(one, other, ColumnOrder::Ignored)
            .into_iter()
            .map(|difference| difference.object)
            .collect()
    };
    let unlike: Vec<BTreeSet<String>> = states.iter().map(|state| objects(state, live)).collect();
    let tables = |object: &str| object.strip_prefix("table ").map(str::to_owned);
    // A table that is missing on one side is one difference, and nothing is said of its parts.
    let agrees = |state: usize, object: &str| {
        !unlike[state].contains(object)
            && !unlike[state].iter().filter_map(|other| tables(other)).any(|table| {
                live.tables.keys().all(|name| name.to_string() != table)
                    && object.split_once(' ').is_some_and(|(_, part)| part.starts_with(&format!("{table}.")))
            })
    };
    let mut found = Vec::with_capacity(pieces.len());
    for (at, piece) in pieces.iter().enumerate() {
        let text: String =
            piece.sql.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(100).collect();
        let mut one = StatementState {
            line: piece.line,
            text,
            presence: Presence::Unclear,
            objects: Vec::new(),
            because: None,
        };
        if at + 1 < states.len() {
            one.objects = objects(&states[at], &states[at + 1]).into_iter().collect();
            let mut seen: BTreeMap<Agreement, usize> = BTreeMap::new();
            for object in &one.objects {
                let before = (0..=at).any(|state| agrees(state, object));
                let after = (at + 1..states.len()).any(|state| agrees(state, object));
                *seen.entry(Agreement(before, after)).or_default() += 1;
            }
            one.presence = match seen.keys().collect::<Vec<_>>().as_slice() {
                [Agreement(false, true)] => Presence::Present,
                [Agreement(true, false)] => Presence::Absent,
                _ => Presence::Unclear,
            };
            if one.objects.is_empty() {
                one.because = Some("it changes no schema, so the catalog does not show it".into());
            }
        }
        found.push(one);
    }
    found
}

/// Agrees with a state before the statement, with one after it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Agreement(bool, bool);

/// What the row of a run of ours says of its statements.
pub(super) struct Counted {
    done: usize,
    /// How it is known of the others that they are not there.
    because: &'static str,
}

/// None where the row is of another runner, which may have sent the statements one by one without counting them.
pub(super) fn counted(row: &HistoryRow) -> Option<Counted> {
    let logs = row.logs.as_deref().unwrap_or_default();
    let done = usize::try_from(row.applied_steps_count).ok()?;
    if logs == RUNNING || logs.contains(PARTIAL) {
        return Some(Counted { done, because: "the history did not count it" });
    }
    // A failed statement of ours has its place, and what was done before it would be counted.
    let because = "the server took all of the migration back when it failed";
    (done == 0 && logs.contains(PLACE)).then_some(Counted { done, because })
}

/// Fills in what follows from the order: what comes before a statement that ran has run, what comes after one that
/// did not has not.
pub(super) fn in_order(statements: &mut [StatementState], counted: Option<&Counted>) {
    let last = statements.iter().rposition(|one| one.presence == Presence::Present);
    let first = statements.iter().position(|one| one.presence == Presence::Absent);
    // An order that does not hold says nothing.
    if last.zip(first).is_some_and(|(last, first)| first < last) {
        return;
    }
    for (at, one) in statements.iter_mut().enumerate().filter(|(_, one)| one.presence == Presence::Unclear) {
        let (presence, because) = if last.is_some_and(|last| at < last) {
            (Presence::Present, "a later statement is there")
        } else if first.is_some_and(|first| at > first) {
            (Presence::Absent, "an earlier statement is not there")
        } else if let Some(counted) = counted {
            match at < counted.done {
                true => (Presence::Present, "the history counted it"),
                false => (Presence::Absent, counted.because),
            }
        } else {
            continue;
        };
        one.presence = presence;
        one.because = Some(because.into());
    }
}

pub(super) fn verdict(statements: &[StatementState]) -> Verdict {
    let any = |presence: Presence| statements.iter().any(|one| one.presence == presence);
    match (any(Presence::Present), any(Presence::Absent), any(Presence::Unclear)) {
        (_, _, true) => Verdict::Unclear,
        (true, false, false) => Verdict::Complete,
        (true, true, false) => Verdict::Partial,
        (false, _, false) => Verdict::Nothing,
    }
}
