//! `try … catch` and `.catch(…)`: what becomes of an error.

use oxc_ast::AstKind;
use oxc_ast::ast::{BindingPattern, Expression, Statement};
use oxc_syntax::node::NodeId;
use pgsteward_model::code::{Catch, Try};
use pgsteward_model::source::Span;

use super::reader::Reader;
use super::syntax::{Code, argument, as_member, span};

impl<'a> Reader<'_, 'a> {
    /// The `try` that a node is for a place: its block holds the place, or the place is what `.catch` waits for.
    pub(super) fn try_of(&mut self, node: NodeId, within: Span) -> Option<usize> {
        let (at, catch) = match self.nodes.kind(node) {
            AstKind::TryStatement(attempt) => {
                if !span(&*attempt.block).contains(within) {
                    return None;
                }
                if let Some(known) = self.tries.get(&node) {
                    return Some(*known);
                }
                let catch = attempt.handler.as_ref().map(|handler| {
                    let name = handler.param.as_ref().and_then(|parameter| match &parameter.pattern {
                        BindingPattern::BindingIdentifier(name) => Some(name.name.as_str()),
                        _ => None,
                    });
                    self.catch(span(&*handler.body), &handler.body.body, name)
                });
                (span(attempt), catch)
            }
            AstKind::CallExpression(call) => {
                let member = as_member(&call.callee)?;
                if member.name != Some("catch") || !span(member.object).contains(within) {
                    return None;
                }
                if let Some(known) = self.tries.get(&node) {
                    return Some(*known);
                }
                let handler = argument(&call.arguments, 0)?;
                let catch = match Code::of_expression(handler) {
                    Some(code) => {
                        let name = self.callback_pattern(code, 0).and_then(|pattern| match pattern {
                            BindingPattern::BindingIdentifier(name) => Some(name.name.as_str()),
                            _ => None,
                        });
                        match (code.body(), code.expression()) {
                            (Some(body), None) => self.catch(span(body), &body.statements, name),
                            (_, Some(value)) => {
                                let mut catch = self.catch(span(value), &[], name);
                                // `.catch(() => null)`: the error becomes a value that the caller cannot tell.
                                catch.empty = matches!(
                                    super::syntax::bare(value),
                                    Expression::NullLiteral(_)
                                        | Expression::BooleanLiteral(_)
                                        | Expression::Identifier(_)
                                        | Expression::ObjectExpression(_)
                                        | Expression::ArrayExpression(_)
                                        | Expression::UnaryExpression(_)
                                ) && !catch.handles;
                                catch
                            }
                            _ => Catch { empty: true, ..Catch::default() },
                        }
                    }
                    None => {
                        // `.catch(console.error)`, `.catch(handleError)`
                        let text = self.head(span(handler)).to_ascii_lowercase();
                        let logs = logs(&text);
                        Catch {
                            logs,
                            handles: !logs && !text.contains("noop"),
                            empty: text.contains("noop"),
                            ..Catch::default()
                        }
                    }
                };
                (span(call), Some(catch))
            }
            _ => return None,
        };
        self.tries.insert(node, self.unit.tries.len());
        let at = self.at(at);
        self.unit.tries.push(Try { at, catch });
        Some(self.unit.tries.len() - 1)
    }

    fn catch(&self, body: Span, statements: &'a [Statement<'a>], name: Option<&str>) -> Catch {
        let text = without_comments(self.head(body));
        let mut codes = Vec::new();
        for code in codes_in(&text) {
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        let rethrows = text.contains("throw ") || text.contains("Promise.reject") || text.contains("reject(");
        let logs = logs(&text.to_ascii_lowercase());
        let mut rest = text.clone();
        for statement in statements {
            // What is left when calls of a log are taken away.
            if let Statement::ExpressionStatement(one) = statement {
                let own = self.head(span(&**one));
                if logs_itself(&own.to_ascii_lowercase()) {
                    rest = rest.replace(&without_comments(own), "");
                }
            }
        }
        let uses_error = name.is_some_and(|name| contains_word(&rest, name));
        // `isTaken(error)`, an answer to the user, another way to the goal.
        let answers = ["res.", "reply.", "Response", "return ", "redirect(", "json("]
            .iter()
            .any(|word| rest.contains(word));
        let empty = text
            .trim_matches(|one: char| one.is_whitespace() || one == '{' || one == '}' || one == ';')
            .is_empty();
        Catch { empty, rethrows, logs, codes, handles: (uses_error || answers) && !empty }
    }
}

fn logs(text: &str) -> bool {
    ["console.", "logger", "log.", "log(", "captureexception", "sentry", "capturemessage", "reporterror"]
        .iter()
        .any(|word| text.contains(word))
}

fn logs_itself(text: &str) -> bool {
    let head = text
        .trim_start()
        .trim_start_matches("await ")
        .trim_start_matches("void ")
        .trim_start_matches("this.");
    let head: String = head.chars().take_while(|one| *one != '(').collect();
    logs(&format!("{head}("))
}

/// `P2002`, `'23505'`
fn codes_in(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    for at in 0..bytes.len() {
        let before = at.checked_sub(1).map(|before| bytes[before]);
        if before.is_some_and(|one| one.is_ascii_alphanumeric() || one == b'_') {
            continue;
        }
        let Some(code) = bytes.get(at..at + 5) else { break };
        if bytes.get(at + 5).is_some_and(|one| one.is_ascii_alphanumeric() || *one == b'_') {
            continue;
        }
        let prisma = code[0] == b'P' && code[1..].iter().all(u8::is_ascii_digit);
        let quoted = matches!(before, Some(b'\'' | b'"' | b'`'));
        let server = quoted
            && code[..2].iter().all(u8::is_ascii_digit)
            && code.iter().all(|one| one.is_ascii_digit() || one.is_ascii_uppercase());
        if prisma || server {
            out.push(String::from_utf8_lossy(code).into_owned());
        }
    }
    for (name, code) in [
        ("isUniqueConstraint", "P2002"),
        ("isUniqueViolation", "P2002"),
        ("UniqueConstraint", "P2002"),
        ("UniqueViolation", "P2002"),
        ("UNIQUE_VIOLATION", "P2002"),
        ("isTaken", "P2002"),
    ] {
        if text.contains(name) && !out.iter().any(|one| one == code) {
            out.push(code.into());
        }
    }
    out
}

fn contains_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let part = |one: char| one.is_alphanumeric() || one == '_' || one == '$';
        !before.is_some_and(|one| part(one) || one == '.') && !after.is_some_and(part)
    })
}

/// Without comments, so far as a reading without strings can tell.
pub(super) fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let line = rest.find("//").filter(|at| !rest[..*at].ends_with(':'));
        let block = rest.find("/*");
        match (line, block) {
            (Some(line), block) if block.is_none_or(|block| line < block) => {
                out.push_str(&rest[..line]);
                match rest[line..].find('\n') {
                    Some(end) => rest = &rest[line + end..],
                    None => return out,
                }
            }
            (_, Some(block)) => {
                out.push_str(&rest[..block]);
                match rest[block..].find("*/") {
                    Some(end) => rest = &rest[block + end + 2..],
                    None => return out,
                }
            }
            _ => {
                out.push_str(rest);
                return out;
            }
        }
    }
}
