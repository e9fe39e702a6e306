//! Rows that were deleted softly, read where the siblings leave them out.

use pgsteward_model::change::{Fix, Safety};
use pgsteward_model::code::{Call, FunctionRole, Node, Operation, Source, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::prisma::{Arity, Field, FieldType, Scalar};
use pgsteward_model::rule::{Group, Rule};

use super::flow::{self, Flow};
use super::{edit, shared};
use crate::shared::kept_words;

pub(super) static RULE: Rule = Rule {
    id: "deleted-rows-read",
    group: Group::Code,
    severity: Severity::Info,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("deleted_rows_read.md"),
    check,
};

/// Where rows are shown to people. A job may have to go through all of them.
const SHOWN: [FunctionRole; 3] =
    [FunctionRole::RequestHandler, FunctionRole::FieldResolver, FunctionRole::Component];

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    let mut findings = Vec::new();
    for model in flow.schema.iter().flat_map(|schema| &schema.models) {
        for field in model.fields.iter().filter(|field| marks_deletion(field)) {
            let reads = flow.code.calls.iter().filter(|call| {
                call.model == model.name && flow.code.serves(&call.site) && lists(call.operation)
            });
            let (filtered, rest): (Vec<&Call>, Vec<&Call>) = reads.partition(|call| names(call, &field.name));
            let missing: Vec<&Call> =
                rest.into_iter().filter(|call| should_filter(&flow, call, &field.name)).collect();
            let all = filtered.len() + missing.len();
            if filtered.len() >= 4 && filtered.len() * 5 >= all * 4 {
                findings.extend(missing.iter().map(|call| {
                    let found = finding(&flow, call, &field.name, filtered.len(), all);
                    match as_the_others(&flow, call, field, &filtered) {
                        Some(fix) => found.fix(fix),
                        None => found,
                    }
                }));
            }
        }
    }
    findings
}

fn marks_deletion(field: &Field) -> bool {
    let deleted =
        kept_words(&field.name).iter().any(|word| matches!(word.as_str(), "deleted" | "removed" | "trashed"));
    match field.ty {
        FieldType::Scalar(Scalar::DateTime) => deleted && field.arity == Arity::Optional,
        FieldType::Scalar(Scalar::Boolean) => deleted,
        _ => false,
    }
}

/// Reads by a key answer for the one row that somebody names; only lists and searches show what is gone.
fn lists(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::FindMany
            | Operation::FindFirst
            | Operation::FindFirstOrThrow
            | Operation::Count
            | Operation::Aggregate
            | Operation::GroupBy
    )
}

fn names(call: &Call, field: &str) -> bool {
    call.argument.get("where").is_some_and(|filter| flow::mentions(filter, field))
}

fn should_filter(flow: &Flow, call: &Call, field: &str) -> bool {
    let known = call.argument.object().is_some_and(|object| !object.open)
        && call.argument.get("where").is_none_or(|filter| filter.object().is_some_and(|object| !object.open));
    // The rows of other rows, by their keys: who has the key has the row.
    let by_key = call.argument.get("where").is_some_and(|filter| {
        filter.get("id").is_some()
            || shared::sources(filter).iter().any(|source| matches!(source, Source::Result { .. }))
    });
    let reads_mark = call.result.paths.iter().any(|path| path.last().is_some_and(|last| last == field))
        || ["select", "include"].iter().any(|part| call.argument.at(&[part, field]).is_some())
        || call.argument.get("orderBy").is_some_and(|order: &Node| flow::mentions(order, field));
    // Who asks both ways in one function knows what it does.
    let asked_both =
        flow.calls_of(call.site.function).any(|(_, other)| other.model == call.model && names(other, field));
    let entries = flow.entries(call.site.function);
    known
        && !by_key
        && !reads_mark
        && !asked_both
        && flow.has_role(&entries, &SHOWN)
        && !entries.iter().any(|entry| flow.is_admin(*entry))
}

/// The condition of the siblings, where nearly all of them have the same, added to the call's.
fn as_the_others(flow: &Flow, call: &Call, field: &Field, filtered: &[&Call]) -> Option<Fix> {
    let there = match field.ty {
        FieldType::Scalar(Scalar::Boolean) => (Value::Bool(false), "false"),
        _ => (Value::Null, "null"),
    };
    let alike = |other: &&&Call| {
        let filter = other.argument.get("where");
        filter.and_then(|filter| filter.get(&field.name)).is_some_and(|value| value.value == there.0)
    };
    let condition = format!("{}: {}", field.name, there.1);
    if filtered.iter().filter(alike).count() * 5 < filtered.len() * 4 {
        return None;
    }
    let edit = match call.argument.get("where") {
        Some(filter) => edit::add_property(flow.facts, call, filter.object()?, &condition)?,
        None => edit::add_property(
            flow.facts,
            call,
            call.argument.object()?,
            &format!("where: {{ {condition} }}"),
        )?,
    };
    edit::fix(flow.facts, call, Safety::Review, format!("leave out rows by \"{}\"", field.name), vec![edit])
}

fn finding(flow: &Flow, call: &Call, field: &str, filtered: usize, all: usize) -> Finding {
    let message = format!(
        "\"{}\" does not look at \"{field}\": {filtered} of {all} reads of \"{}\" do",
        shared::call_name(call),
        call.model
    );
    shared::on_call(&RULE, flow.facts, flow.code, call, message)
        .detail("Rows that were deleted come back in this list, this count or this search.")
        .hint(format!("add \"{field}\" to the where, or say in a comment why deleted rows belong here"))
        .evidence(Evidence::Share {
            what: format!("reads that look at {field}"),
            value: filtered as f64 / all as f64,
        })
}
