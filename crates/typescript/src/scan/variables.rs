//! Variables: what they hold.

use oxc_ast::AstKind;
use oxc_ast::ast::{Expression, UnaryOperator, VariableDeclarationKind};
use oxc_syntax::node::NodeId;
use oxc_syntax::symbol::SymbolId;
use pgsteward_model::code::{Node, Object, Property, Value};

use super::reader::{Definition, Reader};
use super::syntax::{bare, names, span};
use crate::unit::{Origin, Variable};

impl<'a> Reader<'_, 'a> {
    pub(super) fn read_variable(&mut self, node: NodeId) -> Vec<SymbolId> {
        let AstKind::VariableDeclarator(declarator) = self.nodes.kind(node) else { return Vec::new() };
        let function = self.function_around(node);
        let constant = matches!(self.nodes.parent_kind(node), AstKind::VariableDeclaration(declaration)
            if declaration.kind == VariableDeclarationKind::Const);
        let mut symbols = Vec::new();
        for name in names(&declarator.id) {
            let Some(symbol) = name.symbol_id.get() else { continue };
            self.variables.insert(symbol, self.unit.variables.len());
            self.unit.variables.push(Variable {
                name: name.name.to_string(),
                span: span(name),
                function,
                ty: self.type_text(declarator.type_annotation.as_deref()),
                origin: Origin::Unknown,
                holds: None,
                mutable: !constant && self.scoping.symbol_is_mutated(symbol),
                value: None,
            });
            symbols.push(symbol);
        }
        symbols
    }

    /// What a variable holds, once all names are known.
    pub(super) fn fill_variable(&mut self, symbol: SymbolId) {
        let Some(index) = self.variables.get(&symbol).copied() else { return };
        let origin = self.variable_origin(symbol);
        let Definition::Variable { declarator, steps, .. } = self.definition(symbol) else {
            self.unit.variables[index].origin = origin;
            return;
        };
        let init = declarator.init.as_ref().filter(|_| steps.is_empty());
        let holds = init.and_then(|init| self.held_function(init));
        let mut value = None;
        if let Some(init) = init
            && self.unit.variables[index].function == 0
            && holds.is_none()
        {
            value = Some(self.value(init)).filter(worth_keeping);
        }
        let into = &mut self.unit.variables[index];
        into.origin = origin;
        into.holds = holds;
        into.value = value;
    }

    /// An enum is an object of its members. Of those that are computed the value is not known, and there may be more of
    /// them than are written here: a namespace of the same name or another block of the enum adds its own.
    pub(super) fn read_enum(&mut self, node: NodeId) {
        let AstKind::TSEnumDeclaration(declaration) = self.nodes.kind(node) else { return };
        let Some(symbol) = declaration.id.symbol_id.get() else { return };
        let mut object = Object { open: true, ..Object::default() };
        // What a member without a value is: one more than the number before it.
        let mut next = Some(0_i64);
        for member in &declaration.body.members {
            let here = span(member);
            let value = match &member.initializer {
                Some(value) => literal(value),
                None => next.map(|number| Value::Number(number.to_string())),
            };
            next = match &value {
                Some(Value::Number(text)) => {
                    text.parse::<i64>().ok().and_then(|number| number.checked_add(1))
                }
                _ => None,
            };
            if let Some(value) = value {
                let value = Node { span: here, value };
                object.properties.push(Property::new(member.id.static_name(), here, value));
            }
        }
        self.variables.insert(symbol, self.unit.variables.len());
        self.unit.variables.push(Variable {
            name: declaration.id.name.to_string(),
            span: span(&declaration.id),
            function: self.function_around(node),
            ty: None,
            origin: Origin::Unknown,
            holds: None,
            mutable: false,
            value: Some(Node { span: span(declaration), value: Value::Object(object) }),
        });
    }
}

/// The text or number that a member of an enum is set to.
fn literal(expression: &Expression) -> Option<Value> {
    match bare(expression) {
        Expression::StringLiteral(text) => Some(Value::Text(text.value.to_string())),
        Expression::NumericLiteral(number) => Some(Value::Number(number.value.to_string())),
        Expression::UnaryExpression(unary) if unary.operator == UnaryOperator::UnaryNegation => {
            match literal(&unary.argument)? {
                Value::Number(text) => Some(Value::Number(format!("-{text}"))),
                _ => None,
            }
        }
        Expression::TemplateLiteral(template) if template.expressions.is_empty() => {
            let text = template.quasis.first()?.value.cooked?;
            Some(Value::Text(text.to_string()))
        }
        _ => None,
    }
}

fn worth_keeping(node: &Node) -> bool {
    matches!(
        node.value,
        Value::Object(_)
            | Value::List(_)
            | Value::Text(_)
            | Value::Number(_)
            | Value::Bool(_)
            | Value::Choice { .. }
    )
}
