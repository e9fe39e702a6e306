//! Which functions are functions of their own, and what they are called.

use oxc_ast::AstKind;
use oxc_ast::ast::{
    BindingPattern, CallExpression, ExportDefaultDeclarationKind, Expression, MethodDefinitionKind,
};
use oxc_syntax::node::NodeId;
use pgsteward_model::code::{FunctionRole, Parameter};
use pgsteward_model::source::Span;

use super::reader::Reader;
use super::roles;
use super::syntax::{Code, argument, as_call, as_member, bare, key_name, span};
use crate::unit::{Origin, UnitFunction};

/// A name that the place of a function gives it.
pub(super) struct Named {
    pub name: String,
    pub method: Option<String>,
    pub class: Option<NodeId>,
    pub role: FunctionRole,
    pub given_away: bool,
}

impl Named {
    fn plain(name: String) -> Named {
        Named { name, method: None, class: None, role: FunctionRole::Plain, given_away: false }
    }

    fn role(mut self, role: FunctionRole) -> Named {
        self.role = role;
        self
    }
}

/// Methods that call what they are given at once, for each element or once: what stands in there belongs to the
/// function around it.
pub(super) const ITERATES: [&str; 16] = [
    "map",
    "forEach",
    "filter",
    "reduce",
    "reduceRight",
    "flatMap",
    "some",
    "every",
    "find",
    "findIndex",
    "findLast",
    "sort",
    "toSorted",
    "mapSeries",
    "eachSeries",
    "each",
];

impl<'a> Reader<'_, 'a> {
    pub(super) fn module_function(&mut self, span: Span) {
        let role = FunctionRole::Module;
        let function =
            UnitFunction { name: "(module)".into(), role, at: self.at(span), ..empty(self.at(span)) };
        self.unit.functions.push(function);
    }

    /// Takes a function in, if it is one of its own. Functions come in the order of the text.
    pub(super) fn read_function(&mut self, node: NodeId) {
        let Some(code) = Code::of_kind(self.nodes.kind(node)) else { return };
        if code.body().is_none() && code.expression().is_none() {
            return;
        }
        let Some(named) = self.name_of(code) else { return };
        let parameters = self.parameters(code);
        let parent = self.function_around(node);
        let class = named.class.and_then(|class| self.classes.get(&class).copied());
        let index = self.unit.functions.len();
        self.functions.insert(node, index);
        self.function_nodes.push(node);
        let return_type = match code {
            Code::Function(function) => self.type_text(function.return_type.as_deref()),
            Code::Arrow(arrow) => self.type_text(arrow.return_type.as_deref()),
        };
        let role = roles::function_role(self, code, &named, parent);
        self.unit.functions.push(UnitFunction {
            name: named.name,
            role,
            is_async: code.is_async(),
            parameters,
            class,
            method: named.method,
            parent: Some(parent),
            given_away: named.given_away,
            return_type,
            ..empty(self.at(code.span()))
        });
    }

    fn parameters(&self, code: Code<'a>) -> Vec<Parameter> {
        code.parameters()
            .items
            .iter()
            .map(|item| Parameter {
                name: match &item.pattern {
                    BindingPattern::BindingIdentifier(name) => name.name.to_string(),
                    _ => String::new(),
                },
                ty: self.type_text(item.type_annotation.as_deref()),
                optional: item.optional || item.initializer.is_some(),
            })
            .collect()
    }

    fn name_of(&self, code: Code<'a>) -> Option<Named> {
        let node = code.id();
        let (mut parent, mut child) = (self.nodes.parent_id(node), code.span());
        while let AstKind::TSAsExpression(_)
        | AstKind::TSSatisfiesExpression(_)
        | AstKind::ParenthesizedExpression(_) = self.nodes.kind(parent)
        {
            child = span(&self.nodes.kind(parent));
            parent = self.nodes.parent_id(parent);
        }
        if let Code::Function(function) = code
            && let AstKind::MethodDefinition(method) = self.nodes.kind(parent)
        {
            let class = self.nodes.parent_id(self.nodes.parent_id(parent));
            let name = match method.kind {
                MethodDefinitionKind::Constructor => "constructor".to_string(),
                _ => key_name(&method.key).unwrap_or_else(|| "[]".into()),
            };
            let _ = function;
            return Some(self.in_class(class, name));
        }
        match self.nodes.kind(parent) {
            AstKind::PropertyDefinition(property) => {
                let class = self.nodes.parent_id(self.nodes.parent_id(parent));
                Some(self.in_class(class, key_name(&property.key).unwrap_or_else(|| "[]".into())))
            }
            AstKind::VariableDeclarator(declarator) => Some(Named::plain(self.pattern_name(&declarator.id))),
            AstKind::ObjectProperty(property) => {
                Some(self.in_object(parent, key_name(&property.key).unwrap_or_else(|| "[]".into())))
            }
            AstKind::AssignmentExpression(assignment) => {
                let target = assignment.left.as_member_expression()?;
                let name = self.cut(span(target), 80);
                let name =
                    name.trim_start_matches("module.exports.").trim_start_matches("exports.").to_string();
                Some(Named::plain(name))
            }
            AstKind::ExportDefaultDeclaration(export) => {
                let name = match &export.declaration {
                    ExportDefaultDeclarationKind::FunctionDeclaration(function) => {
                        function.id.as_ref().map(|name| name.name.to_string())
                    }
                    _ => None,
                };
                Some(Named::plain(name.unwrap_or_else(|| "default".into())))
            }
            AstKind::CallExpression(call) => self.in_call(code, call, child),
            AstKind::NewExpression(new) => roles::registered_worker(self, new),
            _ => match code {
                Code::Function(function) if function.is_declaration() => {
                    function.id.as_ref().map(|name| Named::plain(name.name.to_string()))
                }
                _ => None,
            },
        }
    }

    fn pattern_name(&self, pattern: &BindingPattern) -> String {
        match pattern {
            BindingPattern::BindingIdentifier(name) => name.name.to_string(),
            _ => "(function)".into(),
        }
    }

    fn in_class(&self, class: NodeId, method: String) -> Named {
        let class_name = match self.nodes.kind(class) {
            AstKind::Class(class) => class.id.as_ref().map(|name| name.name.to_string()),
            _ => None,
        };
        let name = match class_name {
            Some(class) => format!("{class}.{method}"),
            None => method.clone(),
        };
        Named { method: Some(method), class: Some(class), ..Named::plain(name) }
    }

    /// A function that is the value of a property: `orders.cancel`, `resolvers.User.posts`.
    fn in_object(&self, property: NodeId, name: String) -> Named {
        let mut names = vec![name.clone()];
        let mut node = self.nodes.parent_id(property);
        let mut given_away = false;
        for _ in 0..40 {
            let parent = self.nodes.parent_id(node);
            match self.nodes.kind(parent) {
                AstKind::ObjectProperty(outer) => {
                    names.push(key_name(&outer.key).unwrap_or_else(|| "[]".into()));
                    node = self.nodes.parent_id(parent);
                    continue;
                }
                AstKind::VariableDeclarator(declarator) => names.push(self.pattern_name(&declarator.id)),
                AstKind::PropertyDefinition(field) => {
                    names.push(key_name(&field.key).unwrap_or_else(|| "[]".into()));
                }
                AstKind::CallExpression(call) => {
                    given_away = true;
                    if let Some(named) = roles::registered_by_options(self, call, &name) {
                        return named;
                    }
                    // `export const posts = router({ … })`
                    node = parent;
                    continue;
                }
                AstKind::TSAsExpression(_)
                | AstKind::TSSatisfiesExpression(_)
                | AstKind::ParenthesizedExpression(_)
                | AstKind::AwaitExpression(_)
                | AstKind::StaticMemberExpression(_)
                | AstKind::NewExpression(_) => {
                    given_away |= matches!(self.nodes.kind(parent), AstKind::NewExpression(_));
                    node = parent;
                    continue;
                }
                _ => {}
            }
            break;
        }
        names.reverse();
        let mut named = Named::plain(names.join("."));
        named.method = Some(name);
        named.given_away = given_away;
        named
    }

    /// A function that is an argument of a call.
    fn in_call(&self, code: Code<'a>, call: &'a CallExpression<'a>, child: Span) -> Option<Named> {
        if let Some(named) = roles::registered(self, code, call, child) {
            return Some(named);
        }
        // `const getUser = cache(async (id) => …)`, `export const POST = withAuth(async (request) => …)`,
        // `create: procedure.input(…).mutation(async ({ ctx }) => …)`
        let callee = bare(&call.callee);
        let method = as_member(callee).and_then(|member| member.name);
        if method.is_some_and(|name| ITERATES.contains(&name) || RUNS_AT_ONCE.contains(&name)) {
            return None;
        }
        if let Expression::Identifier(name) = callee
            && RUNS_AT_ONCE.contains(&name.name.as_str())
        {
            return None;
        }
        let procedure =
            matches!(method, Some("query" | "mutation" | "subscription")) && self.is_procedure(callee);
        let wrap = self.nodes.parent_id(call.node_id());
        let mut holder = wrap;
        // `withA(withB(handler))`, `handler.handle(fn).build()`
        for _ in 0..8 {
            match self.nodes.kind(holder) {
                AstKind::CallExpression(_)
                | AstKind::StaticMemberExpression(_)
                | AstKind::TSAsExpression(_) => {
                    holder = self.nodes.parent_id(holder);
                }
                _ => break,
            }
        }
        let named = match self.nodes.kind(holder) {
            AstKind::VariableDeclarator(declarator)
                if procedure || self.at_top(holder) || method.is_none() && wraps(callee) =>
            {
                Named::plain(self.pattern_name(&declarator.id))
            }
            AstKind::ExportDefaultDeclaration(_) => Named::plain("default".into()),
            AstKind::ObjectProperty(property) if procedure || (self.at_top(holder) && wraps(callee)) => {
                let name = key_name(&property.key).unwrap_or_else(|| "[]".into());
                self.in_object(holder, name)
            }
            AstKind::PropertyDefinition(property) if wraps(callee) => {
                let class = self.nodes.parent_id(self.nodes.parent_id(holder));
                self.in_class(class, key_name(&property.key).unwrap_or_else(|| "[]".into()))
            }
            AstKind::AssignmentExpression(assignment) if self.at_top(holder) => {
                let target = assignment.left.as_member_expression()?;
                Named::plain(self.cut(span(target), 80))
            }
            _ => return None,
        };
        Some(if procedure { named.role(FunctionRole::RequestHandler) } else { named })
    }

    /// `t.procedure.input(…)`, `protectedProcedure`
    fn is_procedure(&self, callee: &'a Expression<'a>) -> bool {
        let mut node = callee;
        for _ in 0..40 {
            if let Some(member) = as_member(node) {
                if member
                    .name
                    .is_some_and(|name| name.to_ascii_lowercase().ends_with("procedure") || name == "input")
                {
                    return true;
                }
                node = member.object;
            } else if let Some(call) = as_call(node) {
                node = &call.callee;
            } else {
                return matches!(bare(node), Expression::Identifier(name)
                    if name.name.as_str().to_ascii_lowercase().contains("procedure"));
            }
        }
        false
    }

    /// No function stands around a node.
    pub(super) fn at_top(&self, node: NodeId) -> bool {
        self.code_around(node).is_none()
    }

    /// The function that an expression stands for if it wraps one: `cache(async () => …)`.
    pub(super) fn held_function(&self, expression: &'a Expression<'a>) -> Option<usize> {
        let mut expression = bare(expression);
        for _ in 0..8 {
            if let Some(function) = self.functions.get(&super::syntax::id(expression)) {
                return Some(*function);
            }
            let call = as_call(expression)?;
            let inner = call.arguments.iter().find_map(|one| {
                let one = bare(one.as_expression()?);
                let held = self.functions.contains_key(&super::syntax::id(one))
                    || as_call(one).is_some_and(|inner| argument(&inner.arguments, 0).is_some());
                held.then_some(one)
            });
            match inner {
                Some(inner) => expression = inner,
                None => expression = as_member(&call.callee)?.object,
            }
        }
        None
    }
}

/// Names of functions that run their callback right away, and hand on what it returns.
pub(super) const RUNS_AT_ONCE: [&str; 16] = [
    "$transaction",
    "then",
    "catch",
    "finally",
    "from",
    "all",
    "run",
    "retry",
    "withRetry",
    "pRetry",
    "limit",
    "describe",
    "it",
    "test",
    "beforeEach",
    "useEffect",
];

fn wraps(callee: &Expression) -> bool {
    !matches!(bare(callee), Expression::Identifier(name)
        if matches!(name.name.as_str(), "useQuery" | "useMutation" | "useState" | "setTimeout" | "setInterval" | "expect"))
}

fn empty(at: pgsteward_model::prisma::At) -> UnitFunction {
    UnitFunction {
        name: String::new(),
        at,
        role: FunctionRole::Plain,
        exported: false,
        is_async: false,
        parameters: Vec::new(),
        class: None,
        method: None,
        parent: None,
        returns: Vec::<Origin>::new(),
        returned: Vec::new(),
        taken: Vec::new(),
        given_away: false,
        return_type: None,
    }
}
