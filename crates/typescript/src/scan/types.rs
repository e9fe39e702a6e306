//! Declared types, as far as they tell of clients and of what may be absent.

use oxc_ast::AstKind;
use oxc_ast::ast::{TSSignature, TSType, TSTypeName};
use oxc_syntax::node::NodeId;

use super::reader::Reader;
use super::syntax::{key_name, span};
use crate::unit::TypeAlias;

/// Members of a type that are kept.
const MEMBERS: usize = 60;

impl<'a> Reader<'_, 'a> {
    pub(super) fn read_type(&mut self, node: NodeId) {
        match self.nodes.kind(node) {
            AstKind::TSTypeAliasDeclaration(alias) => {
                let members = match &alias.type_annotation {
                    TSType::TSTypeLiteral(literal) => self.signatures(&literal.members),
                    _ => Vec::new(),
                };
                let text = self.cut(span(&alias.type_annotation), 400);
                let name = alias.id.name.to_string();
                self.unit.types.push(TypeAlias { name, text, members, extends: Vec::new() });
            }
            AstKind::TSInterfaceDeclaration(interface) => {
                let members = self.signatures(&interface.body.body);
                let extends = interface.extends.iter().map(|one| self.cut(span(one), 80)).collect();
                let name = interface.id.name.to_string();
                self.unit.types.push(TypeAlias { name, text: String::new(), members, extends });
            }
            _ => {}
        }
    }

    fn signatures(&self, members: &'a [TSSignature<'a>]) -> Vec<(String, String)> {
        members
            .iter()
            .filter_map(|member| match member {
                TSSignature::TSPropertySignature(property) => {
                    let ty = self.type_text(property.type_annotation.as_deref()).unwrap_or_default();
                    Some((key_name(&property.key)?, ty))
                }
                _ => None,
            })
            .take(MEMBERS)
            .collect()
    }

    /// A member of a type that may be absent: `{ status?: string }`, an interface of the file.
    pub(super) fn optional_member(&self, ty: &'a TSType<'a>, name: &str) -> bool {
        match ty {
            TSType::TSTypeLiteral(literal) => self.optional_among(&literal.members, name),
            TSType::TSIntersectionType(both) => {
                // One part that requires it is enough.
                both.types.iter().any(|one| self.optional_member(one, name))
                    && !both.types.iter().any(|one| self.picks(one, name))
            }
            TSType::TSTypeReference(reference) => {
                let TSTypeName::IdentifierReference(identifier) = &reference.type_name else { return false };
                if identifier.name == "Partial" {
                    // `Partial<Pick<User, 'lastName'>>` says nothing of other fields.
                    let of = reference.type_arguments.as_ref().and_then(|given| given.params.first());
                    return of.is_none_or(|of| !is_pick(of) || self.picks(of, name));
                }
                let Some(symbol) = self.symbol_of(identifier) else { return false };
                match self.nodes.kind(self.scoping.symbol_declaration(symbol)) {
                    AstKind::TSInterfaceDeclaration(interface) => {
                        self.optional_among(&interface.body.body, name)
                    }
                    AstKind::TSTypeAliasDeclaration(alias) => match &alias.type_annotation {
                        // An alias of an alias is not followed: it may go in circles.
                        TSType::TSTypeLiteral(literal) => self.optional_among(&literal.members, name),
                        _ => false,
                    },
                    _ => false,
                }
            }
            _ => false,
        }
    }

    /// `Pick<User, 'email' | 'name'>`
    fn picks(&self, ty: &'a TSType<'a>, name: &str) -> bool {
        let TSType::TSTypeReference(reference) = ty else { return false };
        let names = reference.type_arguments.as_ref().and_then(|given| given.params.get(1));
        is_pick(ty)
            && names.is_some_and(|names| {
                let text = self.cut(span(names), 2_000);
                [format!("'{name}'"), format!("\"{name}\"")]
                    .iter()
                    .any(|quoted| text.contains(quoted.as_str()))
            })
    }

    fn optional_among(&self, members: &'a [TSSignature<'a>], name: &str) -> bool {
        members.iter().any(|member| match member {
            TSSignature::TSPropertySignature(property) => {
                key_name(&property.key).as_deref() == Some(name)
                    && (property.optional
                        || self
                            .type_text(property.type_annotation.as_deref())
                            .is_some_and(|ty| ty.split('|').any(|part| part.trim() == "undefined")))
            }
            _ => false,
        })
    }
}

fn is_pick(ty: &TSType) -> bool {
    matches!(ty, TSType::TSTypeReference(reference)
        if matches!(&reference.type_name, TSTypeName::IdentifierReference(name) if name.name == "Pick"))
}
