//! Whether a value is still the one it was when its column has another type: what a cast cuts, rounds or leaves out is an
//! expression that a server counts rows by.
//!
//! Facts of the documentation of PostgreSQL: "Data Types" (explicit casts to `character varying(n)` cut, those to numbers and
//! times with fewer digits round), "JSON Types" (`jsonb` keeps the last of equal keys), "CREATE CAST".

use pgsteward_model::catalog::{ColumnType, TypeClass};

use super::column_type;
use crate::quote::quote_ident;

/// The rows whose value of `column` is another one as `using` makes it, which is of the type `to`. None where no value can be:
/// each is what it was, or the server refuses it.
pub fn changed(column: &str, from: &ColumnType, to: &ColumnType, using: &str) -> Option<String> {
    let name = quote_ident(column);
    let element = |ty: &ColumnType| ColumnType { array: 0, ..ty.clone() };
    let (one, other) = (element(from), element(to));
    match (from.array > 0, to.array > 0) {
        (false, false) => differs(&name, using, from, to, ""),
        (true, true) => differs(&name, using, &one, &other, "[]"),
        (false, true) => differs(&name, &format!("({using})[1]"), &one, &other, ""),
        (true, false) => {
            // Only a list of one value is that value.
            let single = format!("pg_catalog.array_dims({name}) IS DISTINCT FROM '[1:1]'");
            let more = differs(&format!("({name})[1]"), using, &one, &other, "")
                .map_or_else(String::new, |differs| format!(" OR {differs}"));
            Some(format!("({name} IS NOT NULL AND ({single}{more}))"))
        }
    }
}

/// Whether `using` is nothing but the value in the other type: what somebody calculates is theirs to judge.
pub fn is_cast(column: &str, to: &ColumnType, using: &str) -> bool {
    let plain = |text: &str| -> String {
        text.chars().filter(|letter| !letter.is_whitespace() && !matches!(letter, '(' | ')')).collect()
    };
    let (name, wanted, using) = (quote_ident(column), column_type(to), plain(using));
    let short = wanted.strip_prefix("public.").unwrap_or(&wanted).to_owned();
    [wanted, short].iter().any(|wanted| {
        let element = wanted.trim_end_matches("[]");
        [
            format!("{name}::{wanted}"),
            format!("{name}::text::{wanted}"),
            format!("{name}::text[]::{wanted}"),
            format!("CAST{name}AS{wanted}"),
            format!("{name}[1]::{wanted}"),
            format!("{name}[1]::text::{wanted}"),
            format!("ARRAY[{name}]::{element}[]"),
            format!("CASE WHEN {name} IS NULL THEN NULL ELSE ARRAY[{name}::text]::{element}[] END"),
        ]
        .iter()
        .any(|text| plain(text) == using)
    })
}

fn differs(old: &str, new: &str, from: &ColumnType, to: &ColumnType, brackets: &str) -> Option<String> {
    if keeps(from, to) {
        return None;
    }
    let text = |value: &str| format!("({value})::text COLLATE \"C\"");
    let as_text = || format!("{} IS DISTINCT FROM {}", text(old), text(new));
    if brackets.is_empty() && to.namespace.is_none() && to.is("jsonb") && !from.is("jsonb") {
        return Some(format!("{} IS DISTINCT FROM {}", parts(old, "json"), parts(new, "jsonb")));
    }
    // Digits of a UUID mean the same in both cases.
    if brackets.is_empty() && to.namespace.is_none() && to.is("uuid") {
        return Some(format!("pg_catalog.lower({old}::text) IS DISTINCT FROM ({new})::text"));
    }
    // One address alone is written with its mask and without.
    if brackets.is_empty() && to.namespace.is_none() && to.is("inet") && is_textual(from) {
        return Some(format!("{} NOT IN (({new})::text, pg_catalog.format('%s', {new}))", text(old)));
    }
    if from.namespace.is_some() || is_textual(from) {
        return Some(as_text());
    }
    let back = format!("{}{brackets}", column_type(from));
    const DIRECT: &[&[&str]] = &[
        NUMBERS,
        &["date", "timestamp without time zone", "timestamp with time zone"],
        &["time without time zone", "time with time zone"],
        &["boolean", "integer"],
        &["money", "numeric"],
        &["bit", "integer", "bigint"],
    ];
    let named =
        |ty: &ColumnType, family: &[&str]| ty.namespace.is_none() && family.contains(&ty.name.as_str());
    if from.name == to.name && to.namespace.is_none()
        || DIRECT.iter().any(|family| named(from, family) && named(to, family))
    {
        let there_and_back = format!("({new})::{back}");
        return Some(match HAVE_NO_EQUALS.contains(&from.name.as_str()) {
            true => format!("{} IS DISTINCT FROM {}", text(old), text(&there_and_back)),
            false => format!("{old} IS DISTINCT FROM {there_and_back}"),
        });
    }
    Some(format!("{} IS DISTINCT FROM {}", text(old), text(&format!("({new})::text{brackets}::{back}"))))
}

const NUMBERS: &[&str] = &["smallint", "integer", "bigint", "numeric", "real", "double precision"];
const HAVE_NO_EQUALS: &[&str] = &["json", "xml", "point", "interval"];

/// How many values a JSON text has at all depths: the second of two equal keys takes the place of the first in `jsonb`.
fn parts(value: &str, kind: &str) -> String {
    format!(
        "(WITH RECURSIVE part (value) AS (SELECT ({value})::{kind} UNION ALL SELECT inside.value FROM part CROSS JOIN LATERAL (\
         SELECT each.value FROM pg_catalog.{kind}_each(CASE pg_catalog.{kind}_typeof(part.value) WHEN 'object' THEN part.value END) AS each \
         UNION ALL SELECT element.value FROM pg_catalog.{kind}_array_elements(\
         CASE pg_catalog.{kind}_typeof(part.value) WHEN 'array' THEN part.value END) AS element) AS inside) \
         SELECT pg_catalog.count(part.value) FROM part)"
    )
}

/// Whether each value of the one type is the same in the other, or refused there.
fn keeps(from: &ColumnType, to: &ColumnType) -> bool {
    let first = |ty: &ColumnType| ty.modifiers.first().copied();
    let unlimited = to.modifiers.is_empty();
    if to.class == TypeClass::Enum {
        return true;
    }
    if is_textual(to) {
        if is_textual(from) && from.name == to.name && unlimited {
            return true;
        }
        let longer = from.name == to.name
            && first(to).is_some()
            && first(from).is_some_and(|had| Some(had) <= first(to));
        return longer || (unlimited && matches!(to.name.as_str(), "text" | "character varying" | "citext"));
    }
    if from.namespace.is_some() || to.namespace.is_some() {
        return from.class == TypeClass::Enum && from.namespace == to.namespace && from.name == to.name;
    }
    let whole = |ty: &ColumnType| matches!(ty.name.as_str(), "smallint" | "integer" | "bigint");
    let digits = |ty: &ColumnType| ty.modifiers.get(1).copied().unwrap_or_default();
    match (from.name.as_str(), to.name.as_str()) {
        (_, "smallint" | "integer" | "bigint") if whole(from) => true,
        (_, "numeric") if whole(from) => unlimited || digits(to) >= 0,
        ("smallint" | "integer" | "real", "double precision") | ("smallint", "real") => true,
        ("numeric", "numeric") => unlimited || (!from.modifiers.is_empty() && digits(to) >= digits(from)),
        ("date", "timestamp without time zone") | ("jsonb", "json") => true,
        (had, has) if had == has => {
            let precise = had.starts_with("time") && first(from).is_some_and(|had| Some(had) <= first(to));
            from.modifiers == to.modifiers || precise || (unlimited && had != "bit")
        }
        _ => false,
    }
}

fn is_textual(ty: &ColumnType) -> bool {
    const TEXT: &[&str] = &["text", "character varying", "character", "name", "citext", "bpchar"];
    ty.class != TypeClass::Enum && TEXT.contains(&ty.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(name: &str, modifiers: &[i32]) -> ColumnType {
        ColumnType::builtin(name, modifiers)
    }

    #[test]
    fn what_may_be_another_value_is_asked_for() {
        let of = |from: &ColumnType, to: &ColumnType| changed("a", from, to, "x");
        let (text, short) = (ty("text", &[]), ty("character varying", &[20]));
        assert_eq!(
            of(&text, &short).as_deref(),
            Some("(a)::text COLLATE \"C\" IS DISTINCT FROM (x)::text COLLATE \"C\"")
        );
        assert_eq!(of(&short, &text), None);
        assert_eq!(of(&short, &ty("character varying", &[30])), None);
        assert!(of(&ty("character varying", &[]), &short).is_some());
        let (fine, rough) = (ty("numeric", &[10, 4]), ty("numeric", &[5, 2]));
        assert_eq!(of(&fine, &rough).as_deref(), Some("a IS DISTINCT FROM (x)::numeric(10,4)"));
        assert_eq!(of(&rough, &fine), None);
        assert!(of(&ty("double precision", &[]), &ty("integer", &[])).is_some());
        // Too big a number is refused.
        assert_eq!(of(&ty("bigint", &[]), &ty("integer", &[])), None);
        assert_eq!(of(&ty("integer", &[]), &fine), None);
        let (to_thousandths, to_seconds) =
            (ty("timestamp without time zone", &[3]), ty("timestamp without time zone", &[0]));
        assert!(of(&to_thousandths, &to_seconds).is_some());
        assert_eq!(of(&to_seconds, &to_thousandths), None);
        assert!(of(&to_thousandths, &ty("date", &[])).is_some());
        assert!(of(&text, &ty("jsonb", &[])).is_some_and(|sql| sql.contains("json_each")));
        let list = ColumnType { array: 1, ..text.clone() };
        assert_eq!(
            of(&list, &text).as_deref(),
            Some("(a IS NOT NULL AND (pg_catalog.array_dims(a) IS DISTINCT FROM '[1:1]'))")
        );
        assert_eq!(of(&text, &list), None);
    }

    #[test]
    fn what_somebody_calculates_is_no_cast() {
        let (short, list) = (ty("character varying", &[20]), ColumnType { array: 1, ..ty("text", &[]) });
        for using in ["a::character varying(20)", "a::text::character varying(20)"] {
            assert!(is_cast("a", &short, using), "{using}");
        }
        assert!(is_cast("a", &ty("text", &[]), "(a)[1]::text::text"));
        assert!(is_cast("a", &list, "CASE WHEN a IS NULL THEN NULL ELSE ARRAY[a::text]::text[] END"));
        assert!(!is_cast("a", &ty("integer", &[]), "(a * 100)::integer"));
        assert!(!is_cast("a", &short, "left(a, 20)"));
    }
}
