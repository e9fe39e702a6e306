//! Where the value of an expression comes from: a request, a row, a loop, the clock.

use oxc_ast::AstKind;
use oxc_ast::ast::{Expression, IdentifierReference, ObjectPropertyKind};
use oxc_syntax::symbol::SymbolId;
use pgsteward_model::code::{FunctionRole, Source};

use super::called::{element_of, session_name};
use super::reader::{DEPTH, Definition, Reader};
use super::syntax::{Code, Name, Step, as_call, as_member, bare};

/// Sources in the making.
#[derive(Default)]
pub(super) struct Found {
    pub sources: Vec<Source>,
    steps: u32,
}

impl Found {
    pub(super) fn add(&mut self, source: Source) {
        if !self.sources.contains(&source) && self.sources.len() < 12 {
            // Nearly all have one: four would be kept for nothing.
            self.sources.reserve_exact(1);
            self.sources.push(source);
        }
    }
}

impl<'a> Reader<'_, 'a> {
    pub(super) fn sources(&mut self, expression: &'a Expression<'a>) -> Vec<Source> {
        let mut found = Found::default();
        self.find(expression, &[], 0, &mut found);
        if found.sources.len() > 1 {
            found.sources.retain(|source| *source != Source::Constant);
        }
        found.sources
    }

    /// `path` is what is read of the expression's value.
    pub(super) fn find(
        &mut self,
        expression: &'a Expression<'a>,
        path: &[Name<'a>],
        depth: u32,
        found: &mut Found,
    ) {
        found.steps += 1;
        if depth > DEPTH || found.steps > 400 {
            found.add(Source::Unknown);
            return;
        }
        let next = depth + 1;
        let inner = bare(expression);
        if let Some(call) = as_call(inner) {
            return self.find_call(call, path, next, found);
        }
        if let Some(member) = as_member(inner) {
            if let Some(source) = self.by_name(inner) {
                return found.add(source);
            }
            if let Some(key) = member.key {
                self.find(key, &[], next, found);
                return self.find(member.object, path, next, found);
            }
            let mut longer = Vec::with_capacity(path.len() + 1);
            longer.extend(member.name.map(Name::Borrowed));
            longer.extend_from_slice(path);
            return self.find(member.object, &longer, next, found);
        }
        match inner {
            Expression::Identifier(identifier) => self.find_identifier(identifier, path, next, found),
            Expression::AwaitExpression(wait) => self.find(&wait.argument, path, next, found),
            Expression::NewExpression(new) => self.find_new(new, next, found),
            Expression::LogicalExpression(both) => {
                self.find(&both.left, path, next, found);
                self.find(&both.right, path, next, found);
            }
            Expression::ConditionalExpression(choice) => {
                self.find(&choice.consequent, path, next, found);
                self.find(&choice.alternate, path, next, found);
            }
            Expression::BinaryExpression(both) => {
                self.find(&both.left, &[], next, found);
                self.find(&both.right, &[], next, found);
            }
            Expression::UnaryExpression(unary) => self.find(&unary.argument, &[], next, found),
            Expression::TemplateLiteral(template) => {
                found.add(Source::Constant);
                for part in &template.expressions {
                    self.find(part, &[], next, found);
                }
            }
            Expression::ArrayExpression(list) => {
                for element in &list.elements {
                    match element {
                        oxc_ast::ast::ArrayExpressionElement::SpreadElement(spread) => {
                            self.find(&spread.argument, path, next, found);
                        }
                        element => {
                            if let Some(element) = element.as_expression() {
                                self.find(element, path, next, found);
                            }
                        }
                    }
                }
            }
            Expression::ObjectExpression(object) => {
                for property in &object.properties {
                    match property {
                        ObjectPropertyKind::ObjectProperty(property) => {
                            let name = super::syntax::key_text(&property.key);
                            match (path, name) {
                                ([first, rest @ ..], Some(name)) => {
                                    if *first == name {
                                        self.find(&property.value, rest, next, found);
                                    }
                                }
                                _ => self.find(&property.value, &[], next, found),
                            }
                        }
                        ObjectPropertyKind::SpreadProperty(spread) => {
                            self.find(&spread.argument, path, next, found);
                        }
                    }
                }
            }
            Expression::AssignmentExpression(assignment) => self.find(&assignment.right, path, next, found),
            Expression::StringLiteral(_)
            | Expression::NumericLiteral(_)
            | Expression::BooleanLiteral(_)
            | Expression::NullLiteral(_)
            | Expression::BigIntLiteral(_)
            | Expression::RegExpLiteral(_)
            | Expression::FunctionExpression(_)
            | Expression::ArrowFunctionExpression(_) => found.add(Source::Constant),
            _ => found.add(Source::Unknown),
        }
    }

    /// What names of members tell: `process.env.X`, `req.body.x`, `session.user.id`.
    pub(super) fn by_name(&self, expression: &'a Expression<'a>) -> Option<Source> {
        // The members nearest to the root.
        let (mut first, mut second) = (None, None);
        let mut input = false;
        let mut node = expression;
        for _ in 0..DEPTH {
            let Some(member) = as_member(node) else { break };
            second = first;
            first = Some(member.name.unwrap_or("[]"));
            input |= first == Some("input");
            node = member.object;
        }
        let first = first?;
        let root = match bare(node) {
            Expression::Identifier(identifier) => identifier.name.as_str(),
            Expression::ThisExpression(_) => "this",
            _ => return None,
        };
        if root == "process" && first == "env" {
            return Some(Source::Environment);
        }
        let request = is_request(root)
            || ["_req", "nextrequest", "evt"].iter().any(|one| one.eq_ignore_ascii_case(root));
        let sends = |name: &str| {
            matches!(
                name,
                "body"
                    | "query"
                    | "params"
                    | "headers"
                    | "cookies"
                    | "nextUrl"
                    | "searchParams"
                    | "url"
                    | "rawBody"
                    | "queryStringParameters"
                    | "pathParameters"
                    | "formData"
                    | "files"
                    | "file"
            )
        };
        if request && sends(first) {
            return Some(Source::Request);
        }
        if request && matches!(first, "req" | "request") && second.is_some_and(sends) {
            return Some(Source::Request);
        }
        if request
            && matches!(first, "session" | "user" | "auth" | "viewer" | "userId" | "currentUser" | "token")
        {
            return Some(Source::Session);
        }
        if input && request {
            return Some(Source::Request);
        }
        session_name(root).then_some(Source::Session)
    }

    fn find_identifier(
        &mut self,
        identifier: &'a IdentifierReference<'a>,
        path: &[Name<'a>],
        depth: u32,
        found: &mut Found,
    ) {
        let Some(symbol) = self.symbol_of(identifier) else {
            return found.add(match identifier.name.as_str() {
                "undefined" | "NaN" | "Infinity" => Source::Constant,
                _ => Source::Unknown,
            });
        };
        self.find_symbol(symbol, path, depth, found);
    }

    pub(super) fn find_symbol(&mut self, symbol: SymbolId, path: &[Name<'a>], depth: u32, found: &mut Found) {
        if self.following.contains(&symbol) {
            return;
        }
        self.following.push(symbol);
        self.find_definition(symbol, path, depth, found);
        self.following.pop();
    }

    fn find_definition(&mut self, symbol: SymbolId, path: &[Name<'a>], depth: u32, found: &mut Found) {
        match self.definition(symbol) {
            Definition::Import(_) | Definition::Enum => found.add(Source::Constant),
            Definition::Function(_) | Definition::Class(_) => found.add(Source::Constant),
            Definition::Variable { declarator, steps, .. } => {
                if let Some(init) = &declarator.init {
                    self.find_part(init, &steps, path, depth, found);
                }
                if steps.is_empty() {
                    for value in self.assigned(symbol) {
                        self.find(value, path, depth + 1, found);
                    }
                }
                if declarator.init.is_none() && found.sources.is_empty() {
                    found.add(Source::Unknown);
                }
                if session_name(self.scoping.symbol_name(symbol))
                    && found
                        .sources
                        .iter()
                        .all(|source| matches!(source, Source::Function { .. } | Source::Unknown))
                {
                    found.sources.clear();
                    found.add(Source::Session);
                }
            }
            Definition::LoopVariable { statement, over, .. } => {
                if let Some(of) = self.loops.get(&statement).copied() {
                    found.add(Source::Loop { of });
                }
                self.find_rows(over, path, depth, found);
            }
            Definition::Parameter { code, index, steps, .. } => {
                self.find_parameter(code, index, &steps, path, depth, found);
            }
            Definition::RestParameter { code, index } => {
                self.find_parameter(code, index, &[], path, depth, found);
            }
            Definition::Other => found.add(Source::Unknown),
        }
    }

    /// A part of a value that a pattern took out. Lists of promises are looked through.
    fn find_part(
        &mut self,
        init: &'a Expression<'a>,
        steps: &[Step<'a>],
        path: &[Name<'a>],
        depth: u32,
        found: &mut Found,
    ) {
        if let [Step::Element(index), rest @ ..] = steps
            && let Some(element) = element_of(init, *index)
        {
            return self.find_part(element, rest, path, depth, found);
        }
        let mut longer: Vec<Name<'a>> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Member(name) => Some(name.clone()),
                Step::Element(_) | Step::Rest => None,
            })
            .collect();
        // `const { body } = req`
        if let Some(Step::Member(first)) = steps.first()
            && let Expression::Identifier(root) = super::syntax::settled(init)
        {
            let root = root.name.as_str();
            let request = is_request(root);
            if request
                && matches!(
                    first.as_ref(),
                    "body" | "query" | "params" | "headers" | "cookies" | "searchParams" | "input"
                )
            {
                return found.add(Source::Request);
            }
            if (request && session_name(first)) || session_name(root) {
                return found.add(Source::Session);
            }
        }
        longer.extend_from_slice(path);
        self.find(init, &longer, depth + 1, found);
    }

    /// Elements of what is looped over: only rows tell something, the loop is a source already.
    fn find_rows(&mut self, over: &'a Expression<'a>, path: &[Name<'a>], depth: u32, found: &mut Found) {
        let mut inner = Found { steps: found.steps, ..Found::default() };
        self.find(over, path, depth + 1, &mut inner);
        found.steps = inner.steps;
        for source in inner.sources {
            if !matches!(source, Source::Constant | Source::Unknown | Source::Function { .. }) {
                found.add(source);
            }
        }
    }

    fn find_parameter(
        &mut self,
        code: Code<'a>,
        index: usize,
        steps: &[Step<'a>],
        path: &[Name<'a>],
        depth: u32,
        found: &mut Found,
    ) {
        if let Some(function) = self.functions.get(&code.id()).copied() {
            let role = self.unit.functions[function].role;
            let mut names = steps.iter().filter_map(|step| match step {
                Step::Member(name) => Some(name.as_ref()),
                _ => None,
            });
            let first = names.next();
            let handles = matches!(role, FunctionRole::RequestHandler | FunctionRole::Webhook);
            let handler = handles.then(|| self.handler_parameter(function, index, first)).flatten();
            let context = || first.filter(|name| session_name(name));
            return match (handler, context()) {
                (Some(source), _) => found.add(source),
                (None, Some(_)) => found.add(Source::Session),
                (None, None) => {
                    let whole = self.unit.functions[function].parameters.get(index);
                    if whole.is_some_and(|one| session_name(&one.name)) {
                        found.add(Source::Session);
                    }
                    found.add(Source::Parameter { index });
                }
            };
        }
        // A callback: of a loop over a list, of `then`.
        let parent = self.nodes.parent_id(code.id());
        let AstKind::CallExpression(call) = self.nodes.kind(parent) else {
            return found.add(Source::Unknown);
        };
        if let Some(of) = self.loops.get(&parent).copied()
            && let Some(over) = super::loops::iterated(call)
        {
            found.add(Source::Loop { of });
            self.find_rows(over, path, depth, found);
            return;
        }
        if let Some(member) = as_member(&call.callee) {
            let waits = member.name == Some("then");
            let iterates = member.name.is_some_and(|name| super::functions::ITERATES.contains(&name));
            if waits || iterates {
                let mut longer: Vec<Name<'a>> = steps
                    .iter()
                    .filter_map(|step| match step {
                        Step::Member(name) => Some(name.clone()),
                        _ => None,
                    })
                    .collect();
                longer.extend_from_slice(path);
                return self.find(member.object, &longer, depth + 1, found);
            }
        }
        found.add(Source::Unknown);
    }

    /// What a framework puts into the parameters of a handler.
    fn handler_parameter(&self, function: usize, index: usize, first: Option<&str>) -> Option<Source> {
        let parameter = self.unit.functions[function].parameters.get(index)?;
        let name = &parameter.name;
        match first {
            Some("ctx" | "context" | "session" | "user") => return Some(Source::Session),
            Some("input" | "params" | "body" | "query" | "searchParams" | "request" | "args") => {
                return Some(Source::Request);
            }
            _ => {}
        }
        if session_name(name) || ["ctx", "context"].iter().any(|one| one.eq_ignore_ascii_case(name)) {
            return None;
        }
        // Controllers, resolvers and server actions take what the user sends as their parameters.
        Some(Source::Request)
    }
}

/// What the request, or what holds it, is called nearly everywhere, in whatever case.
fn is_request(name: &str) -> bool {
    const NAMES: [&str; 6] = ["req", "request", "event", "c", "context", "ctx"];
    NAMES.iter().any(|one| one.eq_ignore_ascii_case(name))
}
