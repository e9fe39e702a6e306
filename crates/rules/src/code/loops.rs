//! Which loops grow with the data, and what repeats in them.

use pgsteward_model::code::{Call, Loop, LoopKind, Node, Operation, Over, Site, Source, Value};

use super::flow::Flow;
use super::shared::sources;
use crate::shared::words;

/// Lists up to this long are as good as constant.
const FEW: i64 = 5;

/// The loop whose turns give a statement other values each time, where its number of turns grows with the data.
/// Constant lists, portions, retries and pages are none; nor is a loop that the values do not depend on.
pub(super) fn growing<'a>(flow: &Flow<'a>, site: &Site, values: &[&Node]) -> Option<&'a Loop> {
    let from: Vec<&Source> = values.iter().flat_map(|node| sources(node)).collect();
    let depends = |index: usize| {
        // `xs.map(convert)`: the function is called with the element, whatever it does with it.
        let given = values.is_empty() && flow.code.loops[index].kind == LoopKind::Callback;
        given
            || from.iter().any(|source| match source {
                Source::Loop { of } => *of == index,
                Source::Result { call, .. } => flow.code.calls[*call].site.loops.contains(&index),
                _ => false,
            })
    };
    let index = site
        .loops
        .iter()
        .rev()
        .copied()
        .find(|index| matches!(flow.code.loops[*index].over, Over::Ancestors) || depends(*index))?;
    let found = &flow.code.loops[index];
    let grows = match &found.over {
        Over::Constant(_) | Over::Chunks | Over::Retry | Over::Pages => false,
        Over::Ancestors => true,
        Over::Rows(_) => limit(flow, found).is_none_or(|rows| rows > FEW),
        Over::Parameter(index) => !always_short(flow, site.function, *index),
        // Who waits in a `while` knows when to stop: a queue, a poll, a search for a free name.
        Over::Unknown => found.kind != LoopKind::While,
    };
    grows.then_some(found)
}

/// The most turns that a loop over rows takes: a `take` that is written out.
pub(super) fn limit(flow: &Flow, of: &Loop) -> Option<i64> {
    match of.over {
        Over::Rows(call) => flow.code.calls[call].argument.get("take").and_then(Node::number).map(i64::abs),
        _ => None,
    }
}

/// Every caller is known and gives a list that is written out.
fn always_short(flow: &Flow, function: usize, index: usize) -> bool {
    let function = &flow.code.functions[function];
    !function.callers.is_empty()
        && !function.called_from_elsewhere
        && function.callers.iter().all(|caller| {
            let given = flow.code.invocations[*caller].arguments.get(index);
            matches!(given.map(|node| &node.value), Some(Value::List(nodes)) if nodes.len() <= 10)
        })
}

/// A loop around the site goes through portions of a list: what happens in it is bounded.
pub(super) fn in_portions(flow: &Flow, site: &Site) -> bool {
    site.loops.iter().any(|index| flow.code.loops[*index].over == Over::Chunks)
}

/// Lists that people write or that a schema gives: filters of a page, columns of a table, defaults.
pub(super) fn is_short_by_name(of: &Loop) -> bool {
    const SHORT: [&str; 12] = [
        "filters",
        "columns",
        "fields",
        "types",
        "kinds",
        "roles",
        "permissions",
        "locales",
        "languages",
        "steps",
        "statuses",
        "features",
    ];
    const WRITTEN: [&str; 6] = ["default", "defaults", "config", "configs", "env", "settings"];
    let words = words(&of.text);
    words.last().is_some_and(|word| SHORT.contains(&word.as_str()))
        || words.iter().any(|word| WRITTEN.contains(&word.as_str()))
}

/// The site is the only thing of its loop that takes time: no other statement, call of a function that reaches the
/// database, or effect in the same loop.
pub(super) fn is_alone(flow: &Flow, site: &Site) -> bool {
    let Some(innermost) = site.loops.last() else { return true };
    let same = |other: &Site| other.loops.contains(innermost) && other.at != site.at;
    let function = site.function;
    let calls = flow.calls_of(function).any(|(_, call)| same(&call.site));
    let invocations = flow.invocations_of(function).any(|(_, invocation)| same(&invocation.site));
    let effects = flow.effects_of(function).iter().any(|index| same(&flow.code.effects[*index].site));
    let raw = flow.raw_of(function).iter().any(|index| same(&flow.code.raw[*index].site));
    !(calls || invocations || effects || raw)
}

/// Prisma makes one query of all `findUnique` of one tick.
pub(super) fn is_batched(call: &Call, of: &Loop) -> bool {
    matches!(call.operation, Operation::FindUnique | Operation::FindUniqueOrThrow)
        && of.concurrent
        && !of.limited
        && !call.site.after_await_in_loop
}

/// `each of "orders"`, or words for what has no short name.
pub(super) fn each(of: &Loop) -> String {
    let text = of.text.split_whitespace().collect::<Vec<_>>().join(" ");
    match &of.over {
        Over::Ancestors => "each step up the tree".into(),
        _ if text.is_empty() || text.chars().count() > 40 => "each turn of the loop".into(),
        _ => format!("each of \"{}\"", text.replace('"', "'")),
    }
}
