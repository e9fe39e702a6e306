//! `count` over most of a table, each time a user waits for a page.

use std::collections::BTreeSet;

use pgsteward_model::code::{Access, Call, Code, Node, Operation, Purpose, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::flow::Flow;
use super::scale::{self, Scale};
use super::shared;

pub(super) static RULE: Rule = Rule {
    id: "count-on-hot-path",
    group: Group::Code,
    severity: Severity::Info,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("count_on_hot_path.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(code) = &facts.code else { return Vec::new() };
    let growing = scale::growing(facts, code);
    let waited_for = scale::awaited_by_users(code);
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    let mut findings = Vec::new();
    for (_, call) in scale::served(code) {
        let counts = matches!(call.operation, Operation::FindMany | Operation::Count);
        if !counts || !waited_for.contains(&call.site.function) || flow.is_for_operators(call.site.function) {
            continue;
        }
        findings.extend(beside_rows(facts, code, call, &growing));
        if call.operation != Operation::Count {
            continue;
        }
        let Some(model) = scale::model(facts, &call.model) else { continue };
        let size = scale::of_model(facts, model);
        let grows = size != Scale::Unknown || growing.contains(&call.model);
        let mut main = call.lowered.queries().filter(|query| query.purpose == Purpose::Main).peekable();
        let whole = main.peek().is_some()
            && main.all(|query| {
                !query.accesses.is_empty() && !query.accesses.iter().any(|access| narrows(facts, access))
            });
        if !whole || size == Scale::Small || !grows {
            continue;
        }
        let rows = match size {
            Scale::Middle(rows) | Scale::Large(rows) => {
                format!(" \"{}\" has about {rows:.0} rows.", model.name)
            }
            _ => String::new(),
        };
        let finding = shared::on_call(
            &RULE,
            facts,
            code,
            call,
            format!("\"{}\" counts most of \"{}\" while a user waits", shared::call_name(call), model.name),
        )
        .severity(size.severity())
        .detail(format!(
            "PostgreSQL keeps no count: each call reads every matching row or its index entry, and takes longer as the table \
             grows.{rows}"
        ))
        .hint(
            "show whether there is a next page (take one row more) instead of a total, keep the number for a while, or use \
             the estimate in pg_class.reltuples",
        );
        findings.push(scale::with_rows(scale::with_sql(finding, call), facts, model));
    }
    findings
}

/// `_count` of a list of rows: unless relations are joined, Prisma joins a subquery that counts the children of all
/// parents, whichever of them are asked for. (Below one parent PostgreSQL takes the key into the subquery.)
fn beside_rows(facts: &Facts, code: &Code, call: &Call, growing: &BTreeSet<String>) -> Vec<Finding> {
    if call.operation != Operation::FindMany {
        return Vec::new();
    }
    let grouped = call.lowered.queries().any(|query| {
        query.purpose == Purpose::Main && query.sql.contains("COUNT(*)") && query.sql.contains("GROUP BY")
    });
    let Some(model) = scale::model(facts, &call.model).filter(|_| grouped) else { return Vec::new() };
    let counts =
        ["include", "select"].into_iter().filter_map(|name| call.argument.at(&[name, "_count", "select"]));
    let asked = counts.filter_map(Node::object).flat_map(|object| &object.properties);
    asked
        .filter(|property| property.value.value != Value::Bool(false))
        .filter_map(|property| {
            let child = scale::target(facts, model.field(&property.name)?)?;
            let size = scale::of_model(facts, child);
            if size == Scale::Small || size == Scale::Unknown && !growing.contains(&child.name) {
                return None;
            }
            let message = format!("\"_count\" of \"{}\" counts all rows of \"{}\"", property.name, child.name);
            let finding = shared::on_part(&RULE, facts, code, call, property.span, message)
                .severity(size.severity())
                .detail(format!(
                    "Prisma joins the rows of \"{}\" with a subquery that groups the whole of \"{}\", whichever rows are asked \
                     for: a page of ten costs as much as all of them.",
                    model.name, child.name
                ))
                .hint(format!(
                    "count with groupBy and `in` for the rows of the page, or load with relationLoadStrategy: 'join' (preview \
                     feature relationJoins), which counts for each row; an index on the foreign key of \"{}\" serves both",
                    child.name
                ));
            let finding = Finding { identity: format!("{}/{}", finding.identity, property.name), ..finding };
            Some(scale::with_rows(scale::with_sql(finding, call), facts, child))
        })
        .collect()
}

/// Conditions that leave a part of the table: a value that is no state, a list, a range, another table's row.
fn narrows(facts: &Facts, access: &Access) -> bool {
    let model =
        facts.prisma.as_ref().and_then(|prisma| prisma.model_of_table(&access.namespace, &access.table));
    let is_state =
        |column: &String| model.and_then(|model| model.field_of_column(column)).is_some_and(scale::is_state);
    let chosen = access.equal.iter().chain(&access.any_of).any(|column| !is_state(column));
    access.unique || chosen || !access.range.is_empty()
}
