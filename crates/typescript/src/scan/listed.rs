//! Lists that callbacks make of others: `rows.map((row) => ({ … }))`, and what is done to such lists.

use oxc_ast::ast::{CallExpression, Expression, Statement};
use pgsteward_model::code::{Node, Value, When};

use super::reader::{Definition, Reader};
use super::syntax::{Code, argument, as_call, as_member, bare, settled, span};
use super::value::Budget;

/// Returns of a callback that are looked at.
const RETURNS: usize = 4;

impl<'a> Reader<'_, 'a> {
    /// Whether an expression may be a list that [`Reader::made_list`] knows. Cheap, as most calls are none.
    pub(super) fn makes_list(&self, expression: &'a Expression<'a>) -> bool {
        let Some(call) = as_call(settled(expression)) else { return false };
        let Some(member) = as_member(&call.callee) else { return false };
        match member.name {
            Some("map" | "flatMap") => {
                argument(&call.arguments, 0).is_some_and(|given| self.makes_objects(given))
            }
            Some("from") if is_global(member.object, "Array") => {
                argument(&call.arguments, 1).is_some_and(|given| self.makes_objects(given))
            }
            Some("all") if is_global(member.object, "Promise") => {
                argument(&call.arguments, 0).is_some_and(|list| self.makes_list(list))
            }
            Some("filter" | "flat" | "slice") => {
                matches!(settled(member.object), Expression::ArrayExpression(_))
                    && member.name == Some("filter")
                    || self.makes_list(member.object)
            }
            _ => false,
        }
    }

    /// The value of such a list; none where its elements are no objects or not known.
    pub(super) fn made_list(
        &mut self,
        expression: &'a Expression<'a>,
        depth: u32,
        budget: &mut Budget,
    ) -> Option<Node> {
        if !self.makes_list(expression) {
            return None;
        }
        let here = span(bare(expression));
        let call = as_call(settled(expression))?;
        let member = as_member(&call.callee)?;
        let value = match member.name? {
            name @ ("map" | "flatMap" | "from") => {
                let callback = argument(&call.arguments, usize::from(name == "from"))?;
                let mut one = self.each_made(callback, depth, budget)?;
                if name == "flatMap" {
                    one = flattened(one)?;
                }
                let objects = |node: &&Node| matches!(node.value, Value::Object(_));
                let absent = |node: &&Node| matches!(node.value, Value::Undefined | Value::Null);
                let all = one.alternatives();
                if !all.iter().all(|node| objects(node) || absent(node)) || !all.iter().any(objects) {
                    return None;
                }
                Value::repeated(one)
            }
            "all" => self.made_list(argument(&call.arguments, 0)?, depth, budget)?.value,
            "filter" => match self.value_at(member.object, depth, budget).value {
                list @ Value::List(_) if list.as_repeated().is_some() => {
                    let one = list.as_repeated().map(present)?;
                    Value::repeated(one)
                }
                Value::List(nodes) => {
                    let only_truth = argument(&call.arguments, 0).is_some_and(|by| is_global(by, "Boolean"));
                    Value::List(nodes.iter().map(|node| kept(node, only_truth)).collect::<Option<_>>()?)
                }
                _ => return None,
            },
            "flat" | "slice" => {
                let list = self.value_at(member.object, depth, budget).value;
                list.as_repeated()?;
                list
            }
            _ => return None,
        };
        let list = Node { span: here, value };
        if !may_stop(call, member.object) && !member.optional {
            return Some(list);
        }
        let absent = Node { span: here, value: Value::Undefined };
        Some(Node { span: here, value: Value::choice(vec![list, absent]) })
    }

    /// A callback that returns objects that are written out.
    fn makes_objects(&self, callback: &'a Expression<'a>) -> bool {
        let Some(code) = self.called_back(callback) else { return false };
        match (code.expression(), code.body()) {
            (Some(expression), _) => self.object_like(expression),
            (None, Some(body)) => {
                let mut returns = Vec::new();
                every_return(&body.statements, &mut returns) == Some(true)
                    && returns.len() <= RETURNS
                    && returns.iter().any(|value| self.object_like(value))
            }
            _ => false,
        }
    }

    fn called_back(&self, callback: &'a Expression<'a>) -> Option<Code<'a>> {
        Code::of_expression(callback)
    }

    fn object_like(&self, expression: &'a Expression<'a>) -> bool {
        match bare(expression) {
            Expression::ObjectExpression(_) => true,
            Expression::ArrayExpression(list) => {
                list.elements.iter().any(|one| one.as_expression().is_some_and(|one| self.object_like(one)))
            }
            Expression::ConditionalExpression(choice) => {
                self.object_like(&choice.consequent) || self.object_like(&choice.alternate)
            }
            Expression::LogicalExpression(both) => self.object_like(&both.right),
            Expression::Identifier(name) => {
                let Some(symbol) = self.symbol_of(name) else { return false };
                matches!(self.definition(symbol), Definition::Variable { declarator, steps, .. }
                if steps.is_empty() && declarator.init.as_ref().is_some_and(|init| {
                    matches!(bare(init), Expression::ObjectExpression(_))
                }))
            }
            _ => self.makes_list(expression),
        }
    }

    /// What a callback returns, each time that it is called.
    fn each_made(&mut self, callback: &'a Expression<'a>, depth: u32, budget: &mut Budget) -> Option<Node> {
        let code = self.called_back(callback)?;
        if let Some(expression) = code.expression() {
            return Some(self.value_at(expression, depth, budget));
        }
        let mut returns = Vec::new();
        every_return(&code.body()?.statements, &mut returns)?;
        let mut values = Vec::new();
        for value in returns {
            let node = self.value_at(value, depth, budget);
            if !values.contains(&node) {
                values.push(node);
            }
        }
        match values.len() {
            0 => None,
            1 => values.pop(),
            _ => Some(Node { span: span(callback), value: Value::choice(values) }),
        }
    }
}

/// `a?.b.map(…)`: a `?.` on the way leaves the whole of it `undefined`.
fn may_stop(call: &CallExpression, mut object: &Expression) -> bool {
    if call.optional {
        return true;
    }
    loop {
        if let Some(member) = as_member(object) {
            if member.optional {
                return true;
            }
            object = member.object;
        } else if let Some(call) = as_call(object) {
            if call.optional {
                return true;
            }
            object = &call.callee;
        } else {
            return false;
        }
    }
}

fn is_global(expression: &Expression, name: &str) -> bool {
    matches!(bare(expression), Expression::Identifier(of) if of.name == name)
}

/// Collects the values of all `return`s; true where the end cannot be reached without one, none where one may be missed.
fn every_return<'a>(statements: &'a [Statement<'a>], found: &mut Vec<&'a Expression<'a>>) -> Option<bool> {
    for statement in statements {
        let ends = match statement {
            Statement::ReturnStatement(back) => {
                found.push(back.argument.as_ref()?);
                true
            }
            Statement::ThrowStatement(_) => true,
            Statement::BlockStatement(block) => every_return(&block.body, found)?,
            Statement::IfStatement(choice) => {
                let then = every_return(std::slice::from_ref(&choice.consequent), found)?;
                let other = match &choice.alternate {
                    Some(other) => every_return(std::slice::from_ref(other), found)?,
                    None => false,
                };
                then && other
            }
            Statement::ExpressionStatement(_)
            | Statement::VariableDeclaration(_)
            | Statement::FunctionDeclaration(_)
            | Statement::EmptyStatement(_) => false,
            // Loops, `switch` and `try` may return from within.
            _ => return None,
        };
        if ends {
            return Some(true);
        }
    }
    Some(false)
}

/// The elements of the lists that `flatMap` joins.
fn flattened(node: Node) -> Option<Node> {
    let mut elements: Vec<Node> = Vec::new();
    for one in node.alternatives() {
        match &one.value {
            Value::List(_) if one.value.as_repeated().is_some() => {
                elements.extend(one.value.as_repeated().cloned());
            }
            Value::List(nodes) => elements.extend(nodes.iter().cloned()),
            Value::Object(_) => elements.push(one.clone()),
            _ => return None,
        }
    }
    match elements.len() {
        0 => None,
        1 => elements.pop(),
        _ => Some(Node { span: node.span, value: Value::choice(elements) }),
    }
}

/// What is left of an element when a filter has run.
fn present(node: &Node) -> Node {
    let left: Vec<Node> = node
        .alternatives()
        .into_iter()
        .filter(|one| !matches!(one.value, Value::Undefined | Value::Null))
        .cloned()
        .collect();
    match left.as_slice() {
        [only] => only.clone(),
        _ => Node { span: node.span, value: Value::choice(left) },
    }
}

/// An element of a list that is written out, where a filter may take it away: none where it is no object.
fn kept(node: &Node, only_truth: bool) -> Option<Node> {
    let all = node.alternatives();
    let falsy = |one: &Node| matches!(one.value, Value::Undefined | Value::Null | Value::Bool(false));
    if !all.iter().all(|one| falsy(one) || matches!(one.value, Value::Object(_))) {
        return None;
    }
    let absent = || Node { span: node.span, value: Value::Undefined };
    let (gone, left): (Vec<_>, Vec<_>) = node.cases().into_iter().partition(|(one, _)| falsy(one));
    let mut left: Vec<(Node, When)> = left.into_iter().map(|(one, when)| (one.clone(), when)).collect();
    if !only_truth {
        // What else it looks at, nobody knows.
        let mut nodes: Vec<Node> = left.into_iter().map(|(one, _)| one).collect();
        nodes.push(absent());
        return match nodes.len() {
            1 => nodes.pop(),
            _ => Some(Node { span: node.span, value: Value::choice(nodes) }),
        };
    }
    if let Some(when) = gone.into_iter().map(|(_, when)| when).reduce(|one, two| one.or(&two)) {
        left.push((absent(), when));
    }
    match left.len() {
        1 => left.pop().map(|(only, _)| only),
        _ => Some(Node { span: node.span, value: Value::decided(left) }),
    }
}
