//! A promise for each element of a list, each of which wants a connection.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::code::{Call, Loop, Node, Over, Site};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::flow::Flow;
use super::{loops, portions, scale, shared};

pub(super) static RULE: Rule = Rule {
    id: "unbounded-parallel-queries",
    group: Group::Code,
    severity: Severity::Warning,
    needs: &[Need::Code],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("unbounded_parallel_queries.md"),
    check,
};

/// A pool has about ten connections (`pg`, and Prisma's own with `2 × cores + 1`).
const POOL: i64 = 10;

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    let mut findings = Vec::new();
    let mut reported: BTreeSet<usize> = BTreeSet::new();
    let mut report = |site: &Site,
                      values: &[&Node],
                      what: String,
                      shape: &str,
                      sure: bool,
                      findings: &mut Vec<Finding>| {
        let Some(of) = unbounded(&flow, site, values) else { return };
        if reported.insert(site.loops.last().copied().unwrap_or_default()) {
            findings.push(finding(&flow, site, of, &what, shape, sure));
        }
    };
    for call in &flow.code.calls {
        let few = scale::holds_choices(&call.model);
        if flow.code.serves(&call.site) && call.operation.writes() && !few && !flow.in_transaction(call) {
            let what = format!("\"{}\"", shared::call_name(call));
            report(&call.site, &[&call.argument], what, &call.shape, true, &mut findings);
        }
    }
    for invocation in flow.code.invocations.iter().filter(|invocation| flow.code.serves(&invocation.site)) {
        if invocation.site.loops.is_empty() {
            continue;
        }
        let reach = flow.reach(invocation.callee);
        let counts = |call: &Call| {
            call.operation.writes() && !flow.in_transaction(call) && !scale::holds_choices(&call.model)
        };
        let all: Vec<&Call> =
            reach.calls.iter().map(|index| &flow.code.calls[*index]).filter(|call| counts(call)).collect();
        let sure = flow.sure_writes(invocation.callee).into_iter().any(counts)
            || writes_in_branches(&flow, invocation.callee);
        let opens = reach.functions.iter().any(|function| !flow.transactions_of(*function).is_empty());
        if let Some(first) =
            all.first().map(|call| shared::call_name(call)).or(opens.then(|| "$transaction".into()))
            && invocation.site.transaction.is_none()
        {
            let callee = &flow.code.functions[invocation.callee].name;
            let values: Vec<&Node> = invocation.arguments.iter().collect();
            report(
                &invocation.site,
                &values,
                format!("\"{callee}\" (\"{first}\")"),
                callee,
                sure,
                &mut findings,
            );
        }
    }
    for transaction in flow.code.transactions.iter().filter(|transaction| flow.code.serves(&transaction.site))
    {
        if transaction.site.loops.is_empty() {
            continue;
        }
        // The callback's values are not at hand here; that it stands in the loop is enough.
        let inside = flow.code.calls.iter().filter(|call| {
            call.site.at.file == transaction.site.at.file
                && transaction.site.at.span.contains(call.site.at.span)
        });
        let values: Vec<&Node> = inside.map(|call| &call.argument).collect();
        report(&transaction.site, &values, "\"$transaction\"".into(), "$transaction", true, &mut findings);
    }
    findings
}

/// The same table is written under one condition or another: some branch of them runs.
fn writes_in_branches(flow: &Flow, function: usize) -> bool {
    let mut conditions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (_, call) in flow.calls_of(function).filter(|(_, call)| call.operation.writes()) {
        let condition = call.site.guards.iter().find(|guard| !guard.negated);
        conditions.entry(&call.model).or_default().insert(condition.map_or("", |guard| &*guard.text));
    }
    conditions.values().any(|of_model| of_model.len() > 1)
}

fn unbounded<'a>(flow: &Flow<'a>, site: &Site, values: &[&Node]) -> Option<&'a Loop> {
    let of = loops::growing(flow, site, values)?;
    let small = loops::limit(flow, of).is_some_and(|rows| rows <= POOL);
    // A function that is named for what people wrote goes through that.
    let written = loops::is_written(&of.text)
        || of.over == Over::Unknown && loops::is_written(&flow.function(site).name);
    (of.concurrent && !of.limited && !small && !written && !loops::in_portions(flow, site)).then_some(of)
}

fn finding(flow: &Flow, site: &Site, of: &Loop, what: &str, shape: &str, sure: bool) -> Finding {
    let count = match (&of.over, loops::limit(flow, of)) {
        (Over::Rows(_), Some(rows)) => format!("Up to {rows} of them start at once"),
        _ => "As many of them start at once as the list is long".into(),
    };
    let function = &flow.function(site).name;
    let message = format!("{what} runs for {} at the same time", loops::each(of));
    // A turn that also sends files or mails leaves the pool alone for most of its time, unless the rows are many.
    let spread = !matches!(of.over, Over::Rows(_)) && loops::works_elsewhere(flow, site, of);
    let long = loops::is_long(flow, site, of) && !loops::is_short_by_name(of);
    let severity = if long && sure && !spread { Severity::Warning } else { Severity::Info };
    let found = Finding::in_code(&RULE, shared::place(flow.facts, &site.at), function, shape, 0, message)
        .severity(severity)
        .detail(format!(
            "{count} on a pool of about ten connections: the rest waits, every other request waits behind it, and after the \
             pool's timeout they fail with P2024, some written and some not."
        ))
        .hint(
            "write the list with one statement (createMany, updateMany), or in portions of a few at a time (a loop over chunks, \
             p-limit)",
        )
        .also(shared::place(flow.facts, &of.at));
    match portions::fix(flow, site, of) {
        Some(fix) => found.fix(fix),
        None => found,
    }
}
