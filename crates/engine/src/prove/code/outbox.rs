//! A row of an outbox, which comes and goes with the write that it belongs to.

use pgsteward_lab::Whose;
use pgsteward_model::catalog::QName;
use pgsteward_model::code::{Call, Operation, Value};
use pgsteward_model::finding::Finding;
use pgsteward_model::migration::ServerError;
use pgsteward_model::proof::{Observation, Verdict};

use super::{Bench, Seen, event, not_shown, rewrite};

pub(super) async fn show(bench: &Bench<'_>, finding: &Finding, call: &Call) -> Seen {
    let Some((facts, model)) = event::with_new_model(bench.facts, finding) else {
        return not_shown("the fix brings no table");
    };
    let row = rewrite::object(vec![
        ("effect", rewrite::text("queue.add")),
        ("payload", rewrite::node(Value::List(Vec::new()))),
    ]);
    let argument = rewrite::object(vec![("data", row)]);
    let Some(row) = event::insert(&facts, call, &model, Operation::Create, &argument) else {
        return not_shown("the statement that fills the outbox is not known");
    };
    let work = &bench.twin.bench;
    let write = match call.lowered.queries().next() {
        Some(query) => match work.bound(query, 0, Whose::Any).await {
            Ok(sql) => sql,
            Err(why) => return not_shown(why),
        },
        None => return not_shown("the statement of the call is not known"),
    };
    let name = QName::new(model.namespace.as_deref().unwrap_or("public"), model.db_name.clone());
    if let Err(error) = work.apply("BEGIN").await {
        return not_shown(error.message);
    }
    let seen = together(bench, finding, &write, &row, &super::twin::sql_name(&name)).await;
    if let Err(error) = work.apply("ROLLBACK").await {
        return not_shown(error.message);
    }
    seen.unwrap_or_else(|error| not_shown(format!("the outbox could not be tried: {}", error.message)))
}

async fn together(
    bench: &Bench<'_>,
    finding: &Finding,
    write: &str,
    row: &str,
    outbox: &str,
) -> Result<Seen, ServerError> {
    let work = &bench.twin.bench;
    event::make(bench, finding).await?;
    work.apply("SAVEPOINT work").await?;
    let mut left = Vec::new();
    for end in ["ROLLBACK TO SAVEPOINT work", "RELEASE SAVEPOINT work"] {
        work.apply(write).await?;
        work.apply(row).await?;
        work.apply(end).await?;
        left.push(work.count(&format!("SELECT pg_catalog.count(*) FROM {outbox}")).await?);
    }
    let observed = |what: &str, rows: u64| Observation::Attacked {
        what: what.to_owned(),
        sql: row.to_owned(),
        refused: None,
        rows,
    };
    let seen = vec![
        observed("the write and its outbox row, rolled back", left[0]),
        observed("the write and its outbox row, kept", left[1]),
    ];
    let verdict = if left == [0, 1] {
        Verdict::Proven
    } else {
        Verdict::Refuted { reason: "the outbox row does not come and go with its write".into() }
    };
    Ok((seen, verdict))
}
