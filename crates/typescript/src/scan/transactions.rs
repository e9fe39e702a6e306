//! `$transaction`, with a callback or a list.

use oxc_ast::AstKind;
use oxc_ast::ast::{BindingPattern, CallExpression, Expression};
use oxc_syntax::node::NodeId;
use pgsteward_model::code::{Site, TransactionKind};

use super::reader::Reader;
use super::syntax::{Code, argument, as_member, bare, span};
use crate::unit::{Origin, UnitTransaction};

impl<'a> Reader<'_, 'a> {
    pub(super) fn register_transaction(&mut self, node: NodeId, call: &'a CallExpression<'a>) -> bool {
        let Some(member) = as_member(&call.callee) else { return false };
        if member.name != Some("$transaction") {
            return false;
        }
        let Some(first) = argument(&call.arguments, 0) else { return false };
        let code = Code::of_expression(first);
        let list = self.is_list(first, 0);
        let kind = if list { TransactionKind::Batch } else { TransactionKind::Interactive };
        let client = code.and_then(|code| match self.callback_pattern(code, 0) {
            Some(BindingPattern::BindingIdentifier(name)) => Some(name.name.to_string()),
            _ => None,
        });
        self.transactions.insert(node, self.unit.transactions.len());
        self.unit.transactions.push(UnitTransaction {
            site: Site::default(),
            on: Origin::Unknown,
            kind,
            client,
            callback: None,
            isolation: None,
            timeout_ms: None,
            retried: false,
        });
        true
    }

    fn is_list(&self, first: &'a Expression<'a>, depth: u32) -> bool {
        if depth > 5 {
            return false;
        }
        match bare(first) {
            Expression::ArrayExpression(_) => true,
            Expression::Identifier(identifier) => {
                let Some(symbol) = self.symbol_of(identifier) else { return false };
                match self.definition(symbol) {
                    super::reader::Definition::Variable { declarator, steps, .. } if steps.is_empty() => {
                        declarator.init.as_ref().is_some_and(|init| self.is_list(init, depth + 1))
                    }
                    _ => false,
                }
            }
            other => super::syntax::as_call(other).is_some_and(|call| super::loops::iterated(call).is_some()),
        }
    }

    pub(super) fn fill_transaction(&mut self, node: NodeId, index: usize) {
        let AstKind::CallExpression(call) = self.nodes.kind(node) else { return };
        let Some(member) = as_member(&call.callee) else { return };
        let on = self.origin(member.object);
        let site = self.site(node);
        let options = self.argument_value(call, 1);
        let callback = argument(&call.arguments, 0)
            .filter(|first| Code::of_expression(first).is_none())
            .map(|first| self.origin(first));
        let retried = self.retried(node);
        let into = &mut self.unit.transactions[index];
        into.on = on;
        into.site = site;
        into.callback = callback.filter(|origin| *origin != Origin::Unknown);
        into.isolation = options.get("isolationLevel").map(|node| match &node.value {
            pgsteward_model::code::Value::Text(text) => text.clone(),
            pgsteward_model::code::Value::Expression { text, .. } => {
                text.rsplit('.').next().unwrap_or(text).to_string()
            }
            _ => String::new(),
        });
        into.timeout_ms =
            options.get("timeout").and_then(|node| node.number()).and_then(|ms| u64::try_from(ms).ok());
        into.retried = retried;
    }

    /// A loop that tries again, or a wrapper that is named so.
    fn retried(&self, node: NodeId) -> bool {
        for outer in self.nodes.ancestor_ids(node) {
            let text = match self.nodes.kind(outer) {
                AstKind::CallExpression(call) => self.cut(span(&call.callee), 80).to_ascii_lowercase(),
                AstKind::ForStatement(each) => self.loop_head(each.body_start(), span(each).start),
                AstKind::WhileStatement(each) => self.cut(span(&each.test), 80).to_ascii_lowercase(),
                AstKind::DoWhileStatement(each) => self.cut(span(&each.test), 80).to_ascii_lowercase(),
                AstKind::CatchClause(_) => continue,
                AstKind::TryStatement(attempt) => {
                    let handler = attempt.handler.as_ref().map(|handler| self.head(span(&**handler)));
                    if handler.is_some_and(|text| {
                        text.contains("P2034") || text.contains("40P01") || text.contains("40001")
                    }) {
                        return true;
                    }
                    continue;
                }
                _ => continue,
            };
            if text.contains("retr") || text.contains("attempt") || text.contains("tries") {
                return true;
            }
        }
        let function = self.function_around(node);
        let name =
            self.unit.functions.get(function).map(|one| one.name.to_ascii_lowercase()).unwrap_or_default();
        name.contains("retry")
    }

    fn loop_head(&self, end: usize, start: usize) -> String {
        self.cut(pgsteward_model::source::Span::new(start, end), 120).to_ascii_lowercase()
    }
}

trait Head {
    fn body_start(&self) -> usize;
}

impl Head for oxc_ast::ast::ForStatement<'_> {
    fn body_start(&self) -> usize {
        span(&self.body).start
    }
}
