//! Expressions as values: what the text says they are.

use oxc_ast::ast::{
    ArrayExpressionElement, Expression, IdentifierReference, LogicalExpression, LogicalOperator,
    ObjectExpression, ObjectPropertyKind, UnaryOperator, VariableDeclarationKind,
};
use pgsteward_model::code::{Node, Object, Property, Undefined, Value, When};
use pgsteward_model::source::Span;

use super::reader::{DEPTH, Definition, Reader};
use super::spread::{open, put};
use super::syntax::{argument, as_call, as_member, bare, key_name, span};
use super::written_out::{Kind, laid_out, literal_like};
use crate::unit::{Origin, Reference};

/// A list longer than this is cut: its rest is one expression.
pub(super) const ELEMENTS: usize = 200;
/// What is followed of one argument at most, constants laid out included.
const NODES: u32 = 4_000;

/// What is left to follow for one argument.
pub(super) struct Budget {
    pub nodes: u32,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { nodes: NODES }
    }
}

impl<'a> Reader<'_, 'a> {
    pub(super) fn value(&mut self, expression: &'a Expression<'a>) -> Node {
        self.value_at(expression, 0, &mut Budget::default())
    }

    pub(super) fn opaque_text(&self, span: Span) -> Node {
        Node {
            span,
            value: Value::Expression { text: self.cut(span, 120), sources: Vec::new(), undefined: None },
        }
    }

    pub(super) fn value_at(
        &mut self,
        expression: &'a Expression<'a>,
        depth: u32,
        budget: &mut Budget,
    ) -> Node {
        let mut node = self.value_below(expression, depth, budget);
        if matches!(expression, Expression::TSNonNullExpression(_))
            && let Value::Expression { undefined, .. } = &mut node.value
        {
            // `x!`: the author vouches for it.
            *undefined = None;
        }
        node
    }

    fn value_below(&mut self, expression: &'a Expression<'a>, depth: u32, budget: &mut Budget) -> Node {
        let inner = bare(expression);
        let here = span(inner);
        if depth > DEPTH || budget.nodes == 0 {
            return self.opaque_text(here);
        }
        budget.nodes -= 1;
        let next = depth + 1;
        let value = match inner {
            Expression::BooleanLiteral(literal) => Value::Bool(literal.value),
            Expression::NullLiteral(_) => Value::Null,
            Expression::NumericLiteral(_) | Expression::BigIntLiteral(_) => {
                Value::Number(self.slice(here).trim_end_matches('n').to_string())
            }
            Expression::StringLiteral(literal) => Value::Text(literal.value.to_string()),
            Expression::TemplateLiteral(template) if template.expressions.is_empty() => Value::Text(
                template
                    .quasis
                    .first()
                    .and_then(|part| part.value.cooked)
                    .map(|text| text.to_string())
                    .unwrap_or_default(),
            ),
            Expression::UnaryExpression(unary)
                if unary.operator == UnaryOperator::UnaryNegation
                    && matches!(
                        bare(&unary.argument),
                        Expression::NumericLiteral(_) | Expression::BigIntLiteral(_)
                    ) =>
            {
                Value::Number(self.slice(here).replace(' ', "").trim_end_matches('n').to_string())
            }
            Expression::UnaryExpression(unary) if unary.operator == UnaryOperator::Void => Value::Undefined,
            Expression::Identifier(identifier) => return self.identifier(inner, identifier, next, budget),
            Expression::ObjectExpression(object) => Value::Object(self.object(object, next, budget)),
            Expression::ArrayExpression(list) => {
                let mut nodes = Vec::with_capacity(list.elements.len().min(ELEMENTS + 1));
                for element in &list.elements {
                    if nodes.len() >= ELEMENTS {
                        nodes.push(self.opaque_text(span(element)));
                        break;
                    }
                    match element {
                        ArrayExpressionElement::Elision(_) => {}
                        ArrayExpressionElement::SpreadElement(spread) => {
                            nodes.extend(self.laid(spread, next, budget));
                        }
                        element => {
                            if let Some(element) = element.as_expression() {
                                nodes.push(self.value_at(element, next, budget));
                            }
                        }
                    }
                }
                Value::List(nodes)
            }
            Expression::ConditionalExpression(choice) => {
                let left = self.value_at(&choice.consequent, next, budget);
                let right = self.value_at(&choice.alternate, next, budget);
                let left = (left, self.case(&choice.test, true));
                let right = (right, self.case(&choice.test, false));
                return self.choice(inner, left, right);
            }
            Expression::LogicalExpression(both) => {
                let right = self.value_at(&both.right, next, budget);
                if both.operator == LogicalOperator::And {
                    let absent = Node { span: span(&both.left), value: Value::Undefined };
                    let right = (right, self.case(&both.left, true));
                    return self.choice(inner, right, (absent, self.case(&both.left, false)));
                }
                return self.instead(inner, both, right, next, budget);
            }
            Expression::AssignmentExpression(assignment) => {
                return self.value_at(&assignment.right, next, budget);
            }
            Expression::SequenceExpression(sequence) => match sequence.expressions.last() {
                Some(last) => return self.value_at(last, next, budget),
                None => return self.expression(inner, None),
            },
            _ => {
                let known = self.known_call(inner, next, budget);
                let known = known.or_else(|| self.made_list(inner, next, budget));
                let known = known.or_else(|| self.constant_member(inner, next, budget));
                return known.unwrap_or_else(|| self.expression(inner, None));
            }
        };
        Node { span: here, value }
    }

    /// `Prisma.validator<…>()({ … })`, `Object.freeze({ … })`, `Prisma.defineExtension`: what they are given.
    fn known_call(
        &mut self,
        expression: &'a Expression<'a>,
        depth: u32,
        budget: &mut Budget,
    ) -> Option<Node> {
        let call = as_call(expression)?;
        let first = argument(&call.arguments, 0)?;
        if let Some(inner) = as_call(&call.callee) {
            let member = as_member(&inner.callee)?;
            return (member.name == Some("validator")).then(|| self.value_at(first, depth, budget));
        }
        let member = as_member(&call.callee)?;
        let frozen = member.name == Some("freeze")
            && matches!(bare(member.object), Expression::Identifier(of) if of.name == "Object");
        frozen.then(|| self.value_at(first, depth, budget))
    }

    /// A member of an object that stands in the file: `selects.card`.
    fn constant_member(
        &mut self,
        expression: &'a Expression<'a>,
        depth: u32,
        budget: &mut Budget,
    ) -> Option<Node> {
        let member = as_member(expression)?;
        let name = member.name?;
        let object = bare(member.object);
        let in_file = match object {
            Expression::Identifier(identifier) => {
                let symbol = self.symbol_of(identifier)?;
                matches!(self.definition(symbol), Definition::Variable { declarator, steps, .. }
                if steps.is_empty() && declarator.init.as_ref().is_some_and(|init| {
                    matches!(bare(init), Expression::ObjectExpression(_))
                }))
            }
            other => as_member(other).is_some(),
        };
        if !in_file {
            return None;
        }
        let node = match object {
            Expression::Identifier(_) => self.value_at(object, depth, budget),
            other => self.constant_member(other, depth + 1, budget)?,
        };
        let found = match node.value {
            Value::Object(object) if !object.open => {
                object.properties.into_iter().rev().find(|property| property.name == name)
            }
            _ => None,
        }?;
        (!found.conditional).then_some(found.value)
    }

    /// `a ?? b`, `a || b`
    fn instead(
        &mut self,
        whole: &'a Expression<'a>,
        both: &'a LogicalExpression<'a>,
        right: Node,
        depth: u32,
        budget: &mut Budget,
    ) -> Node {
        let mut left = self.value_at(&both.left, depth, budget);
        let mut there = match both.operator {
            LogicalOperator::Or => self.case(&both.left, true),
            _ => super::cases::unknown(span(whole), true),
        };
        match &mut left.value {
            // The right side is taken then.
            Value::Expression { undefined, .. } => *undefined = None,
            Value::Choice { .. } => {
                let (gone, kept): (Vec<_>, Vec<_>) =
                    left.cases().into_iter().partition(|(one, _)| one.value == Value::Undefined);
                let object =
                    |(one, _): &(&Node, When)| matches!(one.value, Value::Object(_) | Value::List(_));
                let never = gone.into_iter().map(|(_, when)| when).reduce(|one, two| one.or(&two));
                if let Some(never) = never.as_ref().and_then(When::not).filter(|_| kept.iter().all(object)) {
                    there = never;
                }
                let kept = kept.into_iter().map(|(one, when)| (one.clone(), when)).collect();
                left.value = Value::decided(kept);
            }
            _ => {}
        }
        let absent = there.not().unwrap_or_default();
        self.choice(whole, (left, there), (right, absent))
    }

    /// One of two values, each under its conditions.
    pub(super) fn choice(
        &mut self,
        whole: &'a Expression<'a>,
        left: (Node, When),
        right: (Node, When),
    ) -> Node {
        let here = span(whole);
        let absent = |node: &Node| node.value == Value::Undefined;
        let scalar = |node: &Node| matches!(node.value, Value::Expression { .. });
        if (absent(&left.0) && scalar(&right.0)) || (absent(&right.0) && scalar(&left.0)) {
            let mut node = self.expression(whole, None);
            let (known, there) = if absent(&left.0) { right } else { left };
            if !matches!(known.value, Value::Expression { undefined: Some(Undefined::Deliberate), .. }) {
                self.there.insert(node.span, there);
            }
            if let Value::Expression { undefined, .. } = &mut node.value {
                *undefined = Some(Undefined::Deliberate);
            }
            return node;
        }
        let mut cases: Vec<(Node, When)> = Vec::new();
        for (node, outer) in [left, right] {
            for (one, inner) in node.cases() {
                let Some(when) = outer.and(&inner) else { continue };
                match cases.iter_mut().find(|(known, _)| known.value == one.value) {
                    Some((_, known)) => *known = known.or(&when),
                    None => cases.push((one.clone(), when)),
                }
            }
        }
        match cases.len() {
            0 => self.opaque_text(here),
            1 => cases.remove(0).0,
            _ => Node { span: here, value: Value::decided(cases) },
        }
    }

    fn object(&mut self, object: &'a ObjectExpression<'a>, depth: u32, budget: &mut Budget) -> Object {
        // Rarely less, and more where a spread is laid out.
        let properties = Vec::with_capacity(object.properties.len());
        let mut out = Object { properties, open: false };
        for property in &object.properties {
            match property {
                ObjectPropertyKind::ObjectProperty(property) => {
                    let here = span(&**property);
                    let value = self.value_at(&property.value, depth, budget);
                    let mut made = Property::new("", here, value);
                    if let Some(when) =
                        self.there.get(&made.value.span).filter(|_| is_deliberate(&made.value))
                    {
                        made.when = when.clone();
                    }
                    match key_name(&property.key) {
                        Some(name) => put(&mut out, Property { name, ..made }),
                        None => {
                            // `[field]: value`: one property, of a name that is not known.
                            let unknown = self.opaque_text(here);
                            open(&mut out, &unknown);
                        }
                    }
                }
                ObjectPropertyKind::SpreadProperty(spread) => {
                    let node = self.copied(&spread.argument, depth, budget);
                    self.spread(&mut out, node, &When::default());
                }
            }
        }
        out
    }

    fn identifier(
        &mut self,
        expression: &'a Expression<'a>,
        identifier: &'a IdentifierReference<'a>,
        depth: u32,
        budget: &mut Budget,
    ) -> Node {
        let here = span(identifier);
        let Some(symbol) = self.symbol_of(identifier) else {
            if identifier.name == "undefined" {
                return Node { span: here, value: Value::Undefined };
            }
            return self.expression(expression, None);
        };
        if self.following.contains(&symbol) {
            return self.expression(expression, None);
        }
        let Definition::Variable { declarator, steps, .. } = self.definition(symbol) else {
            return self.expression(expression, None);
        };
        let Some(init) = declarator.init.as_ref() else {
            return self.assigned_value(expression, symbol, None, depth, budget);
        };
        if steps.is_empty() && self.makes_list(init) {
            let node = self.assigned_value(expression, symbol, Some(init), depth, budget);
            let known = |one: &&Node| matches!(one.value, Value::List(_) | Value::Undefined);
            let list = node.alternatives().iter().all(known);
            return if list { node } else { self.expression(expression, None) };
        }
        if !steps.is_empty() || !laid_out(init) {
            let literal = steps.is_empty()
                && declarator.kind_of(self) == VariableDeclarationKind::Const
                && literal_like(init);
            if !literal {
                return self.expression(expression, None);
            }
        }
        self.assigned_value(expression, symbol, Some(init), depth, budget)
    }

    /// An expression whose value only the running program knows.
    pub(super) fn expression(&mut self, expression: &'a Expression<'a>, at: Option<Span>) -> Node {
        let inner = bare(expression);
        let here = at.unwrap_or_else(|| span(inner));
        let sources = self.sources(expression);
        let undefined = self.may_be_undefined(expression);
        // What was written into it since, neither other files nor callers know.
        if let Some(origin) = self.outside(inner)
            && !self.is_written_before(inner)
        {
            self.references.push(Reference { span: here, origin });
        }
        Node { span: here, value: Value::Expression { text: self.cut(here, 120), sources, undefined } }
    }

    /// What an expression stands for, where other files or callers know more of it.
    fn outside(&self, expression: &'a Expression<'a>) -> Option<Origin> {
        let plain = matches!(expression, Expression::Identifier(_))
            || as_member(expression).is_some()
            || as_call(expression).is_some()
            || matches!(expression, Expression::AwaitExpression(_));
        if !plain {
            return None;
        }
        let origin = self.origin(expression);
        known_outside(&origin).then_some(origin)
    }
}

fn known_outside(origin: &Origin) -> bool {
    match origin {
        Origin::Member(of, _) | Origin::Element(of) | Origin::Typed(of, _) => known_outside(of),
        Origin::Call(of, _) => !matches!(**of, Origin::Global(_)) && known_outside(of),
        Origin::Import(_)
        | Origin::Parameter { .. }
        | Origin::Variable(_)
        | Origin::Function(_)
        | Origin::This(_) => true,
        Origin::Result(_) => false,
        _ => false,
    }
}

fn is_deliberate(node: &Node) -> bool {
    matches!(node.value, Value::Expression { undefined: Some(Undefined::Deliberate), .. })
}
