//! What becomes of the result of a call: which fields are read, where whole rows go.
//!
//! A value is followed from expression to expression outward, and from names to their uses. `wrap` is the way down to
//! it in an object that was built around it: `["orders"]` in `return { orders, total }`; an element of a written list
//! is `#0`, `#1` … there.

use oxc_ast::AstKind;
use oxc_ast::ast::{ForStatementLeft, LogicalOperator, UnaryOperator};
use oxc_syntax::node::NodeId;

use super::bound::plain;
use super::reader::Reader;
use super::syntax::{Code, as_member, id, key_name, span};
use crate::unit::{Usage, Use};

/// Steps after which a result is given up as not followed.
const STEPS: u32 = 600;

#[derive(Default)]
pub(super) struct Trail {
    pub uses: Vec<Use>,
    pub lost: bool,
    steps: u32,
    /// The names that the result was followed to, and as what: only by names is a place come to again.
    seen: Vec<(NodeId, Vec<String>, Vec<String>)>,
}

impl Trail {
    pub(super) fn add(&mut self, one: Use) {
        if !self.uses.contains(&one) {
            // Nearly all have one or two: four would be kept for nothing.
            self.uses.reserve_exact(1);
            self.uses.push(one);
        }
    }

    /// Whether a name was not followed as this before.
    pub(super) fn is_new(&mut self, name: NodeId, held: Held) -> bool {
        let again = |(at, path, wrap): &(NodeId, Vec<String>, Vec<String>)| {
            *at == name && path == held.path && wrap == held.wrap
        };
        let new = !self.seen.iter().any(again);
        if new {
            self.seen.push((name, held.path.to_vec(), held.wrap.to_vec()));
        }
        new
    }

    /// A field that code names is read, whatever becomes of it: collected, looked up, compared in a way that was not
    /// followed.
    pub(super) fn read_at_least(&mut self, before: usize, path: Vec<String>) {
        if self.uses.len() == before {
            self.add(Use::Read { path });
        }
    }

    pub(super) fn lose(&mut self, path: &[String]) {
        self.lost = true;
        self.add(Use::Other { path: path.to_vec() });
    }
}

/// The place of a value: what was read of the result, and what was built around it.
#[derive(Clone, Copy)]
pub(super) struct Held<'p> {
    pub path: &'p [String],
    pub wrap: &'p [String],
}

impl<'a> Reader<'_, 'a> {
    pub(super) fn usage(&mut self, node: NodeId) -> Usage {
        let mut trail = Trail::default();
        self.follow(node, Held { path: &[], wrap: &[] }, &mut trail);
        Usage { binding: self.binding(node), complete: !trail.lost, uses: trail.uses }
    }

    /// The variable that holds the result.
    fn binding(&self, node: NodeId) -> Option<String> {
        for outer in self.nodes.ancestor_kinds(node).take(6) {
            match outer {
                AstKind::AwaitExpression(_)
                | AstKind::TSAsExpression(_)
                | AstKind::TSNonNullExpression(_)
                | AstKind::ChainExpression(_) => {}
                AstKind::VariableDeclarator(declarator) => {
                    return declarator.id.get_identifier_name().map(|name| name.to_string());
                }
                AstKind::AssignmentExpression(assignment) => {
                    return assignment.left.get_identifier_name().map(str::to_string);
                }
                _ => return None,
            }
        }
        None
    }

    pub(super) fn follow(&self, node: NodeId, held: Held, trail: &mut Trail) {
        trail.steps += 1;
        if trail.steps > STEPS || !self.spend(1) {
            trail.lost = true;
            return;
        }
        if held.path.len() + held.wrap.len() > 24 {
            return trail.lose(held.path);
        }
        let parent = self.nodes.parent_id(node);
        let here = span(&self.nodes.kind(node));
        let path = || held.path.to_vec();
        match self.nodes.kind(parent) {
            AstKind::AwaitExpression(_)
            | AstKind::TSAsExpression(_)
            | AstKind::TSNonNullExpression(_)
            | AstKind::TSSatisfiesExpression(_)
            | AstKind::TSTypeAssertion(_)
            | AstKind::ParenthesizedExpression(_)
            | AstKind::ChainExpression(_) => self.follow(parent, held, trail),
            AstKind::StaticMemberExpression(member) => {
                self.follow_member(parent, member.property.name.as_str(), held, trail);
            }
            AstKind::ComputedMemberExpression(member) => {
                if id(&member.object) != node {
                    return trail.add(Use::Read { path: path() });
                }
                match member.static_property_name() {
                    Some(name) => self.follow_member(parent, name.as_str(), held, trail),
                    None => self.follow_key(parent, &member.expression, held, trail),
                }
            }
            AstKind::VariableDeclarator(declarator) => self.bind(&declarator.id, held, trail),
            AstKind::AssignmentExpression(assignment) => {
                if span(&assignment.left).contains(here) {
                    return;
                }
                match assignment.left.get_identifier_name() {
                    Some(_) => match self.assigned_symbol(&assignment.left) {
                        Some(symbol) => self.follow_symbol(symbol, held, trail),
                        None => trail.lose(held.path),
                    },
                    None => trail.add(Use::Other { path: path() }),
                }
                // `return (known = rows)`
                self.follow(parent, held, trail);
            }
            AstKind::ReturnStatement(_) => match self.code_around(parent) {
                Some(code) => self.follow_returned(code, node, held, trail),
                None => trail.lose(held.path),
            },
            AstKind::ArrowFunctionExpression(arrow) => {
                self.follow_returned(Code::Arrow(arrow), node, held, trail);
            }
            AstKind::ObjectProperty(property) => match key_name(&property.key) {
                Some(name) if span(&property.value).contains(here) => {
                    let mut wrap = vec![name];
                    wrap.extend_from_slice(held.wrap);
                    let object = self.nodes.parent_id(parent);
                    self.follow(object, Held { path: held.path, wrap: &wrap }, trail);
                }
                _ => trail.add(Use::Read { path: path() }),
            },
            AstKind::SpreadElement(_) => match self.nodes.parent_kind(parent) {
                AstKind::ObjectExpression(_) | AstKind::ArrayExpression(_) => {
                    self.follow(self.nodes.parent_id(parent), held, trail);
                }
                _ => {
                    let (call, _) = self.call_and_position(parent);
                    self.follow_argument(call.unwrap_or(parent), parent, held, trail);
                }
            },
            AstKind::ArrayExpression(list) => self.follow_element(parent, list, node, held, trail),
            AstKind::CallExpression(call) => {
                if span(&call.callee).contains(here) {
                    trail.lose(held.path);
                } else {
                    self.follow_argument(parent, node, held, trail);
                }
            }
            AstKind::NewExpression(_) => self.follow_argument(parent, node, held, trail),
            AstKind::BinaryExpression(both) => {
                let nothing = both.left.is_null_or_undefined() || both.right.is_null_or_undefined();
                trail.add(if nothing { Use::Tested { path: path() } } else { Use::Read { path: path() } });
            }
            AstKind::UnaryExpression(unary) => {
                let tested = matches!(unary.operator, UnaryOperator::LogicalNot | UnaryOperator::Typeof);
                match unary.operator {
                    UnaryOperator::Void => {}
                    _ if tested => trail.add(Use::Tested { path: path() }),
                    _ => trail.add(Use::Read { path: path() }),
                }
            }
            AstKind::TemplateLiteral(_) | AstKind::UpdateExpression(_) => {
                trail.add(Use::Read { path: path() });
            }
            AstKind::SwitchStatement(_) | AstKind::SwitchCase(_) => trail.add(Use::Read { path: path() }),
            AstKind::IfStatement(_)
            | AstKind::WhileStatement(_)
            | AstKind::DoWhileStatement(_)
            | AstKind::ForStatement(_) => {
                trail.add(Use::Tested { path: path() });
            }
            AstKind::ConditionalExpression(choice) => {
                if span(&choice.test).contains(here) {
                    trail.add(Use::Tested { path: path() });
                } else {
                    self.follow(parent, held, trail);
                }
            }
            AstKind::LogicalExpression(both) => {
                let left = span(&both.left).contains(here);
                if left && both.operator == LogicalOperator::And {
                    trail.add(Use::Tested { path: path() });
                } else {
                    self.follow(parent, held, trail);
                }
            }
            AstKind::SequenceExpression(_) => self.follow(parent, held, trail),
            AstKind::ExpressionStatement(_) => {}
            AstKind::ForOfStatement(each) => match &each.left {
                ForStatementLeft::VariableDeclaration(declaration) => {
                    for declarator in &declaration.declarations {
                        self.bind(&declarator.id, unmarked(held), trail);
                    }
                }
                _ => trail.lose(held.path),
            },
            AstKind::ForInStatement(_) => trail.add(Use::Read { path: path() }),
            AstKind::YieldExpression(_) => {
                trail.add(Use::Returned { path: path(), wrap: held.wrap.to_vec() });
            }
            AstKind::JSXExpressionContainer(_) => self.follow_jsx(parent, held, trail),
            AstKind::JSXSpreadAttribute(_) => trail.add(Use::Passed { path: path(), to: "JSX".into() }),
            _ => trail.lose(held.path),
        }
    }

    fn follow_jsx(&self, container: NodeId, held: Held, trail: &mut Trail) {
        let path = held.path.to_vec();
        if !matches!(self.nodes.parent_kind(container), AstKind::JSXAttribute(_)) {
            return trail.add(if path.is_empty() { Use::Other { path } } else { Use::Read { path } });
        }
        let element = self.nodes.ancestor_kinds(container).find_map(|kind| match kind {
            AstKind::JSXOpeningElement(element) => Some(self.cut(span(&element.name), 60)),
            _ => None,
        });
        let to = element.unwrap_or_default();
        // An attribute of an HTML element is text.
        let html = to.starts_with(|first: char| first.is_ascii_lowercase());
        trail.add(if html { Use::Read { path } } else { Use::Passed { path, to } });
    }

    fn follow_member(&self, member: NodeId, name: &str, held: Held, trail: &mut Trail) {
        let outer = self.nodes.parent_id(member);
        let called = matches!(self.nodes.kind(outer), AstKind::CallExpression(call)
            if span(&call.callee).contains(span(&self.nodes.kind(member))));
        // Optional chains stand between a member and its call.
        if called && let AstKind::CallExpression(call) = self.nodes.kind(outer) {
            return self.follow_method(outer, call, name, held, trail);
        }
        match held.wrap {
            [first, rest @ ..] if first == name => {
                self.follow(member, Held { path: held.path, wrap: rest }, trail);
            }
            // Another property of what was built around it.
            [_, ..] => {}
            [] if name == "length" => {
                trail.add(Use::Tested { path: held.path.to_vec() });
            }
            [] => {
                let mut path = plain(held.path);
                path.push(name.to_string());
                let before = trail.uses.len();
                self.follow(member, Held { path: &path, wrap: &[] }, trail);
                trail.read_at_least(before, path);
            }
        }
    }

    /// An element of a list that is written out: of `Promise.all([…])`, of an entry for `new Map`.
    fn follow_element(
        &self,
        parent: NodeId,
        list: &oxc_ast::ast::ArrayExpression<'a>,
        node: NodeId,
        held: Held,
        trail: &mut Trail,
    ) {
        let outer = self.nodes.parent_id(parent);
        let together = match self.nodes.kind(outer) {
            AstKind::CallExpression(call) => {
                matches!(
                    as_member(&call.callee).and_then(|member| member.name),
                    Some("all" | "allSettled" | "$transaction")
                )
            }
            AstKind::ReturnStatement(_) => true,
            _ => false,
        };
        if !together {
            return self.follow(parent, held, trail);
        }
        let here = span(&self.nodes.kind(node));
        let index = list.elements.iter().position(|element| span(element) == here).unwrap_or(0);
        let mut wrap = vec![format!("#{index}")];
        wrap.extend_from_slice(held.wrap);
        let held = Held { path: held.path, wrap: &wrap };
        if matches!(self.nodes.kind(outer), AstKind::CallExpression(_)) {
            self.follow(outer, held, trail);
        } else {
            self.follow(parent, held, trail);
        }
    }
}

/// As an element or a list of it: written lists are looked through.
pub(super) fn unmarked<'p>(held: Held<'p>) -> Held<'p> {
    match held.wrap {
        [first, rest @ ..] if first.starts_with('#') => Held { path: held.path, wrap: rest },
        _ => held,
    }
}
