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

/// `(page - 1) * size`, or the name of a constant that the function, or else the file, computes:
/// `const n = Math.min(50, parseInt(text, 10))`.
pub(super) fn is_computed(facts: &Facts, function: usize, name: &str) -> bool {
    if !text::is_path(name) {
        return name.len() < CUT && makes_number(name, 4);
    }
    let Some(function) = facts.code.as_ref().and_then(|code| code.functions.get(function)) else {
        return false;
    };
    let Some(file) = facts.sources.get(&function.at.file) else { return false };
    let bound = |text| parsed::bindings(text, name).collect::<Vec<_>>();
    let own = bound(file.slice(function.at.span));
    let found = if own.is_empty() { bound(&file.text) } else { own };
    // Of two declarations nobody knows which one is meant.
    let [(pattern, value)] = found[..] else { return false };
    pattern == name && makes_number(parsed::expression(value.trim_start()), 4)
}

/// An expression that is a number whatever its parts are.
fn makes_number(value: &str, depth: u32) -> bool {
    const CALLS: [&str; 7] =
        ["parseInt(", "parseFloat(", "Number(", "BigInt(", "Math.", "Number.parseInt(", "Number.parseFloat("];
    let value = value.trim();
    let Some(depth) = depth.checked_sub(1) else { return false };
    if value.is_empty() || value.contains(['\'', '"', '`', '\n']) && !is_one_call(value) {
        return false;
    }
    if value.starts_with(|letter: char| letter.is_ascii_digit()) && value.chars().all(is_digit) {
        return true;
    }
    if let Some(inner) = value.strip_prefix('(').filter(|_| parsed::balanced(value) == value.len()) {
        return makes_number(&inner[..inner.len() - 1], depth);
    }
    if let Some((_, both)) = parsed::outside(value, " ? ") {
        return parsed::outside(both, " : ")
            .is_some_and(|(one, other)| makes_number(one, depth) && makes_number(other, depth));
    }
    for word in [" || ", " ?? ", " && "] {
        if let Some((one, other)) = parsed::outside(value, word) {
            return makes_number(one, depth) && makes_number(other, depth);
        }
    }
    if let Some((one, other)) = parsed::outside(value, " + ") {
        return makes_number(one, depth) && makes_number(other, depth);
    }
    if [" * ", " - ", " / ", " % "].iter().any(|word| parsed::outside(value, word).is_some()) {
        return true;
    }
    CALLS.iter().any(|call| value.starts_with(call)) && is_one_call(value)
}

/// `Math.min(…)`: nothing follows the arguments.
fn is_one_call(value: &str) -> bool {
    let Some(open) = value.find('(') else { return false };
    value[..open].chars().all(|letter| parsed::is_letter(letter) || letter == '.')
        && parsed::balanced(&value[open..]) == value.len() - open
}

fn is_digit(letter: char) -> bool {
    letter.is_ascii_digit() || matches!(letter, '.' | '_')
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

#[cfg(test)]
mod tests {
    use super::makes_number;

    #[test]
    fn what_only_makes_numbers_is_one() {
        let numbers = [
            "Math.min(50, Math.max(1, parseInt(String(size), 10)))",
            "parseInt(String(req.query.size ?? '10'), 10)",
            "Number(req.query.size) || 10",
            "req.query.size ? parseInt(req.query.size, 10) : 10",
            "(page - 1) * limit",
            "1_000",
            "Number(a) + Number(b)",
        ];
        for value in numbers {
            assert!(makes_number(value, 4), "{value}");
        }
        let others = [
            "req.query.size",
            "req.query.size || 10",
            "parseInt(a, 10) ? text : 10",
            "Number(a) + text",
            "String(Number(a))",
            "Number(a).toString() + text",
            "Math.min(1, 2) || text",
            "`${parseInt(a, 10)} ${text}`",
            "'a - b' + text",
            "parse(text)",
            "",
        ];
        for value in others {
            assert!(!makes_number(value, 4), "{value}");
        }
    }
}
