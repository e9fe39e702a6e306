//! A transaction that waits for another service.

use pgsteward_model::change::Fix;
use pgsteward_model::code::{Awaited, Call, Effect, EffectKind, Site, TransactionKind};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::prisma::At;
use pgsteward_model::rule::{Group, Rule};

use super::flow::Flow;
use super::text::closing;
use super::{outbox, shared, wrapper};

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
    let mut told: Vec<&At> = Vec::new();
    for effect in flow.code.effects.iter().filter(|effect| is_slow(effect)) {
        if let Some(open) = open_around(&flow, &effect.site) {
            told.push(&effect.site.at);
            let found = finding(&flow, &effect.site, &open, effect, None);
            findings.push(match mailed_later(&flow, effect) {
                Some((write, fix)) => found.also(shared::call_place(facts, write)).fix(fix),
                None => found,
            });
        }
    }
    for invocation in &flow.code.invocations {
        let Some(open) = open_around(&flow, &invocation.site) else { continue };
        // A client of this project is an effect itself: what it calls in turn is the same waiting.
        if told.contains(&&invocation.site.at) || makes_function(flow.text_of(invocation.callee)) {
            continue;
        }
        let reach = flow.reach(invocation.callee);
        let found =
            reach.effects.iter().map(|index| &flow.code.effects[*index]).find(|effect| is_slow(effect));
        if let Some(effect) = found {
            let callee = &flow.code.functions[invocation.callee].name;
            findings.push(finding(&flow, &invocation.site, &open, effect, Some(callee)));
        }
    }
    findings
}

/// A mail as a row of an outbox, which goes with the transaction's writes; what waits for an answer of the other side
/// cannot be put off.
fn mailed_later<'a>(flow: &Flow<'a>, effect: &Effect) -> Option<(&'a Call, Fix)> {
    let transaction = effect.site.transaction.filter(|_| effect.kind == EffectKind::Mail)?;
    let calls = flow.calls_of(effect.site.function).map(|(_, call)| call);
    let write = calls
        .into_iter()
        .find(|call| call.site.transaction == Some(transaction) && call.operation.writes())?;
    Some((write, outbox::fix(flow, effect, write)?))
}

/// A transaction that is open at a site.
struct Open<'a> {
    /// Where the code opens it.
    at: &'a At,
    timeout_ms: Option<u64>,
}

/// The interactive transaction that is open while the site is waited for.
fn open_around<'a>(flow: &Flow<'a>, site: &Site) -> Option<Open<'a>> {
    if site.awaited == Awaited::Not || !flow.code.serves(site) {
        return None;
    }
    let own = site.transaction.map(|index| &flow.code.transactions[index]);
    match own.filter(|transaction| transaction.kind == TransactionKind::Interactive) {
        Some(transaction) => Some(Open { at: &transaction.site.at, timeout_ms: transaction.timeout_ms }),
        None => wrapper::around(flow, site).map(|at| Open { at, timeout_ms: None }),
    }
}

/// Called, it only makes a function: who calls that one waits.
fn makes_function(text: &str) -> bool {
    let returned = text.find('{').map_or("", |at| text[at + 1..].trim_start());
    let Some(returned) = returned.strip_prefix("return ") else { return false };
    if returned.starts_with('(') {
        // What the brackets hold may have functions of its own, which run: only the parameters of one have an arrow, or the
        // type of what it returns, right behind them.
        let behind = closing(returned).map_or("", |end| returned[end..].trim_start());
        return behind.starts_with("=>") || behind.starts_with(':');
    }
    returned.starts_with("async (") || returned.starts_with("function")
}

/// The transaction is there to hold an advisory lock while something outside of the database changes.
fn holds_lock(flow: &Flow, site: &Site) -> bool {
    let locks = |function: usize| {
        let mut texts =
            flow.raw_of(function).iter().filter_map(|index| flow.code.raw[*index].text.as_deref());
        texts.any(|text| text.contains("pg_advisory_xact_lock"))
    };
    let mut around = flow
        .invocations_of(site.function)
        .filter(|(_, invocation)| invocation.site.at.span.contains(site.at.span));
    locks(site.function) || around.any(|(_, invocation)| locks(invocation.callee))
}

/// A queue answers quickly; that it may disagree with the database is another rule's matter.
fn is_slow(effect: &Effect) -> bool {
    effect.kind != EffectKind::Queue
}

fn finding(flow: &Flow, site: &Site, open: &Open, effect: &Effect, through: Option<&str>) -> Finding {
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
    let timeout = match open.timeout_ms {
        Some(timeout) => format!("after {timeout} ms"),
        None => "after 5000 ms, or what the options say,".to_owned(),
    };
    let mut finding = Finding::in_code(
        &RULE,
        shared::place(flow.facts, &site.at),
        function,
        &format!("{}/{name}", through.unwrap_or("")),
        0,
        format!("a transaction {what}: {by}"),
    )
    .severity(if holds_lock(flow, site) { Severity::Info } else { RULE.severity })
    .detail(format!(
        "Until the answer comes, the transaction keeps its connection and its locks; {timeout} Prisma rolls it back, \
         and what the other side did stays done."
    ))
    .hint("call before the transaction opens or after it commits, and keep only the reads and writes inside");
    if through.is_some() {
        finding = finding.also(shared::place(flow.facts, &effect.site.at));
    }
    finding.also(shared::place(flow.facts, open.at))
}
