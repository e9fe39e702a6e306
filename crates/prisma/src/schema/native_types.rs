//! The native types of Prisma's PostgreSQL connector (`@db.VarChar(255)`): which scalars may carry them,
//! how many arguments they take, and which column type they make. Source: Prisma's schema reference,
//! "PostgreSQL native type attributes".

use pgsteward_model::prisma::{NativeType, Scalar};

use pgsteward_model::catalog::ColumnType;

pub(crate) struct NativeTypeFact {
    name: &'static str,
    scalar: Scalar,
    /// The most arguments that it takes; all are optional.
    arguments: usize,
    /// The name that `format_type` prints.
    column: &'static str,
    /// What PostgreSQL assumes where the argument is absent: `CHAR` is `character(1)`.
    implied: &'static [i32],
}

const fn fact(
    name: &'static str,
    scalar: Scalar,
    arguments: usize,
    column: &'static str,
    implied: &'static [i32],
) -> NativeTypeFact {
    NativeTypeFact { name, scalar, arguments, column, implied }
}

static FACTS: [NativeTypeFact; 26] = [
    fact("SmallInt", Scalar::Int, 0, "smallint", &[]),
    fact("Integer", Scalar::Int, 0, "integer", &[]),
    fact("Oid", Scalar::Int, 0, "oid", &[]),
    fact("BigInt", Scalar::BigInt, 0, "bigint", &[]),
    fact("Decimal", Scalar::Decimal, 2, "numeric", &[]),
    fact("Money", Scalar::Decimal, 0, "money", &[]),
    fact("Real", Scalar::Float, 0, "real", &[]),
    fact("DoublePrecision", Scalar::Float, 0, "double precision", &[]),
    fact("Boolean", Scalar::Boolean, 0, "boolean", &[]),
    fact("Text", Scalar::String, 0, "text", &[]),
    fact("VarChar", Scalar::String, 1, "character varying", &[]),
    fact("Char", Scalar::String, 1, "character", &[1]),
    fact("Citext", Scalar::String, 0, "citext", &[]),
    fact("Uuid", Scalar::String, 0, "uuid", &[]),
    fact("Xml", Scalar::String, 0, "xml", &[]),
    fact("Inet", Scalar::String, 0, "inet", &[]),
    fact("Bit", Scalar::String, 1, "bit", &[1]),
    fact("VarBit", Scalar::String, 1, "bit varying", &[]),
    fact("ByteA", Scalar::Bytes, 0, "bytea", &[]),
    fact("Timestamp", Scalar::DateTime, 1, "timestamp without time zone", &[]),
    fact("Timestamptz", Scalar::DateTime, 1, "timestamp with time zone", &[]),
    fact("Date", Scalar::DateTime, 0, "date", &[]),
    fact("Time", Scalar::DateTime, 1, "time without time zone", &[]),
    fact("Timetz", Scalar::DateTime, 1, "time with time zone", &[]),
    fact("Json", Scalar::Json, 0, "json", &[]),
    fact("JsonB", Scalar::Json, 0, "jsonb", &[]),
];

pub(crate) fn find(name: &str) -> Option<&'static NativeTypeFact> {
    FACTS.iter().find(|fact| fact.name == name)
}

/// The native type that makes columns of this type.
pub(crate) fn name_of(column: &str) -> Option<&'static str> {
    FACTS.iter().find(|fact| fact.column == column).map(|fact| fact.name)
}

/// What is wrong with a native type on a field of this scalar type, if anything.
pub(crate) fn problem(native: &NativeType, scalar: Option<Scalar>) -> Option<String> {
    let Some(fact) = find(&native.name) else {
        return Some(format!("unknown native type \"{}\"", native.name));
    };
    if scalar != Some(fact.scalar) {
        return Some(format!(
            "native type \"{}\" does not fit the field's type; it needs {:?}",
            fact.name, fact.scalar
        ));
    }
    if native.arguments.len() > fact.arguments {
        let (name, most, given) = (fact.name, fact.arguments, native.arguments.len());
        return Some(format!("native type \"{name}\" takes at most {most} arguments, found {given}"));
    }
    let bad = native.arguments.iter().find(|argument| argument.parse::<u32>().is_err())?;
    Some(format!("native type \"{}\" needs whole numbers, found \"{bad}\"", fact.name))
}

/// The column type of a scalar, as PostgreSQL prints it.
pub(crate) fn column_type(scalar: Scalar, native: Option<&NativeType>) -> ColumnType {
    if let Some((native, fact)) = native.and_then(|native| Some((native, find(&native.name)?))) {
        let mut modifiers: Vec<i32> =
            native.arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
        if modifiers.is_empty() {
            modifiers.extend(fact.implied);
        }
        // `numeric(10)` is printed with its scale.
        if fact.column == "numeric" && modifiers.len() == 1 {
            modifiers.push(0);
        }
        return ColumnType::builtin(fact.column, &modifiers);
    }
    let (name, modifiers): (&str, &[i32]) = match scalar {
        Scalar::String => ("text", &[]),
        Scalar::Boolean => ("boolean", &[]),
        Scalar::Int => ("integer", &[]),
        Scalar::BigInt => ("bigint", &[]),
        Scalar::Float => ("double precision", &[]),
        Scalar::Decimal => ("numeric", &[65, 30]),
        Scalar::DateTime => ("timestamp without time zone", &[3]),
        Scalar::Json => ("jsonb", &[]),
        Scalar::Bytes => ("bytea", &[]),
    };
    ColumnType::builtin(name, modifiers)
}
