//! Checks of input in zod: `z.object({ rating: z.number().int().min(1).max(5) })`.

use oxc_ast::AstKind;
use oxc_ast::ast::{CallExpression, Expression, UnaryOperator};
use oxc_syntax::node::NodeId;
use pgsteward_model::code::{FieldCheck, Validation};

use super::reader::Reader;
use super::syntax::{argument, as_call, as_member, bare, key_name, span};

impl<'a> Reader<'_, 'a> {
    pub(super) fn read_validation(&mut self, node: NodeId) {
        let AstKind::CallExpression(call) = self.nodes.kind(node) else { return };
        let Some(member) = as_member(&call.callee) else { return };
        if !matches!(member.name, Some("object" | "strictObject" | "looseObject" | "extend")) {
            return;
        }
        let zod = match bare(member.object) {
            Expression::Identifier(name) => {
                matches!(name.name.as_str(), "z" | "zod") || member.name == Some("extend")
            }
            other => member.name == Some("extend") && as_call(other).is_some(),
        };
        if !zod {
            return;
        }
        let Some(Expression::ObjectExpression(object)) = argument(&call.arguments, 0).map(bare) else {
            return;
        };
        if self.is_part(node) {
            return;
        }
        let Some(schema) = self.schema_name(node) else { return };
        for property in object.properties.iter().filter_map(|property| property.as_property()) {
            let Some(field) = key_name(&property.key) else { continue };
            let mut checks = Vec::new();
            self.checks(&property.value, &mut checks, 0);
            checks.reverse();
            if !checks.is_empty() {
                let at = self.at(span(property));
                self.unit.validations.push(Validation { at, schema: schema.clone(), field, checks });
            }
        }
    }

    /// An object within the value of another one: its fields are none of the row's. What stands below `body` or `data` is
    /// the row itself.
    fn is_part(&self, node: NodeId) -> bool {
        const WHOLE: [&str; 8] = ["body", "data", "input", "json", "payload", "form", "values", "create"];
        self.nodes
            .ancestor_kinds(node)
            .take(30)
            .take_while(|kind| {
                !matches!(kind, AstKind::VariableDeclarator(_) | AstKind::PropertyDefinition(_))
            })
            .any(|kind| match kind {
                AstKind::CallExpression(call) => as_member(&call.callee).is_some_and(|member| {
                    matches!(member.name, Some("array" | "record" | "tuple" | "map" | "set"))
                }),
                AstKind::ObjectProperty(property) => {
                    key_name(&property.key).is_none_or(|name| !WHOLE.contains(&name.as_str()))
                }
                _ => false,
            })
    }

    fn schema_name(&self, node: NodeId) -> Option<String> {
        self.nodes.ancestor_kinds(node).take(30).find_map(|kind| match kind {
            AstKind::VariableDeclarator(declarator) => {
                declarator.id.get_identifier_name().map(|name| name.to_string())
            }
            AstKind::PropertyDefinition(field) => key_name(&field.key),
            _ => None,
        })
    }

    /// The checks of a chain that hold for what it gives, last one first.
    fn checks(&self, expression: &'a Expression<'a>, out: &mut Vec<FieldCheck>, depth: u32) {
        let mut node = bare(expression);
        let text = self.chain_is_text(node);
        let mut rewritten = Vec::new();
        for _ in 0..30 {
            let Some(call) = as_call(node) else { return };
            let Some(member) = as_member(&call.callee) else { return };
            let name = member.name.unwrap_or("");
            // What is kept is another value than the one that was checked, or need not have been checked.
            if matches!(name, "or" | "transform" | "pipe" | "catch" | "codec") || is_empty_default(name, call)
            {
                return out.clear();
            }
            if matches!(name, "trim" | "toLowerCase" | "toUpperCase" | "normalize" | "slugify" | "overwrite")
            {
                rewritten.push(name);
            }
            // Zod goes through a chain in order: these saw the value before it was rewritten.
            let mut seen = Vec::new();
            self.check(name, call, text, &mut seen, depth);
            seen.retain(|check| rewritten.iter().all(|by| survives(check, by)));
            out.extend(seen);
            node = bare(member.object);
        }
    }

    /// `z.string()` stands at the start: `min` is a length.
    fn chain_is_text(&self, expression: &'a Expression<'a>) -> bool {
        let text = self.slice(span(expression));
        let head: String = text.chars().filter(|one| !one.is_whitespace()).take(24).collect();
        !(head.starts_with("z.number")
            || head.starts_with("z.coerce.number")
            || head.starts_with("z.int")
            || head.starts_with("z.bigint"))
    }

    fn check(
        &self,
        name: &str,
        call: &'a CallExpression<'a>,
        text: bool,
        out: &mut Vec<FieldCheck>,
        depth: u32,
    ) {
        let number = || argument(&call.arguments, 0).and_then(number_of);
        let length = || number().filter(|one| *one >= 0.0).map(|one| one as u64);
        let check = match (name, text) {
            ("min" | "gte", false) => number().map(|value| FieldCheck::Min { value, inclusive: true }),
            ("max" | "lte", false) => number().map(|value| FieldCheck::Max { value, inclusive: true }),
            ("gt", false) => number().map(|value| FieldCheck::Min { value, inclusive: false }),
            ("lt", false) => number().map(|value| FieldCheck::Max { value, inclusive: false }),
            ("positive", _) => Some(FieldCheck::Min { value: 0.0, inclusive: false }),
            ("nonnegative", _) => Some(FieldCheck::Min { value: 0.0, inclusive: true }),
            ("negative", _) => Some(FieldCheck::Max { value: 0.0, inclusive: false }),
            ("nonpositive", _) => Some(FieldCheck::Max { value: 0.0, inclusive: true }),
            ("int", _) => Some(FieldCheck::Integer),
            ("min", true) => length().map(FieldCheck::MinLength),
            ("max", true) => length().map(FieldCheck::MaxLength),
            ("length", true) => {
                if let Some(length) = length() {
                    out.push(FieldCheck::MaxLength(length));
                    out.push(FieldCheck::MinLength(length));
                }
                None
            }
            ("nonempty", true) => Some(FieldCheck::MinLength(1)),
            ("email", _) => Some(FieldCheck::Email),
            ("url", _) => Some(FieldCheck::Url),
            ("uuid", _) => Some(FieldCheck::Uuid),
            ("regex", _) => argument(&call.arguments, 0).and_then(|first| match bare(first) {
                // Flags change what a pattern means.
                Expression::RegExpLiteral(pattern) if pattern.regex.flags.is_empty() => {
                    Some(FieldCheck::Pattern(pattern.regex.pattern.text.to_string()))
                }
                _ => None,
            }),
            ("enum", _) => argument(&call.arguments, 0).and_then(|first| match bare(first) {
                Expression::ArrayExpression(list) => {
                    let values: Vec<String> = list
                        .elements
                        .iter()
                        .filter_map(|one| match one.as_expression().map(bare) {
                            Some(Expression::StringLiteral(text)) => Some(text.value.to_string()),
                            _ => None,
                        })
                        .collect();
                    (values.len() == list.elements.len()).then_some(FieldCheck::OneOf(values))
                }
                _ => None,
            }),
            // `z.optional(z.string().max(5))`, `z.preprocess(…, z.number())`
            ("optional" | "nullable", _) if depth < 4 => {
                if let Some(first) = argument(&call.arguments, 0) {
                    self.checks(first, out, depth + 1);
                }
                None
            }
            _ => None,
        };
        out.extend(check);
    }
}

/// Whether a check of a text holds for what a method makes of the text. Blanks around it are part of neither addresses nor
/// UUIDs; in capitals a text may be longer ("ß"), and is never shorter.
fn survives(check: &FieldCheck, by: &str) -> bool {
    match by {
        "trim" => matches!(check, FieldCheck::MaxLength(_) | FieldCheck::Email | FieldCheck::Uuid),
        "toLowerCase" | "toUpperCase" => {
            matches!(check, FieldCheck::MinLength(_) | FieldCheck::Email | FieldCheck::Uuid)
        }
        _ => false,
    }
}

/// `.default('')`: a text that no other check has seen.
fn is_empty_default(name: &str, call: &CallExpression) -> bool {
    name == "default"
        && argument(&call.arguments, 0)
            .map(bare)
            .is_some_and(|first| matches!(first, Expression::StringLiteral(text) if text.value.is_empty()))
}

fn number_of(expression: &Expression) -> Option<f64> {
    match bare(expression) {
        Expression::NumericLiteral(number) => Some(number.value),
        Expression::UnaryExpression(unary) if unary.operator == UnaryOperator::UnaryNegation => {
            number_of(&unary.argument).map(|value| -value)
        }
        _ => None,
    }
}
