//! Whether each write of a column goes through a check of the code.

use pgsteward_model::code::{Call, FieldCheck, Node, Operation, Validation, Value};
use pgsteward_model::prisma::{Field, Model};

use crate::code::flow::Flow;
use crate::code::text::{count_word, is_path};

/// How far before a function its registration names the schema: `.input(createCoupon).mutation(async …`.
const BEFORE: usize = 400;

/// The first call that writes the column and of which it is not known that the check was made.
pub(super) fn past<'a>(
    flow: &Flow<'a>,
    model: &Model,
    field: &Field,
    validations: &[&Validation],
) -> Option<&'a Call> {
    flow.code.calls.iter().filter(|call| call.model == model.name && call.operation.writes()).find(|call| {
        let mut written = rows(call).into_iter().filter_map(|row| row.get(&field.name));
        written.any(|value| !is_checked(flow, call, field, validations, value))
    })
}

/// What a call writes: each alternative of each row.
fn rows(call: &Call) -> Vec<&Node> {
    let names: &[&str] = match call.operation {
        Operation::Upsert => &["create", "update"],
        _ => &["data"],
    };
    let given = names.iter().filter_map(|name| call.argument.get(name)).flat_map(Node::alternatives);
    given
        .flat_map(|node| match &node.value {
            Value::List(rows) => rows.iter().flat_map(Node::alternatives).collect(),
            _ => vec![node],
        })
        .collect()
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
        Value::Bool(_) | Value::List(_) | Value::Choice(_) => false,
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

/// A function that leads to the call names the schema, or whoever registers it does.
fn is_behind(flow: &Flow, call: &Call, validation: &Validation) -> bool {
    flow.entries(call.site.function).into_iter().any(|function| {
        let at = &flow.code.functions[function].at;
        let registered = flow.facts.sources.get(&at.file).is_some_and(|file| {
            let text: &str = &file.text;
            let start = (at.span.start.saturating_sub(BEFORE)..=at.span.start)
                .find(|offset| text.is_char_boundary(*offset))
                .unwrap_or(at.span.start);
            // Not what stands before the statement that registers it.
            let before = text.get(start..at.span.start).unwrap_or("");
            let own =
                ["\n}", "\n\n", "\r\n\r\n"].iter().filter_map(|end| before.rfind(end)).max().unwrap_or(0);
            names(&before[own..], validation)
        });
        registered || names(flow.text_of(function), validation)
    })
}

/// The schema is used, and not only declared there.
fn names(text: &str, validation: &Validation) -> bool {
    let declared = text.matches(&format!("const {} ", validation.schema)).count();
    count_word(text, &validation.schema) > declared
}
