//! One statement for each turn of a loop, against one for all turns.

use std::collections::BTreeSet;

use pgsteward_lab::{Values, Whose};
use pgsteward_model::code::{Call, Node, Operation, Query, Source, StatementKind, Value};
use pgsteward_model::finding::Finding;
use pgsteward_model::proof::{Observation, Run, Verdict};
use pgsteward_sql::{ddl, quote_ident};

use super::{Bench, Seen, not_shown, rewrite};

/// Turns of the loop that are run.
const TURNS: u64 = 20;

pub(super) async fn show(bench: &Bench<'_>, _: &Finding, call: &Call) -> Seen {
    let Some(query) = call.lowered.queries().next() else {
        return not_shown("the statement of the call is not known");
    };
    let work = &bench.twin.bench;
    let mut statements = Vec::new();
    let mut values = Vec::new();
    for turn in 0..TURNS {
        match work.values(query, turn, Whose::Any).await {
            Ok(of_turn) => {
                match pgsteward_lab::bind(&query.sql, &of_turn) {
                    Ok(sql) => statements.push(sql),
                    Err(why) => return not_shown(why),
                }
                values.push(of_turn);
            }
            Err(why) => return not_shown(why),
        }
    }
    let many = match work.run_each(&format!("{TURNS} turns of the loop"), &statements).await {
        Ok(run) => run,
        Err(error) => return not_shown(format!("the statement failed on generated rows: {}", error.message)),
    };
    let one = match query.kind {
        StatementKind::Select => at_once(bench, call).await,
        _ => written_at_once(bench, query, &values).await,
    };
    let mut seen = vec![Observation::Ran(many.clone())];
    let Some(one) = one else {
        return (
            seen,
            Verdict::Unprovable { reason: "one statement for all turns could not be written".into() },
        );
    };
    seen.push(Observation::Ran(one.clone()));
    let verdict = if one.statements < many.statements && one.buffers <= many.buffers.saturating_mul(2) {
        Verdict::Proven
    } else {
        Verdict::Unprovable {
            reason: "on generated rows one statement reads more than all turns together".into(),
        }
    };
    (seen, verdict)
}

/// The same question for a list of keys.
async fn at_once(bench: &Bench<'_>, call: &Call) -> Option<Run> {
    let filter = call.argument.get("where")?.object()?;
    let model = bench.facts.prisma.as_ref()?.model(&call.model)?;
    let is_column = |name: &str| model.field(name).is_some_and(|field| field.is_column());
    let varies = |node: &Node| match &node.value {
        Value::Expression { sources, .. } => {
            sources.iter().any(|source| matches!(source, Source::Loop { .. } | Source::Result { .. }))
        }
        _ => false,
    };
    let expression = |node: &Node| matches!(node.value, Value::Expression { .. });
    let candidates: Vec<_> = filter.properties.iter().filter(|property| is_column(&property.name)).collect();
    let key = candidates
        .iter()
        .find(|property| varies(&property.value))
        .or_else(|| candidates.iter().find(|property| expression(&property.value)))?;
    let list = rewrite::object(vec![("in", key.value.clone())]);
    let filter = rewrite::with(call.argument.get("where")?, &key.name, list);
    let changed =
        rewrite::with(&rewrite::without(&call.argument, &["take", "skip", "orderBy"]), "where", filter);
    let by = rewrite::node(Value::List(vec![rewrite::text(&key.name)]));
    let (operation, argument) = match call.operation {
        Operation::Count => {
            let all = rewrite::node(Value::Bool(true));
            let changed = rewrite::without(&changed, &["select"]);
            (Operation::GroupBy, rewrite::with(&rewrite::with(&changed, "by", by), "_count", all))
        }
        Operation::Aggregate => (Operation::GroupBy, rewrite::with(&changed, "by", by)),
        _ => (Operation::FindMany, changed),
    };
    let variant = rewrite::lowered(bench.facts, call, operation, &argument, None)?;
    let query = variant.queries.first()?;
    let sql = bench.twin.bench.bound(query, 0, Whose::Any).await.ok()?;
    Some(bench.twin.bench.run("one query for all", &sql).await.ok()?.0)
}

/// The same writes as one statement: a row of VALUES for each turn.
async fn written_at_once(bench: &Bench<'_>, query: &Query, values: &[Vec<Values>]) -> Option<Run> {
    let access = query.accesses.first()?;
    let name = pgsteward_model::catalog::QName::new(access.namespace.clone(), access.table.clone());
    let table = bench.twin.bench.catalog().table(&name)?;
    let columns: Option<Vec<&str>> = query
        .parameters
        .iter()
        .map(|parameter| parameter.column.as_ref().map(|(.., column)| column.as_str()))
        .collect();
    let columns = columns?;
    if query.parameters.iter().any(|parameter| parameter.list) {
        return None;
    }
    let list = |of: &[Values]| format!("({})", of.concat().join(", "));
    let rows: Vec<String> = values.iter().map(|row| list(row)).collect();
    let target = super::twin::sql_name(&name);
    let typed = |column: &str| Some(ddl::column_type(&table.column(column)?.ty));
    let aliases: Vec<String> = (0..columns.len()).map(|number| format!("v{number}")).collect();
    let sql = match query.kind {
        StatementKind::Insert => {
            // A statement that inserts several rows has the parameters of all of them.
            let distinct: BTreeSet<&&str> = columns.iter().collect();
            if distinct.len() != columns.len() {
                return None;
            }
            let names: Vec<String> = columns.iter().map(|column| quote_ident(column)).collect();
            let casts: Option<Vec<String>> = columns
                .iter()
                .zip(&aliases)
                .map(|(column, alias)| Some(format!("v.{alias}::{}", typed(column)?)))
                .collect();
            format!(
                "INSERT INTO {target} ({}) SELECT {} FROM (VALUES {}) AS v({})",
                names.join(", "),
                casts?.join(", "),
                rows.join(", "),
                aliases.join(", ")
            )
        }
        StatementKind::Update => {
            let mut set = Vec::new();
            let mut on = Vec::new();
            for ((parameter, column), alias) in query.parameters.iter().zip(&columns).zip(&aliases) {
                let cast = format!("v.{alias}::{}", typed(column)?);
                if parameter.path.starts_with("where") {
                    on.push(format!("t.{} = {cast}", quote_ident(column)));
                } else {
                    set.push(format!("{} = {cast}", quote_ident(column)));
                }
            }
            if set.is_empty() || on.is_empty() {
                return None;
            }
            format!(
                "UPDATE {target} AS t SET {} FROM (VALUES {}) AS v({}) WHERE {}",
                set.join(", "),
                rows.join(", "),
                aliases.join(", "),
                on.join(" AND ")
            )
        }
        StatementKind::Delete | StatementKind::Select => return None,
    };
    Some(bench.twin.bench.run("one statement for all", &sql).await.ok()?.0)
}
