//! Values in arguments that other files and callers say: imported constants, fragments that functions return,
//! filters that are passed in.

use std::cell::Cell;

use pgsteward_model::code::{Node, Object, Property, Source, Value, When};
use pgsteward_model::source::Span;

use super::linker::Linker;
use super::meaning::Meaning;
use super::modules::Module;
use crate::unit::{Exported, Imported, Origin, SPREAD};

const MAX_DEPTH: usize = 12;
/// What is laid out of one argument at most.
const MAX_NODES: usize = 4_000;
/// More different arguments than this are no set of shapes but anything.
const MAX_SHAPES: usize = 4;

/// Properties whose values are the shape of a call: what is passed in there is worth following to the callers.
const SHAPING: [&str; 15] = [
    "where", "select", "include", "omit", "orderBy", "data", "cursor", "create", "update", "by", "having",
    "distinct", "AND", "OR", "NOT",
];

pub(super) struct Filler<'l, 'a> {
    linker: &'l Linker<'a>,
    left: Cell<usize>,
}

impl<'l, 'a> Filler<'l, 'a> {
    pub(super) fn new(linker: &'l Linker<'a>) -> Filler<'l, 'a> {
        Filler { linker, left: Cell::new(MAX_NODES) }
    }

    /// Fills in what a node of a unit leaves to others. `shaping`: it is part of the shape of a call.
    pub(super) fn fill(&self, unit: usize, node: &mut Node, shaping: bool, depth: usize) {
        if depth > MAX_DEPTH || self.left.get() == 0 {
            return;
        }
        self.left.set(self.left.get() - 1);
        match &mut node.value {
            Value::Object(object) => self.object(unit, object, shaping, depth),
            Value::List(nodes) | Value::Choice { nodes, .. } => {
                nodes.iter_mut().for_each(|node| self.fill(unit, node, shaping, depth + 1));
            }
            Value::Expression { .. } => {
                let Some(origin) = self.linker.units[unit].reference(node.span) else { return };
                if let Some(values) = self.values(unit, origin, shaping, depth + 1) {
                    let values: Vec<Node> = values.iter().map(|value| relocated(value, node.span)).collect();
                    node.value = one_of(values, node.span);
                }
            }
            _ => {}
        }
    }

    fn object(&self, unit: usize, object: &mut Object, shaping: bool, depth: usize) {
        let mut laid_out: Vec<Property> = Vec::with_capacity(object.properties.len());
        let (mut spreads, mut unknown) = (0, 0);
        for mut property in std::mem::take(&mut object.properties) {
            if property.name != SPREAD {
                let shaping = shaping && SHAPING.contains(&property.name.as_str());
                self.fill(unit, &mut property.value, shaping, depth + 1);
                put(&mut laid_out, property);
                continue;
            }
            spreads += 1;
            self.fill(unit, &mut property.value, shaping, depth + 1);
            match spread_properties(&property) {
                Some((properties, open)) => {
                    unknown += usize::from(open);
                    properties.into_iter().for_each(|property| put(&mut laid_out, property));
                }
                None => unknown += 1,
            }
        }
        object.properties = laid_out;
        if spreads > 0 && unknown == 0 {
            object.open = false;
        }
    }

    /// The values that an origin may have; none where one of them is not known.
    fn values(&self, unit: usize, origin: &'a Origin, shaping: bool, depth: usize) -> Option<Vec<Node>> {
        if depth > MAX_DEPTH || self.left.get() == 0 {
            return None;
        }
        let next = depth + 1;
        match origin {
            Origin::Variable(index) => {
                let variable = &self.linker.units[unit].variables[*index];
                if let Some(value) = variable.value.as_ref().filter(|_| !variable.mutable) {
                    let mut value = value.clone();
                    self.fill(unit, &mut value, false, next);
                    return Some(vec![value]);
                }
                if variable.mutable {
                    return None;
                }
                self.values(unit, &variable.origin, shaping, next)
            }
            Origin::Import(index) => {
                let file = &self.linker.units[unit];
                let import = &file.imports[*index];
                match (self.linker.modules.resolve(&file.file, &import.module), &import.name) {
                    (Module::Unit(of), Imported::Name(name)) => self.exported_values(of, name, next),
                    _ => None,
                }
            }
            Origin::Member(of, name) => {
                if let Origin::Import(index) = &**of
                    && let Some(values) = self.namespace_member(unit, *index, name, next)
                {
                    return Some(values);
                }
                if let Origin::Object(members) = &**of {
                    let (_, origin) = members.iter().rev().find(|(known, _)| known == name)?;
                    return self.values(unit, origin, shaping, next);
                }
                let values = self.values(unit, of, shaping, next)?;
                values.iter().map(|value| member(value, name)).collect()
            }
            Origin::Typed(of, _) => self.values(unit, of, shaping, next),
            Origin::Either(all) => {
                let values: Option<Vec<Vec<Node>>> =
                    all.iter().map(|one| self.values(unit, one, shaping, next)).collect();
                let values: Vec<Node> = values?.into_iter().flatten().collect();
                (values.len() <= MAX_SHAPES).then_some(values)
            }
            Origin::Call(callee, invocation) => self.returned(unit, callee, *invocation, next),
            Origin::Parameter { function, index } if shaping => self.passed(unit, *function, *index, next),
            _ => None,
        }
    }

    fn exported_values(&self, unit: usize, name: &str, depth: usize) -> Option<Vec<Node>> {
        if depth > MAX_DEPTH {
            return None;
        }
        let file = &self.linker.units[unit];
        for export in file.exports.iter().filter(|export| export.name == name || export.name.is_empty()) {
            let found = match &export.what {
                Exported::Local(origin) => self.values(unit, origin, false, depth + 1),
                Exported::From { module, name: Imported::Name(name) } => {
                    match self.linker.modules.resolve(&file.file, module) {
                        Module::Unit(of) => self.exported_values(of, name, depth + 1),
                        _ => None,
                    }
                }
                Exported::Star { module } => match self.linker.modules.resolve(&file.file, module) {
                    Module::Unit(of) => self.exported_values(of, name, depth + 1),
                    _ => None,
                },
                Exported::From { .. } => None,
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// `selects.card` of `import * as selects`.
    fn namespace_member(&self, unit: usize, import: usize, name: &str, depth: usize) -> Option<Vec<Node>> {
        let file = &self.linker.units[unit];
        let import = &file.imports[import];
        match (self.linker.modules.resolve(&file.file, &import.module), &import.name) {
            (Module::Unit(of), Imported::Namespace) => self.exported_values(of, name, depth),
            _ => None,
        }
    }

    /// What a function returns, with the arguments of its call put in.
    fn returned(
        &self,
        unit: usize,
        callee: &'a Origin,
        invocation: Option<usize>,
        depth: usize,
    ) -> Option<Vec<Node>> {
        let Meaning::Function(of, function) = self.linker.mean(unit, callee, 0) else { return None };
        let returned = &self.linker.units[of].functions[function].returned;
        if returned.is_empty() || returned.len() > MAX_SHAPES {
            return None;
        }
        // What it returns at other places may be anything.
        if returned.iter().any(|one| matches!(one.value, Value::Expression { .. })) {
            return None;
        }
        let arguments =
            invocation.map_or(&[][..], |index| &self.linker.units[unit].invocations[index].arguments);
        let values = returned.iter().map(|node| {
            let mut node = self.bound(of, function, node, arguments);
            self.fill(of, &mut node, false, depth + 1);
            node
        });
        Some(values.collect())
    }

    /// A node of a function with what was given for its parameters.
    fn bound(&self, unit: usize, function: usize, node: &Node, arguments: &[Node]) -> Node {
        let is_parameter = self.linker.units[unit].reference(node.span).and_then(|origin| match origin {
            Origin::Parameter { function: of, index } if *of == function => arguments.get(*index),
            Origin::Member(of, name) => match &**of {
                Origin::Parameter { function: of, index } if *of == function => {
                    arguments.get(*index).and_then(|argument| argument.get(name))
                }
                _ => None,
            },
            _ => None,
        });
        let within = |node: &Node| self.bound(unit, function, node, arguments);
        match (&node.value, is_parameter) {
            (Value::Expression { undefined, .. }, Some(given)) => {
                let mut given = Node { span: node.span, value: given.value.clone() };
                if let Value::Expression { undefined: known, .. } = &mut given.value {
                    *known = known.or(*undefined);
                }
                given
            }
            (Value::Object(object), _) => {
                let mut object = object.clone();
                for property in &mut object.properties {
                    property.value = within(&property.value);
                }
                Node { span: node.span, value: Value::Object(object) }
            }
            (Value::List(nodes), _) => {
                Node { span: node.span, value: Value::List(nodes.iter().map(within).collect()) }
            }
            (Value::Choice { nodes, when }, _) => {
                let nodes = nodes.iter().map(within).collect();
                Node { span: node.span, value: Value::Choice { nodes, when: when.clone() } }
            }
            _ => node.clone(),
        }
    }

    /// What callers give for a parameter, where all of them are known.
    fn passed(&self, unit: usize, function: usize, index: usize, depth: usize) -> Option<Vec<Node>> {
        if self.linker.called_from_elsewhere(unit, function) {
            return None;
        }
        let callers = self.linker.callers.get(&(unit, function))?;
        let mut values: Vec<Node> = Vec::new();
        for (of, invocation) in callers {
            let invocation = &self.linker.units[*of].invocations[*invocation];
            if invocation.by_value {
                return None;
            }
            let mut given = invocation.arguments.get(index).cloned().unwrap_or_default();
            self.fill(*of, &mut given, true, depth + 1);
            let known =
                given.alternatives().iter().all(|node| !matches!(node.value, Value::Expression { .. }));
            if !known {
                return None;
            }
            let given = relocated(&given, Span::default());
            if !values.contains(&given) {
                values.push(given);
            }
        }
        (!values.is_empty() && values.len() <= MAX_SHAPES).then_some(values)
    }
}

fn one_of(mut values: Vec<Node>, span: Span) -> Value {
    match (values.len(), values.pop()) {
        (1, Some(only)) => only.value,
        (_, Some(last)) => {
            values.push(last);
            Value::choice(values.into_iter().map(|node| Node { span, ..node }).collect())
        }
        (_, None) => Value::Undefined,
    }
}

fn member(value: &Node, name: &str) -> Option<Node> {
    match &value.value {
        // `States[state]`: which one, only the running program knows.
        _ if name == "[]" => None,
        Value::Object(object) => match object.get(name) {
            Some(property) if !property.conditional => Some(property.value.clone()),
            Some(_) => None,
            None => (!object.open).then(Node::default),
        },
        _ => None,
    }
}

/// What a spread lays out, and whether more may come; nothing where it is not known.
fn spread_properties(property: &Property) -> Option<(Vec<Property>, bool)> {
    let alternatives = property.value.cases();
    let several = alternatives.len() > 1;
    let mut properties = Vec::new();
    let mut open = false;
    for (node, when) in alternatives {
        match &node.value {
            Value::Object(object) => {
                open |= object.open;
                let nobody_knows =
                    several && when.is_always() || property.conditional && property.when.is_always();
                properties.extend(object.properties.iter().cloned().filter_map(|one| {
                    if nobody_knows {
                        return Some(Property { conditional: true, when: When::default(), ..one });
                    }
                    let one = one.under(&when)?;
                    if property.conditional { one.under(&property.when) } else { Some(one) }
                }));
            }
            Value::Undefined | Value::Null | Value::Bool(_) => {}
            _ => return None,
        }
    }
    Some((properties, open))
}

fn put(properties: &mut Vec<Property>, property: Property) {
    if !property.conditional {
        properties.retain(|one| one.name != property.name);
    }
    properties.push(property);
}

/// A value at another place. Calls, loops and parameters of where it came from mean nothing there.
pub(super) fn relocated(node: &Node, span: Span) -> Node {
    let within = |node: &Node| relocated(node, span);
    // Conditions there are none of the call's: they are known from each other only.
    let run = (span.start as u64) << 32 | span.end as u64;
    let value = match &node.value {
        Value::Object(object) => Value::Object(Object {
            properties: object
                .properties
                .iter()
                .map(|property| Property {
                    name: property.name.clone(),
                    span,
                    conditional: property.conditional,
                    when: property.when.elsewhere(run),
                    value: within(&property.value),
                })
                .collect(),
            open: object.open,
        }),
        Value::List(nodes) => Value::List(nodes.iter().map(within).collect()),
        Value::Choice { nodes, when } => Value::Choice {
            nodes: nodes.iter().map(within).collect(),
            when: when.iter().map(|when| when.elsewhere(run)).collect(),
        },
        Value::Expression { text, sources, undefined } => {
            let mut known: Vec<Source> = sources
                .iter()
                .map(|source| match source {
                    Source::Result { .. } | Source::Loop { .. } | Source::Parameter { .. } => Source::Unknown,
                    other => other.clone(),
                })
                .collect();
            known.sort();
            known.dedup();
            Value::Expression { text: text.clone(), sources: known, undefined: *undefined }
        }
        other => other.clone(),
    };
    Node { span, value }
}
