//! Objects and lists that are built up: what is assigned to a name and to its members before it is read.

use oxc_ast::AstKind;
use oxc_ast::ast::{AssignmentOperator, Expression, UnaryOperator};
use oxc_syntax::node::NodeId;
use oxc_syntax::symbol::SymbolId;
use pgsteward_model::code::{Node, Property, Value};
use pgsteward_model::source::Span;

use super::reader::Reader;
use super::syntax::{id, span};
use super::value::{Budget, ELEMENTS, put};

impl<'a> Reader<'_, 'a> {
    /// The value of a variable: its first one, and what is assigned to it and to its members before it is read.
    pub(super) fn assigned_value(
        &mut self,
        expression: &'a Expression<'a>,
        symbol: SymbolId,
        init: Option<&'a Expression<'a>>,
        depth: u32,
        budget: &mut Budget,
    ) -> Node {
        self.following.push(symbol);
        let read = id(expression);
        let mut values = Vec::new();
        if let Some(init) = init {
            values.push(self.value_at(init, depth, budget));
        }
        for value in self.assigned(symbol) {
            if span(value).end <= span(expression).start {
                values.push(self.value_at(value, depth, budget));
            }
        }
        if values.is_empty() {
            self.following.pop();
            return self.expression(expression, None);
        }
        for value in &mut values {
            self.member_writes(symbol, read, value, depth, budget);
        }
        self.following.pop();
        let mut values = values.into_iter();
        let mut node = values.next().unwrap_or_default();
        for value in values {
            node = self.choice(expression, node, value);
        }
        node
    }

    /// `where.x = …`, `where.a.b = …`, `Object.assign(where, …)`, `list.push(…)` between the declaration and the use.
    fn member_writes(
        &mut self,
        symbol: SymbolId,
        read: NodeId,
        node: &mut Node,
        depth: u32,
        budget: &mut Budget,
    ) {
        let (Value::Object(_) | Value::List(_)) = node.value else { return };
        let before = span(&self.nodes.kind(read)).start;
        let reader_of = self.code_around(read).map(super::syntax::Code::id);
        let uses: Vec<NodeId> = self.uses(symbol).collect();
        if !self.spend(uses.len() * 8) {
            return;
        }
        for place in uses {
            if place == read || span(&self.nodes.kind(place)).start > before {
                continue;
            }
            let mut path = Vec::new();
            let mut at = place;
            let mut parent = self.nodes.parent_id(at);
            loop {
                match self.nodes.kind(parent) {
                    AstKind::StaticMemberExpression(member) => {
                        path.push(Some(member.property.name.to_string()));
                    }
                    AstKind::ComputedMemberExpression(member) if id(&member.object) == at => {
                        path.push(member.static_property_name().map(|name| name.to_string()));
                    }
                    AstKind::TSNonNullExpression(_) | AstKind::TSAsExpression(_) => {}
                    _ => break,
                }
                at = parent;
                parent = self.nodes.parent_id(at);
            }
            let conditional = self.code_around(place).map(super::syntax::Code::id) != reader_of
                || self.conditional_since(place, symbol);
            match self.nodes.kind(parent) {
                AstKind::AssignmentExpression(assignment)
                    if !path.is_empty() && span(&assignment.left).contains(span(&self.nodes.kind(at))) =>
                {
                    let value = if assignment.operator == AssignmentOperator::Assign {
                        self.value_at(&assignment.right, depth, budget)
                    } else {
                        self.expression(&assignment.right, None)
                    };
                    let whole = span(assignment);
                    write(node, &path, value, whole, conditional);
                }
                AstKind::CallExpression(call) if path.last() == Some(&Some("push".to_string())) => {
                    path.pop();
                    for one in &call.arguments {
                        if let Some(one) = one.as_expression() {
                            let value = self.value_at(one, depth, budget);
                            push(node, &path, value, conditional);
                        }
                    }
                }
                AstKind::CallExpression(call)
                    if path.is_empty()
                        && call.arguments.first().is_some_and(|first| {
                            span(first).start == span(&self.nodes.kind(place)).start
                        })
                        && self.slice(span(&call.callee)) == "Object.assign" =>
                {
                    for one in call.arguments.iter().skip(1) {
                        let Some(one) = one.as_expression() else { continue };
                        let value = self.value_at(one, depth, budget);
                        if let Value::Object(object) = &mut node.value {
                            self.spread(object, value, conditional);
                        }
                    }
                }
                AstKind::UnaryExpression(unary) if unary.operator == UnaryOperator::Delete => {
                    if let (Value::Object(object), [Some(name)]) = (&mut node.value, path.as_slice()) {
                        for property in &mut object.properties {
                            property.conditional |= property.name == *name;
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// A condition or a loop stands between a place and the block that declares a name.
    fn conditional_since(&self, place: NodeId, symbol: SymbolId) -> bool {
        let declared = self.scoping.symbol_declaration(symbol);
        let block = self.nodes.ancestor_ids(declared).find(|id| {
            matches!(
                self.nodes.kind(*id),
                AstKind::BlockStatement(_) | AstKind::FunctionBody(_) | AstKind::Program(_)
            )
        });
        for id in self.nodes.ancestor_ids(place) {
            if Some(id) == block {
                return false;
            }
            if matches!(
                self.nodes.kind(id),
                AstKind::IfStatement(_)
                    | AstKind::SwitchCase(_)
                    | AstKind::ConditionalExpression(_)
                    | AstKind::LogicalExpression(_)
                    | AstKind::ForStatement(_)
                    | AstKind::ForOfStatement(_)
                    | AstKind::ForInStatement(_)
                    | AstKind::WhileStatement(_)
                    | AstKind::CatchClause(_)
            ) {
                return true;
            }
        }
        false
    }
}

fn write(node: &mut Node, path: &[Option<String>], value: Node, whole: Span, conditional: bool) {
    let Value::Object(object) = &mut node.value else { return };
    let [first, rest @ ..] = path else { return };
    let Some(name) = first else {
        object.open = true;
        return;
    };
    if rest.is_empty() {
        put(object, Property { name: name.clone(), span: whole, conditional, value });
    } else if let Some(property) = object.properties.iter_mut().rev().find(|property| property.name == *name)
    {
        write(&mut property.value, rest, value, whole, conditional);
    } else {
        object.open = true;
    }
}

fn push(node: &mut Node, path: &[Option<String>], value: Node, conditional: bool) {
    match (&mut node.value, path) {
        (Value::List(list), []) if list.len() < ELEMENTS => {
            let node = if conditional {
                let absent = Node { span: value.span, value: Value::Undefined };
                Node { span: value.span, value: Value::Choice(vec![value, absent]) }
            } else {
                value
            };
            list.push(node);
        }
        (Value::Object(object), [Some(name), rest @ ..]) => {
            if let Some(property) = object.properties.iter_mut().rev().find(|property| property.name == *name)
            {
                push(&mut property.value, rest, value, conditional);
            } else {
                object.open = true;
            }
        }
        _ => {}
    }
}
