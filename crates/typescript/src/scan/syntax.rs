//! Short ways through the parser's tree: what an expression is below casts, brackets and optional chains.

use std::borrow::Cow;

use oxc_ast::AstKind;
use oxc_ast::ast::{
    Argument, ArrowFunctionExpression, BindingPattern, CallExpression, ChainElement, Expression,
    FormalParameters, Function, FunctionBody, PropertyKey,
};
use oxc_span::GetSpan;
use oxc_syntax::node::NodeId;
use oxc_syntax::symbol::SymbolId;
use pgsteward_model::source::Span;

pub(super) fn span(node: &impl GetSpan) -> Span {
    let span = node.span();
    Span::new(span.start as usize, span.end as usize)
}

pub(super) fn id(expression: &Expression) -> NodeId {
    AstKind::from_expression(expression).node_id()
}

/// Without brackets, casts, `!`, `satisfies`.
pub(super) fn bare<'b, 'a>(mut expression: &'b Expression<'a>) -> &'b Expression<'a> {
    loop {
        expression = match expression {
            Expression::ParenthesizedExpression(inner) => &inner.expression,
            Expression::TSAsExpression(inner) => &inner.expression,
            Expression::TSSatisfiesExpression(inner) => &inner.expression,
            Expression::TSTypeAssertion(inner) => &inner.expression,
            Expression::TSNonNullExpression(inner) => &inner.expression,
            Expression::TSInstantiationExpression(inner) => &inner.expression,
            Expression::ChainExpression(chain) => match &chain.expression {
                ChainElement::TSNonNullExpression(inner) => &inner.expression,
                _ => return expression,
            },
            _ => return expression,
        };
    }
}

/// Without `await` too.
pub(super) fn settled<'b, 'a>(mut expression: &'b Expression<'a>) -> &'b Expression<'a> {
    loop {
        expression = bare(expression);
        match expression {
            Expression::AwaitExpression(inner) => expression = &inner.argument,
            _ => return expression,
        }
    }
}

pub(super) fn as_call<'b, 'a>(expression: &'b Expression<'a>) -> Option<&'b CallExpression<'a>> {
    match bare(expression) {
        Expression::CallExpression(call) => Some(call),
        Expression::ChainExpression(chain) => match &chain.expression {
            ChainElement::CallExpression(call) => Some(call),
            _ => None,
        },
        _ => None,
    }
}

/// `object.name` or `object[key]`.
#[derive(Clone, Copy)]
pub(super) struct Member<'b, 'a> {
    pub object: &'b Expression<'a>,
    pub name: Option<&'b str>,
    /// The key of `object[key]`, where it is no text.
    pub key: Option<&'b Expression<'a>>,
    pub name_span: Span,
    pub optional: bool,
}

pub(super) fn as_member<'b, 'a>(expression: &'b Expression<'a>) -> Option<Member<'b, 'a>> {
    match bare(expression) {
        Expression::StaticMemberExpression(member) => Some(Member {
            object: &member.object,
            name: Some(member.property.name.as_str()),
            key: None,
            name_span: span(&member.property),
            optional: member.optional,
        }),
        Expression::PrivateFieldExpression(member) => Some(Member {
            object: &member.object,
            name: Some(member.field.name.as_str()),
            key: None,
            name_span: span(&member.field),
            optional: member.optional,
        }),
        Expression::ComputedMemberExpression(member) => Some(computed(member)),
        Expression::ChainExpression(chain) => match &chain.expression {
            ChainElement::StaticMemberExpression(member) => Some(Member {
                object: &member.object,
                name: Some(member.property.name.as_str()),
                key: None,
                name_span: span(&member.property),
                optional: member.optional,
            }),
            ChainElement::PrivateFieldExpression(member) => Some(Member {
                object: &member.object,
                name: Some(member.field.name.as_str()),
                key: None,
                name_span: span(&member.field),
                optional: member.optional,
            }),
            ChainElement::ComputedMemberExpression(member) => Some(computed(member)),
            _ => None,
        },
        _ => None,
    }
}

fn computed<'b, 'a>(member: &'b oxc_ast::ast::ComputedMemberExpression<'a>) -> Member<'b, 'a> {
    let name = member.static_property_name().map(|name| name.as_str());
    Member {
        object: &member.object,
        name,
        key: if name.is_none() { Some(&member.expression) } else { None },
        name_span: span(&member.expression),
        optional: member.optional,
    }
}

/// A function or an arrow function, seen alike.
#[derive(Clone, Copy)]
pub(super) enum Code<'a> {
    Function(&'a Function<'a>),
    Arrow(&'a ArrowFunctionExpression<'a>),
}

impl<'a> Code<'a> {
    pub(super) fn of_kind(kind: AstKind<'a>) -> Option<Code<'a>> {
        match kind {
            AstKind::Function(function) => Some(Code::Function(function)),
            AstKind::ArrowFunctionExpression(arrow) => Some(Code::Arrow(arrow)),
            _ => None,
        }
    }

    pub(super) fn of_expression(expression: &'a Expression<'a>) -> Option<Code<'a>> {
        match bare(expression) {
            Expression::FunctionExpression(function) => Some(Code::Function(function)),
            Expression::ArrowFunctionExpression(arrow) => Some(Code::Arrow(arrow)),
            _ => None,
        }
    }

    pub(super) fn id(self) -> NodeId {
        match self {
            Code::Function(function) => function.node_id(),
            Code::Arrow(arrow) => arrow.node_id(),
        }
    }

    pub(super) fn span(self) -> Span {
        match self {
            Code::Function(function) => span(function),
            Code::Arrow(arrow) => span(arrow),
        }
    }

    pub(super) fn parameters(self) -> &'a FormalParameters<'a> {
        match self {
            Code::Function(function) => &function.params,
            Code::Arrow(arrow) => &arrow.params,
        }
    }

    pub(super) fn is_async(self) -> bool {
        match self {
            Code::Function(function) => function.r#async,
            Code::Arrow(arrow) => arrow.r#async,
        }
    }

    pub(super) fn body(self) -> Option<&'a FunctionBody<'a>> {
        match self {
            Code::Function(function) => function.body.as_deref(),
            Code::Arrow(arrow) => arrow.body.as_function_body(),
        }
    }

    /// The expression that an arrow function without braces returns.
    pub(super) fn expression(self) -> Option<&'a Expression<'a>> {
        match self {
            Code::Function(_) => None,
            Code::Arrow(arrow) => arrow.get_expression(),
        }
    }
}

/// The expressions among arguments; a spread one has none.
pub(super) fn argument<'b, 'a>(arguments: &'b [Argument<'a>], index: usize) -> Option<&'b Expression<'a>> {
    arguments.get(index).and_then(Argument::as_expression)
}

/// A name in the text, which nearly always stands there as it is.
pub(super) type Name<'a> = Cow<'a, str>;

pub(super) fn key_name(key: &PropertyKey) -> Option<String> {
    key_text(key).map(Cow::into_owned)
}

pub(super) fn key_text<'a>(key: &PropertyKey<'a>) -> Option<Name<'a>> {
    match key {
        PropertyKey::PrivateIdentifier(private) => Some(Cow::Borrowed(private.name.as_str())),
        key => key.static_name(),
    }
}

/// A step from a value to a part of it, as patterns take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    Member(Name<'a>),
    Element(usize),
    /// What is left of an object or a list.
    Rest,
}

/// The way from a pattern's value to one of the names that it binds, and whether a default stands in for `undefined`.
pub(super) fn steps_to<'a>(
    pattern: &'a BindingPattern<'a>,
    symbol: SymbolId,
) -> Option<(Vec<Step<'a>>, Option<&'a Expression<'a>>)> {
    match pattern {
        BindingPattern::BindingIdentifier(name) => {
            (name.symbol_id.get() == Some(symbol)).then(|| (Vec::new(), None))
        }
        BindingPattern::AssignmentPattern(with_default) => {
            let (steps, default) = steps_to(&with_default.left, symbol)?;
            Some((steps, default.or(Some(&with_default.right))))
        }
        BindingPattern::ObjectPattern(object) => {
            for property in &object.properties {
                if let Some((mut steps, default)) = steps_to(&property.value, symbol) {
                    steps.insert(0, Step::Member(key_text(&property.key).unwrap_or(Cow::Borrowed("[]"))));
                    return Some((steps, default));
                }
            }
            let (mut steps, default) = steps_to(&object.rest.as_ref()?.argument, symbol)?;
            steps.insert(0, Step::Rest);
            Some((steps, default))
        }
        BindingPattern::ArrayPattern(list) => {
            for (index, element) in list.elements.iter().enumerate() {
                let Some(element) = element else { continue };
                if let Some((mut steps, default)) = steps_to(element, symbol) {
                    steps.insert(0, Step::Element(index));
                    return Some((steps, default));
                }
            }
            let (mut steps, default) = steps_to(&list.rest.as_ref()?.argument, symbol)?;
            steps.insert(0, Step::Rest);
            Some((steps, default))
        }
    }
}

/// All names that a pattern binds.
pub(super) fn names<'b, 'a>(pattern: &'b BindingPattern<'a>) -> Vec<&'b oxc_ast::ast::BindingIdentifier<'a>> {
    pattern.get_binding_identifiers().into_iter().collect()
}
