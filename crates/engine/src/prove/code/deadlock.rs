//! Two transactions of the code, run against each other on the same rows.

use std::collections::BTreeSet;

use anyhow::Result;
use pgsteward_lab::{Clash, Lab, Whose, clash};
use pgsteward_model::code::{Call, Code, StatementKind};
use pgsteward_model::finding::Finding;
use pgsteward_model::place::Place;
use pgsteward_model::proof::{Observation, Verdict};

use super::{Bench, Seen, not_shown};

pub(super) async fn show(bench: &Bench<'_>, lab: &Lab, finding: &Finding) -> Result<Seen> {
    let second = transaction_at(bench.code, &finding.at);
    let first = finding.also.iter().find_map(|place| transaction_at(bench.code, place));
    let (Some(first), Some(second)) = (first, second) else {
        return Ok(not_shown("the transactions are not known"));
    };
    let (one, other) = (locking(bench.code, first), locking(bench.code, second));
    let Some((a, b)) = one.iter().enumerate().find_map(|(at, a)| {
        one[at + 1..].iter().find_map(|b| {
            let place = |model: &str| other.iter().position(|call| call.model == model);
            (a.model != b.model && place(&a.model)? > place(&b.model)?).then_some((*a, *b))
        })
    }) else {
        return Ok(not_shown("the statements that lock are not known"));
    };
    let of_model = |calls: &[&'_ Call], model: &str| {
        calls.iter().find(|call| call.model == model).map(|call| (*call).clone())
    };
    let (Some(other_b), Some(other_a)) = (of_model(&other, &b.model), of_model(&other, &a.model)) else {
        return Ok(not_shown("the statements that lock are not known"));
    };
    let mut sides = Vec::new();
    for calls in [[a, b], [&other_b, &other_a]] {
        let mut statements = Vec::new();
        for call in calls {
            match locking_sql(bench, call).await {
                Ok(sql) => statements.push(sql),
                Err(why) => return Ok(not_shown(why)),
            }
        }
        sides.push(statements);
    }
    let [one, other] = sides.as_slice() else { return Ok(not_shown("the statements are not known")) };
    Ok(match clash(lab, &bench.twin.database, one, other).await? {
        Clash::Deadlock(error) => (
            vec![Observation::Deadlocked { first: one.clone(), second: other.clone(), error }],
            Verdict::Proven,
        ),
        Clash::None => not_shown("on generated rows both transactions came through"),
        Clash::Failed(sql, error) => {
            let reason = format!("a statement failed on generated rows: {}", error.message);
            (vec![Observation::Failed { sql, error }], Verdict::Unprovable { reason })
        }
    })
}

fn transaction_at(code: &Code, place: &Place) -> Option<usize> {
    let range = place.file.as_ref()?;
    code.transactions.iter().position(|transaction| {
        let at = &transaction.site.at;
        *at.file == *range.file && at.span.contains(range.span)
    })
}

/// Calls of a transaction that lock rows, its helpers' included, in order.
fn locking(code: &Code, transaction: usize) -> Vec<&Call> {
    let mut found: Vec<(u32, usize)> = code
        .calls
        .iter()
        .enumerate()
        .filter(|(_, call)| call.site.transaction == Some(transaction))
        .map(|(index, call)| (call.site.order, index))
        .collect();
    for invocation in code.invocations.iter().filter(|one| one.site.transaction == Some(transaction)) {
        let mut functions = BTreeSet::from([invocation.callee]);
        let mut open = vec![invocation.callee];
        while let Some(function) = open.pop() {
            for next in code.invocations.iter().filter(|one| one.site.function == function) {
                if functions.insert(next.callee) {
                    open.push(next.callee);
                }
            }
        }
        let inside =
            code.calls.iter().enumerate().filter(|(_, call)| functions.contains(&call.site.function));
        found.extend(
            inside.filter(|(_, call)| call.on_transaction).map(|(index, _)| (invocation.site.order, index)),
        );
    }
    found.sort_unstable();
    let locks = |call: &&Call| {
        call.lowered
            .queries()
            .any(|query| matches!(query.kind, StatementKind::Update | StatementKind::Delete))
    };
    found.into_iter().map(|(_, index)| &code.calls[index]).filter(locks).collect()
}

async fn locking_sql(bench: &Bench<'_>, call: &Call) -> Result<String, String> {
    let query = call
        .lowered
        .queries()
        .find(|query| matches!(query.kind, StatementKind::Update | StatementKind::Delete))
        .ok_or("the statements that lock are not known")?;
    bench.twin.bench.bound(query, 0, Whose::Any).await
}
