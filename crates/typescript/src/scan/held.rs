//! Other names of an object: variables that it is assigned to, as it is or as a part of an object that is written out.
//! Knows nothing of what is done under them.

use oxc_ast::AstKind;
use oxc_ast::ast::{AssignmentTarget, BindingPattern, Expression, LogicalOperator};
use oxc_syntax::node::NodeId;
use oxc_syntax::symbol::SymbolId;

use super::reader::Reader;
use super::syntax::{Step, as_member, bare, key_name, names, span, steps_to};
use super::written::{Path, Written};

/// A name that holds an object, a part of it, or something that it is a part of.
pub(super) struct Held {
    pub name: SymbolId,
    /// The way from the object to what the name holds: `a` for `const { a } = object`.
    down: Path,
    /// The way from what the name holds to the object: `a` for `const name = { a: object }`.
    within: Path,
}

impl Held {
    /// What is written under this name, as seen from the object, which is found at a path itself. None where it is not
    /// written into.
    pub(super) fn written(&self, one: &Written, path: &Path) -> Option<Written> {
        let same = |(a, b): (&Option<String>, &Option<String>)| a.is_none() || b.is_none() || a == b;
        let way = one.path.get(self.within.len()..).unwrap_or_default();
        // What holds it gets something else in its place.
        let replaced = one.assigned && way.is_empty();
        let reaches = one.path.iter().zip(&self.within).all(same);
        (reaches && !replaced).then(|| Written {
            place: one.place,
            path: path.iter().chain(&self.down).chain(way).cloned().collect(),
            assigned: false,
        })
    }
}

impl<'a> Reader<'_, 'a> {
    /// The names that hold what an expression gives.
    pub(super) fn held_by(&self, expression: NodeId) -> Vec<Held> {
        let mut within: Path = Vec::new();
        let mut found = Vec::new();
        let mut at = expression;
        loop {
            let here = span(&self.nodes.kind(at));
            let parent = self.nodes.parent_id(at);
            match self.nodes.kind(parent) {
                AstKind::ConditionalExpression(choice) if !span(&choice.test).contains(here) => {}
                AstKind::LogicalExpression(both)
                    if both.operator != LogicalOperator::And || span(&both.right).contains(here) => {}
                AstKind::TSNonNullExpression(_)
                | AstKind::TSAsExpression(_)
                | AstKind::TSSatisfiesExpression(_)
                | AstKind::TSTypeAssertion(_)
                | AstKind::ObjectExpression(_) => {}
                AstKind::ObjectProperty(property) if span(&property.value).contains(here) => {
                    within.insert(0, key_name(&property.key));
                }
                AstKind::AssignmentExpression(assignment) if span(&assignment.right).contains(here) => {
                    if let Some((name, path)) = self.target(&assignment.left) {
                        let within = path.into_iter().chain(within.iter().cloned()).collect();
                        found.push(Held { name, down: Vec::new(), within });
                    }
                }
                AstKind::VariableDeclarator(declarator) => {
                    let taken = |(way, name): (Path, SymbolId)| {
                        // `const { a } = { a: object }`
                        let shared = way.len().min(within.len());
                        (way[..shared] == within[..shared]).then(|| Held {
                            name,
                            down: way[shared..].to_vec(),
                            within: within[shared..].to_vec(),
                        })
                    };
                    found.extend(shared_names(&declarator.id).into_iter().filter_map(taken));
                    return found;
                }
                _ => return found,
            }
            at = parent;
        }
    }

    /// `filter`, `args.where`: the name that a target begins with, and the way from it.
    fn target(&self, target: &'a AssignmentTarget<'a>) -> Option<(SymbolId, Path)> {
        if let AssignmentTarget::AssignmentTargetIdentifier(name) = target {
            return Some((self.symbol_of(name)?, Path::new()));
        }
        let member = target.as_member_expression()?;
        let mut path = vec![member.static_property_name().map(str::to_owned)];
        let mut object = bare(member.object());
        while let Some(member) = as_member(object) {
            path.insert(0, member.name.map(str::to_owned));
            object = bare(member.object);
        }
        let Expression::Identifier(name) = object else { return None };
        Some((self.symbol_of(name)?, path))
    }
}

/// The names of a pattern that hold the very objects that it takes apart, with the ways to them. What is left of an object
/// (`...rest`) is an object of its own.
pub(super) fn shared_names<'a>(pattern: &'a BindingPattern<'a>) -> Vec<(Path, SymbolId)> {
    names(pattern)
        .into_iter()
        .filter_map(|name| name.symbol_id.get())
        .filter_map(|symbol| {
            let (steps, _) = steps_to(pattern, symbol)?;
            let way = steps.iter().map(|step| match step {
                Step::Member(name) => Some(Some(name.to_string())),
                Step::Element(_) => Some(None),
                Step::Rest => None,
            });
            Some((way.collect::<Option<Path>>()?, symbol))
        })
        .collect()
}
