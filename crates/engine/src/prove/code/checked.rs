//! A CHECK that comes from a check of the code: a row takes a value that the code lets pass and one for each thing that it
//! refuses.
//!
//! The values come from the code's check and not from the condition, so a condition that says something else is found.

mod values;

use pgsteward_model::change::Step;
use pgsteward_model::code::Validation;
use pgsteward_model::finding::{Evidence, Finding};
use pgsteward_model::migration::ServerError;
use pgsteward_model::proof::{Observation, Verdict};
use pgsteward_sql::{quote_ident, quote_literal};

use super::{Bench, Seen, not_shown};
use values::{Values, values};

const CHECK_VIOLATION: &str = "23514";

/// The check of the code that a finding stands at.
pub(super) fn validation<'a>(bench: &'a Bench<'_>, finding: &Finding) -> Option<&'a Validation> {
    let at = finding.at.file.as_ref()?;
    bench.code.validations.iter().find(|one| one.at.file == at.file && one.at.span == at.span)
}

pub(super) async fn show(bench: &Bench<'_>, finding: &Finding) -> Seen {
    let object = finding.at.object.as_ref();
    let named = object.and_then(|object| {
        Some((object.namespace.as_deref()?, object.relation.as_deref()?, object.column.as_deref()?))
    });
    let condition = finding.evidence.iter().find_map(|evidence| match evidence {
        Evidence::Sql { sql } => Some(sql.as_str()),
        _ => None,
    });
    let add = finding.fix.iter().flat_map(|fix| &fix.change.steps).find_map(|step| match step {
        // It holds for what is written from then on. What generated rows had before proves nothing.
        Step::Sql(step) => Some(step.sql.as_str()),
        _ => None,
    });
    let (Some((namespace, relation, column)), Some(condition), Some(add), Some(validation)) =
        (named, condition, add, validation(bench, finding))
    else {
        return not_shown("the check of the code is not at hand");
    };
    let values = match values(&validation.checks, condition) {
        Ok(values) => values,
        Err(reason) => return not_shown(reason),
    };
    let name = pgsteward_model::catalog::QName::new(namespace, relation);
    let work = &bench.twin.bench;
    if let Err(error) = work.apply("BEGIN").await {
        return not_shown(error.message);
    }
    let seen = write(bench, add, &super::twin::sql_name(&name), column, &values).await;
    if let Err(error) = work.apply("ROLLBACK").await {
        return not_shown(error.message);
    }
    seen.unwrap_or_else(|error| not_shown(format!("the values could not be tried: {}", error.message)))
}

async fn write(
    bench: &Bench<'_>,
    add: &str,
    table: &str,
    column: &str,
    values: &Values,
) -> Result<Seen, ServerError> {
    let work = &bench.twin.bench;
    work.apply(add).await?;
    let mut seen = Vec::new();
    let tried = values
        .allowed
        .iter()
        .map(|value| (value, true))
        .chain(values.refused.iter().map(|value| (value, false)));
    for (value, allowed) in tried {
        let sql = format!(
            "UPDATE {table} SET {} = {} WHERE ctid = (SELECT ctid FROM {table} LIMIT 1)",
            quote_ident(column),
            quote_literal(value)
        );
        work.apply("SAVEPOINT value").await?;
        let outcome = work
            .count(&format!("WITH done AS ({sql} RETURNING 1) SELECT pg_catalog.count(*) FROM done"))
            .await;
        work.apply("ROLLBACK TO SAVEPOINT value").await?;
        let (refused, rows) = match outcome {
            Ok(0) => return Ok(not_shown("the lab could make no row for it")),
            Ok(rows) => (None, rows),
            Err(error) => (Some(error), 0),
        };
        let by_check = refused.as_ref().map(|error| error.sqlstate == CHECK_VIOLATION);
        let what = format!("the value {}", shown(value));
        seen.push(Observation::Attacked { what: what.clone(), sql, refused, rows });
        let reason = match (allowed, by_check) {
            (true, None) | (false, Some(true)) => continue,
            (true, Some(true)) => format!("the constraint refuses {what}, which the code lets pass"),
            (false, None) => format!("the constraint lets {what} pass, which the code refuses"),
            // The type or another constraint was first, which says nothing of this one.
            (_, Some(false)) => return Ok((seen, unprovable(&what))),
        };
        return Ok((seen, Verdict::Refuted { reason }));
    }
    Ok((seen, Verdict::Proven))
}

fn unprovable(what: &str) -> Verdict {
    Verdict::Unprovable { reason: format!("something else than the constraint refuses {what}") }
}

fn shown(value: &str) -> String {
    const LONGEST: usize = 40;
    match value.chars().count() {
        0 => "''".to_owned(),
        length if length > LONGEST => format!("of {length} characters"),
        _ => value.to_owned(),
    }
}
