//! `cursor` with an order that does not tell rows apart.

use pgsteward_model::change::{Fix, Safety, TextEdit};
use pgsteward_model::code::{Call, InMemory, Node, Operation, Property, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::prisma::{Arity, Model};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::source::Span;

use super::arguments::{self, OrderKey};
use super::{edit, scale, shared, text};
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "cursor-without-unique-order",
    group: Group::Code,
    severity: Severity::Error,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("cursor_without_unique_order.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(code) = &facts.code else { return Vec::new() };
    let mut findings = Vec::new();
    for (_, call) in scale::served(code) {
        let reads = matches!(
            call.operation,
            Operation::FindMany | Operation::FindFirst | Operation::FindFirstOrThrow
        );
        let Some(model) = scale::model(facts, &call.model).filter(|_| reads) else { continue };
        let Some(order) = call.argument.get("orderBy").filter(|_| call.argument.get("cursor").is_some())
        else {
            // Without an order, Prisma sorts by the primary key.
            continue;
        };
        if is_left_to_callers(facts, call, order) || is_not_given(facts, call) {
            continue;
        }
        let keys: Vec<_> = order.alternatives().into_iter().filter_map(arguments::order_keys).collect();
        let unstable = keys.iter().find(|keys| !keys.is_empty() && !arguments::is_total(model, keys));
        let nullable = keys.iter().flatten().find(|key| is_nullable(model, key));
        let finding = match (unstable, nullable) {
            (Some(keys), nullable) => {
                let fields: Vec<&str> = keys.iter().map(|key| key.field).collect();
                // Prisma looks at the order alone; the filter may make it total all the same.
                let total = arguments::is_total_within(model, keys, call.argument.get("where"));
                let (severity, places) = if total {
                    (
                        Severity::Warning,
                        "The filter and the order together tell rows apart, but Prisma looks at the order alone.",
                    )
                } else {
                    (
                        Severity::Error,
                        "Rows of equal value may change places between two pages, so that some are shown twice and others never. \
                         And no place in the order is certain.",
                    )
                };
                let finding = shared::on_part(
                    &RULE,
                    facts,
                    code,
                    call,
                    order.span,
                    format!("cursor over \"{}\" ordered by {}, which rows may share", model.name, quoted_list(&fields)),
                )
                .severity(severity)
                .detail(format!(
                    "{places} So Prisma sends no LIMIT: each page reads every matching row from the cursor on, and throws away \
                     what is more than the page in memory."
                ))
                .hint(hint(model));
                match tie_breaker(facts, call, model, order).filter(|_| nullable.is_none()) {
                    Some(fix) => finding.fix(fix),
                    None => finding,
                }
            }
            (None, Some(key)) if without_limit(call) => {
                // Where no row without a value is left, no page is wrong, and only the reading is.
                let (severity, why, harm) = match arguments::leaves_values(
                    call.argument.get("where"),
                    key.field,
                ) {
                    true => (
                        Severity::Info,
                        "which is optional in the schema",
                        "The filter leaves no row without a value, but Prisma looks at the schema alone and sends no LIMIT",
                    ),
                    false => (
                        Severity::Warning,
                        "which may be null",
                        "NULL is neither before nor after the cursor's row in a comparison. Prisma sends no LIMIT then",
                    ),
                };
                let message = format!("cursor over \"{}\" ordered by \"{}\", {why}", model.name, key.field);
                shared::on_part(&RULE, facts, code, call, order.span, message)
                    .severity(severity)
                    .detail(format!(
                        "{harm}: each page reads every matching row, and throws away what is more than the page in memory."
                    ))
                    .hint("page by a required field, with the primary key as the last key of the order")
            }
            _ => continue,
        };
        findings.push(scale::with_rows(scale::with_sql(finding, call), facts, model));
    }
    findings
}

/// Callers give the order, and none of them is known to give a cursor with it: `find({ cursor, orderBy })` serves those
/// that page and those that do not.
fn is_left_to_callers(facts: &Facts, call: &Call, order: &Node) -> bool {
    let written = edit::text(facts, call, order.span).starts_with(['{', '[']);
    let cursor = call.argument.get("cursor");
    let given = cursor.is_some_and(|cursor| cursor.alternatives().iter().any(|node| node.object().is_some()));
    !written && !given
}

/// The cursor comes from a helper, `...paging({ first, skip })`, that makes it of what this call does not give.
fn is_not_given(facts: &Facts, call: &Call) -> bool {
    let (Some(code), Some(file)) = (&facts.code, facts.sources.get(&call.site.at.file)) else { return false };
    let written = file.slice(call.site.at.span);
    let Some(argument) = call.argument.object().filter(|_| !text::mentions_word(written, "cursor")) else {
        return false;
    };
    let cursors = argument.properties.iter().filter(|property| property.name == "cursor");
    let made = cursors.flat_map(|property| property.value.alternatives()).filter_map(Node::object);
    let named = |property: &Property| match &property.value.value {
        Value::Expression { text, .. } if text::is_path(text) => text.rsplit('.').next().map(str::to_owned),
        _ => None,
    };
    // Of what is calculated the names are not known.
    let Some(made) = made.flat_map(|object| &object.properties).map(named).collect::<Option<Vec<String>>>()
    else {
        return false;
    };
    let around = file.slice(code.function(&call.site).at.span);
    let spreads = written.match_indices("...").map(|(at, dots)| &written[at + dots.len()..]);
    let spreads: Vec<&str> = spreads.collect();
    // Of what stands in brackets, `...(search && { … })`, all is written here.
    let helped = |spread: &str| {
        spread.starts_with('(')
            || given_to_helper(spread, around).is_some_and(|given| {
                given.starts_with("({")
                    && !given.contains("...")
                    && made.iter().all(|name| !text::mentions_word(given, name))
            })
    };
    // The whole argument may stand elsewhere, with its cursor.
    let from_helper = spreads.iter().any(|spread| !spread.starts_with('('));
    !made.is_empty() && from_helper && spreads.into_iter().all(helped)
}

/// The arguments, brackets included, of the helper whose result a spread lays out: `paging({ first })`, or a variable that
/// holds it.
fn given_to_helper<'t>(spread: &'t str, around: &'t str) -> Option<&'t str> {
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$' | '.');
    let behind = |text: &'t str| text.trim_start_matches(is_part);
    let name = &spread[..spread.len() - behind(spread).len()];
    let call = match behind(spread) {
        call if call.starts_with('(') => call,
        _ => behind(around.split_once(&format!("const {name} = "))?.1),
    };
    call.get(..text::closing(call).filter(|_| call.starts_with('('))?)
}

fn is_nullable(model: &Model, key: &OrderKey<'_>) -> bool {
    model.field(key.field).is_some_and(|field| field.is_column() && field.arity == Arity::Optional)
}

fn without_limit(call: &Call) -> bool {
    let steps = call.lowered.variants().iter().flat_map(|variant| &variant.in_memory);
    steps.into_iter().any(|step| matches!(step, InMemory::Cursor { path } if path.is_empty()))
}

fn hint(model: &Model) -> String {
    match arguments::row_key(model) {
        Some(key) => format!("add {} as the last key of orderBy", quoted_list(&key)),
        None => "add fields to orderBy that no two rows share".into(),
    }
}

/// The primary key as the last key of the order, in the direction of the key before it.
fn tie_breaker(facts: &Facts, call: &Call, model: &Model, order: &Node) -> Option<Fix> {
    let key = arguments::row_key(model)?;
    let keys = arguments::order_keys(order)?;
    let last = keys.last()?.value;
    // `{ sort: 'desc', nulls: 'last' }` has its direction inside; that of a relation's field is no direction here.
    let direction = last.get("sort").unwrap_or(last);
    if direction.object().is_some() {
        return None;
    }
    let direction = edit::text(facts, call, direction.span);
    // An order that is made elsewhere is mended there.
    let written = match &order.value {
        Value::List(_) => edit::text(facts, call, order.span).starts_with('['),
        _ => edit::text(facts, call, order.span).starts_with('{'),
    };
    // What a call gives may be another direction the second time.
    if !written || direction.is_empty() || direction.contains('(') {
        return None;
    }
    let missing: Vec<&&str> =
        key.iter().filter(|field| keys.iter().all(|key| key.field != **field)).collect();
    let added =
        missing.iter().map(|field| format!("{{ {field}: {direction} }}")).collect::<Vec<_>>().join(", ");
    let at = |offset: usize, text: String| TextEdit { span: Span::new(offset, offset), text };
    let edits = match &order.value {
        Value::List(nodes) => {
            let end = nodes.last()?.span.end;
            // Within brackets of its own the key would become a part of the one before.
            if edit::text(facts, call, Span::new(end, order.span.end)).contains(')') {
                return None;
            }
            vec![at(end, format!(", {added}"))]
        }
        _ => vec![at(order.span.start, "[".into()), at(order.span.end, format!(", {added}]"))],
    };
    let names = missing.iter().map(|field| field.to_string()).collect::<Vec<_>>();
    edit::fix(facts, call, Safety::Safe, format!("order by {} last", quoted_list(&names)), edits)
}
