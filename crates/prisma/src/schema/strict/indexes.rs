//! Which fields an index of a kind can hold, and which operator classes go with it. Source: what the engine of Prisma
//! 7.10 takes and refuses for each native type, kind and class.

use pgsteward_model::prisma::{Arity, Field, FieldType, KeyField, ModelKey, Scalar};

use super::super::operator_classes::schema_name;

/// The native type of a field, written or implied; none for an enum or an unsupported type.
fn native(field: &Field) -> Option<&str> {
    if let Some(native) = &field.native {
        return Some(&native.name);
    }
    let FieldType::Scalar(scalar) = &field.ty else { return None };
    Some(match scalar {
        Scalar::String => "Text",
        Scalar::Boolean => "Boolean",
        Scalar::Int => "Integer",
        Scalar::BigInt => "BigInt",
        Scalar::Float => "DoublePrecision",
        Scalar::Decimal => "Decimal",
        Scalar::DateTime => "Timestamp",
        Scalar::Json => "JsonB",
        Scalar::Bytes => "ByteA",
    })
}

/// What is wrong with a field of an index, if anything.
pub(super) fn problem(key: &ModelKey, part: &KeyField, field: &Field) -> Option<String> {
    let method = key.method.as_deref().unwrap_or("BTree");
    let name = &field.name;
    if method == "Hash" && (part.ascending || part.descending) {
        return Some("a Hash index has no order".into());
    }
    let ty = native(field);
    if ty == Some("Xml") && matches!(method, "BTree" | "Hash") {
        return Some(format!("\"{name}\" is XML, which cannot be ordered"));
    }
    match &part.ops {
        // A class that has no name in the schema language was written raw("…").
        Some(class) => match schema_name(class) {
            Some(class) if !class_fits(&class, method, ty, field.arity) => Some(format!(
                "the operator class {class} does not go with {method} and the type of \"{name}\""
            )),
            _ => None,
        },
        None if matches!(field.ty, FieldType::Unsupported(_)) => None,
        None if !has_default_class(method, ty, field) => {
            Some(format!("a {method} index has no default operator class for \"{name}\": name one with ops"))
        }
        None => None,
    }
}

fn has_default_class(method: &str, ty: Option<&str>, field: &Field) -> bool {
    match method {
        "Gin" => field.arity == Arity::List || ty == Some("JsonB"),
        // The engine takes plain text here; PostgreSQL then wants a class of an extension.
        "Gist" => ty == Some("Text"),
        "SpGist" => matches!(ty, Some("Text" | "VarChar" | "Char" | "Inet")),
        "Brin" => !matches!(ty, None | Some("Money" | "Boolean" | "Citext" | "Xml" | "Json" | "JsonB")),
        _ => true,
    }
}

fn class_fits(class: &str, method: &str, ty: Option<&str>, arity: Arity) -> bool {
    let is = |wanted: &[&str]| ty.is_some_and(|ty| wanted.contains(&ty));
    match class {
        "InetOps" => matches!(method, "Gist" | "SpGist") && is(&["Inet"]),
        "JsonbOps" | "JsonbPathOps" => method == "Gin" && is(&["JsonB"]),
        "ArrayOps" => method == "Gin" && arity == Arity::List,
        "TextOps" => method == "SpGist" && is(&["Text", "VarChar", "Char"]),
        // The others are of BRIN; their names begin with the type's in PostgreSQL.
        _ => method == "Brin" && ty.is_some_and(|ty| brin_types(class).contains(&ty)),
    }
}

fn brin_types(class: &str) -> &'static [&'static str] {
    const TYPES: [(&str, &[&str]); 19] = [
        ("TimestampTz", &["Timestamptz"]),
        ("Timestamp", &["Timestamp"]),
        ("TimeTz", &["Timetz"]),
        ("Time", &["Time"]),
        ("VarBit", &["VarBit"]),
        ("Bit", &["Bit"]),
        ("Text", &["Text", "VarChar"]),
        ("Bpchar", &["Char"]),
        ("Bytea", &["ByteA"]),
        ("Date", &["Date"]),
        ("Float4", &["Real"]),
        ("Float8", &["DoublePrecision"]),
        ("Inet", &["Inet"]),
        ("Int2", &["SmallInt"]),
        ("Int4", &["Integer"]),
        ("Int8", &["BigInt"]),
        ("Numeric", &["Decimal"]),
        ("Oid", &["Oid"]),
        ("Uuid", &["Uuid"]),
    ];
    TYPES.iter().find(|(prefix, _)| class.starts_with(prefix)).map_or(&[], |(_, types)| types)
}
