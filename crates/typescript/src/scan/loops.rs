//! Loops, and what they go through.

use oxc_ast::AstKind;
use oxc_ast::ast::{CallExpression, Expression};
use oxc_syntax::node::NodeId;
use pgsteward_model::code::{Loop, LoopKind, Over};
use pgsteward_model::source::Span;

use super::functions::ITERATES;
use super::reader::Reader;
use super::syntax::{Code, argument, as_call, as_member, bare, span};

/// The list that a call goes through with a callback: `xs.map(f)`, `pMap(xs, f)`, `Array.from(xs, f)`.
pub(super) fn iterated<'a>(call: &'a CallExpression<'a>) -> Option<&'a Expression<'a>> {
    if let Some(member) = as_member(&call.callee) {
        let name = member.name?;
        if name == "from" && call.arguments.len() == 2 {
            return argument(&call.arguments, 0);
        }
        if matches!(
            name,
            "map"
                | "mapSeries"
                | "each"
                | "eachSeries"
                | "eachLimit"
                | "mapLimit"
                | "forEach"
                | "filter"
                | "reduce"
        ) && call.arguments.len() >= 2
            && argument(&call.arguments, 0).is_some_and(|first| Code::of_expression(first).is_none())
            && matches!(bare(member.object), Expression::Identifier(of) if matches!(of.name.as_str(), "async" | "_" | "Bluebird" | "Promise" | "lodash" | "R"))
        {
            return argument(&call.arguments, 0);
        }
        return ITERATES.contains(&name).then_some(member.object);
    }
    match bare(&call.callee) {
        Expression::Identifier(name)
            if matches!(
                name.name.as_str(),
                "pMap" | "pEach" | "mapLimit" | "eachLimit" | "asyncMap" | "forEachAsync" | "pMapSeries"
            ) =>
        {
            argument(&call.arguments, 0)
        }
        _ => None,
    }
}

impl<'a> Reader<'_, 'a> {
    /// The loop that a node is, outer ones before inner ones; `callback` is where the site stands.
    pub(super) fn loop_of(&mut self, node: NodeId, within: Span) -> Option<usize> {
        if let Some(known) = self.loops.get(&node) {
            // The head of a loop (`for (const x of await find())`) runs once.
            return self.in_body(node, within).then_some(*known);
        }
        if !self.in_body(node, within) {
            return None;
        }
        let (kind, head, over_span) = match self.nodes.kind(node) {
            AstKind::ForStatement(each) => {
                let end = each.test.as_ref().map_or(span(each).start + 3, |test| span(test).end);
                (LoopKind::For, Span::new(span(each).start, end), each.test.as_ref().map(span))
            }
            AstKind::ForOfStatement(each) => {
                (LoopKind::ForOf, Span::new(span(each).start, span(&each.right).end), Some(span(&each.right)))
            }
            AstKind::ForInStatement(each) => {
                (LoopKind::ForIn, Span::new(span(each).start, span(&each.right).end), Some(span(&each.right)))
            }
            AstKind::WhileStatement(each) => {
                (LoopKind::While, Span::new(span(each).start, span(&each.test).end), Some(span(&each.test)))
            }
            AstKind::DoWhileStatement(each) => (LoopKind::While, span(&each.test), Some(span(&each.test))),
            AstKind::CallExpression(call) => {
                let over = iterated(call)?;
                (LoopKind::Callback, Span::new(span(call).start, span(&call.callee).end), Some(span(over)))
            }
            _ => return None,
        };
        let index = self.unit.loops.len();
        self.loops.insert(node, index);
        self.unit.loops.push(Loop {
            at: self.at(head),
            kind,
            over: Over::Unknown,
            text: over_span.map(|over| self.cut(over, 80)).unwrap_or_default(),
            concurrent: false,
            limited: false,
            parent: None,
        });
        let function = self.function_around(node);
        let mut parent = None;
        let here = span(&self.nodes.kind(node));
        let around: Vec<NodeId> = self.nodes.ancestor_ids(node).collect();
        for outer in around {
            if self.functions.contains_key(&outer) {
                break;
            }
            if let Some(outer) = self.loop_of(outer, here) {
                parent = Some(outer);
                break;
            }
        }
        let _ = function;
        let over = self.over(node);
        let (concurrent, limited) = self.concurrency(node);
        let into = &mut self.unit.loops[index];
        into.parent = parent;
        into.over = over;
        into.concurrent = concurrent && !limited;
        into.limited = limited;
        Some(index)
    }

    /// A place runs once for each turn.
    fn in_body(&self, node: NodeId, within: Span) -> bool {
        let inside = |body: Span| body.contains(within);
        match self.nodes.kind(node) {
            AstKind::ForStatement(each) => {
                inside(span(&each.body))
                    || each.test.as_ref().is_some_and(|test| inside(span(test)))
                    || each.update.as_ref().is_some_and(|update| inside(span(update)))
            }
            AstKind::ForOfStatement(each) => inside(span(&each.body)),
            AstKind::ForInStatement(each) => inside(span(&each.body)),
            AstKind::WhileStatement(_) | AstKind::DoWhileStatement(_) => true,
            AstKind::CallExpression(call) => {
                iterated(call).is_some()
                    && call.arguments.iter().any(|one| {
                        one.as_expression().is_some_and(|one| {
                            let function = Code::of_expression(one).is_some()
                                // `xs.map(limit(async …))`, `xs.map(convert)`
                                || matches!(bare(one), Expression::Identifier(_))
                                || as_call(one).is_some()
                                || as_member(one).is_some();
                            function && inside(span(one))
                        })
                    })
            }
            _ => false,
        }
    }

    /// All turns at once, and whether something bounds how many.
    fn concurrency(&self, node: NodeId) -> (bool, bool) {
        let AstKind::CallExpression(call) = self.nodes.kind(node) else { return (false, false) };
        let callee = self.cut(span(&call.callee), 80);
        let last = callee.rsplit('.').next().unwrap_or(&callee);
        if matches!(last, "pMap" | "mapLimit" | "eachLimit") {
            let limited = last != "pMap" || self.head(span(call)).contains("concurrency");
            return (true, limited);
        }
        if matches!(last, "mapSeries" | "eachSeries" | "pMapSeries") {
            return (false, false);
        }
        if callee.starts_with("Bluebird.") || callee == "Promise.map" {
            return (true, self.head(span(call)).contains("concurrency"));
        }
        // `xs.map((x) => limit(() => …))`
        let limited = call.arguments.first().is_some_and(|first| {
            let text = self.head(span(first));
            let head: String = text.chars().take(120).collect();
            ["limit(", "limiter(", "queue.add(", "throttle(", "semaphore", ".schedule("]
                .iter()
                .any(|word| head.contains(word))
        });
        let mut at = node;
        for parent in self.nodes.ancestor_ids(node) {
            match self.nodes.kind(parent) {
                AstKind::CallExpression(outer) => {
                    let name = self.cut(span(&outer.callee), 60);
                    if matches!(
                        name.as_str(),
                        "Promise.all" | "Promise.allSettled" | "Promise.race" | "Promise.any"
                    ) {
                        return (true, limited);
                    }
                    if name.ends_with("$transaction") {
                        return (false, false);
                    }
                    // `xs.filter(…).map(…)`: one chain.
                    if !span(&outer.callee).contains(span(&self.nodes.kind(at))) {
                        return (false, false);
                    }
                }
                AstKind::VariableDeclarator(declarator) => {
                    // `const tasks = xs.map(…); await Promise.all(tasks)`
                    let all = super::syntax::names(&declarator.id).into_iter().any(|name| {
                        name.symbol_id
                            .get()
                            .is_some_and(|symbol| self.uses(symbol).any(|place| self.waited_together(place)))
                    });
                    return (all, limited);
                }
                AstKind::StaticMemberExpression(_)
                | AstKind::ArrayExpression(_)
                | AstKind::ChainExpression(_)
                | AstKind::ParenthesizedExpression(_)
                | AstKind::SpreadElement(_) => {}
                _ => return (last == "forEach" && asynchronous(call), limited),
            }
            at = parent;
        }
        (false, limited)
    }

    /// A name stands in the argument of `Promise.all`.
    pub(super) fn waited_together(&self, place: NodeId) -> bool {
        for parent in self.nodes.ancestor_ids(place).take(4) {
            match self.nodes.kind(parent) {
                AstKind::CallExpression(call) => {
                    let name = self.cut(span(&call.callee), 60);
                    return matches!(
                        name.as_str(),
                        "Promise.all" | "Promise.allSettled" | "Promise.race" | "Promise.any"
                    );
                }
                AstKind::SpreadElement(_) | AstKind::ArrayExpression(_) => {}
                _ => return false,
            }
        }
        false
    }
}

fn asynchronous(call: &CallExpression) -> bool {
    call.arguments.iter().filter_map(|one| one.as_expression()).any(|one| match bare(one) {
        Expression::ArrowFunctionExpression(arrow) => arrow.r#async,
        Expression::FunctionExpression(function) => function.r#async,
        _ => false,
    })
}
