//! A value that finds a row which is not equal to it.

use pgsteward_lab::{Whose, bind};
use pgsteward_model::code::{Call, PatternKind};
use pgsteward_model::finding::Finding;
use pgsteward_model::proof::{Observation, Verdict};
use pgsteward_sql::quote_ident;

use super::{Bench, Seen, not_shown};

pub(super) async fn show(bench: &Bench<'_>, _: &Finding, call: &Call) -> Seen {
    let work = &bench.twin.bench;
    let Some((query, access, pattern)) = call.lowered.queries().find_map(|query| {
        query.accesses.iter().find_map(|access| {
            let pattern = access
                .patterns
                .iter()
                .find(|pattern| pattern.kind == PatternKind::Equals && pattern.insensitive)?;
            Some((query, access, pattern))
        })
    }) else {
        return not_shown("the statement of the call is not known");
    };
    let place = query.parameters.iter().position(|parameter| {
        parameter.column.as_ref().is_some_and(|(namespace, table, column)| {
            *namespace == access.namespace && *table == access.table && *column == pattern.column
        })
    });
    let Some(place) = place else { return not_shown("the value is written in the code") };
    let mut values = match work.values(query, 0, Whose::Any).await {
        Ok(values) => values,
        Err(why) => return not_shown(why),
    };
    let honest = values[place].join(", ");
    // A letter in the middle becomes "_", as an address may have one.
    let letters: Vec<(usize, char)> = honest.char_indices().filter(|(_, c)| c.is_alphanumeric()).collect();
    let Some((at, letter)) = letters.get(letters.len() / 2).copied() else {
        return not_shown("no generated value has a letter to replace");
    };
    let mut wild = honest.clone();
    wild.replace_range(at..at + letter.len_utf8(), "_");
    values[place] = vec![wild.clone()];
    let sql = match bind(&query.sql, &values) {
        Ok(sql) => sql,
        Err(why) => return not_shown(why),
    };
    let mut run = match work.run(&format!("with the value {wild}"), &sql).await {
        Ok((run, _)) => run,
        Err(error) => return not_shown(format!("the statement failed on generated rows: {}", error.message)),
    };
    let different = format!(
        "SELECT pg_catalog.count(*) FROM ({sql}) AS found WHERE lower(found.{}::text) <> lower({wild})",
        quote_ident(&pattern.column)
    );
    // Where the column is not selected every row that was found is another's: no value has a "_".
    let different = work.count(&different).await.unwrap_or(run.rows_fetched);
    run.what = format!("with the value {wild}, found {honest}");
    run.rows_returned = different;
    let verdict = if different > 0 {
        Verdict::Proven
    } else {
        Verdict::Unprovable { reason: "no generated row was found by another value than its own".into() }
    };
    (vec![Observation::Ran(run)], verdict)
}
