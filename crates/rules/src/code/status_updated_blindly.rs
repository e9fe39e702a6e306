//! A status that is set whatever it was when the statement runs.

use pgsteward_model::catalog::QName;
use pgsteward_model::code::{Call, Operation, Site};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::prisma::{Field, Model};
use pgsteward_model::rule::{Group, Rule};

use super::flow::{self, Flow};
use super::statuses::{self, Change};
use super::transitions::{self, Ways};
use super::{locks, shared};

pub(super) static RULE: Rule = Rule {
    id: "status-updated-blindly",
    group: Group::Code,
    severity: Severity::Warning,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[Need::Catalog],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("status_updated_blindly.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    let mut findings = Vec::new();
    for (model, field) in flow.schema.iter().flat_map(|schema| &schema.models).flat_map(statuses::of) {
        let changes = statuses::changes(&flow, model, field);
        if changes.is_empty() || transitions::enforced(&flow, model, field) {
            continue;
        }
        let known = statuses::ways(&flow, model, field, &changes);
        let stated = changes.iter().filter(|change| change.in_where).count();
        for change in changes.iter().filter(|change| !change.in_where) {
            let finding = if let Some(read) = change.looked.filter(|_| !change.from.contains(&change.to)) {
                if claimed(&flow, read, change.call, &field.name) {
                    continue;
                }
                looked(&flow, change, read, &field.name, &known)
            } else if stated >= 3 && stated * 5 >= changes.len() * 4 && change.looked.is_none() {
                unlike_siblings(&flow, change, &field.name, stated, changes.len(), &known)
            } else {
                continue;
            };
            if locks::guarded(&flow, &change.call.site) {
                continue;
            }
            findings.push(with_ways(&flow, finding, model, field, &known));
        }
    }
    findings
}

/// Between the look and the update the row was taken with an update that names the status it expects: the function itself
/// did, or one that it calls. What follows is done by the one that got it.
fn claimed(flow: &Flow, read: &Call, update: &Call, field: &str) -> bool {
    let between = |site: &Site| read.site.order < site.order && site.order < update.site.order;
    let claims = |call: &Call| {
        call.model == update.model
            && matches!(
                call.operation,
                Operation::Update | Operation::UpdateMany | Operation::UpdateManyAndReturn
            )
            && call.argument.get("where").is_some_and(|filter| flow::mentions(filter, field))
            && call.argument.get("data").is_some_and(|data| data.get(field).is_some())
    };
    let function = update.site.function;
    flow.calls_of(function).any(|(_, call)| between(&call.site) && claims(call))
        || flow.invocations_of(function).any(|(_, invocation)| {
            between(&invocation.site)
                && flow.reach(invocation.callee).calls.iter().any(|call| claims(&flow.code.calls[*call]))
        })
}

/// The ways drawn, and the trigger that holds them.
fn with_ways(flow: &Flow, finding: Finding, model: &Model, field: &Field, ways: &Ways) -> Finding {
    let stored = |state: &String| match state.as_str() {
        transitions::ANY => state.clone(),
        state => transitions::stored(flow, field, state),
    };
    let finding = finding.evidence(Evidence::Transitions {
        relation: QName::new(model.namespace.as_deref().unwrap_or("public"), model.db_name.clone()).display(),
        column: field.db_name.clone(),
        allowed: ways.allowed.iter().map(|(from, to)| (stored(from), stored(to))).collect(),
    });
    match transitions::trigger(flow, model, field, ways) {
        Ok(fix) => finding.fix(fix),
        Err(_) => finding,
    }
}

fn with_transitions(detail: String, known: &Ways) -> String {
    let others = if known.complete { "" } else { " Other writes of it could not be followed." };
    format!("{detail} The transitions that the code names: {}.{others}", known.text())
}

fn looked(flow: &Flow, change: &Change, read: &Call, field: &str, known: &Ways) -> Finding {
    let message = format!(
        "\"{}\" sets \"{field}\" to {} after looking at it, and does not look again",
        shared::call_name(change.call),
        change.to
    );
    shared::on_call(&RULE, flow.facts, flow.code, change.call, message)
        .detail(with_transitions(
            "Two requests that read the same row both pass the check, and both do what follows.".into(),
            known,
        ))
        .hint(format!("name the expected {field} in the where of an updateMany and stop when its count is 0"))
        .also(shared::call_place(flow.facts, read))
}

fn unlike_siblings(
    flow: &Flow,
    change: &Change,
    field: &str,
    stated: usize,
    all: usize,
    known: &Ways,
) -> Finding {
    let message = format!(
        "\"{}\" sets \"{field}\" to {} from any other: {stated} of {all} updates name the one they expect",
        shared::call_name(change.call),
        change.to
    );
    shared::on_call(&RULE, flow.facts, flow.code, change.call, message)
        .severity(Severity::Info)
        .detail(with_transitions("A row that has moved on in the meantime is set back.".into(), known))
        .hint(format!("add the expected {field} to the where"))
}
