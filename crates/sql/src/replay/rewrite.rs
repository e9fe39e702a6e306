//! Whether a change of a column makes the server write or read the whole table.
//!
//! Sources: PostgreSQL documentation, notes of `ALTER TABLE`; `ATColumnChangeRequiresRewrite` and the
//! transform functions of varchar, varbit, numeric, timestamp, time and interval.

use pgsteward_model::catalog::{Catalog, ColumnType, Function, QName, TypeClass, Volatility};

use crate::cursor::Cursor;
use crate::scan::{self, TokenKind};

/// Whether a column can change from one type to the other without a rewrite.
///
/// Between the timestamp types that depends on the session's time zone being UTC; since nothing says so, it
/// counts as a rewrite.
pub(super) fn is_free_cast(from: &ColumnType, to: &ColumnType) -> bool {
    if from == to {
        return true;
    }
    // Elements of arrays are converted one by one, even where they would stay the same.
    if from.array != 0 || to.array != 0 {
        return from.array.min(1) == to.array.min(1) && ColumnType { array: to.array, ..from.clone() } == *to;
    }
    let (old, new) = (from.modifiers.as_slice(), to.modifiers.as_slice());
    let wider = match (old.first(), new.first()) {
        (_, None) => true,
        (Some(old), Some(new)) => new >= old,
        (None, Some(_)) => false,
    };
    match (from.name.as_str(), to.name.as_str()) {
        _ if from.namespace.is_some() || to.namespace.is_some() => {
            // citext is binary coercible to and from text.
            matches!((from.name.as_str(), to.name.as_str()), ("citext", "text") | ("text", "citext"))
        }
        ("character varying" | "bit varying", same) if same == from.name => wider,
        ("character varying" | "text", "text") => true,
        ("text", "character varying") | ("xml", "text" | "character varying") => new.is_empty(),
        ("citext", "text" | "character varying") | ("text" | "character varying", "citext") => new.is_empty(),
        ("numeric", "numeric") => match (old, new) {
            (_, []) => true,
            ([old, old_scale], [new, new_scale]) => new >= old && new_scale == old_scale,
            _ => false,
        },
        (old_name, new_name) if old_name == new_name && is_time(old_name) => {
            wider || new.first().is_some_and(|precision| *precision >= 6)
        }
        ("cidr", "inet") => true,
        ("integer", "oid" | "regclass") | ("oid", "integer" | "regclass") => true,
        _ => false,
    }
}

/// The type that the values of a type are stored as: what is below a domain, or the type itself.
pub(super) fn below_domain<'a>(catalog: &'a Catalog, ty: &'a ColumnType) -> &'a ColumnType {
    let mut ty = ty;
    while ty.class == TypeClass::Domain && ty.array == 0 {
        let name = QName::new(ty.namespace.as_deref().unwrap_or("public"), &ty.name);
        match catalog.domains.get(&name) {
            Some(domain) => ty = &domain.base,
            None => break,
        }
    }
    ty
}

fn is_time(name: &str) -> bool {
    name.starts_with("timestamp") || name.starts_with("time ") || name == "interval"
}

/// Whether `USING` does no more than name the column or cast it to the new type, which needs no rewrite
/// where the cast does not.
pub(super) fn is_plain_using(using: &str, column: &str) -> bool {
    let tokens = scan::tokens(using);
    let mut cursor = Cursor::new(using, &tokens);
    while cursor.sees_symbol(b'(') {
        let inner = cursor.group();
        if cursor.at_end() {
            cursor = inner;
        } else {
            return false;
        }
    }
    if cursor.ident().as_deref() != Some(column) {
        return false;
    }
    if cursor.at_end() {
        return true;
    }
    cursor.eat_symbol(b':')
        && cursor.eat_symbol(b':')
        && crate::types::read(&mut cursor).is_some()
        && cursor.at_end()
}

/// Whether a default must be computed for each row anew. Names the function that makes it so.
pub(super) fn volatile_call(catalog: &Catalog, expression: &str) -> Option<String> {
    let tokens = scan::tokens(expression);
    let mut cursor = Cursor::new(expression, &tokens);
    let mut after_cast = 0;
    while let Some(token) = cursor.token(0) {
        if token.kind == TokenKind::Symbol(b':') {
            after_cast += 1;
            cursor.advance();
            continue;
        }
        if after_cast >= 2 && crate::types::read(&mut cursor).is_some() {
            after_cast = 0;
            continue;
        }
        after_cast = 0;
        let Some(name) = cursor.name() else {
            cursor.advance();
            continue;
        };
        if cursor.sees_symbol(b'(') && is_volatile(catalog, name.namespace.as_deref(), &name.name) {
            return Some(name.name);
        }
    }
    None
}

fn is_volatile(catalog: &Catalog, namespace: Option<&str>, name: &str) -> bool {
    let overloads: Vec<&Function> = catalog
        .functions
        .values()
        .filter(|function| {
            let QName { namespace: own, name: own_name } = &function.id.name;
            own_name == name && namespace.is_none_or(|written| written == own)
        })
        .collect();
    if overloads.is_empty() {
        return NOT_VOLATILE.binary_search(&name).is_err();
    }
    overloads.iter().any(|function| function.volatility == Volatility::Volatile)
}

/// Functions and keywords with parentheses that are stable or immutable and seen in defaults, sorted. What is
/// not listed and not in the catalog counts as volatile, as a function is unless it says otherwise.
/// Source: `pg_proc.provolatile` of PostgreSQL 17.
const NOT_VOLATILE: &[&str] = &[
    "abs",
    "age",
    "and",
    "array",
    "array_append",
    "array_cat",
    "array_fill",
    "array_length",
    "array_prepend",
    "array_to_string",
    "array_to_tsvector",
    "ascii",
    "btrim",
    "case",
    "cast",
    "ceil",
    "ceiling",
    "char_length",
    "chr",
    "coalesce",
    "concat",
    "concat_ws",
    "current_database",
    "current_date",
    "current_schema",
    "current_setting",
    "current_time",
    "current_timestamp",
    "current_user",
    "date",
    "date_bin",
    "date_part",
    "date_trunc",
    "decode",
    "digest",
    "empty",
    "encode",
    "exp",
    "extract",
    "floor",
    "format",
    "greatest",
    "hstore",
    "in",
    "int4range",
    "int8range",
    "interval",
    "isfinite",
    "json_array",
    "json_build_array",
    "json_build_object",
    "json_object",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_object",
    "jsonb_set",
    "justify_days",
    "justify_hours",
    "least",
    "left",
    "length",
    "lower",
    "lpad",
    "ltrim",
    "make_date",
    "make_interval",
    "make_time",
    "make_timestamp",
    "make_timestamptz",
    "md5",
    "mod",
    "not",
    "now",
    "nullif",
    "numeric",
    "numrange",
    "octet_length",
    "or",
    "overlay",
    "pg_get_userbyid",
    "point",
    "position",
    "power",
    "quote_ident",
    "quote_literal",
    "regexp_replace",
    "repeat",
    "replace",
    "reverse",
    "right",
    "round",
    "row",
    "row_to_json",
    "rpad",
    "rtrim",
    "session_user",
    "sha256",
    "sha512",
    "sign",
    "split_part",
    "sqrt",
    "statement_timestamp",
    "string_to_array",
    "strpos",
    "substr",
    "substring",
    "text",
    "timestamp",
    "timezone",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "to_number",
    "to_timestamp",
    "to_tsquery",
    "to_tsvector",
    "transaction_timestamp",
    "translate",
    "trim",
    "trunc",
    "tsrange",
    "tstzrange",
    "unnest",
    "upper",
    "uuid_nil",
    "uuid_ns_dns",
    "uuid_ns_url",
    "values",
    "varchar",
];

/// Whether a column of this type must be checked against constraints of a domain.
pub(super) fn is_constrained_domain(catalog: &Catalog, ty: &ColumnType) -> bool {
    let namespace = ty.namespace.as_deref().unwrap_or("public");
    ty.class == TypeClass::Domain
        && catalog
            .domains
            .get(&QName::new(namespace, &*ty.name))
            .is_some_and(|domain| domain.not_null || !domain.checks.is_empty())
}

#[cfg(test)]
mod tests {
    use super::NOT_VOLATILE;

    #[test]
    fn the_list_is_sorted_for_binary_search() {
        assert!(NOT_VOLATILE.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
