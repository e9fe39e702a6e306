//! A file of SQL to statements. The parser is the judge of syntax; one statement at a time, so that an error
//! never costs more than the statement it is in.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pgsteward_model::migration::SyntaxError;
use pgsteward_model::source::Span;
use pgsteward_model::statement::Statement;
use squawk_syntax::SourceFile;

use crate::cursor::{Cursor, written_name};
use crate::scan::{self, Token, TokenKind};
use crate::{lower, naming};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParsedFile {
    pub statements: Vec<ParsedStatement>,
    /// In the order of the text. A statement with an error is [`Statement::Unparsed`].
    pub errors: Vec<SyntaxError>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ParsedStatement {
    /// From the first token of the statement, so without leading comments, up to its semicolon.
    pub span: Span,
    pub statement: Statement,
    /// 16 hexadecimal digits over the tokens; white space and comments do not count.
    pub fingerprint: String,
}

/// Parentheses deeper than this are refused. PostgreSQL itself gives up on deep expressions
/// (`max_stack_depth`).
const DEEPEST_PARENTHESES: usize = 200;
/// Longest chain of operators, casts or keywords without a comma that is read.
const LONGEST_CHAIN: usize = 8_000;
/// The parser recurses by parentheses and by chains. Up to this nesting every thread's stack is large enough;
/// beyond it the statement is read on a thread that has [`DEEP_STACK`].
const SHALLOW: scan::Nesting = scan::Nesting { parentheses: 16, chain: 120 };
/// Bytes of stack, measured for the limits above without optimisation and doubled.
const DEEP_STACK: usize = 256 << 20;

/// Reads a file. Never fails: what is no SQL comes back as [`Statement::Unparsed`] with an error.
pub fn parse(text: &str) -> ParsedFile {
    let tokens = scan::tokens(text);
    let mut file = ParsedFile::default();
    for range in scan::statements(text, &tokens) {
        let tokens = &tokens[range];
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { continue };
        let span = Span::new(first.start, last.end);
        let before = file.errors.len();
        check(text, tokens, span, &mut file.errors);
        let statement = if file.errors.len() > before {
            Statement::Unparsed
        } else {
            lower::statement(Cursor::new(text, tokens))
        };
        file.statements.push(ParsedStatement { span, statement, fingerprint: fingerprint(text, tokens) });
    }
    file
}

fn check(text: &str, tokens: &[Token], span: Span, errors: &mut Vec<SyntaxError>) {
    let nesting = nesting(text, tokens);
    if nesting.parentheses > DEEPEST_PARENTHESES || nesting.chain > LONGEST_CHAIN {
        errors.push(SyntaxError { span, message: "the statement is nested too deeply to be read".into() });
        return;
    }
    let statement = text.get(span.start..span.end).unwrap_or("");
    let found = if nesting.parentheses <= SHALLOW.parentheses && nesting.chain <= SHALLOW.chain {
        syntax_errors(statement)
    } else {
        std::thread::scope(|scope| {
            let reader = std::thread::Builder::new().stack_size(DEEP_STACK);
            let reader = reader.spawn_scoped(scope, || syntax_errors(statement)).ok()?;
            reader.join().ok()?
        })
    };
    match found {
        Some(found) => errors.extend(found.into_iter().map(|error| SyntaxError {
            span: Span::new(span.start + error.span.start, span.start + error.span.end),
            ..error
        })),
        None => errors.push(SyntaxError { span, message: "the parser gave up on this statement".into() }),
    }
}

/// The nesting of a statement. The parser reads the bodies of SQL functions too, so these count.
fn nesting(text: &str, tokens: &[Token]) -> scan::Nesting {
    let mut deepest = scan::nesting(tokens);
    let creates = tokens.first().is_some_and(|token| token.is_word(text, "create"));
    let routine = |token: &Token| token.is_word(text, "function") || token.is_word(text, "procedure");
    if creates && tokens.iter().take(4).any(routine) {
        for body in tokens.iter().filter(|token| token.kind == TokenKind::String) {
            // Quotes are no brackets, so the body may be looked at with its quotes cut off on the left only.
            let body = body.text(text).trim_start_matches(['\'', 'e', 'E']);
            let body = match body.strip_prefix('$').and_then(|body| body.split_once('$')) {
                Some((_, body)) => body,
                None => body,
            };
            let inner = scan::nesting(&scan::tokens(body));
            deepest.parentheses = deepest.parentheses.max(inner.parentheses);
            deepest.chain = deepest.chain.max(inner.chain);
        }
    }
    deepest
}

/// Asks the parser. It asserts that it makes progress; on text that breaks the assertion the statement is
/// unreadable (none), which is no reason to take the whole review down.
fn syntax_errors(statement: &str) -> Option<Vec<SyntaxError>> {
    let found = catch_unwind(AssertUnwindSafe(|| SourceFile::parse(statement).errors())).ok()?;
    let error = |error: &squawk_syntax::syntax_error::SyntaxError| {
        let range = error.range();
        // A range may reach over the end where the text ends too early.
        let end = usize::from(range.end()).min(statement.len());
        SyntaxError {
            span: Span::new(usize::from(range.start()).min(end), end),
            message: error.message().to_owned(),
        }
    };
    Some(found.iter().map(error).collect())
}

fn fingerprint(text: &str, tokens: &[Token]) -> String {
    let parts: Vec<&str> = tokens.iter().map(|token| token.text(text)).collect();
    pgsteward_model::finding::fingerprint(&parts)
}

/// The names and keywords of a text as PostgreSQL takes them: folded where they are not quoted, and cut. What stands in
/// constants and comments is none.
pub fn names_in(text: &str) -> Vec<String> {
    let names = scan::tokens(text).into_iter().filter_map(|token| written_name(text, token));
    names.map(|name| naming::clip(&name).to_owned()).collect()
}

/// Names that are longer than the 63 bytes which PostgreSQL keeps, with where they stand. Statements carry
/// the cut names, since these are what the catalog will hold.
pub fn long_identifiers(text: &str) -> Vec<(Span, String)> {
    scan::tokens(text)
        .into_iter()
        .filter(|token| token.end - token.start > naming::LONGEST)
        .filter_map(|token| {
            let name = written_name(text, token).filter(|name| name.len() > naming::LONGEST)?;
            Some((Span::new(token.start, token.end), name))
        })
        .collect()
}
