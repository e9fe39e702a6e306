//! Which first values of names are followed: what is written out where a name is declared.

use oxc_ast::AstKind;
use oxc_ast::ast::{Expression, VariableDeclarationKind};

use super::reader::Reader;
use super::syntax::{as_call, as_member, bare};

/// Followed although it may change: objects and lists that are built up, conditions between such.
pub(super) fn laid_out(init: &Expression) -> bool {
    match bare(init) {
        Expression::ObjectExpression(_) | Expression::ArrayExpression(_) => true,
        Expression::ConditionalExpression(choice) => {
            laid_or_literal(&choice.consequent) && laid_or_literal(&choice.alternate)
        }
        Expression::LogicalExpression(both) => laid_out(&both.right),
        Expression::Identifier(name) => name.name == "undefined",
        other => as_call(other).is_some_and(|call| {
            as_call(&call.callee)
                .and_then(|inner| as_member(&inner.callee))
                .is_some_and(|member| member.name == Some("validator"))
        }),
    }
}

fn laid_or_literal(init: &Expression) -> bool {
    laid_out(init) || literal_like(init)
}

pub(super) fn literal_like(init: &Expression) -> bool {
    match bare(init) {
        Expression::StringLiteral(_)
        | Expression::NumericLiteral(_)
        | Expression::BooleanLiteral(_)
        | Expression::NullLiteral(_)
        | Expression::BigIntLiteral(_) => true,
        Expression::TemplateLiteral(template) => template.expressions.is_empty(),
        // `const filter = base`, `const card = selects.card`
        Expression::Identifier(_) => true,
        Expression::UnaryExpression(unary) => literal_like(&unary.argument),
        other => as_member(other).is_some_and(|member| {
            member.name.is_some() && matches!(bare(member.object), Expression::Identifier(_))
        }),
    }
}

pub(super) trait Kind {
    fn kind_of(&self, reader: &Reader) -> VariableDeclarationKind;
}

impl Kind for oxc_ast::ast::VariableDeclarator<'_> {
    fn kind_of(&self, reader: &Reader) -> VariableDeclarationKind {
        match reader.nodes.parent_kind(self.node_id()) {
            AstKind::VariableDeclaration(declaration) => declaration.kind,
            _ => VariableDeclarationKind::Var,
        }
    }
}
