//! Why the value of an expression may be `undefined`.

use oxc_ast::ast::{Expression, LogicalOperator};
use pgsteward_model::code::Undefined;

use super::reader::{Definition, Reader};
use super::syntax::{Step, as_call, as_member, bare, span};

impl<'a> Reader<'_, 'a> {
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
                if let Some(Expression::NumericLiteral(index)) = member.key.map(bare) {
                    // What `split` gives has a first element, whatever the text.
                    let split = as_call(bare(member.object))
                        .and_then(|call| as_member(&call.callee))
                        .is_some_and(|called| called.name == Some("split"));
                    let there = split && index.value == 0.0 || self.is_tuple(member.object);
                    return (!there).then_some(Undefined::Lookup);
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
        // `const ids = rows.map(…)` is there, and so is `ids?.map(…)`.
        let certain = as_member(&call.callee).is_some_and(|member| self.always_list(member.object));
        if optional_chain(whole) && !certain {
            return Some(Undefined::OptionalChain);
        }
        let _ = depth;
        None
    }

    /// A parameter of a type like `[string, string] | string`: each place of the tuple is filled.
    fn is_tuple(&self, object: &'a Expression<'a>) -> bool {
        let Expression::Identifier(identifier) = bare(object) else { return false };
        let Some(symbol) = self.symbol_of(identifier) else { return false };
        let Definition::Parameter { parameter, steps, .. } = self.definition(symbol) else { return false };
        steps.is_empty()
            && self
                .type_text(parameter.type_annotation.as_deref())
                .is_some_and(|ty| ty.split('|').any(|part| part.trim().starts_with('[')))
    }

    /// A name that always stands for a list: what `map` and `filter` give, or one that is written out.
    fn always_list(&self, object: &'a Expression<'a>) -> bool {
        let Expression::Identifier(identifier) = bare(object) else { return false };
        let Some(symbol) = self.symbol_of(identifier) else { return false };
        let Definition::Variable { declarator, steps, .. } = self.definition(symbol) else { return false };
        steps.is_empty()
            && declarator.init.as_ref().is_some_and(|init| match bare(init) {
                Expression::ArrayExpression(_) => true,
                init => as_call(init).and_then(|call| as_member(&call.callee)).is_some_and(|member| {
                    let gives = ["map", "filter", "flatMap", "concat", "slice"];
                    member.name.is_some_and(|name| gives.contains(&name)) && !optional_chain(init)
                }),
            })
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
                let mut words =
                    text.split(|one: char| !one.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
                let last = words.next_back()?;
                (words.any(sent_by_choice) && !self.in_path(last)).then_some(Undefined::Request)
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
                if default.is_some_and(|value| !value.is_undefined()) {
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
                    .filter_map(|step| if let Step::Member(name) = step { Some(name.as_ref()) } else { None })
                    .collect();
                let root = text.split(['.', ' ', '?']).next().unwrap_or("").to_ascii_lowercase();
                let request = matches!(
                    root.trim_start_matches('('),
                    "req" | "request" | "event" | "ctx" | "c" | "context"
                );
                let sent = names.len() == 1 && text.split(['.', ' ', ')']).any(sent_by_choice)
                    || names.len() >= 2 && names.first().is_some_and(|name| sent_by_choice(name));
                if request && sent && !names.last().is_some_and(|name| self.in_path(name)) {
                    return Some(Undefined::Request);
                }
                if steps.iter().any(|step| matches!(step, Step::Element(_)))
                    && super::called::element_of(init, 0).is_none()
                {
                    // `const [first] = await prisma.x.findMany(…)`
                    let called = as_call(super::syntax::settled(init)).is_some();
                    let first = called && matches!(steps.as_slice(), [Step::Element(_)]) && self.rows(init);
                    return first.then_some(Undefined::Lookup);
                }
                None
            }
            _ => None,
        }
    }

    fn rows(&mut self, init: &'a Expression<'a>) -> bool {
        self.sources(init).iter().any(|source| matches!(source, pgsteward_model::code::Source::Result { .. }))
    }

    /// A part of the route, by the conventions of file names: `[id].ts`, `[...slug]`.
    fn in_path(&self, name: &str) -> bool {
        self.file.contains(&format!("[{name}]")) || self.file.contains(&format!("...{name}]"))
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
}

fn whole_object<'b, 'a>(object: &'b Expression<'a>) -> &'b Expression<'a> {
    bare(object)
}

/// A `?.` somewhere in the chain.
fn optional_chain(expression: &Expression) -> bool {
    matches!(expression, Expression::ChainExpression(_))
        || as_member(expression).is_some_and(|member| member.optional)
}

/// What a client may leave out of a request.
fn sent_by_choice(name: &str) -> bool {
    matches!(name, "query" | "body" | "searchParams" | "cookies" | "headers")
}

fn admits_undefined(ty: &str) -> bool {
    ty.split('|').any(|part| part.trim() == "undefined")
}
