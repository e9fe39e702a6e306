//! A transaction that waits for another service.

use pgsteward_model::code::{Awaited, Effect, EffectKind, Site, TransactionKind};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::rule::{Group, Rule};

use super::flow::Flow;
use super::shared;

pub(super) static RULE: Rule = Rule {
    id: "external-call-in-transaction",
    group: Group::Code,
    severity: Severity::Warning,
    needs: &[Need::Code],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("external_call_in_transaction.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    let mut findings = Vec::new();
    for effect in &flow.code.effects {
        if waits(&flow, &effect.site) && is_slow(effect) {
            findings.push(finding(&flow, &effect.site, effect, None));
        }
    }
    for invocation in flow.code.invocations.iter().filter(|invocation| waits(&flow, &invocation.site)) {
        let reach = flow.reach(invocation.callee);
        let found =
            reach.effects.iter().map(|index| &flow.code.effects[*index]).find(|effect| is_slow(effect));
        if let Some(effect) = found {
            let callee = &flow.code.functions[invocation.callee].name;
            findings.push(finding(&flow, &invocation.site, effect, Some(callee)));
        }
    }
    findings
}

/// The site is waited for while an interactive transaction is open.
fn waits(flow: &Flow, site: &Site) -> bool {
    let open = site
        .transaction
        .is_some_and(|index| flow.code.transactions[index].kind == TransactionKind::Interactive);
    open && site.awaited != Awaited::Not && flow.code.serves(site)
}

/// A queue answers quickly; that it may disagree with the database is another rule's matter.
fn is_slow(effect: &Effect) -> bool {
    effect.kind != EffectKind::Queue
}

fn finding(flow: &Flow, site: &Site, effect: &Effect, through: Option<&str>) -> Finding {
    let name = &effect.name;
    let what = match effect.kind {
        EffectKind::Sleep => "sleeps",
        EffectKind::Mail => "sends mail",
        EffectKind::Payment => "waits for the payment service",
        EffectKind::Storage => "waits for object storage",
        EffectKind::Request | EffectKind::Queue => "waits for another service",
    };
    let by = match through {
        Some(through) => format!("\"{name}\" in \"{through}\""),
        None => format!("\"{name}\""),
    };
    let function = &flow.function(site).name;
    let timeout =
        site.transaction.and_then(|index| flow.code.transactions[index].timeout_ms).unwrap_or(5_000);
    let mut finding = Finding::in_code(
        &RULE,
        shared::place(flow.facts, &site.at),
        function,
        &format!("{}/{name}", through.unwrap_or("")),
        0,
        format!("a transaction {what}: {by}"),
    )
    .detail(format!(
        "Until the answer comes, the transaction keeps its connection and its locks; after {timeout} ms Prisma rolls it back, \
         and what the other side did stays done."
    ))
    .hint("call before the transaction opens or after it commits, and keep only the reads and writes inside");
    if through.is_some() {
        finding = finding.also(shared::place(flow.facts, &effect.site.at));
    }
    finding.also(opened(flow, site))
}

fn opened(flow: &Flow, site: &Site) -> Place {
    let at = site.transaction.map_or(&site.at, |index| &flow.code.transactions[index].site.at);
    shared::place(flow.facts, at)
}
