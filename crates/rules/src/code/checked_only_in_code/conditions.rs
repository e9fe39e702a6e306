//! What a check of the code says, as a condition of SQL that every value passes which passes the check.
//!
//! JavaScript counts units of UTF-16 and has regular expressions of its own, so a condition may let more pass, and never less.

use pgsteward_model::catalog::{Column, TypeClass};
use pgsteward_model::code::FieldCheck;
use pgsteward_sql::{quote_ident, quote_literal};

const UUID: &str = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";

/// None where the column's type makes the check already, or where it cannot be said so.
pub(super) fn condition(column: &Column, check: &FieldCheck) -> Option<String> {
    const WHOLE: [&str; 3] = ["smallint", "integer", "bigint"];
    const BROKEN: [&str; 3] = ["numeric", "real", "double precision"];
    let base = column.ty.class == TypeClass::Base && column.ty.array == 0;
    let is = |names: &[&str]| base && names.iter().any(|name| column.ty.is(name));
    let (broken, text) = (is(&BROKEN), is(&["text", "character varying"]));
    let number = broken || is(&WHOLE);
    let ident = quote_ident(&column.name);
    match check {
        FieldCheck::Min { value, inclusive } if number => {
            Some(format!("{ident} {} {value}", if *inclusive { ">=" } else { ">" }))
        }
        FieldCheck::Max { value, inclusive } if number => {
            Some(format!("{ident} {} {value}", if *inclusive { "<=" } else { "<" }))
        }
        FieldCheck::Integer if broken => Some(format!("{ident} = trunc({ident})")),
        FieldCheck::OneOf(values) if text && !values.is_empty() => {
            let list: Vec<String> = values.iter().map(|value| quote_literal(value)).collect();
            Some(format!("{ident} IN ({})", list.join(", ")))
        }
        FieldCheck::MinLength(1) if text => Some(format!("{ident} <> ''")),
        // A character is one unit or two, so a text has never more characters than units.
        FieldCheck::MaxLength(most) if text && !is_shorter(column, *most) => {
            Some(format!("char_length({ident}) <= {most}"))
        }
        FieldCheck::Email if text => Some(format!("{ident} LIKE '%_@_%'")),
        FieldCheck::Uuid if text => Some(format!("{ident} ~* {}", quote_literal(UUID))),
        FieldCheck::Pattern(pattern) if text => {
            Some(format!("{ident} ~ {}", quote_literal(&as_read_by_both(pattern)?)))
        }
        _ => None,
    }
}

/// `varchar(20)` holds no more than 20 anyway.
fn is_shorter(column: &Column, most: u64) -> bool {
    column
        .ty
        .modifiers
        .first()
        .and_then(|length| u64::try_from(*length).ok())
        .is_some_and(|length| length <= most)
}

/// A pattern of letters, digits, sets of them, groups and counts, anchored on both sides: both languages read it in the same
/// way. `\d` is written out, as PostgreSQL's knows digits of all scripts.
fn as_read_by_both(pattern: &str) -> Option<String> {
    /// PostgreSQL counts no further in braces.
    const MOST: u32 = 255;
    let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
    let counts = inner.split('{').skip(1).filter_map(|part| part.split_once('}'));
    let mut counted = counts.flat_map(|(count, _)| count.split(',')).filter(|count| !count.is_empty());
    if !counted.all(|count| count.parse::<u32>().is_ok_and(|count| count <= MOST)) {
        return None;
    }
    let sets = inner.split('[').skip(1).map(|part| part.split_once(']').map_or(part, |(set, _)| set));
    if !sets.into_iter().all(is_set_of_both) {
        return None;
    }
    let mut out = String::from("^");
    let (mut in_set, mut before) = (false, '^');
    let mut characters = inner.chars().peekable();
    while let Some(one) = characters.next() {
        match one {
            '\\' => match characters.next()? {
                'd' if in_set => out.push_str("0-9"),
                'd' => out.push_str("[0-9]"),
                // A literal: `\.`, `\-`.
                escaped @ ('.' | '-' | '/' | '+') if !in_set => out.extend(['\\', escaped]),
                _ => return None,
            },
            '[' if !in_set => {
                in_set = true;
                out.push(one);
                // What is not in a set, and names of classes, are read differently in places.
                if matches!(characters.peek(), Some('^' | ']' | '[')) {
                    return None;
                }
            }
            ']' if in_set => {
                in_set = false;
                out.push(one);
            }
            '(' | ')' | '{' | '}' | ',' | '|' if !in_set => {
                // `(?:`, `(?=` and lazy counts.
                if one == '(' && characters.peek() == Some(&'?') {
                    return None;
                }
                out.push(one);
            }
            '?' | '+' | '*' if !in_set && !matches!(before, '?' | '+' | '*' | '}') => out.push(one),
            '-' | '_' => out.push(one),
            // The branches of `^a|b$` are anchored on one side each, in both languages.
            one if one.is_ascii_alphanumeric() => out.push(one),
            '@' | '#' | ' ' | ':' | '/' if !in_set || one != ':' => out.push(one),
            _ => return None,
        }
        before = one;
    }
    (!in_set).then(|| out + "$")
}

/// A hyphen of a set stands first, last or between the ends of a range. JavaScript takes any other for itself, and for
/// PostgreSQL `[0-9-_]` is an error.
fn is_set_of_both(set: &str) -> bool {
    let inner = set.strip_prefix('-').unwrap_or(set);
    let mut characters = inner.strip_suffix('-').unwrap_or(inner).chars().peekable();
    while let Some(one) = characters.next() {
        let is_class = one == '\\' && characters.next().is_some();
        if one == '-' || is_class && characters.peek() == Some(&'-') {
            return false;
        }
        if characters.next_if_eq(&'-').is_some()
            && characters.next().is_none_or(|end| matches!(end, '-' | '\\'))
        {
            return false;
        }
    }
    !set.contains("--")
}

#[cfg(test)]
mod tests {
    use super::as_read_by_both;

    #[test]
    fn patterns_that_both_languages_read_alike() {
        let same = |pattern: &str| assert_eq!(as_read_by_both(pattern).as_deref(), Some(pattern));
        same("^[A-Z]{2}-[0-9]+$");
        same("^(draft|live)$");
        same("^[a-z0-9]+(-[a-z0-9]+)*$");
        same("^[a-z0-9_-]{3,30}$");
        same("^[-a-z]+$");
        same("^[-]$");
        assert_eq!(as_read_by_both(r"^\d{5}$").as_deref(), Some("^[0-9]{5}$"));
        assert_eq!(as_read_by_both(r"^[a-z\d]+$").as_deref(), Some("^[a-z0-9]+$"));
        assert_eq!(as_read_by_both(r"^v\d+\.\d+$").as_deref(), Some(r"^v[0-9]+\.[0-9]+$"));
    }

    #[test]
    fn patterns_that_may_be_read_differently() {
        for pattern in [
            "[A-Z]+",
            r"^\w+$",
            r"^\s*$",
            "^a.b$",
            "^(?=x)y$",
            "^[^a]+$",
            "^a+?$",
            "^[[:alpha:]]$",
            r"^\p{L}$",
            "^a{300}$",
            "^[a$",
            "^[a-zA-Z0-9-_]+$",
            r"^[\d-_]+$",
            r"^[a-\d]+$",
            "^[+--]+$",
            "^[--a]+$",
        ] {
            assert_eq!(as_read_by_both(pattern), None, "{pattern}");
        }
    }
}
