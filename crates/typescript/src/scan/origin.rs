//! Where the value of an expression comes from, in terms of what the file declares and imports.

use oxc_ast::AstKind;
use oxc_ast::ast::{Expression, IdentifierReference, LogicalOperator, ObjectPropertyKind};
use oxc_syntax::symbol::SymbolId;

use super::reader::{DEPTH, Definition, Reader};
use super::syntax::{Code, Step, argument, as_call, as_member, bare, id, key_text, span};
use crate::unit::{CallbackParameter, Depth, Origin};

/// Callbacks within the callees of callbacks that are followed.
const CALLBACKS: u32 = 3;

impl<'a> Reader<'_, 'a> {
    pub(super) fn origin(&self, expression: &'a Expression<'a>) -> Origin {
        if self.unit.depth != Depth::Full {
            return match bare(expression) {
                Expression::Identifier(identifier) => self.identifier_origin(identifier),
                _ => Origin::Unknown,
            };
        }
        self.origin_at(expression, 0)
    }

    fn origin_at(&self, expression: &'a Expression<'a>, depth: u32) -> Origin {
        if depth > DEPTH {
            return Origin::Unknown;
        }
        let next = depth + 1;
        match expression {
            Expression::TSAsExpression(cast) => {
                let ty = self.cut(span(&cast.type_annotation), 200);
                return typed(self.origin_at(&cast.expression, next), ty);
            }
            Expression::TSTypeAssertion(cast) => {
                let ty = self.cut(span(&cast.type_annotation), 200);
                return typed(self.origin_at(&cast.expression, next), ty);
            }
            Expression::TSSatisfiesExpression(inner) => return self.origin_at(&inner.expression, next),
            Expression::TSNonNullExpression(inner) => return self.origin_at(&inner.expression, next),
            Expression::ParenthesizedExpression(inner) => return self.origin_at(&inner.expression, next),
            Expression::TSInstantiationExpression(inner) => return self.origin_at(&inner.expression, next),
            _ => {}
        }
        if let Some(call) = as_call(expression) {
            return self.call_origin(call, next);
        }
        if let Some(member) = as_member(expression) {
            let of = self.origin_at(member.object, next);
            return match (member.name, member.key.map(bare)) {
                (Some(name), _) => member_of(of, name),
                (None, Some(Expression::NumericLiteral(_))) => Origin::Element(Box::new(of)),
                _ => Origin::Member(Box::new(of), "[]".into()),
            };
        }
        match bare(expression) {
            Expression::Identifier(identifier) => self.identifier_origin(identifier),
            Expression::ThisExpression(this) => Origin::This(self.class_around(this.node_id())),
            Expression::Super(node) => Origin::Super(self.class_around(node.node_id())),
            Expression::AwaitExpression(inner) => self.origin_at(&inner.argument, next),
            Expression::NewExpression(new) => match self.clients.get(&new.node_id()) {
                Some(client) => Origin::Client(*client),
                None => Origin::New(Box::new(self.origin_at(&new.callee, next))),
            },
            Expression::ImportExpression(import) => {
                self.module_calls.get(&import.node_id()).map_or(Origin::Unknown, |at| Origin::Import(*at))
            }
            Expression::LogicalExpression(both) => {
                if both.operator == LogicalOperator::And {
                    return self.origin_at(&both.right, next);
                }
                either(self.origin_at(&both.left, next), self.origin_at(&both.right, next))
            }
            Expression::ConditionalExpression(choice) => {
                either(self.origin_at(&choice.consequent, next), self.origin_at(&choice.alternate, next))
            }
            Expression::AssignmentExpression(assignment) => self.origin_at(&assignment.right, next),
            Expression::SequenceExpression(sequence) => {
                sequence.expressions.last().map_or(Origin::Unknown, |last| self.origin_at(last, next))
            }
            Expression::ClassExpression(class) => {
                self.classes.get(&class.node_id()).map_or(Origin::Unknown, |at| Origin::Class(*at))
            }
            Expression::FunctionExpression(_) | Expression::ArrowFunctionExpression(_) => {
                self.functions.get(&id(bare(expression))).map_or(Origin::Unknown, |at| Origin::Function(*at))
            }
            Expression::ObjectExpression(object) => self.object_origin(object, next),
            _ => Origin::Unknown,
        }
    }

    fn object_origin(&self, object: &'a oxc_ast::ast::ObjectExpression<'a>, depth: u32) -> Origin {
        let mut members = Vec::new();
        for property in object.properties.iter().take(100) {
            let ObjectPropertyKind::ObjectProperty(property) = property else { continue };
            let Some(name) = key_text(&property.key) else { continue };
            let origin = self.origin_at(&property.value, depth);
            if origin != Origin::Unknown {
                members.push((name.into_owned(), origin));
            }
        }
        if members.is_empty() { Origin::Unknown } else { Origin::Object(members) }
    }

    fn call_origin(&self, call: &'a oxc_ast::ast::CallExpression<'a>, depth: u32) -> Origin {
        if let Some(import) = self.module_calls.get(&call.node_id()) {
            return Origin::Import(*import);
        }
        if let Some(candidate) = self.calls.get(&call.node_id()) {
            return Origin::Result(*candidate);
        }
        if let Some(member) = as_member(&call.callee) {
            match member.name {
                Some("$extends") => return Origin::Extended(Box::new(self.origin_at(member.object, depth))),
                // What waits for a value, or binds it, hands it on.
                Some("bind" | "then" | "catch" | "finally") => return self.origin_at(member.object, depth),
                Some("assign") if matches!(bare(member.object), Expression::Identifier(of) if of.name == "Object") =>
                {
                    return argument(&call.arguments, 0)
                        .map_or(Origin::Unknown, |first| self.origin_at(first, depth));
                }
                _ => {}
            }
        }
        // `(() => …)()` and `singleton('db', () => new PrismaClient())` are what their function returns.
        if let Some(code) = Code::of_expression(&call.callee) {
            return self.returned_origin(code, depth);
        }
        let callee = self.origin_at(&call.callee, depth);
        let invocation = self.invocations.get(&call.node_id()).copied();
        let factory =
            call.arguments.iter().filter_map(|one| one.as_expression()).find_map(Code::of_expression);
        let made = factory.map_or(Origin::Unknown, |code| self.returned_origin(code, depth));
        match (callee, invocation) {
            (_, None) if made != Origin::Unknown => made,
            (Origin::Unknown, _) => Origin::Unknown,
            // What a function of this repository makes of it is for linking to say.
            (callee, invocation) => match made {
                Origin::Unknown => Origin::Call(Box::new(callee), invocation),
                made => either(Origin::Call(Box::new(callee), invocation), made),
            },
        }
    }

    /// What a function returns, if its only `return` (or its expression) has an origin.
    fn returned_origin(&self, code: Code<'a>, depth: u32) -> Origin {
        if let Some(expression) = code.expression() {
            return self.origin_at(expression, depth + 1);
        }
        let Some(body) = code.body() else { return Origin::Unknown };
        match body.statements.last() {
            Some(oxc_ast::ast::Statement::ReturnStatement(last)) => {
                last.argument.as_ref().map_or(Origin::Unknown, |value| self.origin_at(value, depth + 1))
            }
            _ => Origin::Unknown,
        }
    }

    pub(super) fn identifier_origin(&self, identifier: &IdentifierReference<'a>) -> Origin {
        if self.unit.depth != Depth::Full {
            // Scopes are not known then; what is exported is declared at the top level.
            let import = self.unit.imports.iter().position(|import| import.local == identifier.name.as_str());
            return import.map_or(Origin::Unknown, Origin::Import);
        }
        match self.symbol_of(identifier) {
            Some(symbol) => self.symbol_origin(symbol),
            None if identifier.name == "undefined" => Origin::Unknown,
            None => Origin::Global(identifier.name.to_string()),
        }
    }

    pub(super) fn symbol_origin(&self, symbol: SymbolId) -> Origin {
        // Most names are variables: where in a pattern they stand is not asked here.
        if let Some(variable) = self.variables.get(&symbol) {
            return Origin::Variable(*variable);
        }
        match self.definition(symbol) {
            Definition::Import(at) => Origin::Import(at),
            Definition::Function(code) => {
                self.functions.get(&code.id()).map_or(Origin::Unknown, |at| Origin::Function(*at))
            }
            Definition::Class(node) => {
                self.classes.get(&node).map_or(Origin::Unknown, |at| Origin::Class(*at))
            }
            Definition::Parameter { code, index, parameter, steps, .. } => {
                let ty = || self.type_text(parameter.type_annotation.as_deref());
                follow(self.parameter_origin(code, index, ty), &steps)
            }
            Definition::RestParameter { code, index } => self.parameter_origin(code, index, || None),
            Definition::Variable { .. }
            | Definition::LoopVariable { .. }
            | Definition::Enum
            | Definition::Other => Origin::Unknown,
        }
    }

    /// `ty`: the declared type, asked for where it tells something.
    fn parameter_origin(&self, code: Code<'a>, index: usize, ty: impl FnOnce() -> Option<String>) -> Origin {
        if let Some(function) = self.functions.get(&code.id()) {
            return Origin::Parameter { function: *function, index };
        }
        let parent = self.nodes.parent_id(code.id());
        let AstKind::CallExpression(call) = self.nodes.kind(parent) else {
            return ty().map_or(Origin::Unknown, |ty| typed(Origin::Unknown, ty));
        };
        if let Some(transaction) = self.transactions.get(&parent)
            && index == 0
        {
            return Origin::Transaction(*transaction);
        }
        // The callee may be a call with callbacks of its own, whose parameters lead to their callees: each link of
        // `builder.step((y) => y).step((y) => y)` would be walked twice by the next one.
        let within = self.callbacks.get();
        let callee = if within < CALLBACKS {
            self.callbacks.set(within + 1);
            let callee = self.origin_at(&call.callee, DEPTH - 5);
            self.callbacks.set(within);
            callee
        } else {
            Origin::Unknown
        };
        let code_span = code.span();
        let position = call.arguments.iter().position(|argument| span(argument) == code_span).unwrap_or(0);
        Origin::Callback(Box::new(CallbackParameter {
            callee,
            name: self.cut(span(&call.callee), 80),
            argument: position,
            index,
            ty: ty(),
        }))
    }

    /// What a variable holds.
    pub(super) fn variable_origin(&self, symbol: SymbolId) -> Origin {
        match self.definition(symbol) {
            Definition::Variable { declarator, steps, .. } => {
                let mut origin = declarator.init.as_ref().map_or(Origin::Unknown, |init| self.origin(init));
                if steps.is_empty() {
                    // `let db; if (…) { db = new PrismaClient() }`
                    for value in self.assigned(symbol) {
                        origin = either(origin, self.origin(value));
                    }
                }
                follow(origin, &steps)
            }
            Definition::LoopVariable { over, steps, keys: false, .. } => match self.origin(over) {
                Origin::Unknown => Origin::Unknown,
                origin => follow(Origin::Element(Box::new(origin)), &steps),
            },
            _ => Origin::Unknown,
        }
    }

    /// The values that are assigned to a name after its declaration.
    pub(super) fn assigned(&self, symbol: SymbolId) -> Vec<&'a Expression<'a>> {
        self.scoping
            .get_resolved_references(symbol)
            .filter(|reference| reference.is_write())
            .filter_map(|reference| {
                // The target of an assignment is its direct child.
                match self.nodes.parent_kind(reference.node_id()) {
                    AstKind::AssignmentExpression(assignment) => Some(&assignment.right),
                    _ => None,
                }
            })
            .collect()
    }
}

fn typed(origin: Origin, ty: String) -> Origin {
    // A cast to `any` or `unknown` says nothing.
    if matches!(ty.as_str(), "any" | "unknown" | "never" | "const") {
        return origin;
    }
    Origin::Typed(Box::new(origin), ty)
}

pub(super) fn member_of(of: Origin, name: &str) -> Origin {
    match of {
        Origin::Unknown => Origin::Unknown,
        Origin::Object(members) => members
            .into_iter()
            .rev()
            .find(|(key, _)| key == name)
            .map_or(Origin::Unknown, |(_, origin)| origin),
        of => Origin::Member(Box::new(of), name.to_string()),
    }
}

pub(super) fn either(left: Origin, right: Origin) -> Origin {
    match (left, right) {
        (Origin::Unknown, other) | (other, Origin::Unknown) => other,
        (left, right) if left == right => left,
        (Origin::Either(mut all), right) => {
            if !all.contains(&right) {
                all.push(right);
            }
            Origin::Either(all)
        }
        (left, right) => Origin::Either(vec![left, right]),
    }
}

pub(super) fn follow(mut origin: Origin, steps: &[Step<'_>]) -> Origin {
    for step in steps {
        origin = match step {
            Step::Member(name) => member_of(origin, name),
            Step::Element(_) => match origin {
                Origin::Unknown => Origin::Unknown,
                origin => Origin::Element(Box::new(origin)),
            },
            Step::Rest => origin,
        };
    }
    origin
}
