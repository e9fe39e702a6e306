//! Queries in SQL: `$queryRaw` and its kin, `pg` and `postgres`.

use oxc_ast::AstKind;
use oxc_ast::ast::{CallExpression, Expression, TaggedTemplateExpression};
use oxc_syntax::node::NodeId;
use pgsteward_model::code::{Hole, Site};

use super::fragments::Text;
use super::reader::Reader;
use super::syntax::{argument, as_call, as_member, bare, span};
use crate::unit::{Origin, UnitRaw, Usage};

/// Packages whose tagged templates and `query` speak SQL.
const DRIVERS: [&str; 12] = [
    "pg",
    "postgres",
    "@vercel/postgres",
    "@neondatabase/serverless",
    "pg-promise",
    "slonik",
    "postgres.js",
    "pg-pool",
    "@electric-sql/pglite",
    "drizzle-orm",
    "kysely",
    "sql-template-tag",
];

impl<'a> Reader<'_, 'a> {
    /// Gives a raw query its number if the node is one.
    pub(super) fn register_raw(&mut self, node: NodeId) -> bool {
        let found = match self.nodes.kind(node) {
            AstKind::TaggedTemplateExpression(template) => self.raw_template(template),
            AstKind::CallExpression(call) => self.raw_call(call),
            _ => None,
        };
        let Some((client, method, driver)) = found else { return false };
        let receiver = client.map(|client| self.cut(span(client), 120)).unwrap_or_default();
        self.raw.insert(node, self.unit.raw.len());
        self.unit.raw.push(UnitRaw {
            site: Site::default(),
            client: Origin::Unknown,
            receiver,
            method,
            text: None,
            holes: Vec::new(),
            typed: None,
            driver,
            usage: Usage::default(),
        });
        true
    }

    fn raw_template(
        &self,
        template: &'a TaggedTemplateExpression<'a>,
    ) -> Option<(Option<&'a Expression<'a>>, String, bool)> {
        if let Some(member) = as_member(&template.tag) {
            let name = member.name?;
            if matches!(name, "$queryRaw" | "$executeRaw") {
                return Some((Some(member.object), name.to_string(), false));
            }
        }
        // The tag itself, or `sql<Row>` of it.
        let Expression::Identifier(tag) = bare(&template.tag) else { return None };
        let symbol = self.symbol_of(tag)?;
        (self.driver_made(symbol, 0) && self.runs_itself(template.node_id()))
            .then(|| (Some(&template.tag), tag.name.to_string(), true))
    }

    /// A template of `postgres` is a query where it is awaited or returned, a fragment inside another one.
    fn runs_itself(&self, node: NodeId) -> bool {
        !self.nodes.ancestor_kinds(node).take(6).any(|kind| matches!(kind, AstKind::TemplateLiteral(_)))
    }

    /// A name is imported from a driver, or made by a function of one: `const sql = postgres(url)`.
    fn driver_made(&self, symbol: oxc_syntax::symbol::SymbolId, depth: u32) -> bool {
        use super::reader::Definition;
        if depth > 6 {
            return false;
        }
        match self.definition(symbol) {
            Definition::Import(import) => {
                let import = &self.unit.imports[import];
                DRIVERS.contains(&import.module.as_str())
                    || (import.local == "sql" && import.module.starts_with('.'))
            }
            Definition::Variable { declarator, .. } => {
                let Some(init) = &declarator.init else { return false };
                let root = match super::syntax::settled(init) {
                    Expression::NewExpression(new) => &new.callee,
                    other => as_call(other).map_or(other, |call| &call.callee),
                };
                let root = as_member(root).map_or(root, |member| member.object);
                match bare(root) {
                    Expression::Identifier(of) => {
                        self.symbol_of(of).is_some_and(|of| self.driver_made(of, depth + 1))
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }

    fn raw_call(&self, call: &'a CallExpression<'a>) -> Option<(Option<&'a Expression<'a>>, String, bool)> {
        let member = as_member(&call.callee)?;
        let name = member.name?;
        match name {
            "$queryRaw" | "$executeRaw" | "$queryRawUnsafe" | "$executeRawUnsafe" | "$queryRawTyped" => {
                Some((Some(member.object), name.to_string(), false))
            }
            "query" | "unsafe" => {
                let first = argument(&call.arguments, 0)?;
                let known = self.sql_text(first, 0);
                let object = bare(member.object);
                let driver = match object {
                    Expression::Identifier(of) => {
                        self.symbol_of(of).is_some_and(|of| self.driver_made(of, 0))
                    }
                    _ => false,
                };
                let receiver = self.cut(span(member.object), 80).to_ascii_lowercase();
                let named = ["pool", "client", "pg", "conn", "db", "database"]
                    .iter()
                    .any(|word| receiver.contains(word));
                match known {
                    Some(true) if driver || named || name == "query" => {}
                    None if driver => {}
                    _ => return None,
                }
                Some((Some(member.object), name.to_string(), true))
            }
            _ => None,
        }
    }

    /// Whether a text is SQL, where it is known.
    fn sql_text(&self, expression: &'a Expression<'a>, depth: u32) -> Option<bool> {
        if depth > 6 {
            return None;
        }
        match bare(expression) {
            Expression::StringLiteral(text) => Some(is_sql(&text.value)),
            Expression::TemplateLiteral(template) => {
                let first = template.quasis.first()?;
                Some(is_sql(&first.value.raw))
            }
            Expression::BinaryExpression(both) => self.sql_text(&both.left, depth + 1),
            Expression::ObjectExpression(object) => {
                let text = object
                    .properties
                    .iter()
                    .filter_map(|property| property.as_property())
                    .find(|property| super::syntax::key_name(&property.key).as_deref() == Some("text"))?;
                self.sql_text(&text.value, depth + 1)
            }
            Expression::Identifier(identifier) => match self.definition(self.symbol_of(identifier)?) {
                super::reader::Definition::Variable { declarator, steps, .. } if steps.is_empty() => {
                    self.sql_text(declarator.init.as_ref()?, depth + 1)
                }
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn fill_raw(&mut self, node: NodeId, index: usize) {
        // First the place, which makes its loops known: values name them.
        let site = self.site(node);
        let mut text = Text::default();
        let mut typed = None;
        let client;
        match self.nodes.kind(node) {
            AstKind::TaggedTemplateExpression(template) => {
                client = Some(as_member(&template.tag).map_or(&template.tag, |member| member.object));
                self.template(&template.quasi, &mut text, 0);
            }
            AstKind::CallExpression(call) => {
                client = as_member(&call.callee).map(|member| member.object);
                let first = argument(&call.arguments, 0);
                match self.unit.raw[index].method.as_str() {
                    "$queryRawTyped" => {
                        typed = first.map(|first| match as_call(first) {
                            Some(inner) => self.origin(&inner.callee),
                            None => self.origin(first),
                        });
                        if let Some(inner) = first.and_then(as_call) {
                            text.parameters(
                                self,
                                inner.arguments.iter().filter_map(|one| one.as_expression()),
                            );
                        }
                        text.unknown = true;
                    }
                    "$queryRaw" | "$executeRaw" => match first {
                        Some(first) => self.fragment(first, &mut text, 0),
                        None => text.unknown = true,
                    },
                    method => {
                        let unsafe_call = method.ends_with("Unsafe");
                        self.plain_call(call, unsafe_call, &mut text);
                    }
                }
            }
            _ => return,
        }
        let client = client.map_or(Origin::Unknown, |client| self.origin(client));
        let usage = self.usage(node);
        let (text, holes): (Option<String>, Vec<Hole>) = text.finish();
        let into = &mut self.unit.raw[index];
        into.client = client;
        into.site = site;
        into.usage = usage;
        into.text = text;
        into.holes = holes;
        into.typed = typed.filter(|origin| *origin != Origin::Unknown);
    }

    /// `$queryRawUnsafe(text, a, b)`, `pool.query(text, [a, b])`, `client.query({ text, values })`
    fn plain_call(&mut self, call: &'a CallExpression<'a>, spread_values: bool, text: &mut Text) {
        let Some(mut first) = argument(&call.arguments, 0) else {
            text.unknown = true;
            return;
        };
        let mut values = None;
        if let Expression::ObjectExpression(object) = bare(first) {
            for property in object.properties.iter().filter_map(|property| property.as_property()) {
                match super::syntax::key_name(&property.key).as_deref() {
                    Some("text") => first = &property.value,
                    Some("values") => values = Some(&property.value),
                    _ => {}
                }
            }
        }
        if spread_values {
            text.parameters(self, call.arguments.iter().skip(1).filter_map(|one| one.as_expression()));
        } else if let Some(list) = values.or_else(|| argument(&call.arguments, 1)) {
            match bare(list) {
                Expression::ArrayExpression(list) => {
                    text.parameters(self, list.elements.iter().filter_map(|one| one.as_expression()));
                }
                other => text.parameters(self, std::iter::once(other)),
            }
        }
        self.written(first, text, 0);
    }
}

/// Begins like a statement.
fn is_sql(text: &str) -> bool {
    let mut word = String::new();
    let body = text.trim_start_matches(|one: char| one.is_whitespace() || one == '(');
    // A comment may stand first.
    let body = match body.strip_prefix("--") {
        Some(rest) => rest.split_once('\n').map_or("", |(_, rest)| rest.trim_start()),
        None => body,
    };
    word.extend(body.chars().take_while(char::is_ascii_alphabetic).take(10));
    let follows = body[word.len()..].starts_with(|one: char| one.is_whitespace() || one == ';' || one == '*')
        || body.len() == word.len();
    let known = [
        "select", "insert", "update", "delete", "with", "begin", "commit", "rollback", "set", "create",
        "alter", "drop", "truncate", "lock", "values", "merge", "refresh", "vacuum", "analyze", "explain",
        "show", "listen", "notify", "call", "do", "copy",
    ];
    follows && known.contains(&word.to_ascii_lowercase().as_str())
}
