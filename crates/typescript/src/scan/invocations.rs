//! Calls of functions that may be functions of this repository.

use oxc_ast::AstKind;
use oxc_ast::ast::{Argument, CallExpression, Expression};
use oxc_syntax::node::NodeId;
use pgsteward_model::code::Site;

use super::reader::{Definition, Reader};
use super::syntax::{Code, argument, as_call, as_member, bare, span};
use crate::unit::{Import, ImportKind, Origin, UnitInvocation, Usage};

/// Methods of what the language has built in; functions of a repository that are called so are rarely told from them.
fn is_built_in(name: &str) -> bool {
    matches!(
        name,
        "map"
            | "filter"
            | "forEach"
            | "reduce"
            | "reduceRight"
            | "flatMap"
            | "some"
            | "every"
            | "findIndex"
            | "findLast"
            | "sort"
            | "toSorted"
            | "push"
            | "pop"
            | "shift"
            | "unshift"
            | "slice"
            | "splice"
            | "concat"
            | "join"
            | "includes"
            | "indexOf"
            | "keys"
            | "values"
            | "entries"
            | "then"
            | "catch"
            | "finally"
            | "toString"
            | "toISOString"
            | "toLowerCase"
            | "toUpperCase"
            | "trim"
            | "split"
            | "replace"
            | "replaceAll"
            | "startsWith"
            | "endsWith"
            | "match"
            | "test"
            | "exec"
            | "bind"
            | "call"
            | "apply"
            | "hasOwnProperty"
            | "padStart"
            | "padEnd"
            | "substring"
            | "charAt"
            | "flat"
            | "fill"
            | "at"
            | "json"
            | "status"
            | "log"
            | "warn"
            | "info"
            | "debug"
            | "toFixed"
            | "localeCompare"
            | "getTime"
            | "valueOf"
            | "parse"
            | "safeParse"
            | "has"
            | "clear"
    )
}

/// Packages that hold no code of a repository, by the start of their name.
const FOREIGN: [&str; 34] = [
    "node:",
    "react",
    "next/",
    "@radix-ui",
    "zod",
    "lodash",
    "date-fns",
    "dayjs",
    "express",
    "fastify",
    "hono",
    "crypto",
    "fs",
    "path",
    "util",
    "clsx",
    "lucide",
    "@testing-library",
    "vitest",
    "jest",
    "@nestjs/",
    "bcrypt",
    "nanoid",
    "uuid",
    "@tanstack",
    "@trpc/",
    "superjson",
    "@opentelemetry",
    "ioredis",
    "stripe",
    "axios",
    "effect",
    "@apollo",
    "graphql",
];

impl<'a> Reader<'_, 'a> {
    pub(super) fn register_invocation(&mut self, node: NodeId) {
        let (callee, arguments, constructs) = match self.nodes.kind(node) {
            AstKind::CallExpression(call) => (&call.callee, &call.arguments, false),
            AstKind::NewExpression(new) => (&new.callee, &new.arguments, true),
            _ => return,
        };
        // `xs.map(convert)`: the function is called, though not here.
        if !constructs
            && let AstKind::CallExpression(call) = self.nodes.kind(node)
            && let Some(given) = self.given_function(call)
        {
            return self.push_invocation(node, given, &[], false, true);
        }
        if self.may_be_ours(callee, 0) && (!constructs || as_member(callee).is_none()) {
            self.push_invocation(node, callee, arguments, constructs, false);
        }
    }

    fn push_invocation(
        &mut self,
        node: NodeId,
        callee: &'a Expression<'a>,
        arguments: &'a [Argument<'a>],
        constructs: bool,
        by_value: bool,
    ) {
        let _ = arguments;
        self.invocations.insert(node, self.unit.invocations.len());
        self.unit.invocations.push(UnitInvocation {
            site: Site::default(),
            callee: Origin::Unknown,
            name: self.cut(span(callee), 80),
            arguments: Vec::new(),
            origins: Vec::new(),
            usage: Usage::default(),
            constructs,
            by_value,
        });
    }

    /// The function that a call of `map` and the like is given by name.
    fn given_function(&self, call: &'a CallExpression<'a>) -> Option<&'a Expression<'a>> {
        super::loops::iterated(call)?;
        let member = as_member(&call.callee)?;
        let position = usize::from(matches!(member.name, Some("from")));
        let given = argument(&call.arguments, position)?;
        let named = matches!(bare(given), Expression::Identifier(_)) || as_member(given).is_some();
        (named && Code::of_expression(given).is_none() && self.may_be_ours(given, 0)).then_some(given)
    }

    /// A function of this repository may stand behind an expression.
    fn may_be_ours(&self, callee: &'a Expression<'a>, depth: u32) -> bool {
        if depth > 20 {
            return false;
        }
        let inner = bare(callee);
        if let Some(member) = as_member(inner) {
            let Some(name) = member.name else { return false };
            if depth == 0 && (is_built_in(name) || name.starts_with('$')) {
                return false;
            }
            return match bare(member.object) {
                Expression::ThisExpression(_) | Expression::Super(_) => true,
                Expression::Identifier(identifier) => match self.symbol_of(identifier) {
                    Some(symbol) => self.object_may_be_ours(symbol),
                    None => false,
                },
                Expression::NewExpression(new) => self.may_be_ours(&new.callee, depth + 1),
                Expression::AwaitExpression(wait) => self.may_be_ours(&wait.argument, depth + 1),
                object => match as_call(object) {
                    Some(call) => self.may_be_ours(&call.callee, depth + 1),
                    None => self.may_be_ours(object, depth + 1),
                },
            };
        }
        match inner {
            Expression::Super(_) => true,
            Expression::ImportExpression(_) => true,
            Expression::Identifier(identifier) => match self.symbol_of(identifier) {
                Some(symbol) => self.symbol_may_be_ours(symbol),
                None => false,
            },
            _ => false,
        }
    }

    fn symbol_may_be_ours(&self, symbol: oxc_syntax::symbol::SymbolId) -> bool {
        match self.definition(symbol) {
            Definition::Import(import) => self.import_may_be_ours(import),
            Definition::Function(_) | Definition::Class(_) => true,
            Definition::Variable { declarator, steps, .. } => {
                let Some(init) = &declarator.init else { return false };
                match super::syntax::settled(init) {
                    Expression::ArrowFunctionExpression(_)
                    | Expression::FunctionExpression(_)
                    | Expression::ClassExpression(_) => true,
                    other if !steps.is_empty() => {
                        // `const { cancel } = require('./orders')`, `const { cancel } = orders`
                        let root = as_call(other)
                            .is_some_and(|call| self.module_calls.contains_key(&call.node_id()));
                        root || matches!(other, Expression::ImportExpression(_))
                            || matches!(other, Expression::Identifier(of) if self.symbol_of(of).is_some_and(|of| {
                                matches!(self.definition(of), Definition::Import(_))
                            }))
                    }
                    other => as_call(other).is_some() || as_member(other).is_some(),
                }
            }
            // A function that is handed in: whoever calls says which.
            Definition::Parameter { code, steps, .. } => {
                steps.is_empty() && self.functions.contains_key(&code.id())
            }
            _ => false,
        }
    }

    fn object_may_be_ours(&self, symbol: oxc_syntax::symbol::SymbolId) -> bool {
        match self.definition(symbol) {
            Definition::Import(import) => self.import_may_be_ours(import),
            Definition::Class(_) => true,
            Definition::Variable { declarator, .. } => declarator.init.as_ref().is_some_and(|init| {
                matches!(
                    super::syntax::settled(init),
                    Expression::NewExpression(_)
                        | Expression::ObjectExpression(_)
                        | Expression::ImportExpression(_)
                        | Expression::LogicalExpression(_)
                        | Expression::ConditionalExpression(_)
                ) || as_call(super::syntax::settled(init))
                    .is_some_and(|call| !self.calls.contains_key(&call.node_id()))
                    || as_member(init).is_some()
            }),
            Definition::Parameter { parameter, .. } => {
                // Of a parameter without a type little is known; requests and the like have no functions of ours.
                parameter.type_annotation.is_some() || !parameter.pattern.is_binding_identifier()
            }
            _ => false,
        }
    }

    fn import_may_be_ours(&self, import: usize) -> bool {
        let mut known = self.ours.borrow_mut();
        known.resize(self.unit.imports.len(), None);
        *known[import].get_or_insert_with(|| may_be_ours(&self.unit.imports[import]))
    }

    pub(super) fn fill_invocation(&mut self, node: NodeId, index: usize) {
        let (callee, arguments) = match self.nodes.kind(node) {
            AstKind::CallExpression(call) => match self.given_function(call) {
                Some(given) => (given, &[][..]),
                None => (&call.callee, &call.arguments[..]),
            },
            AstKind::NewExpression(new) => (&new.callee, &new.arguments[..]),
            _ => return,
        };
        // The site first: it makes the loops known that values speak of.
        let mut site = self.site(node);
        let origin = self.origin(callee);
        let most = arguments.len().min(12);
        let (mut values, mut origins) = (Vec::with_capacity(most), Vec::with_capacity(most));
        for one in arguments.iter().take(12) {
            match one.as_expression() {
                Some(expression) => {
                    values.push(self.value(expression));
                    origins.push(self.value_origin(expression));
                }
                None => {
                    // What follows a spread has no position.
                    break;
                }
            }
        }
        let by_value = self.unit.invocations[index].by_value;
        if by_value && let Some(of) = self.loop_of_given(node) {
            site.loops.push(of);
        }
        let usage = self.usage(node);
        let into = &mut self.unit.invocations[index];
        into.callee = origin;
        into.arguments = values;
        into.origins = origins;
        into.site = site;
        into.usage = usage;
    }

    /// The loop that `xs.map(convert)` is.
    fn loop_of_given(&mut self, node: NodeId) -> Option<usize> {
        let AstKind::CallExpression(call) = self.nodes.kind(node) else { return None };
        let within = call.arguments.last().map(span)?;
        self.loop_of(node, within)
    }
}

fn may_be_ours(import: &Import) -> bool {
    if import.module.starts_with('.') || import.kind == ImportKind::Dynamic {
        return true;
    }
    let built_in = !import.module.contains(['/', '@', '~', '#']) && import.module.len() < 3;
    !built_in
        && !FOREIGN.iter().any(|foreign| {
            import.module == foreign.trim_end_matches('/')
                || import.module.strip_prefix(foreign).is_some_and(|rest| {
                    foreign.ends_with(['/', ':']) || rest.starts_with('/') || rest.starts_with('-')
                })
        })
}
