//! A serializable transaction that nobody tries again.

mod decided;

use pgsteward_model::code::Site;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::flow::Flow;
use super::{retry, shared};

pub(super) static RULE: Rule = Rule {
    id: "transaction-without-retry",
    group: Group::Code,
    severity: Severity::Warning,
    needs: &[Need::Code],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("transaction_without_retry.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    let mut findings = Vec::new();
    for (index, transaction) in flow.code.transactions.iter().enumerate() {
        if !flow.code.serves(&transaction.site) {
            continue;
        }
        let Some(isolation) = transaction.isolation.as_deref() else { continue };
        let level = isolation.rsplit('.').next().unwrap_or(isolation);
        let handled = transaction.site.tries.iter().any(|index| {
            let codes = flow.code.tries[*index].catch.iter().flat_map(|catch| &catch.codes);
            codes.into_iter().any(|code| matches!(code.as_str(), "P2034" | "40001" | "40P01"))
        });
        // A transaction that only reads does not fail at REPEATABLE READ, and seldom at SERIALIZABLE.
        if !matches!(level, "Serializable" | "RepeatableRead")
            || transaction.retried
            || handled
            || !writes(&flow, index)
        {
            continue;
        }
        let function = &flow.function(&transaction.site).name;
        let message = format!("a transaction in \"{function}\" is {level} and is not tried again");
        let finding = Finding::in_code(
                &RULE,
                shared::place(facts, &transaction.site.at),
                function,
                &format!("$transaction/{level}"),
                0,
                message,
            )
            .detail(
                "At this isolation level PostgreSQL answers some of two transactions that meet with a serialization failure \
                 (40001, P2034 in Prisma) and expects the program to run it again. Without that, users see an error as soon \
                 as there is traffic.",
            );
        let again = "run it in a loop of a few tries that catches P2034";
        findings.push(match decided::outside(&flow, index) {
            // Running it again as it stands would do what it must do once a second time.
            Some((read, field)) => {
                let model = &read.model;
                let detail = format!(
                    "{} \"{field}\" of \"{model}\" is looked at before it begins, and the level does not guard that: a second try \
                     would go by what it was before the first.",
                    finding.detail
                );
                finding.detail(detail).also(shared::call_place(facts, read)).hint(format!(
                    "read \"{model}\" and look at \"{field}\" inside the transaction, and {again}"
                ))
            }
            None => {
                let finding = finding.hint(format!("{again}, or lower the level and lock the rows that matter"));
                match retry::fix(&flow, index) {
                    Some(fix) => finding.fix(fix),
                    None => finding,
                }
            }
        });
    }
    findings
}

fn writes(flow: &Flow, transaction: usize) -> bool {
    let function = flow.code.transactions[transaction].site.function;
    let inside = |site: &Site| site.transaction == Some(transaction);
    flow.calls_of(function).any(|(_, call)| inside(&call.site) && call.operation.writes())
        || flow.raw_of(function).iter().any(|index| {
            let raw = &flow.code.raw[*index];
            inside(&raw.site) && raw.method.contains("execute")
        })
        || flow.invocations_of(function).any(|(_, invocation)| {
            inside(&invocation.site)
                && flow
                    .reach(invocation.callee)
                    .calls
                    .iter()
                    .any(|index| flow.code.calls[*index].operation.writes())
        })
}
