//! Writes of a loop against one statement, or one transaction, for all turns: what it costs and what it leaves behind.

use std::collections::BTreeSet;

use pgsteward_lab::Values;
use pgsteward_model::change::{EditAction, FileEdit, Step};
use pgsteward_model::code::{Call, Operation, Query, QueryParameter, Source, StatementKind, Value};
use pgsteward_model::finding::Finding;
use pgsteward_model::proof::Verdict;
use pgsteward_sql::{ddl, quote_ident};

use super::repeated::Together;
use super::{Bench, rewrite};

/// The fix writes all rows with `in`.
pub(super) fn takes_a_list(finding: &Finding) -> bool {
    writes_code(finding, "Many({ where") || writes_code(finding, "{ in: ")
}

/// The fix sends the statements of all turns in one `$transaction`.
pub(super) fn makes_one_transaction(finding: &Finding) -> bool {
    writes_code(finding, ".$transaction(")
}

fn writes_code(finding: &Finding, text: &str) -> bool {
    let steps = finding.fix.iter().flat_map(|fix| &fix.change.steps);
    steps
        .filter_map(|step| match step {
            Step::Edit(FileEdit { action: EditAction::Replace(edits), .. }) => Some(edits),
            _ => None,
        })
        .flatten()
        .any(|edit| edit.text.contains(text))
}

/// Every turn has the values of the first one, but for what the loop gives it.
pub(super) fn write_the_same(call: &Call, query: &Query, values: &mut [Vec<Values>]) {
    let Some((first, rest)) = values.split_first_mut() else { return };
    for (at, parameter) in query.parameters.iter().enumerate() {
        let path: Vec<&str> = parameter.path.split('.').collect();
        // A helper gets from the loop what it filters by.
        let helper = call.site.loops.is_empty() && path.first() == Some(&"where");
        let of_loop = call.argument.at(&path).is_some_and(|node| match &node.value {
            Value::Expression { sources, .. } => sources.iter().any(|source| match source {
                Source::Loop { .. } | Source::Result { .. } => true,
                Source::Parameter { .. } => helper,
                _ => false,
            }),
            _ => false,
        });
        if !of_loop {
            rest.iter_mut().for_each(|turn| turn[at].clone_from(&first[at]));
        }
    }
}

/// One statement for all turns, as the fix or the hint of the finding has it.
pub(super) fn at_once(
    bench: &Bench<'_>,
    call: &Call,
    each: &Query,
    values: &[Vec<Values>],
) -> Option<Together> {
    with_list(bench, call, each, values).or_else(|| with_values(bench, each, values))
}

/// `updateMany` and `deleteMany` with the keys of all turns, where nothing but the key differs.
fn with_list(bench: &Bench<'_>, call: &Call, each: &Query, values: &[Vec<Values>]) -> Option<Together> {
    let operation = match call.operation {
        Operation::Update | Operation::UpdateMany => Operation::UpdateMany,
        Operation::Delete | Operation::DeleteMany => Operation::DeleteMany,
        _ => return None,
    };
    let first = values.first()?;
    let varies = |at: &usize| values.iter().any(|turn| turn[*at] != first[*at]);
    let varying: Vec<usize> = (0..each.parameters.len()).filter(varies).collect();
    let [key] = varying.as_slice() else { return None };
    let filter = call.argument.get("where")?;
    let name = each.parameters[*key].path.strip_prefix("where.")?.split('.').next()?;
    let list = rewrite::object(vec![("in", filter.get(name)?.clone())]);
    let argument = rewrite::with(&call.argument, "where", rewrite::with(filter, name, list));
    let variant = rewrite::lowered(bench.facts, call, operation, &argument, None)?;
    let [query] = variant.queries.as_slice() else { return None };
    let bound: Option<Vec<Values>> = query
        .parameters
        .iter()
        .map(|parameter| {
            if parameter.list {
                let keys: BTreeSet<String> = values.iter().flat_map(|turn| turn[*key].clone()).collect();
                return Some(keys.into_iter().collect());
            }
            let same = each.parameters.iter().position(|other| other.path == parameter.path)?;
            Some(first[same].clone())
        })
        .collect();
    Some(Together { sql: pgsteward_lab::bind(&query.sql, &bound?).ok()?, of_all_turns: true })
}

/// The table after all turns against the table after the one statement, in the columns that are written. False where
/// the table is not known.
pub(super) async fn leave_the_same(
    bench: &Bench<'_>,
    call: &Call,
    query: &Query,
    statements: &[String],
    together: &str,
) -> Result<bool, Verdict> {
    let Some(access) = query.accesses.first() else { return Ok(false) };
    let name = pgsteward_model::catalog::QName::new(access.namespace.clone(), access.table.clone());
    // A time that Prisma stamps, and perhaps a trigger after it, is another one in each run.
    let stamped = |parameter: &QueryParameter| {
        let path: Vec<&str> = parameter.path.split('.').collect();
        let column = parameter.column.as_ref().and_then(|(.., column)| {
            bench.twin.bench.catalog().table(&name).and_then(|table| table.column(column))
        });
        column.is_some_and(|column| column.ty.name.starts_with("timestamp"))
            && call.argument.at(&path).is_none()
    };
    let columns: BTreeSet<String> = query
        .parameters
        .iter()
        .filter(|parameter| !stamped(parameter))
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
        return Ok(true);
    }
    Err(Verdict::Refuted {
        reason: "written at once, the table has other rows than after the turns of the loop".into(),
    })
}

/// The same writes as one statement: a row of VALUES for each turn.
fn with_values(bench: &Bench<'_>, query: &Query, values: &[Vec<Values>]) -> Option<Together> {
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
