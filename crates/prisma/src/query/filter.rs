//! `where` as a tree of tests: which fields, which operators, which relations. Writes no SQL.
//!
//! Empty filters fall away below the first level, and an `AND` within an `AND` (an `OR` within an `OR`) is laid out, as
//! Prisma's query compiler does it (query-compiler/core, `extractors/filters`).

use pgsteward_model::prisma::{Field, FieldType, Model};

use super::argument::Argument;
use super::scalar::{Operand, Operator, Test, parse_scalar};
use super::world::{Relation, World, compound_key};
use super::{Outcome, refuse};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter<'a> {
    /// Nothing was asked.
    Empty,
    And(Vec<Filter<'a>>),
    Or(Vec<Filter<'a>>),
    Not(Vec<Filter<'a>>),
    Test(Test<'a>),
    /// `author: null`
    NoneThere(Relation<'a>),
    Related(Relation<'a>, Quantifier, Box<Filter<'a>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    Some,
    Every,
    None,
    /// `is`, and the short form without it.
    One,
}

/// The filter of `where`, for any number of rows.
pub(super) fn parse<'a>(
    world: &World<'a>,
    model: &'a Model,
    argument: &Argument,
    path: &str,
) -> Outcome<Filter<'a>> {
    Ok(flattened(level(world, model, argument, path, 0)?))
}

/// The filter of a `where` that names a unique key: the key first, then everything else.
pub(super) fn parse_unique<'a>(
    world: &World<'a>,
    model: &'a Model,
    argument: &Argument,
    path: &str,
) -> Outcome<Filter<'a>> {
    let entries = argument.known("where")?;
    let unique = |name: &str| match model.field(name) {
        Some(field) => field.is_unique || field.is_id,
        None => compound_key(model, name).is_some(),
    };
    let (keys, rest): (Vec<_>, Vec<_>) = entries.iter().cloned().partition(|(name, _)| unique(name));
    let mut tests = Vec::new();
    for (name, value) in &keys {
        let path = format!("{path}.{name}");
        match model.field(name) {
            Some(field) => tests.push(equals(model, field, value, &path)),
            None => {
                let fields = compound_key(model, name).unwrap_or_default();
                let known = value.known(name)?;
                let mut parts = Vec::new();
                for field in fields {
                    let value = known.iter().find(|(key, _)| *key == field.name).map(|(_, value)| value);
                    let value = value.ok_or_else(|| refuse("a compound key is not given whole"))?;
                    parts.push(equals(model, field, value, &format!("{path}.{}", field.name)));
                }
                tests.push(Filter::And(parts));
            }
        }
    }
    let rest = parse(world, model, &Argument::Object(rest), path)?;
    Ok(Filter::And(vec![Filter::And(tests), rest]))
}

pub(super) fn equals<'a>(model: &'a Model, field: &'a Field, value: &Argument, path: &str) -> Filter<'a> {
    Filter::Test(Test::new(model, field, Operator::Equals, Operand::of(model, field, value, path)))
}

fn level<'a>(
    world: &World<'a>,
    model: &'a Model,
    argument: &Argument,
    path: &str,
    depth: usize,
) -> Outcome<Filter<'a>> {
    let mut all = Vec::new();
    for (key, value) in argument.known("where")? {
        let path = format!("{path}.{key}");
        let filter = match key.as_str() {
            "AND" | "OR" | "NOT" => group(world, model, key, value, &path, depth)?,
            name => {
                let field = model.field(name).ok_or_else(|| refuse("a field that the model lacks"))?;
                let found = if field.is_column() {
                    parse_scalar(model, field, value, &path)?
                } else {
                    related(world, model, field, value, &path)?
                };
                one_or_and(found)
            }
        };
        if filter != Filter::Empty {
            all.push(filter);
        }
    }
    Ok(one_or_and(all))
}

fn one_or_and(filters: Vec<Filter<'_>>) -> Filter<'_> {
    let mut filters: Vec<Filter<'_>> =
        filters.into_iter().filter(|filter| *filter != Filter::Empty).collect();
    match filters.len() {
        0 => Filter::Empty,
        1 => filters.swap_remove(0),
        _ => Filter::And(filters),
    }
}

fn group<'a>(
    world: &World<'a>,
    model: &'a Model,
    key: &str,
    value: &Argument,
    path: &str,
    depth: usize,
) -> Outcome<Filter<'a>> {
    if matches!(value, Argument::Expression(_)) {
        return Err(refuse(format!("{key} is not written at the call")));
    }
    let mut filters = Vec::new();
    for item in value.items() {
        let filter = level(world, model, item, path, depth + 1)?;
        if filter != Filter::Empty {
            filters.push(filter);
        }
    }
    Ok(match (key, filters.len()) {
        (_, 0) if depth > 0 => Filter::Empty,
        ("NOT", _) => Filter::Not(filters),
        (_, 1) => filters.swap_remove(0),
        ("OR", _) => Filter::Or(filters),
        _ => Filter::And(filters),
    })
}

fn related<'a>(
    world: &World<'a>,
    model: &'a Model,
    field: &'a Field,
    value: &Argument,
    path: &str,
) -> Outcome<Vec<Filter<'a>>> {
    let FieldType::Model(_) = &field.ty else { return Err(refuse("a composite type in where")) };
    let relation = world.relation(model, field)?;
    let entries = match value {
        Argument::Null => return Ok(vec![Filter::NoneThere(relation)]),
        other => other.known("a relation in where")?,
    };
    let enveloped = |name: &str| matches!(name, "some" | "every" | "none" | "is" | "isNot");
    // `author: {}` asks nothing, not even that there is one; `is: {}` does.
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    if !entries.iter().all(|(key, _)| enveloped(key)) {
        let nested = parse(world, relation.related, value, path)?;
        return Ok(vec![Filter::Related(relation, Quantifier::One, Box::new(nested))]);
    }
    let mut all = Vec::new();
    for (key, value) in entries {
        let path = format!("{path}.{key}");
        let relation = relation.clone();
        let filter = match (key.as_str(), value) {
            ("is", Argument::Null) => Filter::NoneThere(relation),
            ("isNot", Argument::Null) => Filter::Not(vec![Filter::NoneThere(relation)]),
            (name, value) => {
                let quantifier = match name {
                    "some" => Quantifier::Some,
                    "every" => Quantifier::Every,
                    "none" | "isNot" => Quantifier::None,
                    _ => Quantifier::One,
                };
                let nested = parse(world, relation.related, value, &path)?;
                Filter::Related(relation, quantifier, Box::new(nested))
            }
        };
        all.push(filter);
    }
    Ok(all)
}

/// Lays out an `AND` within an `AND` and an `OR` within an `OR`.
fn flattened(filter: Filter<'_>) -> Filter<'_> {
    match filter {
        Filter::And(all) => {
            let mut flat = Vec::new();
            for one in all.into_iter().map(flattened) {
                match one {
                    Filter::And(inner) => flat.extend(inner),
                    other => flat.push(other),
                }
            }
            Filter::And(flat)
        }
        Filter::Or(all) => {
            let mut flat = Vec::new();
            for one in all.into_iter().map(flattened) {
                match one {
                    Filter::Or(inner) => flat.extend(inner),
                    other => flat.push(other),
                }
            }
            Filter::Or(flat)
        }
        Filter::Not(all) => Filter::Not(all.into_iter().map(flattened).collect()),
        other => other,
    }
}
