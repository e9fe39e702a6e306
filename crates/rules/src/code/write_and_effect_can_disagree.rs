//! A write and something outside of the database, of which one can happen without the other.

use pgsteward_model::code::{Awaited, Call, Effect, EffectKind, Guard, Site, TransactionKind};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::flow::{self, Flow};
use super::{outbox, payment_key, shared};
use crate::shared::kept_words;

pub(super) static RULE: Rule = Rule {
    id: "write-and-effect-can-disagree",
    group: Group::Code,
    severity: Severity::Warning,
    needs: &[Need::Code],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("write_and_effect_can_disagree.md"),
    check,
};

const OUTBOX: &str =
    "write a row into an outbox table in the same transaction, and let a worker send it and mark it as sent";

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    let mut findings = Vec::new();
    for (function, _) in flow.serving() {
        let effects = flow.effects_of(function).iter().map(|index| &flow.code.effects[*index]);
        for effect in effects.filter(|effect| effect.site.awaited != Awaited::Not) {
            let writes: Vec<&Call> = flow
                .calls_of(function)
                .map(|(_, call)| call)
                .filter(|call| call.operation.writes() && !flow::is_log(&call.model))
                .filter(|call| !flow.exclusive(&call.site, &effect.site))
                .collect();
            findings.extend(match effect.kind {
                EffectKind::Queue => queued(&flow, effect, &writes),
                EffectKind::Payment => paid(&flow, effect, &writes),
                _ => None,
            });
        }
    }
    findings
}

fn queued(flow: &Flow, effect: &Effect, writes: &[&Call]) -> Option<Finding> {
    let inside = effect
        .site
        .transaction
        .is_some_and(|index| flow.code.transactions[index].kind == TransactionKind::Interactive);
    let before = writes.iter().rev().find(|call| call.site.order < effect.site.order);
    if inside {
        let write = writes.iter().find(|call| call.site.transaction == effect.site.transaction)?;
        let found =
            finding(flow, effect, write, format!("\"{}\" queues work before its transaction commits", effect.name))
                .detail(
                    "The worker may take the job before the commit and not find the row; when the transaction is rolled \
                     back, the job stays.",
                )
                .hint(format!("queue it after the commit, or {OUTBOX}; workers that take rows with FOR UPDATE SKIP LOCKED do not meet"));
        return Some(match outbox::fix(flow, effect, write) {
            Some(fix) => found.fix(fix),
            None => found,
        });
    }
    let write = before?;
    let message = format!("\"{}\" may never follow \"{}\"", effect.name, shared::call_name(write));
    let found = finding(flow, effect, write, message)
        .severity(Severity::Info)
        .detail("When the process ends or the queue does not answer between the two, the row says that it is to be done, and nobody does it.")
        .hint(OUTBOX);
    Some(match outbox::fix(flow, effect, write) {
        Some(fix) => found.fix(fix),
        None => found,
    })
}

fn paid(flow: &Flow, effect: &Effect, writes: &[&Call]) -> Option<Finding> {
    const MOVES: [&str; 9] =
        ["create", "charge", "capture", "refund", "pay", "transfer", "confirm", "payout", "finalize"];
    const MONEY: [&str; 12] = [
        "charge",
        "charges",
        "intents",
        "refund",
        "refunds",
        "transfer",
        "transfers",
        "payout",
        "payouts",
        "invoices",
        "payment",
        "payments",
    ];
    let words = kept_words(&effect.name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let moves_money = has(&MOVES) && has(&MONEY) && !has(&["preview", "sessions", "retrieve", "list"]);
    let after = writes
        .iter()
        .find(|call| call.site.order > effect.site.order && !asks_again(&effect.site, &call.site))?;
    let caught = after.site.tries.iter().any(|index| !effect.site.tries.contains(index));
    if effect.idempotent || !moves_money || caught || effect.site.transaction.is_some() {
        return None;
    }
    let message =
        format!("\"{}\" moves money that \"{}\" may never record", effect.name, shared::call_name(after));
    let found = finding(flow, effect, after, message)
            .detail(
                "When the write fails, or the process ends between the two, the money has moved and no row says so; a second \
                 try moves it again, as no idempotency key goes with the call.",
            )
            .hint(
                "write the intent first, give the call an idempotency key made of the row's id, and record the answer \
                 afterwards",
            );
    Some(match payment_key::fix(flow, effect, after) {
        Some(fix) => found.fix(fix),
        None => found,
    })
}

/// A branch that asks the same value again, `if (event.type === 'a') … if (event.type === 'b') …`, is another case.
fn asks_again(effect: &Site, write: &Site) -> bool {
    let asked = |guard: &Guard| -> Vec<String> {
        let before = guard.text.split("===").map(str::trim_end);
        let paths = before.filter_map(|text| text.rsplit(|letter: char| !is_of_path(letter)).next());
        paths.filter(|path| path.contains('.')).map(str::to_owned).collect()
    };
    let own = |site: &'_ Site, other: &Site| -> Vec<String> {
        let guards = site
            .guards
            .iter()
            .filter(|guard| !guard.negated && guard.text.contains("===") && !other.guards.contains(guard));
        guards.flat_map(asked).collect()
    };
    let of_effect = own(effect, write);
    own(write, effect).iter().any(|path| of_effect.contains(path))
}

fn is_of_path(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '$' | '.' | '?')
}

fn finding(flow: &Flow, effect: &Effect, write: &Call, message: String) -> Finding {
    let function = &flow.function(&effect.site).name;
    let place = shared::place(flow.facts, &effect.site.at);
    Finding::in_code(&RULE, place, function, &effect.name, 0, message)
        .also(shared::call_place(flow.facts, write))
}
