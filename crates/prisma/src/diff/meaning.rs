//! What a default expression means, so that two spellings of it are the same: `'a'::text` and `'a'`,
//! `now()` and `CURRENT_TIMESTAMP`, `2.00` and `2`. What is no constant stays an expression, compared by its
//! text without blanks, case and casts of literals.

use pgsteward_model::catalog::{ColumnType, TypeClass};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Meaning {
    Null,
    Now,
    /// `nextval(…)`.
    Sequence,
    Text(String),
    /// Digits as written.
    Number(String),
    Boolean(bool),
    List(Vec<Meaning>),
    Expression(String),
}

/// Deeper nesting than any default has; a hostile text must not exhaust the stack.
const DEPTH: usize = 16;

pub(crate) fn meaning(expression: &str, ty: &ColumnType) -> Meaning {
    read(expression, ty, 0)
}

fn read(expression: &str, ty: &ColumnType, depth: usize) -> Meaning {
    let text = bare(expression);
    let lower = text.to_ascii_lowercase();
    if depth > DEPTH {
        return Meaning::Expression(normalized(text));
    }
    if lower == "null" {
        return Meaning::Null;
    }
    if lower.starts_with("nextval(") {
        return Meaning::Sequence;
    }
    let element = ColumnType { array: ty.array.saturating_sub(1), ..ty.clone() };
    if let Some(text) = string_literal(text) {
        return if ty.array > 0 { array_literal(&text, &element, depth) } else { constant(text, ty) };
    }
    if let Some(inner) = array_constructor(text) {
        return Meaning::List(split(inner).into_iter().map(|part| read(part, &element, depth + 1)).collect());
    }
    if is_now(&lower) {
        return Meaning::Now;
    }
    match lower.as_str() {
        "true" => Meaning::Boolean(true),
        "false" => Meaning::Boolean(false),
        _ if is_number(text) => Meaning::Number(text.replace(' ', "")),
        _ => Meaning::Expression(normalized(expression_text(expression))),
    }
}

/// True where two defaults of a column say the same.
pub(crate) fn same(before: &Meaning, after: &Meaning, ty: &ColumnType) -> bool {
    match (before, after) {
        // Prisma cannot compare moments in time and takes them for equal, also to what is computed.
        (Meaning::Null, _) | (_, Meaning::Null) => before == after,
        (Meaning::Text(_), _) | (_, Meaning::Text(_)) if is_date_time(ty) => true,
        (Meaning::Text(a), Meaning::Text(b)) if ty.name == "json" || ty.name == "jsonb" => {
            a == b || same_json(a, b)
        }
        (Meaning::Number(a), Meaning::Number(b)) => canonical(a) == canonical(b),
        (Meaning::List(a), Meaning::List(b)) => {
            let element = ColumnType { array: 0, ..ty.clone() };
            let json = ty.name.starts_with("json");
            // Elements that are JSON are compared as texts.
            a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| if json { a == b } else { same(a, b, &element) })
        }
        (a, b) => a == b,
    }
}

/// True where two defaults are numbers of types whose values Prisma never takes for equal: it knows whole numbers and decimal
/// ones apart, and in lists also those of 32 and 64 bits.
pub(crate) fn other_numbers(before: (&Meaning, &ColumnType), after: (&Meaning, &ColumnType)) -> bool {
    let bits = |ty: &ColumnType| match ty.name.as_str() {
        "smallint" | "integer" | "oid" => 32,
        "bigint" => 64,
        _ => 0,
    };
    let (had, has) = (bits(before.1), bits(after.1));
    match (before.0, after.0) {
        (Meaning::Number(_), Meaning::Number(_)) => (had == 0) != (has == 0),
        (Meaning::List(a), Meaning::List(b)) => {
            let both = a.iter().zip(b);
            had != has
                && both.into_iter().any(|pair| matches!(pair, (Meaning::Number(_), Meaning::Number(_))))
        }
        _ => false,
    }
}

pub(crate) fn is_date_time(ty: &ColumnType) -> bool {
    ty.namespace.is_none() && (ty.name == "date" || ty.name.starts_with("time"))
}

fn constant(text: String, ty: &ColumnType) -> Meaning {
    if ty.class == TypeClass::Enum {
        return Meaning::Text(text);
    }
    match ty.name.as_str() {
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" | "oid" | "money"
            if is_number(text.trim()) =>
        {
            Meaning::Number(text.trim().to_owned())
        }
        "boolean" => match text.trim().to_ascii_lowercase().as_str() {
            "t" | "true" | "y" | "yes" | "on" | "1" => Meaning::Boolean(true),
            "f" | "false" | "n" | "no" | "off" | "0" => Meaning::Boolean(false),
            _ => Meaning::Text(text),
        },
        _ => Meaning::Text(text),
    }
}

/// `{a,"b c",NULL}`.
fn array_literal(text: &str, element: &ColumnType, depth: usize) -> Meaning {
    let Some(inner) = text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return Meaning::Text(text.to_owned());
    };
    if inner.trim().is_empty() {
        return Meaning::List(Vec::new());
    }
    let mut values = vec![String::new()];
    let mut quoted = vec![false];
    let (mut inside, mut escaped) = (false, false);
    for c in inner.chars() {
        let last = values.len() - 1;
        match c {
            _ if escaped => {
                values[last].push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => {
                inside = !inside;
                quoted[last] = true;
            }
            ',' if !inside => {
                values.push(String::new());
                quoted.push(false);
            }
            // A list of lists is no default that Prisma knows.
            '{' if !inside && depth > 0 => return Meaning::Text(text.to_owned()),
            c => values[last].push(c),
        }
    }
    let values = values.into_iter().zip(quoted).map(|(value, quoted)| match (value.trim(), quoted) {
        (_, true) => constant(value, element),
        (null, false) if null.eq_ignore_ascii_case("null") => Meaning::Null,
        (trimmed, false) => constant(trimmed.to_owned(), element),
    });
    Meaning::List(values.collect())
}

/// What stands in `ARRAY[…]`.
fn array_constructor(text: &str) -> Option<&str> {
    let (word, rest) = text.split_at_checked("array".len())?;
    let rest = rest.trim_start().strip_prefix('[')?.strip_suffix(']')?;
    word.eq_ignore_ascii_case("array").then_some(rest)
}

fn is_now(lower: &str) -> bool {
    let precise = |name: &str| {
        lower.strip_prefix(name).is_some_and(|rest| {
            rest.is_empty()
                || rest
                    .strip_prefix('(')
                    .and_then(|rest| rest.strip_suffix(')'))
                    .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        })
    };
    lower == "now()" || lower == "transaction_timestamp()" || precise("current_timestamp")
}

fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']).trim_start();
    digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'-' | b'+'))
        && digits.as_bytes().first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.')
}

/// `-01.50` → `-1.5`; what has an exponent stays as it is.
fn canonical(digits: &str) -> String {
    if digits.contains(['e', 'E']) {
        return digits.to_ascii_lowercase();
    }
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits.trim_start_matches('+')),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    match (whole.is_empty(), fraction.is_empty()) {
        (true, true) => "0".to_owned(),
        (_, true) => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction}"),
    }
}

/// An expression without the parentheses around it and without the casts behind it.
fn bare(expression: &str) -> &str {
    let mut text = expression.trim();
    for _ in 0..DEPTH {
        let inner = expression_text(text);
        let inner = last_cast(inner).map_or(inner, |at| inner[..at].trim_end());
        if inner.len() == text.len() || inner.is_empty() {
            return inner;
        }
        text = inner;
    }
    text
}

/// Without the parentheses around it.
fn expression_text(text: &str) -> &str {
    let mut text = text.trim();
    for _ in 0..DEPTH {
        if !in_parentheses(text) {
            break;
        }
        text = text[1..text.len() - 1].trim();
    }
    text
}

/// True where one pair of parentheses is around the whole text.
pub(crate) fn in_parentheses(text: &str) -> bool {
    let mut scan = Scan::new(text);
    let closes = std::iter::from_fn(|| scan.next()).find(|(_, depth, byte)| *byte == b')' && *depth == 0);
    text.starts_with('(') && closes.is_some_and(|(at, ..)| at + 1 == text.len())
}

/// Where the last `::type` at the outermost level begins, if nothing but a type follows it.
fn last_cast(text: &str) -> Option<usize> {
    let mut found = None;
    let mut scan = Scan::new(text);
    while let Some((at, depth, byte)) = scan.next() {
        if depth == 0 && byte == b':' && text.as_bytes().get(at + 1) == Some(&b':') {
            found = found.or(Some(at)).map(|_| at);
            scan.at = at + 2;
        }
    }
    let at = found?;
    let is_type =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | ' ' | '.' | '"' | '(' | ')' | ',' | '[' | ']');
    text[at + 2..].chars().all(is_type).then_some(at)
}

/// The value of a text that is one string constant: `'it''s'`, `E'a\n'`.
fn string_literal(text: &str) -> Option<String> {
    let escapes = text.starts_with(['E', 'e']);
    let body = if escapes { &text[1..] } else { text };
    let inner = body.strip_prefix('\'')?.strip_suffix('\'')?;
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' if chars.next() != Some('\'') => return None,
            '\\' if escapes => match chars.next()? {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                other => out.push(other),
            },
            c => out.push(c),
        }
    }
    Some(out)
}

/// The parts between commas at the outermost level.
fn split(text: &str) -> Vec<&str> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let mut start = 0;
    let mut scan = Scan::new(text);
    while let Some((at, depth, byte)) = scan.next() {
        if depth == 0 && byte == b',' {
            parts.push(&text[start..at]);
            start = at + 1;
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Without blanks and casts of literals, lower case outside quotes: how `pg_get_expr` and a person spell the
/// same expression.
fn normalized(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'\'' | b'"') => {
                let end = quoted_end(bytes, at, quote);
                out.push_str(&text[at..end]);
                at = end;
                if quote == b'\'' {
                    while text[at..].starts_with("::") {
                        let rest = &text[at + 2..];
                        let is_type =
                            |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '"' | '[' | ']');
                        at += 2 + rest.find(|c: char| !is_type(c)).unwrap_or(rest.len());
                    }
                }
            }
            byte if byte.is_ascii_whitespace() => at += 1,
            _ => {
                let c = text[at..].chars().next().unwrap_or(' ');
                out.extend(c.to_lowercase());
                at += c.len_utf8();
            }
        }
    }
    out
}

pub(crate) fn same_expression(a: &str, b: &str) -> bool {
    a == b || {
        // PostgreSQL prints a predicate with more parentheses than people write.
        let plain = |text: &str| normalized(text).replace(['(', ')', '"'], "").replace("<>", "!=");
        plain(a) == plain(b)
    }
}

/// The order of keys and blanks do not count; what is no JSON cannot be compared and counts as the same.
fn same_json(a: &str, b: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    match (read(a), read(b)) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    }
}

/// End of a quoted piece that begins at `start`; a doubled quote does not end it.
fn quoted_end(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        if bytes[at] == quote {
            if bytes.get(at + 1) != Some(&quote) {
                return at + 1;
            }
            at += 1;
        }
        at += 1;
    }
    bytes.len()
}

/// The bytes outside quotes, each with the depth of parentheses and brackets around it (a closing one counts
/// as outside).
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Scan<'a> {
        Scan { bytes: text.as_bytes(), at: 0, depth: 0 }
    }

    fn next(&mut self) -> Option<(usize, usize, u8)> {
        loop {
            let at = self.at;
            let byte = *self.bytes.get(at)?;
            match byte {
                b'\'' | b'"' => {
                    self.at = quoted_end(self.bytes, at, byte);
                    continue;
                }
                b'(' | b'[' => {
                    self.depth += 1;
                    self.at += 1;
                    return Some((at, self.depth - 1, byte));
                }
                b')' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            return Some((at, self.depth, byte));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, ty: &str) -> Meaning {
        let array = u32::from(ty.ends_with("[]"));
        let ty = ColumnType { array, ..ColumnType::builtin(ty.trim_end_matches("[]"), &[]) };
        meaning(text, &ty)
    }

    #[test]
    fn spellings_of_one_default_are_the_same() {
        for (ty, a, b) in [
            ("text", "'a'::text", "'a'"),
            ("text", "('it''s'::character varying)::text", "'it''s'"),
            ("text", "E'a\\nb'", "'a\nb'"),
            ("integer", "0", "(0)::integer"),
            ("integer", "'-1'::integer", "-1"),
            ("double precision", "0", "0.0"),
            ("numeric", "2.00", "'2'::numeric"),
            ("bigint", "nextval('\"T_id_seq\"'::regclass)", "nextval('t_id_seq')"),
            ("boolean", "'t'::boolean", "TRUE"),
            ("timestamp without time zone", "now()", "CURRENT_TIMESTAMP"),
            ("timestamp without time zone", "CURRENT_TIMESTAMP(3)", "(now())::timestamp"),
            ("timestamp without time zone", "'2020-01-01'::date", "'2020-01-01 00:00:00 +00:00'"),
            ("jsonb", "'{\"a\": 1}'::jsonb", "'{\"a\":1}'"),
            ("text[]", "ARRAY[]::text[]", "'{}'::text[]"),
            ("text[]", "ARRAY['a'::text, 'b, c'::text]", "'{a,\"b, c\"}'"),
            ("text[]", "ARRAY [] :: TEXT []", "ARRAY[]::text[]"),
            ("integer[]", "ARRAY[1, 2]", "'{1,2}'::integer[]"),
            ("uuid", "gen_random_uuid()", "GEN_RANDOM_UUID( )"),
            ("text", "(now() AT TIME ZONE 'utc'::text)", "now() at time zone 'utc'"),
            ("text", "NULL::text", "null"),
        ] {
            let full = ColumnType {
                array: u32::from(ty.ends_with("[]")),
                ..ColumnType::builtin(ty.trim_end_matches("[]"), &[])
            };
            assert!(same(&of(a, ty), &of(b, ty), &full), "{a} {:?} and {b} {:?}", of(a, ty), of(b, ty));
        }
    }

    #[test]
    fn different_defaults_differ() {
        for (ty, a, b) in [
            ("text", "'a'", "'b'"),
            ("text", "'now()'", "now()"),
            ("integer", "1", "10"),
            ("text[]", "ARRAY['a']", "ARRAY['a', 'b']"),
            ("text", "lower('A')", "lower('B')"),
            ("jsonb", "'{\"a\": \"x y\"}'", "'{\"a\": \"xy\"}'"),
        ] {
            assert!(!same(&of(a, ty), &of(b, ty), &ColumnType::builtin(ty, &[])), "{a} and {b}");
        }
    }

    #[test]
    fn equal_numbers_of_other_types_differ() {
        let ty = |name: &str, array: u32| ColumnType { array, ..ColumnType::builtin(name, &[]) };
        let differ = |text: &str, array: u32, before: &str, after: &str| {
            let (before, after) = (ty(before, array), ty(after, array));
            other_numbers((&meaning(text, &before), &before), (&meaning(text, &after), &after))
        };
        assert!(differ("0", 0, "integer", "double precision"));
        assert!(differ("0", 0, "numeric", "bigint"));
        assert!(!differ("0", 0, "integer", "bigint"));
        assert!(!differ("0", 0, "real", "numeric"));
        assert!(differ("'{1,2}'", 1, "integer", "bigint"));
        assert!(!differ("'{1,2}'", 1, "smallint", "integer"));
        assert!(!differ("'{}'", 1, "integer", "numeric"));
    }

    #[test]
    fn hostile_expressions_end() {
        for text in [
            "(".repeat(5_000),
            "(".repeat(5_000) + &")".repeat(5_000),
            "array[".repeat(5_000) + &"]".repeat(5_000),
            "::".repeat(9_000),
            "'".into(),
            "E".into(),
        ] {
            of(&text, "text[]");
        }
    }
}
