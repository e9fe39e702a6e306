//! A unique key that users can hit, and nobody looks for the error.

use pgsteward_model::code::{Call, Node, Operation, Site, Source, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::prisma::ModelKey;
use pgsteward_model::rule::{Group, Rule};

use super::flow::{self, Flow};
use super::{locks, read_then_write_race, shared};
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "unhandled-unique-violation",
    group: Group::Code,
    severity: Severity::Info,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("unhandled_unique_violation.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    // One place answers it for every request.
    if !flow.code.answering.is_empty() {
        return Vec::new();
    }
    flow.code
        .calls
        .iter()
        .filter(|call| flow.code.serves(&call.site))
        .filter(|call| {
            matches!(call.operation, Operation::Create | Operation::Update) && call.site.loops.is_empty()
        })
        .filter_map(|call| judge(&flow, call))
        .collect()
}

fn judge(flow: &Flow, call: &Call) -> Option<Finding> {
    let model = flow.model(&call.model)?;
    let data = call.argument.get("data")?;
    // A key with the row's own id in it cannot be hit before the id is.
    let ids: Vec<&str> =
        model.primary_key.iter().flat_map(|key| &key.fields).map(|field| field.field.as_str()).collect();
    let mut keys =
        model.uniques.iter().filter(|key| !key.fields.iter().any(|field| ids == [field.field.as_str()]));
    let key = keys.find(|key| can_be_hit(flow, call, data, key))?;
    if looked_elsewhere(flow, call)
        || keeps_its_key(flow, call, key)
        || locks::violation_handled(flow, call)
        || read_then_write_race::look(flow, call).is_some()
    {
        return None;
    }
    let fields: Vec<&str> = key.fields.iter().map(|field| field.field.as_str()).collect();
    let fields = quoted_list(&fields);
    let message = format!("\"{}\" does not expect that {fields} is taken", shared::call_name(call));
    Some(
        shared::on_call(&RULE, flow.facts, flow.code, call, message)
            .detail(format!(
                "The value comes with the request, and {fields} of \"{}\" is unique: the second request with the same value \
                 ends as an internal error instead of an answer that says what is taken.",
                call.model
            ))
            .hint("catch PrismaClientKnownRequestError with the code P2002 and answer 409")
            .also(shared::place(flow.facts, &key.at)),
    )
}

/// A helper that was asked first reads the same rows, here or in the callers: the second request meets its answer. What
/// two requests at the same moment do is another question.
fn looked_elsewhere(flow: &Flow, call: &Call) -> bool {
    let asked = |site: &Site| {
        flow.invocations_of(site.function).any(|(_, invocation)| {
            invocation.site.order < site.order && {
                let reach = flow.reach(invocation.callee);
                let mut reads = reach.calls.iter().map(|index| &flow.code.calls[*index]);
                reads.any(|read| read.model == call.model && !read.operation.writes())
            }
        })
    };
    let callers = &flow.function(&call.site).callers;
    asked(&call.site)
        || !callers.is_empty() && callers.iter().all(|caller| asked(&flow.code.invocations[*caller].site))
}

/// The row to change was found by a field of the key, which is written as it was.
fn keeps_its_key(flow: &Flow, call: &Call, key: &ModelKey) -> bool {
    let filter = call.argument.get("where").filter(|_| call.operation == Operation::Update);
    filter.map(shared::sources).unwrap_or_default().iter().any(|source| {
        let Source::Result { call: read, .. } = source else { return false };
        let read = &flow.code.calls[*read];
        let by = |name: &str| read.argument.get("where").is_some_and(|filter| flow::mentions(filter, name));
        read.model == call.model && key.fields.iter().any(|field| by(&field.field))
    })
}

/// All fields of the key are written, and users choose at least one of them.
fn can_be_hit(flow: &Flow, call: &Call, data: &Node, key: &ModelKey) -> bool {
    let values: Vec<&Node> = key.fields.iter().filter_map(|field| data.get(&field.field)).collect();
    let chosen = |node: &&Node| {
        matches!(&node.value, Value::Expression { text, .. } if !text.contains('('))
            && flow.chosen_by_user(call.site.function, node)
    };
    let enough = match call.operation {
        Operation::Create => values.len() == key.fields.len(),
        _ => !values.is_empty(),
    };
    enough && values.iter().any(chosen)
}
