//! `findMany` without `take` where the number of rows grows for as long as the application runs.

use pgsteward_model::code::{Access, Call, Limit, Node, Operation, Purpose};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::prisma::{Arity, Model};
use pgsteward_model::rule::{Group, Rule};

use super::flow::Flow;
use super::{arguments, bounds, counted, scale, shared};

pub(super) static RULE: Rule = Rule {
    id: "find-many-without-take",
    group: Group::Code,
    severity: Severity::Info,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[Need::Catalog, Need::Statistics],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("find_many_without_take.md"),
    check,
};

/// Rows that nobody minds to have in memory at once.
const FEW: f64 = 1_000.0;
/// Rows that take a second to fetch and megabytes to hold.
const MANY: f64 = 10_000.0;

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(code) = &facts.code else { return Vec::new() };
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    let growing = scale::growing(facts, code);
    let mut findings = Vec::new();
    for (_, call) in scale::served(code) {
        if call.operation != Operation::FindMany || call.argument.get("take").is_some() {
            continue;
        }
        let Some(model) = scale::model(facts, &call.model) else { continue };
        if call.argument.get("where").is_some_and(|filter| chooses(filter) || by_parent(facts, model, filter))
        {
            continue;
        }
        let Some(access) =
            widest(call).filter(|accesses| !accesses.iter().any(|access| bounds::is_bounded(facts, access)))
        else {
            continue;
        };
        let expected = access.first().and_then(|access| expected_rows(facts, access));
        let severity = match expected {
            Some(rows) if rows < FEW => continue,
            Some(rows) if rows >= MANY => Severity::Warning,
            Some(_) => Severity::Info,
            None if growing.contains(&call.model) => Severity::Info,
            None => continue,
        };
        let (which, growth) = words(access, model);
        let number = match expected {
            Some(rows) => format!(" By the statistics, that is about {rows:.0} rows today."),
            None => String::new(),
        };
        let finding = shared::on_call(
            &RULE,
            facts,
            code,
            call,
            format!("\"{}\" reads {which} at once, without take", shared::call_name(call)),
        )
        .severity(severity)
        .detail(format!("{growth}{number} All of them are fetched and held in memory together."))
        .hint(
            "read in portions: take with a cursor on the primary key; or let the database add up what is wanted \
             (aggregate, groupBy)",
        );
        let mut finding = scale::with_sql(finding, call);
        if let Some(rows) = expected {
            finding = finding.evidence(Evidence::Rows { relation: model.db_name.clone(), rows });
        }
        findings.push(match counted::fix(&flow, call) {
            Some(fix) => finding.fix(fix),
            None => finding,
        });
    }
    findings
}

/// A list of values that the program holds, which may be empty, or conditions of which one is enough: how many rows
/// these leave, the columns do not tell.
fn chooses(filter: &Node) -> bool {
    filter.alternatives().into_iter().filter_map(Node::object).any(|object| {
        object.get("OR").is_some()
            || arguments::conjuncts(object)
                .iter()
                .any(|property| property.value.get("in").is_some() && !scale::is_state_name(&property.name))
    })
}

/// `where: { resource: { id } }`: the rows of one parent, named by the parent's key. They may be many only where they
/// are history.
fn by_parent(facts: &Facts, model: &Model, filter: &Node) -> bool {
    let Some(object) = filter.object().filter(|_| !bounds::is_history(model)) else { return false };
    arguments::conjuncts(object).iter().any(|property| {
        let field = model.field(&property.name).filter(|field| field.arity != Arity::List);
        let parent = field.and_then(|field| scale::target(facts, field));
        let parts = property.value.object().into_iter().flat_map(|inner| &inner.properties);
        let mut keys = parts.filter(|part| !part.conditional && part.value.object().is_none());
        parent.is_some_and(|parent| {
            keys.any(|key| parent.field(&key.name).is_some_and(|field| field.is_id || field.is_unique))
        })
    })
}

/// The accesses of the main statement, of the variant with the fewest conditions. None where one has a limit.
fn widest(call: &Call) -> Option<&[Access]> {
    let main = call.lowered.queries().filter(|query| query.purpose == Purpose::Main);
    let accesses: Vec<&[Access]> = main.map(|query| query.accesses.as_slice()).collect();
    if accesses.iter().any(|accesses| accesses.first().is_none_or(|access| access.limit != Limit::None)) {
        return None;
    }
    accesses.into_iter().min_by_key(|accesses| {
        accesses
            .iter()
            .map(|access| access.equal.len() + access.any_of.len() + access.range.len())
            .sum::<usize>()
    })
}

/// Rows that match, by the statistics: those of the most selective column that must equal a value.
fn expected_rows(facts: &Facts, access: &Access) -> Option<f64> {
    let table = scale::table_of(facts, access)?;
    let all = scale::rows(facts, table)?;
    let by_value = access.equal.iter().filter_map(|column| scale::rows_per_value(facts, table, column));
    Some(by_value.fold(all, f64::min))
}

fn words(accesses: &[Access], model: &Model) -> (String, String) {
    let name = &model.name;
    let (mut columns, mut since) = (Vec::new(), false);
    if let Some(access) = accesses.first() {
        columns = access.equal.iter().chain(&access.any_of).collect();
        since = !access.range.is_empty();
    }
    match (columns.as_slice(), since) {
        ([], false) => (
            format!("all rows of \"{name}\""),
            format!("Nothing bounds the number of rows, and \"{name}\" grows with the application's use."),
        ),
        (_, true) => (
            format!("all rows of \"{name}\" in a range"),
            "Whoever chooses the range chooses how many rows there are, and later ranges hold more."
                .to_owned(),
        ),
        (columns, false) => (
            format!("all rows of \"{name}\" by {}", crate::shared::quoted_list(columns)),
            "Nothing bounds the number of rows of one value, and it grows with the application's use."
                .to_owned(),
        ),
    }
}
