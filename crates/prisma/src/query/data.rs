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
                    let operations = value.known("a relation in data")?.to_vec();
                    data.nested.push(Nested { relation, operations, path });
                }
                FieldType::Scalar(_) | FieldType::Enum(_) => {
                    let (by, path) = assign(field, value, path)?;
                    data.columns.push(Assigned { field, by, path });
                }
                _ => return Err(refuse("a column of a type that Prisma does not support")),
            }
        }
        Ok(data)
    }
}

fn assign(field: &Field, value: &Argument, path: String) -> Outcome<(Assign, String)> {
    let json = matches!(field.ty, FieldType::Scalar(Scalar::Json)) && field.arity != Arity::List;
    let entries = match value {
        Argument::Open if !json => value.known("an operation in data")?,
        Argument::Object(entries) if !json => entries,
        _ => return Ok((Assign::Set, path)),
    };
    let Some((name, _)) = entries.first() else { return Err(refuse("an operation in data is empty")) };
    let by = match name.as_str() {
        "set" => Assign::Set,
        "increment" => Assign::Add,
        "decrement" => Assign::Subtract,
        "multiply" => Assign::Multiply,
        "divide" => Assign::Divide,
        "push" => Assign::Push,
        _ => return Err(refuse("an operation in data that is not known")),
    };
    Ok((by, format!("{path}.{name}")))
}

/// True where the client sends a value though none was given: defaults that it knows, `@updatedAt`.
pub(super) fn defaulted(field: &Field) -> bool {
    let known = |default: &DefaultValue| {
        !matches!(default, DefaultValue::Autoincrement | DefaultValue::DbGenerated(_))
    };
    field.updated_at || field.default.as_ref().is_some_and(|default| known(&default.value))
}
