//! What becomes of a result that is given away: returned, sent, passed to a function.

use std::borrow::Cow;

use oxc_ast::AstKind;
use oxc_ast::ast::{CallExpression, Expression};
use oxc_syntax::node::NodeId;
use pgsteward_model::code::FunctionRole;
use pgsteward_model::source::Span;

use super::reader::Reader;
use super::syntax::{Code, argument, as_member, bare, span};
use super::usage::{Held, Trail, unmarked};
use crate::unit::Use;

/// Wrappers that hand on what their callback returns.
const HANDS_ON: [&str; 14] = [
    "cache",
    "memo",
    "retry",
    "transaction",
    "with",
    "run",
    "step",
    "lock",
    "trace",
    "span",
    "measure",
    "limit",
    "once",
    "try",
];

impl<'a> Reader<'_, 'a> {
    /// The call that an argument stands in, and its position.
    pub(super) fn call_and_position(&self, node: NodeId) -> (Option<NodeId>, usize) {
        let parent = self.nodes.parent_id(node);
        let here = span(&self.nodes.kind(node));
        let arguments = match self.nodes.kind(parent) {
            AstKind::CallExpression(call) => &call.arguments,
            AstKind::NewExpression(new) => &new.arguments,
            _ => return (None, 0),
        };
        let position = arguments.iter().position(|one| span(one).contains(here)).unwrap_or(0);
        (Some(parent), position)
    }

    /// An argument of a call or of `new`.
    pub(super) fn follow_argument(&self, outer: NodeId, node: NodeId, held: Held, trail: &mut Trail) {
        let path = || held.path.to_vec();
        let (_, position) = self.call_and_position(node);
        let at = span(&self.nodes.kind(node));
        match self.nodes.kind(outer) {
            AstKind::CallExpression(call) => {
                self.follow_call_argument(outer, call, position, at, held, trail);
            }
            AstKind::NewExpression(new) => {
                let name = self.cut(span(&new.callee), 60);
                match name.as_str() {
                    "Response" | "NextResponse" => trail.add(Use::Response { path: path(), at: self.at(at) }),
                    "Set" | "Map" | "WeakMap" => self.follow(outer, unmarked(held), trail),
                    "Date" | "Decimal" | "Prisma.Decimal" | "URL" | "URLSearchParams" => {
                        trail.add(Use::Read { path: path() });
                    }
                    _ if name.ends_with("Error") || name.ends_with("Exception") => {
                        trail.add(Use::Read { path: path() });
                    }
                    _ => self.follow_invocation(outer, name, position, held, trail),
                }
            }
            _ => {
                trail.lost = true;
                trail.add(Use::Other { path: path() });
            }
        }
    }

    fn follow_invocation(&self, outer: NodeId, name: String, position: usize, held: Held, trail: &mut Trail) {
        let path = held.path.to_vec();
        match self.invocations.get(&outer) {
            Some(invocation) => {
                let wrap = held.wrap.to_vec();
                trail.add(Use::Argument { path, invocation: *invocation, position, wrap });
            }
            None => trail.add(Use::Passed { path, to: name }),
        }
    }

    fn follow_call_argument(
        &self,
        outer: NodeId,
        call: &'a CallExpression<'a>,
        position: usize,
        at: Span,
        held: Held,
        trail: &mut Trail,
    ) {
        let path = || held.path.to_vec();
        if let Some(query) = self.calls.get(&outer) {
            return trail.add(Use::Query { path: path(), call: *query });
        }
        let name = self.cut(span(&call.callee), 80);
        if answers(&name) {
            return trail.add(Use::Response { path: path(), at: self.at(at) });
        }
        let last = name.rsplit(['.', '?']).next().unwrap_or(&name);
        let root = name.split(['.', '?', '(']).next().unwrap_or("");
        let lower = root.to_ascii_lowercase();
        match (root, last) {
            ("JSON", "stringify") => {
                let before = trail.uses.len();
                self.follow(outer, held, trail);
                if !trail.uses[before..].iter().any(|one| matches!(one, Use::Response { .. })) {
                    trail.add(Use::Other { path: path() });
                }
                return;
            }
            ("Promise", "all" | "allSettled" | "race" | "any" | "resolve") | (_, "structuredClone") => {
                return self.follow(outer, held, trail);
            }
            ("Array", "from") => {
                if let Some(code) = argument(&call.arguments, 1).and_then(Code::of_expression) {
                    return self.bind_parameters(code, &[(0, unmarked(held))], trail);
                }
                return self.follow(outer, held, trail);
            }
            ("Object", "freeze") => return self.follow(outer, held, trail),
            ("Object", _) => return trail.add(Use::Other { path: path() }),
            ("Boolean", "Boolean") | ("Array", "isArray") => return trail.add(Use::Tested { path: path() }),
            (
                "Number" | "String" | "parseInt" | "parseFloat" | "BigInt" | "encodeURIComponent" | "Math"
                | "Buffer" | "Date" | "isNaN",
                _,
            ) => {
                return trail.add(Use::Read { path: path() });
            }
            _ => {}
        }
        let logs = matches!(lower.as_str(), "console" | "logger" | "log" | "winston" | "pino")
            || name.contains("logger.")
            || name.contains(".log.");
        if logs {
            return trail.add(Use::Read { path: path() });
        }
        if lower.starts_with("assert") || lower == "invariant" {
            return trail.add(Use::Tested { path: path() });
        }
        if let Some(member) = as_member(&call.callee) {
            match last {
                // Into a list, a set or a map of this function.
                "push" | "unshift" | "add" | "set" | "concat" | "append" => {
                    if let Expression::Identifier(list) = bare(member.object)
                        && let Some(symbol) = self.symbol_of(list)
                        && !self.imports.contains_key(&symbol)
                    {
                        if last == "set" && position == 0 {
                            return trail.add(Use::Read { path: path() });
                        }
                        if last == "concat" {
                            return self.follow(outer, held, trail);
                        }
                        return self.follow_symbol(symbol, held, trail);
                    }
                    return trail.add(Use::Other { path: path() });
                }
                "includes" | "indexOf" | "has" | "get" | "localeCompare" | "startsWith" | "endsWith"
                | "equals" | "delete" | "replace" | "split" | "join" | "eq" | "plus" | "minus" | "times"
                | "mul" | "sub" | "test" | "match" | "padStart" => {
                    return trail.add(Use::Read { path: path() });
                }
                _ => {}
            }
        }
        self.follow_invocation(outer, name, position, held, trail);
    }

    /// Returned by a function, or by a callback of something.
    pub(super) fn follow_returned(&self, code: Code<'a>, node: NodeId, held: Held, trail: &mut Trail) {
        let path = || held.path.to_vec();
        if let Some(function) = self.functions.get(&code.id()) {
            let role = self.unit.functions[*function].role;
            if self.answers_graphql(code, *function) {
                // What of it is sent, the schema and the request decide.
                return trail.add(Use::Passed { path: path(), to: "GraphQL".into() });
            }
            if matches!(role, FunctionRole::RequestHandler | FunctionRole::Webhook) {
                let at = self.at(span(&self.nodes.kind(node)));
                return trail.add(Use::Response { path: path(), at });
            }
            return trail.add(Use::Returned { path: path(), wrap: held.wrap.to_vec() });
        }
        let parent = self.nodes.parent_id(code.id());
        let AstKind::CallExpression(call) = self.nodes.kind(parent) else {
            return trail.add(Use::Passed { path: path(), to: "(callback)".into() });
        };
        if Code::of_expression(&call.callee).is_some() || self.transactions.contains_key(&parent) {
            return self.follow(parent, held, trail);
        }
        let name = self.cut(span(&call.callee), 80);
        let last = name.rsplit(['.', '?']).next().unwrap_or(&name);
        match last {
            "map" | "flatMap" | "then" | "from" | "mapSeries" | "pMap" | "asyncMap" | "catch" => {
                self.follow(parent, held, trail);
            }
            "reduce" | "reduceRight" => {
                // The next turn is given what this one returns.
                if let Some(pattern) = self.callback_pattern(code, 0) {
                    self.bind(pattern, held, trail);
                }
                self.follow(parent, held, trail);
            }
            "filter" | "some" | "every" | "find" | "findIndex" | "findLast" => {
                trail.add(Use::Tested { path: path() });
            }
            "sort" | "toSorted" => trail.add(Use::Read { path: path() }),
            "forEach" | "each" | "setTimeout" | "setInterval" => {}
            _ => {
                let lower = name.to_ascii_lowercase();
                if !HANDS_ON.iter().any(|word| lower.contains(word)) {
                    trail.add(Use::Passed { path: path(), to: name });
                }
                self.follow(parent, held, trail);
            }
        }
    }

    fn answers_graphql(&self, code: Code<'a>, function: usize) -> bool {
        let function = &self.unit.functions[function];
        if function.role == FunctionRole::FieldResolver {
            return true;
        }
        let parts: Vec<&str> = function.name.split('.').collect();
        if parts.iter().rev().skip(1).any(|part| matches!(*part, "Query" | "Mutation" | "Subscription")) {
            return true;
        }
        let AstKind::MethodDefinition(method) = self.nodes.parent_kind(code.id()) else { return false };
        method.decorators.iter().filter_map(super::roles::decorator_name).any(|name| {
            matches!(name.as_str(), "Query" | "Mutation" | "Subscription")
            // NestJS's own `@Query()` stands at parameters, not at methods.
        })
    }
}

/// `res.json(…)`, `NextResponse.json(…)`, `reply.send(…)`, `c.json(…)`
fn answers(name: &str) -> bool {
    let name = if name.contains('?') { Cow::Owned(name.replace('?', "")) } else { Cow::Borrowed(name) };
    let last = name.rsplit('.').next().unwrap_or(&name);
    let root = name.split(['.', '(']).next().unwrap_or("");
    if name == "json" || name == "defer" || name == "superjson" {
        return true;
    }
    if matches!(name.as_ref(), "Response.json" | "NextResponse.json" | "ctx.json" | "ctx.body" | "h.response")
    {
        return true;
    }
    matches!(last, "json" | "send" | "jsonp" | "end" | "html" | "render" | "status")
        && matches!(root, "res" | "response" | "reply" | "c" | "ctx" | "context")
}
