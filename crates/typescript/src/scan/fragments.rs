//! The text of a query, put together from templates, fragments and pieces.

use oxc_ast::ast::{BinaryOperator, CallExpression, Expression, LogicalOperator, TemplateLiteral};
use pgsteward_model::code::{Hole, HoleKind, Node, Value};

use super::reader::{DEPTH, Definition, Reader};
use super::syntax::{argument, as_call, as_member, bare, span};

/// Longer texts are given up.
const LENGTH: usize = 100_000;
const HOLES: usize = 500;

/// A text in the making; holes are written as `$1`, `$2` ….
#[derive(Default)]
pub(super) struct Text {
    text: String,
    holes: Vec<Hole>,
    /// It is not written in this file.
    pub unknown: bool,
}

impl Text {
    fn hole(&mut self, value: Node, kind: HoleKind) {
        if self.holes.len() >= HOLES || self.text.len() > LENGTH {
            self.unknown = true;
            return;
        }
        self.holes.push(Hole { value, kind });
        self.text.push_str(&format!("${}", self.holes.len()));
    }

    /// Values that the text names by itself as `$1`, `$2` ….
    pub(super) fn parameters<'a>(
        &mut self,
        reader: &mut Reader<'_, 'a>,
        values: impl Iterator<Item = &'a Expression<'a>>,
    ) {
        for value in values.take(HOLES) {
            let value = reader.value(value);
            self.holes.push(Hole { value, kind: HoleKind::Parameter });
        }
    }

    pub(super) fn finish(self) -> (Option<String>, Vec<Hole>) {
        let text = self.text.trim();
        ((!self.unknown && !text.is_empty()).then(|| text.to_string()), self.holes)
    }
}

impl<'a> Reader<'_, 'a> {
    /// A tagged template: its holes are parameters or fragments.
    pub(super) fn template(&mut self, template: &'a TemplateLiteral<'a>, text: &mut Text, depth: u32) {
        for (index, part) in template.quasis.iter().enumerate() {
            text.text
                .push_str(part.value.cooked.as_ref().map_or(part.value.raw.as_str(), |text| text.as_str()));
            if let Some(expression) = template.expressions.get(index) {
                if depth > DEPTH {
                    text.unknown = true;
                } else if self.is_fragment(expression, depth) {
                    self.fragment(expression, text, depth + 1);
                } else {
                    let value = self.value(expression);
                    text.hole(value, HoleKind::Parameter);
                }
            }
        }
    }

    /// `Prisma.sql`, `sql`, `Prisma.join(…)`, `Prisma.raw(…)`, `Prisma.empty`, a name that holds one of them.
    fn is_fragment(&self, expression: &'a Expression<'a>, depth: u32) -> bool {
        if depth > DEPTH {
            return false;
        }
        match bare(expression) {
            Expression::TaggedTemplateExpression(_) => true,
            Expression::ConditionalExpression(choice) => {
                self.is_fragment(&choice.consequent, depth + 1)
                    || self.is_fragment(&choice.alternate, depth + 1)
            }
            Expression::LogicalExpression(both) => self.is_fragment(&both.right, depth + 1),
            Expression::Identifier(identifier) => {
                let Some(symbol) = self.symbol_of(identifier) else { return false };
                match self.definition(symbol) {
                    Definition::Variable { declarator, steps, .. } => {
                        let typed = declarator.type_annotation.as_deref();
                        steps.is_empty()
                            && declarator.init.as_ref().is_some_and(|init| self.is_fragment(init, depth + 1))
                            || self.type_text(typed).is_some_and(|ty| ty.ends_with("Sql"))
                    }
                    Definition::Parameter { parameter, .. } => self
                        .type_text(parameter.type_annotation.as_deref())
                        .is_some_and(|ty| ty.ends_with("Sql")),
                    _ => false,
                }
            }
            other => match as_call(other) {
                Some(call) => {
                    as_member(&call.callee).is_some_and(|member| matches!(member.name, Some("join" | "raw")) && prisma_name(member.object))
                        || matches!(bare(&call.callee), Expression::Identifier(name)
                            if matches!(name.name.as_str(), "join" | "raw" | "sql") && self.imported(name))
                        // `sql(columns)` of postgres: an identifier, a list of values.
                        || matches!(bare(&call.callee), Expression::Identifier(name) if name.name == "sql")
                        || self.returns_sql(call)
                }
                None => as_member(other)
                    .is_some_and(|member| member.name == Some("empty") && prisma_name(member.object)),
            },
        }
    }

    fn imported(&self, name: &oxc_ast::ast::IdentifierReference<'a>) -> bool {
        self.symbol_of(name).is_some_and(|symbol| self.imports.contains_key(&symbol))
    }

    /// A function of the file that is declared to return `Prisma.Sql`.
    fn returns_sql(&self, call: &'a CallExpression<'a>) -> bool {
        let Expression::Identifier(name) = bare(&call.callee) else { return false };
        let Some(symbol) = self.symbol_of(name) else { return false };
        let function = match self.definition(symbol) {
            Definition::Function(code) => self.functions.get(&code.id()).copied(),
            Definition::Variable { declarator, .. } => {
                declarator.init.as_ref().and_then(|init| self.held_function(init))
            }
            _ => None,
        };
        function.is_some_and(|function| {
            self.unit.functions[function].return_type.as_deref().is_some_and(|ty| ty.ends_with("Sql"))
        })
    }

    pub(super) fn fragment(&mut self, expression: &'a Expression<'a>, text: &mut Text, depth: u32) {
        if depth > DEPTH {
            text.unknown = true;
            return;
        }
        let next = depth + 1;
        match bare(expression) {
            Expression::TaggedTemplateExpression(template) => self.template(&template.quasi, text, next),
            Expression::TemplateLiteral(template) => self.template(template, text, next),
            // Of two texts the one that says something stands for both.
            Expression::ConditionalExpression(choice) => {
                let (first, second) = (&choice.consequent, &choice.alternate);
                let says = if self.is_empty_fragment(first) { second } else { first };
                self.fragment(says, text, next);
            }
            Expression::LogicalExpression(both) => {
                let says = if both.operator == LogicalOperator::And { &both.right } else { &both.left };
                self.fragment(says, text, next);
            }
            Expression::Identifier(identifier) => {
                let symbol = self.symbol_of(identifier);
                let init = symbol.and_then(|symbol| match self.definition(symbol) {
                    Definition::Variable { declarator, steps, .. } if steps.is_empty() => {
                        declarator.init.as_ref()
                    }
                    _ => None,
                });
                match (symbol, init) {
                    (Some(symbol), Some(init)) if !self.following.contains(&symbol) => {
                        self.following.push(symbol);
                        self.fragment(init, text, next);
                        self.following.pop();
                    }
                    _ => {
                        let value = self.expression(expression, None);
                        if depth == 0 {
                            text.unknown = true;
                        }
                        text.hole(value, HoleKind::Fragment);
                    }
                }
            }
            other => {
                if let Some(call) = as_call(other) {
                    let name = as_member(&call.callee)
                        .and_then(|member| member.name)
                        .map(str::to_string)
                        .or_else(|| match bare(&call.callee) {
                            Expression::Identifier(name) => Some(name.name.to_string()),
                            _ => None,
                        });
                    let first = argument(&call.arguments, 0);
                    match (name.as_deref(), first) {
                        (Some("raw"), Some(first)) => return self.written(first, text, next),
                        (Some("join"), Some(first)) => {
                            return self.joined(first, call, text, next);
                        }
                        (Some("sql"), Some(first)) => {
                            let value = self.value(first);
                            return text.hole(value, HoleKind::Fragment);
                        }
                        _ => {}
                    }
                } else if self.is_empty_fragment(other) {
                    return;
                }
                let value = self.expression(expression, None);
                if depth == 0 {
                    text.unknown = true;
                }
                text.hole(value, HoleKind::Fragment);
            }
        }
    }

    /// A list that is written out is its elements, with what stands between them; any other is a value of its own.
    fn joined(
        &mut self,
        list: &'a Expression<'a>,
        call: &'a CallExpression<'a>,
        text: &mut Text,
        depth: u32,
    ) {
        let between = match argument(&call.arguments, 1).map(bare) {
            None => Some(","),
            // What stands before and behind the whole would come third and fourth.
            Some(Expression::StringLiteral(literal)) if call.arguments.len() == 2 => {
                Some(literal.value.as_str())
            }
            Some(_) => None,
        };
        let elements = self.listed_here(list).filter(|elements| !elements.is_empty());
        let (Some(elements), Some(between)) = (elements, between) else {
            let value = self.value(list);
            return text.hole(value, HoleKind::Fragment);
        };
        for (index, element) in elements.into_iter().enumerate() {
            if index > 0 {
                text.text.push_str(between);
            }
            if self.is_fragment(element, depth) {
                self.fragment(element, text, depth + 1);
            } else {
                let value = self.value(element);
                text.hole(value, HoleKind::Parameter);
            }
        }
    }

    /// The elements of a list, or of a constant that nothing but this place names: nobody puts more into it.
    fn listed_here(&self, list: &'a Expression<'a>) -> Option<Vec<&'a Expression<'a>>> {
        match bare(list) {
            Expression::ArrayExpression(list) => {
                list.elements.iter().map(|element| element.as_expression()).collect()
            }
            Expression::Identifier(identifier) => {
                let symbol = self.symbol_of(identifier)?;
                let Definition::Variable { declarator, steps, .. } = self.definition(symbol) else {
                    return None;
                };
                let alone = self.scoping.get_resolved_reference_ids(symbol).len() == 1;
                let init = declarator.init.as_ref().filter(|_| alone && steps.is_empty())?;
                match bare(init) {
                    Expression::ArrayExpression(_) => self.listed_here(init),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn is_empty_fragment(&self, expression: &'a Expression<'a>) -> bool {
        match bare(expression) {
            Expression::TaggedTemplateExpression(template) => {
                template.quasi.expressions.is_empty()
                    && template.quasi.quasis.iter().all(|part| part.value.raw.trim().is_empty())
            }
            other => {
                as_member(other).is_some_and(|member| member.name == Some("empty"))
                    || matches!(other, Expression::Identifier(name) if name.name == "empty")
            }
        }
    }

    /// A text that becomes part of the query as it is: what is not constant in it can change its meaning.
    pub(super) fn written(&mut self, expression: &'a Expression<'a>, text: &mut Text, depth: u32) {
        if depth > DEPTH {
            text.unknown = true;
            return;
        }
        let next = depth + 1;
        match bare(expression) {
            Expression::StringLiteral(literal) => text.text.push_str(&literal.value),
            Expression::NumericLiteral(_) => text.text.push_str(self.slice(span(bare(expression)))),
            Expression::TemplateLiteral(template) => {
                for (index, part) in template.quasis.iter().enumerate() {
                    text.text.push_str(
                        part.value.cooked.as_ref().map_or(part.value.raw.as_str(), |text| text.as_str()),
                    );
                    if let Some(expression) = template.expressions.get(index) {
                        self.written(expression, text, next);
                    }
                }
            }
            Expression::BinaryExpression(both) if both.operator == BinaryOperator::Addition => {
                self.written(&both.left, text, next);
                self.written(&both.right, text, next);
            }
            Expression::Identifier(identifier) => {
                let symbol = self.symbol_of(identifier);
                let init = symbol.and_then(|symbol| match self.definition(symbol) {
                    Definition::Variable { declarator, steps, .. }
                        if steps.is_empty() && !self.scoping.symbol_is_mutated(symbol) =>
                    {
                        declarator.init.as_ref()
                    }
                    _ => None,
                });
                match (symbol, init) {
                    (Some(symbol), Some(init)) if !self.following.contains(&symbol) && written_out(init) => {
                        self.following.push(symbol);
                        self.written(init, text, next);
                        self.following.pop();
                    }
                    _ => self.text_hole(expression, text, depth),
                }
            }
            _ => self.text_hole(expression, text, depth),
        }
    }

    fn text_hole(&mut self, expression: &'a Expression<'a>, text: &mut Text, depth: u32) {
        let value = self.value(expression);
        if depth == 0 {
            // The whole text comes from elsewhere.
            text.unknown = true;
        }
        match &value.value {
            // A choice of constants is one of them.
            Value::Text(known) => text.text.push_str(known),
            _ => text.hole(value, HoleKind::Text),
        }
    }
}

fn written_out(init: &Expression) -> bool {
    matches!(
        bare(init),
        Expression::StringLiteral(_)
            | Expression::TemplateLiteral(_)
            | Expression::BinaryExpression(_)
            | Expression::NumericLiteral(_)
    )
}

fn prisma_name(object: &Expression) -> bool {
    matches!(bare(object), Expression::Identifier(name) if name.name == "Prisma")
}
