//! Loops, and what they go through.

use oxc_ast::AstKind;
use oxc_ast::ast::{CallExpression, Expression, ForStatement, ForStatementInit};
use oxc_syntax::node::NodeId;
use oxc_syntax::operator::AssignmentOperator;
use pgsteward_model::code::{Loop, LoopKind, Over, Source};
use pgsteward_model::source::Span;

use super::functions::ITERATES;
use super::reader::Reader;
use super::syntax::{Code, argument, as_call, as_member, bare, settled, span};

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

    fn over(&mut self, node: NodeId) -> Over {
        match self.nodes.kind(node) {
            AstKind::ForStatement(each) => self.over_counter(each),
            AstKind::ForOfStatement(each) => self.over_list(&each.right, 0),
            AstKind::ForInStatement(each) => self.over_list(&each.right, 0),
            AstKind::WhileStatement(each) => self.over_condition(node, span(&each.body), span(&each.test)),
            AstKind::DoWhileStatement(each) => self.over_condition(node, span(&each.body), span(&each.test)),
            AstKind::CallExpression(call) => match iterated(call) {
                Some(over) => self.over_list(over, 0),
                None => Over::Unknown,
            },
            _ => Over::Unknown,
        }
    }

    fn over_counter(&mut self, each: &'a ForStatement<'a>) -> Over {
        let mut name = String::new();
        if let Some(ForStatementInit::VariableDeclaration(declaration)) = &each.init
            && let Some(first) = declaration.declarations.first()
        {
            name = self.cut(span(&first.id), 40).to_ascii_lowercase();
        }
        if retry_name(&name) {
            return Over::Retry;
        }
        let steps_wide = match each.update.as_ref().map(bare) {
            Some(Expression::AssignmentExpression(update)) => {
                update.operator == AssignmentOperator::Addition
                    && !matches!(bare(&update.right), Expression::NumericLiteral(one) if one.value == 1.0)
            }
            _ => false,
        };
        if steps_wide {
            return Over::Chunks;
        }
        match each.test.as_ref().map(bare) {
            Some(Expression::BinaryExpression(test)) => {
                let limit = bare(&test.right);
                if let Expression::NumericLiteral(number) = limit {
                    return Over::Constant(Some(number.value.clamp(0.0, 1e9) as usize));
                }
                if let Some(member) = as_member(limit)
                    && member.name == Some("length")
                {
                    return self.over_list(member.object, 0);
                }
                if let Expression::Identifier(identifier) = limit {
                    if constant_name(identifier.name.as_str()) {
                        return Over::Constant(None);
                    }
                    let sources = self.sources(limit);
                    if sources == [Source::Constant] {
                        return Over::Constant(None);
                    }
                    if retry_name(&identifier.name.as_str().to_ascii_lowercase()) {
                        return Over::Retry;
                    }
                    if let [Source::Parameter { index }] = sources.as_slice() {
                        return Over::Parameter(*index);
                    }
                }
                Over::Unknown
            }
            _ => self.over_condition(each.node_id(), span(&each.body), span(each)),
        }
    }

    fn over_list(&mut self, list: &'a Expression<'a>, depth: u32) -> Over {
        if depth > 12 {
            return Over::Unknown;
        }
        let inner = settled(list);
        if let Expression::ArrayExpression(elements) = inner {
            let spread = elements.elements.iter().any(|element| element.is_spread());
            if !spread {
                return Over::Constant(Some(elements.elements.len()));
            }
        }
        let text = self.cut(span(inner), 200).to_ascii_lowercase();
        if let Some(call) = as_call(inner) {
            let callee = self.cut(span(&call.callee), 80);
            let last = callee.rsplit('.').next().unwrap_or(&callee).to_ascii_lowercase();
            if last.contains("chunk") || last.contains("batch") || last.contains("partition") {
                return Over::Chunks;
            }
            if let Some(member) = as_member(&call.callee) {
                match (self.cut(span(member.object), 40).as_str(), member.name) {
                    ("Object", Some("keys" | "values" | "entries"))
                    | ("Array", Some("from"))
                    | ("Promise", Some("all" | "allSettled")) => {
                        if let Some(first) = argument(&call.arguments, 0) {
                            return self.over_list(first, depth + 1);
                        }
                    }
                    (
                        _,
                        Some(
                            "slice" | "filter" | "map" | "sort" | "reverse" | "entries" | "values" | "keys"
                            | "toSorted" | "flatMap" | "concat" | "flat",
                        ),
                    ) => {
                        return self.over_list(member.object, depth + 1);
                    }
                    (_, Some("fill")) => return Over::Constant(None),
                    _ => {}
                }
            }
        }
        if let Expression::NewExpression(new) = inner
            && let Some(first) = argument(&new.arguments, 0)
        {
            return self.over_list(first, depth + 1);
        }
        if let Expression::ObjectExpression(object) = inner {
            // `Array.from({ length: 3 })`
            for property in object.properties.iter().filter_map(|property| property.as_property()) {
                if super::syntax::key_name(&property.key).as_deref() == Some("length") {
                    return match bare(&property.value) {
                        Expression::NumericLiteral(number) => {
                            Over::Constant(Some(number.value.clamp(0.0, 1e9) as usize))
                        }
                        _ => Over::Unknown,
                    };
                }
            }
            return Over::Constant(Some(object.properties.len()));
        }
        if let Expression::LogicalExpression(both) = inner {
            return self.over_list(&both.left, depth + 1);
        }
        if let Expression::Identifier(identifier) = inner {
            if let Some(symbol) = self.symbol_of(identifier) {
                match self.definition(symbol) {
                    super::reader::Definition::Variable { declarator, steps, .. } if steps.is_empty() => {
                        if let Some(init) = &declarator.init {
                            let mutated = self.scoping.symbol_is_mutated(symbol);
                            if matches!(settled(init), Expression::ArrayExpression(list) if list.elements.is_empty())
                            {
                                // Filled later.
                                return if text.contains("chunk") || text.contains("batch") {
                                    Over::Chunks
                                } else {
                                    Over::Unknown
                                };
                            }
                            if !mutated {
                                return self.over_list(init, depth + 1);
                            }
                        }
                    }
                    super::reader::Definition::Enum => return Over::Constant(None),
                    // A list that another file exports is written out there.
                    super::reader::Definition::Import(_) => return Over::Constant(None),
                    _ => {}
                }
            }
            if text.contains("chunk") || text.contains("batches") {
                return Over::Chunks;
            }
        }
        let sources = self.sources(inner);
        for source in &sources {
            if let Source::Result { call, .. } = source {
                return Over::Rows(*call);
            }
        }
        match sources.as_slice() {
            [Source::Parameter { index }] => Over::Parameter(*index),
            _ => Over::Unknown,
        }
    }

    /// `while`, `for (;;)`: by what the body does.
    fn over_condition(&mut self, node: NodeId, body: Span, test: Span) -> Over {
        let head = self.head(test).to_ascii_lowercase();
        let text = self.head(body);
        if retry_name(&head) || head.contains("attempt") || head.contains("retries") {
            return Over::Retry;
        }
        let pages = ["cursor", "hasmore", "hasnext", "page", "offset", "lastid", "nextpage", "after"];
        let reads_pages = text.contains("take:")
            || text.contains("take,")
            || text.contains("cursor")
            || text.contains("LIMIT")
            || text.contains("limit");
        if self.climbs(node, body) {
            return Over::Ancestors;
        }
        if reads_pages
            || pages.iter().any(|word| head.contains(word))
            || text.contains("break") && text.contains(".length")
        {
            return Over::Pages;
        }
        if text.contains("catch")
            && (text.contains("return") || text.contains("break"))
            && head.contains("true")
        {
            return Over::Retry;
        }
        Over::Unknown
    }

    /// A variable that the query in the body reads is replaced by what that query returns.
    fn climbs(&self, node: NodeId, body: Span) -> bool {
        let _ = node;
        for call in self.unit.calls.iter() {
            let place = call.site.at.span;
            if !body.contains(place)
                || !call.operation.by_unique_key()
                    && call.operation.name() != "findFirst"
                    && call.operation.name() != "findUniqueOrThrow"
                    && call.operation.name() != "findFirstOrThrow"
            {
                continue;
            }
            let text = self.head(place);
            let argument = text.split_once('(').map_or("", |(_, argument)| argument).to_ascii_lowercase();
            if argument.contains("parent")
                || argument.contains("current")
                || argument.contains("ancestor")
                || argument.contains("next")
            {
                return true;
            }
        }
        false
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

fn retry_name(name: &str) -> bool {
    ["attempt", "retry", "retries", "tries"].iter().any(|word| name.contains(word))
}

fn constant_name(name: &str) -> bool {
    name.len() > 1 && name.chars().all(|one| one.is_ascii_uppercase() || one.is_ascii_digit() || one == '_')
}
