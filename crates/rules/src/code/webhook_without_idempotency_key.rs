//! A webhook that does its work again when the event comes again.

use pgsteward_model::code::{Call, FunctionRole, Node, Operation, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::flow::{self, Flow};
use super::{locks, processed_event, read_then_write_race, shared};
use crate::shared::kept_words;

pub(super) static RULE: Rule = Rule {
    id: "webhook-without-idempotency-key",
    group: Group::Code,
    severity: Severity::Warning,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("webhook_without_idempotency_key.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    flow.serving()
        .filter(|(_, function)| function.role == FunctionRole::Webhook)
        .filter_map(|(index, _)| judge(&flow, index))
        .collect()
}

fn judge(flow: &Flow, webhook: usize) -> Option<Finding> {
    let reach = flow.reach(webhook);
    let calls: Vec<&Call> = reach.calls.iter().map(|index| &flow.code.calls[*index]).collect();
    // Whoever keeps the ids of events has thought of it.
    if calls.iter().any(|call| keeps_events(flow, call)) {
        return None;
    }
    let twice: Vec<&Call> = calls.iter().copied().filter(|call| doubles(flow, call)).collect();
    let again = *twice.first()?;
    // One transaction around one write; more of them are for a person to put together.
    let fix = if twice.len() == 1 { processed_event::fix(flow, webhook, again) } else { None };
    let name = &flow.code.functions[webhook].name;
    let message =
        format!("\"{name}\" runs \"{}\" again when its event comes twice", shared::call_name(again));
    let finding = shared::on_call(&RULE, flow.facts, flow.code, again, message)
            .detail(
                "Senders of webhooks deliver at least once: after a timeout or an error the same event comes again, sometimes \
                 at the same time. This write then happens twice.",
            )
            .hint(
                "keep the event's id in a table with a unique key, insert it in the same transaction, and stop at P2002; or \
                 make the write an upsert on a key that the event names",
            )
            .also(shared::place(flow.facts, &flow.code.functions[webhook].at));
    Some(match fix {
        Some(fix) => finding.fix(fix),
        None => finding,
    })
}

/// The call knows the event itself: its model is one of events, or a key of the event is written or looked for.
fn keeps_events(flow: &Flow, call: &Call) -> bool {
    let of_events = kept_words(&call.model).iter().any(|word| {
        matches!(
            word.as_str(),
            "event" | "events" | "webhook" | "webhooks" | "idempotency" | "processed" | "delivery"
        )
    });
    let event_key = |node: Option<&Node>| {
        node.and_then(Node::object).is_some_and(|object| {
            object.properties.iter().any(|property| {
                let name = property.name.to_lowercase();
                name.contains("eventid") || name.contains("event_id") || name.contains("idempotency")
            })
        })
    };
    let skips = call.argument.get("skipDuplicates").is_some_and(|node| node.value == Value::Bool(true));
    of_events
        && (call.operation.by_unique_key()
            || call.operation == Operation::Create
            || skips
            || !call.operation.writes())
        || event_key(call.argument.get("where"))
        || event_key(call.argument.get("data"))
        || flow.function(&call.site).name.to_lowercase().contains("idempot")
}

/// Running it twice leaves something else than running it once.
fn doubles(flow: &Flow, call: &Call) -> bool {
    if flow::is_log(&call.model) || locks::violation_handled(flow, call) {
        return false;
    }
    let Some(data) = call.argument.get("data") else { return false };
    match call.operation {
        Operation::Create => {
            !unique_by_input(flow, call, data)
                && read_then_write_race::look(flow, call).is_none()
                && call.site.guards.iter().all(|guard| {
                    guard
                        .sources
                        .iter()
                        .all(|source| !matches!(source, pgsteward_model::code::Source::Result { .. }))
                })
        }
        Operation::CreateMany | Operation::CreateManyAndReturn => {
            call.argument.get("skipDuplicates").is_none_or(|node| node.value != Value::Bool(true))
        }
        Operation::Update | Operation::UpdateMany => {
            let counts = data.object().is_some_and(|object| {
                object.properties.iter().any(|property| {
                    property.value.get("increment").or(property.value.get("decrement")).is_some()
                })
            });
            let conditions =
                call.argument.get("where").and_then(Node::object).map_or(0, |object| object.properties.len());
            counts && conditions < 2
        }
        _ => false,
    }
}

/// A unique key of the model is filled with something of the request: the second row is refused.
fn unique_by_input(flow: &Flow, call: &Call, data: &Node) -> bool {
    flow.model(&call.model).is_none_or(|model| {
        let keys = model.uniques.iter().chain(&model.primary_key);
        data.object().is_none_or(|object| object.open)
            || keys.into_iter().any(|key| {
                key.fields.iter().all(|field| {
                    data.get(&field.field).is_some_and(|node| {
                        matches!(node.value, Value::Expression { .. }) && flow.model(&call.model).is_some()
                    })
                })
            })
    })
}
