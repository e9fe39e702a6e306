//! Calls that have the form of calls of Prisma Client.

use oxc_ast::AstKind;
use oxc_ast::ast::{Argument, ArrayExpressionElement, CallExpression, Expression, TSLiteral, TSType};
use oxc_syntax::node::NodeId;
use pgsteward_model::code::{Node, Operation, Site, Value};
use pgsteward_model::source::Span;

use super::reader::{Definition, Reader};
use super::syntax::{Member, Step, argument, as_member, bare, span};
use crate::unit::{Candidate, Origin, Usage};

/// Roots that are never a client.
const NEVER: [&str; 18] = [
    "Object",
    "Array",
    "Promise",
    "console",
    "Math",
    "JSON",
    "Number",
    "String",
    "localStorage",
    "sessionStorage",
    "window",
    "document",
    "process",
    "Reflect",
    "Symbol",
    "Date",
    "crypto",
    "jest",
];

/// The parts of `client.model.operation(…)`.
pub(super) struct Parts<'a> {
    pub client: &'a Expression<'a>,
    pub model: Option<String>,
    pub operation: Operation,
    pub name: Span,
}

impl<'a> Reader<'_, 'a> {
    /// The parts of a call that may be one of Prisma Client.
    pub(super) fn parts(&self, call: &'a CallExpression<'a>) -> Option<Parts<'a>> {
        let member = self.operation(&call.callee)?;
        let operation = Operation::of_name(member.name?)?;
        match call.arguments.first() {
            None | Some(Argument::SpreadElement(_)) => {}
            Some(first) => {
                let first = first.as_expression()?;
                let literal = matches!(
                    bare(first),
                    Expression::StringLiteral(_)
                        | Expression::NumericLiteral(_)
                        | Expression::TemplateLiteral(_)
                        | Expression::ArrowFunctionExpression(_)
                        | Expression::FunctionExpression(_)
                        | Expression::ArrayExpression(_)
                        | Expression::BooleanLiteral(_)
                        | Expression::RegExpLiteral(_)
                );
                if literal {
                    return None;
                }
            }
        }
        let (client, name) = self.delegate(member.object, 0)?;
        let root = self.cut(span(client), 60);
        if NEVER.contains(&root.split(['.', '(']).next().unwrap_or("")) {
            return None;
        }
        if name.as_deref().is_some_and(|name| name.starts_with('$')) {
            return None;
        }
        Some(Parts { client, model: name, operation, name: member.name_span })
    }

    /// `prisma.user.findMany`, also where a local name holds it: `const find = prisma.user.findMany`.
    fn operation(&self, callee: &'a Expression<'a>) -> Option<Member<'a, 'a>> {
        if let Some(member) = as_member(callee) {
            return Some(member);
        }
        let Expression::Identifier(identifier) = bare(callee) else { return None };
        let symbol = self.symbol_of(identifier)?;
        let Definition::Variable { declarator, steps, .. } = self.definition(symbol) else { return None };
        if !steps.is_empty() || self.scoping.symbol_is_mutated(symbol) {
            return None;
        }
        let member = as_member(declarator.init.as_ref()?)?;
        Some(Member { name_span: span(&**identifier), ..member })
    }

    /// The client and the model of `prisma.user`, also where a local name holds it, or `const { user } = prisma` took it.
    fn delegate(
        &self,
        expression: &'a Expression<'a>,
        depth: u32,
    ) -> Option<(&'a Expression<'a>, Option<String>)> {
        let inner = bare(expression);
        if let Some(member) = as_member(inner) {
            let name = member.name.map(str::to_string).or_else(|| self.literal_key(member.key?));
            return Some((member.object, name));
        }
        let Expression::Identifier(identifier) = inner else { return None };
        if depth > 5 {
            return None;
        }
        let Definition::Variable { declarator, steps, .. } = self.definition(self.symbol_of(identifier)?)
        else {
            return None;
        };
        let init = declarator.init.as_ref()?;
        match steps.as_slice() {
            [] => self.delegate(init, depth + 1),
            [Step::Member(name)] => Some((bare(init), Some(name.to_string()))),
            _ => None,
        }
    }

    /// `model as 'user'`, and a constant of the file that is a text.
    fn literal_key(&self, key: &'a Expression<'a>) -> Option<String> {
        if let Expression::TSAsExpression(cast) = key
            && let TSType::TSLiteralType(literal) = &cast.type_annotation
            && let TSLiteral::StringLiteral(text) = &literal.literal
        {
            return Some(text.value.to_string());
        }
        let Expression::Identifier(identifier) = bare(key) else { return None };
        let symbol = self.symbol_of(identifier)?;
        let Definition::Variable { declarator, steps, .. } = self.definition(symbol) else { return None };
        match bare(declarator.init.as_ref()?) {
            Expression::StringLiteral(text)
                if steps.is_empty() && !self.scoping.symbol_is_mutated(symbol) =>
            {
                Some(text.value.to_string())
            }
            _ => None,
        }
    }

    /// An argument of a call; `Undefined` where there is none.
    pub(super) fn argument_value(&mut self, call: &'a CallExpression<'a>, index: usize) -> Node {
        match call.arguments.get(index) {
            None => Node { span: Span::new(span(call).end, span(call).end), value: Value::Undefined },
            Some(one) => match (one, one.as_expression()) {
                (_, Some(expression)) => self.value(expression),
                (Argument::SpreadElement(spread), _) => match bare(&spread.argument) {
                    // `find(...[args])`
                    Expression::ArrayExpression(list) if list.elements.len() == 1 => {
                        match list.elements.first().and_then(ArrayExpressionElement::as_expression) {
                            Some(only) => self.value(only),
                            None => self.opaque_text(span(one)),
                        }
                    }
                    _ => self.opaque_text(span(one)),
                },
                _ => self.opaque_text(span(one)),
            },
        }
    }

    /// Gives a candidate its number, before anything is followed to it.
    pub(super) fn register_call(&mut self, node: NodeId, parts: &Parts<'a>) {
        self.calls.insert(node, self.unit.calls.len());
        let at = self.at(span(&self.nodes.kind(node)));
        self.unit.calls.push(Candidate {
            site: Site { at, ..Site::default() },
            name_at: self.at(parts.name),
            client: Origin::Unknown,
            receiver: self.cut(span(parts.client), 120),
            model: parts.model.clone(),
            operation: parts.operation,
            argument: Node::default(),
            usage: Usage::default(),
            fluent: Vec::new(),
            shape: String::new(),
            ordinal: 0,
            invocation: None,
        });
    }

    pub(super) fn fill_call(&mut self, node: NodeId, index: usize) {
        let AstKind::CallExpression(call) = self.nodes.kind(node) else { return };
        let Some(parts) = self.parts(call) else { return };
        // First the place, which makes its loops known: values name them.
        let site = self.site(node);
        let client = self.origin(parts.client);
        let mut argument = self.argument_value(call, 0);
        let (fluent, outer) = self.fluent(node, parts.operation);
        let usage = self.usage(outer);
        let shape = super::shape::shape(parts.operation.name(), &argument);
        self.grant(node, &mut argument);
        let into = &mut self.unit.calls[index];
        into.client = client;
        into.argument = argument;
        into.fluent = fluent;
        into.site = site;
        into.usage = usage;
        into.shape = shape;
        into.invocation = self.invocations.get(&node).copied();
    }

    /// `.posts().author()` behind a call that finds one row; with the whole expression.
    fn fluent(&mut self, node: NodeId, operation: Operation) -> (Vec<(String, Node)>, NodeId) {
        let mut found = Vec::new();
        let mut at = node;
        if !matches!(
            operation.name(),
            "findUnique"
                | "findUniqueOrThrow"
                | "findFirst"
                | "findFirstOrThrow"
                | "create"
                | "update"
                | "upsert"
                | "delete"
        ) {
            return (found, at);
        }
        loop {
            let member = self.nodes.parent_id(at);
            let AstKind::StaticMemberExpression(of) = self.nodes.kind(member) else { break };
            if matches!(of.property.name.as_str(), "then" | "catch" | "finally") {
                break;
            }
            let outer = self.nodes.parent_id(member);
            let AstKind::CallExpression(call) = self.nodes.kind(outer) else { break };
            if span(&call.callee) != span(of) {
                break;
            }
            let argument = match argument(&call.arguments, 0) {
                Some(_) => self.argument_value(call, 0),
                None => Node { span: Span::new(span(call).end, span(call).end), value: Value::Undefined },
            };
            found.push((of.property.name.to_string(), argument));
            at = outer;
        }
        (found, at)
    }

    /// Numbers of calls of the same shape in the same function.
    pub(super) fn count_ordinals(&mut self) {
        let mut seen: std::collections::BTreeMap<(usize, Option<String>, String), u32> =
            std::collections::BTreeMap::new();
        for call in &mut self.unit.calls {
            let key = (call.site.function, call.model.clone(), call.shape.clone());
            let next = seen.entry(key).or_default();
            call.ordinal = *next;
            *next += 1;
        }
    }
}
