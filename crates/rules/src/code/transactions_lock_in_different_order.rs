//! Two transactions that lock the same tables the other way round.

use std::collections::BTreeSet;

use pgsteward_model::code::{Call, Operation};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::flow::Flow;
use super::shared;

pub(super) static RULE: Rule = Rule {
    id: "transactions-lock-in-different-order",
    group: Group::Code,
    severity: Severity::Warning,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("transactions_lock_in_different_order.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    let orders: Vec<(usize, Vec<&Call>)> =
        (0..flow.code.transactions.len()).map(|index| (index, locked(&flow, index))).collect();
    let mut findings = Vec::new();
    let mut reported: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (at, (first, one)) in orders.iter().enumerate() {
        for (second, other) in &orders[at + 1..] {
            let function = |index: usize| flow.code.transactions[index].site.function;
            if function(*first) == function(*second) {
                continue;
            }
            if let Some((a, b)) = crossed(&flow, one, other)
                && reported.insert((a.model.as_str().min(&b.model), a.model.as_str().max(&b.model)))
            {
                findings.push(finding(&flow, *first, *second, a, b));
            }
        }
    }
    findings
}

/// The first statement of a transaction on each model that locks rows against other writers, in order.
fn locked<'a>(flow: &Flow<'a>, transaction: usize) -> Vec<&'a Call> {
    let site = &flow.code.transactions[transaction].site;
    if !flow.code.serves(site) {
        return Vec::new();
    }
    let mut found: Vec<(u32, usize, &Call)> = Vec::new();
    for (index, call) in flow.calls_of(site.function) {
        if call.site.transaction == Some(transaction) && flow.in_transaction(call) {
            found.push((call.site.order, index, call));
        }
    }
    for (_, invocation) in flow.invocations_of(site.function) {
        if invocation.site.transaction == Some(transaction) {
            for index in flow.reach(invocation.callee).calls {
                let call = &flow.code.calls[index];
                if flow.in_transaction(call) {
                    found.push((invocation.site.order, index, call));
                }
            }
        }
    }
    found.sort_by_key(|(order, index, _)| (*order, *index));
    let mut models: BTreeSet<&str> = BTreeSet::new();
    found
        .into_iter()
        .map(|(.., call)| call)
        .filter(|call| locks(call) && models.insert(&call.model))
        .collect()
}

fn locks(call: &Call) -> bool {
    matches!(call.operation, Operation::Update | Operation::Upsert | Operation::Delete)
}

/// Two models that one locks in one order and the other in the other, on rows that belong together.
fn crossed<'a>(flow: &Flow<'a>, one: &[&'a Call], other: &[&'a Call]) -> Option<(&'a Call, &'a Call)> {
    let position = |list: &[&Call], model: &str| list.iter().position(|call| call.model == model);
    one.iter().enumerate().find_map(|(at, a)| {
        one[at + 1..].iter().find_map(|b| {
            let turned = position(other, &a.model)? > position(other, &b.model)?;
            (turned && flow.related(&a.model, &b.model)).then_some((*a, *b))
        })
    })
}

fn finding(flow: &Flow, first: usize, second: usize, a: &Call, b: &Call) -> Finding {
    let (one, other) = (&flow.code.transactions[first], &flow.code.transactions[second]);
    let (this, that) = (&flow.function(&other.site).name, &flow.function(&one.site).name);
    let message =
        format!("\"{this}\" locks \"{}\" before \"{}\", \"{that}\" the other way round", b.model, a.model);
    Finding::in_code(
        &RULE,
        shared::place(flow.facts, &other.site.at),
        this,
        &format!("{}+{}", b.model, a.model),
        0,
        message,
    )
    .detail(
        "When both run for the same rows, each holds what the other waits for. PostgreSQL notices after deadlock_timeout (one \
         second) and ends one of them with 40P01, P2034 in Prisma.",
    )
    .hint("write the tables in the same order everywhere, parents first, and try again on P2034")
    .also(shared::place(flow.facts, &one.site.at))
    .also(shared::call_place(flow.facts, a))
}
