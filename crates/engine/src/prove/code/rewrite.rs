//! Calls written differently: the argument is changed and lowered again, so that what runs is what Prisma would
//! send.

use pgsteward_model::code::{Call, Lowered, Node, Object, Operation, Property, Value, Variant};
use pgsteward_model::facts::Facts;
use pgsteward_model::source::Span;
use pgsteward_prisma::query::{ClientFeatures, Lowerer};

/// The statements of an operation with another argument; none where they are not understood.
pub(super) fn lowered(
    facts: &Facts,
    call: &Call,
    operation: Operation,
    argument: &Node,
    preview: Option<&str>,
) -> Option<Variant> {
    let prisma = facts.prisma.as_ref()?;
    let mut features = ClientFeatures::of_schema(prisma);
    features.preview_features.extend(preview.map(str::to_owned));
    match Lowerer::new(prisma, features).lower_operation(&call.model, operation, argument) {
        Lowered::Understood(variants) => variants.into_iter().next(),
        Lowered::NotUnderstood { .. } => None,
    }
}

pub(super) fn node(value: Value) -> Node {
    Node { span: Span::default(), value }
}

pub(super) fn text(text: &str) -> Node {
    node(Value::Text(text.to_owned()))
}

pub(super) fn object(properties: Vec<(&str, Node)>) -> Node {
    let properties =
        properties.into_iter().map(|(name, value)| Property::new(name, Span::default(), value)).collect();
    node(Value::Object(Object { properties, open: false }))
}

/// The argument with a property set; other properties stay.
pub(super) fn with(argument: &Node, name: &str, value: Node) -> Node {
    let mut changed = without(argument, &[name]);
    if let Value::Object(object) = &mut changed.value {
        object.properties.push(Property::new(name, Span::default(), value));
    }
    changed
}

/// The argument without some properties. What is no object becomes an empty one.
pub(super) fn without(argument: &Node, names: &[&str]) -> Node {
    let mut object = argument.object().cloned().unwrap_or_default();
    object.properties.retain(|property| !names.contains(&property.name.as_str()));
    Node { span: argument.span, value: Value::Object(object) }
}

/// The argument with the value at a place made `undefined`.
pub(super) fn undefined_at(argument: &Node, place: Span) -> Node {
    let mut changed = argument.clone();
    erase(&mut changed, place);
    changed
}

fn erase(node: &mut Node, place: Span) {
    if node.span == place && node.span != Span::default() {
        node.value = Value::Undefined;
        return;
    }
    match &mut node.value {
        Value::List(nodes) | Value::Choice { nodes, .. } => {
            nodes.iter_mut().for_each(|node| erase(node, place));
        }
        Value::Object(object) => {
            object.properties.iter_mut().for_each(|property| erase(&mut property.value, place));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{object, text, undefined_at, with, without};
    use pgsteward_model::code::{Node, Value};
    use pgsteward_model::source::Span;

    #[test]
    fn an_argument_is_changed_in_one_place() {
        let mut name = text("x");
        name.span = Span::new(3, 5);
        let argument = object(vec![("where", object(vec![("name", name)])), ("take", text("1"))]);
        assert_eq!(
            undefined_at(&argument, Span::new(3, 5)).at(&["where", "name"]).unwrap().value,
            Value::Undefined
        );
        assert!(without(&argument, &["take"]).get("take").is_none());
        assert_eq!(with(&argument, "take", text("2")).get("take").and_then(Node::text), Some("2"));
    }
}
