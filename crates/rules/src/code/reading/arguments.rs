//! What the arguments of a call say: conditions that hold together, keys of an order, relations that are loaded.

use pgsteward_model::code::{Call, Node, Object, Property, Value};
use pgsteward_model::facts::Facts;
use pgsteward_model::prisma::{Arity, Field, FieldType, Model};

use super::scale;

/// The conditions of a `where` that hold together, those below `AND` among them. What stands below `OR` and `NOT` is
/// left out, and so are conditions of a list that may be empty when the program runs.
pub(in crate::code) fn conjuncts(object: &Object) -> Vec<&Property> {
    let mut all = Vec::new();
    for property in &object.properties {
        match property.name.as_str() {
            "AND" => {
                let parts = match &property.value.value {
                    Value::List(nodes) => {
                        Value::elements(nodes).filter(|(_, there)| *there).map(|(node, _)| node).collect()
                    }
                    _ => vec![&property.value],
                };
                all.extend(parts.into_iter().filter_map(Node::object).flat_map(conjuncts));
            }
            "OR" | "NOT" => {}
            _ => all.push(property),
        }
    }
    all
}

/// One key of an `orderBy`.
pub(in crate::code) struct OrderKey<'a> {
    pub(in crate::code) field: &'a str,
    /// `'asc'`, `{ sort: 'asc', nulls: 'last' }`, an order of the relation.
    pub(in crate::code) value: &'a Node,
}

/// The keys of an `orderBy`, in order. None where they are not all written out.
pub(in crate::code) fn order_keys(order: &Node) -> Option<Vec<OrderKey<'_>>> {
    match &order.value {
        Value::Undefined => Some(Vec::new()),
        Value::Object(object) if !object.open => {
            let key = |property: &'_ Property| !property.conditional;
            object.properties.iter().all(key).then(|| {
                object
                    .properties
                    .iter()
                    .map(|property| OrderKey { field: &property.name, value: &property.value })
                    .collect()
            })
        }
        Value::List(nodes) => {
            let keys: Option<Vec<_>> = nodes.iter().map(order_keys).collect();
            keys.map(|keys| keys.into_iter().flatten().collect())
        }
        _ => None,
    }
}

/// Whether the keys put rows into one order only: a required unique field among them, or all fields of a unique key.
pub(in crate::code) fn is_total(model: &Model, keys: &[OrderKey<'_>]) -> bool {
    let has = |name: &str| {
        let required = model.field(name).is_some_and(|field| field.arity == Arity::Required);
        required && keys.iter().any(|key| key.field == name)
    };
    let single = |field: &Field| (field.is_id || field.is_unique) && has(&field.name);
    model.fields.iter().any(single)
        || model
            .primary_key
            .iter()
            .chain(&model.uniques)
            .any(|key| !key.fields.is_empty() && key.fields.iter().all(|field| has(&field.field)))
}

/// The same for rows that a filter with these conditions leaves.
pub(in crate::code) fn is_total_within(model: &Model, keys: &[OrderKey<'_>], filter: Option<&Node>) -> bool {
    let equal = fixed_fields(filter);
    let fixed = |name: &str| equal.contains(&name);
    let has = |name: &str| {
        let required = model.field(name).is_some_and(|field| field.arity == Arity::Required);
        fixed(name) || required && keys.iter().any(|key| key.field == name)
    };
    model
        .primary_key
        .iter()
        .chain(&model.uniques)
        .any(|key| !key.fields.is_empty() && key.fields.iter().all(|field| has(&field.field)))
}

/// Fields that a filter holds at one value, those of a compound key among them.
fn fixed_fields(filter: Option<&Node>) -> Vec<&str> {
    let conditions = filter.and_then(Node::object).map(conjuncts).unwrap_or_default();
    let mut fixed = Vec::new();
    for property in conditions.into_iter().filter(|property| !property.conditional) {
        match &property.value.value {
            Value::Object(operators) => match operators.get("equals") {
                Some(equals) if is_one_value(&equals.value) => fixed.push(property.name.as_str()),
                None if property.name.contains('_') => {
                    let parts = operators.properties.iter().filter(|part| is_one_value(&part.value));
                    fixed.extend(parts.map(|part| part.name.as_str()));
                }
                _ => {}
            },
            _ if is_one_value(&property.value) => fixed.push(&property.name),
            _ => {}
        }
    }
    fixed
}

/// A filter that leaves no row whose field is null: `{ not: null }`, a comparison, a value.
pub(in crate::code) fn leaves_values(filter: Option<&Node>, field: &str) -> bool {
    const COMPARED: [&str; 8] = ["gt", "gte", "lt", "lte", "in", "contains", "startsWith", "endsWith"];
    let conditions = filter.and_then(Node::object).map(conjuncts).unwrap_or_default();
    let is_there = |node: &Node| !matches!(node.value, Value::Undefined | Value::Null) && is_given(node);
    let leaves = |property: &&Property| match &property.value.value {
        Value::Object(operators) => operators.properties.iter().any(|one| match one.name.as_str() {
            "not" => one.value.value == Value::Null,
            "equals" => is_one_value(&one.value),
            name => COMPARED.contains(&name) && is_there(&one.value),
        }),
        _ => is_one_value(&property.value),
    };
    conditions.iter().any(|property| property.name == field && !property.conditional && leaves(property))
}

/// It does not vanish from the filter when the program runs.
fn is_given(node: &Node) -> bool {
    !matches!(&node.value, Value::Expression { undefined: Some(_), .. } | Value::Choice { .. })
}

fn is_one_value(node: &Node) -> bool {
    match &node.value {
        Value::Expression { undefined, .. } => undefined.is_none(),
        Value::Text(_) | Value::Number(_) | Value::Bool(_) => true,
        Value::Undefined | Value::Null | Value::List(_) | Value::Object(_) | Value::Choice { .. } => false,
    }
}

/// A filter that leaves one row at most: it holds all fields of a unique key at one value each, together with the fields
/// that are held already, such as the keys of one parent.
pub(in crate::code) fn leaves_one_row(model: &Model, filter: Option<&Node>, held: &[String]) -> bool {
    let fixed = fixed_fields(filter);
    let is_held = |name: &String| held.contains(name) || fixed.contains(&name.as_str());
    model
        .primary_key
        .iter()
        .chain(&model.uniques)
        .filter(|key| key.predicate.is_none() && !key.fields.is_empty())
        .any(|key| key.fields.iter().all(|field| is_held(&field.field)))
}

/// The fields of a relation's target that refer to the parent; empty where a table of their own joins the two.
pub(in crate::code) fn keys_to_parent<'a>(field: &Field, target: &'a Model) -> &'a [String] {
    let opposite = field.relation.as_ref().and_then(|relation| relation.opposite.as_ref());
    opposite
        .and_then(|(_, name)| target.field(name)?.relation.as_ref())
        .map_or(&[], |relation| relation.fields.as_slice())
}

/// Fields that tell rows apart: the primary key, else a required unique key.
pub(in crate::code) fn row_key(model: &Model) -> Option<Vec<&str>> {
    let required = |name: &str| model.field(name).is_some_and(|field| field.arity == Arity::Required);
    let single = |field: &&Field| field.is_id || (field.is_unique && field.arity == Arity::Required);
    let key = model
        .primary_key
        .iter()
        .chain(&model.uniques)
        .map(|key| key.fields.iter().map(|field| field.field.as_str()).collect::<Vec<_>>())
        .find(|fields| fields.iter().all(|field| required(field)));
    let id = model.fields.iter().find(|field| field.is_id).or_else(|| model.fields.iter().find(single));
    match id {
        Some(field) => Some(vec![&field.name]),
        None => key,
    }
}

/// A relation that an `include` or `select` loads, at any depth.
pub(in crate::code) struct Loaded<'a> {
    /// From the call's model on: `["items", "product"]`.
    pub(in crate::code) path: Vec<&'a str>,
    pub(in crate::code) property: &'a Property,
    pub(in crate::code) field: &'a Field,
    pub(in crate::code) target: &'a Model,
    /// A `select` of this relation alone: something must be selected.
    pub(in crate::code) only_selection: bool,
}

/// All relations that a call loads, outermost first. Alternatives of a choice are looked through.
pub(in crate::code) fn loaded<'a>(facts: &'a Facts, call: &'a Call) -> Vec<Loaded<'a>> {
    let mut all = Vec::new();
    if let Some(model) = scale::model(facts, &call.model) {
        collect(facts, model, &call.argument, &[], &mut all);
    }
    all
}

fn collect<'a>(
    facts: &'a Facts,
    model: &'a Model,
    argument: &'a Node,
    path: &[&'a str],
    all: &mut Vec<Loaded<'a>>,
) {
    let parts = ["include", "select"].into_iter().flat_map(|name| {
        let objects = argument.get(name).into_iter().flat_map(Node::alternatives).filter_map(Node::object);
        objects.flat_map(move |object| {
            let only = name == "select" && object.properties.len() == 1;
            let last = move |property: &&Property| {
                // `{ ...fields, tags: true }`: what a spread brought under a name that comes again is gone.
                object
                    .get(&property.name)
                    .is_some_and(|last| last.conditional || std::ptr::eq(last, *property))
            };
            object.properties.iter().filter(last).map(move |property| (property, only))
        })
    });
    for (property, only_selection) in parts {
        let Some(field) = model.field(&property.name).filter(|field| matches!(field.ty, FieldType::Model(_)))
        else {
            continue;
        };
        let Some(target) = scale::target(facts, field) else { continue };
        if matches!(property.value.value, Value::Bool(false) | Value::Undefined) {
            continue;
        }
        let path: Vec<&str> = path.iter().copied().chain([property.name.as_str()]).collect();
        // Alternatives that come from several callers share what none of them changes.
        let known = |other: &Loaded| other.path == path && other.property == property;
        if all.iter().any(known) {
            continue;
        }
        all.push(Loaded { path: path.clone(), property, field, target, only_selection });
        for alternative in property.value.alternatives() {
            collect(facts, target, alternative, &path, all);
        }
    }
}
