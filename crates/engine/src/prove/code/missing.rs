//! A statement whose filter is `undefined`: how many rows it reaches.

use pgsteward_lab::Whose;
use pgsteward_model::code::{Call, Query, Variant};
use pgsteward_model::finding::Finding;
use pgsteward_model::proof::{Observation, Run, Verdict};

use super::{Bench, Seen, not_shown, rewrite};

pub(super) async fn show(bench: &Bench<'_>, finding: &Finding, call: &Call) -> Seen {
    let places = std::iter::once(&finding.at).chain(&finding.also).filter_map(|place| place.file.as_ref());
    let argument = places
        .filter(|range| *range.file == *call.site.at.file)
        .fold(call.argument.clone(), |argument, range| rewrite::undefined_at(&argument, range.span));
    if argument == call.argument {
        return not_shown("the filter is written in another place");
    }
    let Some(with) = call.lowered.variants().first().and_then(main) else {
        return not_shown("the statement of the call is not known");
    };
    let without = rewrite::lowered(bench.facts, call, call.operation, &argument, None);
    let Some(without) = without.as_ref().and_then(main) else {
        return not_shown("the statement without the filter is not known");
    };
    let (as_it_is, reached) =
        match (run(bench, "with a value", with).await, run(bench, "without one", without).await) {
            (Ok(one), Ok(other)) => (one, other),
            (Err(why), _) | (_, Err(why)) => return not_shown(why),
        };
    let verdict = if reached.rows_fetched + reached.rows_removed == 0 && as_it_is.rows_fetched == 0 {
        Verdict::Unprovable { reason: "on generated rows both reach nothing".into() }
    } else if reached.rows_fetched > as_it_is.rows_fetched {
        Verdict::Proven
    } else {
        Verdict::Unprovable { reason: "on generated rows both reach the same".into() }
    };
    (vec![Observation::Ran(as_it_is), Observation::Ran(reached)], verdict)
}

/// The statement that has the filter.
fn main(variant: &Variant) -> Option<&Query> {
    variant
        .queries
        .iter()
        .find(|query| query.kind != pgsteward_model::code::StatementKind::Select)
        .or(variant.queries.first())
}

async fn run(bench: &Bench<'_>, what: &str, query: &Query) -> Result<Run, String> {
    let sql = bench.twin.bench.bound(query, 0, Whose::Any).await?;
    let ran = bench.twin.bench.run(what, &sql).await;
    Ok(ran.map_err(|error| format!("the statement failed on generated rows: {}", error.message))?.0)
}
