//! A condition whose value may be `undefined`: Prisma leaves the condition out.

use pgsteward_model::code::{Call, Code, Node, Object, Operation, Source, Undefined, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::prisma::Model;
use pgsteward_model::rule::{Group, Rule};

use super::flow::Flow;
use super::{arguments, given, refusal, scale, shared};
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "undefined-filter",
    group: Group::Code,
    severity: Severity::Error,
    needs: &[Need::Code],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("undefined_filter.md"),
    check,
};

/// One condition of a filter that holds together with the others.
struct Condition<'a> {
    /// `userId`, `order.userId`.
    path: String,
    value: &'a Node,
    undefined: Option<Undefined>,
    /// It compares with a value of this request, so that few rows match.
    narrows: bool,
    session: bool,
    /// The field of the call's own model.
    own: Option<&'a str>,
}

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    let code = flow.code;
    // With it, Prisma Client refuses undefined values.
    let is_strict = |feature: &String| feature == "strictUndefinedChecks";
    let strict = facts.prisma.iter().flat_map(|prisma| &prisma.generators);
    if strict.into_iter().any(|generator| generator.preview_features.iter().any(is_strict)) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (_, call) in scale::served(code) {
        // Several callers may give several filters.
        let filters = call.argument.get("where").map(Node::alternatives).unwrap_or_default();
        let found =
            filters.into_iter().filter_map(Node::object).find_map(|object| of_filter(&flow, call, object));
        findings.extend(found);
    }
    findings
}

fn of_filter(flow: &Flow, call: &Call, object: &Object) -> Option<Finding> {
    let (facts, code) = (flow.facts, flow.code);
    let mut conditions = Vec::new();
    collect(object, "", &mut conditions);
    for condition in &mut conditions {
        if condition.undefined.is_some() && given::is_there(flow, call, condition.value) {
            condition.undefined = None;
            condition.narrows = true;
        }
    }
    if object.open && !call.operation.writes() {
        // What is spread into the filter may narrow it.
        return None;
    }
    let model = scale::model(facts, &call.model);
    let judged: Vec<(&Condition<'_>, Undefined, Severity)> = conditions
        .iter()
        .enumerate()
        .filter_map(|(at, condition)| {
            let rest: Vec<&Condition<'_>> = conditions
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != at)
                .map(|(_, other)| other)
                .collect();
            let why = condition.undefined?;
            Some((condition, why, judge(call.operation, model, condition, why, &rest)?))
        })
        .collect();
    let (first, why, _) = judged.first()?;
    let severity = judged.iter().map(|(_, _, severity)| *severity).max().unwrap_or(RULE.severity);
    let names: Vec<&str> = judged.iter().map(|(condition, _, _)| condition.path.as_str()).collect();
    let matched = if conditions.iter().any(|condition| condition.undefined.is_none()) {
        "all rows that meet the rest of the filter"
    } else {
        "all rows"
    };
    let finding = shared::on_part(
            &RULE,
            facts,
            code,
            call,
            first.value.span,
            format!(
                "{} may be undefined, and then \"{}\" takes {matched}",
                quoted_list(&names),
                shared::call_name(call)
            ),
        )
        .severity(severity)
        .detail(format!(
            "Prisma leaves out a condition whose value is undefined, as if it were not written. Here {}. {}",
            words(*why),
            consequence(call.operation)
        ))
        .hint(format!(
            "refuse the request where the value is missing, before the call; to hold all of the code to it, switch on the \
             preview feature strictUndefinedChecks and write Prisma.skip where a condition of \"{}\" may be left out",
            call.model
        ));
    let callers = callers_of(facts, code, call, first);
    let values: Vec<&Node> = judged.iter().map(|(condition, ..)| condition.value).collect();
    let finding = match refusal::fix(flow, call, &values) {
        Some(fix) => finding.fix(fix),
        None => finding,
    };
    Some(callers.into_iter().fold(scale::with_sql(finding, call), Finding::also))
}

/// Where a filter comes from that the function was given.
fn callers_of(facts: &Facts, code: &Code, call: &Call, condition: &Condition<'_>) -> Vec<Place> {
    let Value::Expression { text, .. } = &condition.value.value else { return Vec::new() };
    let written = facts.sources.get(&call.site.at.file).map_or("", |file| file.slice(condition.value.span));
    if written.contains(text.as_str()) {
        return Vec::new();
    }
    let function = code.function(&call.site);
    function
        .callers
        .iter()
        .filter_map(|at| code.invocations.get(*at))
        .map(|call| shared::place(facts, &call.site.at))
        .collect()
}

/// How bad it is that a condition may be missing; none where leaving it out is the usual way to say "any".
fn judge(
    operation: Operation,
    model: Option<&Model>,
    condition: &Condition<'_>,
    why: Undefined,
    rest: &[&Condition<'_>],
) -> Option<Severity> {
    if why == Undefined::Deliberate {
        return None;
    }
    let narrowed = rest.iter().any(|other| other.narrows && other.undefined.is_none());
    let field = |name: Option<&str>| model.zip(name).and_then(|(model, name)| model.field(name));
    let one_row = rest.iter().any(|other| {
        let unique = field(other.own).is_some_and(|field| field.is_id || field.is_unique);
        unique && other.narrows && other.undefined.is_none()
    });
    // The rest names a parent and a state: the rows of a few, and "of whatever kind" may be meant.
    let by_parent = rest.iter().any(|other| {
        let parent = model.zip(other.own).is_some_and(|(model, name)| is_reference(model, name));
        parent && other.narrows && other.undefined.is_none()
    });
    let in_state = rest.iter().any(|other| field(other.own).is_some_and(scale::is_state));
    match operation {
        Operation::UpdateMany | Operation::UpdateManyAndReturn if by_parent && in_state && !one_row => {
            Some(Severity::Info)
        }
        Operation::DeleteMany | Operation::UpdateMany | Operation::UpdateManyAndReturn => {
            Some(if one_row { Severity::Warning } else { Severity::Error })
        }
        Operation::FindFirst | Operation::FindFirstOrThrow => match (narrowed, condition.session) {
            (false, _) => Some(Severity::Error),
            (true, true) => Some(Severity::Warning),
            (true, false) => None,
        },
        Operation::FindMany | Operation::Count | Operation::Aggregate | Operation::GroupBy => {
            let refers = match (model, field(condition.own)) {
                (Some(model), Some(field)) => {
                    field.is_id || field.is_unique || is_reference(model, &field.name)
                }
                _ => false,
            };
            match (narrowed, condition.session, why) {
                (true, _, _) => None,
                (false, true, _) => Some(Severity::Error),
                (false, false, Undefined::OptionalChain | Undefined::Lookup | Undefined::Environment)
                    if refers =>
                {
                    Some(Severity::Warning)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn is_reference(model: &Model, field: &str) -> bool {
    let relations = model.fields.iter().filter_map(|field| field.relation.as_ref());
    relations.into_iter().any(|relation| relation.fields.iter().any(|name| name == field))
}

fn words(why: Undefined) -> &'static str {
    match why {
        Undefined::OptionalChain => "an optional chain (?.) gives undefined where a link is missing",
        Undefined::Optional => "its type allows undefined, and nothing has checked it before the call",
        Undefined::Deliberate => "undefined is one of its values",
        Undefined::Lookup => "a lookup gives undefined where nothing is found",
        Undefined::Environment => "an environment variable may not be set",
        Undefined::Request => "a request that leaves it out makes it undefined",
    }
}

fn consequence(operation: Operation) -> &'static str {
    match operation {
        Operation::DeleteMany => "All those rows are deleted.",
        Operation::UpdateMany | Operation::UpdateManyAndReturn => "All those rows are changed.",
        Operation::FindFirst | Operation::FindFirstOrThrow => {
            "Some row is returned, somebody else's as likely as not."
        }
        Operation::Count | Operation::Aggregate | Operation::GroupBy => "All those rows are counted.",
        _ => "All those rows are returned, of whomever they are.",
    }
}

fn collect<'a>(object: &'a Object, prefix: &str, conditions: &mut Vec<Condition<'a>>) {
    for property in arguments::conjuncts(object) {
        let path =
            if prefix.is_empty() { property.name.clone() } else { format!("{prefix}.{}", property.name) };
        let own = prefix.is_empty().then_some(property.name.as_str());
        // A property that is there only under a condition is left out on purpose.
        if !property.conditional {
            value(&property.value, &path, own, conditions);
        }
    }
}

fn value<'a>(node: &'a Node, path: &str, own: Option<&'a str>, conditions: &mut Vec<Condition<'a>>) {
    match &node.value {
        Value::Object(object) => {
            for property in &object.properties {
                match property.name.as_str() {
                    "equals" | "in" | "has" | "hasSome" => value(&property.value, path, own, conditions),
                    "is" | "some" => {
                        if let Some(inner) = property.value.object() {
                            collect(inner, path, conditions);
                        }
                    }
                    // Other operators do not name one row or owner: a bound that is missing is no bound.
                    "lt" | "lte" | "gt" | "gte" | "not" | "notIn" | "contains" | "startsWith"
                    | "endsWith" | "mode" | "search" | "none" | "every" | "AND" | "OR" | "NOT" => {}
                    _ if !property.conditional => {
                        value(&property.value, &format!("{path}.{}", property.name), None, conditions);
                    }
                    _ => {}
                }
            }
        }
        Value::Expression { sources, undefined, .. } => conditions.push(Condition {
            path: path.to_owned(),
            value: node,
            undefined: *undefined,
            narrows: undefined.is_none() && !sources.iter().all(|source| matches!(source, Source::Constant)),
            session: sources.contains(&Source::Session),
            own,
        }),
        Value::Undefined => {}
        // A text, a number or null of the program: the same for everybody.
        _ => conditions.push(Condition {
            path: path.to_owned(),
            value: node,
            undefined: None,
            narrows: false,
            session: false,
            own,
        }),
    }
}
