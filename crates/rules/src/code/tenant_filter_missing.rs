//! A query by ids that users send, without the tenant that its siblings filter by.

use pgsteward_model::code::{Call, Node, Operation, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::prisma::{Field, Model};
use pgsteward_model::rule::{Group, Rule};

use super::flow::{self, Flow, Root};
use super::text::holds;
use super::{scale, shared};
use crate::shared::kept_words;

pub(super) static RULE: Rule = Rule {
    id: "tenant-filter-missing",
    group: Group::Code,
    severity: Severity::Info,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("tenant_filter_missing.md"),
    check,
};

/// What a tenant is called.
const TENANTS: [&str; 20] = [
    "org",
    "organization",
    "organisation",
    "team",
    "workspace",
    "tenant",
    "project",
    "account",
    "company",
    "vendor",
    "store",
    "shop",
    "merchant",
    "seller",
    "site",
    "space",
    "environment",
    "agency",
    "clinic",
    "school",
];

/// Words of keys that nobody guesses, and of addresses that are looked up across tenants by design.
const PUBLIC: [&str; 14] = [
    "token", "hash", "secret", "key", "slug", "code", "domain", "email", "host", "path", "url", "name",
    "invite", "session",
];

/// Words of functions that decide whether somebody may.
const CHECKS: [&str; 16] = [
    "check",
    "assert",
    "require",
    "ensure",
    "authorize",
    "authorise",
    "authenticate",
    "can",
    "may",
    "verify",
    "access",
    "permission",
    "permissions",
    "guard",
    "validate",
    "scope",
];

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    let mut findings = Vec::new();
    for model in flow.schema.iter().flat_map(|schema| &schema.models) {
        // A tenant's own id says which tenant it is.
        if kept_words(&model.name).last().is_some_and(|word| TENANTS.contains(&word.as_str())) {
            continue;
        }
        let mut reported: Vec<*const Call> = Vec::new();
        for field in model.fields.iter().filter(|field| is_tenant_key(field)) {
            let calls =
                flow.code.calls.iter().filter(|call| {
                    call.model == model.name && flow.code.serves(&call.site) && has_filter(call)
                });
            let (filtered, rest): (Vec<&Call>, Vec<&Call>) =
                calls.partition(|call| filters(call, model, field));
            let missing: Vec<&Call> =
                rest.into_iter().filter(|call| is_open_to_users(&flow, call, model, field)).collect();
            let all = filtered.len() + missing.len();
            // Three of four siblings agree, and there are enough of them to speak of a habit.
            if filtered.len() < 4 || filtered.len() * 4 < all * 3 {
                continue;
            }
            for call in missing {
                if !reported.contains(&std::ptr::from_ref(call)) {
                    reported.push(call);
                    findings.push(finding(&flow, call, &field.name, filtered.len(), all));
                }
            }
        }
    }
    findings
}

fn is_tenant_key(field: &Field) -> bool {
    let words = kept_words(&field.name);
    let Some((last, rest)) = words.split_last() else { return false };
    field.is_column() && last == "id" && rest.last().is_some_and(|word| TENANTS.contains(&word.as_str()))
}

fn has_filter(call: &Call) -> bool {
    !matches!(
        call.operation,
        Operation::Create | Operation::CreateMany | Operation::CreateManyAndReturn | Operation::Upsert
    ) && call.argument.object().is_some_and(|object| !object.open)
}

/// By the field, or by the relation that it stands for.
fn filters(call: &Call, model: &Model, field: &Field) -> bool {
    let Some(filter) = call.argument.get("where") else { return false };
    let relation = model
        .fields
        .iter()
        .find(|other| other.relation.as_ref().is_some_and(|relation| relation.fields.contains(&field.name)));
    flow::mentions(filter, &field.name)
        || relation.is_some_and(|relation| flow::mentions(filter, &relation.name))
}

/// Whoever sends the request chooses the ids, and nothing else says whose rows they must be.
fn is_open_to_users(flow: &Flow, call: &Call, model: &Model, field: &Field) -> bool {
    let function = call.site.function;
    let Some(filter) = call.argument.get("where") else { return false };
    let Some(object) = filter.object().filter(|object| !object.open) else { return false };
    let by_user_id = object.properties.iter().any(|property| {
        let words = kept_words(&property.name);
        words.iter().any(|word| word == "id" || word == "ids")
            && flow.chosen_by_user(function, &property.value)
    });
    let other_owner = object.properties.iter().any(|property| {
        let relation = model.field(&property.name).is_some_and(|field| !field.is_column());
        let words = kept_words(&property.name);
        relation
            || matches!(property.value.value, Value::Object(ref inner) if inner.properties.len() > 1 && property.name.contains('_'))
            || words.iter().any(|word| PUBLIC.contains(&word.as_str()))
            || words.len() > 1
                && words.iter().any(|word| {
                    matches!(word.as_str(), "user" | "owner" | "author" | "creator" | "member" | "customer")
                        || TENANTS.contains(&word.as_str())
                })
            || flow.roots(&property.value).contains(&Root::Session)
    });
    by_user_id
        && !other_owner
        && !tells_states_only(flow, call, model)
        && !checked(flow, call, model, field)
        && !only_for_operators(flow, function)
}

/// A read that selects nothing but states, kinds and whose the row is, as code does before it decides how to go on. The
/// key says nothing new: the request brought it.
fn tells_states_only(flow: &Flow, call: &Call, model: &Model) -> bool {
    !call.operation.writes() && selects_states(flow, &call.argument, model)
}

fn selects_states(flow: &Flow, argument: &Node, model: &Model) -> bool {
    let selected = argument.get("select").and_then(Node::object).filter(|select| !select.open);
    selected.is_some_and(|select| {
        select.properties.iter().all(|property| {
            model.field(&property.name).is_some_and(|field| match scale::target(flow.facts, field) {
                Some(target) => selects_states(flow, &property.value, target),
                None => field.is_id || is_tenant_key(field) || scale::is_state(field),
            })
        })
    })
}

/// The tenant is looked at in another way: the row's tenant is read afterwards, a sibling in the same function filters
/// by it, or a function that decides is asked first.
fn checked(flow: &Flow, call: &Call, model: &Model, field: &Field) -> bool {
    let reads_it =
        call.result.paths.iter().any(|path| path.first().is_some_and(|first| *first == field.name));
    let sibling = flow.calls_of(call.site.function).any(|(_, other)| {
        other.model == model.name && other.site.order < call.site.order && filters(other, model, field)
    });
    let asks = |function: usize| {
        flow.invocations_of(function).any(|(_, invocation)| {
            let name = &flow.code.functions[invocation.callee].name;
            kept_words(name).iter().any(|word| CHECKS.contains(&word.as_str()))
        })
    };
    let callers = &flow.code.functions[call.site.function].callers;
    // Texts are searched last: they are read for it.
    let decides = || {
        let text = flow.text_of(call.site.function).to_ascii_lowercase();
        ["ability", "authoriz", "authoris", "permission", "hasaccess", "canaccess", "throwifno", "isowner"]
            .iter()
            .any(|word| holds(&text, word))
    };
    // NestJS asks its guards before the handler runs.
    let guarded = || {
        flow.entries(call.site.function).iter().any(|entry| {
            let file = &flow.code.functions[*entry].at.file;
            flow.facts.sources.get(file).is_some_and(|file| holds(&file.text, "@UseGuards("))
        })
    };
    reads_it
        || sibling
        || asks(call.site.function)
        || callers.iter().any(|caller| asks(flow.code.invocations[*caller].site.function))
        || decides()
        || guarded()
}

fn only_for_operators(flow: &Flow, function: usize) -> bool {
    let entries = flow.entries(function);
    entries
        .iter()
        .filter(|entry| flow.code.functions[**entry].callers.is_empty())
        .all(|entry| flow.is_admin(*entry))
}

fn finding(flow: &Flow, call: &Call, field: &str, filtered: usize, all: usize) -> Finding {
    let message = format!(
        "\"{}\" does not filter by \"{field}\": {filtered} of {all} calls on \"{}\" do",
        shared::call_name(call),
        call.model
    );
    shared::on_call(&RULE, flow.facts, flow.code, call, message)
        .detail(format!(
            "The ids come with the request. Whoever sends the id of another tenant's row {} it.",
            if call.operation.writes() { "changes" } else { "reads" }
        ))
        .hint(format!("add \"{field}\" of the session to the where"))
        .evidence(Evidence::Share {
            what: format!("calls that filter by {field}"),
            value: filtered as f64 / all as f64,
        })
}
