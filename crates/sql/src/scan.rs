//! Text to tokens, tokens to statements. Knows where statements end; knows nothing of what they mean.

use std::ops::Range;

use squawk_lexer::{LiteralKind, TokenKind as Lexed, tokenize};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in double quotes.
    Quoted,
    /// A string constant of any form.
    String,
    Number,
    /// One character of punctuation or of an operator.
    Symbol(u8),
    /// `$1`, and bytes that no token begins with.
    Other,
}

/// A token that is neither white space nor comment; offsets are bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Token {
    pub(crate) fn text(self, source: &str) -> &str {
        source.get(self.start..self.end).unwrap_or("")
    }

    pub(crate) fn is_word(self, source: &str, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text(source).eq_ignore_ascii_case(word)
    }
}

pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut found = Vec::with_capacity(source.len() / 5);
    let mut start = 0;
    for token in tokenize(source) {
        let end = start + token.len as usize;
        let kind = match token.kind {
            Lexed::Whitespace | Lexed::LineComment | Lexed::BlockComment { .. } | Lexed::Eof => None,
            Lexed::Ident => Some(TokenKind::Word),
            Lexed::QuotedIdent { .. } => Some(TokenKind::Quoted),
            Lexed::Literal { kind: LiteralKind::Int { .. } | LiteralKind::Numeric { .. } } => {
                Some(TokenKind::Number)
            }
            Lexed::Literal { .. } => Some(TokenKind::String),
            Lexed::PositionalParam { .. } | Lexed::Unknown => Some(TokenKind::Other),
            _ => Some(TokenKind::Symbol(source.as_bytes().get(start).copied().unwrap_or(b' '))),
        };
        if let Some(kind) = kind {
            found.push(Token { kind, start, end });
        }
        start = end;
    }
    found
}

/// Ranges of tokens, one per statement, without the semicolons. Empty statements are left out.
///
/// A semicolon ends a statement unless it stands in the body of a `BEGIN ATOMIC` routine or in the
/// parentheses of `CREATE RULE`. Elsewhere it ends the statement even inside open parentheses: no valid
/// statement has one there, and an unclosed parenthesis must not swallow the rest of the file.
pub(crate) fn statements(source: &str, tokens: &[Token]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let end = statement_end(source, tokens, at);
        if end > at {
            found.push(at..end);
        }
        at = end + 1;
    }
    found
}

fn statement_end(source: &str, tokens: &[Token], start: usize) -> usize {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is_word(source, word));
    let mut second = start + 1;
    if is(start, "create") && is(second, "or") && is(second + 1, "replace") {
        second += 2;
    }
    let rule = is(start, "create") && is(second, "rule");
    let routine = is(start, "create") && (is(second, "function") || is(second, "procedure"));
    let mut parentheses = 0usize;
    let mut blocks = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.kind {
            TokenKind::Symbol(b'(') if rule => parentheses += 1,
            TokenKind::Symbol(b')') if rule => parentheses = parentheses.saturating_sub(1),
            TokenKind::Symbol(b';') if parentheses == 0 && blocks == 0 => return at,
            TokenKind::Word if routine => {
                let opens = (is(at, "begin") && is(at + 1, "atomic")) || (blocks > 0 && is(at, "case"));
                if opens {
                    blocks += 1;
                } else if blocks > 0 && is(at, "end") {
                    blocks -= 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// How deep the parser may have to go for a statement: an upper bound of the height of its tree.
///
/// A chain (`a AND b AND c`, `NOT NOT x`, `a.b.c`) nests by its length and parentheses nest by their depth;
/// a comma starts a new chain, and so does a semicolon in the body of a routine.
pub(crate) fn nesting(tokens: &[Token]) -> Nesting {
    let mut open: Vec<usize> = Vec::new();
    let mut chain = 0usize;
    let mut outer = 0usize;
    let mut deepest = Nesting { parentheses: 0, chain: 0 };
    for token in tokens {
        match token.kind {
            TokenKind::Symbol(b'(' | b'[') => {
                open.push(chain);
                outer += chain;
                chain = 0;
                deepest.parentheses = deepest.parentheses.max(open.len());
            }
            TokenKind::Symbol(b')' | b']') => {
                if let Some(before) = open.pop() {
                    outer -= before;
                    // Subscripts make a chain too: `x[1][1][1]`.
                    chain = before + 1;
                }
            }
            TokenKind::Symbol(b',' | b';') => chain = 0,
            _ => chain += 1,
        }
        deepest.chain = deepest.chain.max(outer + chain);
    }
    deepest
}

pub(crate) struct Nesting {
    pub(crate) parentheses: usize,
    /// Tokens that may nest in one another.
    pub(crate) chain: usize,
}
