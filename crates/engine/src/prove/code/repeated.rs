//! One statement for each turn of a loop, against one for all turns.

use std::collections::BTreeSet;

use pgsteward_lab::{Values, Whose};
use pgsteward_model::code::{Call, Node, Operation, Query, Source, StatementKind, Value};
use pgsteward_model::finding::Finding;
use pgsteward_model::proof::{Observation, Verdict};
use pgsteward_sql::{ddl, quote_ident};

use super::{Bench, Seen, not_shown, rewrite};

/// Turns of the loop that are run.
const TURNS: u64 = 20;

pub(super) async fn show(bench: &Bench<'_>, finding: &Finding, call: &Call) -> Seen {
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
    let mut seen = vec![Observation::Ran(many.clone())];
    let together = match query.kind {
        StatementKind::Select => at_once(bench, call, query, &values).await,
        _ => written_at_once(bench, query, &values),
    };
    let none = || Verdict::Unprovable { reason: "one statement for all turns could not be written".into() };
    let Some(together) = together else { return (seen, none()) };
    let what = match query.kind {
        StatementKind::Select => "one query for all",
        _ => "one statement for all",
    };
    let Ok((one, _)) = work.run(what, &together.sql).await else { return (seen, none()) };
    seen.push(Observation::Ran(one.clone()));
    // What a fix writes must say the same, row by row.
    if finding.fix.is_some() {
        let same = match query.kind {
            StatementKind::Select if together.of_all_turns => {
                read_the_same(bench, &statements, &together.sql).await
            }
            StatementKind::Insert => leave_the_same(bench, query, &statements, &together.sql).await,
            _ => Ok(None),
        };
        match same {
            Ok(Some(rows)) => seen.push(Observation::SameRows { rows }),
            Ok(None) => {}
            Err(verdict) => return (seen, verdict),
        }
    }
    let verdict = if one.statements < many.statements && one.buffers <= many.buffers.saturating_mul(2) {
        Verdict::Proven
    } else {
        Verdict::Unprovable {
            reason: "on generated rows one statement reads more than all turns together".into(),
        }
    };
    (seen, verdict)
}

/// One statement in place of those of all turns.
struct Together {
    sql: String,
    /// It asks for the keys of all turns, and for no other.
    of_all_turns: bool,
}

/// The same question for a list of keys: those of the turns, where one parameter is all that varies.
async fn at_once(bench: &Bench<'_>, call: &Call, each: &Query, values: &[Vec<Values>]) -> Option<Together> {
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
    let work = &bench.twin.bench;
    let compared = |query: &Query| -> Vec<usize> {
        let of_column =
            |(_, parameter): &(usize, &pgsteward_model::code::QueryParameter)| parameter.column.is_some();
        query.parameters.iter().enumerate().filter(of_column).map(|(index, _)| index).collect()
    };
    let (single, list) = (compared(each), compared(query));
    if let ([single], [list]) = (single.as_slice(), list.as_slice())
        && each.parameters[*single].column == query.parameters[*list].column
    {
        let mut bound = work.values(query, 0, Whose::Any).await.ok()?;
        let keys: BTreeSet<String> = values.iter().flat_map(|turn| turn[*single].clone()).collect();
        bound[*list] = keys.into_iter().collect();
        return Some(Together { sql: pgsteward_lab::bind(&query.sql, &bound).ok()?, of_all_turns: true });
    }
    Some(Together { sql: work.bound(query, 0, Whose::Any).await.ok()?, of_all_turns: false })
}

/// The rows of all turns against those of the one statement; their number where they are the same.
async fn read_the_same(
    bench: &Bench<'_>,
    statements: &[String],
    together: &str,
) -> Result<Option<u64>, Verdict> {
    let failed = |error: pgsteward_model::migration::ServerError| Verdict::Unprovable {
        reason: format!("the rows could not be read: {}", error.message),
    };
    let work = &bench.twin.bench;
    let mut before = BTreeSet::new();
    for sql in statements {
        before.extend(work.rows(sql).await.map_err(failed)?);
    }
    let after: BTreeSet<_> = work.rows(together).await.map_err(failed)?.into_iter().collect();
    if before == after {
        return Ok(Some(u64::try_from(before.len()).unwrap_or(u64::MAX)));
    }
    Err(Verdict::Refuted { reason: "one query for all gives other rows than the turns of the loop".into() })
}

/// The table after all turns against the table after the one statement, in the columns that are written.
async fn leave_the_same(
    bench: &Bench<'_>,
    query: &Query,
    statements: &[String],
    together: &str,
) -> Result<Option<u64>, Verdict> {
    let Some(access) = query.accesses.first() else { return Ok(None) };
    let name = pgsteward_model::catalog::QName::new(access.namespace.clone(), access.table.clone());
    let columns: BTreeSet<String> = query
        .parameters
        .iter()
        .filter_map(|parameter| parameter.column.as_ref())
        .map(|(.., column)| quote_ident(column))
        .collect();
    let columns = columns.into_iter().collect::<Vec<_>>().join(", ");
    let target = super::twin::sql_name(&name);
    let look = format!(
        "SELECT pg_catalog.count(*), pg_catalog.md5(pg_catalog.string_agg(t::text, ';' ORDER BY t::text)) \
         FROM (SELECT {columns} FROM {target}) AS t"
    );
    let work = &bench.twin.bench;
    let mut looks = Vec::new();
    for writes in [statements, std::slice::from_ref(&together.to_owned())] {
        let seen = async {
            work.apply("BEGIN").await?;
            for sql in writes {
                work.apply(sql).await?;
            }
            work.rows(&look).await
        }
        .await;
        let ended = work.apply("ROLLBACK").await;
        match (seen, ended) {
            (Ok(rows), Ok(())) => looks.push(rows),
            (Err(error), _) | (_, Err(error)) => {
                return Err(Verdict::Unprovable { reason: format!("the writes failed: {}", error.message) });
            }
        }
    }
    if looks[0] == looks[1] {
        return Ok(Some(u64::try_from(statements.len()).unwrap_or(u64::MAX)));
    }
    Err(Verdict::Refuted {
        reason: "one statement for all leaves other rows than the turns of the loop".into(),
    })
}

/// The same writes as one statement: a row of VALUES for each turn.
fn written_at_once(bench: &Bench<'_>, query: &Query, values: &[Vec<Values>]) -> Option<Together> {
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
    Some(Together { sql, of_all_turns: true })
}
