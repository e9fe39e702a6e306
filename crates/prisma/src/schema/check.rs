//! What Prisma would refuse: names that no field has, relations without their other end, keys that are
//! missing. Only what is certain is said: a schema that Prisma accepts gets no error.

use std::collections::HashSet;

use pgsteward_model::prisma::{
    Arity, At, DefaultValue, Field, FieldType, Model, ModelKey, PrismaSchema, Relation, SchemaError,
};

use super::relations::end;

pub(super) fn check(schema: &mut PrismaSchema) {
    let mut errors = Vec::new();
    for model in &schema.models {
        let fields: HashSet<&str> = model.fields.iter().map(|field| field.name.as_str()).collect();
        keys(model, &fields, &mut errors);
        columns(model, &mut errors);
        for field in &model.fields {
            default(schema, field, &mut errors);
            if let Some((target, relation)) = end(field) {
                // Prisma leaves ignored models and fields unchecked.
                if let Some(target) = schema.model(target)
                    && !(model.ignored || field.ignored || target.ignored)
                {
                    relation_end(model, &fields, field, relation, target, &mut errors);
                }
            }
        }
    }
    tables(schema, &mut errors);
    schema.errors.extend(errors);
}

fn error(errors: &mut Vec<SchemaError>, at: &At, message: String) {
    errors.push(SchemaError { at: at.clone(), message });
}

fn keys(model: &Model, fields: &HashSet<&str>, errors: &mut Vec<SchemaError>) {
    let all = model.primary_key.iter().chain(&model.uniques).chain(&model.indexes);
    for key in all {
        for part in &key.fields {
            // A path leads into a composite; its first part is a field of this model.
            let first = part.field.split('.').next().unwrap_or(&part.field);
            if !fields.contains(first) {
                error(errors, &key.at, format!("model \"{}\" has no field \"{first}\"", model.name));
            } else if model.field(first).is_some_and(|field| end(field).is_some()) {
                let message = format!("\"{first}\" is a relation; name its scalar fields in the key");
                error(errors, &key.at, message);
            }
        }
    }
    if !model.view && !model.ignored && !identifies(model) {
        let message =
            format!("model \"{}\" needs a primary key or a unique key over required fields", model.name);
        error(errors, &model.name_at, message);
    }
}

/// True where a row can be told from the others.
fn identifies(model: &Model) -> bool {
    let required = |key: &ModelKey| {
        key.fields.iter().all(|part| {
            part.field.contains('.')
                || model.field(&part.field).is_none_or(|field| field.arity == Arity::Required)
        })
    };
    model.primary_key.is_some() || model.uniques.iter().any(required)
}

fn columns(model: &Model, errors: &mut Vec<SchemaError>) {
    let mut seen = HashSet::new();
    for field in model.fields.iter().filter(|field| field.is_column()) {
        if !seen.insert(field.db_name.as_str()) {
            let message =
                format!("column \"{}\" is mapped by two fields of \"{}\"", field.db_name, model.name);
            error(errors, &field.name_at, message);
        }
    }
}

fn default(schema: &PrismaSchema, field: &Field, errors: &mut Vec<SchemaError>) {
    let (Some(default), FieldType::Enum(name)) = (&field.default, &field.ty) else { return };
    let Some(definition) = schema.enums.iter().find(|definition| definition.name == *name) else { return };
    let mut named = Vec::new();
    match &default.value {
        DefaultValue::EnumValue(value) => named.push(value),
        DefaultValue::List(values) => named.extend(values.iter().filter_map(|value| match value {
            DefaultValue::EnumValue(value) => Some(value),
            _ => None,
        })),
        _ => {}
    }
    for value in named {
        if !definition.values.iter().any(|known| known.name == *value) {
            error(errors, &default.at, format!("enum \"{name}\" has no value \"{value}\""));
        }
    }
}

fn relation_end(
    model: &Model,
    fields: &HashSet<&str>,
    field: &Field,
    relation: &Relation,
    target: &Model,
    errors: &mut Vec<SchemaError>,
) {
    let at = &relation.at;
    let who = format!("relation field \"{}\" of \"{}\"", field.name, model.name);
    for name in relation.fields.iter().filter(|name| !fields.contains(name.as_str())) {
        error(errors, at, format!("model \"{}\" has no field \"{name}\"", model.name));
    }
    for name in relation.references.iter().filter(|name| target.field(name).is_none()) {
        error(errors, at, format!("model \"{}\" has no field \"{name}\"", target.name));
    }
    if relation.fields.is_empty() != relation.references.is_empty() {
        error(errors, at, format!("{who} needs both \"fields\" and \"references\", or neither"));
        return;
    }
    if relation.fields.len() != relation.references.len() {
        error(errors, at, format!("{who} names a different number of fields and references"));
    }
    for action in relation.on_delete.iter().chain(&relation.on_update) {
        if !matches!(action.as_str(), "Cascade" | "Restrict" | "NoAction" | "SetNull" | "SetDefault") {
            error(errors, at, format!("unknown referential action \"{action}\""));
        }
    }
    if field.arity == Arity::List && !relation.fields.is_empty() {
        error(errors, at, format!("{who} is a list and cannot hold the foreign key"));
    }
    let Some((_, opposite)) = &relation.opposite else {
        let message = match others(model, field, relation, target) {
            0 => format!("{who} has no opposite field on \"{}\"", target.name),
            _ => format!("{who} has more than one opposite on \"{}\"; give the relation a name", target.name),
        };
        error(errors, at, message);
        return;
    };
    let Some((opposite, other)) =
        target.field(opposite).and_then(|field| Some((field, field.relation.as_ref()?)))
    else {
        return;
    };
    let keyless = relation.fields.is_empty() && other.fields.is_empty();
    let both_lists = field.arity == Arity::List && opposite.arity == Arity::List;
    if keyless && !both_lists && field.arity != Arity::List {
        error(errors, at, format!("{who} needs \"fields\" and \"references\", here or on the other side"));
    }
    if !relation.fields.is_empty() && !other.fields.is_empty() {
        error(errors, at, format!("{who} and its opposite both name fields; one side holds the key"));
    }
    let one_to_one = field.arity != Arity::List && opposite.arity != Arity::List;
    if one_to_one && !relation.fields.is_empty() && !is_unique(model, &relation.fields) {
        error(errors, at, format!("{who} is one-to-one, so its fields need a unique key"));
    }
}

/// How many fields of the target could be the other end.
fn others(model: &Model, field: &Field, relation: &Relation, target: &Model) -> usize {
    let candidates = target.fields.iter().filter(|candidate| {
        let same = target.name == model.name && candidate.name == field.name;
        !same && end(candidate).is_some_and(|(back, other)| back == model.name && other.name == relation.name)
    });
    candidates.count()
}

fn is_unique(model: &Model, fields: &[String]) -> bool {
    let keys = model.primary_key.iter().chain(&model.uniques);
    keys.into_iter().any(|key| {
        key.fields.len() == fields.len() && key.fields.iter().all(|part| fields.contains(&part.field))
    })
}

fn tables(schema: &PrismaSchema, errors: &mut Vec<SchemaError>) {
    let mut seen = HashSet::new();
    for model in &schema.models {
        // A model that is defined twice was reported already.
        if !seen.insert((&model.namespace, &model.db_name))
            && schema.models.iter().filter(|other| other.name == model.name).count() == 1
        {
            let message = format!("table \"{}\" is mapped by two models", model.db_name);
            error(errors, &model.name_at, message);
        }
    }
}
