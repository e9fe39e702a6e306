//! Small inputs, one construct each.

mod cases;
mod flow;
mod hostile;
mod names;
mod raw;
mod results;
mod values;
mod written;

use pgsteward_model::code::{Node, Value};

use crate::unit::{Candidate, Unit};

pub(super) fn unit(text: &str) -> Unit {
    super::scan_fully("src/orders.ts", text)
}

/// The unit of the body of a function that has a client, a request and some parameters.
pub(super) fn body(text: &str) -> Unit {
    unit(&format!(
        "import {{ prisma }} from './db';\nexport async function f(id: string, opt?: string) {{\n{text}\n}}"
    ))
}

pub(super) fn call(text: &str) -> Candidate {
    let unit = body(text);
    assert_eq!(unit.calls.len(), 1, "{:?}", unit.calls);
    unit.calls[0].clone()
}

/// A value in short: `{ where: { id: «id», a?: 1 } }`.
pub(super) fn short(node: &Node) -> String {
    match &node.value {
        Value::Undefined => "undefined".into(),
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(text) => text.clone(),
        Value::Text(text) => format!("'{text}'"),
        Value::List(nodes) => format!("[{}]", nodes.iter().map(short).collect::<Vec<_>>().join(", ")),
        Value::Choice { nodes, .. } => {
            format!("({})", nodes.iter().map(short).collect::<Vec<_>>().join(" | "))
        }
        Value::Object(object) => {
            let mut parts: Vec<String> = object
                .properties
                .iter()
                .map(|one| {
                    format!("{}{}: {}", one.name, if one.conditional { "?" } else { "" }, short(&one.value))
                })
                .collect();
            if object.open {
                parts.push("open".into());
            }
            format!("{{ {} }}", parts.join(", "))
        }
        Value::Expression { text, undefined, .. } => match undefined {
            Some(why) => format!("«{text}: {why:?}»"),
            None => format!("«{text}»"),
        },
    }
}
