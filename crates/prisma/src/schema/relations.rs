//! Relations between models: the opposite of each relation field, the name that Prisma gives a relation,
//! and the implicit many-to-many relations, which have a table of their own.

use std::collections::HashMap;

use pgsteward_model::prisma::{Arity, Field, FieldType, Model, PrismaSchema, Relation};

/// Fills in [`Relation`] for relation fields without the attribute, and every opposite.
pub(super) fn resolve(schema: &mut PrismaSchema) {
    let positions: HashMap<String, usize> =
        schema.models.iter().enumerate().rev().map(|(at, model)| (model.name.clone(), at)).collect();
    for model in &mut schema.models {
        for field in &mut model.fields {
            if matches!(field.ty, FieldType::Model(_)) && field.relation.is_none() {
                field.relation = Some(Relation { at: field.at.clone(), ..Relation::default() });
            }
        }
    }
    // By model, target and explicit name, so that a schema of many relations is still read in one pass.
    let mut ends: HashMap<(usize, usize, Option<&str>), Vec<usize>> = HashMap::new();
    let mut fields = Vec::new();
    for (from, model) in schema.models.iter().enumerate() {
        for (at, field) in model.fields.iter().enumerate() {
            if let Some((target, relation)) = end(field)
                && let Some(to) = positions.get(target)
            {
                let name = relation.name.as_deref();
                ends.entry((from, *to, name)).or_default().push(at);
                fields.push((from, *to, name, at));
            }
        }
    }
    let mut opposites = Vec::new();
    for (from, to, name, field) in fields {
        let Some(others) = ends.get(&(to, from, name)) else { continue };
        let mut others = others.iter().filter(|other| from != to || **other != field);
        if let (Some(other), None) = (others.next(), others.next()) {
            opposites.push((from, field, to, *other));
        }
    }
    for (from, field, to, other) in opposites {
        let opposite = (schema.models[to].name.clone(), schema.models[to].fields[other].name.clone());
        if let Some(relation) = &mut schema.models[from].fields[field].relation {
            relation.opposite = Some(opposite);
        }
    }
}

/// The target model's name and the relation of a relation field.
pub(crate) fn end(field: &Field) -> Option<(&str, &Relation)> {
    match (&field.ty, &field.relation) {
        (FieldType::Model(target), Some(relation)) => Some((target, relation)),
        _ => None,
    }
}

/// The name of a field's relation: the one written, else both model names in byte order with `To` between.
/// None for fields that are no relations.
pub fn relation_name(model: &Model, field: &Field) -> Option<String> {
    let (target, relation) = end(field)?;
    Some(match &relation.name {
        Some(name) => name.clone(),
        None if model.name.as_str() <= target => format!("{}To{target}", model.name),
        None => format!("{target}To{}", model.name),
    })
}

/// An implicit many-to-many relation: both ends are lists and no model stands between.
#[derive(Clone, Debug, PartialEq)]
pub struct ManyToMany<'a> {
    /// Name of the relation; the table's name is this with `_` before it.
    pub name: String,
    /// The model that column `A` points at: the first in byte order.
    pub a: &'a Model,
    /// The field of `a`.
    pub a_field: &'a Field,
    /// The model that column `B` points at.
    pub b: &'a Model,
    pub b_field: &'a Field,
}

/// All implicit many-to-many relations, in the order of their `a` fields in the text.
pub fn many_to_many(schema: &PrismaSchema) -> Vec<ManyToMany<'_>> {
    let models: HashMap<&str, &Model> =
        schema.models.iter().rev().map(|model| (model.name.as_str(), model)).collect();
    let mut found = Vec::new();
    for model in &schema.models {
        for field in model.fields.iter().filter(|field| field.arity == Arity::List) {
            let Some((other_model, other_field)) =
                end(field).and_then(|(_, relation)| relation.opposite.as_ref())
            else {
                continue;
            };
            let Some(other) = models.get(other_model.as_str()) else { continue };
            let Some(other_field) =
                other.field(other_field).filter(|other_field| other_field.arity == Arity::List)
            else {
                continue;
            };
            // Each relation is met twice, once from either end; the end that is `A` counts.
            if (&model.name, &field.name) < (&other.name, &other_field.name) {
                let name = relation_name(model, field).unwrap_or_default();
                found.push(ManyToMany { name, a: model, a_field: field, b: other, b_field: other_field });
            }
        }
    }
    found
}
