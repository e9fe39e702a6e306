//! Type text to [`ColumnType`]: the many spellings of a type become the one that `format_type` prints.
//!
//! Source of the spellings: PostgreSQL documentation, "Data Types", table of names and aliases.

use pgsteward_model::catalog::{ColumnType, TypeClass};

use crate::cursor::Cursor;
use crate::scan;

/// Reads a type as it is written in SQL: `varchar(20)`, `"Status"[]`, `timestamp(3) with time zone`.
/// `serial` types become the integer type that they stand for. None where the text is no type, or has more
/// text behind it.
pub fn parse_type(text: &str) -> Option<ColumnType> {
    let tokens = scan::tokens(text);
    let mut cursor = Cursor::new(text, &tokens);
    let written = read(&mut cursor)?;
    cursor.at_end().then_some(written.ty)
}

/// A type where it stands in a statement.
pub(crate) struct WrittenType {
    pub(crate) ty: ColumnType,
    pub(crate) serial: bool,
}

/// Passes a type; leaves the reader where it is if there is none.
pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<WrittenType> {
    let start = *cursor;
    let found = read_here(cursor);
    if found.is_none() {
        *cursor = start;
    }
    found
}

fn read_here(cursor: &mut Cursor<'_>) -> Option<WrittenType> {
    cursor.eat(&["setof"]);
    let mut serial = false;
    let mut ty = match multi_word(cursor) {
        Some(ty) => ty,
        None => {
            let quoted = cursor.text(0).starts_with('"');
            let name = cursor.name()?;
            let modifiers = modifiers(cursor);
            let system = name.namespace.as_deref() == Some("pg_catalog");
            let alias = if name.namespace.is_none() && !quoted {
                serial = matches!(
                    name.name.as_str(),
                    "serial" | "serial2" | "serial4" | "serial8" | "bigserial" | "smallserial"
                );
                from_alias(&name.name, &modifiers)
            } else if name.namespace.is_none() || system {
                from_catalog_name(&name.name, &modifiers)
            } else {
                None
            };
            alias.unwrap_or_else(|| ColumnType {
                namespace: name.namespace.filter(|_| !system),
                name: name.name,
                modifiers,
                array: 0,
                class: if system { TypeClass::Base } else { TypeClass::Unknown },
            })
        }
    };
    loop {
        if cursor.sees_symbol(b'[') {
            cursor.group();
            ty.array += 1;
        } else if cursor.eat(&["array"]) {
            if !cursor.sees_symbol(b'[') {
                ty.array += 1;
            }
        } else {
            break;
        }
    }
    Some(WrittenType { ty, serial })
}

fn modifiers(cursor: &mut Cursor<'_>) -> Vec<i32> {
    let Some(group) = cursor.optional_group() else { return Vec::new() };
    let values: Vec<Option<i32>> = group
        .items()
        .into_iter()
        .map(|mut item| item.integer().and_then(|value| value.try_into().ok()))
        .collect();
    // Modifiers that are no numbers (`geometry(Point,4326)`) cannot be kept.
    values.into_iter().collect::<Option<Vec<i32>>>().unwrap_or_default()
}

/// Types whose spelling the grammar knows: they may have several words.
fn multi_word(cursor: &mut Cursor<'_>) -> Option<ColumnType> {
    if cursor.eat(&["double", "precision"]) {
        return Some(ColumnType::builtin("double precision", &[]));
    }
    let zoned = |cursor: &mut Cursor<'_>, name: &str| {
        let modifiers = modifiers(cursor);
        let with = cursor.eat(&["with", "time", "zone"]);
        cursor.eat(&["without", "time", "zone"]);
        let zone = if with { "with" } else { "without" };
        ColumnType::builtin(&format!("{name} {zone} time zone"), &modifiers)
    };
    if cursor.symbol_at(1, b'.') {
        return None;
    }
    for name in ["timestamp", "time"] {
        if cursor.eat(&[name]) {
            return Some(zoned(cursor, name));
        }
    }
    if cursor.eat(&["interval"]) {
        let mut precision = modifiers(cursor);
        while cursor.sees_any(&["year", "month", "day", "hour", "minute", "second", "to"]) {
            cursor.advance();
        }
        if precision.is_empty() {
            precision = modifiers(cursor);
        }
        return Some(ColumnType::builtin("interval", &precision));
    }
    if cursor.eat(&["bit"]) {
        let varying = cursor.eat(&["varying"]);
        let modifiers = modifiers(cursor);
        return Some(match (varying, modifiers.is_empty()) {
            (true, _) => ColumnType::builtin("bit varying", &modifiers),
            (false, true) => ColumnType::builtin("bit", &[1]),
            (false, false) => ColumnType::builtin("bit", &modifiers),
        });
    }
    cursor.eat(&["national"]);
    if cursor.sees_any(&["character", "char", "nchar"]) {
        cursor.advance();
        let varying = cursor.eat(&["varying"]);
        let modifiers = modifiers(cursor);
        return Some(match (varying, modifiers.is_empty()) {
            (true, _) => ColumnType::builtin("character varying", &modifiers),
            (false, true) => ColumnType::builtin("character", &[1]),
            (false, false) => ColumnType::builtin("character", &modifiers),
        });
    }
    None
}

fn from_alias(name: &str, modifiers: &[i32]) -> Option<ColumnType> {
    let canonical = match name {
        "int" | "integer" | "int4" | "serial" | "serial4" => "integer",
        "bigint" | "int8" | "bigserial" | "serial8" => "bigint",
        "smallint" | "int2" | "smallserial" | "serial2" => "smallint",
        "boolean" => "boolean",
        "real" => "real",
        "float" => {
            let single = modifiers.first().is_some_and(|digits| *digits <= 24);
            return Some(ColumnType::builtin(if single { "real" } else { "double precision" }, &[]));
        }
        "dec" | "decimal" | "numeric" => return from_catalog_name("numeric", modifiers),
        other => return from_catalog_name(other, modifiers),
    };
    Some(ColumnType::builtin(canonical, &[]))
}

/// Names as `pg_type` has them.
fn from_catalog_name(name: &str, modifiers: &[i32]) -> Option<ColumnType> {
    let canonical = match name {
        "int2" => "smallint",
        "int4" => "integer",
        "int8" => "bigint",
        "float4" => "real",
        "float8" => "double precision",
        "bool" => "boolean",
        "varchar" => "character varying",
        "bpchar" if !modifiers.is_empty() => "character",
        "varbit" => "bit varying",
        "timestamptz" => "timestamp with time zone",
        "timestamp" => "timestamp without time zone",
        "timetz" => "time with time zone",
        "time" => "time without time zone",
        "numeric" if modifiers.len() == 1 => return Some(ColumnType::builtin("numeric", &[modifiers[0], 0])),
        _ if BASE_TYPES.binary_search(&name).is_ok() => name,
        _ => return None,
    };
    Some(ColumnType::builtin(canonical, modifiers))
}

/// Base types that have one spelling, sorted. Source: `pg_type` of PostgreSQL 18 where `typtype` is b, r or m.
const BASE_TYPES: &[&str] = &[
    "aclitem",
    "any",
    "anyarray",
    "anycompatible",
    "anyelement",
    "anyenum",
    "box",
    "bpchar",
    "bytea",
    "char",
    "cid",
    "cidr",
    "circle",
    "cstring",
    "date",
    "datemultirange",
    "daterange",
    "event_trigger",
    "inet",
    "int2vector",
    "int4multirange",
    "int4range",
    "int8multirange",
    "int8range",
    "internal",
    "interval",
    "json",
    "jsonb",
    "jsonpath",
    "line",
    "lseg",
    "macaddr",
    "macaddr8",
    "money",
    "name",
    "numeric",
    "nummultirange",
    "numrange",
    "oid",
    "oidvector",
    "path",
    "pg_lsn",
    "pg_snapshot",
    "point",
    "polygon",
    "record",
    "refcursor",
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
    "text",
    "tid",
    "trigger",
    "tsmultirange",
    "tsquery",
    "tsrange",
    "tstzmultirange",
    "tstzrange",
    "tsvector",
    "txid_snapshot",
    "uuid",
    "void",
    "xid",
    "xid8",
    "xml",
];

#[cfg(test)]
mod tests {
    use super::{BASE_TYPES, parse_type};

    #[test]
    fn spellings_become_what_the_server_prints() {
        assert!(BASE_TYPES.windows(2).all(|pair| pair[0] < pair[1]));
        let pairs = [
            ("int", "integer"),
            ("INT8", "bigint"),
            ("bigserial", "bigint"),
            ("VARCHAR(20)", "character varying(20)"),
            ("character varying", "character varying"),
            ("char", "character(1)"),
            ("\"char\"", "char"),
            ("bool", "boolean"),
            ("float8", "double precision"),
            ("float(10)", "real"),
            ("DOUBLE PRECISION", "double precision"),
            ("decimal(65,30)", "numeric(65,30)"),
            ("numeric(10)", "numeric(10,0)"),
            ("timestamptz(6)", "timestamp(6) with time zone"),
            ("TIMESTAMP(3)", "timestamp(3) without time zone"),
            ("timestamp with time zone", "timestamp with time zone"),
            ("time", "time without time zone"),
            ("interval day to second(3)", "interval(3)"),
            ("TEXT[]", "text[]"),
            ("int ARRAY", "integer[]"),
            ("int ARRAY[4]", "integer[]"),
            ("pg_catalog.int4", "integer"),
            ("\"Status\"", "Status"),
            ("audit.\"Level\"[]", "audit.Level[]"),
            ("geometry(Point, 4326)", "geometry"),
            ("vector(1536)", "vector(1536)"),
            ("bit varying(5)", "bit varying(5)"),
        ];
        for (written, printed) in pairs {
            assert_eq!(parse_type(written).map(|ty| ty.to_string()).as_deref(), Some(printed), "{written}");
        }
        for broken in ["", "(", "1", "int int", "\0", "'text'"] {
            assert_eq!(parse_type(broken), None, "{broken}");
        }
    }
}
