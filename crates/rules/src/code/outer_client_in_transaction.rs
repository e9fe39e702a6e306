//! A call inside `$transaction` that does not use the transaction's client.

use pgsteward_model::change::{Fix, Safety, TextEdit};
use std::collections::BTreeMap;

use pgsteward_model::code::{Awaited, Call, Invocation, Node, Transaction, TransactionKind, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::source::Span;

use super::flow::Flow;
use super::{edit, inside, shared};

pub(super) static RULE: Rule = Rule {
    id: "outer-client-in-transaction",
    group: Group::Code,
    severity: Severity::Error,
    needs: &[Need::Code],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("outer_client_in_transaction.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    let mut findings = Vec::new();
    let mut empty: BTreeMap<usize, Finding> = BTreeMap::new();
    for call in flow.code.calls.iter().filter(|call| flow.code.serves(&call.site)) {
        if let Some(transaction) = opened_around(&flow, call.site.transaction)
            && !flow.in_transaction(call)
        {
            let found = direct(&flow, call, transaction);
            match call.site.transaction.filter(|_| transaction.client.is_none()) {
                // Nothing in it can be inside: one finding says so, at its first statement.
                Some(index) => {
                    let severity = found.severity;
                    let first = empty.entry(index).or_insert(found);
                    first.severity = first.severity.max(severity);
                }
                None => findings.push(found),
            }
        }
    }
    for invocation in flow.code.invocations.iter().filter(|invocation| flow.code.serves(&invocation.site)) {
        let Some(transaction) = opened_around(&flow, invocation.site.transaction) else { continue };
        let said = invocation.site.transaction.is_some_and(|index| empty.contains_key(&index));
        if said {
            continue;
        }
        if invocation.arguments.iter().any(|node| hands_on(node, transaction.client.as_deref())) {
            continue;
        }
        if let Some(call) = written_outside(&flow, invocation) {
            let callee = &flow.code.functions[invocation.callee].name;
            let name = shared::call_name(call);
            let message = format!("\"{name}\" in \"{callee}\" runs outside of the transaction that calls it");
            let function = &flow.function(&invocation.site).name;
            let place = shared::place(flow.facts, &invocation.site.at);
            findings.push(
                Finding::in_code(&RULE, place, function, &format!("{callee}/{}", call.shape), 0, message)
                    .severity(Severity::Warning)
                    .detail(DETAIL)
                    .hint(format!("give \"{callee}\" the transaction's client as a parameter"))
                    .also(shared::call_place(flow.facts, call))
                    .also(shared::place(flow.facts, &transaction.site.at)),
            );
        }
    }
    findings.extend(empty.into_values());
    findings
}

const DETAIL: &str = "It takes a connection of its own: it does not see what the transaction wrote, stays when the \
                      transaction is rolled back, and waits for ever for rows that the transaction has locked. With all \
                      connections in such transactions the pool stands still.";

fn opened_around<'a>(flow: &Flow<'a>, transaction: Option<usize>) -> Option<&'a Transaction> {
    let transaction = &flow.code.transactions[transaction?];
    (transaction.kind == TransactionKind::Interactive).then_some(transaction)
}

/// A write of a function that is called, and of those that it calls, by a client that is neither a transaction's nor given
/// to it.
pub(in crate::code) fn written_outside<'a>(flow: &Flow<'a>, invocation: &Invocation) -> Option<&'a Call> {
    let reach = flow.reach(invocation.callee);
    reach.calls.iter().map(|index| &flow.code.calls[*index]).find(|call| {
        call.operation.writes() && !flow.in_transaction(call) && flow.client_of_caller(call).is_none()
    })
}

/// The transaction's client is given to the function, as it is or within an object.
pub(in crate::code) fn hands_on(node: &Node, client: Option<&str>) -> bool {
    match &node.value {
        Value::Expression { text, .. } => client.is_some_and(|client| text == client),
        Value::Object(object) => object.properties.iter().any(|property| hands_on(&property.value, client)),
        Value::List(nodes) | Value::Choice { nodes, .. } => nodes.iter().any(|node| hands_on(node, client)),
        _ => false,
    }
}

fn direct(flow: &Flow, call: &Call, transaction: &Transaction) -> Finding {
    let inner = transaction.client.as_deref();
    let name = shared::call_name(call);
    let message = match inner {
        Some(inner) => {
            format!("\"{name}\" runs on \"{}\" inside a transaction, not on \"{inner}\"", call.receiver)
        }
        None => format!("\"{name}\" runs on \"{}\" inside a transaction that takes no client", call.receiver),
    };
    // A read of something that the transaction does not touch may stand outside on purpose.
    let severity = if call.operation.writes() { Severity::Error } else { Severity::Warning };
    let finding = shared::on_call(&RULE, flow.facts, flow.code, call, message)
        .severity(severity)
        .detail(DETAIL)
        .hint(match inner {
            Some(inner) => format!("use \"{inner}\""),
            None => "give the callback a parameter, `async (tx) => …`, and use it".into(),
        })
        .also(shared::place(flow.facts, &transaction.site.at));
    match inner.and_then(|inner| fix(flow, call, transaction, inner)) {
        Some(fix) => finding.fix(fix),
        None => finding,
    }
}

/// The client of the transaction in place of the one that opened it. None for any other client, which may be another
/// database's, and where the call belongs outside: what runs later, what nobody waits for, and what is written because
/// the transaction has failed. The write is taken back with the transaction then, so the edit is reviewed.
fn fix(flow: &Flow, call: &Call, transaction: &Transaction, inner: &str) -> Option<Fix> {
    let start = call.site.at.span.start;
    let span = Span::new(start, start + call.receiver.len());
    if edit::text(flow.facts, call, span) != call.receiver || inner.contains(['{', '.', ' ']) {
        return None;
    }
    let file = flow
        .facts
        .sources
        .get(&call.site.at.file)
        .filter(|_| transaction.site.at.file == call.site.at.file)?;
    let before = file.text.get(transaction.site.at.span.start..start)?;
    let (opened, callback) = before.split_once("$transaction")?;
    let same = opened.trim_end().strip_suffix('.').map(str::trim_end) == Some(call.receiver.as_str());
    if !same || call.site.awaited == Awaited::Not || !inside::runs_within(callback, inner) {
        return None;
    }
    let title = format!("use \"{inner}\" instead of \"{}\"", call.receiver);
    edit::fix(flow.facts, call, Safety::Review, title, vec![TextEdit { span, text: inner.into() }])
}
