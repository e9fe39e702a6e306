//! Calls that look for rows by columns that lead no index. One finding for each index that is missing, however many
//! calls would use it.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{QName, Table, TypeClass};
use pgsteward_model::change::{Change, Fix, Safety};
use pgsteward_model::code::{Access, Call, Code, Limit, Query, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::scale::{self, Scale};
use super::shared;
use crate::shared as objects;

pub(super) static RULE: Rule = Rule {
    id: "call-without-index",
    group: Group::Code,
    severity: Severity::Warning,
    needs: &[Need::Code, Need::Catalog],
    sharper_with: &[Need::Prisma, Need::Statistics],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("call_without_index.md"),
    check,
};

/// Fewer values than this, and an index on the column alone leads to too many rows to be of use.
const FEW_VALUES: f64 = 20.0;

/// An index that calls ask for.
struct Wanted<'a> {
    table: &'a Table,
    /// Columns that must equal a value or are in a list, sorted by name until the calls are merged.
    equal: BTreeSet<String>,
    /// The order of the rows, where the call takes some of them only; else a range.
    then: Vec<String>,
    calls: Vec<(&'a Call, &'a str)>,
}

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(code) = &facts.code else { return Vec::new() };
    let mut findings = Vec::new();
    for wanted in merged(collect(facts, code)) {
        let table = wanted.table;
        let size = scale::of_table(facts, table);
        let severity = match size {
            Scale::Small => continue,
            // Only size tells whether anybody feels it.
            Scale::Unknown => Severity::Info,
            Scale::Middle(_) | Scale::Large(_) => Severity::Warning,
        };
        let Some(((first, sql), others)) = wanted.calls.split_first() else { continue };
        let columns = columns(&wanted);
        let by: Vec<&String> = columns.iter().filter(|column| wanted.equal.contains(*column)).collect();
        let name = table.name.display();
        let (steps, rollback) = objects::add_index(facts, table, &columns);
        let times = match others.len() {
            0 => String::new(),
            1 => " One more call does the same.".to_owned(),
            more => format!(" {more} more calls do the same."),
        };
        let mut finding = shared::on_call(
            &RULE,
            facts,
            code,
            first,
            format!(
                "\"{}\" looks for rows of \"{name}\" by {}, which no index leads to",
                shared::call_name(first),
                objects::quoted_list(&by)
            ),
        )
        .severity(severity)
        .detail(format!(
            "Every row of \"{name}\" is read to find those that match, each time, and the more the table grows the longer it \
             takes.{times}"
        ))
        .hint(format!("add an index on ({})", columns.join(", ")))
        .evidence(Evidence::Sql { sql: (*sql).to_owned() })
        .fix(Fix {
            title: format!("add an index on \"{name}\" ({})", columns.join(", ")),
            safety: Safety::Review,
            change: Change { steps, rollback },
        });
        finding.at = finding.at.with_object(table.object());
        finding.identity = format!("code-index/{}/{}", table.name, columns.join("/"));
        for (call, _) in others {
            finding = finding.also(shared::call_place(facts, call));
        }
        if let Some(rows) = scale::rows(facts, table) {
            finding = finding.evidence(Evidence::Rows { relation: name, rows });
        }
        findings.push(finding);
    }
    findings
}

fn collect<'a>(facts: &'a Facts, code: &'a Code) -> Vec<Wanted<'a>> {
    let mut all: Vec<Wanted<'a>> = Vec::new();
    for (_, call) in scale::served(code) {
        for query in call.lowered.queries() {
            for access in &query.accesses {
                let Some(table) = scale::table_of(facts, access) else { continue };
                let Some((equal, then)) = missing(facts, table, access) else { continue };
                // Rows of a relation that another condition names are reached by its key.
                let is_given = |other: &Access| {
                    let of = |(_, table, _): &(String, String, String)| {
                        *table == other.table && *table != access.table
                    };
                    query.parameters.iter().any(|parameter| parameter.column.as_ref().is_some_and(of))
                };
                let by_relation = query.accesses.iter().any(|other| {
                    other.joined && (other.equal.len() + other.any_of.len() > 1 || is_given(other))
                });
                let varies = |column: &String| !is_constant(call, query, access, column);
                if by_relation || !equal.iter().any(varies) {
                    continue;
                }
                let same = all.iter_mut().find(|known| {
                    known.table.name == table.name && known.equal == equal && known.then == then
                });
                match same {
                    Some(known) if known.calls.iter().any(|(other, _)| std::ptr::eq(*other, call)) => {}
                    Some(known) => known.calls.push((call, &query.sql)),
                    None => all.push(Wanted { table, equal, then, calls: vec![(call, &query.sql)] }),
                }
            }
        }
    }
    all
}

/// The columns of an index that would serve an access, where none does.
fn missing(facts: &Facts, table: &Table, access: &Access) -> Option<(BTreeSet<String>, Vec<String>)> {
    let all: Vec<&str> = access.equal.iter().chain(&access.any_of).map(String::as_str).collect();
    let telling: BTreeSet<String> = all
        .iter()
        .filter(|column| tells_rows_apart(facts, table, column))
        .map(|column| (*column).to_owned())
        .collect();
    if telling.is_empty() || access.unique || access.joined || access.writes && access.equal.is_empty() {
        return None;
    }
    // A partial index may have been made for just these rows.
    // An index whose first columns are given, a telling one among them, leads to few rows.
    let serves = |columns: Vec<&str>| {
        let given = columns.iter().take_while(|column| all.contains(*column));
        given.into_iter().any(|column| telling.contains(*column))
    };
    let served = table
        .indexes
        .iter()
        .filter(|index| index.valid && matches!(index.method.as_str(), "btree" | "hash"))
        .any(|index| serves(index.leading_columns()));
    // A foreign key's own index is another rule's business.
    let of_key =
        table.foreign_keys().any(|(_, key)| key.columns.iter().any(|column| telling.contains(column)));
    if served || of_key {
        return None;
    }
    let sorts: Vec<&str> = access.sort.iter().map(|sort| sort.column.as_str()).collect();
    let one_way = access.sort.windows(2).all(|pair| pair[0].descending == pair[1].descending);
    let plain = access.sort.iter().all(|sort| sort.nulls_first.is_none());
    let then: Vec<String> = if access.limit != Limit::None && one_way && plain && !sorts.is_empty() {
        // By the primary key alone is Prisma's own order, and costs little once few rows are left.
        let by_key = table.primary_key().is_some_and(|(_, columns)| columns == sorts.as_slice());
        if by_key { Vec::new() } else { sorts.into_iter().map(str::to_owned).collect() }
    } else {
        access.range.iter().take(1).cloned().collect()
    };
    let then =
        then.into_iter().filter(|column| !telling.contains(column) && indexable(table, column)).collect();
    Some((telling, then))
}

/// Each call gives the column the same value, which says nothing about how many rows have it.
fn is_constant(call: &Call, query: &Query, access: &Access, column: &str) -> bool {
    let mut given = query.parameters.iter().filter(|parameter| {
        let of = parameter.column.as_ref();
        of.is_some_and(|(_, table, name)| *table == access.table && name == column)
    });
    given.any(|parameter| {
        let node = parameter.path.split('.').try_fold(&call.argument, |node, name| node.get(name));
        node.is_some_and(|node| matches!(node.value, Value::Text(_) | Value::Number(_) | Value::Bool(_)))
    })
}

/// No state and no flag: enough values that one of them leads to few rows. Types that a b-tree cannot hold are left
/// out, too.
fn tells_rows_apart(facts: &Facts, table: &Table, column: &str) -> bool {
    let Some(found) = table.column(column) else { return false };
    let state = found.ty.class == TypeClass::Enum || found.ty.is("boolean");
    let few = scale::rows(facts, table).is_some()
        && found
            .statistics
            .as_ref()
            .is_some_and(|statistics| (0.0..FEW_VALUES).contains(&statistics.distinct));
    !state && !few && !scale::is_state_name(column) && indexable(table, column)
}

fn indexable(table: &Table, column: &str) -> bool {
    table.column(column).is_some_and(|column| {
        column.ty.array == 0
            && !matches!(column.ty.name.as_str(), "json" | "jsonb" | "bytea" | "xml" | "point" | "tsvector")
    })
}

/// Those of fewer columns go into those that begin with the same ones.
fn merged(mut all: Vec<Wanted<'_>>) -> Vec<Wanted<'_>> {
    // Longest first, so that the shorter ones find where they belong.
    all.sort_by_key(|wanted| std::cmp::Reverse(wanted.equal.len() + wanted.then.len()));
    let mut kept: Vec<Wanted<'_>> = Vec::new();
    for wanted in all {
        let home = kept.iter_mut().find(|other| {
            other.table.name == wanted.table.name
                && (wanted.equal == other.equal && other.then.starts_with(&wanted.then)
                    || wanted.then.is_empty() && wanted.equal.is_subset(&other.equal))
        });
        match home {
            Some(other) => other.calls.extend(wanted.calls),
            None => kept.push(wanted),
        }
    }
    for wanted in &mut kept {
        wanted.calls.sort_by_key(|(call, _)| (call.site.at.file.clone(), call.site.at.span));
        wanted.calls.dedup_by(|(a, _), (b, _)| std::ptr::eq(*a, *b));
    }
    let place = |wanted: &Wanted<'_>| -> Option<(QName, BTreeSet<String>)> {
        Some((wanted.table.name.clone(), wanted.equal.clone()))
    };
    kept.sort_by_key(place);
    kept
}

/// Columns that most calls give come first, so that the index serves them all.
fn columns(wanted: &Wanted<'_>) -> Vec<String> {
    let shared = |column: &String| {
        wanted
            .calls
            .iter()
            .filter(|(call, _)| {
                call.lowered.queries().flat_map(|query| &query.accesses).any(|access| {
                    access.table == wanted.table.name.name
                        && (access.equal.contains(column) || access.any_of.contains(column))
                })
            })
            .count()
    };
    let mut equal: Vec<String> = wanted.equal.iter().cloned().collect();
    equal.sort_by_key(|column| std::cmp::Reverse(shared(column)));
    equal.into_iter().chain(wanted.then.iter().cloned()).collect()
}
