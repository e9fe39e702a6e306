//! A webhook's event that is delivered twice, on the table that a fix brings.

use pgsteward_model::change::Step;
use pgsteward_model::code::{Call, Node, Operation, Query, Value};
use pgsteward_model::facts::Facts;
use pgsteward_model::finding::Finding;
use pgsteward_model::migration::ServerError;
use pgsteward_model::prisma::{FieldType, Model, Scalar};
use pgsteward_model::proof::{Observation, Verdict};
use pgsteward_sql::quote_literal;

use super::{Bench, Seen, not_shown, rewrite};
use crate::prove::files::{edit_schema, edited_files};

const UNIQUE_VIOLATION: &str = "23505";

pub(super) async fn show(bench: &Bench<'_>, finding: &Finding, call: &Call) -> Seen {
    let Some((facts, model)) = with_new_model(bench.facts, finding) else {
        return not_shown("the fix brings no table");
    };
    let Some(key) = model.fields.iter().find(|field| field.is_id) else {
        return not_shown("the table has no key");
    };
    let row = rewrite::object(vec![(&key.name, rewrite::text("evt_1"))]);
    let data = rewrite::node(Value::List(vec![row]));
    let plain = rewrite::object(vec![("data", data)]);
    let skipping = rewrite::with(&plain, "skipDuplicates", rewrite::node(Value::Bool(true)));
    let statement = |argument| insert(&facts, call, &model, Operation::CreateMany, argument);
    let (Some(skipping), Some(plain)) = (statement(&skipping), statement(&plain)) else {
        return not_shown("the statement that keeps the event is not known");
    };
    let work = &bench.twin.bench;
    if let Err(error) = work.apply("BEGIN").await {
        return not_shown(error.message);
    }
    let seen = deliver(bench, finding, &skipping, &plain).await;
    if let Err(error) = work.apply("ROLLBACK").await {
        return not_shown(error.message);
    }
    seen.unwrap_or_else(|error| not_shown(format!("the event could not be delivered: {}", error.message)))
}

async fn deliver(
    bench: &Bench<'_>,
    finding: &Finding,
    skipping: &str,
    plain: &str,
) -> Result<Seen, ServerError> {
    let work = &bench.twin.bench;
    make(bench, finding).await?;
    let mut seen = Vec::new();
    let counted = format!("WITH done AS ({skipping} RETURNING 1) SELECT pg_catalog.count(*) FROM done");
    let mut counts = Vec::new();
    for what in ["an event", "the same event again"] {
        let rows = work.count(&counted).await?;
        counts.push(rows);
        let (what, sql) = (what.to_owned(), skipping.to_owned());
        seen.push(Observation::Attacked { what, sql, refused: None, rows });
    }
    work.apply("SAVEPOINT again").await?;
    let refused = work.apply(plain).await.err();
    work.apply("ROLLBACK TO SAVEPOINT again").await?;
    let unique = refused.as_ref().is_some_and(|error| error.sqlstate == UNIQUE_VIOLATION);
    let what = "the same event without skipDuplicates".to_owned();
    seen.push(Observation::Attacked { what, sql: plain.to_owned(), refused, rows: 0 });
    let verdict = if counts == [1, 0] && unique {
        Verdict::Proven
    } else {
        Verdict::Refuted { reason: "the table takes the same event twice".into() }
    };
    Ok((seen, verdict))
}

/// Runs the statements of a fix, in the transaction that is open.
pub(super) async fn make(bench: &Bench<'_>, finding: &Finding) -> Result<(), ServerError> {
    for step in finding.fix.iter().flat_map(|fix| &fix.change.steps) {
        if let Step::Sql(step) = step {
            bench.twin.bench.apply(&step.sql).await?;
        }
    }
    Ok(())
}

/// The facts with the schema as the fix leaves it, and the model that it brings.
pub(super) fn with_new_model(facts: &Facts, finding: &Finding) -> Option<(Facts, Model)> {
    let known = facts.prisma.as_ref()?;
    let edited = edited_files(&finding.fix.as_ref()?.change.steps, facts).ok()?;
    let mut after =
        Facts { sources: facts.sources.clone(), prisma: facts.prisma.clone(), ..Facts::default() };
    edit_schema(&mut after, &edited);
    let model =
        after.prisma.as_ref()?.models.iter().find(|model| known.model(&model.name).is_none())?.clone();
    Some((after, model))
}

/// The INSERT that Prisma sends for a row of a model, with values.
pub(super) fn insert(
    facts: &Facts,
    call: &Call,
    model: &Model,
    operation: Operation,
    argument: &Node,
) -> Option<String> {
    let on_model = Call { model: model.name.clone(), ..call.clone() };
    let variant = rewrite::lowered(facts, &on_model, operation, argument, None)?;
    let query: &Query = variant.queries.first()?;
    let values: Vec<Vec<String>> = query
        .parameters
        .iter()
        .map(|parameter| {
            let field = parameter.column.as_ref().and_then(|(.., column)| model.field_of_column(column));
            let value = match field.map(|field| &field.ty) {
                Some(FieldType::Scalar(Scalar::DateTime)) => "2026-01-01T00:00:00Z",
                Some(FieldType::Scalar(Scalar::Json)) => "[]",
                _ => "evt_1",
            };
            vec![quote_literal(value)]
        })
        .collect();
    pgsteward_lab::bind(&query.sql, &values).ok()
}
