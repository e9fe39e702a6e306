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
    if let ExprKind::Object(members) = &value.kind {
        let (operator, operand) = members.first().filter(|_| members.len() == 1)?;
        if operator != "not" {
            return None;
        }
        return Some(match literal(operand)? {
            None => format!("{column} IS NOT NULL"),
            Some(text) => format!("{column} != {text}"),
        });
    }
    Some(match literal(value)? {
        None => format!("{column} IS NULL"),
        Some(text) => format!("{column} = {text}"),
    })
}

/// The literal as SQL; `Some(None)` is null.
#[expect(
    clippy::option_option,
    reason = "no literal, the literal null and any other literal are three things"
)]
fn literal(value: &Expr) -> Option<Option<String>> {
    Some(match &value.kind {
        ExprKind::Word(word) if word == "null" => None,
        ExprKind::Word(word) if word == "true" || word == "false" => Some(word.clone()),
        ExprKind::Word(word) => Some(format!("'{}'", word.replace('\'', "''"))),
        ExprKind::Number(digits) => Some(digits.clone()),
        ExprKind::String(text) => Some(format!("'{}'", text.replace('\'', "''"))),
        _ => return None,
    })
}
