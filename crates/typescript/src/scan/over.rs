//! What loops go through: lists that are written out, rows, pages, portions, ancestors.

use oxc_ast::AstKind;
use oxc_ast::ast::{ArrayExpressionElement, Expression, ForStatement, ForStatementInit};
use oxc_syntax::node::NodeId;
use oxc_syntax::operator::AssignmentOperator;
use pgsteward_model::code::{Over, Source};
use pgsteward_model::source::Span;

use super::loops::iterated;
use super::reader::Reader;
use super::syntax::{argument, as_call, as_member, bare, settled, span};

impl<'a> Reader<'_, 'a> {
    pub(super) fn over(&mut self, node: NodeId) -> Over {
        match self.nodes.kind(node) {
            AstKind::ForStatement(each) => self.over_counter(each),
            AstKind::ForOfStatement(each) => self.over_list(&each.right, 0),
            AstKind::ForInStatement(each) => self.over_list(&each.right, 0),
            AstKind::WhileStatement(each) => self.over_condition(span(&each.body), span(&each.test)),
            AstKind::DoWhileStatement(each) => self.over_condition(span(&each.body), span(&each.test)),
            AstKind::CallExpression(call) => match iterated(call) {
                Some(over) => self.over_list(over, 0),
                None => Over::Unknown,
            },
            _ => Over::Unknown,
        }
    }

    fn over_counter(&mut self, each: &'a ForStatement<'a>) -> Over {
        let mut name = String::new();
        if let Some(ForStatementInit::VariableDeclaration(declaration)) = &each.init
            && let Some(first) = declaration.declarations.first()
        {
            name = self.cut(span(&first.id), 40).to_ascii_lowercase();
        }
        if retry_name(&name) {
            return Over::Retry;
        }
        let steps_wide = match each.update.as_ref().map(bare) {
            Some(Expression::AssignmentExpression(update)) => {
                update.operator == AssignmentOperator::Addition
                    && !matches!(bare(&update.right), Expression::NumericLiteral(one) if one.value == 1.0)
            }
            _ => false,
        };
        if steps_wide {
            return Over::Chunks;
        }
        match each.test.as_ref().map(bare) {
            Some(Expression::BinaryExpression(test)) => {
                let limit = bare(&test.right);
                if let Expression::NumericLiteral(number) = limit {
                    return Over::Constant(Some(number.value.clamp(0.0, 1e9) as usize));
                }
                if let Some(member) = as_member(limit)
                    && member.name == Some("length")
                {
                    return self.over_list(member.object, 0);
                }
                if let Expression::Identifier(identifier) = limit {
                    if constant_name(identifier.name.as_str()) {
                        return Over::Constant(None);
                    }
                    let sources = self.sources(limit);
                    if sources == [Source::Constant] {
                        return Over::Constant(None);
                    }
                    if retry_name(&identifier.name.as_str().to_ascii_lowercase()) {
                        return Over::Retry;
                    }
                    if let [Source::Parameter { index }] = sources.as_slice() {
                        return Over::Parameter(*index);
                    }
                }
                Over::Unknown
            }
            _ => self.over_condition(span(&each.body), span(each)),
        }
    }

    fn over_list(&mut self, list: &'a Expression<'a>, depth: u32) -> Over {
        if depth > 12 {
            return Over::Unknown;
        }
        let inner = settled(list);
        if let Expression::ArrayExpression(elements) = inner {
            let spreads: Vec<_> = elements
                .elements
                .iter()
                .filter_map(|element| match element {
                    ArrayExpressionElement::SpreadElement(spread) => Some(&spread.argument),
                    _ => None,
                })
                .collect();
            // `[FIRST, ...OTHERS]`, all of which the program has written.
            let mut count = Some(elements.elements.len() - spreads.len());
            let mut written = true;
            for spread in spreads {
                match self.over_list(spread, depth + 1) {
                    Over::Constant(more) => count = count.zip(more).map(|(count, more)| count + more),
                    _ => written = false,
                }
            }
            if written {
                return Over::Constant(count);
            }
        }
        let text = self.cut(span(inner), 200).to_ascii_lowercase();
        if let Some(call) = as_call(inner) {
            let callee = self.cut(span(&call.callee), 80);
            let last = callee.rsplit('.').next().unwrap_or(&callee).to_ascii_lowercase();
            if ["chunk", "batch", "partition", "spliteve", "portion", "ingroups"]
                .iter()
                .any(|word| last.contains(word))
            {
                return Over::Chunks;
            }
            if let Some(member) = as_member(&call.callee) {
                match (self.cut(span(member.object), 40).as_str(), member.name) {
                    ("Object", Some("keys" | "values" | "entries"))
                    | ("Array", Some("from"))
                    | ("Promise", Some("all" | "allSettled")) => {
                        if let Some(first) = argument(&call.arguments, 0) {
                            return self.over_list(first, depth + 1);
                        }
                    }
                    (
                        _,
                        Some(
                            "slice" | "filter" | "map" | "sort" | "reverse" | "entries" | "values" | "keys"
                            | "toSorted" | "flatMap" | "concat" | "flat",
                        ),
                    ) => {
                        return self.over_list(member.object, depth + 1);
                    }
                    (_, Some("fill")) => return Over::Constant(None),
                    _ => {}
                }
            }
        }
        if let Expression::NewExpression(new) = inner
            && let Some(first) = argument(&new.arguments, 0)
        {
            return self.over_list(first, depth + 1);
        }
        if let Expression::ObjectExpression(object) = inner {
            // `Array.from({ length: 3 })`
            for property in object.properties.iter().filter_map(|property| property.as_property()) {
                if super::syntax::key_name(&property.key).as_deref() == Some("length") {
                    return match bare(&property.value) {
                        Expression::NumericLiteral(number) => {
                            Over::Constant(Some(number.value.clamp(0.0, 1e9) as usize))
                        }
                        _ => Over::Unknown,
                    };
                }
            }
            return Over::Constant(Some(object.properties.len()));
        }
        if let Expression::LogicalExpression(both) = inner {
            return self.over_list(&both.left, depth + 1);
        }
        if let Expression::Identifier(identifier) = inner {
            if let Some(symbol) = self.symbol_of(identifier) {
                match self.definition(symbol) {
                    super::reader::Definition::Variable { declarator, steps, .. } if steps.is_empty() => {
                        if let Some(init) = &declarator.init {
                            let mutated = self.scoping.symbol_is_mutated(symbol);
                            if matches!(settled(init), Expression::ArrayExpression(list) if list.elements.is_empty())
                            {
                                // Filled later.
                                return if text.contains("chunk") || text.contains("batch") {
                                    Over::Chunks
                                } else {
                                    Over::Unknown
                                };
                            }
                            if !mutated {
                                return self.over_list(init, depth + 1);
                            }
                        }
                    }
                    super::reader::Definition::Enum => return Over::Constant(None),
                    // A list that another file exports is written out there.
                    super::reader::Definition::Import(_) => return Over::Constant(None),
                    _ => {}
                }
            }
            if text.contains("chunk") || text.contains("batches") {
                return Over::Chunks;
            }
        }
        let sources = self.sources(inner);
        for source in &sources {
            if let Source::Result { call, .. } = source {
                return Over::Rows(*call);
            }
        }
        match sources.as_slice() {
            [Source::Parameter { index }] => Over::Parameter(*index),
            _ => Over::Unknown,
        }
    }

    /// `while`, `for (;;)`: by what the body does.
    fn over_condition(&mut self, body: Span, test: Span) -> Over {
        let head = self.head(test).to_ascii_lowercase();
        let text = self.head(body);
        if retry_name(&head) || head.contains("attempt") || head.contains("retries") {
            return Over::Retry;
        }
        let pages = ["cursor", "hasmore", "hasnext", "page", "offset", "lastid", "nextpage", "after"];
        let reads_pages = text.contains("take:")
            || text.contains("take,")
            || text.contains("cursor")
            || text.contains("LIMIT")
            || text.contains("limit");
        if self.climbs(body) {
            return Over::Ancestors;
        }
        if reads_pages
            || pages.iter().any(|word| head.contains(word))
            || text.contains("break") && text.contains(".length")
        {
            return Over::Pages;
        }
        if text.contains("catch")
            && (text.contains("return") || text.contains("break"))
            && head.contains("true")
        {
            return Over::Retry;
        }
        Over::Unknown
    }

    /// A variable that the query in the body reads is replaced by what that query returns.
    fn climbs(&self, body: Span) -> bool {
        for call in self.unit.calls.iter() {
            let place = call.site.at.span;
            if !body.contains(place)
                || !call.operation.by_unique_key()
                    && call.operation.name() != "findFirst"
                    && call.operation.name() != "findUniqueOrThrow"
                    && call.operation.name() != "findFirstOrThrow"
            {
                continue;
            }
            let text = self.head(place);
            let argument = text.split_once('(').map_or("", |(_, argument)| argument).to_ascii_lowercase();
            let named = UPWARDS.iter().any(|word| argument.contains(word)) || argument.contains("current");
            if named && steps_up(&self.head(body).to_ascii_lowercase(), &argument) {
                return true;
            }
        }
        false
    }
}

fn retry_name(name: &str) -> bool {
    ["attempt", "retry", "retries", "tries"].iter().any(|word| name.contains(word))
}

fn constant_name(name: &str) -> bool {
    name.len() > 1 && name.chars().all(|one| one.is_ascii_uppercase() || one.is_ascii_digit() || one == '_')
}

/// What leads from a row to the one above it.
const UPWARDS: [&str; 3] = ["parent", "ancestor", "next"];

/// A name that the query's argument has is given, in the body, something of the row above: `current = row.parentId`.
fn steps_up(body: &str, argument: &str) -> bool {
    const NEAR: usize = 200;
    let is_of_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$');
    let mut words = argument.split(|letter: char| !is_of_word(letter)).filter(|word| !word.is_empty());
    words.any(|word| {
        body.match_indices(word).any(|(at, _)| {
            let alone =
                !body[..at].chars().next_back().is_some_and(|letter| is_of_word(letter) || letter == '.');
            let rest = body[at + word.len()..].trim_start();
            let given = rest.strip_prefix('=').filter(|rest| !rest.starts_with(['=', '>']));
            alone
                && given.is_some_and(|given| {
                    let near: String = given.chars().take(NEAR).collect();
                    let near = near.split(';').next().unwrap_or("");
                    UPWARDS.iter().any(|word| near.contains(word))
                })
        })
    })
}
