//! Where the value of an expression comes from: a request, a row, a loop, the clock.

use oxc_ast::AstKind;
use oxc_ast::ast::{CallExpression, Expression, IdentifierReference, NewExpression, ObjectPropertyKind};
use oxc_syntax::symbol::SymbolId;
use pgsteward_model::code::{FunctionRole, Source};

use super::reader::{DEPTH, Definition, Reader};
use super::syntax::{Code, Step, as_call, as_member, bare, span};

/// Sources in the making.
#[derive(Default)]
pub(super) struct Found {
    pub sources: Vec<Source>,
    steps: u32,
}

impl Found {
    fn add(&mut self, source: Source) {
        if !self.sources.contains(&source) && self.sources.len() < 12 {
            self.sources.push(source);
        }
    }
}

/// Functions that hand on what they are given in another form.
const CONVERTS: [&str; 14] = [
    "Number",
    "String",
    "parseInt",
    "parseFloat",
    "Boolean",
    "BigInt",
    "decodeURIComponent",
    "encodeURIComponent",
    "Date",
    "toDate",
    "Decimal",
    "structuredClone",
    "isNaN",
    "trim",
];

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
    fn find(&mut self, expression: &'a Expression<'a>, path: &[String], depth: u32, found: &mut Found) {
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
            longer.extend(member.name.map(str::to_string));
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
                            let name = super::syntax::key_name(&property.key);
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
        let mut names = Vec::new();
        let mut node = expression;
        for _ in 0..DEPTH {
            if let Some(member) = as_member(node) {
                names.push(member.name.unwrap_or("[]"));
                node = member.object;
            } else {
                break;
            }
        }
        names.reverse();
        let first = names.first().copied()?;
        let root = match bare(node) {
            Expression::Identifier(identifier) => identifier.name.as_str(),
            Expression::ThisExpression(_) => "this",
            _ => return None,
        };
        if root == "process" && first == "env" {
            return Some(Source::Environment);
        }
        let lower = root.to_ascii_lowercase();
        let request = matches!(
            lower.as_str(),
            "req" | "request" | "_req" | "nextrequest" | "event" | "c" | "ctx" | "context" | "evt"
        );
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
        if request && matches!(first, "req" | "request") && names.get(1).is_some_and(|name| sends(name)) {
            return Some(Source::Request);
        }
        if request
            && matches!(first, "session" | "user" | "auth" | "viewer" | "userId" | "currentUser" | "token")
        {
            return Some(Source::Session);
        }
        if names.contains(&"input") && request {
            return Some(Source::Request);
        }
        if session_name(&lower) {
            return Some(Source::Session);
        }
        None
    }

    fn find_identifier(
        &mut self,
        identifier: &'a IdentifierReference<'a>,
        path: &[String],
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

    pub(super) fn find_symbol(&mut self, symbol: SymbolId, path: &[String], depth: u32, found: &mut Found) {
        if self.following.contains(&symbol) {
            return;
        }
        self.following.push(symbol);
        self.find_definition(symbol, path, depth, found);
        self.following.pop();
    }

    fn find_definition(&mut self, symbol: SymbolId, path: &[String], depth: u32, found: &mut Found) {
        let name = self.scoping.symbol_name(symbol).to_ascii_lowercase();
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
                if session_name(&name)
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
        steps: &[Step],
        path: &[String],
        depth: u32,
        found: &mut Found,
    ) {
        if let [Step::Element(index), rest @ ..] = steps
            && let Some(element) = element_of(init, *index)
        {
            return self.find_part(element, rest, path, depth, found);
        }
        let mut longer: Vec<String> = steps
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
            let root = root.name.as_str().to_ascii_lowercase();
            let request = matches!(root.as_str(), "req" | "request" | "event" | "c" | "context" | "ctx");
            if request
                && matches!(
                    first.as_str(),
                    "body" | "query" | "params" | "headers" | "cookies" | "searchParams" | "input"
                )
            {
                return found.add(Source::Request);
            }
            if (request && session_name(&first.to_ascii_lowercase())) || session_name(&root) {
                return found.add(Source::Session);
            }
        }
        longer.extend_from_slice(path);
        self.find(init, &longer, depth + 1, found);
    }

    /// Elements of what is looped over: only rows tell something, the loop is a source already.
    fn find_rows(&mut self, over: &'a Expression<'a>, path: &[String], depth: u32, found: &mut Found) {
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
        steps: &[Step],
        path: &[String],
        depth: u32,
        found: &mut Found,
    ) {
        if let Some(function) = self.functions.get(&code.id()).copied() {
            let role = self.unit.functions[function].role;
            let mut names = steps.iter().filter_map(|step| match step {
                Step::Member(name) => Some(name.as_str()),
                _ => None,
            });
            let first = names.next();
            let handles = matches!(role, FunctionRole::RequestHandler | FunctionRole::Webhook);
            let handler = handles.then(|| self.handler_parameter(function, index, first)).flatten();
            let context = || first.filter(|name| session_name(&name.to_ascii_lowercase()));
            return match (handler, context()) {
                (Some(source), _) => found.add(source),
                (None, Some(_)) => found.add(Source::Session),
                (None, None) => {
                    let whole = self.unit.functions[function]
                        .parameters
                        .get(index)
                        .map(|one| one.name.to_ascii_lowercase());
                    if whole.is_some_and(|name| session_name(&name)) {
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
                let mut longer: Vec<String> = steps
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
        let name = parameter.name.to_ascii_lowercase();
        match first {
            Some("ctx" | "context" | "session" | "user") => return Some(Source::Session),
            Some("input" | "params" | "body" | "query" | "searchParams" | "request" | "args") => {
                return Some(Source::Request);
            }
            _ => {}
        }
        if session_name(&name) || matches!(name.as_str(), "ctx" | "context") {
            return None;
        }
        // Controllers, resolvers and server actions take what the user sends as their parameters.
        Some(Source::Request)
    }

    fn find_new(&mut self, new: &'a NewExpression<'a>, depth: u32, found: &mut Found) {
        let name = self.cut(span(&new.callee), 40);
        if name == "Date" && new.arguments.is_empty() {
            return found.add(Source::Time);
        }
        for one in &new.arguments {
            if let Some(one) = one.as_expression() {
                self.find(one, &[], depth, found);
            }
        }
        if new.arguments.is_empty() {
            found.add(Source::Constant);
        }
    }

    fn find_call(&mut self, call: &'a CallExpression<'a>, path: &[String], depth: u32, found: &mut Found) {
        if let Some(of) = self.calls.get(&call.node_id()) {
            return found.add(Source::Result { call: *of, path: path.to_vec() });
        }
        let text = self.cut(span(&call.callee), 80);
        let last = text.rsplit(['.', '?']).next().unwrap_or(&text).to_string();
        if let Some(source) = called(&text, &last, call.arguments.is_empty()) {
            return found.add(source);
        }
        let arguments = |reader: &mut Reader<'_, 'a>, found: &mut Found| {
            for one in &call.arguments {
                if let Some(one) = one.as_expression()
                    && Code::of_expression(one).is_none()
                {
                    reader.find(one, &[], depth, found);
                }
            }
        };
        if let Some(member) = as_member(&call.callee) {
            let name = member.name.unwrap_or("");
            // `schema.parse(input)`, `schema.safeParse(input).data`, `z.object({ … }).parse(…)`
            if matches!(
                name,
                "parse" | "safeParse" | "parseAsync" | "safeParseAsync" | "validate" | "validateSync"
            ) {
                arguments(self, found);
                return;
            }
            if matches!(bare(member.object), Expression::Identifier(of) if matches!(of.name.as_str(), "Math" | "Number" | "Object" | "Array" | "JSON" | "Promise" | "Buffer" | "String"))
            {
                if call.arguments.is_empty() {
                    found.add(Source::Constant);
                }
                return arguments(self, found);
            }
            // A function of a module or of the file is what it is; a method of a value speaks of the value.
            let origin = self.origin(member.object);
            let of_value = !matches!(
                origin,
                crate::unit::Origin::Import(_) | crate::unit::Origin::This(_) | crate::unit::Origin::Class(_)
            );
            let service = matches!(&origin, crate::unit::Origin::Member(of, _) if matches!(**of, crate::unit::Origin::This(_)));
            if of_value
                && !service
                && (self.invocations.get(&call.node_id()).is_none() || VALUE_METHODS.contains(&name))
            {
                if let Some(source) = self.by_name(&call.callee) {
                    return found.add(source);
                }
                // `rows.map((row) => row.id)` is made of what the callback returns.
                if matches!(name, "map" | "flatMap")
                    && let Some(made) = super::syntax::argument(&call.arguments, 0)
                        .and_then(Code::of_expression)
                        .and_then(Code::expression)
                {
                    return self.find(made, path, depth, found);
                }
                self.find(member.object, path, depth, found);
                return arguments(self, found);
            }
        } else if CONVERTS.contains(&text.as_str()) {
            return arguments(self, found);
        }
        found.add(Source::Function { name: text });
    }
}

/// Methods of strings, numbers, dates, lists and maps.
const VALUE_METHODS: [&str; 24] = [
    "toLowerCase",
    "toUpperCase",
    "trim",
    "toString",
    "toISOString",
    "getTime",
    "split",
    "join",
    "slice",
    "map",
    "filter",
    "flatMap",
    "concat",
    "replace",
    "replaceAll",
    "substring",
    "at",
    "get",
    "keys",
    "values",
    "flat",
    "pop",
    "shift",
    "find",
];

/// What the name of a function tells of what it returns.
fn called(text: &str, last: &str, no_arguments: bool) -> Option<Source> {
    let lower = last.to_ascii_lowercase();
    if matches!(text, "Date.now" | "performance.now") || (text == "Date" && no_arguments) {
        return Some(Source::Time);
    }
    if text == "Math.random"
        || matches!(
            last,
            "randomUUID" | "nanoid" | "cuid" | "createId" | "uuid" | "uuidv4" | "v4" | "randomBytes" | "ulid"
        )
    {
        return Some(Source::Random);
    }
    let root = text.split('.').next().unwrap_or("").to_ascii_lowercase();
    if matches!(root.as_str(), "req" | "request" | "c" | "event")
        && matches!(
            last,
            "json" | "text" | "formData" | "param" | "query" | "header" | "valid" | "parseBody" | "get"
        )
    {
        return Some(Source::Request);
    }
    if matches!(
        lower.as_str(),
        "useparams" | "usesearchparams" | "readbody" | "getquery" | "getrouterparam" | "getvalidatedquery"
    ) {
        return Some(Source::Request);
    }
    if matches!(last, "cookies" | "headers") && no_arguments && text == last {
        return Some(Source::Request);
    }
    let session = matches!(
        lower.as_str(),
        "auth" | "currentuser" | "getauth" | "getuser" | "requireuser" | "requireauth"
    ) || lower.contains("session") && !lower.contains("sessions")
        || lower.contains("viewer")
        || lower.contains("currentuser");
    session.then_some(Source::Session)
}

fn session_name(name: &str) -> bool {
    matches!(
        name,
        "session" | "viewer" | "currentuser" | "authuser" | "loggedinuser" | "auth" | "sessionuser"
    )
}

/// `Promise.all([a, b])`, `prisma.$transaction([a, b])`, `[a, b]`: an element.
pub(super) fn element_of<'a>(list: &'a Expression<'a>, index: usize) -> Option<&'a Expression<'a>> {
    let inner = super::syntax::settled(list);
    if let Some(call) = as_call(inner) {
        let member = as_member(&call.callee)?;
        if !matches!(member.name, Some("all" | "allSettled" | "$transaction")) {
            return None;
        }
        let first = super::syntax::argument(&call.arguments, 0)?;
        return match bare(first) {
            Expression::ArrayExpression(list) => list.elements.get(index)?.as_expression(),
            _ => None,
        };
    }
    match inner {
        Expression::ArrayExpression(list) => list.elements.get(index)?.as_expression(),
        _ => None,
    }
}
