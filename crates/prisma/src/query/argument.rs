//! The argument of a call as one shape, and the shapes that it may take.
//!
//! A choice between values that only fill a parameter is no choice of shape: `status: paid ? "PAID" : "OPEN"` is one
//! parameter. A choice of direction, of fields or between a value and `undefined` makes another statement.

use pgsteward_model::code::{Node, Undefined, Value};

use super::{Outcome, refuse};

/// How many shapes a call may take before it counts as not understood.
const SHAPES: usize = 16;
/// How many shapes of what is written are told apart: beyond that the fullest stands for those that it holds.
const WRITTEN: usize = 8;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Argument {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Argument>),
    Object(Vec<(String, Argument)>),
    /// An object with more properties than are written at the call. A value of Json may be one.
    Open,
    /// As written.
    Expression(String),
}

impl Argument {
    pub(super) fn object(&self) -> Option<&[(String, Argument)]> {
        match self {
            Argument::Object(entries) => Some(entries),
            _ => None,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Argument> {
        self.object()?.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The items of a list, or the value itself, as Prisma takes one for the other.
    pub(super) fn items(&self) -> &[Argument] {
        match self {
            Argument::List(items) => items,
            one => std::slice::from_ref(one),
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Argument::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The same value each time that the program comes by.
    pub(super) fn is_constant(&self) -> bool {
        match self {
            Argument::List(items) => items.iter().all(Argument::is_constant),
            Argument::Object(entries) => entries.iter().all(|(_, value)| value.is_constant()),
            Argument::Open | Argument::Expression(_) => false,
            Argument::Null | Argument::Bool(_) | Argument::Number(_) | Argument::Text(_) => true,
        }
    }

    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Argument::Number(text) => text.replace('_', "").parse().ok(),
            _ => None,
        }
    }

    /// An object whose entries are known; `what` names it in the reason where it is not.
    pub(super) fn known(&self, what: &str) -> Outcome<&[(String, Argument)]> {
        match self {
            Argument::Object(entries) => Ok(entries),
            Argument::Open => Err(refuse(format!("{what} has properties that are not written at the call"))),
            _ => Err(refuse(format!("{what} is not written at the call"))),
        }
    }
}

/// All shapes of an argument; none of them holds `undefined`. `json` knows the names that fields of Json alone have: what
/// such a field is set to is one value, whatever it holds.
pub(super) fn shapes(node: &Node, json: &dyn Fn(&str) -> bool) -> Outcome<Vec<Argument>> {
    let all = alternatives(node, Place::Arguments, json)?;
    Ok(all.into_iter().map(|one| one.unwrap_or(Argument::Object(Vec::new()))).collect())
}

/// What a value means where it stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Names of arguments: `where`, `take`.
    Arguments,
    /// Conditions: values become parameters.
    Values,
    /// What is written: values become parameters, and a column that may be left out is taken to be there where there
    /// would be too many shapes.
    Data,
    /// The same, for the rows that one statement writes, however many they are: `data`, `create`.
    Rows,
    /// Keys of rows that are connected to the one that is written.
    Keys,
    /// Names of fields, directions.
    Shape,
}

impl Place {
    fn is_written(self) -> bool {
        matches!(self, Place::Data | Place::Rows)
    }
}

/// `None` is `undefined`.
fn alternatives(node: &Node, place: Place, json: &dyn Fn(&str) -> bool) -> Outcome<Vec<Option<Argument>>> {
    Ok(match &node.value {
        Value::Undefined => vec![None],
        Value::Null => vec![Some(Argument::Null)],
        Value::Bool(value) => vec![Some(Argument::Bool(*value))],
        Value::Number(text) => vec![Some(Argument::Number(text.clone()))],
        Value::Text(text) => vec![Some(Argument::Text(text.clone()))],
        Value::Expression { text, undefined, .. } => {
            let mut all = vec![Some(Argument::Expression(text.clone()))];
            if *undefined == Some(Undefined::Deliberate) {
                all.push(None);
            }
            all
        }
        Value::Choice(nodes) => {
            let mut all: Vec<Option<Argument>> = Vec::new();
            for one in nodes {
                for shape in alternatives(one, place, json)? {
                    if !all.contains(&shape) {
                        all.push(shape);
                    }
                }
            }
            if matches!(place, Place::Arguments | Place::Shape) { all } else { merge_scalars(all) }
        }
        // However many rows are made, the statement is one. What is connected or updated is another one for each item.
        Value::List(_) if place == Place::Rows && node.value.as_repeated().is_some() => {
            let one = node.value.as_repeated().map(|one| alternatives(one, place, json)).transpose()?;
            one.into_iter().flatten().map(|one| Some(Argument::List(one.into_iter().collect()))).collect()
        }
        Value::List(nodes) => {
            let mut lists: Vec<Vec<Argument>> = vec![Vec::new()];
            for (one, there) in Value::elements(nodes) {
                let mut items = alternatives(one, place, json)?;
                // A list of conditions or keys that was made of another one may be empty: another statement.
                if !there && matches!(place, Place::Values | Place::Shape) && !items.contains(&None) {
                    items.push(None);
                }
                lists = product(lists, &items, SHAPES, |list, item| list.extend(item.clone()))?;
                let mut distinct = Vec::new();
                for list in lists {
                    if !distinct.contains(&list) {
                        distinct.push(list);
                    }
                }
                lists = distinct;
            }
            lists.into_iter().map(|list| Some(Argument::List(list))).collect()
        }
        Value::Object(object) if object.open => vec![Some(Argument::Open)],
        Value::Object(object) => {
            let mut properties = Vec::new();
            for property in &object.properties {
                let inner = place_of(place, &property.name);
                let mut values = if place.is_written() && !operation(&property.name) && json(&property.name) {
                    one_value(&property.value)
                } else {
                    alternatives(&property.value, inner, json)?
                };
                if property.conditional && !values.contains(&None) {
                    values.push(None);
                }
                properties.push((property.name.as_str(), property.conditional, values));
            }
            let most = if place.is_written() { WRITTEN } else { SHAPES };
            combined(&properties, most).or_else(|_| {
                let written = |name: &str| {
                    let inner = place_of(place, name);
                    inner.is_written() || place.is_written() && inner != Place::Keys && name != "where"
                };
                combined(&fullest(&properties, written), most)
            })?
        }
    })
}

type Property<'p> = (&'p str, bool, Vec<Option<Argument>>);

/// Of what is written only the fullest alternative, where it holds all of the others: a column that may be left out is
/// there. Alternatives that write other columns are other statements, and stay.
fn fullest<'p>(properties: &[Property<'p>], written: impl Fn(&str) -> bool) -> Vec<Property<'p>> {
    let alone = |(name, conditional, values): &Property<'p>| {
        let full = values.iter().flatten().rev().max_by_key(|value| size(value))?;
        // A spread under a condition leaves what an earlier property of its name writes.
        let mut others = properties.iter().filter(|(other, ..)| other == name).flat_map(|(_, _, all)| all);
        let stands = written(name) && others.all(|other| other.as_ref().is_none_or(|one| holds(full, one)));
        stands.then(|| (*name, *conditional, vec![Some(full.clone())]))
    };
    properties.iter().map(|property| alone(property).unwrap_or_else(|| property.clone())).collect()
}

/// Whether a shape writes whatever another one writes, and in the same way.
fn holds(full: &Argument, other: &Argument) -> bool {
    match (full, other) {
        (Argument::Object(_), Argument::Object(entries)) => {
            entries.iter().all(|(name, one)| full.get(name).is_some_and(|value| holds(value, one)))
        }
        (Argument::List(items), Argument::List(others)) => {
            items.len() == others.len() && items.iter().zip(others).all(|(item, one)| holds(item, one))
        }
        (Argument::Object(_) | Argument::List(_) | Argument::Open, _)
        | (_, Argument::Object(_) | Argument::List(_) | Argument::Open) => full == other,
        // Each of them is one parameter.
        _ => true,
    }
}

/// How much is written in a shape.
fn size(argument: &Argument) -> usize {
    match argument {
        Argument::List(items) => items.iter().map(|item| 1 + size(item)).sum(),
        Argument::Object(entries) => entries.iter().map(|(_, value)| 1 + size(value)).sum(),
        _ => 0,
    }
}

/// Words of nested writes, which a field may be called too.
fn operation(name: &str) -> bool {
    matches!(
        name,
        "data" | "create" | "update" | "upsert" | "set" | "connect" | "disconnect" | "delete" | "where"
    )
}

/// A value that is sent as one parameter, whatever it holds; it may still be absent.
fn one_value(node: &Node) -> Vec<Option<Argument>> {
    match &node.value {
        Value::Undefined => vec![None],
        Value::Null => vec![Some(Argument::Null)],
        Value::Choice(nodes) => {
            let mut all: Vec<Option<Argument>> = Vec::new();
            for value in nodes.iter().flat_map(one_value) {
                if !all.contains(&value) {
                    all.push(value);
                }
            }
            merge_scalars(all)
        }
        Value::Expression { text, undefined, .. } => {
            let mut all = vec![Some(Argument::Expression(text.clone()))];
            if *undefined == Some(Undefined::Deliberate) {
                all.push(None);
            }
            all
        }
        _ => vec![Some(Argument::Expression("{ … }".into()))],
    }
}

/// The shapes of an object whose properties may each be one of several values.
fn combined(properties: &[Property<'_>], most: usize) -> Outcome<Vec<Option<Argument>>> {
    let mut shapes: Vec<Vec<(String, Argument)>> = vec![Vec::new()];
    for (name, conditional, values) in properties {
        shapes = product(shapes, values, most, |shape, value| match value {
            Some(value) => {
                shape.retain(|(other, _)| other != name);
                shape.push(((*name).to_owned(), value.clone()));
            }
            // A property that is not there leaves an earlier one of its name.
            None if *conditional => {}
            None => shape.retain(|(other, _)| other != name),
        })?;
    }
    let mut distinct: Vec<Option<Argument>> = Vec::new();
    for shape in shapes {
        let shape = Some(Argument::Object(shape));
        if !distinct.contains(&shape) {
            distinct.push(shape);
        }
    }
    Ok(distinct)
}

fn product<T: Clone, U>(made: Vec<T>, next: &[U], most: usize, add: impl Fn(&mut T, &U)) -> Outcome<Vec<T>> {
    if made.len() * next.len() > most {
        return Err(refuse(format!("more than {most} shapes of arguments")));
    }
    let mut all = Vec::with_capacity(made.len() * next.len());
    for one in made {
        for value in next {
            let mut one = one.clone();
            add(&mut one, value);
            all.push(one);
        }
    }
    Ok(all)
}

fn place_of(outer: Place, key: &str) -> Place {
    match (outer, key) {
        (_, "mode" | "sort" | "nulls" | "isEmpty" | "path") => Place::Shape,
        (_, "data" | "create") => Place::Rows,
        (_, "update") => Place::Data,
        (_, "where" | "cursor" | "having" | "take" | "skip" | "limit") => Place::Values,
        (Place::Data | Place::Rows, "connect" | "set" | "disconnect" | "delete" | "deleteMany") => {
            Place::Keys
        }
        (Place::Data | Place::Rows, _) => Place::Data,
        (Place::Values | Place::Keys, _) => outer,
        (_, "select" | "include" | "omit" | "orderBy" | "distinct" | "by") => Place::Shape,
        _ => outer,
    }
}

/// Values that fill the same parameter become one expression.
fn merge_scalars(all: Vec<Option<Argument>>) -> Vec<Option<Argument>> {
    let scalar = |one: &Option<Argument>| {
        matches!(
            one,
            Some(Argument::Bool(_) | Argument::Number(_) | Argument::Text(_) | Argument::Expression(_))
        )
    };
    if all.iter().filter(|one| scalar(one)).count() < 2 {
        return all;
    }
    let negative =
        |one: &Option<Argument>| matches!(one, Some(Argument::Number(text)) if text.starts_with('-'));
    if all.iter().any(negative) {
        return all;
    }
    let written = all.iter().filter(|one| scalar(one)).map(|one| match one {
        Some(Argument::Text(text)) => format!("\"{text}\""),
        Some(Argument::Number(text) | Argument::Expression(text)) => text.clone(),
        Some(Argument::Bool(value)) => value.to_string(),
        _ => String::new(),
    });
    let merged = Argument::Expression(written.collect::<Vec<_>>().join(" | "));
    let mut rest: Vec<Option<Argument>> = all.into_iter().filter(|one| !scalar(one)).collect();
    rest.insert(0, Some(merged));
    rest
}
