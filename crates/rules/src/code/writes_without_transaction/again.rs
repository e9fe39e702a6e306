//! Writes that the next run or the next try makes up for, or that harm nobody when they stay alone.
//!
//! Knows no deletions: what becomes of those stands in [`super::deletions`].

use pgsteward_model::code::{Awaited, EffectKind, FunctionRole, Guard, Node, Operation, Site, Source, Value};

use super::{Flow, Write, deletions, may_fail};
use crate::code::{shared, text};

pub(super) fn makes_up_for_it(flow: &Flow, first: &Write, second: &Write) -> bool {
    clears_up(flow, first.site)
        || is_made_if_absent(flow, first, second)
        || is_made_by_default(flow, first)
        || begins_an_attempt(flow, second)
        || is_made_up_for(flow, first, second)
        || finds_its_row(flow, first, second)
        || sets_if_absent(flow, first, second)
        || sets_the_same_again(flow, first, second)
        || marks_the_beginning(first, second)
        || deletions::go_on(flow, first, second)
        || sweeps_first(flow, first, second)
}

/// What many rows lose comes first, and then others are deleted or a row is changed: whoever runs it again deletes nothing
/// more and goes on. Of such warnings in the last three draws of `bench/README.md` one of eight was right. What the second
/// one writes or deletes by the rows that went, the next run cannot find out any more.
fn sweeps_first(flow: &Flow, first: &Write, second: &Write) -> bool {
    let of_the_gone = |source: &&Source| match source {
        Source::Result { call, .. } => flow.code.calls[*call].model == first.call.model,
        _ => false,
    };
    first.call.operation == Operation::DeleteMany
        && matches!(second.call.operation, Operation::Update | Operation::UpdateMany | Operation::DeleteMany)
        && !shared::sources(&second.call.argument).iter().any(of_the_gone)
}

/// `if (!row) row = await create(…)`, and then something for the row: the next try finds it and goes on.
fn is_made_if_absent(flow: &Flow, first: &Write, second: &Write) -> bool {
    first.call.operation == Operation::Create
        && first.site.guards.iter().filter(|guard| guard.negated && !second.site.guards.contains(guard)).any(
            |guard| {
                let of_model = |source: &Source| {
                    matches!(source, Source::Result { call, .. } if flow.code.calls[*call].model == first.call.model)
                };
                guard.sources.iter().any(of_model)
            },
        )
}

/// `row ??= await create(…)`, `(await find(…)) ?? (await create(…))`, where a row of the model has been looked for: the next try
/// finds it.
fn is_made_by_default(flow: &Flow, first: &Write) -> bool {
    let at = &first.call.site.at;
    let before = flow.facts.sources.get(&at.file).and_then(|file| file.text.get(..at.span.start));
    let before = before.unwrap_or("").trim_end_matches(|one: char| one.is_whitespace() || one == '(');
    let before = before.strip_suffix("await").unwrap_or(before);
    let before = before.trim_end_matches(|one: char| one.is_whitespace() || one == '(');
    let otherwise = ["??=", "||=", "??", "||"].iter().any(|sign| before.ends_with(sign));
    first.call.operation == Operation::Create
        && otherwise
        && flow.calls_of(first.site.function).any(|(_, call)| {
            call.model == first.call.model
                && !call.operation.writes()
                && call.site.order < first.call.site.order
        })
}

/// `status: 'PENDING'` in a row that is created before something outside is asked, which decides what becomes of it: without that
/// row the attempt has not begun, and what was made for it stays pending.
fn begins_an_attempt(flow: &Flow, second: &Write) -> bool {
    let pending = |node: &Node| match &node.value {
        Value::Text(text) => ["pending", "initiated"].iter().any(|word| text.eq_ignore_ascii_case(word)),
        Value::Expression { text, .. } => text.to_ascii_lowercase().ends_with(".pending"),
        _ => false,
    };
    let marked = second.call.argument.get("data").and_then(Node::object).is_some_and(|data| {
        data.properties
            .iter()
            .any(|property| property.name.to_lowercase().ends_with("status") && pending(&property.value))
    });
    let asks = |kind: EffectKind| matches!(kind, EffectKind::Request | EffectKind::Payment);
    second.call.operation == Operation::Create
        && marked
        && flow.effects_of(second.site.function).iter().any(|index| {
            let effect = &flow.code.effects[*index];
            asks(effect.kind) && second.site.order < effect.site.order
        })
}

/// Whoever calls the function does not care whether it fails: it takes back what another failure has left.
fn clears_up(flow: &Flow, site: &Site) -> bool {
    let function = flow.function(site);
    !function.callers.is_empty()
        && !function.called_from_elsewhere
        && function.callers.iter().all(|caller| may_fail(flow, &flow.code.invocations[*caller].site))
}

/// A row that is made if absent, where the branch for the row that is there ends with the same second write: the next try
/// makes up for it.
fn is_made_up_for(flow: &Flow, first: &Write, second: &Write) -> bool {
    first.call.operation == Operation::Create
        && flow.calls_of(second.site.function).any(|(_, call)| {
            call.shape == second.call.shape
                && call.site.order != second.site.order
                && flow.exclusive(&call.site, first.site)
        })
}

/// `upsert`, and then something for its row: run again, it finds the row and sets what it has set, and goes on.
fn finds_its_row(flow: &Flow, first: &Write, second: &Write) -> bool {
    first.call.operation == Operation::Upsert && sets_values(first) && super::uses(flow, second, first)
}

/// `if (!user.teamId) { … create …; … update({ data: { teamId: team.id } }) }`: the next try makes another row, and sets that.
fn sets_if_absent(flow: &Flow, first: &Write, second: &Write) -> bool {
    let of_first = |source: &&Source| match source {
        Source::Result { call, .. } => std::ptr::eq(&flow.code.calls[*call], first.call),
        _ => false,
    };
    let data = second.call.argument.get("data").and_then(Node::object);
    let set: Vec<&str> = data
        .map_or(&[][..], |data| &data.properties)
        .iter()
        .filter(|property| shared::sources(&property.value).iter().any(of_first))
        .map(|property| property.name.as_str())
        .collect();
    let is_absent = |guard: &Guard, name: &str| match guard.negated {
        true => text::mentions_word(&guard.text, name),
        false => {
            let mut parts = guard.text.split(['&', '|']).map(str::trim_start);
            parts.any(|part| part.starts_with('!') && text::mentions_word(part, name))
        }
    };
    first.call.operation == Operation::Create
        && second.call.operation == Operation::Update
        && first.site.guards.iter().any(|guard| set.iter().any(|name| is_absent(guard, name)))
}

/// Two that set values, in a job, which is run again, or both at once, so that neither waits for the other.
fn sets_the_same_again(flow: &Flow, first: &Write, second: &Write) -> bool {
    let sets = |write: &Write| {
        matches!(write.call.operation, Operation::Update | Operation::UpdateMany) && sets_values(write)
    };
    let at_once = |site: &Site| site.awaited == Awaited::Together && site.loops.is_empty();
    let is_job = flow.function(first.site).role == FunctionRole::Job;
    sets(first) && sets(second) && (is_job || at_once(first.site) && at_once(second.site))
}

/// Nothing in it counts, takes away or creates: twice is as good as once. What is worked out from the field that it sets,
/// `{ credits: account.credits - price }`, counts as well.
fn sets_values(write: &Write) -> bool {
    const NOT_AGAIN: [&str; 8] =
        ["increment", "decrement", "multiply", "divide", "push", "create", "createMany", "connectOrCreate"];
    let key = if write.call.operation == Operation::Upsert { "update" } else { "data" };
    let counts = |field: &str, node: &Node| match &node.value {
        Value::Expression { text, sources, .. } => {
            let is_field = |source: &Source| match source {
                Source::Result { path, .. } => path.last().is_some_and(|last| last == field),
                _ => false,
            };
            !text::is_path(text) && sources.iter().any(is_field)
        }
        _ => false,
    };
    let sets = |field: &str, node: &Node| {
        node.object().is_none_or(|object| {
            object
                .properties
                .iter()
                .all(|one| !NOT_AGAIN.contains(&one.name.as_str()) && !counts(field, &one.value))
        }) && !counts(field, node)
    };
    write
        .call
        .argument
        .get(key)
        .and_then(Node::object)
        .is_some_and(|data| data.properties.iter().all(|property| sets(&property.name, &property.value)))
}

/// `status: 'running'`, before the loop that does the work: a mark, whatever becomes of the work.
fn marks_the_beginning(first: &Write, second: &Write) -> bool {
    let is_word = |node: &Node| match &node.value {
        Value::Text(_) => true,
        Value::Expression { sources, .. } => sources.iter().all(|source| *source == Source::Constant),
        _ => false,
    };
    let marks = first.call.argument.get("data").and_then(Node::object).is_some_and(|data| {
        let words = ["status", "state", "phase"];
        let is_mark = |name: &str| words.iter().any(|word| name.to_lowercase().ends_with(word));
        !data.open
            && data.properties.iter().any(|property| is_mark(&property.name))
            && data.properties.iter().all(|property| {
                is_mark(&property.name) && is_word(&property.value) || shared::is_time(&property.value)
            })
    });
    first.call.operation == Operation::Update
        && marks
        && first.site.loops.is_empty()
        && !second.site.loops.is_empty()
}
