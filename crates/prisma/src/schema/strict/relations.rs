//! Relations beyond what every reader of a schema needs: actions on the wrong side, keys that cannot be joined, ends that
//! must be ignored.

use std::collections::HashSet;

use pgsteward_model::prisma::{Arity, Field, FieldType, Model, PrismaSchema, Relation};

use super::super::relations::{end, many_to_many};

/// What is wrong with a relation field, each as a sentence.
pub(super) fn problems(schema: &PrismaSchema, model: &Model, field: &Field) -> Vec<String> {
    let Some((target, relation)) = end(field) else { return Vec::new() };
    let Some(target) = schema.model(target) else { return Vec::new() };
    let mut problems = Vec::new();
    if field.default.is_some() {
        problems.push("a relation has no default".to_owned());
    }
    if field.db_name != field.name {
        problems.push("a relation has no column, so nothing to map".to_owned());
    }
    if target.ignored && !model.ignored && !field.ignored {
        problems.push(format!("\"{}\" is ignored, so the field must be too", target.name));
    }
    if model.ignored || target.ignored || field.ignored {
        return problems;
    }
    problems.extend(itself(schema, model, field, relation));
    if relation.fields.is_empty() {
        problems.extend(other_side(target, field, relation));
    } else {
        problems.extend(key_side(schema, model, field, relation, target));
    }
    problems
}

fn itself(schema: &PrismaSchema, model: &Model, field: &Field, relation: &Relation) -> Option<String> {
    if end(field).is_none_or(|(target, _)| target != model.name) {
        return None;
    }
    if schema.relation_mode_prisma() && !relation.fields.is_empty() {
        // Without foreign keys the client acts itself, and would go in circles.
        let required = field.arity == Arity::Required;
        let on_delete =
            relation.on_delete.as_deref().unwrap_or(if required { "Restrict" } else { "SetNull" });
        let on_update = relation.on_update.as_deref().unwrap_or("Cascade");
        if on_delete != "Restrict" || on_update != "Restrict" {
            return Some(format!(
                "with relationMode \"prisma\" a relation of \"{}\" with itself needs onDelete and onUpdate: Restrict",
                model.name
            ));
        }
    }
    let others = model.fields.iter().filter_map(|other| Some((other, end(other)?)));
    let mut twins = others.filter(|(_, (name, one))| *name == model.name && one.name.is_none());
    let twin = relation.name.is_none() && twins.any(|(other, _)| !std::ptr::eq(other, field));
    twin.then(|| format!("the relation of \"{}\" with itself needs a name", model.name))
}

fn other_side(target: &Model, field: &Field, relation: &Relation) -> Option<String> {
    if relation.on_delete.is_some() || relation.on_update.is_some() {
        return Some("onDelete and onUpdate stand on the side that has the key".to_owned());
    }
    (field.arity == Arity::Required).then(|| {
        format!(
            "nothing makes sure that there is a \"{}\", so \"{}\" must be optional",
            target.name, field.name
        )
    })
}

fn key_side(
    schema: &PrismaSchema,
    model: &Model,
    field: &Field,
    relation: &Relation,
    target: &Model,
) -> Vec<String> {
    let mut problems = Vec::new();
    let own: Vec<&Field> = relation.fields.iter().filter_map(|name| model.field(name)).collect();
    let theirs: Vec<&Field> = relation.references.iter().filter_map(|name| target.field(name)).collect();
    for (one, other) in own.iter().zip(&theirs) {
        if one.ty != other.ty {
            problems.push(format!(
                "\"{}\" of \"{}\" and \"{}\" of \"{}\" have different types",
                one.name, model.name, other.name, target.name
            ));
        }
    }
    if field.arity == Arity::Required && own.iter().any(|one| one.arity == Arity::Optional) {
        problems.push(format!("a field of the key is optional, so \"{}\" must be too", field.name));
    }
    let wanted: HashSet<&str> = relation.references.iter().map(String::as_str).collect();
    if wanted.len() < relation.references.len() {
        problems.push("the references name a field twice".to_owned());
    }
    let mut keys = target.primary_key.iter().chain(&target.uniques);
    let unique = keys.any(|key| {
        let fields: HashSet<&str> = key.fields.iter().map(|part| part.field.as_str()).collect();
        fields == wanted
    });
    if !unique && !target.view {
        problems.push(format!("the references are no unique key of \"{}\"", target.name));
    }
    if schema.relation_mode_prisma() {
        let actions = [&relation.on_delete, &relation.on_update].into_iter().flatten();
        for action in actions.filter(|action| matches!(action.as_str(), "NoAction" | "SetDefault")) {
            problems.push(format!("{action} does not exist with relationMode \"prisma\""));
        }
    }
    problems
}

/// Models on either side of a many-to-many relation that have no id of one field, with the field that needs it.
pub(super) fn many_to_many_without_id(schema: &PrismaSchema) -> Vec<(&Field, &Model)> {
    let mut found = Vec::new();
    for pair in many_to_many(schema) {
        for (field, target) in [(pair.a_field, pair.b), (pair.b_field, pair.a)] {
            let id = target.primary_key.as_ref().filter(|key| key.fields.len() == 1);
            let scalar = |field: &Field| matches!(field.ty, FieldType::Scalar(_) | FieldType::Enum(_));
            let usable = id.and_then(|key| target.field(&key.fields[0].field)).is_some_and(scalar);
            if !usable && !target.view {
                found.push((field, target));
            }
        }
    }
    found
}
