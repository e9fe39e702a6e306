//! Whether each write of a column goes through a check of the code.

use std::collections::BTreeSet;

use pgsteward_model::code::{Call, FieldCheck, Node, Operation, Validation, Value};
use pgsteward_model::prisma::{Field, FieldType, Model};

use crate::code::flow::Flow;
use crate::code::text::{count_word, is_path};

/// How far before a function its registration names the schema: `.input(createCoupon).mutation(async …`.
const BEFORE: usize = 400;

/// How deep writes are nested in each other.
const DEPTH: usize = 8;

/// The first call that writes the column and of which it is not known that the check was made.
pub(super) fn past<'a>(
    flow: &Flow<'a>,
    model: &Model,
    field: &Field,
    validations: &[&Validation],
) -> Option<&'a Call> {
    let behind = |call: &Call| validations.iter().any(|validation| is_behind(flow, call, validation));
    flow.code.calls.iter().filter(|call| call.operation.writes()).find(|call| {
        let Some(of) = flow.model(&call.model) else { return false };
        let names: &[&str] = match call.operation {
            Operation::Upsert => &["create", "update"],
            _ => &["data"],
        };
        let mut rows = Vec::new();
        let given = names.iter().filter_map(|name| call.argument.get(name));
        given.for_each(|given| written(flow, of, given, DEPTH, &mut rows));
        rows.iter().filter(|(of, _)| of.name == model.name).any(|(_, row)| match &row.value {
            Value::Object(object) => {
                let value = row.get(&field.name);
                // What is laid out in the row may hold the column.
                object.open && !behind(call)
                    || value.is_some_and(|value| !is_checked(flow, call, field, validations, value))
            }
            Value::Undefined | Value::Null => false,
            // What a function made of the input is not what was checked, unless the check made it.
            Value::Expression { text, .. } => {
                let made = validations.iter().any(|validation| names_schema(text, validation));
                !(behind(call) && (made || is_path(text)))
            }
            _ => true,
        })
    })
}

/// What a call writes, each alternative of each row with its model: those of relations are written with the row.
fn written<'a, 'n>(
    flow: &Flow<'a>,
    model: &'a Model,
    given: &'n Node,
    depth: usize,
    rows: &mut Vec<(&'a Model, &'n Node)>,
) {
    for row in laid_out(given) {
        rows.push((model, row));
        let properties = row.object().map_or(&[][..], |object| &object.properties);
        for property in properties {
            let Some(FieldType::Model(target)) = model.field(&property.name).map(|field| &field.ty) else {
                continue;
            };
            if let Some(target) = flow.model(target).filter(|_| depth > 0) {
                laid_out(&property.value)
                    .for_each(|nested| operations(flow, target, nested, depth - 1, rows));
            }
        }
    }
}

/// `{ create: …, upsert: { create: …, update: … } }`: the writes of a relation.
fn operations<'a, 'n>(
    flow: &Flow<'a>,
    model: &'a Model,
    nested: &'n Node,
    depth: usize,
    rows: &mut Vec<(&'a Model, &'n Node)>,
) {
    let Some(object) = nested.object() else {
        // Not known, so it may write rows.
        rows.push((model, nested));
        return;
    };
    for operation in &object.properties {
        let items = laid_out(&operation.value);
        match operation.name.as_str() {
            "create" => items.for_each(|row| written(flow, model, row, depth, rows)),
            "createMany" | "update" | "updateMany" | "upsert" | "connectOrCreate" => items.for_each(|item| {
                let parts: Vec<&Node> =
                    ["data", "create", "update"].iter().filter_map(|name| item.get(name)).collect();
                // `update` of one row may be the data itself.
                let parts = if parts.is_empty() { vec![item] } else { parts };
                parts.into_iter().for_each(|part| written(flow, model, part, depth, rows));
            }),
            _ => {}
        }
    }
}

/// Each alternative, and of lists each item.
fn laid_out(node: &Node) -> impl Iterator<Item = &Node> {
    node.alternatives().into_iter().flat_map(|node| match &node.value {
        Value::List(rows) => rows.iter().flat_map(Node::alternatives).collect(),
        _ => vec![node],
    })
}

fn is_checked(flow: &Flow, call: &Call, field: &Field, validations: &[&Validation], value: &Node) -> bool {
    value.alternatives().into_iter().all(|one| match &one.value {
        // A constraint lets NULL pass.
        Value::Undefined | Value::Null => true,
        Value::Number(_) | Value::Text(_) => {
            validations.iter().flat_map(|one| &one.checks).all(|check| lets(check, one))
        }
        Value::Object(operation) => {
            operation.properties.iter().all(|property| property.name == "set")
                && operation
                    .get("set")
                    .is_some_and(|set| is_checked(flow, call, field, validations, &set.value))
        }
        // As it came in, and not what a function made of it.
        Value::Expression { text, .. } => {
            let path = text.replace("?.", ".").replace("!.", ".");
            is_path(&path)
                && path.rsplit('.').next() == Some(field.name.as_str())
                && validations.iter().any(|validation| is_behind(flow, call, validation))
        }
        Value::Bool(_) | Value::List(_) | Value::Choice { .. } => false,
    })
}

/// A constant of the code and one check.
fn lets(check: &FieldCheck, constant: &Node) -> bool {
    let number = || match &constant.value {
        Value::Number(text) => text.replace('_', "").parse::<f64>().ok(),
        _ => None,
    };
    let length = || constant.text().map(|text| text.chars().count() as u64);
    match check {
        FieldCheck::Min { value, inclusive: true } => number().is_some_and(|number| number >= *value),
        FieldCheck::Min { value, .. } => number().is_some_and(|number| number > *value),
        FieldCheck::Max { value, inclusive: true } => number().is_some_and(|number| number <= *value),
        FieldCheck::Max { value, .. } => number().is_some_and(|number| number < *value),
        FieldCheck::Integer => number().is_some_and(|number| number.fract() == 0.0),
        FieldCheck::MinLength(least) => length().is_some_and(|length| length >= *least),
        FieldCheck::MaxLength(most) => length().is_some_and(|length| length <= *most),
        FieldCheck::OneOf(values) => constant.text().is_some_and(|text| values.iter().any(|one| one == text)),
        FieldCheck::Email | FieldCheck::Url | FieldCheck::Uuid | FieldCheck::Pattern(_) => false,
    }
}

/// On each way to the call a function names the schema, or whoever registers it does.
fn is_behind(flow: &Flow, call: &Call, validation: &Validation) -> bool {
    leads_through(flow, call.site.function, validation, &mut BTreeSet::new())
}

fn leads_through(flow: &Flow, of: usize, validation: &Validation, seen: &mut BTreeSet<usize>) -> bool {
    // Where callers go in a circle the other ways into it tell.
    if !seen.insert(of) || checks(flow, of, validation) {
        return true;
    }
    let function = &flow.code.functions[of];
    !function.callers.is_empty()
        && !function.called_from_elsewhere
        && function
            .callers
            .iter()
            .all(|caller| leads_through(flow, flow.code.invocations[*caller].site.function, validation, seen))
}

fn checks(flow: &Flow, function: usize, validation: &Validation) -> bool {
    let at = &flow.code.functions[function].at;
    let registered = flow.facts.sources.get(&at.file).is_some_and(|file| {
        let text: &str = &file.text;
        let start = (at.span.start.saturating_sub(BEFORE)..=at.span.start)
            .find(|offset| text.is_char_boundary(*offset))
            .unwrap_or(at.span.start);
        // Not what stands before the statement that registers it.
        let before = text.get(start..at.span.start).unwrap_or("");
        let own = ["\n}", "\n\n", "\r\n\r\n"].iter().filter_map(|end| before.rfind(end)).max().unwrap_or(0);
        names_schema(&before[own..], validation)
    });
    registered || names_schema(flow.text_of(function), validation)
}

/// The schema is used, and not only declared there or asked for its type.
fn names_schema(text: &str, validation: &Validation) -> bool {
    let other = |before: &str| text.matches(&format!("{before} {}", validation.schema)).count();
    count_word(text, &validation.schema) > other("const") + other("typeof")
}
