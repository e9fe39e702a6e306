//! Column types as Prisma's fields: the scalar, and the native type where it is not the scalar's own.

use pgsteward_model::catalog::{Catalog, ColumnType, QName, TypeClass};

/// What a column's values are to Prisma.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Int,
    BigInt,
    Float,
    Decimal,
    Boolean,
    String,
    /// A `String` to Prisma, but its defaults stay expressions.
    Uuid,
    DateTime,
    Bytes,
    Json,
    Enum(QName),
    /// The type's name in `pg_type`.
    Unsupported(String),
}

impl Family {
    pub(super) fn scalar(&self) -> Option<&'static str> {
        Some(match self {
            Family::Int => "Int",
            Family::BigInt => "BigInt",
            Family::Float => "Float",
            Family::Decimal => "Decimal",
            Family::Boolean => "Boolean",
            Family::String | Family::Uuid => "String",
            Family::DateTime => "DateTime",
            Family::Bytes => "Bytes",
            Family::Json => "Json",
            Family::Enum(_) | Family::Unsupported(_) => return None,
        })
    }
}

/// `@db.VarChar(20)` without its sign and source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Native {
    pub(super) name: &'static str,
    pub(super) arguments: Vec<u32>,
}

pub(super) fn read(ty: &ColumnType, catalog: &Catalog, namespaces: &[String]) -> (Family, Option<Native>) {
    let full = ty.namespace.as_ref().map(|namespace| QName::new(namespace, &ty.name));
    if let Some(name) = &full {
        if let Some(domain) = catalog.domains.get(name).filter(|_| ty.array == 0) {
            return read(&domain.base, catalog, namespaces);
        }
        if catalog.enums.contains_key(name) && namespaces.contains(&name.namespace) {
            return (Family::Enum(name.clone()), None);
        }
    }
    match known(ty) {
        Some((family, native)) => (family, native),
        None => (Family::Unsupported(unsupported(ty, namespaces)), None),
    }
}

/// The name in `pg_type`. The type of an array has an underscore before its element's; for a base type of an
/// extension that lives in an introspected namespace Prisma says the element's.
fn unsupported(ty: &ColumnType, namespaces: &[String]) -> String {
    let name = ty.name.trim_matches('"');
    let extension = ty.class == TypeClass::Unknown
        && ty.namespace.as_ref().is_none_or(|namespace| namespaces.contains(namespace));
    let base = name.split('(').next().unwrap_or(name);
    if ty.array > 0 && !(extension && ty.namespace.is_some()) { format!("_{base}") } else { base.to_owned() }
}

fn known(ty: &ColumnType) -> Option<(Family, Option<Native>)> {
    let list = ty.array > 0;
    let argument = |at: usize| ty.modifiers.get(at).and_then(|value| u32::try_from(*value).ok());
    let native = |name, arguments: Vec<u32>| Some(Native { name, arguments });
    // Without a precision, times are said to have the six digits that they keep; in arrays Prisma does not know.
    let time = |name| native(name, argument(0).or((!list).then_some(6)).into_iter().collect());
    let sized = |name| native(name, argument(0).into_iter().collect());
    Some(match ty.name.as_str() {
        "citext" => (Family::String, native("Citext", Vec::new())),
        _ if ty.namespace.is_some() => return None,
        "smallint" => (Family::Int, native("SmallInt", Vec::new())),
        "integer" => (Family::Int, None),
        "bigint" => (Family::BigInt, None),
        "oid" => (Family::Int, native("Oid", Vec::new())),
        "real" => (Family::Float, native("Real", Vec::new())),
        "double precision" => (Family::Float, None),
        "boolean" => (Family::Boolean, None),
        "text" => (Family::String, None),
        "character varying" => (Family::String, sized("VarChar")),
        "character" | "bpchar" => (Family::String, sized("Char")),
        "\"char\"" | "char" => (Family::String, native("Char", Vec::new())),
        "date" => (Family::DateTime, native("Date", Vec::new())),
        "bytea" => (Family::Bytes, None),
        "json" => (Family::Json, native("Json", Vec::new())),
        "jsonb" => (Family::Json, None),
        "uuid" => (Family::Uuid, native("Uuid", Vec::new())),
        "xml" => (Family::String, native("Xml", Vec::new())),
        "bit" => (Family::String, sized("Bit")),
        "bit varying" => (Family::String, sized("VarBit")),
        "numeric" => match (argument(0), argument(1)) {
            (Some(65), Some(30)) => (Family::Decimal, None),
            (Some(precision), scale) => {
                (Family::Decimal, native("Decimal", vec![precision, scale.unwrap_or(0)]))
            }
            _ => (Family::Decimal, native("Decimal", Vec::new())),
        },
        "money" => (Family::Decimal, native("Money", Vec::new())),
        "time without time zone" => (Family::DateTime, time("Time")),
        "time with time zone" => (Family::DateTime, time("Timetz")),
        "timestamp without time zone" if argument(0) == Some(3) => (Family::DateTime, None),
        "timestamp without time zone" => (Family::DateTime, time("Timestamp")),
        "timestamp with time zone" => (Family::DateTime, time("Timestamptz")),
        "inet" => (Family::String, native("Inet", Vec::new())),
        _ => return None,
    })
}
