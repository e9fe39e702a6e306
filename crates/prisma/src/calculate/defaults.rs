//! Default values of the schema as the default expressions that PostgreSQL would print for them.

use pgsteward_model::catalog::{ColumnType, TypeClass};
use pgsteward_model::prisma::{DefaultValue, FieldType, PrismaEnum, Scalar};

use crate::render::literal;

/// The expression, or none where the value is made by the client and the column has no default.
/// Sequences are not written here: their name is the table's business.
pub(super) fn expression(
    value: &DefaultValue,
    field: &FieldType,
    ty: &ColumnType,
    definition: Option<&PrismaEnum>,
) -> Option<String> {
    let element = ColumnType { array: 0, ..ty.clone() };
    Some(match value {
        DefaultValue::Now => "CURRENT_TIMESTAMP".to_owned(),
        DefaultValue::Boolean(value) => value.to_string(),
        DefaultValue::Number(digits) => number(digits),
        DefaultValue::DbGenerated(Some(text)) => text.clone(),
        DefaultValue::EnumValue(name) => {
            let value = definition.and_then(|one| one.values.iter().find(|value| value.name == *name));
            cast(value.map_or(name.as_str(), |value| &value.db_name), &element)
        }
        DefaultValue::String(text) => match field {
            FieldType::Scalar(Scalar::Decimal | Scalar::Float | Scalar::Int | Scalar::BigInt) => number(text),
            FieldType::Scalar(Scalar::Bytes) => cast(&bytes(text)?, &element),
            FieldType::Scalar(Scalar::DateTime) => cast(&date_time(text), &element),
            _ => cast(text, &element),
        },
        DefaultValue::List(values) if values.is_empty() => format!("ARRAY[]::{}[]", type_name(&element)),
        DefaultValue::List(values) => {
            let elements: Option<Vec<String>> =
                values.iter().map(|value| expression(value, field, &element, definition)).collect();
            format!("ARRAY[{}]", elements?.join(", "))
        }
        DefaultValue::Autoincrement | DefaultValue::DbGenerated(None) | DefaultValue::Client { .. } => {
            return None;
        }
    })
}

/// PostgreSQL prints a negative constant as a cast string.
fn number(digits: &str) -> String {
    if !digits.starts_with('-') {
        return digits.to_owned();
    }
    let ty = match digits.parse::<i64>() {
        Ok(value) if i32::try_from(value).is_ok() => "integer",
        Ok(_) => "bigint",
        Err(_) => "numeric",
    };
    format!("'{digits}'::{ty}")
}

fn cast(text: &str, ty: &ColumnType) -> String {
    format!("{}::{}", literal(text), type_name(ty))
}

/// The type in a cast: without arguments; a user's is quoted and has its namespace, as introspection reads it
/// with nothing but `pg_catalog` on the search path.
fn type_name(ty: &ColumnType) -> String {
    if ty.class == TypeClass::Enum {
        let namespace = ty.namespace.as_deref().unwrap_or(super::DEFAULT_NAMESPACE);
        let name = pgsteward_sql::quote_ident(&ty.name);
        return format!("{}.{name}", pgsteward_sql::quote_ident(namespace));
    }
    match ty.name.as_str() {
        "character" => "bpchar".to_owned(),
        name => name.to_owned(),
    }
}

/// `2020-01-02T03:04:05Z` as Prisma writes it into SQL: `2020-01-02 03:04:05 +00:00`.
fn date_time(text: &str) -> String {
    let Some((date, time)) = text.split_once(['T', ' ']) else { return text.to_owned() };
    let zone = time.find(['+', '-', 'Z', 'z']).unwrap_or(time.len());
    let (clock, offset) = time.split_at(zone);
    match offset {
        "" => text.to_owned(),
        "Z" | "z" => format!("{date} {clock} +00:00"),
        offset => format!("{date} {clock} {offset}"),
    }
}

/// Base64, as the schema writes bytes, to `\x…`. None where it is no base64.
fn bytes(text: &str) -> Option<String> {
    let mut out = String::from("\\x");
    let mut bits = 0u32;
    let mut count = 0;
    for c in text.bytes().filter(|c| *c != b'=') {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push_str(&format!("{:02x}", bits >> count & 0xff));
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_times_become_what_prisma_writes() {
        assert_eq!(bytes("aGVsbG8=").as_deref(), Some("\\x68656c6c6f"));
        assert_eq!(bytes("!"), None);
        assert_eq!(date_time("2020-01-02T03:04:05Z"), "2020-01-02 03:04:05 +00:00");
        assert_eq!(date_time("2020-01-02T03:04:05-02:00"), "2020-01-02 03:04:05 -02:00");
        assert_eq!(date_time("soon"), "soon");
    }
}
