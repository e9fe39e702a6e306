//! Values that can only be numbers, booleans or times, by what the code and the schema declare.
//!
//! Knows no types but those that are written: in the function, or in a schema of Zod of the same file.

use pgsteward_model::facts::Facts;
use pgsteward_model::prisma::{FieldType, Scalar};

use super::parsed;
use crate::code::text;

/// What a column holds that a value was read from.
pub(super) enum Column {
    /// Whoever writes the row chooses the text.
    Text,
    Other,
}

/// The column that a result's value comes from; none for a whole row or what is no column.
pub(super) fn of_column(facts: &Facts, call: usize, path: &[String]) -> Option<Column> {
    let call = facts.code.as_ref()?.calls.get(call)?;
    let field = facts.prisma.as_ref()?.model(&call.model)?.field(path.last()?)?;
    match &field.ty {
        FieldType::Scalar(Scalar::String | Scalar::Json) => Some(Column::Text),
        FieldType::Scalar(_) | FieldType::Enum(_) => Some(Column::Other),
        _ => None,
    }
}

/// Who keeps it a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// A type, or a schema somewhere in the file: promises that nobody keeps at run time.
    Promise,
    /// The schema that it came through right here, which throws for anything else.
    Schema,
}

/// `userId`, `input.limit`, `ids.join(',')`, or a template that holds nothing else.
pub(super) fn is_declared(facts: &Facts, function: usize, value: &str, by: By) -> bool {
    if let Some((_, first)) = value.split_once("${") {
        // A cut text may hold more than is seen.
        return value.len() < CUT
            && first.split("${").all(|hole| {
                hole.split_once('}').is_some_and(|(inner, _)| is_declared(facts, function, inner, by))
            });
    }
    let path = value.split(".join(").next().unwrap_or(value).trim();
    let Some(name) = path.rsplit(['.', '?']).next().filter(|_| text::is_path(&path.replace('?', ""))) else {
        return false;
    };
    let Some(code) = &facts.code else { return false };
    let Some(function) = code.functions.get(function) else { return false };
    let Some(file) = facts.sources.get(&function.at.file) else { return false };
    let body = file.slice(function.at.span);
    match by {
        By::Promise => declares(body, name, is_number) || declares(&file.text, name, is_made_number),
        By::Schema => parsed::schema(&file.text, function.at.span.start, body, path)
            .is_some_and(|schema| parsed::makes(schema, name, is_made_number)),
    }
}

/// Values are cut at this many characters where they are read.
const CUT: usize = 120;

/// Some `name: …` of a text is of a kind, and none is said to be a text.
fn declares(body: &str, name: &str, is: fn(&str) -> bool) -> bool {
    let after = body.match_indices(name).filter_map(|(at, _)| {
        let before = body[..at].chars().next_back();
        if before.is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '$' | '.')) {
            return None;
        }
        let rest = body[at + name.len()..].trim_start_matches('?');
        rest.strip_prefix(':').map(str::trim_start)
    });
    let mut found = false;
    for declared in after {
        if declared.starts_with("string") || declared.starts_with("z.string") || declared.starts_with("any") {
            return false;
        }
        found |= is(declared);
    }
    found
}

/// `number`, `number[]`, `number | undefined`, `boolean`
fn is_number(declared: &str) -> bool {
    const ENDS: [char; 7] = [',', ';', ')', '}', '=', '\n', '{'];
    const TYPES: [&str; 9] = [
        "number",
        "bigint",
        "boolean",
        "number[]",
        "bigint[]",
        "Array<number>",
        "Set<number>",
        "undefined",
        "null",
    ];
    let ty = declared.split(ENDS).next().unwrap_or("");
    let mut parts = ty.split('|').map(str::trim);
    parts.clone().any(|part| !matches!(part, "undefined" | "null")) && parts.all(|part| TYPES.contains(&part))
}

/// `z.number()`, `z.coerce.number()`: the schema throws for anything else.
fn is_made_number(declared: &str) -> bool {
    const MADE: [&str; 6] = [
        "z.number(",
        "z.coerce.number(",
        "z.boolean(",
        "z.coerce.boolean(",
        "z.bigint(",
        "z.array(z.number(",
    ];
    MADE.iter().any(|made| declared.starts_with(made))
}
