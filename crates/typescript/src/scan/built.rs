//! Objects and lists that are built up: what is assigned to a name and to its members before it is read.

use oxc_ast::AstKind;
use oxc_ast::ast::{Argument, AssignmentOperator, Expression, SpreadElement, UnaryOperator};
use oxc_syntax::node::NodeId;
use oxc_syntax::symbol::SymbolId;
use pgsteward_model::code::{Node, Object, Property, Value, When};

use super::cases::unknown;
use super::reader::Reader;
use super::spread::{open, put};
use super::syntax::{id, span};
use super::value::{Budget, ELEMENTS};

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
        let mut values: Vec<(Node, When)> = Vec::new();
        let outer = self.reading;
        self.reading = outer.max(span(expression).start);
        if let Some(init) = init {
            values.push((self.value_at(init, depth, budget), When::default()));
        }
        let assigned = self.assigned(symbol);
        if init.is_none() && !assigned.is_empty() && self.starts_undefined(symbol) {
            values.push((Node { span: span(expression), value: Value::Undefined }, When::default()));
        }
        let reader_of = self.code_around(read).map(super::syntax::Code::id);
        for value in assigned {
            let before = span(value).end <= span(expression).start;
            // In the next turn of a loop it is what this one leaves behind, and another function may run before.
            if before || !values.is_empty() && self.may_come_before(id(value), read, symbol) {
                let here = before && self.code_around(id(value)).map(super::syntax::Code::id) == reader_of;
                let when = if here { self.cases_until(id(value), read) } else { unknown(span(value), true) };
                let mut node = self.value_at(value, depth, budget);
                if !before {
                    node = node.elsewhere(span(value).start as u64);
                }
                let otherwise = when.not();
                values.retain_mut(|(_, kept)| {
                    let left = otherwise.as_ref().and_then(|otherwise| kept.and(otherwise));
                    left.map(|left| *kept = left).is_some()
                });
                values.push((node, when));
            }
        }
        for (value, _) in &mut values {
            self.member_writes(symbol, read, value, depth, budget);
        }
        self.reading = outer;
        self.following.pop();
        let mut values = values.into_iter();
        let Some((mut node, mut when)) = values.next() else { return self.expression(expression, None) };
        for (value, under) in values {
            let both = when.or(&under);
            node = self.choice(expression, (node, when), (value, under));
            when = both;
        }
        node
    }

    /// `let where;`, of which TypeScript does not ask that it is assigned before it is read.
    fn starts_undefined(&self, symbol: SymbolId) -> bool {
        let AstKind::VariableDeclarator(declarator) =
            self.nodes.kind(self.scoping.symbol_declaration(symbol))
        else {
            return false;
        };
        let ty = self.type_text(declarator.type_annotation.as_deref());
        ty.is_none_or(|ty| {
            ty.split(|one: char| !one.is_alphanumeric()).any(|word| matches!(word, "undefined" | "any"))
        })
    }

    /// `where.x = …`, `where.a.b = …`, `Object.assign(where, …)`, `list.push(…)` between the declaration and the use.
    /// Where what is written is not known, neither is the object: it is open then.
    fn member_writes(
        &mut self,
        symbol: SymbolId,
        read: NodeId,
        node: &mut Node,
        depth: u32,
        budget: &mut Budget,
    ) {
        let shaped =
            |one: &Node| matches!(one.value, Value::Object(_) | Value::List(_) | Value::Expression { .. });
        if !node.alternatives().iter().copied().any(shaped) {
            return;
        }
        let before = span(&self.nodes.kind(read)).start.max(self.reading);
        let reader_of = self.code_around(read).map(super::syntax::Code::id);
        let uses: Vec<NodeId> = self.uses(symbol).collect();
        if !self.spend(uses.len() * 8) {
            let unknown = self.opaque_text(span(&self.nodes.kind(read)));
            return spoil(node, &[], &unknown);
        }
        for place in uses {
            let start = span(&self.nodes.kind(place)).start;
            let later = start > before;
            if place == read || later && !self.may_come_before(place, read, symbol) {
                continue;
            }
            let (mut path, at) = self.members_from(place);
            let here = span(&self.nodes.kind(at));
            let parent = self.nodes.parent_id(at);
            let here_too = self.code_around(place).map(super::syntax::Code::id) == reader_of;
            let when = if later || !here_too {
                unknown(span(&self.nodes.kind(place)), true)
            } else {
                self.cases_until(place, read)
            };
            match self.nodes.kind(parent) {
                AstKind::AssignmentExpression(assignment)
                    if !path.is_empty() && span(&assignment.left).contains(here) =>
                {
                    let value = if assignment.operator == AssignmentOperator::Assign {
                        self.value_at(&assignment.right, depth, budget)
                    } else {
                        self.expression(&assignment.right, None)
                    };
                    let unknown = self.opaque_text(span(assignment));
                    write(node, &path, &value, &unknown, &when);
                }
                AstKind::CallExpression(call)
                    if span(&call.callee).contains(here)
                        && path.last() == Some(&Some("push".to_string())) =>
                {
                    path.pop();
                    let unknown = self.opaque_text(span(call));
                    for one in &call.arguments {
                        let values = match one {
                            Argument::SpreadElement(spread) => self.laid(spread, depth, budget),
                            one => one
                                .as_expression()
                                .map(|one| self.value_at(one, depth, budget))
                                .into_iter()
                                .collect(),
                        };
                        push(node, &path, &values, &unknown, &when);
                    }
                }
                AstKind::CallExpression(call)
                    if path.is_empty()
                        && matches!(node.value, Value::Object(_))
                        && call.arguments.first().is_some_and(|first| span(first).start == start)
                        && self.slice(span(&call.callee)) == "Object.assign" =>
                {
                    for one in call.arguments.iter().skip(1) {
                        let value = match one.as_expression() {
                            Some(one) => self.copied(one, depth, budget),
                            None => self.opaque_text(span(one)),
                        };
                        if let Value::Object(object) = &mut node.value {
                            self.spread(object, value, &when);
                        }
                    }
                }
                AstKind::UnaryExpression(unary)
                    if unary.operator == UnaryOperator::Delete
                        && matches!((&node.value, path.as_slice()), (Value::Object(_), [Some(_)])) =>
                {
                    if let (Value::Object(object), [Some(name)]) = (&mut node.value, path.as_slice()) {
                        remove(object, name, &when);
                    }
                }
                // `[where.x] = values`
                AstKind::ArrayAssignmentTarget(_)
                | AstKind::AssignmentTargetPropertyProperty(_)
                | AstKind::AssignmentTargetWithDefault(_)
                    if !path.is_empty() =>
                {
                    let unknown = self.opaque_text(here);
                    write(node, &path, &unknown, &unknown, &when);
                }
                _ => {
                    let mut found = Vec::new();
                    self.written_at(place, path, at, 0, &mut found);
                    for one in found.iter().filter(|one| !one.replaces()) {
                        if self.may_come_before(one.place, read, symbol) {
                            let unknown = self.opaque_text(span(&self.nodes.kind(parent)));
                            spoil(node, &one.path, &unknown);
                        }
                    }
                }
            }
        }
    }

    /// What `...rows` lays out in a list.
    pub(super) fn laid(
        &mut self,
        spread: &'a SpreadElement<'a>,
        depth: u32,
        budget: &mut Budget,
    ) -> Vec<Node> {
        match self.copied(&spread.argument, depth, budget).value {
            Value::List(nodes) => nodes,
            _ => vec![self.expression(&spread.argument, Some(span(spread)))],
        }
    }
}

fn write(node: &mut Node, path: &[Option<String>], value: &Node, unknown: &Node, when: &When) {
    match (&mut node.value, path) {
        (Value::Choice { nodes, .. }, _) => {
            nodes.iter_mut().for_each(|one| write(one, path, value, unknown, when));
        }
        (Value::Object(object), [Some(name)]) => {
            let written = Property::new(name.as_str(), unknown.span, value.clone()).under(when);
            written.into_iter().for_each(|written| put(object, written));
        }
        (Value::Object(object), [Some(name), rest @ ..]) if object.get(name).is_some() => {
            let properties = object.properties.iter_mut().filter(|property| property.name == *name);
            properties.for_each(|property| write(&mut property.value, rest, value, unknown, when));
        }
        _ => spoil(node, path, unknown),
    }
}

fn push(node: &mut Node, path: &[Option<String>], values: &[Node], unknown: &Node, when: &When) {
    match (&mut node.value, path) {
        (Value::Choice { nodes, .. }, _) => {
            nodes.iter_mut().for_each(|one| push(one, path, values, unknown, when));
        }
        // However many a callback makes, that many are there in the end.
        (Value::List(list), [])
            if list.is_empty() && Value::List(values.to_vec()).as_repeated().is_some() =>
        {
            list.extend_from_slice(values);
        }
        (Value::List(list), []) if list.len() + values.len() <= ELEMENTS => {
            list.extend(values.iter().map(|value| {
                let Some(otherwise) = when.not() else { return value.clone() };
                let absent = Node { span: value.span, value: Value::Undefined };
                let cases = vec![(value.clone(), when.clone()), (absent, otherwise)];
                Node { span: value.span, value: Value::decided(cases) }
            }));
        }
        (Value::Object(object), [Some(name), rest @ ..]) if object.get(name).is_some() => {
            let properties = object.properties.iter_mut().filter(|property| property.name == *name);
            properties.for_each(|property| push(&mut property.value, rest, values, unknown, when));
        }
        _ => spoil(node, path, unknown),
    }
}

/// `delete where.x`
fn remove(object: &mut Object, name: &str, when: &When) {
    let otherwise = when.not();
    let left = std::mem::take(&mut object.properties).into_iter().filter_map(|property| {
        if property.name != name { Some(property) } else { property.under(otherwise.as_ref()?) }
    });
    object.properties = left.collect();
}

/// Something is written at a path, and the text does not tell what.
fn spoil(node: &mut Node, path: &[Option<String>], unknown: &Node) {
    match (&mut node.value, path) {
        (Value::Choice { nodes, .. }, _) => nodes.iter_mut().for_each(|one| spoil(one, path, unknown)),
        (Value::Object(object), [Some(name), rest @ ..]) if object.get(name).is_some() => {
            let properties = object.properties.iter_mut().filter(|property| property.name == *name);
            properties.for_each(|property| spoil(&mut property.value, rest, unknown));
        }
        (Value::Object(object), _) => open(object, unknown),
        (Value::List(list), _) => list.push(unknown.clone()),
        // What other files or callers say of it, they say of its place in the text: it is another thing by now.
        (Value::Expression { .. }, _) => node.span = unknown.span,
        _ => {}
    }
}
