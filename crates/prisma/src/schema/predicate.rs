//! `where:` of an index to SQL: `raw("…")` as it stands, and the object form (`{ active: true,
//! deletedAt: null, status: { not: "DONE" } }`) as a conjunction over the fields' names.
//!
//! The object names fields, not columns; `calculate` has the columns, so field names are written here in
//! double quotes and exchanged there.

use super::ast::{Expr, ExprKind};

pub(super) fn sql(filter: &Expr) -> Option<String> {
    match &filter.kind {
        ExprKind::Call { name, arguments } if name == "raw" => {
            arguments.first().and_then(|argument| argument.value.as_string()).map(str::to_owned)
        }
        ExprKind::Object(conditions) if !conditions.is_empty() => {
            let parts: Option<Vec<String>> =
                conditions.iter().map(|(field, value)| condition(field, value)).collect();
            Some(parts?.join(" AND "))
        }
        _ => None,
    }
}

fn condition(field: &str, value: &Expr) -> Option<String> {
    let column = format!("\"{}\"", field.replace('"', "\"\""));
    let (operand, null, other) = match &value.kind {
        ExprKind::Object(members) => match members.as_slice() {
            [(operator, operand)] if operator == "not" => (operand, "IS NOT NULL", "!="),
            _ => return None,
        },
        _ => (value, "IS NULL", "="),
    };
    let text = match &operand.kind {
        ExprKind::Word(word) if word == "null" => return Some(format!("{column} {null}")),
        ExprKind::Word(word) if word == "true" || word == "false" => word.clone(),
        ExprKind::Number(digits) => digits.clone(),
        ExprKind::Word(text) | ExprKind::String(text) => format!("'{}'", text.replace('\'', "''")),
        _ => return None,
    };
    Some(format!("{column} {other} {text}"))
}
