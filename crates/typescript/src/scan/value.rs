//! Expressions as values: what the text says they are.

use oxc_ast::AstKind;
use oxc_ast::ast::{
    ArrayExpressionElement, AssignmentOperator, CallExpression, Expression, IdentifierReference,
    LogicalOperator, ObjectExpression, ObjectPropertyKind, UnaryOperator, VariableDeclarationKind,
};
use oxc_syntax::node::NodeId;
use oxc_syntax::symbol::SymbolId;
use pgsteward_model::code::{Node, Object, Property, Undefined, Value};
use pgsteward_model::source::Span;

use super::reader::{DEPTH, Definition, Reader};
use super::syntax::{argument, as_call, as_member, bare, id, key_name, span};
use crate::unit::{Origin, Reference, SPREAD};

/// A list longer than this is cut: its rest is one expression.
const ELEMENTS: usize = 200;
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

    /// The first argument of a call; `Undefined` where there is none.
    pub(super) fn argument_value(&mut self, call: &'a CallExpression<'a>, index: usize) -> Node {
        match call.arguments.get(index) {
            None => Node { span: Span::new(span(call).end, span(call).end), value: Value::Undefined },
            Some(one) => match one.as_expression() {
                Some(expression) => self.value(expression),
                None => self.opaque_text(span(one)),
            },
        }
    }

    fn opaque_text(&self, span: Span) -> Node {
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
                let mut nodes = Vec::new();
                for element in &list.elements {
                    if nodes.len() >= ELEMENTS {
                        nodes.push(self.opaque_text(span(element)));
                        break;
                    }
                    match element {
                        ArrayExpressionElement::Elision(_) => {}
                        ArrayExpressionElement::SpreadElement(spread) => {
                            match self.value_at(&spread.argument, next, budget).value {
                                Value::List(more) => nodes.extend(more),
                                _ => nodes.push(self.expression(&spread.argument, Some(span(&**spread)))),
                            }
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
                return self.choice(inner, left, right);
            }
            Expression::LogicalExpression(both) => {
                let right = self.value_at(&both.right, next, budget);
                if both.operator == LogicalOperator::And {
                    let absent = Node { span: span(&both.left), value: Value::Undefined };
                    return self.choice(inner, right, absent);
                }
                let mut left = self.value_at(&both.left, next, budget);
                if let Value::Expression { undefined, .. } = &mut left.value {
                    // `??` and `||` take the right side then.
                    *undefined = None;
                }
                return self.choice(inner, left, right);
            }
            Expression::AssignmentExpression(assignment) => {
                return self.value_at(&assignment.right, next, budget);
            }
            Expression::SequenceExpression(sequence) => match sequence.expressions.last() {
                Some(last) => return self.value_at(last, next, budget),
                None => return self.expression(inner, None),
            },
            _ => match self.known_call(inner, next, budget) {
                Some(node) => return node,
                None => match self.constant_member(inner, next, budget) {
                    Some(node) => return node,
                    None => return self.expression(inner, None),
                },
            },
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

    fn choice(&mut self, whole: &'a Expression<'a>, left: Node, right: Node) -> Node {
        let here = span(whole);
        let absent = |node: &Node| node.value == Value::Undefined;
        let scalar = |node: &Node| matches!(node.value, Value::Expression { .. });
        if (absent(&left) && scalar(&right)) || (absent(&right) && scalar(&left)) {
            let mut node = self.expression(whole, None);
            if let Value::Expression { undefined, .. } = &mut node.value {
                *undefined = Some(Undefined::Deliberate);
            }
            return node;
        }
        let mut nodes = Vec::new();
        for node in [left, right] {
            match node.value {
                Value::Choice(more) => nodes.extend(more),
                _ if nodes.iter().any(|one: &Node| one.value == node.value) => {}
                _ => nodes.push(node),
            }
        }
        match (nodes.len(), nodes.pop()) {
            (1, Some(only)) => only,
            (_, Some(last)) => {
                nodes.push(last);
                Node { span: here, value: Value::Choice(nodes) }
            }
            (_, None) => self.opaque_text(here),
        }
    }

    fn object(&mut self, object: &'a ObjectExpression<'a>, depth: u32, budget: &mut Budget) -> Object {
        let mut out = Object::default();
        for property in &object.properties {
            match property {
                ObjectPropertyKind::ObjectProperty(property) => {
                    let here = span(&**property);
                    let value = self.value_at(&property.value, depth, budget);
                    match key_name(&property.key) {
                        Some(name) => put(&mut out, Property { name, span: here, conditional: false, value }),
                        None => {
                            // `[field]: value`: one property, of a name that is not known.
                            out.open = true;
                        }
                    }
                }
                ObjectPropertyKind::SpreadProperty(spread) => {
                    let node = self.value_at(&spread.argument, depth, budget);
                    self.spread(&mut out, node, false);
                }
            }
        }
        out
    }

    /// Lays a spread value out in an object.
    fn spread(&mut self, into: &mut Object, node: Node, conditional: bool) {
        match node.value {
            Value::Object(object) => {
                into.open |= object.open;
                for mut property in object.properties {
                    property.conditional |= conditional;
                    put(into, property);
                }
            }
            // `...(a && { b })`, `...(a ? { b } : {})`
            Value::Choice(nodes) => {
                for node in nodes {
                    self.spread(into, node, true);
                }
            }
            Value::Undefined | Value::Null | Value::Bool(_) => {}
            _ => {
                into.open = true;
                let here = node.span;
                into.properties.push(Property { name: SPREAD.into(), span: here, conditional, value: node });
            }
        }
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

    /// The value of a variable: its first one, and what is assigned to it and to its members before it is read.
    fn assigned_value(
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
                    AstKind::ComputedMemberExpression(member) if id_of(&member.object) == at => {
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

    /// An expression whose value only the running program knows.
    pub(super) fn expression(&mut self, expression: &'a Expression<'a>, at: Option<Span>) -> Node {
        let inner = bare(expression);
        let here = at.unwrap_or_else(|| span(inner));
        let sources = self.sources(expression);
        let undefined = self.may_be_undefined(expression);
        if let Some(origin) = self.outside(inner) {
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

fn id_of(expression: &Expression) -> NodeId {
    id(expression)
}

/// Followed although it may change: objects and lists that are built up, conditions between such.
fn laid_out(init: &Expression) -> bool {
    match bare(init) {
        Expression::ObjectExpression(_) | Expression::ArrayExpression(_) => true,
        Expression::ConditionalExpression(choice) => {
            laid_or_literal(&choice.consequent) && laid_or_literal(&choice.alternate)
        }
        Expression::LogicalExpression(both) => laid_out(&both.right),
        Expression::Identifier(name) => name.name == "undefined",
        other => as_call(other).is_some_and(|call| {
            as_call(&call.callee)
                .and_then(|inner| as_member(&inner.callee))
                .is_some_and(|member| member.name == Some("validator"))
        }),
    }
}

fn laid_or_literal(init: &Expression) -> bool {
    laid_out(init) || literal_like(init)
}

fn literal_like(init: &Expression) -> bool {
    match bare(init) {
        Expression::StringLiteral(_)
        | Expression::NumericLiteral(_)
        | Expression::BooleanLiteral(_)
        | Expression::NullLiteral(_)
        | Expression::BigIntLiteral(_) => true,
        Expression::TemplateLiteral(template) => template.expressions.is_empty(),
        // `const filter = base`, `const card = selects.card`
        Expression::Identifier(_) => true,
        Expression::UnaryExpression(unary) => literal_like(&unary.argument),
        other => as_member(other).is_some_and(|member| {
            member.name.is_some() && matches!(bare(member.object), Expression::Identifier(_))
        }),
    }
}

trait Kind {
    fn kind_of(&self, reader: &Reader) -> VariableDeclarationKind;
}

impl Kind for oxc_ast::ast::VariableDeclarator<'_> {
    fn kind_of(&self, reader: &Reader) -> VariableDeclarationKind {
        match reader.nodes.parent_kind(self.node_id()) {
            AstKind::VariableDeclaration(declaration) => declaration.kind,
            _ => VariableDeclarationKind::Var,
        }
    }
}

/// A property put after others replaces those of its name; a conditional one stands beside them.
fn put(object: &mut Object, property: Property) {
    if !property.conditional {
        object.properties.retain(|one| one.name != property.name || one.name == SPREAD);
    }
    object.properties.push(property);
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
