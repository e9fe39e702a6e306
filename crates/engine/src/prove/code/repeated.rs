//! One statement for each turn of a loop, against one for all turns.

use std::collections::BTreeSet;

use pgsteward_lab::{Values, Whose};
use pgsteward_model::code::{Call, Node, Operation, Query, Source, StatementKind, Value};
use pgsteward_model::finding::Finding;
use pgsteward_model::proof::{Observation, Verdict};

use super::{Bench, Seen, not_shown, rewrite, writes};

/// Turns of the loop that are run.
const TURNS: u64 = 20;

pub(super) async fn show(bench: &Bench<'_>, finding: &Finding, call: &Call) -> Seen {
    let Some(query) = call.lowered.queries().next() else {
        return not_shown("the statement of the call is not known");
    };
    if finding.fix.is_some() && call.operation.writes() && call.lowered.queries().count() > 1 {
        return not_shown("each turn sends several statements");
    }
    let work = &bench.twin.bench;
    let mut statements = Vec::new();
    let mut values = Vec::new();
    for turn in 0..TURNS {
        match work.values(query, turn, Whose::Any).await {
            Ok(of_turn) => {
                values.push(of_turn);
            }
            Err(why) => return not_shown(why),
        }
    }
    if call.operation.writes() && writes::takes_a_list(finding) {
        writes::write_the_same(call, query, &mut values);
    }
    for of_turn in &values {
        match pgsteward_lab::bind(&query.sql, of_turn) {
            Ok(sql) => statements.push(sql),
            Err(why) => return not_shown(why),
        }
    }
    let many = match work.run_each(&format!("{TURNS} turns of the loop"), &statements).await {
        Ok(run) => run,
        Err(error) => return not_shown(format!("the statement failed on generated rows: {}", error.message)),
    };
    let mut seen = vec![Observation::Ran(many.clone())];
    if writes::makes_one_transaction(finding) {
        let verdict =
            match writes::leave_the_same(bench, call, query, &statements, &statements.join("; ")).await {
                Ok(true) => {
                    seen.push(Observation::SameRows { rows: many.rows_fetched });
                    Verdict::Proven
                }
                Ok(false) => Verdict::Unprovable { reason: "the table of the statement is not known".into() },
                Err(verdict) => verdict,
            };
        return (seen, verdict);
    }
    let together = match query.kind {
        StatementKind::Select => at_once(bench, call, query, &values).await,
        _ => writes::at_once(bench, call, query, &values),
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
            StatementKind::Select => Ok(None),
            _ => {
                let same = writes::leave_the_same(bench, call, query, &statements, &together.sql).await;
                same.map(|same| same.then_some(many.rows_fetched))
            }
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
pub(super) struct Together {
    pub(super) sql: String,
    /// It asks for the keys of all turns, and for no other.
    pub(super) of_all_turns: bool,
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
