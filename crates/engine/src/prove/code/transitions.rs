//! The trigger of a fix, attacked: rows go along every way that it allows and along some that it does not.

use pgsteward_model::catalog::QName;
use pgsteward_model::change::Step;
use pgsteward_model::code::Call;
use pgsteward_model::finding::{Evidence, Finding};
use pgsteward_model::migration::ServerError;
use pgsteward_model::proof::{Observation, Verdict};
use pgsteward_model::states::ANY;
use pgsteward_sql::{quote_ident, quote_literal};

use super::{Bench, Seen, not_shown};

/// Ways of each kind that are tried.
const TRIED: usize = 8;
const CHECK_VIOLATION: &str = "23514";

pub(super) async fn show(bench: &Bench<'_>, finding: &Finding, call: &Call) -> Seen {
    let drawn = finding.evidence.iter().find_map(|evidence| match evidence {
        Evidence::Transitions { column, allowed, .. } => Some((column, allowed)),
        _ => None,
    });
    let model = bench.facts.prisma.as_ref().and_then(|schema| schema.model(&call.model));
    let (Some((column, allowed)), Some(model)) = (drawn, model) else {
        return not_shown("the ways of the status are not known");
    };
    let name = QName::new(model.namespace.as_deref().unwrap_or("public"), model.db_name.clone());
    let work = &bench.twin.bench;
    if let Err(error) = work.apply("BEGIN").await {
        return not_shown(error.message);
    }
    let seen = attack(bench, finding, &super::twin::sql_name(&name), column, allowed).await;
    // Rows, trigger and function go together.
    if let Err(error) = work.apply("ROLLBACK").await {
        return not_shown(error.message);
    }
    seen.unwrap_or_else(|error| not_shown(format!("the states could not be tried: {}", error.message)))
}

async fn attack(
    bench: &Bench<'_>,
    finding: &Finding,
    table: &str,
    column: &str,
    allowed: &[(String, String)],
) -> Result<Seen, ServerError> {
    let work = &bench.twin.bench;
    let mut states: Vec<&str> = allowed
        .iter()
        .flat_map(|(from, to)| [from.as_str(), to.as_str()])
        .filter(|state| *state != ANY)
        .collect();
    states.sort_unstable();
    states.dedup();
    let rows = work.rows(&format!("SELECT ctid::text FROM {table} LIMIT {}", states.len())).await?;
    if rows.len() < states.len() {
        return Ok(not_shown("the lab has too few rows to put one into each state"));
    }
    let column = quote_ident(column);
    // Every other row leaves the states, so that each state has one row that is known.
    for (state, row) in states.iter().zip(rows) {
        let row = row.into_iter().next().flatten().unwrap_or_default();
        work.apply(&format!(
            "UPDATE {table} SET {column} = {} WHERE ctid = {}::tid",
            quote_literal(state),
            quote_literal(&row)
        ))
        .await?;
    }
    for step in finding.fix.iter().flat_map(|fix| &fix.change.steps) {
        if let Step::Sql(step) = step {
            work.apply(&step.sql).await?;
        }
    }
    let is_allowed = |from: &str, to: &str| {
        allowed.iter().any(|(known, target)| (known == ANY || known == from) && target == to)
    };
    let pairs = || states.iter().flat_map(|from| states.iter().map(move |to| (*from, *to)));
    let fine = pairs().filter(|(from, to)| is_allowed(from, to)).take(TRIED);
    let wrong = pairs().filter(|(from, to)| !is_allowed(from, to)).take(TRIED);
    let (mut seen, mut refused_any) = (Vec::new(), false);
    for (from, to) in fine.chain(wrong) {
        let sql = format!(
            "UPDATE {table} SET {column} = {} WHERE ctid = (SELECT ctid FROM {table} WHERE {column}::text = {} LIMIT 1)",
            quote_literal(to),
            quote_literal(from)
        );
        work.apply("SAVEPOINT way").await?;
        let outcome = work
            .count(&format!("WITH done AS ({sql} RETURNING 1) SELECT pg_catalog.count(*) FROM done"))
            .await;
        work.apply("ROLLBACK TO SAVEPOINT way").await?;
        let what = format!("from {from} to {to}");
        let (refused, rows) = match outcome {
            Ok(rows) => (None, rows),
            Err(error) => (Some(error), 0),
        };
        let as_drawn = match &refused {
            None => rows == 1 && is_allowed(from, to),
            Some(error) => error.sqlstate == CHECK_VIOLATION && !is_allowed(from, to),
        };
        refused_any |= refused.is_some();
        seen.push(Observation::Attacked { what: what.clone(), sql, refused, rows });
        if !as_drawn {
            return Ok((
                seen,
                Verdict::Refuted { reason: format!("the trigger is wrong about the way {what}") },
            ));
        }
    }
    let verdict = if refused_any {
        Verdict::Proven
    } else {
        Verdict::Unprovable { reason: "the trigger has no way to refuse".into() }
    };
    Ok((seen, verdict))
}
