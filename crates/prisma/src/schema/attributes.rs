//! Attributes to facts: keys, indexes, defaults and relations. One attribute at a time; whether the fields
//! it names exist is asked in `check`.

use std::sync::Arc;

use pgsteward_model::prisma::{
    At, DefaultValue, FieldDefault, FieldType, KeyField, ModelKey, NativeType, Relation, Scalar,
};

use super::ast::{Attribute, Expr, ExprKind, named_argument};
use super::operator_classes;
use super::predicate;

/// A problem of one attribute: what is wrong, and where.
pub(super) type Problem = (pgsteward_model::source::Span, String);

pub(super) fn at(file: &Arc<str>, span: pgsteward_model::source::Span) -> At {
    At { file: file.clone(), span }
}

/// The string of `@map("x")`, `@@map(name: "x")`, `@@schema("x")`.
pub(super) fn string_argument(
    attribute: &Attribute,
    name: &str,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let Some(value) = attribute.argument(name, true) else {
        problems.push((attribute.span, format!("attribute \"{}\" needs a name", attribute.name.text)));
        return None;
    };
    let text = value.as_string();
    if text.is_none() {
        problems.push((value.span, format!("attribute \"{}\" needs a string", attribute.name.text)));
    }
    text.map(str::to_owned)
}

/// `@@id`, `@@unique`, `@@index`, `@@fulltext`.
pub(super) fn block_key(file: &Arc<str>, attribute: &Attribute, problems: &mut Vec<Problem>) -> ModelKey {
    let mut key = options(file, attribute, problems);
    key.fulltext = attribute.name.text == "fulltext";
    match attribute.argument("fields", true) {
        Some(fields) => {
            for element in fields.elements() {
                match key_field(element) {
                    Some(field) => key.fields.push(field),
                    None => problems.push((element.span, "expected the name of a field".into())),
                }
            }
        }
        None => {
            problems.push((attribute.span, format!("attribute \"@@{}\" needs fields", attribute.name.text)));
        }
    }
    key
}

/// `@id` and `@unique` on a field.
pub(super) fn field_key(
    file: &Arc<str>,
    field: &str,
    attribute: &Attribute,
    problems: &mut Vec<Problem>,
) -> ModelKey {
    let mut key = options(file, attribute, problems);
    key.on_field = true;
    // The database name may stand without its label: `@unique("name")`.
    if let Some(first) = attribute.arguments.first().filter(|first| first.name.is_none()) {
        key.map = key.map.or(first.value.as_string().map(str::to_owned));
    }
    let mut part = KeyField { field: field.to_owned(), ..KeyField::default() };
    key_options(&mut part, |name| attribute.argument(name, false));
    key.fields.push(part);
    key
}

fn options(file: &Arc<str>, attribute: &Attribute, problems: &mut Vec<Problem>) -> ModelKey {
    let string = |name: &str| attribute.argument(name, false).and_then(Expr::as_string).map(str::to_owned);
    let filter = attribute.argument("where", false);
    let predicate = filter.and_then(predicate::sql);
    if let (Some(filter), None) = (filter, &predicate) {
        problems.push((filter.span, "expected raw(\"…\") or an object of conditions".into()));
    }
    ModelKey {
        fields: Vec::new(),
        map: string("map"),
        name: string("name"),
        method: attribute.argument("type", false).and_then(Expr::as_word).map(str::to_owned),
        predicate,
        raw_predicate: filter.is_some_and(|filter| matches!(filter.kind, ExprKind::Call { .. })),
        on_field: false,
        fulltext: false,
        at: at(file, attribute.span),
    }
}

/// `createdAt`, `createdAt(sort: Desc)`, `address.street`.
fn key_field(element: &Expr) -> Option<KeyField> {
    match &element.kind {
        ExprKind::Word(name) => Some(KeyField { field: name.clone(), ..KeyField::default() }),
        ExprKind::Call { name, arguments } => {
            let mut part = KeyField { field: name.clone(), ..KeyField::default() };
            key_options(&mut part, |name| named_argument(arguments, name, false));
            Some(part)
        }
        _ => None,
    }
}

fn key_options<'a>(part: &mut KeyField, argument: impl Fn(&str) -> Option<&'a Expr>) {
    let sort = argument("sort").and_then(Expr::as_word);
    part.descending = sort == Some("Desc");
    part.ascending = sort == Some("Asc");
    part.length = argument("length").and_then(|value| match &value.kind {
        ExprKind::Number(digits) => digits.parse().ok(),
        _ => None,
    });
    part.ops = argument("ops").and_then(|value| match &value.kind {
        ExprKind::Word(name) => Some(operator_classes::sql_name(name)),
        ExprKind::Call { name, arguments } if name == "raw" => {
            named_argument(arguments, "", true).and_then(Expr::as_string).map(str::to_owned)
        }
        _ => None,
    });
}

pub(super) fn default(
    file: &Arc<str>,
    attribute: &Attribute,
    ty: &FieldType,
    problems: &mut Vec<Problem>,
) -> Option<FieldDefault> {
    let Some(value) = attribute.argument("value", true) else {
        problems.push((attribute.span, "attribute \"@default\" needs a value".into()));
        return None;
    };
    let map = attribute.argument("map", false).and_then(Expr::as_string).map(str::to_owned);
    match default_value(value, ty) {
        Ok(value) => Some(FieldDefault { value, map, at: at(file, attribute.span) }),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

fn default_value(value: &Expr, ty: &FieldType) -> Result<DefaultValue, Problem> {
    Ok(match &value.kind {
        ExprKind::String(text) => DefaultValue::String(text.clone()),
        ExprKind::Number(digits) => DefaultValue::Number(digits.clone()),
        ExprKind::Word(word) => match (word.as_str(), ty) {
            ("true", FieldType::Scalar(Scalar::Boolean)) => DefaultValue::Boolean(true),
            ("false", FieldType::Scalar(Scalar::Boolean)) => DefaultValue::Boolean(false),
            (_, FieldType::Enum(_) | FieldType::Unknown(_)) => DefaultValue::EnumValue(word.clone()),
            _ => return Err((value.span, format!("\"{word}\" is no value of the field's type"))),
        },
        ExprKind::Array(elements) => DefaultValue::List(
            elements.iter().map(|element| default_value(element, ty)).collect::<Result<_, _>>()?,
        ),
        ExprKind::Call { name, arguments } => match name.as_str() {
            "now" => DefaultValue::Now,
            "autoincrement" | "sequence" => DefaultValue::Autoincrement,
            "dbgenerated" => DefaultValue::DbGenerated(
                named_argument(arguments, "value", true).and_then(Expr::as_string).map(str::to_owned),
            ),
            "cuid" | "uuid" | "ulid" | "nanoid" | "auto" => DefaultValue::Client {
                function: name.clone(),
                arguments: arguments
                    .iter()
                    .filter_map(|argument| match &argument.value.kind {
                        ExprKind::String(text) | ExprKind::Number(text) | ExprKind::Word(text) => {
                            Some(text.clone())
                        }
                        _ => None,
                    })
                    .collect(),
            },
            _ => return Err((value.span, format!("unknown function \"{name}\" in a default"))),
        },
        ExprKind::Object(_) | ExprKind::Missing => {
            return Err((value.span, "expected a value, a list or a function".into()));
        }
    })
}

pub(super) fn relation(file: &Arc<str>, attribute: &Attribute) -> Relation {
    let string = |name: &str, unnamed: bool| {
        attribute.argument(name, unnamed).and_then(Expr::as_string).map(str::to_owned)
    };
    let words = |name: &str| -> Vec<String> {
        let elements = attribute.argument(name, false).map(Expr::elements).unwrap_or_default();
        elements.iter().filter_map(Expr::as_word).map(str::to_owned).collect()
    };
    let word = |name: &str| attribute.argument(name, false).and_then(Expr::as_word).map(str::to_owned);
    Relation {
        name: string("name", true),
        fields: words("fields"),
        references: words("references"),
        on_delete: word("onDelete"),
        on_update: word("onUpdate"),
        map: string("map", false),
        at: at(file, attribute.span),
        opposite: None,
    }
}

/// `@db.VarChar(255)`, where `source` is the datasource's name.
pub(super) fn native_type(file: &Arc<str>, source: &str, attribute: &Attribute) -> Option<NativeType> {
    let name = attribute.name.text.strip_prefix(source)?.strip_prefix('.')?;
    let arguments = attribute
        .arguments
        .iter()
        .map(|argument| match &argument.value.kind {
            ExprKind::String(text) | ExprKind::Number(text) | ExprKind::Word(text) => text.clone(),
            _ => String::new(),
        })
        .collect();
    Some(NativeType { name: name.to_owned(), arguments, at: at(file, attribute.span) })
}
