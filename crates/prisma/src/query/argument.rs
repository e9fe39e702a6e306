//! The argument of a call as one shape, and the shapes that it may take.
//!
//! A choice between values that only fill a parameter is no choice of shape: `status: paid ? "PAID" : "OPEN"` is one
//! parameter. A choice of direction, of fields or between a value and `undefined` makes another statement.

use pgsteward_model::code::{Node, Undefined, Value, When};

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
    let mut distinct: Vec<Argument> = Vec::with_capacity(all.len());
    for (one, _) in all {
        let one = one.unwrap_or(Argument::Object(Vec::new()));
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    Ok(distinct)
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

/// A shape of a value, none for `undefined`, and under what conditions of the program it takes that.
type Shape = (Option<Argument>, When);

/// The shapes of a value, each once.
fn alternatives(node: &Node, place: Place, json: &dyn Fn(&str) -> bool) -> Outcome<Vec<Shape>> {
    let always = |shape: Option<Argument>| (shape, When::default());
    Ok(match &node.value {
        Value::Undefined => vec![always(None)],
        Value::Null => vec![always(Some(Argument::Null))],
        Value::Bool(value) => vec![always(Some(Argument::Bool(*value)))],
        Value::Number(text) => vec![always(Some(Argument::Number(text.clone())))],
        Value::Text(text) => vec![always(Some(Argument::Text(text.clone())))],
        Value::Expression { text, undefined, .. } => {
            let mut all = vec![always(Some(Argument::Expression(text.clone())))];
            if *undefined == Some(Undefined::Deliberate) {
                all.push(always(None));
            }
            all
        }
        Value::Choice { nodes, when } => {
            let mut all: Vec<Shape> = Vec::new();
            for (at, one) in nodes.iter().enumerate() {
                for (shape, inner) in alternatives(one, place, json)? {
                    if let Some(both) = when.get(at).map_or(Some(inner.clone()), |outer| outer.and(&inner)) {
                        add(&mut all, shape, both);
                    }
                }
            }
            if matches!(place, Place::Arguments | Place::Shape) { all } else { merge_scalars(all) }
        }
        // However many rows are made, the statement is one. What is connected or updated is another one for each item.
        Value::List(_) if place == Place::Rows && node.value.as_repeated().is_some() => {
            let one = node.value.as_repeated().map(|one| alternatives(one, place, json)).transpose()?;
            let rows = one.into_iter().flatten();
            rows.map(|(one, when)| (Some(Argument::List(one.into_iter().collect())), when)).collect()
        }
        Value::List(nodes) => {
            let mut lists: Vec<(Vec<Argument>, When)> = vec![Default::default()];
            for (one, there) in Value::elements(nodes) {
                let mut items = alternatives(one, place, json)?;
                // A list of conditions or keys that was made of another one may be empty: another statement.
                if !there
                    && matches!(place, Place::Values | Place::Shape)
                    && items.iter().all(|(item, _)| item.is_some())
                {
                    items.push(always(None));
                }
                lists = product(lists, &items, SHAPES, |list, item| list.extend(item.clone()))?;
            }
            lists.into_iter().map(|(list, when)| (Some(Argument::List(list)), when)).collect()
        }
        Value::Object(object) if object.open => vec![always(Some(Argument::Open))],
        Value::Object(object) => {
            let mut properties = Vec::new();
            for property in &object.properties {
                let inner = place_of(place, &property.name);
                let values = if place.is_written() && !operation(&property.name) && json(&property.name) {
                    one_value(&property.value)
                } else {
                    alternatives(&property.value, inner, json)?
                };
                properties.push((
                    property.name.as_str(),
                    property.conditional,
                    under(values, property.conditional, &property.when),
                ));
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

/// The same shape under other conditions is there under both.
fn add<T: PartialEq>(all: &mut Vec<(T, When)>, shape: T, when: When) {
    match all.iter_mut().find(|(known, _)| *known == shape) {
        Some((_, known)) => *known = known.or(&when),
        None => all.push((shape, when)),
    }
}

/// The shapes of a property, with its own conditions: where those do not hold, it is absent.
fn under(values: Vec<Shape>, conditional: bool, when: &When) -> Vec<Shape> {
    let contrary = when.not();
    let mut all: Vec<Shape> = Vec::with_capacity(values.len() + 1);
    for (value, inner) in values {
        // What is always there is `undefined` where its conditions do not hold.
        let outer = if value.is_none() && !conditional { contrary.as_ref() } else { Some(when) };
        if let Some(both) = outer.map_or(Some(inner.clone()), |outer| inner.and(outer)) {
            add(&mut all, value, both);
        }
    }
    if conditional {
        // An unknown condition comes out either way, whatever else is so.
        let absent = if when.is_always() { Some(When::default()) } else { contrary };
        absent.into_iter().for_each(|absent| add(&mut all, None, absent));
    }
    all
}

type Property<'p> = (&'p str, bool, Vec<Shape>);

/// Of what is written only the fullest alternative, where it holds all of the others: a column that may be left out is
/// there. Alternatives that write other columns are other statements, and stay.
fn fullest<'p>(properties: &[Property<'p>], written: impl Fn(&str) -> bool) -> Vec<Property<'p>> {
    let alone = |(name, conditional, values): &Property<'p>| {
        let full =
            values.iter().filter_map(|(value, _)| value.as_ref()).rev().max_by_key(|value| size(value))?;
        // A spread under a condition leaves what an earlier property of its name writes.
        let mut others = properties.iter().filter(|(other, ..)| other == name).flat_map(|(_, _, all)| all);
        let stands =
            written(name) && others.all(|(other, _)| other.as_ref().is_none_or(|one| holds(full, one)));
        stands.then(|| (*name, *conditional, vec![(Some(full.clone()), When::default())]))
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
fn one_value(node: &Node) -> Vec<Shape> {
    let always = |shape: Option<Argument>| (shape, When::default());
    match &node.value {
        Value::Undefined => vec![always(None)],
        Value::Null => vec![always(Some(Argument::Null))],
        Value::Choice { .. } => {
            let mut all: Vec<Shape> = Vec::new();
            for (one, outer) in node.cases() {
                for (value, inner) in one_value(one) {
                    if let Some(both) = outer.and(&inner) {
                        add(&mut all, value, both);
                    }
                }
            }
            merge_scalars(all)
        }
        Value::Expression { text, undefined, .. } => {
            let mut all = vec![always(Some(Argument::Expression(text.clone())))];
            if *undefined == Some(Undefined::Deliberate) {
                all.push(always(None));
            }
            all
        }
        _ => vec![always(Some(Argument::Expression("{ … }".into())))],
    }
}

/// The shapes of an object whose properties may each be one of several values.
fn combined(properties: &[Property<'_>], most: usize) -> Outcome<Vec<Shape>> {
    let mut shapes: Vec<(Vec<(String, Argument)>, When)> = vec![Default::default()];
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
    Ok(shapes.into_iter().map(|(shape, when)| (Some(Argument::Object(shape)), when)).collect())
}

/// Each of what was made so far with each of what comes next, where both may be so at once.
fn product<T: Clone + PartialEq>(
    mut made: Vec<(T, When)>,
    next: &[Shape],
    most: usize,
    put: impl Fn(&mut T, &Option<Argument>),
) -> Outcome<Vec<(T, When)>> {
    // Most values have one shape, and most arguments, too.
    if let ([(one, outer)], [(value, inner)]) = (made.as_mut_slice(), next)
        && let Some(both) = outer.and(inner)
    {
        put(one, value);
        *outer = both;
        return Ok(made);
    }
    let mut all = Vec::with_capacity(made.len() * next.len());
    for (one, outer) in &made {
        for (value, inner) in next {
            let Some(both) = outer.and(inner) else { continue };
            let mut one = one.clone();
            put(&mut one, value);
            add(&mut all, one, both);
        }
    }
    if all.len() > most {
        return Err(refuse(format!("more than {most} shapes of arguments")));
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
fn merge_scalars(all: Vec<Shape>) -> Vec<Shape> {
    let scalar = |(one, _): &Shape| {
        matches!(
            one,
            Some(Argument::Bool(_) | Argument::Number(_) | Argument::Text(_) | Argument::Expression(_))
        )
    };
    if all.iter().filter(|one| scalar(one)).count() < 2 {
        return all;
    }
    let negative = |(one, _): &Shape| matches!(one, Some(Argument::Number(text)) if text.starts_with('-'));
    if all.iter().any(negative) {
        return all;
    }
    let written = all.iter().filter(|one| scalar(one)).map(|(one, _)| match one {
        Some(Argument::Text(text)) => format!("\"{text}\""),
        Some(Argument::Number(text) | Argument::Expression(text)) => text.clone(),
        Some(Argument::Bool(value)) => value.to_string(),
        _ => String::new(),
    });
    let merged = Argument::Expression(written.collect::<Vec<_>>().join(" | "));
    let (merging, mut rest): (Vec<Shape>, Vec<Shape>) = all.into_iter().partition(scalar);
    let when =
        merging.iter().map(|(_, when)| when.clone()).reduce(|one, two| one.or(&two)).unwrap_or_default();
    rest.insert(0, (Some(merged), when));
    rest
}
