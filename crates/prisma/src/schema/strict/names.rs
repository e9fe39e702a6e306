//! Names: of things, of constraints in the database, of keys in the client.

use std::collections::{HashMap, HashSet};

use pgsteward_model::prisma::{At, Model, ModelKey, PrismaSchema};

use super::super::relations::end;
use crate::calculate::names as constraint_names;
use crate::introspect::is_reserved;

/// What PostgreSQL keeps of a name, in bytes.
const LONGEST: usize = 63;

/// Names that only the validator of Prisma refuses; `db pull` writes them.
const MORE_RESERVED: [&str; 3] = ["async", "await", "using"];

/// What is wrong with the name of a model, enum, field or value.
pub(super) fn problem(name: &str, type_name: bool) -> Option<String> {
    if type_name && (is_reserved(name) || MORE_RESERVED.contains(&name)) {
        return Some(format!("\"{name}\" is a reserved name"));
    }
    if !name.starts_with(|first: char| first.is_alphabetic()) {
        return Some(format!("the name \"{name}\" does not begin with a letter"));
    }
    name.contains('-').then(|| format!("the name \"{name}\" has a \"-\""))
}

/// Names of constraints and indexes that are used twice or are too long.
///
/// Indexes, unique and primary keys share their names within a namespace; foreign keys share theirs with the keys of
/// their own table.
pub(super) fn constraints(schema: &PrismaSchema) -> Vec<(At, String)> {
    let mut seen: HashMap<Option<&str>, HashSet<String>> = HashMap::new();
    let mut found = Vec::new();
    for model in schema.models.iter().filter(|model| !model.view) {
        let everywhere = seen.entry(model.namespace.as_deref()).or_default();
        let mut own = HashSet::new();
        for (at, name, given) in keys(model) {
            if given && name.len() > LONGEST {
                found.push((at.clone(), format!("the name \"{name}\" is longer than {LONGEST} bytes")));
            }
            if !everywhere.insert(name.clone()) {
                found.push((at, format!("the constraint name \"{name}\" is used twice")));
            }
            own.insert(name);
        }
        if schema.relation_mode_prisma() {
            continue;
        }
        for (_, relation) in model.fields.iter().filter_map(end).filter(|(_, one)| !one.fields.is_empty()) {
            let usual =
                || constraint_names::foreign_key(&model.db_name, &columns(model, relation.fields.iter()));
            let name = relation.map.clone().unwrap_or_else(usual);
            if name.len() > LONGEST {
                found.push((
                    relation.at.clone(),
                    format!("the name \"{name}\" is longer than {LONGEST} bytes"),
                ));
            }
            if !own.insert(name.clone()) {
                found.push((relation.at.clone(), format!("the constraint name \"{name}\" is used twice")));
            }
        }
    }
    found
}

fn columns<'a>(model: &Model, fields: impl Iterator<Item = &'a String>) -> Vec<String> {
    fields.map(|name| model.field(name).map_or(name, |field| &field.db_name).to_owned()).collect()
}

/// The keys of a model: place, name in the database, whether it was written.
fn keys(model: &Model) -> Vec<(At, String, bool)> {
    let table = &model.db_name;
    let of = |key: &ModelKey, written: Option<&String>, usual: String| {
        (key.at.clone(), written.cloned().unwrap_or(usual), written.is_some())
    };
    let fields = |key: &ModelKey| columns(model, key.fields.iter().map(|part| &part.field));
    let primary =
        model.primary_key.iter().map(|key| of(key, key.map.as_ref(), constraint_names::primary_key(table)));
    let unique = model
        .uniques
        .iter()
        .map(|key| of(key, key.map.as_ref(), constraint_names::unique(table, &fields(key))));
    // The name of an index that is not unique is its database name.
    let plain = model.indexes.iter().map(|key| {
        of(key, key.map.as_ref().or(key.name.as_ref()), constraint_names::index(table, &fields(key)))
    });
    primary.chain(unique).chain(plain).collect()
}

/// Names of keys in the client, which stand beside the fields of the model.
pub(super) fn client(model: &Model) -> Vec<(At, String)> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for key in model.uniques.iter().chain(&model.primary_key) {
        let Some(name) = key.name.as_deref() else { continue };
        let problem = if !seen.insert(name) {
            format!("the name \"{name}\" is used twice in \"{}\"", model.name)
        } else if model.field(name).is_some() {
            format!("\"{name}\" is a field of \"{}\" already", model.name)
        } else if !name.chars().all(|one| one.is_ascii_alphanumeric() || one == '_') {
            format!("the name \"{name}\" may have letters, digits and \"_\" only")
        } else {
            continue;
        };
        found.push((key.at.clone(), problem));
    }
    found
}
