//! Properties that are put into objects: by spreads, after others, of names that the text does not tell.

use oxc_ast::ast::Expression;
use pgsteward_model::code::{Node, Object, Property, Value, When};
use pgsteward_model::source::Span;

use super::reader::Reader;
use super::value::Budget;
use crate::unit::SPREAD;

impl<'a> Reader<'_, 'a> {
    /// The value of what is copied where it stands: what is written into the original later is not in the copy.
    pub(super) fn copied(&mut self, expression: &'a Expression<'a>, depth: u32, budget: &mut Budget) -> Node {
        let reading = std::mem::take(&mut self.reading);
        let node = self.value_at(expression, depth, budget);
        self.reading = reading;
        node
    }

    /// Lays a spread value out in an object.
    pub(super) fn spread(&mut self, into: &mut Object, node: Node, when: &When) {
        match node.value {
            Value::Object(object) => {
                into.open |= object.open;
                let there = object.properties.into_iter().filter_map(|property| property.under(when));
                there.for_each(|property| put(into, property));
            }
            // `...(a && { b })`, `...(a ? { b } : {})`
            Value::Choice { .. } => {
                for (at, (one, case)) in node.cases().into_iter().enumerate() {
                    let case = if case.is_always() { one_of(at, node.span) } else { case };
                    if let Some(both) = when.and(&case) {
                        self.spread(into, one.clone(), &both);
                    }
                }
            }
            Value::Undefined | Value::Null | Value::Bool(_) => {}
            _ => {
                into.open = true;
                let spread = Property::new(SPREAD, node.span, node);
                into.properties.extend(spread.under(when));
            }
        }
    }
}

/// A property put after others replaces those of its name; a conditional one stands beside them.
pub(super) fn put(object: &mut Object, property: Property) {
    put_among(&mut object.properties, property);
}

pub(super) fn put_among(properties: &mut Vec<Property>, property: Property) {
    if !property.conditional {
        properties.retain(|one| one.name != property.name || one.name == SPREAD);
    }
    properties.push(property);
}

/// An object that gets members that the text does not tell. What stands for them is no spread of anything that other files
/// may know.
pub(super) fn open(object: &mut Object, unknown: &Node) {
    object.open = true;
    object.properties.push(Property::new(SPREAD, unknown.span, unknown.clone()));
}

/// One of several values, of which nobody knows when it is which.
fn one_of(at: usize, whole: Span) -> When {
    super::cases::unknown(Span::new(whole.start, whole.end + at), true)
}
