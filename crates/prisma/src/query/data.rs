//! `data`, `create` and `update`: which columns are written and how, and the writes nested in relations.

use pgsteward_model::prisma::{Arity, DefaultValue, Field, FieldType, Model, Scalar};

use super::argument::Argument;
use super::world::{Relation, World};
use super::{Outcome, refuse};

#[derive(Clone, Debug, Default)]
pub(super) struct Data<'a> {
    /// In the order of the text.
    pub(super) columns: Vec<Assigned<'a>>,
    pub(super) nested: Vec<Nested<'a>>,
}

#[derive(Clone, Debug)]
pub(super) struct Assigned<'a> {
    pub(super) field: &'a Field,
    pub(super) by: Assign,
    pub(super) path: String,
    /// Sent as it comes, without the cast of an enum: a written null, or what another row brought.
    pub(super) plain: bool,
}

impl<'a> Assigned<'a> {
    pub(super) fn set(field: &'a Field, path: String) -> Assigned<'a> {
        Assigned { field, by: Assign::Set, path, plain: false }
    }

    pub(super) fn brought((field, path): &(&'a Field, String)) -> Assigned<'a> {
        Assigned { plain: true, ..Assigned::set(field, path.clone()) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assign {
    Set,
    Add,
    Subtract,
    Multiply,
    Divide,
    /// Elements at the end of a list.
    Push,
}

/// The operations on one relation, in the order of the text.
#[derive(Clone, Debug)]
pub(super) struct Nested<'a> {
    pub(super) relation: Relation<'a>,
    pub(super) operations: Vec<(String, Argument)>,
    pub(super) path: String,
}

impl<'a> Data<'a> {
    pub(super) fn parse(
        world: &World<'a>,
        model: &'a Model,
        argument: &Argument,
        path: &str,
    ) -> Outcome<Data<'a>> {
        let mut data = Data::default();
        for (name, value) in argument.known("data")? {
            let path = format!("{path}.{name}");
            let field = model.field(name).ok_or_else(|| refuse("a field that the model lacks"))?;
            match &field.ty {
                FieldType::Model(_) => {
                    if *value == Argument::Null {
                        continue;
                    }
                    let relation = world.relation(model, field)?;
                    let operations = that_do_something(value.known("a relation in data")?);
                    data.nested.push(Nested { relation, operations, path });
                }
                FieldType::Scalar(_) | FieldType::Enum(_) => {
                    data.columns.push(assign(field, value, path)?);
                }
                _ => return Err(refuse("a column of a type that Prisma does not support")),
            }
        }
        Ok(data)
    }
}

fn assign<'a>(field: &'a Field, value: &Argument, path: String) -> Outcome<Assigned<'a>> {
    let json = matches!(field.ty, FieldType::Scalar(Scalar::Json)) && field.arity != Arity::List;
    let entries = match value {
        Argument::Open if !json => value.known("an operation in data")?,
        Argument::Object(entries) if !json => entries,
        _ => return Ok(Assigned { plain: *value == Argument::Null, ..Assigned::set(field, path) }),
    };
    let Some((name, value)) = entries.first() else { return Err(refuse("an operation in data is empty")) };
    let by = match name.as_str() {
        "set" => Assign::Set,
        "increment" => Assign::Add,
        "decrement" => Assign::Subtract,
        "multiply" => Assign::Multiply,
        "divide" => Assign::Divide,
        "push" => Assign::Push,
        _ => return Err(refuse("an operation in data that is not known")),
    };
    Ok(Assigned { field, by, path: format!("{path}.{name}"), plain: *value == Argument::Null })
}

/// The operations on one relation without the updates that set nothing, which Prisma leaves out.
fn that_do_something(entries: &[(String, Argument)]) -> Vec<(String, Argument)> {
    let sets_nothing = |update: &Argument| {
        let data = update.get("data").unwrap_or(update);
        data.object().is_some_and(<[_]>::is_empty)
    };
    let kept = entries.iter().filter_map(|(name, value)| match (name.as_str(), value) {
        ("update", Argument::List(items)) => {
            let items = items.iter().filter(|item| !sets_nothing(item)).cloned().collect();
            Some((name.clone(), Argument::List(items)))
        }
        ("update", one) if sets_nothing(one) => None,
        _ => Some((name.clone(), value.clone())),
    });
    kept.collect()
}

/// True where the client sends a value though none was given: defaults that it knows, `@updatedAt`.
pub(super) fn defaulted(field: &Field) -> bool {
    let known = |default: &DefaultValue| {
        !matches!(default, DefaultValue::Autoincrement | DefaultValue::DbGenerated(_))
    };
    field.updated_at || field.default.as_ref().is_some_and(|default| known(&default.value))
}
