//! Rows that the server sends against rows that a call returns, where Prisma does the rest in memory.

use pgsteward_lab::Whose;
use pgsteward_model::code::{Call, InMemory, Node, Purpose, Query, Value, Variant};
use pgsteward_model::finding::Finding;
use pgsteward_model::prisma::Model;
use pgsteward_model::proof::{Observation, Run, Verdict};
use pgsteward_sql::quote_ident;

use super::{Bench, Seen, not_shown, rewrite};

/// Rows of a page, where the code does not say.
const PAGE: u64 = 20;

pub(super) async fn show(bench: &Bench<'_>, finding: &Finding, call: &Call) -> Seen {
    let Some((variant, path)) = call.lowered.variants().iter().find_map(|variant| {
        let paths = variant.in_memory.iter().filter_map(path_of);
        // A call may do several things in memory; the finding says in quotes which relation it means.
        let named = |path: &&str| path.is_empty() || finding.message.contains(&format!("\"{path}\""));
        let path = paths.filter(named).max_by_key(|path| path.len())?;
        Some((variant, path.to_owned()))
    }) else {
        return not_shown("the call does nothing in memory that lowering knows of");
    };
    let Some(query) = variant.queries.iter().find(|query| is_of(query, &path)) else {
        return not_shown("the statement of the call is not known");
    };
    let work = &bench.twin.bench;
    let sql = match work.bound(query, 0, Whose::Busiest).await {
        Ok(sql) => sql,
        Err(why) => return not_shown(why),
    };
    let mut run = match work.run("as it is", &sql).await {
        Ok((run, _)) => run,
        Err(error) => return not_shown(format!("the statement failed on generated rows: {}", error.message)),
    };
    let take = take_of(variant, &path);
    let counted = returned(bench, call, variant, query, &path, &sql, take).await;
    run.rows_returned = match counted {
        Ok(rows) => rows,
        Err(why) => return not_shown(why),
    };
    let verdict = if run.rows_fetched > run.rows_returned {
        Verdict::Proven
    } else {
        Verdict::Unprovable { reason: "on generated rows no more was fetched than returned".into() }
    };
    let mut seen = vec![Observation::Ran(run.clone())];
    if let Some(better) = better(bench, call, variant, &path, &sql, take).await {
        seen.push(Observation::Ran(Run {
            rows_returned: run.rows_returned.min(better.rows_fetched),
            ..better
        }));
    }
    (seen, verdict)
}

fn path_of(step: &InMemory) -> Option<&str> {
    match step {
        InMemory::Distinct { path, .. } | InMemory::Page { path, .. } | InMemory::Cursor { path } => {
            Some(path)
        }
        InMemory::Reverse { .. } => None,
    }
}

fn is_of(query: &Query, path: &str) -> bool {
    match &query.purpose {
        Purpose::Main => path.is_empty(),
        Purpose::Relation(relation) => relation == path,
        _ => false,
    }
}

fn take_of(variant: &Variant, wanted: &str) -> Option<u64> {
    variant.in_memory.iter().find_map(|step| match step {
        InMemory::Page { path, take, .. } if path == wanted => Some(take.map_or(PAGE, i64::unsigned_abs)),
        _ => None,
    })
}

/// The column that a step in memory goes by: rows have the names of the columns, those of the join strategy the client's.
fn column_of(model: Option<&Model>, name: &str) -> String {
    let column =
        model.filter(|model| model.field_of_column(name).is_none()).and_then(|model| model.field(name));
    quote_ident(column.map_or(name, |field| &field.db_name))
}

/// How many rows are left after the work in memory. The server counts.
async fn returned(
    bench: &Bench<'_>,
    call: &Call,
    variant: &Variant,
    query: &Query,
    path: &str,
    sql: &str,
    take: Option<u64>,
) -> Result<u64, String> {
    let distinct = variant.in_memory.iter().find_map(|step| match step {
        InMemory::Distinct { path: of, fields } if of == path => Some(fields),
        _ => None,
    });
    let mut columns: Vec<String> = Vec::new();
    // Children are counted for each parent.
    let parent = query.accesses.first().and_then(|access| access.any_of.first()).filter(|_| !path.is_empty());
    columns.extend(parent.map(|column| quote_ident(column)));
    let inner = match distinct {
        Some(fields) => {
            let model = model_of(bench, call, path);
            let mut all = columns.clone();
            all.extend(fields.iter().map(|field| column_of(model, field)));
            format!("SELECT DISTINCT {} FROM ({sql}) AS fetched", all.join(", "))
        }
        None => format!("SELECT * FROM ({sql}) AS fetched"),
    };
    let most = take.unwrap_or(
        if variant.in_memory.iter().any(|step| matches!(step, InMemory::Cursor { path: of } if of == path)) {
            PAGE
        } else {
            u64::MAX >> 1
        },
    );
    let sql = if columns.is_empty() {
        format!("SELECT least(pg_catalog.count(*), {most}) FROM ({inner}) AS rest")
    } else {
        format!(
            "SELECT coalesce(pg_catalog.sum(least(n, {most})), 0)::bigint FROM \
             (SELECT pg_catalog.count(*) AS n FROM ({inner}) AS rest GROUP BY {}) AS groups",
            columns.join(", ")
        )
    };
    bench
        .twin
        .bench
        .count(&sql)
        .await
        .map_err(|error| format!("the rows could not be counted: {}", error.message))
}

fn model_of<'a>(bench: &'a Bench<'_>, call: &Call, path: &str) -> Option<&'a Model> {
    let prisma = bench.facts.prisma.as_ref()?;
    let mut model = prisma.model(&call.model)?;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let pgsteward_model::prisma::FieldType::Model(name) = &model.field(part)?.ty else { return None };
        model = prisma.model(name)?;
    }
    Some(model)
}

/// The same rows with the work done by the server.
async fn better(
    bench: &Bench<'_>,
    call: &Call,
    variant: &Variant,
    path: &str,
    sql: &str,
    take: Option<u64>,
) -> Option<Run> {
    let work = &bench.twin.bench;
    if !path.is_empty() {
        let argument = rewrite::with(&call.argument, "relationLoadStrategy", rewrite::text("join"));
        let joined = rewrite::lowered(bench.facts, call, call.operation, &argument, Some("relationJoins"))?;
        let [query] = joined.queries.as_slice() else { return None };
        let sql = work.bound(query, 0, Whose::Busiest).await.ok()?;
        return Some(work.run("with relationLoadStrategy: 'join'", &sql).await.ok()?.0);
    }
    let cursor =
        variant.in_memory.iter().any(|step| matches!(step, InMemory::Cursor { path } if path.is_empty()));
    if cursor {
        let model = bench.facts.prisma.as_ref()?.model(&call.model)?;
        let key = model.primary_key.as_ref()?;
        let order = call.argument.get("orderBy")?;
        let mut keys: Vec<Node> = match &order.value {
            Value::List(nodes) => nodes.clone(),
            _ => vec![order.clone()],
        };
        // As the fix writes it: in the direction of the last key, and only what is missing.
        let last = keys.last().and_then(|key| key.object()?.properties.first());
        let direction =
            last.and_then(|key| key.value.get("sort").unwrap_or(&key.value).text()).unwrap_or("asc");
        let missing: Vec<Node> = key
            .fields
            .iter()
            .filter(|field| keys.iter().all(|known| known.get(&field.field).is_none()))
            .map(|field| rewrite::object(vec![(&field.field, rewrite::text(direction))]))
            .collect();
        keys.extend(missing);
        let argument = rewrite::with(&call.argument, "orderBy", rewrite::node(Value::List(keys)));
        let ordered = rewrite::lowered(bench.facts, call, call.operation, &argument, None)?;
        let query = ordered.queries.first()?;
        let sql = work.bound(query, 0, Whose::Busiest).await.ok()?;
        return Some(work.run("with the primary key as the last key of the order", &sql).await.ok()?.0);
    }
    let fields = variant.in_memory.iter().find_map(|step| match step {
        InMemory::Distinct { path, fields } if path.is_empty() => Some(fields),
        _ => None,
    })?;
    let model = model_of(bench, call, "")?;
    let columns: Vec<String> = fields.iter().map(|field| column_of(Some(model), field)).collect();
    let limit = take.map(|take| format!(" LIMIT {take}")).unwrap_or_default();
    let sql = format!("SELECT DISTINCT ON ({0}) * FROM ({sql}) AS matching{limit}", columns.join(", "));
    Some(work.run("with DISTINCT ON in the statement", &sql).await.ok()?.0)
}
