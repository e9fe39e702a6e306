//! Conditions by which it is decided what an argument holds: which of them are the same, exclude each other, or are so at
//! the call anyway. A condition that may come out otherwise the next time that it is asked is the same at its own place only.

use std::hash::{Hash, Hasher};

use oxc_ast::AstKind;
use oxc_ast::ast::{BinaryOperator, Expression, LogicalOperator, Statement, UnaryOperator};
use oxc_syntax::node::NodeId;
use pgsteward_model::code::{Node, Value, When};
use pgsteward_model::source::Span;
use rustc_hash::FxHasher;

use super::conditions::{callee_name, ends};
use super::reader::{DEPTH, Reader};
use super::syntax::{as_call, as_member, bare, span};

/// More ways than this for a condition to come out are one condition of its own.
const WAYS: usize = 16;

impl<'a> Reader<'_, 'a> {
    /// A condition that holds, or does not.
    pub(super) fn case(&self, test: &'a Expression<'a>, holds: bool) -> When {
        let whole = self.case_below(test, holds, 0);
        whole.filter(|when| when.ways() <= WAYS).unwrap_or_else(|| unknown(span(bare(test)), holds))
    }

    /// None where it never comes out so.
    fn case_below(&self, test: &'a Expression<'a>, holds: bool, depth: u32) -> Option<When> {
        let test = bare(test);
        let next = depth + 1;
        if depth > DEPTH {
            return Some(unknown(span(test), holds));
        }
        match test {
            Expression::UnaryExpression(not) if not.operator == UnaryOperator::LogicalNot => {
                return self.case_below(&not.argument, !holds, next);
            }
            Expression::LogicalExpression(both) if both.operator != LogicalOperator::Coalesce => {
                let every = (both.operator == LogicalOperator::And) == holds;
                let left = self.case_below(&both.left, holds, next);
                let right = self.case_below(&both.right, holds, next);
                return match (left, right) {
                    (Some(left), Some(right)) if every => left.and(&right),
                    (Some(left), Some(right)) => Some(left.or(&right)),
                    (left, right) if !every => left.or(right),
                    _ => None,
                };
            }
            // `Boolean(x)`
            _ => {
                if let Some(call) = as_call(test)
                    && matches!(bare(&call.callee), Expression::Identifier(name) if name.name == "Boolean")
                    && let [only] = call.arguments.as_slice()
                    && let Some(only) = only.as_expression()
                {
                    return self.case_below(only, holds, next);
                }
            }
        }
        let (negated, equal) = match test {
            Expression::BinaryExpression(both) => match both.operator {
                BinaryOperator::Inequality => (true, Some("==")),
                BinaryOperator::StrictInequality => (true, Some("===")),
                _ => (false, None),
            },
            _ => (false, None),
        };
        let mut text = String::new();
        let stable = match (test, equal) {
            (Expression::BinaryExpression(both), Some(equal)) => {
                self.canonical(&both.left, &mut text, next) && {
                    text.push_str(equal);
                    self.canonical(&both.right, &mut text, next)
                }
            }
            _ => self.canonical(test, &mut text, next),
        };
        let holds = holds != negated;
        Some(if stable { When::case(number(&text), holds) } else { unknown(span(test), holds) })
    }

    /// Writes an expression down so that what is the same value is the same text; false where it may be another one the
    /// next time.
    fn canonical(&self, expression: &'a Expression<'a>, out: &mut String, depth: u32) -> bool {
        let inner = bare(expression);
        let next = depth + 1;
        if depth > DEPTH || !self.spend(1) {
            return false;
        }
        if let Some(member) = as_member(inner) {
            let Some(name) = member.name else { return false };
            let fine = self.canonical(member.object, out, next);
            out.push('.');
            out.push_str(name);
            return fine && !self.is_written(inner);
        }
        if let Some(call) = as_call(inner) {
            // By its name it only looks: `isAdmin(user)`, `roles.includes("admin")`.
            let looks = callee_name(&call.callee).is_some_and(asks);
            if !looks || !self.canonical(&call.callee, out, next) {
                return false;
            }
            out.push('(');
            return call.arguments.iter().all(|one| {
                let fine = one.as_expression().is_some_and(|one| self.canonical(one, out, next));
                out.push(',');
                fine
            });
        }
        match inner {
            Expression::Identifier(name) => {
                out.push_str(&name.name);
                let Some(symbol) = self.symbol_of(name) else { return true };
                out.push('#');
                out.push_str(&self.scoping.symbol_span(symbol).start.to_string());
                !self.scoping.symbol_is_mutated(symbol)
            }
            Expression::ThisExpression(_) => {
                out.push_str("this");
                true
            }
            Expression::BinaryExpression(both) => {
                let left = self.canonical(&both.left, out, next);
                out.push_str(both.operator.as_str());
                left && self.canonical(&both.right, out, next)
            }
            Expression::LogicalExpression(both) => {
                out.push('(');
                let left = self.canonical(&both.left, out, next);
                out.push_str(both.operator.as_str());
                let right = self.canonical(&both.right, out, next);
                out.push(')');
                left && right
            }
            Expression::UnaryExpression(one) if one.operator != UnaryOperator::Delete => {
                out.push_str(one.operator.as_str());
                out.push(' ');
                self.canonical(&one.argument, out, next)
            }
            Expression::StringLiteral(_)
            | Expression::NumericLiteral(_)
            | Expression::BigIntLiteral(_)
            | Expression::BooleanLiteral(_)
            | Expression::NullLiteral(_) => {
                let literal = self.slice(span(inner));
                out.push_str(&literal.replace('\'', "\""));
                true
            }
            _ => false,
        }
    }

    /// Something is written into what an expression takes of a name, wherever that is.
    fn is_written(&self, expression: &'a Expression<'a>) -> bool {
        let mut object = bare(expression);
        while let Some(member) = as_member(object) {
            object = bare(member.object);
        }
        let Expression::Identifier(name) = object else { return false };
        self.symbol_of(name).is_some_and(|symbol| !self.writes(symbol).is_empty())
    }

    /// Under what conditions a place has run where a later one of its function runs: those that the later one stands under
    /// itself do not matter.
    pub(super) fn cases_until(&self, place: NodeId, read: NodeId) -> When {
        let reader = span(&self.nodes.kind(read));
        let own = span(&self.nodes.kind(place));
        let mut when = Some(When::default());
        let mut at = place;
        for outer in self.nodes.ancestor_ids(place) {
            let around = span(&self.nodes.kind(outer)).contains(reader);
            let here = span(&self.nodes.kind(at));
            let also = match self.nodes.kind(outer) {
                // One after the other, in the same turn of every loop around them.
                AstKind::BlockStatement(_)
                | AstKind::FunctionBody(_)
                | AstKind::Program(_)
                | AstKind::SwitchCase(_)
                    if around =>
                {
                    break;
                }
                AstKind::IfStatement(branch) if span(&branch.consequent).contains(here) => {
                    self.case(&branch.test, true)
                }
                AstKind::IfStatement(branch)
                    if branch.alternate.as_ref().is_some_and(|other| span(other).contains(here)) =>
                {
                    self.case(&branch.test, false)
                }
                AstKind::ConditionalExpression(choice) if !span(&choice.test).contains(here) => {
                    self.case(&choice.test, span(&choice.consequent).contains(here))
                }
                AstKind::LogicalExpression(both) if span(&both.right).contains(here) => match both.operator {
                    LogicalOperator::And => self.case(&both.left, true),
                    LogicalOperator::Or => self.case(&both.left, false),
                    LogicalOperator::Coalesce => unknown(own, true),
                },
                AstKind::SwitchStatement(choice) => self.matched(choice, here).unwrap_or(unknown(own, true)),
                AstKind::CatchClause(_) => unknown(own, true),
                // It may have failed before.
                AstKind::TryStatement(attempt)
                    if span(&*attempt.block).contains(here)
                        && (around
                            || attempt
                                .handler
                                .as_ref()
                                .is_some_and(|handler| !handler.body.body.last().is_some_and(ends))) =>
                {
                    unknown(own, true)
                }
                // In one turn of several.
                AstKind::ForStatement(_)
                | AstKind::ForOfStatement(_)
                | AstKind::ForInStatement(_)
                | AstKind::WhileStatement(_)
                | AstKind::DoWhileStatement(_) => {
                    when = Some(unknown(own, true));
                    When::default()
                }
                _ => When::default(),
            };
            when = when.and_then(|when| when.and(&also));
            at = outer;
        }
        // Code that never runs is as good as code that nobody knows.
        when.filter(|when| when.ways() <= WAYS).unwrap_or_else(|| unknown(own, true))
    }

    /// Under what conditions a case of a `switch` runs: its own value, or the cases before it that do not end.
    fn matched(&self, choice: &'a oxc_ast::ast::SwitchStatement<'a>, place: Span) -> Option<When> {
        let test = |at: usize| number(&format!("{} {at}", choice.span.start));
        let reached = choice.cases.iter().position(|case| span(case).contains(place))?;
        let mut runs: Option<When> = None;
        for (at, case) in choice.cases.iter().enumerate().take(reached + 1) {
            // No other value was met before; the default, wherever it stands, has met none at all.
            let others = match case.test {
                Some(_) => 0..at,
                None => 0..choice.cases.len(),
            };
            let mut own = When::default();
            for other in others.filter(|other| choice.cases[*other].test.is_some()) {
                own = own.and(&When::case(test(other), false))?;
            }
            if case.test.is_some() {
                own = own.and(&When::case(test(at), true))?;
            }
            runs = Some(runs.map_or(own.clone(), |before| before.or(&own)));
            if at < reached && case.consequent.last().is_some_and(ends_case) {
                runs = None;
            }
        }
        runs
    }

    /// Makes use of what is so wherever a call runs: of conditions around it, and of early ends before it.
    pub(super) fn grant(&self, node: NodeId, argument: &mut Node) {
        let mut asked = Vec::new();
        mentioned(argument, &mut asked);
        if asked.is_empty() {
            return;
        }
        let mut granted = When::default();
        for (test, holds) in self.conditions(node, true) {
            let case = self.case(test, holds);
            if !case.conditions().any(|one| asked.contains(&one)) {
                continue;
            }
            match granted.and(&case) {
                Some(both) if both.ways() <= WAYS => granted = both,
                _ => {}
            }
        }
        grant(argument, &granted);
    }
}

/// A condition of which nothing is known but its place.
pub(super) fn unknown(at: Span, holds: bool) -> When {
    When::case(number(&format!("{} {}", at.start, at.end)), holds)
}

fn number(text: &str) -> u64 {
    let mut hasher = FxHasher::default();
    text.hash(&mut hasher);
    hasher.finish()
}

/// `is`, `has` and the like, and methods of lists and texts that only look.
fn asks(name: &str) -> bool {
    matches!(name, "includes" | "startsWith" | "endsWith")
        || ["is", "has", "can", "should"].iter().any(|verb| {
            name.strip_prefix(verb).is_some_and(|rest| rest.starts_with(|one: char| one.is_ascii_uppercase()))
        })
}

fn ends_case(statement: &Statement) -> bool {
    ends(statement)
}

/// The conditions that decide what an argument holds.
fn mentioned(node: &Node, found: &mut Vec<u64>) {
    let mut also = |when: &When| {
        for one in when.conditions() {
            if !found.contains(&one) {
                found.push(one);
            }
        }
    };
    match &node.value {
        Value::Object(object) => {
            object.properties.iter().for_each(|property| also(&property.when));
            object.properties.iter().for_each(|property| mentioned(&property.value, found));
        }
        Value::List(nodes) => nodes.iter().for_each(|node| mentioned(node, found)),
        Value::Choice { nodes, when } => {
            when.iter().for_each(also);
            nodes.iter().for_each(|node| mentioned(node, found));
        }
        _ => {}
    }
}

/// Takes away what the conditions at the call rule out, and makes sure what they grant.
fn grant(node: &mut Node, granted: &When) {
    if granted.is_always() {
        return;
    }
    match &mut node.value {
        Value::Object(object) => {
            let mut kept = Vec::with_capacity(object.properties.len());
            for mut property in std::mem::take(&mut object.properties) {
                grant(&mut property.value, granted);
                if property.conditional && !property.when.is_always() {
                    if property.when.and(granted).is_none() {
                        continue;
                    }
                    if property.when.not().is_none_or(|absent| absent.and(granted).is_none()) {
                        property.conditional = false;
                        property.when = When::default();
                    }
                }
                super::spread::put_among(&mut kept, property);
            }
            object.properties = kept;
        }
        Value::List(nodes) => nodes.iter_mut().for_each(|node| grant(node, granted)),
        Value::Choice { nodes, when } => {
            nodes.iter_mut().for_each(|node| grant(node, granted));
            if when.len() == nodes.len() {
                let mut cases: Vec<(Node, When)> = std::mem::take(nodes)
                    .into_iter()
                    .zip(std::mem::take(when))
                    .filter(|(_, when)| when.and(granted).is_some())
                    .collect();
                match cases.len() {
                    // Nothing of it is ever sent.
                    0 => node.value = Value::Undefined,
                    1 => *node = cases.remove(0).0,
                    _ => node.value = Value::decided(cases),
                }
            }
        }
        _ => {}
    }
}
