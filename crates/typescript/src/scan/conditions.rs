//! Conditions that a place stands under, early returns before it included, and what they rule out.

use oxc_ast::AstKind;
use oxc_ast::ast::{BinaryOperator, Expression, LogicalOperator, Statement, UnaryOperator};
use oxc_syntax::node::NodeId;
use pgsteward_model::code::Guard;

use super::reader::Reader;
use super::syntax::{argument, as_call, as_member, bare, id, span};

/// A condition that holds (or does not) where the place runs.
type Condition<'a> = (&'a Expression<'a>, bool);

impl<'a> Reader<'_, 'a> {
    pub(super) fn guards(&mut self, node: NodeId) -> Vec<Guard> {
        let mut conditions = self.conditions(node, true);
        conditions.truncate(24);
        conditions
            .into_iter()
            .map(|(test, holds)| {
                let (test, holds) = match bare(test) {
                    Expression::UnaryExpression(not) if not.operator == UnaryOperator::LogicalNot => {
                        (&not.argument, !holds)
                    }
                    _ => (test, holds),
                };
                // Many places stand under the same condition.
                let known = self.tested.get(&id(test)).cloned();
                let (sources, text) = known.unwrap_or_else(|| {
                    let made = (self.sources(test).into(), self.cut(span(test), 120).into());
                    self.tested.insert(id(test), made.clone());
                    made
                });
                Guard::new(sources, !holds, text)
            })
            .collect()
    }

    /// Conditions around and before a place, outermost first, to the end of its function.
    pub(super) fn conditions(&self, node: NodeId, stop_at_function: bool) -> Vec<Condition<'a>> {
        let mut found = Vec::new();
        let mut at = node;
        for outer in self.nodes.ancestor_ids(node) {
            if !self.spend(4) {
                break;
            }
            let place = span(&self.nodes.kind(at));
            match self.nodes.kind(outer) {
                AstKind::IfStatement(branch) => {
                    if span(&branch.consequent).contains(place) {
                        found.push((&branch.test, true));
                    } else if branch.alternate.as_ref().is_some_and(|other| span(other).contains(place)) {
                        found.push((&branch.test, false));
                    }
                }
                AstKind::ConditionalExpression(choice) => {
                    if span(&choice.consequent).contains(place) {
                        found.push((&choice.test, true));
                    } else if span(&choice.alternate).contains(place) {
                        found.push((&choice.test, false));
                    }
                }
                AstKind::LogicalExpression(both) if span(&both.right).contains(place) => {
                    match both.operator {
                        LogicalOperator::And => found.push((&both.left, true)),
                        LogicalOperator::Or => found.push((&both.left, false)),
                        LogicalOperator::Coalesce => {}
                    }
                }
                AstKind::WhileStatement(each) if span(&each.body).contains(place) => {
                    found.push((&each.test, true));
                }
                AstKind::BlockStatement(block) => self.before(&block.body, place.start, &mut found),
                AstKind::FunctionBody(body) => self.before(&body.statements, place.start, &mut found),
                AstKind::SwitchCase(case) => self.before(&case.consequent, place.start, &mut found),
                AstKind::Program(program) if !stop_at_function => {
                    self.before(&program.body, place.start, &mut found);
                }
                _ => {}
            }
            if stop_at_function && self.functions.contains_key(&outer) {
                break;
            }
            at = outer;
        }
        found.reverse();
        found
    }

    fn before(&self, statements: &'a [Statement<'a>], start: usize, found: &mut Vec<Condition<'a>>) {
        let many = statements.partition_point(|statement| span(statement).end <= start);
        if self.spend(many) {
            before(&statements[..many], start, found);
        }
    }

    /// No value of an expression is `undefined` here: a condition around it or before it says so.
    pub(super) fn ruled_out(&self, expression: &'a Expression<'a>) -> bool {
        let inner = bare(expression);
        let text = normal(self.slice(span(inner)));
        if text.is_empty() {
            return false;
        }
        let found = self.conditions(id(inner), false);
        found.into_iter().any(|(test, holds)| self.says_present(test, holds, &text, 0))
    }

    /// A condition that holds (or does not) tells that what `text` names is there.
    fn says_present(&self, test: &'a Expression<'a>, holds: bool, text: &str, depth: u32) -> bool {
        if depth > 20 {
            return false;
        }
        let next = depth + 1;
        let test = bare(test);
        let same = |expression: &Expression| normal(self.slice(span(bare(expression)))) == text;
        match test {
            Expression::UnaryExpression(not) if not.operator == UnaryOperator::LogicalNot => {
                self.says_present(&not.argument, !holds, text, next)
            }
            Expression::LogicalExpression(both) => match (both.operator, holds) {
                (LogicalOperator::And, true) | (LogicalOperator::Or, false) => {
                    self.says_present(&both.left, holds, text, next)
                        || self.says_present(&both.right, holds, text, next)
                }
                _ => false,
            },
            Expression::BinaryExpression(both) => {
                let (one, other) =
                    if same(&both.left) { (&both.left, &both.right) } else { (&both.right, &both.left) };
                let nothing = other.is_null_or_undefined();
                if same(one) {
                    return match both.operator {
                        BinaryOperator::Inequality | BinaryOperator::StrictInequality => {
                            if nothing {
                                holds
                            } else {
                                !holds
                            }
                        }
                        BinaryOperator::Equality | BinaryOperator::StrictEquality => {
                            if nothing {
                                !holds
                            } else {
                                holds
                            }
                        }
                        BinaryOperator::Instanceof => holds,
                        _ => holds,
                    };
                }
                // `typeof x === 'string'`
                for (side, other) in [(&both.left, &both.right), (&both.right, &both.left)] {
                    if let Expression::UnaryExpression(kind) = bare(side)
                        && kind.operator == UnaryOperator::Typeof
                        && same(&kind.argument)
                        && let Expression::StringLiteral(name) = bare(other)
                    {
                        let absent = name.value == "undefined";
                        let equal = matches!(
                            both.operator,
                            BinaryOperator::Equality | BinaryOperator::StrictEquality
                        );
                        return absent != (equal == holds);
                    }
                }
                false
            }
            Expression::AssignmentExpression(_) => false,
            _ => {
                if holds && same(test) {
                    return true;
                }
                // `if (session?.user)` tells of `session?.user?.id` nothing, of `session?.user` all.
                if holds && normal(self.slice(span(test))).starts_with(&format!("{text}.")) {
                    return true;
                }
                match as_call(test) {
                    // `isString(x)`, `Array.isArray(x)`, `Boolean(x)`
                    Some(call) => {
                        holds && call.arguments.len() == 1 && argument(&call.arguments, 0).is_some_and(same)
                    }
                    None => false,
                }
            }
        }
    }
}

/// Early ends among the statements before a place: `if (!x) return`, `assert(x)`.
fn before<'a>(statements: &'a [Statement<'a>], start: usize, found: &mut Vec<Condition<'a>>) {
    let mut early = Vec::new();
    for statement in statements {
        if span(statement).end > start {
            break;
        }
        match statement {
            Statement::IfStatement(branch) => {
                if branch.alternate.is_none() && ends(&branch.consequent) {
                    early.push((&branch.test, false));
                } else if branch.alternate.as_ref().is_some_and(|other| ends(other)) {
                    early.push((&branch.test, true));
                }
            }
            Statement::ExpressionStatement(statement) => {
                let inner = super::syntax::settled(&statement.expression);
                if let Some(call) = as_call(inner)
                    && let Some(first) = argument(&call.arguments, 0)
                    && let Some(name) = callee_name(&call.callee)
                    && (name.starts_with("assert")
                        || matches!(name, "invariant" | "tiny_invariant" | "ok" | "strict"))
                {
                    early.push((first, true));
                }
            }
            _ => {}
        }
    }
    early.reverse();
    found.extend(early);
}

pub(super) fn callee_name<'b>(callee: &'b Expression) -> Option<&'b str> {
    match bare(callee) {
        Expression::Identifier(name) => Some(name.name.as_str()),
        other => as_member(other).and_then(|member| member.name),
    }
}

/// Nothing runs after it: `return`, `throw`, `continue`, `break`, `redirect()`, `process.exit()`.
pub(super) fn ends(statement: &Statement) -> bool {
    match statement {
        Statement::ReturnStatement(_)
        | Statement::ThrowStatement(_)
        | Statement::ContinueStatement(_)
        | Statement::BreakStatement(_) => true,
        Statement::BlockStatement(block) => block.body.last().is_some_and(ends),
        Statement::IfStatement(branch) => {
            ends(&branch.consequent) && branch.alternate.as_ref().is_some_and(|other| ends(other))
        }
        Statement::ExpressionStatement(statement) => as_call(&statement.expression)
            .and_then(|call| {
                callee_name(&call.callee).map(|name| {
                    matches!(name, "redirect" | "notFound" | "exit" | "permanentRedirect" | "fail")
                })
            })
            .unwrap_or(false),
        _ => false,
    }
}

/// Without `?` and blanks, so that `a?.b` and `a.b` are one.
fn normal(text: &str) -> String {
    text.chars().filter(|one| !one.is_whitespace() && *one != '?' && *one != '!').collect()
}
