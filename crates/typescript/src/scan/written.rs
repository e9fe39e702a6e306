//! What is written into the objects that names hold, and where: assigned members, helpers that are handed an object and
//! return nothing that anybody takes, other names of the same object. Knows nothing of what is written.

use std::rc::Rc;

use oxc_ast::AstKind;
use oxc_ast::ast::{CallExpression, Expression, UnaryOperator};
use oxc_syntax::node::NodeId;
use oxc_syntax::symbol::SymbolId;

use super::held::shared_names;
use super::reader::{DEPTH, Definition, Reader};
use super::syntax::{Code, as_member, bare, id, span};

/// The way from an object to one of its members; none for a key that the text does not say.
pub(super) type Path = Vec<Option<String>>;

/// Methods that change the list that they belong to.
const CHANGES: [&str; 7] = ["push", "unshift", "splice", "pop", "shift", "fill", "copyWithin"];

/// A place where something is written into what a name holds.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// Of the text.
    pub place: NodeId,
    /// To what: empty for all of it.
    pub path: Path,
    /// What stands there gets another value: what stood there before is as it was.
    pub assigned: bool,
}

impl Written {
    /// The name itself gets another value.
    pub(super) fn replaces(&self) -> bool {
        self.assigned && self.path.is_empty()
    }
}

impl<'a> Reader<'_, 'a> {
    /// The members that are asked of a name at one place, and the outermost of them: `where.a.b`.
    pub(super) fn members_from(&self, place: NodeId) -> (Path, NodeId) {
        let mut path = Vec::new();
        let mut at = place;
        loop {
            let parent = self.nodes.parent_id(at);
            match self.nodes.kind(parent) {
                AstKind::StaticMemberExpression(member) => {
                    path.push(Some(member.property.name.to_string()));
                }
                AstKind::ComputedMemberExpression(member) if id(&member.object) == at => {
                    path.push(member.static_property_name().map(|name| name.to_string()));
                }
                AstKind::TSNonNullExpression(_)
                | AstKind::TSAsExpression(_)
                | AstKind::TSSatisfiesExpression(_)
                | AstKind::TSTypeAssertion(_)
                | AstKind::ChainExpression(_) => {}
                _ => return (path, at),
            }
            at = parent;
        }
    }

    /// All that is written into what a name holds, under any of its names.
    pub(super) fn writes(&self, symbol: SymbolId) -> Rc<[Written]> {
        self.writes_at(symbol, 0)
    }

    fn writes_at(&self, symbol: SymbolId, depth: u32) -> Rc<[Written]> {
        // What nobody looks at may be written into.
        let anything = || [Written { place: NodeId::ROOT, path: Vec::new(), assigned: false }].into();
        if depth > DEPTH {
            return anything();
        }
        match self.written.borrow().get(&symbol) {
            Some(Some(known)) => return known.clone(),
            // Names that lead to each other in a circle end here. What is found on the way is a part only.
            Some(None) => {
                self.circles.set(self.circles.get() + 1);
                return Rc::default();
            }
            None => {}
        }
        let uses: Vec<NodeId> = self.uses(symbol).collect();
        if !self.spend(uses.len() * 4) {
            return anything();
        }
        self.written.borrow_mut().insert(symbol, None);
        let circles = self.circles.get();
        let mut found = Vec::new();
        for place in uses {
            let (path, outermost) = self.members_from(place);
            self.written_at(place, path, outermost, depth + 1, &mut found);
        }
        let found: Rc<[Written]> = found.into();
        let whole = depth == 0 || self.circles.get() == circles;
        let mut written = self.written.borrow_mut();
        match whole {
            true => written.insert(symbol, Some(found.clone())),
            false => written.remove(&symbol),
        };
        found
    }

    /// What one use of a name writes: `path` and `outermost` are of [`Reader::members_from`].
    pub(super) fn written_at(
        &self,
        place: NodeId,
        mut path: Path,
        outermost: NodeId,
        depth: u32,
        found: &mut Vec<Written>,
    ) {
        let here = span(&self.nodes.kind(outermost));
        let parent = self.nodes.parent_id(outermost);
        match self.nodes.kind(parent) {
            AstKind::AssignmentExpression(assignment) if span(&assignment.left).contains(here) => {
                found.push(Written { place, path, assigned: true });
            }
            AstKind::ArrayAssignmentTarget(_)
            | AstKind::AssignmentTargetPropertyProperty(_)
            | AstKind::AssignmentTargetWithDefault(_)
            | AstKind::AssignmentTargetRest(_)
            | AstKind::UpdateExpression(_) => found.push(Written { place, path, assigned: true }),
            AstKind::UnaryExpression(unary) if unary.operator == UnaryOperator::Delete => {
                path.pop();
                found.push(Written { place, path, assigned: false });
            }
            AstKind::CallExpression(call) if span(&call.callee).contains(here) && changes(&path) => {
                path.pop();
                found.push(Written { place, path, assigned: false });
            }
            AstKind::CallExpression(call) if self.may_write(parent, call, outermost, depth) => {
                found.push(Written { place, path, assigned: false });
            }
            _ => {
                for held in self.held_by(outermost) {
                    // What is written under the name that is being read is written into that.
                    if depth == 0 && self.following.contains(&held.name) {
                        continue;
                    }
                    for one in self.writes_at(held.name, depth).iter() {
                        found.extend(held.written(one, &path));
                    }
                }
            }
        }
    }

    /// Something may be written into what an expression takes of a name, before it does.
    pub(super) fn is_written_before(&self, expression: &'a Expression<'a>) -> bool {
        let mut path = Vec::new();
        let mut object = bare(expression);
        while let Some(member) = as_member(object) {
            path.insert(0, member.name.map(str::to_owned));
            object = bare(member.object);
        }
        let Expression::Identifier(name) = object else { return false };
        let Some(symbol) = self.symbol_of(name) else { return false };
        let read = id(object);
        self.writes(symbol).iter().any(|one| {
            self.may_come_before(one.place, read, symbol)
                && one.path.iter().zip(&path).all(|(a, b)| a.is_none() || b.is_none() || a == b)
        })
    }

    /// Whether what happens at a place may have happened when a name is read: it stands before it, or comes round in a
    /// loop, or in a function of its own, which runs whenever it is called.
    pub(super) fn may_come_before(&self, place: NodeId, read: NodeId, symbol: SymbolId) -> bool {
        let (at, here) = (span(&self.nodes.kind(place)).start, span(&self.nodes.kind(read)).start);
        at < here.max(self.reading) || self.comes_round(read, at, symbol) || self.is_apart(place, read)
    }

    /// Two places stand in different functions.
    pub(super) fn is_apart(&self, place: NodeId, read: NodeId) -> bool {
        self.code_around(place).map(Code::id) != self.code_around(read).map(Code::id)
    }

    /// What stands behind a place comes before it in the next turn of a loop, which began after a name was declared.
    pub(super) fn comes_round(&self, read: NodeId, at: usize, symbol: SymbolId) -> bool {
        let declared = span(&self.nodes.kind(self.scoping.symbol_declaration(symbol))).start;
        let here = span(&self.nodes.kind(read)).start;
        at > here
            && self.nodes.ancestor_kinds(read).any(|kind| {
                let around = span(&kind);
                is_loop(&kind) && around.start <= at && at < around.end && around.start > declared
            })
    }

    /// Whether a call may write into what it is given: a function of this file that does, `Object.assign`, or a call that
    /// is a statement, `addTenant(where, user)`. Nobody takes what that returns, so it does something to what it is given,
    /// unless its name says that it looks at it alone or keeps it.
    fn may_write(&self, node: NodeId, call: &CallExpression<'a>, argument: NodeId, depth: u32) -> bool {
        let given =
            |one: &oxc_ast::ast::Argument<'a>| one.as_expression().is_some_and(|one| id(one) == argument);
        let Some(position) = call.arguments.iter().position(given) else { return false };
        if self.slice(span(&call.callee)) == "Object.assign" {
            return position == 0;
        }
        if self.calls.contains_key(&node) || self.raw.contains_key(&node) {
            return false;
        }
        if let Expression::Identifier(name) = bare(&call.callee)
            && let Some(symbol) = self.symbol_of(name)
        {
            let code = match self.definition(symbol) {
                Definition::Function(code) => Some(code),
                Definition::Variable { declarator, steps, .. } if steps.is_empty() => {
                    declarator.init.as_ref().and_then(Code::of_expression)
                }
                _ => None,
            };
            if let Some(item) = code.and_then(|code| code.parameters().items.get(position)) {
                let written =
                    |symbol: SymbolId| self.writes_at(symbol, depth).iter().any(|one| !one.replaces());
                return shared_names(&item.pattern).into_iter().any(|(_, name)| written(name));
            }
        }
        let mut outer = self.nodes.parent_id(node);
        while matches!(self.nodes.kind(outer), AstKind::AwaitExpression(_) | AstKind::ChainExpression(_)) {
            outer = self.nodes.parent_id(outer);
        }
        let dropped = match self.nodes.kind(outer) {
            AstKind::ExpressionStatement(_) => true,
            // `filters.forEach((apply) => apply(where))`
            AstKind::ArrowFunctionExpression(_) => {
                matches!(self.nodes.parent_kind(outer), AstKind::CallExpression(each)
                    if as_member(&each.callee).is_some_and(|member| member.name == Some("forEach")))
            }
            _ => false,
        };
        // `_.set(where, 'a.b', value)`: a map gets two.
        let sets = call.arguments.len() > 2
            && position == 0
            && as_member(&call.callee).is_some_and(|member| member.name == Some("set"));
        sets || dropped && !looks(&call.callee)
    }
}

/// `list.push`
fn changes(path: &[Option<String>]) -> bool {
    path.last().is_some_and(|name| name.as_deref().is_some_and(|name| CHANGES.contains(&name)))
}

fn is_loop(kind: &AstKind) -> bool {
    matches!(
        kind,
        AstKind::ForStatement(_)
            | AstKind::ForOfStatement(_)
            | AstKind::ForInStatement(_)
            | AstKind::WhileStatement(_)
            | AstKind::DoWhileStatement(_)
    )
}

/// A call that by its name reads what it is given, sends it or keeps it.
fn looks(callee: &Expression) -> bool {
    const VERBS: [&str; 24] = [
        "log",
        "debug",
        "info",
        "warn",
        "error",
        "trace",
        "print",
        "assert",
        "expect",
        "validate",
        "check",
        "verify",
        "json",
        "send",
        "emit",
        "track",
        "capture",
        "publish",
        "enqueue",
        "authorize",
        "notify",
        "reject",
        "resolve",
        "next",
    ];
    /// Of lists, sets, maps and stores: `conditions.push(where)`.
    const METHODS: [&str; 7] = ["push", "unshift", "add", "set", "has", "get", "delete"];
    const OWNERS: [&str; 8] = ["console", "logger", "log", "expect", "assert", "res", "response", "reply"];
    let Some(member) = as_member(callee) else {
        return matches!(bare(callee), Expression::Identifier(name) if VERBS.contains(&first_word(&name.name)));
    };
    let owner = match bare(member.object) {
        Expression::Identifier(name) => Some(name.name.as_str()),
        object => as_member(object).and_then(|object| object.name),
    };
    member.name.is_some_and(|name| VERBS.contains(&first_word(name)) || METHODS.contains(&name))
        || owner.is_some_and(|owner| OWNERS.contains(&owner))
}

/// `log` of `logQuery`.
fn first_word(name: &str) -> &str {
    &name[..name.find(|one: char| !one.is_ascii_lowercase()).unwrap_or(name.len())]
}
