//! What functions return, and where they are given away.

use oxc_ast::AstKind;
use oxc_ast::ast::Expression;
use oxc_syntax::node::NodeId;
use pgsteward_model::code::{Node, Value};

use super::reader::Reader;
use super::syntax::{Code, span};
use crate::unit::Origin;

/// Values of returns that are kept: one more than linking tells apart, so that it sees that there are too many.
const RETURNED: usize = 5;

impl<'a> Reader<'_, 'a> {
    /// A `return`, or the expression of an arrow function without braces.
    pub(super) fn read_return(&mut self, node: NodeId) {
        let (code, value) = match self.nodes.kind(node) {
            AstKind::ReturnStatement(statement) => {
                let Some(value) = &statement.argument else { return };
                let Some(code) = self.code_around(node) else { return };
                (code, value)
            }
            AstKind::ArrowFunctionExpression(arrow) => {
                let Some(value) = arrow.get_expression() else { return };
                (Code::Arrow(arrow), value)
            }
            _ => return,
        };
        let Some(function) = self.functions.get(&code.id()).copied() else { return };
        let origin = self.value_origin(value);
        if origin != Origin::Unknown && !self.unit.functions[function].returns.contains(&origin) {
            self.unit.functions[function].returns.push(origin);
        }
        if self.unit.functions[function].returned.len() < RETURNED {
            let node = if fragment_like(value) { self.value(value) } else { Node::default() };
            let node = match (node.value, super::syntax::bare(value)) {
                (value @ (Value::Object(_) | Value::List(_) | Value::Choice { .. }), _) => {
                    Node { span: node.span, value }
                }
                (_, Expression::NullLiteral(_)) => Node { span: span(value), value: Value::Null },
                (_, inner) if inner.is_undefined() => Node { span: span(value), value: Value::Undefined },
                // No more is kept of it than that there is such a one.
                _ => {
                    let unknown =
                        Value::Expression { text: String::new(), sources: Vec::new(), undefined: None };
                    Node { span: span(value), value: unknown }
                }
            };
            self.unit.functions[function].returned.push(node);
        }
    }

    /// Functions that are used as values: stored, handed to functions that are not followed.
    pub(super) fn mark_given_away(&mut self) {
        let mut given = Vec::new();
        for (index, node) in self.function_nodes.iter().enumerate() {
            let symbol = match self.nodes.kind(*node) {
                AstKind::Function(function) if function.is_declaration() => {
                    function.id.as_ref().and_then(|name| name.symbol_id.get())
                }
                _ => match self.nodes.parent_kind(*node) {
                    AstKind::VariableDeclarator(declarator) => {
                        declarator.id.get_binding_identifier().and_then(|name| name.symbol_id.get())
                    }
                    _ => None,
                },
            };
            let Some(symbol) = symbol else { continue };
            if self.uses(symbol).any(|place| self.is_given(place)) {
                given.push(index + 1);
            }
        }
        for function in given {
            self.unit.functions[function].given_away = true;
        }
    }

    fn is_given(&self, place: NodeId) -> bool {
        let here = span(&self.nodes.kind(place));
        let parent = self.nodes.parent_id(place);
        match self.nodes.kind(parent) {
            AstKind::CallExpression(call) => {
                span(&call.callee) != here
                    && !self.invocations.get(&parent).is_some_and(|at| self.unit.invocations[*at].by_value)
            }
            AstKind::NewExpression(new) => span(&new.callee) != here,
            AstKind::ObjectProperty(_) | AstKind::ArrayExpression(_) | AstKind::ReturnStatement(_) => true,
            AstKind::AssignmentExpression(_) | AstKind::JSXExpressionContainer(_) => true,
            AstKind::VariableDeclarator(_)
            | AstKind::ConditionalExpression(_)
            | AstKind::LogicalExpression(_) => true,
            _ => false,
        }
    }
}

/// Worth keeping: objects and lists, such as fragments of `where`.
fn fragment_like(value: &Expression) -> bool {
    matches!(
        super::syntax::bare(value),
        Expression::ObjectExpression(_)
            | Expression::ArrayExpression(_)
            | Expression::ConditionalExpression(_)
            | Expression::Identifier(_)
    )
}
