//! A file of SQL to statements. The parser is the judge of syntax; one statement at a time, so that an error
//! never costs more than the statement it is in.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pgsteward_model::migration::SyntaxError;
use pgsteward_model::source::Span;
use pgsteward_model::statement::Statement;
use squawk_syntax::SourceFile;

use crate::cursor::{Cursor, written_name};
use crate::scan::{self, Token};
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

/// Parentheses deeper than this are refused. The parser recurses some ten times per level, and PostgreSQL
/// itself gives up on deep expressions (`max_stack_depth`).
const DEEPEST_PARENTHESES: usize = 100;
/// Longest chain of operators, casts or keywords without a comma.
const LONGEST_CHAIN: usize = 1_500;

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
    let nesting = scan::nesting(tokens);
    if nesting.parentheses > DEEPEST_PARENTHESES || nesting.chain > LONGEST_CHAIN {
        errors.push(SyntaxError { span, message: "the statement is nested too deeply to be read".into() });
        return;
    }
    let statement = text.get(span.start..span.end).unwrap_or("");
    // The parser asserts that it makes progress. On text that breaks the assertion the statement is
    // unreadable, which is no reason to take the whole review down.
    let outcome = catch_unwind(AssertUnwindSafe(|| SourceFile::parse(statement).errors()));
    match outcome {
        Ok(found) => errors.extend(found.iter().map(|error| {
            let range = error.range();
            let start = span.start + usize::from(range.start());
            let end = span.start + usize::from(range.end());
            SyntaxError { span: Span::new(start, end), message: error.message().to_owned() }
        })),
        Err(_) => {
            errors.push(SyntaxError { span, message: "the parser gave up on this statement".into() });
        }
    }
}

fn fingerprint(text: &str, tokens: &[Token]) -> String {
    let parts: Vec<&str> = tokens.iter().map(|token| token.text(text)).collect();
    pgsteward_model::finding::fingerprint(&parts)
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
