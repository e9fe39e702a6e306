//! A call without its values: `findMany({ where: { vendorId }, take })`.

use pgsteward_model::code::{Node, Value};

/// Longer shapes are cut: they are part of keys, not of explanations.
const LENGTH: usize = 300;

pub(super) fn shape(operation: &str, argument: &Node) -> String {
    let mut out = format!("{operation}(");
    if argument.value != Value::Undefined {
        write(&argument.value, &mut out, 0);
    }
    out.push(')');
    out
}

fn write(value: &Value, out: &mut String, depth: u32) {
    match value {
        Value::Object(object) => {
            out.push('{');
            for (index, property) in object.properties.iter().enumerate() {
                if out.len() > LENGTH {
                    out.push('…');
                    break;
                }
                out.push_str(if index == 0 { " " } else { ", " });
                out.push_str(&property.name);
                if property.conditional {
                    out.push('?');
                }
                if nested(&property.value.value) && depth < 12 {
                    out.push_str(": ");
                    write(&property.value.value, out, depth + 1);
                }
            }
            out.push_str(if object.properties.is_empty() { "}" } else { " }" });
        }
        Value::List(list) => {
            // Elements of one shape are one.
            out.push('[');
            if let Some(first) = list.first()
                && nested(&first.value)
                && depth < 12
            {
                write(&first.value, out, depth + 1);
            }
            out.push(']');
        }
        Value::Choice { nodes, .. } => {
            for (index, node) in nodes.iter().enumerate().take(4) {
                if index > 0 {
                    out.push_str(" | ");
                }
                write(&node.value, out, depth + 1);
            }
        }
        Value::Undefined => out.push_str("undefined"),
        _ => out.push('_'),
    }
}

fn nested(value: &Value) -> bool {
    match value {
        Value::Object(_) | Value::List(_) => true,
        Value::Choice { nodes, .. } => nodes.iter().any(|node| nested(&node.value)),
        _ => false,
    }
}
