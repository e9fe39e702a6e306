//! Conditions that a place stands under, early returns before it included, and what they rule out.

use oxc_ast::AstKind;
use oxc_ast::ast::{BinaryOperator, Expression, LogicalOperator, Statement, UnaryOperator};
use oxc_syntax::node::NodeId;
use pgsteward_model::code::{Guard, Undefined};

use super::reader::{Definition, Reader};
use super::syntax::{Step, argument, as_call, as_member, bare, id, span};

/// A condition that holds (or does not) where the place runs.
type Condition<'a> = (&'a Expression<'a>, bool);

impl<'a> Reader<'_, 'a> {
    pub(super) fn guards(&mut self, node: NodeId) -> Vec<Guard> {
        let mut conditions = self.conditions(node, true);
        conditions.truncate(24);
        conditions
            .into_iter()
            .map(|(test, holds)| {
                let (test, holds) = match bare(test) {
                    Expression::UnaryExpression(not) if not.operator == UnaryOperator::LogicalNot => {
                        (&not.argument, !holds)
                    }
                    _ => (test, holds),
                };
                Guard { sources: self.sources(test), negated: !holds, text: self.cut(span(test), 120) }
            })
            .collect()
    }

    /// Conditions around and before a place, outermost first, to the end of its function.
    fn conditions(&self, node: NodeId, stop_at_function: bool) -> Vec<Condition<'a>> {
        let mut found = Vec::new();
        let mut at = node;
        for outer in self.nodes.ancestor_ids(node) {
            if !self.spend(4) {
                break;
            }
            let place = span(&self.nodes.kind(at));
            match self.nodes.kind(outer) {
                AstKind::IfStatement(branch) => {
                    if span(&branch.consequent).contains(place) {
                        found.push((&branch.test, true));
                    } else if branch.alternate.as_ref().is_some_and(|other| span(other).contains(place)) {
                        found.push((&branch.test, false));
                    }
                }
                AstKind::ConditionalExpression(choice) => {
                    if span(&choice.consequent).contains(place) {
                        found.push((&choice.test, true));
                    } else if span(&choice.alternate).contains(place) {
                        found.push((&choice.test, false));
                    }
                }
                AstKind::LogicalExpression(both) if span(&both.right).contains(place) => {
                    match both.operator {
                        LogicalOperator::And => found.push((&both.left, true)),
                        LogicalOperator::Or => found.push((&both.left, false)),
                        LogicalOperator::Coalesce => {}
                    }
                }
                AstKind::WhileStatement(each) if span(&each.body).contains(place) => {
                    found.push((&each.test, true));
                }
                AstKind::BlockStatement(block) => self.before(&block.body, place.start, &mut found),
                AstKind::FunctionBody(body) => self.before(&body.statements, place.start, &mut found),
                AstKind::SwitchCase(case) => self.before(&case.consequent, place.start, &mut found),
                AstKind::Program(program) if !stop_at_function => {
                    self.before(&program.body, place.start, &mut found);
                }
                _ => {}
            }
            if stop_at_function && self.functions.contains_key(&outer) {
                break;
            }
            at = outer;
        }
        found.reverse();
        found
    }

    fn before(&self, statements: &'a [Statement<'a>], start: usize, found: &mut Vec<Condition<'a>>) {
        let many = statements.partition_point(|statement| span(statement).end <= start);
        if self.spend(many) {
            before(&statements[..many], start, found);
        }
    }

    /// Why the value of an expression may be `undefined`, where it may.
    pub(super) fn may_be_undefined(&mut self, expression: &'a Expression<'a>) -> Option<Undefined> {
        if matches!(expression, Expression::TSNonNullExpression(_)) {
            // The author vouches for it; what it comes from still shows in its sources.
            return None;
        }
        let why = self.undefined_at(expression, 0)?;
        (!self.ruled_out(expression)).then_some(why)
    }

    fn undefined_at(&mut self, expression: &'a Expression<'a>, depth: u32) -> Option<Undefined> {
        if depth > 12 {
            return None;
        }
        let next = depth + 1;
        if let Expression::TSNonNullExpression(_) = expression {
            return None;
        }
        let inner = bare(expression);
        match inner {
            Expression::Identifier(identifier) => {
                if identifier.name == "undefined" && self.symbol_of(identifier).is_none() {
                    return Some(Undefined::Deliberate);
                }
                let symbol = self.symbol_of(identifier)?;
                self.undefined_name(symbol, next)
            }
            Expression::AwaitExpression(wait) => self.undefined_at(&wait.argument, next),
            Expression::LogicalExpression(both) => match both.operator {
                LogicalOperator::And => self.undefined_at(&both.right, next),
                _ => match bare(&both.right) {
                    Expression::Identifier(name) if name.name == "undefined" => Some(Undefined::Deliberate),
                    right => self.undefined_at(right, next),
                },
            },
            Expression::ConditionalExpression(choice) => {
                let deliberate = [&choice.consequent, &choice.alternate].into_iter().any(
                    |branch| matches!(bare(branch), Expression::Identifier(name) if name.name == "undefined"),
                );
                if deliberate {
                    return Some(Undefined::Deliberate);
                }
                self.undefined_at(&choice.consequent, next)
                    .or_else(|| self.undefined_at(&choice.alternate, next))
            }
            _ => {
                if let Some(call) = as_call(inner) {
                    return self.undefined_call(call, inner, next);
                }
                let member = as_member(inner)?;
                if let Some(why) = self.undefined_member(inner) {
                    return Some(why);
                }
                if optional_chain(inner) {
                    return Some(Undefined::OptionalChain);
                }
                if member.key.is_some_and(|key| matches!(bare(key), Expression::NumericLiteral(_))) {
                    return Some(Undefined::Lookup);
                }
                self.optional_field(inner)
            }
        }
    }

    fn undefined_call(
        &mut self,
        call: &'a oxc_ast::ast::CallExpression<'a>,
        whole: &'a Expression<'a>,
        depth: u32,
    ) -> Option<Undefined> {
        if let Some(member) = as_member(&call.callee) {
            let from_request = matches!(
                self.by_name(whole_object(member.object)),
                Some(pgsteward_model::code::Source::Request)
            );
            if member.name == Some("get") && call.arguments.len() == 1 && !from_request {
                let text = self.cut(span(member.object), 80).to_ascii_lowercase();
                // `searchParams.get` gives null, `formData.get` too.
                if text.contains("params")
                    || text.contains("form")
                    || text.contains("headers")
                    || text.contains("cookies")
                {
                    return None;
                }
                let map = text.contains("map")
                    || text.starts_with("by")
                    || text.contains(".by")
                    || self.holds_map(member.object);
                return map.then_some(Undefined::Lookup);
            }
            if matches!(member.name, Some("find" | "findLast" | "at" | "pop" | "shift"))
                && !self.calls.contains_key(&call.node_id())
                && !self.invocations.contains_key(&call.node_id())
            {
                return Some(Undefined::Lookup);
            }
        }
        if optional_chain(whole) {
            return Some(Undefined::OptionalChain);
        }
        let _ = depth;
        None
    }

    fn holds_map(&self, object: &'a Expression<'a>) -> bool {
        let Expression::Identifier(identifier) = bare(object) else { return false };
        let Some(symbol) = self.symbol_of(identifier) else { return false };
        match self.definition(symbol) {
            Definition::Variable { declarator, .. } => declarator.init.as_ref().is_some_and(|init| {
                matches!(bare(init), Expression::NewExpression(new)
                    if matches!(bare(&new.callee), Expression::Identifier(name) if name.name == "Map"))
            }),
            _ => false,
        }
    }

    /// `process.env.X`, `req.query.x`
    fn undefined_member(&self, expression: &'a Expression<'a>) -> Option<Undefined> {
        use pgsteward_model::code::Source;
        match self.by_name(expression)? {
            Source::Environment => Some(Undefined::Environment),
            Source::Request => {
                let text = self.cut(span(expression), 120);
                // Parts of the path are always there; `req.body` as a whole is too.
                let optional = ["query.", "body.", "searchParams.", "cookies.", "headers."]
                    .iter()
                    .any(|part| text.contains(part));
                (optional || text.contains(" as ")).then_some(Undefined::Request)
            }
            _ => None,
        }
    }

    fn undefined_name(&mut self, symbol: oxc_syntax::symbol::SymbolId, depth: u32) -> Option<Undefined> {
        if self.following.contains(&symbol) {
            return None;
        }
        match self.definition(symbol) {
            Definition::Parameter { parameter, steps, default, .. } => {
                if default.is_some_and(|value| !value.is_undefined()) && self.covers(symbol) {
                    return None;
                }
                if steps.is_empty() {
                    let typed = self
                        .type_text(parameter.type_annotation.as_deref())
                        .is_some_and(|ty| admits_undefined(&ty));
                    return (parameter.optional || typed).then_some(Undefined::Optional);
                }
                let [Step::Member(name)] = steps.as_slice() else { return None };
                let ty =
                    parameter.type_annotation.as_deref().map(|annotation| &annotation.type_annotation)?;
                self.optional_member(ty, name).then_some(Undefined::Optional)
            }
            Definition::Variable { declarator, steps, default } => {
                if default.is_some_and(|value| !value.is_undefined()) {
                    return None;
                }
                let typed = declarator.type_annotation.as_deref();
                if steps.is_empty()
                    && self.type_text(typed).is_some_and(|ty| admits_undefined(&ty))
                    && declarator.init.is_none()
                {
                    return Some(Undefined::Optional);
                }
                let init = declarator.init.as_ref()?;
                if steps.is_empty() {
                    self.following.push(symbol);
                    let found = match self.undefined_at(init, depth) {
                        Some(why) if !self.ruled_out(init) => Some(why),
                        _ => None,
                    };
                    self.following.pop();
                    return found;
                }
                // `const { status } = req.query`, `const [first] = rows`
                let text = self.cut(span(init), 120);
                let names: Vec<&str> = steps
                    .iter()
                    .filter_map(|step| if let Step::Member(name) = step { Some(name.as_str()) } else { None })
                    .collect();
                let root = text.split(['.', ' ', '?']).next().unwrap_or("").to_ascii_lowercase();
                let request = matches!(
                    root.trim_start_matches('('),
                    "req" | "request" | "event" | "ctx" | "c" | "context"
                );
                let loose =
                    |name: &str| matches!(name, "query" | "body" | "searchParams" | "cookies" | "headers");
                if request
                    && (names.len() == 1 && text.split(['.', ' ', ')']).any(loose)
                        || names.len() >= 2 && names.first().is_some_and(|name| loose(name)))
                {
                    return Some(Undefined::Request);
                }
                if steps.iter().any(|step| matches!(step, Step::Element(_)))
                    && super::sources::element_of(init, 0).is_none()
                {
                    let split = as_call(super::syntax::settled(init)).is_some();
                    return split
                        .then_some(Undefined::Lookup)
                        .filter(|_| matches!(steps.as_slice(), [Step::Element(_)]) && self.rows(init));
                }
                None
            }
            _ => None,
        }
    }

    fn rows(&mut self, init: &'a Expression<'a>) -> bool {
        self.sources(init).iter().any(|source| matches!(source, pgsteward_model::code::Source::Result { .. }))
    }

    /// A default of a parameter stands in for what is absent.
    fn covers(&self, symbol: oxc_syntax::symbol::SymbolId) -> bool {
        !self.scoping.symbol_name(symbol).is_empty()
    }

    /// `filter.status`, where the type of `filter` declares `status?`.
    fn optional_field(&self, expression: &'a Expression<'a>) -> Option<Undefined> {
        let member = as_member(expression)?;
        let name = member.name?;
        let Expression::Identifier(identifier) = bare(member.object) else { return None };
        let symbol = self.symbol_of(identifier)?;
        let annotation = match self.definition(symbol) {
            Definition::Parameter { parameter, steps, .. } if steps.is_empty() => {
                parameter.type_annotation.as_deref()?
            }
            Definition::Variable { declarator, steps, .. } if steps.is_empty() => {
                declarator.type_annotation.as_deref()?
            }
            _ => return None,
        };
        self.optional_member(&annotation.type_annotation, name).then_some(Undefined::Optional)
    }

    /// No value of an expression is `undefined` here: a condition around it or before it says so.
    fn ruled_out(&self, expression: &'a Expression<'a>) -> bool {
        let inner = bare(expression);
        let text = normal(self.slice(span(inner)));
        if text.is_empty() {
            return false;
        }
        let found = self.conditions(id(inner), false);
        found.into_iter().any(|(test, holds)| self.says_present(test, holds, &text, 0))
    }

    /// A condition that holds (or does not) tells that what `text` names is there.
    fn says_present(&self, test: &'a Expression<'a>, holds: bool, text: &str, depth: u32) -> bool {
        if depth > 20 {
            return false;
        }
        let next = depth + 1;
        let test = bare(test);
        let same = |expression: &Expression| normal(self.slice(span(bare(expression)))) == text;
        match test {
            Expression::UnaryExpression(not) if not.operator == UnaryOperator::LogicalNot => {
                self.says_present(&not.argument, !holds, text, next)
            }
            Expression::LogicalExpression(both) => match (both.operator, holds) {
                (LogicalOperator::And, true) | (LogicalOperator::Or, false) => {
                    self.says_present(&both.left, holds, text, next)
                        || self.says_present(&both.right, holds, text, next)
                }
                _ => false,
            },
            Expression::BinaryExpression(both) => {
                let (one, other) =
                    if same(&both.left) { (&both.left, &both.right) } else { (&both.right, &both.left) };
                let nothing = other.is_null_or_undefined();
                if same(one) {
                    return match both.operator {
                        BinaryOperator::Inequality | BinaryOperator::StrictInequality => {
                            if nothing {
                                holds
                            } else {
                                !holds
                            }
                        }
                        BinaryOperator::Equality | BinaryOperator::StrictEquality => {
                            if nothing {
                                !holds
                            } else {
                                holds
                            }
                        }
                        BinaryOperator::Instanceof => holds,
                        _ => holds,
                    };
                }
                // `typeof x === 'string'`
                for (side, other) in [(&both.left, &both.right), (&both.right, &both.left)] {
                    if let Expression::UnaryExpression(kind) = bare(side)
                        && kind.operator == UnaryOperator::Typeof
                        && same(&kind.argument)
                        && let Expression::StringLiteral(name) = bare(other)
                    {
                        let absent = name.value == "undefined";
                        let equal = matches!(
                            both.operator,
                            BinaryOperator::Equality | BinaryOperator::StrictEquality
                        );
                        return absent != (equal == holds);
                    }
                }
                false
            }
            Expression::AssignmentExpression(_) => false,
            _ => {
                if holds && same(test) {
                    return true;
                }
                // `if (session?.user)` tells of `session?.user?.id` nothing, of `session?.user` all.
                if holds && normal(self.slice(span(test))).starts_with(&format!("{text}.")) {
                    return true;
                }
                match as_call(test) {
                    // `isString(x)`, `Array.isArray(x)`, `Boolean(x)`
                    Some(call) => {
                        holds && call.arguments.len() == 1 && argument(&call.arguments, 0).is_some_and(same)
                    }
                    None => false,
                }
            }
        }
    }
}

/// Early ends among the statements before a place: `if (!x) return`, `assert(x)`.
fn before<'a>(statements: &'a [Statement<'a>], start: usize, found: &mut Vec<Condition<'a>>) {
    let mut early = Vec::new();
    for statement in statements {
        if span(statement).end > start {
            break;
        }
        match statement {
            Statement::IfStatement(branch) => {
                if branch.alternate.is_none() && ends(&branch.consequent) {
                    early.push((&branch.test, false));
                } else if branch.alternate.as_ref().is_some_and(|other| ends(other)) {
                    early.push((&branch.test, true));
                }
            }
            Statement::ExpressionStatement(statement) => {
                let inner = super::syntax::settled(&statement.expression);
                if let Some(call) = as_call(inner)
                    && let Some(first) = argument(&call.arguments, 0)
                    && let Some(name) = callee_name(&call.callee)
                    && (name.starts_with("assert")
                        || matches!(name, "invariant" | "tiny_invariant" | "ok" | "strict"))
                {
                    early.push((first, true));
                }
            }
            _ => {}
        }
    }
    early.reverse();
    found.extend(early);
}

fn callee_name<'b>(callee: &'b Expression) -> Option<&'b str> {
    match bare(callee) {
        Expression::Identifier(name) => Some(name.name.as_str()),
        other => as_member(other).and_then(|member| member.name),
    }
}

/// Nothing runs after it: `return`, `throw`, `continue`, `break`, `redirect()`, `process.exit()`.
fn ends(statement: &Statement) -> bool {
    match statement {
        Statement::ReturnStatement(_)
        | Statement::ThrowStatement(_)
        | Statement::ContinueStatement(_)
        | Statement::BreakStatement(_) => true,
        Statement::BlockStatement(block) => block.body.last().is_some_and(ends),
        Statement::IfStatement(branch) => {
            ends(&branch.consequent) && branch.alternate.as_ref().is_some_and(|other| ends(other))
        }
        Statement::ExpressionStatement(statement) => as_call(&statement.expression)
            .and_then(|call| {
                callee_name(&call.callee).map(|name| {
                    matches!(name, "redirect" | "notFound" | "exit" | "permanentRedirect" | "fail")
                })
            })
            .unwrap_or(false),
        _ => false,
    }
}

fn whole_object<'b, 'a>(object: &'b Expression<'a>) -> &'b Expression<'a> {
    bare(object)
}

/// A `?.` somewhere in the chain.
fn optional_chain(expression: &Expression) -> bool {
    matches!(expression, Expression::ChainExpression(_))
        || as_member(expression).is_some_and(|member| member.optional)
}

/// Without `?` and blanks, so that `a?.b` and `a.b` are one.
fn normal(text: &str) -> String {
    text.chars().filter(|one| !one.is_whitespace() && *one != '?' && *one != '!').collect()
}

fn admits_undefined(ty: &str) -> bool {
    ty.split('|').any(|part| part.trim() == "undefined")
}
