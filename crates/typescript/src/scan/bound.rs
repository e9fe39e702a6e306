//! What becomes of a result that a pattern takes apart and names hold.

use oxc_ast::AstKind;
use oxc_ast::ast::BindingPattern;
use oxc_syntax::symbol::SymbolId;

use super::reader::Reader;
use super::syntax::key_text;
use super::usage::{Held, Trail, unmarked};

impl<'a> Reader<'_, 'a> {
    /// What a pattern takes out of it.
    pub(super) fn bind(&self, pattern: &'a BindingPattern<'a>, held: Held, trail: &mut Trail) {
        match pattern {
            BindingPattern::BindingIdentifier(name) => {
                if let Some(symbol) = name.symbol_id.get() {
                    self.follow_symbol(symbol, held, trail);
                }
            }
            BindingPattern::AssignmentPattern(with_default) => self.bind(&with_default.left, held, trail),
            BindingPattern::ObjectPattern(object) => {
                let mut taken = Vec::new();
                for property in &object.properties {
                    let Some(name) = key_text(&property.key) else {
                        trail.lose(held.path);
                        continue;
                    };
                    match held.wrap {
                        [first, rest @ ..] => {
                            if **first == *name {
                                self.bind(&property.value, Held { path: held.path, wrap: rest }, trail);
                                return;
                            }
                        }
                        [] => {
                            let mut path = plain(held.path);
                            path.push(name.to_string());
                            let before = trail.uses.len();
                            self.bind(&property.value, Held { path: &path, wrap: &[] }, trail);
                            trail.read_at_least(before, path);
                        }
                    }
                    if object.rest.is_some() {
                        taken.push(format!("-{name}"));
                    }
                }
                if let Some(rest) = &object.rest {
                    // All of it but what was taken out by name.
                    let mut path = held.path.to_vec();
                    if held.wrap.is_empty() {
                        path.extend(taken);
                    }
                    self.bind(&rest.argument, Held { path: &path, wrap: held.wrap }, trail);
                }
            }
            BindingPattern::ArrayPattern(list) => {
                let marked: Option<usize> = held
                    .wrap
                    .first()
                    .and_then(|first| first.strip_prefix('#'))
                    .and_then(|one| one.parse().ok());
                for (index, element) in list.elements.iter().enumerate() {
                    let Some(element) = element else { continue };
                    match marked {
                        Some(wanted) if index == wanted => {
                            return self.bind(
                                element,
                                Held { path: held.path, wrap: &held.wrap[1..] },
                                trail,
                            );
                        }
                        Some(_) => {}
                        None => self.bind(element, held, trail),
                    }
                }
                if let Some(rest) = &list.rest {
                    self.bind(&rest.argument, unmarked(held), trail);
                }
            }
        }
    }

    pub(super) fn follow_symbol(&self, symbol: SymbolId, held: Held, trail: &mut Trail) {
        for reference in self.scoping.get_resolved_references(symbol) {
            if reference.is_read() && trail.is_new(reference.node_id(), held) {
                self.follow(reference.node_id(), held, trail);
            }
        }
        let at_top = self.variables.get(&symbol).is_some_and(|at| self.unit.variables[*at].function == 0);
        let exported = at_top
            && self
                .nodes
                .ancestor_kinds(self.scoping.symbol_declaration(symbol))
                .take(3)
                .any(|kind| matches!(kind, AstKind::ExportDeclaration(_)));
        if exported {
            trail.lose(held.path);
        }
    }

    pub(super) fn assigned_symbol(&self, target: &oxc_ast::ast::AssignmentTarget<'a>) -> Option<SymbolId> {
        match target {
            oxc_ast::ast::AssignmentTarget::AssignmentTargetIdentifier(name) => self.symbol_of(name),
            _ => None,
        }
    }
}

/// A path without the names that were taken out: what is read of the rest is read of the whole.
pub(super) fn plain(path: &[String]) -> Vec<String> {
    path.iter().filter(|name| !name.starts_with('-')).cloned().collect()
}
