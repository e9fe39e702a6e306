//! What methods of lists and keys that are worked out take of a result: the callbacks that are given its elements, or all
//! of it, and the fields that a key may ask for.

use oxc_ast::AstKind;
use oxc_ast::ast::{BinaryOperator, CallExpression, Expression, UnaryOperator};
use oxc_syntax::node::NodeId;
use oxc_syntax::symbol::SymbolId;

use super::reader::{Definition, Reader};
use super::syntax::{Code, argument, as_member, bare, span};
use super::usage::{Held, Trail, unmarked};
use crate::unit::Use;

impl<'a> Reader<'_, 'a> {
    pub(super) fn follow_method(
        &self,
        outer: NodeId,
        call: &'a CallExpression<'a>,
        name: &str,
        held: Held,
        trail: &mut Trail,
    ) {
        let list = unmarked(held);
        match name {
            "map" | "flatMap" | "forEach" | "some" | "every" | "findIndex" | "findLastIndex" => {
                self.follow_callback(outer, call, &[0], 2, held, trail);
            }
            "filter" | "find" | "findLast" => {
                self.follow_callback(outer, call, &[0], 2, held, trail);
                self.follow(outer, list, trail);
            }
            "sort" | "toSorted" => {
                self.follow_callback(outer, call, &[0, 1], usize::MAX, held, trail);
                self.follow(outer, list, trail);
            }
            // Without a first value it is the first element.
            "reduce" | "reduceRight" if call.arguments.len() < 2 => {
                self.follow_callback(outer, call, &[0, 1], 3, held, trail);
            }
            "reduce" | "reduceRight" => self.follow_callback(outer, call, &[1], 3, held, trail),
            "then" => match callback(call) {
                Some(code) => self.bind_parameters(code, &[(0, held)], trail),
                None => trail.lose(held.path),
            },
            "catch" | "finally" => self.follow(outer, held, trail),
            "slice" | "at" | "reverse" | "toReversed" | "concat" | "pop" | "shift" | "flat" | "values"
            | "splice" | "get" | "entries" | "toSpliced" | "fill" => self.follow(outer, list, trail),
            "push" | "unshift" | "add" | "set" | "delete" | "clear" | "has" | "includes" | "indexOf"
            | "keys" => {}
            "join" | "toString" => trail.add(Use::Read { path: held.path.to_vec() }),
            _ if !held.path.is_empty() => trail.add(Use::Read { path: held.path.to_vec() }),
            // A method of what was built around it, or one that rows do not have.
            _ => trail.lose(held.path),
        }
    }

    /// What the callback of a method is given: elements at some positions, and the whole list at another one.
    fn follow_callback(
        &self,
        outer: NodeId,
        call: &'a CallExpression<'a>,
        elements: &[usize],
        whole: usize,
        held: Held,
        trail: &mut Trail,
    ) {
        if let Some(code) = callback(call) {
            let of_elements = elements.iter().map(|position| (*position, unmarked(held)));
            let all: Vec<(usize, Held)> = of_elements.chain([(whole, held)]).collect();
            return self.bind_parameters(code, &all, trail);
        }
        let Some(first) = call.arguments.first() else { return };
        let path = || held.path.to_vec();
        match self.invocations.get(&outer) {
            Some(invocation) => {
                for position in elements {
                    let (invocation, position) = (*invocation, *position);
                    let wrap = held.wrap.to_vec();
                    trail.add(Use::Argument { path: path(), invocation, position, wrap });
                }
            }
            None => trail.add(Use::Passed { path: path(), to: self.cut(span(first), 80) }),
        }
    }

    pub(super) fn bind_parameters(&self, code: Code<'a>, given: &[(usize, Held)], trail: &mut Trail) {
        for (position, held) in given {
            if let Some(pattern) = self.callback_pattern(code, *position) {
                self.bind(pattern, *held, trail);
            }
        }
        // `(...given) => given[0]`, `function () { return arguments[0] }`
        let named = code.parameters().items.len();
        let unnamed = given.iter().find(|(position, _)| *position >= named && *position != usize::MAX);
        let takes_all = code.parameters().rest.is_some()
            || matches!(code, Code::Function(_)) && self.slice(code.span()).contains("arguments");
        if let Some((_, held)) = unnamed.filter(|_| takes_all) {
            trail.lose(held.path);
        }
    }

    /// `rows[index]` is a row, `row[key]` may be any of its fields.
    pub(super) fn follow_key(&self, member: NodeId, key: &'a Expression<'a>, held: Held, trail: &mut Trail) {
        let held = unmarked(held);
        if self.is_index(key) {
            return self.follow(member, held, trail);
        }
        match held.wrap {
            // `{ orders, customers }[kind]`
            [_, rest @ ..] => self.follow(member, Held { path: held.path, wrap: rest }, trail),
            [] => {
                trail.add(Use::Read { path: held.path.to_vec() });
                self.follow(member, held, trail);
            }
        }
    }

    /// A number, as far as the text tells: a literal, what is counted or calculated, a name that is given one.
    fn is_index(&self, key: &'a Expression<'a>) -> bool {
        match bare(key) {
            Expression::NumericLiteral(_) | Expression::UpdateExpression(_) => true,
            // `index + 1`, and not `field + 'Name'`.
            Expression::BinaryExpression(both) if both.operator == BinaryOperator::Addition => {
                let text = |side: &Expression| {
                    matches!(side, Expression::StringLiteral(_) | Expression::TemplateLiteral(_))
                };
                !text(&both.left)
                    && !text(&both.right)
                    && (self.is_index(&both.left) || self.is_index(&both.right))
            }
            Expression::BinaryExpression(_) => true,
            Expression::UnaryExpression(unary) => {
                matches!(unary.operator, UnaryOperator::UnaryNegation | UnaryOperator::UnaryPlus)
            }
            Expression::CallExpression(call) => as_member(&call.callee).is_some_and(|member| {
                matches!(member.name, Some("indexOf" | "lastIndexOf" | "findIndex" | "findLastIndex"))
                    || matches!(bare(member.object), Expression::Identifier(of) if of.name == "Math")
            }),
            Expression::Identifier(name) => {
                says_index(&name.name) || self.symbol_of(name).is_some_and(|symbol| self.is_number(symbol))
            }
            other => as_member(other)
                .and_then(|member| member.name)
                .is_some_and(|name| name == "length" || says_index(name)),
        }
    }

    fn is_number(&self, symbol: SymbolId) -> bool {
        match self.definition(symbol) {
            Definition::Variable { declarator, steps, .. } => {
                steps.is_empty()
                    && declarator.init.as_ref().is_some_and(|init| {
                        !matches!(bare(init), Expression::Identifier(_)) && self.is_index(init)
                    })
            }
            Definition::Parameter { code, parameter, index, .. } => {
                match self.type_text(parameter.type_annotation.as_deref()) {
                    Some(ty) => ty == "number",
                    None => self.index_position(code) == Some(index),
                }
            }
            _ => false,
        }
    }

    /// Where the callback of a list's method is given the position of its element: `(row, at) => …`.
    fn index_position(&self, code: Code<'a>) -> Option<usize> {
        let AstKind::CallExpression(call) = self.nodes.kind(self.nodes.parent_id(code.id())) else {
            return None;
        };
        match as_member(&call.callee)?.name? {
            "map" | "flatMap" | "forEach" | "some" | "every" | "filter" | "find" | "findLast"
            | "findIndex" | "findLastIndex" => Some(1),
            "reduce" | "reduceRight" => Some(2),
            _ => None,
        }
    }
}

fn callback<'a>(call: &'a CallExpression<'a>) -> Option<Code<'a>> {
    argument(&call.arguments, 0).and_then(Code::of_expression)
}

/// `index`, `rowIndex`, `i`
fn says_index(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    matches!(lower.as_str(), "i" | "j" | "n")
        || ["index", "idx", "position", "offset"].iter().any(|end| lower.ends_with(end))
}
