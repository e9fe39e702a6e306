//! Tests of one column: the operators of scalars, lists and Json, turned around below `not`.

use pgsteward_model::prisma::{Arity, Field, FieldType, Model, Scalar};

use super::argument::Argument;
use super::filter::Filter;
use super::{Outcome, refuse};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Test<'a> {
    pub(super) model: &'a Model,
    pub(super) field: &'a Field,
    pub(super) operator: Operator,
    pub(super) operand: Operand<'a>,
    pub(super) insensitive: bool,
    /// Paths of the arguments that make up a path into Json.
    pub(super) json_path: Option<Vec<String>>,
    /// `COUNT`, `AVG` …: a test of a group.
    pub(super) aggregate: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equals,
    NotEquals,
    In,
    NotIn,
    Contains,
    NotContains,
    StartsWith,
    NotStartsWith,
    EndsWith,
    NotEndsWith,
    Less,
    LessEquals,
    Greater,
    GreaterEquals,
    Search,
    NotSearch,
    Has,
    HasEvery,
    HasSome,
    IsEmpty(bool),
    /// Of Json: a text within, or an element of an array.
    JsonContains {
        array: bool,
    },
    JsonStarts {
        array: bool,
    },
    JsonEnds {
        array: bool,
    },
}

impl Operator {
    /// The operator below `not`; those without a counterpart stay as they are.
    fn reversed(self) -> Operator {
        use Operator::*;
        match self {
            Equals => NotEquals,
            NotEquals => Equals,
            In => NotIn,
            NotIn => In,
            Contains => NotContains,
            StartsWith => NotStartsWith,
            EndsWith => NotEndsWith,
            Less => GreaterEquals,
            LessEquals => Greater,
            Greater => LessEquals,
            GreaterEquals => Less,
            Search => NotSearch,
            other => other,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand<'a> {
    Null,
    /// A list that is written out and empty.
    EmptyList,
    Parameter {
        path: String,
        list: bool,
    },
    /// The values of a list that is written out, of a type whose values Prisma sends one by one: paths of the arguments.
    Several(Vec<String>),
    /// What another row brought, which is sent as it came: without the cast of an enum.
    Brought {
        path: String,
        list: bool,
    },
    /// `prisma.user.fields.name`
    Column(&'a Field),
}

impl<'a> Operand<'a> {
    pub(super) fn of(model: &'a Model, field: &Field, value: &Argument, path: &str) -> Operand<'a> {
        match value {
            Argument::Null => Operand::Null,
            Argument::Expression(text) => match reference(model, text) {
                Some(other) => Operand::Column(other),
                None => Operand::Parameter { path: path.to_owned(), list: field.arity == Arity::List },
            },
            _ => Operand::Parameter { path: path.to_owned(), list: field.arity == Arity::List },
        }
    }
}

/// True where each value of a written list has a parameter of its own. Lists of other types are one parameter.
fn one_by_one(field: &Field) -> bool {
    matches!(field.ty, FieldType::Scalar(Scalar::DateTime | Scalar::Decimal) | FieldType::Enum(_))
}

/// The field that an expression like `prisma.user.fields.name` refers to.
fn reference<'a>(model: &'a Model, text: &str) -> Option<&'a Field> {
    let (before, name) = text.rsplit_once('.')?;
    let field = before.ends_with(".fields").then(|| model.field(name))??;
    field.is_column().then_some(field)
}

impl<'a> Test<'a> {
    pub(super) fn new(
        model: &'a Model,
        field: &'a Field,
        operator: Operator,
        operand: Operand<'a>,
    ) -> Test<'a> {
        Test { model, field, operator, operand, insensitive: false, json_path: None, aggregate: None }
    }
}

pub(super) fn parse_scalar<'a>(
    model: &'a Model,
    field: &'a Field,
    value: &Argument,
    path: &str,
) -> Outcome<Vec<Filter<'a>>> {
    if matches!(field.ty, FieldType::Unsupported(_)) {
        return Err(refuse("a column of a type that Prisma does not support"));
    }
    if *value == Argument::Open {
        value.known("a condition")?;
    }
    let Argument::Object(entries) = value else {
        let operand = Operand::of(model, field, value, path);
        return Ok(vec![Filter::Test(Test::new(model, field, Operator::Equals, operand))]);
    };
    let mut entries = entries.clone();
    let insensitive = match take(&mut entries, "mode") {
        None => false,
        Some(Argument::Text(mode)) => mode == "insensitive",
        Some(Argument::Expression(text)) => text.ends_with(".insensitive"),
        Some(_) => return Err(refuse("mode is not written at the call")),
    };
    let mut filters = operators(model, field, entries, path, false)?;
    filters.iter_mut().for_each(|filter| set_insensitive(filter, insensitive));
    Ok(filters)
}

/// Removes an entry as Prisma does: the last one takes its place.
fn take(entries: &mut Vec<(String, Argument)>, name: &str) -> Option<Argument> {
    let at = entries.iter().position(|(key, _)| key == name)?;
    Some(entries.swap_remove(at).1)
}

fn set_insensitive(filter: &mut Filter<'_>, insensitive: bool) {
    match filter {
        Filter::Test(test) => test.insensitive = insensitive,
        Filter::And(all) | Filter::Or(all) | Filter::Not(all) => {
            all.iter_mut().for_each(|one| set_insensitive(one, insensitive));
        }
        _ => {}
    }
}

fn operators<'a>(
    model: &'a Model,
    field: &'a Field,
    mut entries: Vec<(String, Argument)>,
    path: &str,
    reverse: bool,
) -> Outcome<Vec<Filter<'a>>> {
    let json = matches!(field.ty, FieldType::Scalar(Scalar::Json)) && field.arity != Arity::List;
    let json_path = match take(&mut entries, "path") {
        None => None,
        Some(Argument::List(steps)) => Some((0..steps.len()).map(|at| format!("{path}.path.{at}")).collect()),
        Some(_) => return Err(refuse("a path into Json is not written at the call")),
    };
    let mut all = Vec::new();
    for (name, value) in &entries {
        let at = format!("{path}.{name}");
        if name == "not" {
            match value {
                // Below `not`, Json takes a value and no operators.
                Argument::Object(inner) if !json => {
                    all.extend(operators(model, field, inner.clone(), &at, !reverse)?);
                }
                value => all.extend(equality(model, field, value, &at, json_path.as_ref(), json, !reverse)),
            }
            continue;
        }
        if let Some(aggregate) = aggregate_function(name) {
            let mut inner = operators(model, field, value.known(name)?.to_vec(), &at, reverse)?;
            inner.iter_mut().for_each(|filter| set_aggregate(filter, aggregate));
            all.extend(inner);
            continue;
        }
        if name == "equals" {
            all.extend(equality(model, field, value, &at, json_path.as_ref(), json, reverse));
            continue;
        }
        let operator = operator(name, value)?;
        let operator = if reverse { operator.reversed() } else { operator };
        let operand = match (operator, value) {
            (Operator::In | Operator::NotIn, Argument::List(items)) if items.is_empty() => Operand::EmptyList,
            (Operator::In | Operator::NotIn, Argument::List(items)) if one_by_one(field) => {
                Operand::Several((0..items.len()).map(|item| format!("{at}.{item}")).collect())
            }
            (Operator::In, Argument::Null) => Operand::Null,
            (Operator::In | Operator::NotIn | Operator::HasEvery | Operator::HasSome, value) => {
                match Operand::of(model, field, value, &at) {
                    Operand::Parameter { path, .. } => Operand::Parameter { path, list: true },
                    other => other,
                }
            }
            (_, value) => match Operand::of(model, field, value, &at) {
                Operand::Parameter { path, .. } => Operand::Parameter { path, list: false },
                other => other,
            },
        };
        let mut test = Test::new(model, field, operator, operand);
        if json {
            test.json_path = json_path.clone();
        }
        all.push(Filter::Test(test));
    }
    Ok(all)
}

fn operator(name: &str, value: &Argument) -> Outcome<Operator> {
    Ok(match name {
        "in" => Operator::In,
        "notIn" => Operator::NotIn,
        "contains" => Operator::Contains,
        "startsWith" => Operator::StartsWith,
        "endsWith" => Operator::EndsWith,
        "lt" => Operator::Less,
        "lte" => Operator::LessEquals,
        "gt" => Operator::Greater,
        "gte" => Operator::GreaterEquals,
        "search" => Operator::Search,
        "has" => Operator::Has,
        "hasEvery" => Operator::HasEvery,
        "hasSome" => Operator::HasSome,
        "isEmpty" => match value {
            Argument::Bool(value) => Operator::IsEmpty(*value),
            _ => return Err(refuse("isEmpty is not written at the call")),
        },
        "string_contains" => Operator::JsonContains { array: false },
        "array_contains" => Operator::JsonContains { array: true },
        "string_starts_with" => Operator::JsonStarts { array: false },
        "array_starts_with" => Operator::JsonStarts { array: true },
        "string_ends_with" => Operator::JsonEnds { array: false },
        "array_ends_with" => Operator::JsonEnds { array: true },
        _ => return Err(refuse("an operator that is not known")),
    })
}

fn equality<'a>(
    model: &'a Model,
    field: &'a Field,
    value: &Argument,
    path: &str,
    json_path: Option<&Vec<String>>,
    json: bool,
    reverse: bool,
) -> Vec<Filter<'a>> {
    let operator = if reverse { Operator::NotEquals } else { Operator::Equals };
    let test = |operand| {
        let mut test = Test::new(model, field, operator, operand);
        test.json_path = json_path.filter(|_| json).cloned();
        Filter::Test(test)
    };
    let parameter = || Operand::Parameter { path: path.to_owned(), list: field.arity == Arity::List };
    match json.then(|| null_of(value)).flatten() {
        Some(JsonNull::Db) => vec![test(Operand::Null)],
        Some(JsonNull::Json) => vec![test(parameter())],
        Some(JsonNull::Any) => {
            let both = vec![test(parameter()), test(Operand::Null)];
            vec![if reverse { Filter::And(both) } else { Filter::Or(both) }]
        }
        None => vec![test(Operand::of(model, field, value, path))],
    }
}

/// The nulls that Prisma tells apart for Json.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsonNull {
    Db,
    Json,
    Any,
}

pub(super) fn null_of(value: &Argument) -> Option<JsonNull> {
    let Argument::Expression(text) = value else { return None };
    match text.rsplit('.').next()? {
        "DbNull" => Some(JsonNull::Db),
        "JsonNull" => Some(JsonNull::Json),
        "AnyNull" => Some(JsonNull::Any),
        _ => None,
    }
}

fn aggregate_function(name: &str) -> Option<&'static str> {
    Some(match name {
        "_count" => "COUNT",
        "_avg" => "AVG",
        "_sum" => "SUM",
        "_min" => "MIN",
        "_max" => "MAX",
        _ => return None,
    })
}

fn set_aggregate(filter: &mut Filter<'_>, function: &'static str) {
    match filter {
        Filter::Test(test) => test.aggregate = Some(function),
        Filter::And(all) | Filter::Or(all) | Filter::Not(all) => {
            all.iter_mut().for_each(|one| set_aggregate(one, function));
        }
        _ => {}
    }
}
