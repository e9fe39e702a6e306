//! Where something happens: function, loops, transaction, error handling, how it is waited for.

use oxc_ast::AstKind;
use oxc_ast::ast::Expression;
use oxc_syntax::node::NodeId;
use pgsteward_model::code::{Awaited, Site};
use pgsteward_model::source::Span;

use super::reader::Reader;
use super::syntax::{Code, as_member, bare, span};

impl<'a> Reader<'_, 'a> {
    /// The site of an expression. `Site::order` is the offset of its end: what runs later in the text has a higher one.
    pub(super) fn site(&mut self, node: NodeId) -> Site {
        let here = span(&self.nodes.kind(node));
        let function = self.function_around(node);
        let (awaited, batch) = self.awaited(node);
        let nodes = self.nodes;
        let mut loops = Vec::new();
        let mut tries = Vec::new();
        let mut transaction = batch;
        for outer in nodes.ancestor_ids(node) {
            if self.functions.contains_key(&outer) {
                break;
            }
            if let Some(found) = self.loop_of(outer, here) {
                loops.push(found);
            }
            if let Some(found) = self.try_of(outer, here) {
                tries.push(found);
            }
            if transaction.is_none()
                && let Some(found) = self.transactions.get(&outer)
                && self.in_callback(outer, here)
            {
                transaction = Some(*found);
            }
        }
        loops.reverse();
        tries.reverse();
        let after_await_in_loop = !loops.is_empty() && self.after_await(node);
        Site {
            at: self.at(here),
            function,
            order: u32::try_from(here.end).unwrap_or(u32::MAX),
            loops,
            transaction,
            tries,
            guards: self.guards(node),
            awaited,
            after_await_in_loop,
        }
    }

    /// A place stands in the callback of `$transaction`, not in its options.
    fn in_callback(&self, transaction: NodeId, here: Span) -> bool {
        match self.nodes.kind(transaction) {
            AstKind::CallExpression(call) => {
                call.arguments.first().is_some_and(|first| span(first).contains(here))
            }
            _ => false,
        }
    }

    /// How a promise is waited for; with the transaction that it is an element of.
    pub(super) fn awaited(&self, node: NodeId) -> (Awaited, Option<usize>) {
        let mut at = node;
        for _ in 0..64 {
            let parent = self.nodes.parent_id(at);
            if parent == at {
                return (Awaited::Not, None);
            }
            let place = span(&self.nodes.kind(at));
            match self.nodes.kind(parent) {
                AstKind::AwaitExpression(_) => return (Awaited::Await, None),
                AstKind::ReturnStatement(_) => return self.returned(parent),
                AstKind::ArrowFunctionExpression(_) => return self.returned_by(parent),
                AstKind::FunctionBody(_) => return (Awaited::Await, None),
                AstKind::ExpressionStatement(_) => return (Awaited::Not, None),
                AstKind::UnaryExpression(_) => return (Awaited::Not, None),
                AstKind::VariableDeclarator(declarator) => return self.held(declarator),
                AstKind::AssignmentExpression(assignment) => {
                    if let Some(identifier) = assignment.left.get_identifier_name() {
                        let _ = identifier;
                    }
                    return (Awaited::Await, None);
                }
                AstKind::ArrayExpression(list) => return self.among(list.node_id()),
                AstKind::CallExpression(call) => {
                    if span(&call.callee).contains(place) {
                        at = parent;
                        continue;
                    }
                    let name = as_member(&call.callee).and_then(|member| member.name);
                    // `operations.push(prisma.x.update(…))`
                    if name == Some("push")
                        && let Some(member) = as_member(&call.callee)
                        && let Expression::Identifier(list) = bare(member.object)
                        && let Some(symbol) = self.symbol_of(list)
                    {
                        return self.list_of_promises(symbol).unwrap_or((Awaited::Together, None));
                    }
                    if matches!(name, Some("then" | "catch" | "resolve")) {
                        at = parent;
                        continue;
                    }
                    return (Awaited::Await, None);
                }
                AstKind::StaticMemberExpression(member) => {
                    let waits = matches!(member.property.name.as_str(), "then" | "catch" | "finally");
                    let called = matches!(self.nodes.parent_kind(parent), AstKind::CallExpression(_));
                    if !(waits && called) {
                        // The fluent API, or a property of what is no promise.
                        at = parent;
                        continue;
                    }
                    at = parent;
                }
                AstKind::Program(_) | AstKind::Function(_) => return (Awaited::Not, None),
                _ => at = parent,
            }
        }
        (Awaited::Await, None)
    }

    fn returned(&self, statement: NodeId) -> (Awaited, Option<usize>) {
        match self.code_around(statement) {
            Some(code) => self.returned_by(code.id()),
            None => (Awaited::Returned, None),
        }
    }

    /// Returned by a function: by a callback of `map` inside `Promise.all` it is one of many.
    fn returned_by(&self, code: NodeId) -> (Awaited, Option<usize>) {
        if self.functions.contains_key(&code) {
            return (Awaited::Returned, None);
        }
        let parent = self.nodes.parent_id(code);
        let AstKind::CallExpression(call) = self.nodes.kind(parent) else { return (Awaited::Returned, None) };
        if self.transactions.contains_key(&parent) {
            return (Awaited::Await, None);
        }
        if super::loops::iterated(call).is_some() {
            let (awaited, transaction) = self.awaited_list(parent);
            return (awaited, transaction);
        }
        if Code::of_expression(&call.callee).is_some() {
            return self.awaited(parent);
        }
        (Awaited::Returned, None)
    }

    /// A list of promises that `map` made.
    fn awaited_list(&self, list: NodeId) -> (Awaited, Option<usize>) {
        let mut at = list;
        for _ in 0..16 {
            let parent = self.nodes.parent_id(at);
            match self.nodes.kind(parent) {
                AstKind::CallExpression(call) => {
                    if span(&call.callee).contains(span(&self.nodes.kind(at))) {
                        at = parent;
                        continue;
                    }
                    if let Some(transaction) = self.transactions.get(&parent) {
                        return (Awaited::Batch, Some(*transaction));
                    }
                    return (Awaited::Together, None);
                }
                AstKind::VariableDeclarator(declarator) => {
                    for name in super::syntax::names(&declarator.id) {
                        if let Some(found) =
                            name.symbol_id.get().and_then(|symbol| self.list_of_promises(symbol))
                        {
                            return found;
                        }
                    }
                    return (Awaited::Together, None);
                }
                AstKind::SpreadElement(_)
                | AstKind::ArrayExpression(_)
                | AstKind::StaticMemberExpression(_) => at = parent,
                AstKind::ExpressionStatement(_) => return (Awaited::Not, None),
                _ => return (Awaited::Together, None),
            }
        }
        (Awaited::Together, None)
    }

    /// An element of a list that is written out.
    fn among(&self, list: NodeId) -> (Awaited, Option<usize>) {
        let parent = self.nodes.parent_id(list);
        match self.nodes.kind(parent) {
            AstKind::CallExpression(call) => {
                if let Some(transaction) = self.transactions.get(&parent) {
                    return (Awaited::Batch, Some(*transaction));
                }
                let name = as_member(&call.callee).and_then(|member| member.name);
                if matches!(name, Some("all" | "allSettled" | "race" | "any")) {
                    return (Awaited::Together, None);
                }
                (Awaited::Await, None)
            }
            AstKind::VariableDeclarator(declarator) => {
                for name in super::syntax::names(&declarator.id) {
                    if let Some(found) = name.symbol_id.get().and_then(|symbol| self.list_of_promises(symbol))
                    {
                        return found;
                    }
                }
                (Awaited::Together, None)
            }
            AstKind::SpreadElement(_) | AstKind::ConditionalExpression(_) | AstKind::ArrayExpression(_) => {
                self.awaited_list(list)
            }
            _ => (Awaited::Together, None),
        }
    }

    /// What becomes of a list of promises that a name holds.
    fn list_of_promises(&self, symbol: oxc_syntax::symbol::SymbolId) -> Option<(Awaited, Option<usize>)> {
        for place in self.uses(symbol) {
            for parent in self.nodes.ancestor_ids(place).take(5) {
                if let Some(transaction) = self.transactions.get(&parent)
                    && self.in_callback(parent, span(&self.nodes.kind(place)))
                {
                    return Some((Awaited::Batch, Some(*transaction)));
                }
                match self.nodes.kind(parent) {
                    AstKind::SpreadElement(_) | AstKind::ArrayExpression(_) => {}
                    AstKind::CallExpression(call)
                        if matches!(
                            as_member(&call.callee).and_then(|member| member.name),
                            Some("all" | "allSettled" | "race" | "any")
                        ) =>
                    {
                        return Some((Awaited::Together, None));
                    }
                    _ => break,
                }
            }
        }
        None
    }

    /// A promise that a name holds: `const rows = prisma.x.findMany(); … await rows`.
    fn held(&self, declarator: &oxc_ast::ast::VariableDeclarator<'a>) -> (Awaited, Option<usize>) {
        let mut unused = true;
        for name in super::syntax::names(&declarator.id) {
            let Some(symbol) = name.symbol_id.get() else { continue };
            if let Some(found) = self.list_of_promises(symbol) {
                return found;
            }
            for place in self.uses(symbol) {
                unused = false;
                match self.nodes.parent_kind(place) {
                    AstKind::AwaitExpression(_) => return (Awaited::Await, None),
                    AstKind::ReturnStatement(_) => return (Awaited::Returned, None),
                    _ => {}
                }
            }
        }
        (if unused { Awaited::Not } else { Awaited::Await }, None)
    }

    /// Within its innermost loop, an `await` of something else stands before a place.
    fn after_await(&self, node: NodeId) -> bool {
        let here = span(&self.nodes.kind(node));
        let body = self.nodes.ancestor_ids(node).find(|outer| self.loops.contains_key(outer));
        let Some(body) = body else { return false };
        let start = match self.nodes.kind(body) {
            AstKind::ForStatement(each) => span(&each.body).start,
            AstKind::ForOfStatement(each) => span(&each.body).start,
            AstKind::ForInStatement(each) => span(&each.body).start,
            AstKind::CallExpression(call) => span(&call.callee).end,
            other => span(&other).start,
        };
        // The awaits of a file are sorted by place.
        let from = self.awaits.partition_point(|one| one.start < start);
        self.awaits[from..].iter().take_while(|one| one.start < here.start).any(|one| !one.contains(here))
    }
}
