//! The look and the write stand in different functions, of which one calls the other, or a third calls both.

use pgsteward_model::code::{Call, Node, Operation, Source, Value};
use pgsteward_model::finding::{Finding, Severity};

use super::{Kind, RULE, both_create, has_arithmetic, is_name, kind, says_absent};
use crate::code::flow::{self, Flow};
use crate::code::steps::{self, Step};
use crate::code::text::mentions_word;
use crate::code::{locks, shared};

/// The races between the steps of one function. Where both steps are its own, the rule has seen them already.
pub(super) fn check(flow: &Flow, function: usize, steps: &[Step]) -> Vec<Finding> {
    if steps.iter().all(|step| step.through.is_none()) {
        return Vec::new();
    }
    let free = |step: &Step| !locks::guarded(flow, step.site()) && !locks::guarded(flow, &step.call.site);
    let judged = |step: &Step| {
        let found = match step.call.operation {
            Operation::Create => created(flow, function, step),
            Operation::Update | Operation::UpdateMany => computed(flow, function, step),
            _ => None,
        };
        found.filter(|_| free(step))
    };
    steps.iter().filter_map(judged).collect()
}

/// A row is looked for, and created where there is none.
fn created(flow: &Flow, function: usize, create: &Step) -> Option<Finding> {
    let (read, fields) = looked_for(flow, function, create)?;
    if locks::violation_handled(flow, create.call) || handled_here(flow, create) {
        return None;
    }
    let (message, severity, detail, hint) = both_create(flow, read.call, create.call, &fields)?;
    Some(finding(flow, function, &read, create, message).severity(severity).detail(detail).hint(hint))
}

/// The step that looked, and the fields that it and the create name with the same values.
fn looked_for<'a>(flow: &Flow<'a>, function: usize, create: &Step<'a>) -> Option<(Step<'a>, Vec<String>)> {
    let argument = create.argument(flow);
    let data = argument.get("data")?;
    steps::before(flow, function, create.site()).into_iter().find_map(|(read, guard)| {
        let looks =
            matches!(read.call.operation, Operation::FindFirst | Operation::FindUnique | Operation::Count);
        let between = read.through.is_some() || create.through.is_some();
        if !looks || !between || read.call.model != create.call.model || !says_absent(&guard) {
            return None;
        }
        let asked = read.argument(flow);
        let mut same = Vec::new();
        for (field, value) in flow::equalities(asked.get("where")?) {
            match steps::property(data, field) {
                Some(other) if steps::same(value, &other) => same.push(field.to_owned()),
                None if !matches!(value.value, Value::Expression { .. }) => {}
                _ => return None,
            }
        }
        (!same.is_empty()).then_some((read, same))
    })
}

/// The caller of the helper that creates looks at its error.
fn handled_here(flow: &Flow, create: &Step) -> bool {
    create.site().tries.iter().any(|index| {
        flow.code.tries[*index].catch.as_ref().is_some_and(|catch| catch.handles || !catch.codes.is_empty())
    })
}

/// A number is read, and written with something added to it.
fn computed(flow: &Flow, function: usize, update: &Step) -> Option<Finding> {
    let argument = update.argument(flow);
    let (data, filter) = (argument.get("data")?.object()?, argument.get("where")?);
    let model = flow.model(&update.call.model)?;
    data.properties.iter().find_map(|property| {
        let field = model.field(&property.name)?;
        let (read, text) = computed_from(flow, function, update, filter, &property.name, &property.value)?;
        let number = matches!(kind(field), Some(Kind::Number));
        if !number || flow::mentions(filter, &property.name) || flow::mentions(filter, "version") {
            return None;
        }
        let message = format!(
            "\"{}\" writes \"{}\" computed from what \"{}\" read: a change in between is lost",
            shared::call_name(update.call),
            property.name,
            shared::call_name(read.call)
        );
        Some(
            finding(flow, function, &read, update, message)
                .severity(Severity::Warning)
                .detail(super::lost(&property.name, &text))
                .hint(super::INCREMENT),
        )
    })
}

/// The step that read the row whose field the value was computed from, and how.
fn computed_from<'a>(
    flow: &Flow<'a>,
    function: usize,
    update: &Step<'a>,
    filter: &Node,
    field: &str,
    value: &Node,
) -> Option<(Step<'a>, String)> {
    let Value::Expression { text, sources, .. } = &value.value else { return None };
    let computes = match is_name(text) {
        true => super::assignments(flow.text_of(function), text)
            .find(|given| has_arithmetic(given) && mentions_word(given, field))?,
        false if has_arithmetic(text) && mentions_word(text, field) => text,
        false => return None,
    };
    let read =
        sources.iter().filter_map(|source: &Source| steps::look(flow, function, source)).find(|read| {
            read.call.model == update.call.model
                && (read.through.is_some() || update.through.is_some())
                && read.site().order < update.site().order
                && one_row(read.call)
        })?;
    let asked = read.argument(flow);
    let (asked, named) = (flow::equalities(asked.get("where")?), flow::equalities(filter));
    let same_row = !asked.is_empty()
        && asked.iter().all(|(name, value)| {
            named.iter().any(|(other, given)| other == name && steps::same(value, given))
        });
    same_row.then(|| (read, computes.trim().to_owned()))
}

fn one_row(read: &Call) -> bool {
    matches!(
        read.operation,
        Operation::FindUnique
            | Operation::FindUniqueOrThrow
            | Operation::FindFirst
            | Operation::FindFirstOrThrow
    )
}

/// A finding at the write as the function sees it.
pub(super) fn finding(flow: &Flow, function: usize, read: &Step, write: &Step, message: String) -> Finding {
    let place = |step: &Step| match step.through {
        Some(invocation) => shared::place(flow.facts, &invocation.site.at),
        None => shared::call_place(flow.facts, step.call),
    };
    let owner = &flow.code.functions[function].name;
    let shape = format!("{}+{}", read.call.shape, write.call.shape);
    let mut found = Finding::in_code(&RULE, place(write), owner, &shape, 0, message).also(place(read));
    for step in [read, write] {
        if step.through.is_some() {
            found = found.also(shared::call_place(flow.facts, step.call));
        }
    }
    found
}
