//! Rows are counted, and the number decides whether one more comes or goes: of two that look at once each is right by
//! itself, and both together are wrong.
//!
//! No row is written by both, so no row lock of a write and no version column notices.

use pgsteward_model::code::{Guard, Node, Operation, Source, Value};
use pgsteward_model::finding::{Finding, Severity};

use super::{across, says_absent};
use crate::code::flow::{self, Flow};
use crate::code::steps::{self, Step};
use crate::code::{locks, shared};

const OPERATORS: [&str; 8] = ["===", "!==", "<=", ">=", "==", "!=", "<", ">"];

pub(super) fn check(flow: &Flow, function: usize, steps: &[Step]) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for write in steps.iter().filter(|step| step.call.operation.writes()) {
        let before = steps::before(flow, function, write.site());
        let judged = before.iter().find_map(|(read, guard)| {
            judge(flow, function, read, guard, write).filter(|_| !locks::guarded(flow, &read.call.site))
        });
        let free = || !locks::guarded(flow, write.site()) && !locks::guarded(flow, &write.call.site);
        found.extend(judged.filter(|new| found.iter().all(|other| other.at != new.at)).filter(|_| free()));
    }
    found
}

fn judge(flow: &Flow, function: usize, read: &Step, guard: &Guard, write: &Step) -> Option<Finding> {
    // In a loop over what was read, or under its count, the rows are the ones that were found.
    let other = !counts(read, guard) || !write.site().loops.is_empty();
    if read.call.model != write.call.model || other {
        return None;
    }
    let asked = read.argument(flow);
    let filter = asked.get("where").filter(|filter| filter.object().is_some_and(|object| !object.open))?;
    if takes_away(write, filter) && (leaves_one(guard) || excludes_itself(filter) && leaves_another(guard)) {
        let message = format!(
            "\"{}\" rests on \"{}\": two requests at once both leave one, and none is left",
            shared::call_name(write.call),
            shared::call_name(read.call)
        );
        return Some(
            across::finding(flow, function, read, write, message)
                .severity(if is_of_one_user(filter) { Severity::Info } else { Severity::Warning })
                .detail(
                    "Each of the two sees the other's row and takes its own away. They write different rows, so neither waits \
                     for the other; a transaction alone does not help, as READ COMMITTED lets both count the old state.",
                )
                .hint(LOCK),
        );
    }
    let fits =
        write.call.operation == Operation::Create && adds_to(flow, write, filter) && leaves_room(guard);
    fits.then(|| {
        let message = format!(
            "\"{}\" rests on \"{}\": two requests at once both find room for one",
            shared::call_name(write.call),
            shared::call_name(read.call)
        );
        across::finding(flow, function, read, write, message)
            .severity(Severity::Info)
            .detail("Neither of the two sees the other's row, so there is one more than the limit allows.")
            .hint(LOCK)
    })
}

const LOCK: &str = "lock a row that both share before counting (SELECT … FROM the parent FOR UPDATE in the transaction), or make \
                    the transaction Serializable and try again on P2034";

/// The condition speaks of a number of rows.
fn counts(read: &Step, guard: &Guard) -> bool {
    let of_length = |source: &Source| matches!(source, Source::Result { path, .. } if path.last().is_some_and(|last| last == "length"));
    match read.call.operation {
        Operation::Count => true,
        Operation::FindMany => guard.text.contains(".length") || guard.sources.iter().any(of_length),
        Operation::FindFirst => read.call.argument.get("where").is_some_and(excludes_itself),
        _ => false,
    }
}

/// The rows are those of whoever asks, who seldom asks twice at once.
fn is_of_one_user(filter: &Node) -> bool {
    let of_group: Vec<&Node> = flow::equalities(filter)
        .into_iter()
        .map(|(_, value)| value)
        .filter(|value| matches!(value.value, Value::Expression { .. }) && !is_constant(value))
        .collect();
    let own = |value: &Node| shared::sources(value).into_iter().all(|source| *source == Source::Session);
    !of_group.is_empty() && of_group.into_iter().all(own)
}

/// After the write one row less meets the filter.
fn takes_away(write: &Step, filter: &Node) -> bool {
    match write.call.operation {
        Operation::Delete | Operation::DeleteMany => true,
        Operation::Update | Operation::UpdateMany => {
            let data = write.call.argument.get("data");
            flow::equalities(filter)
                .iter()
                .any(|(field, value)| is_constant(value) && data.and_then(|data| data.get(field)).is_some())
        }
        _ => false,
    }
}

fn is_constant(value: &Node) -> bool {
    match &value.value {
        Value::Text(_) | Value::Bool(_) | Value::Null => true,
        Value::Expression { sources, .. } => sources.as_slice() == [Source::Constant],
        _ => false,
    }
}

/// The new row meets every condition that names a value.
fn adds_to(flow: &Flow, write: &Step, filter: &Node) -> bool {
    let argument = write.argument(flow);
    let Some(data) = argument.get("data") else { return false };
    let named: Vec<_> = flow::equalities(filter)
        .into_iter()
        .filter(|(_, value)| matches!(value.value, Value::Expression { .. }) && !is_constant(value))
        .collect();
    let given = |field: &str| {
        let relation = field.strip_suffix("Id");
        steps::property(data, field).or_else(|| data.at(&[relation?, "connect", "id"]).cloned())
    };
    !named.is_empty()
        && named.iter().all(|(field, value)| given(field).is_some_and(|given| steps::same(value, &given)))
}

/// `count <= 1` is a way out, or the like: one row must remain.
fn leaves_one(guard: &Guard) -> bool {
    comparisons(&guard.text).any(|(operator, right)| {
        matches!(
            (operator, right, guard.negated),
            ("<=" | "===" | "==", "1", true)
                | ("<", "2", true)
                | (">" | "!==" | "!=", "1", false)
                | (">=", "2", false)
        )
    })
}

/// One of the others must be there.
fn leaves_another(guard: &Guard) -> bool {
    let whole = !guard.text.contains("&&") && !guard.text.contains("||");
    let none = comparisons(&guard.text)
        .any(|(operator, right)| matches!((operator, right), ("===" | "==" | "<=", "0") | ("<", "1")));
    guard.negated && (none || whole && guard.text.starts_with('!') && !says_absent(guard))
}

/// The row that is about to go is left out of the look: `userId: { not: userId }`.
fn excludes_itself(filter: &Node) -> bool {
    ["not", "NOT", "notIn"].iter().any(|name| flow::mentions(filter, name))
}

/// A limit that is no small number of the program's: `count >= plan.seats`.
fn leaves_room(guard: &Guard) -> bool {
    comparisons(&guard.text).any(|(operator, right)| {
        let ordered = matches!((operator, guard.negated), (">=" | ">", true) | ("<" | "<=", false));
        ordered && !matches!(right, "0" | "1" | "")
    })
}

/// The comparisons of a condition: the operator, and what stands to the right of it.
fn comparisons(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("&&").flat_map(|part| part.split("||")).filter_map(|part| {
        let (at, operator) = OPERATORS
            .iter()
            .filter_map(|operator| part.find(operator).map(|at| (at, *operator)))
            .min_by_key(|(at, operator)| (*at, usize::MAX - operator.len()))?;
        Some((operator, part[at + operator.len()..].trim().trim_matches(['(', ')'])))
    })
}
