//! `equals` with `mode: 'insensitive'`, which is `ILIKE` and takes the value for a pattern.

mod refused;

use pgsteward_model::code::{Call, Code, Node, Object, Operation, Property, Source, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::source::Span;

use super::{flow, scale, shared};
use crate::shared::kept_words;

pub(super) static RULE: Rule = Rule {
    id: "insensitive-equals-is-pattern",
    group: Group::Code,
    severity: Severity::Error,
    needs: &[Need::Code],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("insensitive_equals_is_pattern.md"),
    check,
};

/// Names of what tells people and things apart: a wrong match is a wrong account.
const IDENTITIES: [&str; 10] =
    ["email", "mail", "login", "username", "user", "handle", "slug", "token", "code", "domain"];

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(code) = &facts.code else { return Vec::new() };
    let mut findings: Vec<Finding> = Vec::new();
    for (_, call) in scale::served(code) {
        let mut hits = Vec::new();
        let mut of_call: Option<Finding> = None;
        for filter in call.argument.get("where").into_iter().flat_map(Node::alternatives) {
            if let Some(object) = filter.object() {
                collect(object, &mut hits);
            }
        }
        for (at, (field, equals)) in hits.into_iter().enumerate() {
            if !may_hold_wildcards(&equals.value) {
                continue;
            }
            let identifies = kept_words(&field.name).iter().any(|word| IDENTITIES.contains(&word.as_str()));
            let decides = call.operation.writes()
                || matches!(
                    call.operation,
                    Operation::FindFirst | Operation::FindFirstOrThrow | Operation::Count
                );
            let severity = match identifies || decides {
                _ if is_compared_again(facts, code, call, &field.name) => Severity::Info,
                // Nobody gets anything of another: at worst one must write another address.
                _ if refused::is_all(facts, code, call) => Severity::Info,
                _ if !identifies && !call.operation.writes() && is_among_own(facts, call) => Severity::Info,
                true => Severity::Error,
                false => Severity::Warning,
            };
            let finding = shared::on_part(
                &RULE,
                facts,
                code,
                call,
                equals.span,
                format!(
                    "insensitive equals on \"{}.{}\" takes its value for a pattern",
                    call.model, field.name
                ),
            )
            .severity(severity)
            .sure(kept_words(&field.name).iter().any(|word| word == "email" || word == "mail"))
            .detail(format!(
                "Prisma sends ILIKE: in the value, \"_\" stands for any character and \"%\" for any text, so a_b@example.com \
                 finds axb@example.com, too, and % finds {}. No b-tree index serves ILIKE.",
                found(call)
            ))
            .hint(
                "make the column citext, or keep a lower-case copy with a unique key and compare with that; at the least put a \
                 backslash before each _, % and \\ of the value",
            );
            let finding =
                Finding { identity: format!("{}/{}/{at}", finding.identity, field.name), ..finding };
            // One statement is one finding, by the worst of its fields.
            of_call = Some(match of_call {
                None => scale::with_sql(finding, call),
                Some(first) if first.severity >= finding.severity => first.also(finding.at),
                Some(first) => scale::with_sql(finding, call).also(first.at),
            });
        }
        findings.extend(of_call);
    }
    findings
}

/// The rest of the filter names one owner by a value of this run: the pattern reaches the rows of that one alone.
fn is_among_own(facts: &Facts, call: &Call) -> bool {
    let Some(model) = scale::model(facts, &call.model) else { return false };
    let filter = call.argument.get("where").map(flow::equalities).unwrap_or_default();
    filter.iter().any(|(field, value)| {
        let refers = model.fields.iter().filter_map(|field| field.relation.as_ref());
        let refers = refers.into_iter().any(|relation| relation.fields.iter().any(|name| name == field));
        refers && matches!(&value.value, Value::Expression { undefined: None, .. })
    })
}

/// `row.email.toLowerCase() !== email.toLowerCase()` after the call: a row that only meets the pattern is refused.
fn is_compared_again(facts: &Facts, code: &Code, call: &Call, field: &str) -> bool {
    let end = code.function(&call.site).at.span.end;
    let after = Span::new(call.site.at.span.end, end.max(call.site.at.span.end));
    let text = facts.sources.get(&call.site.at.file).map_or("", |file| file.slice(after));
    let compares = ["=== ", "!== ", "== ", "!= "];
    text.lines().any(|line| {
        line.contains(&format!(".{field}"))
            && line.contains("toLowerCase()")
            && compares.iter().any(|operator| line.contains(operator))
    })
}

fn found(call: &Call) -> &'static str {
    match call.operation {
        Operation::FindFirst | Operation::FindFirstOrThrow => "the first row of all",
        _ => "every row",
    }
}

/// Each field with `equals` and `mode: 'insensitive'`, at any depth.
fn collect<'a>(object: &'a Object, hits: &mut Vec<(&'a Property, &'a Property)>) {
    for property in &object.properties {
        for node in property.value.alternatives() {
            match &node.value {
                Value::Object(inner) => {
                    let insensitive =
                        inner.get("mode").is_some_and(|mode| mode.value.text() == Some("insensitive"));
                    match inner.get("equals") {
                        Some(equals) if insensitive => hits.push((property, equals)),
                        _ => collect(inner, hits),
                    }
                }
                Value::List(nodes) => {
                    nodes.iter().filter_map(Node::object).for_each(|inner| collect(inner, hits));
                }
                _ => {}
            }
        }
    }
}

/// A text that the program itself wrote is what it looks like; what comes from elsewhere may hold anything, unless a
/// function put backslashes into it.
fn may_hold_wildcards(value: &Node) -> bool {
    value.alternatives().into_iter().any(|node| match &node.value {
        Value::Text(text) => text.contains(['%', '_']),
        Value::Expression { sources, text, .. } => {
            let escaped = text.to_lowercase().contains("escape")
                || sources.iter().any(
                    |source| matches!(source, Source::Function { name } if name.to_lowercase().contains("escape")),
                );
            let constant = !sources.is_empty()
                && sources.iter().all(|source| {
                    matches!(source, Source::Constant | Source::Environment | Source::Time | Source::Random)
                });
            !escaped && !constant
        }
        _ => false,
    })
}
